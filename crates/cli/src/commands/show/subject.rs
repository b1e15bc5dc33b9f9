//! One container and what it resolves to on each runtime asked for.

use caps::{CapSet, Capability, FileCaps};
use check::Exposure;
use image::Images;
use manifest::{Container, Manifest, Position, Span, Workload};
use resolve::Resolved;
use runtime::{Reason, Resolution, Runtime, Void, Word};

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

impl<'a> Subject<'a> {
    /// Resolves it, with what the entrypoint's file carries, if that is known.
    pub fn new(
        manifest: &'a Manifest,
        workload: &'a Workload,
        container: &'a Container,
        runtimes: &[Runtime],
        images: &Images,
        carried: Option<FileCaps>,
    ) -> Self {
        let pod = &workload.pod;
        let name = container.image.as_ref().map(|image| image.value.as_str());
        let image = name.and_then(|name| images.get(name));
        let resolve = |runtime| {
            let answer = resolve::container_of_image(pod, container, runtime, image);
            match carried {
                Some(caps) => answer.carrying(caps),
                None => answer,
            }
        };
        let answers = runtimes.iter().map(resolve).collect();
        let exposure = Exposure::of(pod, container);
        Self { manifest, workload, container, exposure, answers }
    }

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
