//! Where something is in the file as the command leaves it: what was written, or what still stands there.

use std::cell::OnceCell;

use check::Repaired;
use check::render::text;
use manifest::{Container, ContainerId, Manifest, Refused, Span};
use similar::{DiffOp, DiffTag, TextDiff};

/// The places of one manifest.
pub(super) struct Places<'a> {
    manifest: &'a Manifest,
    repaired: &'a Repaired,
    /// Whether the text after the edits is written.
    pub(super) writes: bool,
    /// What makes the lines after the edits of those before.
    lines: OnceCell<Vec<DiffOp>>,
}

impl<'a> Places<'a> {
    pub(super) fn new(manifest: &'a Manifest, repaired: &'a Repaired, writes: bool) -> Self {
        Self { manifest, repaired, writes, lines: OnceCell::new() }
    }

    fn container(&self, id: ContainerId) -> &Container {
        // Edits change neither the containers nor their order.
        let there = if self.writes { &self.repaired.manifest } else { self.manifest };
        &there.workloads[id.workload].pod.containers[id.container]
    }

    /// A container with its place, as a person calls it: one of an OCI bundle has no name.
    pub(super) fn called(&self, id: ContainerId) -> String {
        let container = self.container(id);
        let there = if self.writes { &self.repaired.source } else { &self.manifest.source };
        format!(
            "{}: {}",
            there.locate(container.name_span),
            called(&container.name, container.index)
        )
    }

    /// A place of the text after the edits.
    pub(super) fn of(&self, span: Span) -> String {
        match self.writes {
            true => self.repaired.source.locate(span),
            false => self.before(span.start),
        }
    }

    /// Why a container could not be edited.
    pub(super) fn why(&self, refused: &Refused) -> String {
        refused.message_with(&self.repaired.manifest, &|span| self.of(span))
    }

    /// Where a place of the text that would be written is in the one that is there: FILE:LINE:COLUMN, or
    /// FILE:LINE where the line would change.
    fn before(&self, offset: usize) -> String {
        let (was, is) = (self.manifest.source.text(), self.repaired.source.text());
        let place = self.repaired.source.position(offset);
        let lines = self.lines.get_or_init(|| TextDiff::from_lines(was, is).ops().to_vec());
        let at = place.line - 1;
        let near = lines.iter().find(|op| op.new_range().contains(&at));
        let name = self.manifest.source.shown_name();
        match near {
            Some(op) if op.tag() == DiffTag::Equal => {
                let line = op.old_range().start + (at - op.new_range().start) + 1;
                format!("{name}:{line}:{}", place.column)
            }
            Some(op) => format!("{name}:{}", op.old_range().start + 1),
            None => name.into_owned(),
        }
    }
}

/// A container as a person calls it: one of an OCI bundle has no name.
pub(super) fn called(name: &str, index: usize) -> String {
    match name {
        "" => format!("container {index}"),
        name => format!("container `{}`", text::clean(name)),
    }
}
