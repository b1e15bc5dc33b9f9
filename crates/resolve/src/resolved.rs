//! One container, resolved for one runtime.

use caps::FileCaps;
use image::Image;
use manifest::{Container, Pod, Span};
use runtime::{List, Reason, Refusal, Request, Resolution, Runtime, SpecSet, Word};

use crate::context::Context;
use crate::from_image::FromImage;
use crate::network::{LowPorts, Ping};
use crate::objection::{Objection, objections};

/// One container, resolved for one runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// For which runtime.
    pub runtime: Runtime,
    /// The security context in effect.
    pub context: Context,
    /// What the runtime is asked for.
    pub request: Request,
    /// What comes of it.
    pub outcome: Outcome,
    /// Why Kubernetes would not let it start. The outcome is worked out all the same: it is what
    /// the author asks for.
    pub objections: Vec<Objection>,
    /// Whether low ports need a capability at all.
    pub low_ports: LowPorts,
    /// Whether ping needs a capability at all.
    pub ping: Ping,
}

/// What comes of a container's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It starts, with these sets.
    Starts(Resolution),
    /// The runtime does not start it.
    Refused(Refusal),
    /// A Windows container: there are no capabilities.
    Windows,
}

impl Outcome {
    fn of(runtime: &Runtime, request: &Request) -> Self {
        match runtime::resolve(runtime, request) {
            Ok(resolution) => Outcome::Starts(resolution),
            Err(refusal) => Outcome::Refused(refusal),
        }
    }

    /// The sets, if it starts.
    #[must_use]
    pub fn resolution(&self) -> Option<&Resolution> {
        match self {
            Outcome::Starts(resolution) => Some(resolution),
            Outcome::Refused(_) | Outcome::Windows => None,
        }
    }
}

/// Resolves `container` of `pod` for `runtime`; nothing is known of its image.
#[must_use]
pub fn container(pod: &Pod, container: &Container, runtime: &Runtime) -> Resolved {
    container_of_image(pod, container, runtime, None)
}

/// The same, with what its image says.
#[must_use]
pub fn container_of_image(
    pod: &Pod,
    container: &Container,
    runtime: &Runtime,
    image: Option<&Image>,
) -> Resolved {
    let known = image.and_then(|image| FromImage::of(pod, container, image));
    let context = Context::of(pod, container).with(known);
    let request = context.request(container);
    let outcome =
        if context.windows.is_some() { Outcome::Windows } else { Outcome::of(runtime, &request) };
    Resolved {
        objections: objections(pod, container, &context),
        low_ports: LowPorts::of(pod, &context, runtime),
        ping: Ping::of(pod, &context, runtime),
        runtime: runtime.clone(),
        context,
        request,
        outcome,
    }
}

impl Resolved {
    /// The same for an image whose entrypoint's file carries these capabilities.
    #[must_use]
    pub fn carrying(self, caps: FileCaps) -> Self {
        let request = Request { entrypoint: Some(caps), ..self.request };
        let outcome = match self.outcome {
            Outcome::Windows => Outcome::Windows,
            _ => Outcome::of(&self.runtime, &request),
        };
        Self { request, outcome, ..self }
    }

    /// Where the manifest says what `reason` says; `None` where nothing is written, as for a
    /// default. `container` is the one this was resolved from.
    #[must_use]
    pub fn span(&self, reason: &Reason, container: &Container) -> Option<Span> {
        match reason {
            Reason::Privileged => self.context.privileged.map(|privileged| privileged.span),
            Reason::LostNonRoot | Reason::Ambient { .. } => self.context.user_span(),
            _ => word_span(reason.word()?, container),
        }
    }
}

/// Where the name of an OCI configuration's set at this index is written.
#[must_use]
pub fn set_span(set: SpecSet, index: usize, container: &Container) -> Option<Span> {
    let Some(sets) = &container.sets else { return None };
    let item = match set {
        SpecSet::Bounding => container.security.add().nth(index),
        SpecSet::Effective => sets.effective.get(index),
        SpecSet::Permitted => sets.permitted.get(index),
        SpecSet::Inheritable => sets.inheritable.get(index),
        SpecSet::Ambient => sets.ambient.get(index),
    };
    item.map(|item| item.span)
}

/// Where `word` is written; `container` is the one it came from.
#[must_use]
pub fn word_span(word: &Word, container: &Container) -> Option<Span> {
    let item = match word.list {
        List::Add => container.security.add().nth(word.index),
        List::Drop => container.security.drop().nth(word.index),
    };
    item.map(|item| item.span)
}
