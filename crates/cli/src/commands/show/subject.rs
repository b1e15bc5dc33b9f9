//! One container and what it resolves to on each runtime asked for.
//!
//! What it resolves to holds a reason for each capability, which is far more than the container itself:
//! so it is worked out when the container is printed, and forgotten then.

use caps::{CapSet, Capability, FileCaps};
use check::Exposure;
use image::Images;
use manifest::{Container, Format, Manifest, Position, Span, Workload};
use resolve::Resolved;
use runtime::{Reason, Resolution, Runtime, Void, Word};

/// A container as it stands in a manifest.
#[derive(Clone, Copy)]
pub struct Found<'a> {
    pub manifest: &'a Manifest,
    pub workload: &'a Workload,
    pub container: &'a Container,
}

/// What containers are resolved for.
pub struct Resolver {
    /// The runtimes asked for.
    pub runtimes: Vec<Runtime>,
    /// Those for Compose files.
    pub compose: Vec<Runtime>,
    /// What is known of images.
    pub images: Images,
    /// What the entrypoint's file carries, if that is known.
    pub carried: Option<FileCaps>,
}

impl Resolver {
    /// Resolves one.
    pub fn resolve<'a>(&self, found: &Found<'a>) -> Subject<'a> {
        let Found { manifest, workload, container } = *found;
        let pod = &workload.pod;
        let name = container.image.as_ref().map(|image| image.value.as_str());
        let image = name.and_then(|name| self.images.get(name));
        let resolve = |runtime| {
            let answer = resolve::container_of_image(pod, container, runtime, image);
            match self.carried {
                Some(caps) => answer.carrying(caps),
                None => answer,
            }
        };
        let runtimes = if pod.format == Format::Compose { &self.compose } else { &self.runtimes };
        let answers = runtimes.iter().map(resolve).collect();
        let exposure = Exposure::of(pod, container);
        Subject { manifest, workload, container, exposure, answers }
    }
}

/// One container.
pub struct Subject<'a> {
    pub manifest: &'a Manifest,
    pub workload: &'a Workload,
    pub container: &'a Container,
    /// What around it makes a capability worse.
    pub exposure: Exposure,
    /// One answer a runtime, in the order asked for; never empty.
    pub answers: Vec<Resolved>,
}

impl Subject<'_> {
    /// Line and column of a span.
    pub fn position(&self, span: Span) -> Position {
        self.manifest.source.position(span.start)
    }

    /// The line that decided, if one did.
    pub fn line(&self, answer: &Resolved, reason: &Reason) -> Option<usize> {
        answer.span(reason, self.container).map(|span| self.position(span).line)
    }

    /// The line of a word.
    pub fn word_line(&self, word: &Word) -> Option<usize> {
        resolve::word_span(word, self.container).map(|span| self.position(span).line)
    }

    /// Where a name of an OCI configuration's sets is written that has no effect there.
    pub fn set_span(&self, void: &Void) -> Option<Span> {
        let (set, index) = *void.places.first()?;
        resolve::set_span(set, index, self.container)
    }

    /// The line of that.
    pub fn set_line(&self, void: &Void) -> Option<usize> {
        self.set_span(void).map(|span| self.position(span).line)
    }

    /// What the process holds, or a program in the container could, whoever the user is.
    pub fn could_hold(&self, resolution: &Resolution) -> CapSet {
        resolution.sets().fold(CapSet::EMPTY, |all, sets| {
            all | sets.process.permitted | sets.process.effective | sets.regainable
        })
    }

    /// Whether the container holds `capability` on one of the runtimes, or a program in it could.
    pub fn may_hold(&self, capability: Capability) -> bool {
        let mut resolutions = self.answers.iter().filter_map(|a| a.outcome.resolution());
        resolutions.any(|resolution| self.could_hold(resolution).contains(capability))
    }
}
