//! Where things are in the text that a person has when the run is over: the new one if it was written, else
//! the one that is there.

use check::Repaired;
use manifest::{Container, ContainerId, Manifest, Refused, Span};

/// The text that is there, and what it came to.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    manifest: &'a Manifest,
    repaired: &'a Repaired,
    writes: bool,
}

impl<'a> Places<'a> {
    pub(super) const fn new(manifest: &'a Manifest, repaired: &'a Repaired, writes: bool) -> Self {
        Self { manifest, repaired, writes }
    }

    /// A container; edits move it and never change what it is called.
    pub(super) fn container(&self, id: ContainerId) -> (String, &'a Container) {
        let manifest = if self.writes { &self.repaired.manifest } else { self.manifest };
        let container = &manifest.workloads[id.workload].pod.containers[id.container];
        (manifest.source.locate(container.name_span), container)
    }

    /// Of a place of the text that it came to.
    pub(super) fn of(&self, span: Span) -> String {
        match self.writes {
            true => self.repaired.source.locate(span),
            false => self.before(span.start),
        }
    }

    /// Why a container of the text that it came to is not edited.
    pub(super) fn why(&self, refused: &Refused) -> String {
        refused.message_at(&self.repaired.manifest, &|span| self.of(span))
    }

    /// Where a place of the text that would be written is in the one that is there: FILE:LINE:COLUMN, or
    /// FILE:LINE where the line would change.
    fn before(&self, offset: usize) -> String {
        let place = self.repaired.source.position(offset);
        let (was, is) = (self.manifest.source.text(), self.repaired.source.text());
        let lines = similar::TextDiff::from_lines(was, is);
        let at = place.line - 1;
        let near = lines.ops().iter().find(|op| op.new_range().contains(&at));
        let name = self.manifest.source.shown_name();
        match near {
            Some(op) if op.tag() == similar::DiffTag::Equal => {
                let line = op.old_range().start + (at - op.new_range().start) + 1;
                format!("{name}:{line}:{}", place.column)
            }
            Some(op) => format!("{name}:{}", op.old_range().start + 1),
            None => name.into_owned(),
        }
    }
}
