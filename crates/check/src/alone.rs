//! What `fix` would write for one finding alone, as replacements of the text.

use manifest::{ContainerId, Edit, Manifest, Replacement, Span};
use runtime::Request;

use crate::absorb;
use crate::checked::Checked;
use crate::finding::Finding;
use crate::fix::Change;

/// So many bytes are read again for the findings of one document; beyond, its findings are told
/// without replacements.
const MOST: usize = 64 << 20;

/// Works out replacements, finding by finding in the order of the text.
#[derive(Debug)]
pub struct Alone<'m> {
    manifest: &'m Manifest,
    /// Whether the file has an error, so that nothing of it is edited.
    broken: bool,
    part: Option<Part>,
    read: usize,
}

/// A document by itself: no edit of another one matters to it.
#[derive(Debug)]
struct Part {
    document: usize,
    /// Its own text, or that of the whole file.
    manifest: Manifest,
    /// Where it begins in the file.
    start: usize,
    /// Its first workload in the file.
    first: usize,
}

impl<'m> Alone<'m> {
    /// For the findings of this manifest.
    #[must_use]
    pub fn new(manifest: &'m Manifest) -> Self {
        Self { manifest, broken: manifest.errors().next().is_some(), part: None, read: 0 }
    }

    /// The replacements for a finding of `checked`; `None` if it has no edit that `fix` would make.
    ///
    /// # Errors
    /// Why its edit cannot be written.
    pub fn replacements(
        &mut self,
        checked: &Checked,
        finding: &Finding,
    ) -> Option<Result<Vec<Replacement>, String>> {
        let fix = finding.remedy.fix().filter(|_| finding.standing.is_open())?;
        let id = checked.containers.get(finding.container?)?.id;
        let workload = self.manifest.workloads.get(id.workload)?;
        let change = absorb::leaving(&fix.change, workload, finding, &checked.findings);
        Some(self.of(id, &change))
    }

    fn of(&mut self, id: ContainerId, change: &Change) -> Result<Vec<Replacement>, String> {
        if self.broken {
            return Err("the file has an error, and is not edited until that is mended".to_owned());
        }
        let workload = self.manifest.workloads.get(id.workload).ok_or("no such container")?;
        let document = workload.document;
        if self.part.as_ref().is_none_or(|part| part.document != document) {
            self.part = Some(self.part(document));
            self.read = 0;
        }
        let Some(Part { manifest, start, first, .. }) = &self.part else { return Ok(Vec::new()) };
        self.read += manifest.source.text().len();
        if self.read > MOST {
            return Err("the document is too long for so many edits to be told apart".to_owned());
        }
        let id = ContainerId { workload: id.workload - first, ..id };
        let mut edited = manifest::apply(manifest, &edits(manifest, id, change));
        if let Some(refused) = edited.refused.pop() {
            return Err(refused.reason.to_string());
        }
        for Replacement { span, .. } in &mut edited.replacements {
            *span = Span { start: span.start + start, end: span.end + start };
        }
        Ok(edited.replacements)
    }

    /// A document as a text of its own where it reads the same, else the whole file.
    fn part(&self, document: usize) -> Part {
        let whole = || Part { document, manifest: self.manifest.clone(), start: 0, first: 0 };
        let (manifest, text) = (self.manifest, self.manifest.source.text());
        if manifest.documents.len() < 2 {
            return whole();
        }
        let begin = |at: usize| {
            let span = manifest.documents.get(at).map(|document| document.span);
            span.map_or(text.len(), |span| text[..span.start].rfind('\n').map_or(0, |n| n + 1))
        };
        let start = if document == 0 { 0 } else { begin(document) };
        let Some(own) = text.get(start..begin(document + 1)) else { return whole() };
        // New lines end as the first one of the text does.
        if ends_in_crlf(own) != ends_in_crlf(text) {
            return whole();
        }
        let part = manifest::parse_source(manifest.source.with_text(own));
        let mine = |workload: &&manifest::Workload| workload.document == document;
        let (count, first) = (
            manifest.workloads.iter().filter(mine).count(),
            manifest.workloads.iter().position(|workload| mine(&workload)).unwrap_or_default(),
        );
        match part.documents.len() == 1 && part.workloads.len() == count {
            true => Part { document, manifest: part, start, first },
            false => whole(),
        }
    }
}

/// Whether the first line does.
fn ends_in_crlf(text: &str) -> bool {
    text.split_inclusive('\n').next().is_some_and(|line| line.ends_with("\r\n"))
}

/// The edits of one change; an `add` that becomes empty goes.
fn edits(manifest: &Manifest, id: ContainerId, change: &Change) -> Vec<Edit> {
    let container = manifest
        .workloads
        .get(id.workload)
        .and_then(|workload| workload.pod.containers.get(id.container));
    let words = |list: &manifest::Spanned<String>| list.value.clone();
    let before = container.map_or_else(Request::default, |container| Request {
        add: container.security.add().map(words).collect(),
        drop: container.security.drop().map(words).collect(),
        ..Request::default()
    });
    let empty = !before.add.is_empty() && change.apply(&before).add.is_empty();
    let gone = empty.then_some(manifest::Change::RemoveList(manifest::List::Add));
    let changes = change.edits().into_iter().chain(gone);
    changes.map(|change| Edit { container: id, change }).collect()
}
