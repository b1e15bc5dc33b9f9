//! A whole manifest: its documents, the workloads in them, and what is wrong with it.

use std::collections::BTreeMap;
use std::path::Path;

use crate::compose;
use crate::edit;
use crate::indentation;
use crate::object;
use crate::oci;
use crate::problem::{Problem, ProblemKind};
use crate::reader::{At, Reader};
use crate::source::{ReadError, Source};
use crate::template;
use crate::tree::{self, Tree, TreeDocument};
use crate::workload::{Container, Format, Span, Workload};
use crate::{json, line_break};

/// What is kept of one file; the problem says so where there is more.
struct Limits {
    documents: usize,
    /// Each is about a kilobyte.
    containers: usize,
}

/// A file of [`crate::MAX_BYTES`] that is full of real objects stays below.
const LIMITS: Limits = Limits { documents: 1_000_000, containers: 500_000 };

/// What a text holds, read as Kubernetes reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The text.
    pub source: Source,
    /// Its documents, in order.
    pub documents: Vec<Document>,
    /// The workloads of all documents, in order.
    pub workloads: Vec<Workload>,
    /// Everything that could not be read as Kubernetes reads it, in order.
    pub problems: Vec<Problem>,
    /// Whether edits of its containers can be made.
    pub ease: Ease,
    /// What the text counts towards the most values that are kept at a time: it is read document by
    /// document, and edited in one piece ([`crate::has_room`]).
    pub values: u64,
}

/// Whether edits of a text's containers can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ease {
    /// Any: nothing is shared, and what decides about the lists stands in lines of its own.
    Plain,
    /// Perhaps: whoever tries it knows.
    #[default]
    Unknown,
}

/// One YAML document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Where it is written.
    pub span: Span,
    /// `kind`, if there is one.
    pub kind: Option<String>,
    /// `apiVersion`, if there is one.
    pub api_version: Option<String>,
    /// What it came to.
    pub content: Content,
}

/// What a document came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Nothing in it, or only comments.
    Empty,
    /// So many workloads.
    Workloads(usize),
    /// A Kubernetes object without a pod spec: a Service, a ConfigMap.
    Other,
    /// Neither a Kubernetes object (it has no `kind`) nor anything else with containers.
    NotKubernetes,
    /// A Go template.
    Template,
    /// It could not be read, or gave no workload because of a problem.
    Broken,
}

impl Manifest {
    /// All containers with the workloads they are in.
    pub fn containers(&self) -> impl Iterator<Item = (&Workload, &Container)> {
        self.workloads.iter().flat_map(|w| w.pod.containers.iter().map(move |c| (w, c)))
    }

    /// The problems that are errors, not warnings.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| !problem.kind.is_warning())
    }
}

/// Reads a manifest from a file, or from standard input for `-`.
///
/// # Errors
/// When the text cannot be had; what is wrong *in* the text is in [`Manifest::problems`].
pub fn read(path: impl AsRef<Path>) -> Result<Manifest, ReadError> {
    Source::read(path.as_ref()).map(parse_source)
}

/// Reads a manifest from text; `name` is what messages call it.
#[must_use]
pub fn parse(name: &str, text: impl Into<String>) -> Manifest {
    parse_source(Source::new(name, text))
}

/// Reads a manifest from a source.
#[must_use]
pub fn parse_source(source: Source) -> Manifest {
    read_text(&source, source.text()).of(source)
}

/// All that is read from a text.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) documents: Vec<Document>,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) problems: Vec<Problem>,
    ease: Ease,
    values: u64,
}

impl Read {
    /// As what this text says.
    pub(crate) fn of(self, source: Source) -> Manifest {
        let Self { documents, workloads, problems, ease, values } = self;
        Manifest { source, documents, workloads, problems, ease, values }
    }
}

/// Reads a text as that of `source`; a document that says something else where other line breaks
/// count is broken.
pub(crate) fn read_text(source: &Source, text: &str) -> Read {
    with_json(text, with_line_breaks(source, text, read_documents(source, text, &LIMITS)))
}

/// As [`read_text`], of a text whose tree is there already.
pub(crate) fn read_tree(source: &Source, tree: &Tree<'_>) -> Read {
    let mut reading = Reading::new(source, &LIMITS);
    let _ = tree.documents.iter().all(|document| reading.document(tree, document));
    with_json(tree.text, with_line_breaks(source, tree.text, reading.all(tree.text)))
}

/// With a warning, where kubectl reads Kubernetes objects as JSON that they are not.
fn with_json(text: &str, mut read: Read) -> Read {
    let is_kubernetes = |workload: &Workload| workload.pod.format == Format::Kubernetes;
    let Some((span, reason)) =
        read.workloads.iter().any(is_kubernetes).then(|| json::fault(text)).flatten()
    else {
        return read;
    };
    let behind = read.documents.partition_point(|document| document.span.start <= span.start);
    let kind = ProblemKind::NotJson { reason };
    read.problems.push(Problem { document: behind.saturating_sub(1), span, kind });
    read.problems.sort_by_key(|problem| problem.document);
    read
}

fn with_line_breaks(source: &Source, text: &str, mut read: Read) -> Read {
    let Some(first) = line_break::find(text, 0) else { return read };
    if read.ease == Ease::Plain {
        // A line is not the same to everybody.
        read.ease = Ease::Unknown;
    }
    let Read { documents, workloads, problems, .. } = &mut read;
    let other = read_documents(source, &line_break::as_line_feeds(text), &LIMITS);
    let (mut broken, mut next) = (BTreeMap::new(), Some(first));
    for (index, document) in documents.iter_mut().enumerate() {
        let same = other
            .documents
            .get(index)
            .is_some_and(|other| other.content == document.content)
            && of(workloads, index, |w| w.document) == of(&other.workloads, index, |w| w.document)
            && of(problems, index, |p| p.document) == of(&other.problems, index, |p| p.document);
        if same {
            continue;
        }
        // Documents stand in the order of the text, which is gone through once.
        while let Some((at, length)) = next
            && at < document.span.start
        {
            next = line_break::find(text, at + length);
        }
        let (at, length) = next.unwrap_or(first);
        let character = text[at..].chars().next().unwrap_or_default();
        let span = Span { start: at, end: at + length };
        let kind = ProblemKind::LineBreak { character };
        broken.insert(index, Problem { document: index, span, kind });
        document.content = Content::Broken;
    }
    workloads.retain(|workload| !broken.contains_key(&workload.document));
    problems.retain(|problem| !broken.contains_key(&problem.document));
    problems.extend(broken.into_values());
    problems.sort_by_key(|problem| problem.document);
    read
}

/// Those of one document, in a list in the order of documents.
fn of<T>(all: &[T], index: usize, document: fn(&T) -> usize) -> &[T] {
    let start = all.partition_point(|one| document(one) < index);
    let end = all.partition_point(|one| document(one) <= index);
    &all[start..end]
}

/// Reads document after document; only one tree is kept at a time.
fn read_documents(source: &Source, text: &str, limits: &Limits) -> Read {
    let mut reading = Reading::new(source, limits);
    tree::each_document(text, |tree, document| reading.document(tree, document));
    reading.all(text)
}

/// What was read of the documents so far.
struct Reading<'a> {
    source: &'a Source,
    limits: &'a Limits,
    containers: usize,
    read: Read,
}

impl<'a> Reading<'a> {
    fn new(source: &'a Source, limits: &'a Limits) -> Self {
        let read = Read { ease: Ease::Plain, ..Read::default() };
        Self { source, limits, containers: 0, read }
    }

    /// All that was read of this text.
    fn all(self, text: &str) -> Read {
        let mut read = self.read;
        if !text.ends_with('\n') {
            // Behind a last line that is not ended nothing can be put without a change of that.
            read.ease = Ease::Unknown;
        }
        read
    }

    /// Reads the next document; says whether one more may be read.
    fn document(&mut self, tree: &Tree<'_>, document: &TreeDocument) -> bool {
        let Self { source, limits, containers, read } = self;
        let index = read.documents.len();
        read.values += document.values;
        let (as_read, found, wrong) = read_document(source, tree, index, document);
        if !edit::is_plain(tree, document, &found) {
            read.ease = Ease::Unknown;
        }
        *containers += found.iter().map(|workload| workload.pod.containers.len()).sum::<usize>();
        let span = as_read.span;
        read.documents.push(as_read);
        read.workloads.extend(found);
        read.problems.extend(wrong);
        if *containers <= limits.containers && read.documents.len() <= limits.documents {
            return true;
        }
        // What is behind is not known: the whole file is an error, not a part of it a pass.
        let kind = if *containers > limits.containers {
            ProblemKind::TooManyContainers { limit: limits.containers }
        } else {
            ProblemKind::TooManyDocuments { limit: limits.documents }
        };
        read.problems.push(Problem { document: index, span, kind });
        false
    }
}

fn read_document(
    source: &Source,
    tree: &Tree<'_>,
    index: usize,
    document: &TreeDocument,
) -> (Document, Vec<Workload>, Vec<Problem>) {
    let mut workloads = Vec::new();
    let mut reader = Reader::new(tree, source.kinds(), index);
    let mut read =
        Document { span: document.span, kind: None, api_version: None, content: Content::Empty };
    match &document.root {
        Ok(None) => return (read, workloads, Vec::new()),
        Ok(Some(root)) => {
            let header = object::header(&reader, *root);
            let is_object = header.kind.is_some() || header.api_version.is_some();
            let is_compose = !is_object && compose::is_one(tree, *root, source.file_name());
            let is_oci = !is_object && !is_compose && oci::is_one(tree, *root);
            let carries = is_compose || is_oci || header.has_pods(source.kinds());
            for duplicate in &document.duplicates {
                if carries || duplicate.map == *root {
                    let key = tree.text(duplicate.key).unwrap_or_default().to_owned();
                    let first = tree.span(duplicate.first);
                    reader.problem(duplicate.key, ProblemKind::DuplicateKey { key, first });
                }
            }
            if reader.problems.is_empty() {
                if is_compose {
                    compose::read(&mut reader, *root, &mut workloads);
                } else if is_oci {
                    oci::read(&mut reader, *root, &mut workloads);
                } else {
                    object::read(&mut reader, *root, &At::ROOT, None, &mut workloads);
                }
            }
            read.content = match (&header.kind, workloads.len()) {
                (_, 0) if !reader.problems.is_empty() => Content::Broken,
                (None, 0) => Content::NotKubernetes,
                (Some(_), 0) => Content::Other,
                (_, count) => Content::Workloads(count),
            };
            (read.kind, read.api_version) = (header.kind, header.api_version);
        }
        Err(fault) => {
            let (span, kind) = (fault.at, fault.kind.clone());
            reader.problems.push(Problem { document: index, span, kind });
            read.content = Content::Broken;
        }
    }
    let mut problems = reader.problems;
    if workloads.is_empty() && !problems.is_empty() {
        read.span = region(tree.text, problems[0].span, read.span);
        if let Some(cause) = cause(tree.text, read.span, &problems) {
            let (span, kind) = cause;
            read.content = if kind.is_template() { Content::Template } else { Content::Broken };
            problems = vec![Problem { document: index, span, kind }];
        }
    }
    (read, workloads, problems)
}

/// The text between the `---` lines around `at`, which kubectl cuts a file at before it parses
/// anything (k8s.io/apimachinery `pkg/util/yaml/decoder.go`, `splitYAMLDocument`); a line `...` ends it,
/// too, so that no text is in two of them.
fn region(text: &str, at: Span, document: Span) -> Span {
    let start = document.start.min(at.start);
    let start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let from = at.end.max(start);
    let mut lines = text[from..].match_indices('\n').map(|(newline, _)| from + newline + 1);
    let ends = |line: &usize| text[*line..].starts_with("---") || text[*line..].starts_with("...");
    Span { start, end: lines.find(ends).unwrap_or(text.len()) }
}

/// The one cause behind the problems of a document, where it is known better than the parser
/// can: a template, or indentation lost in copying.
fn cause(text: &str, region: Span, problems: &[Problem]) -> Option<(Span, ProblemKind)> {
    let document = &text[region.range()];
    if let Some(found) = indentation::flattened(document, region.start) {
        let span = found.keys.first()?.span;
        let suggestion = parse("", found.suggestion.as_str());
        let good = !suggestion.workloads.is_empty() && suggestion.problems.is_empty();
        let suggestion = good.then_some(found.suggestion);
        let kind = ProblemKind::Misplaced { keys: found.keys, indentation_lost: true, suggestion };
        return Some((span, kind));
    }
    let explained = |problem: &Problem| {
        matches!(
            problem.kind,
            ProblemKind::Syntax { .. } | ProblemKind::InvalidKey | ProblemKind::WrongType { .. }
        )
    };
    if !problems.iter().any(explained) {
        return None;
    }
    let start = region.start + template::action(document)?;
    Some((Span { start, end: start + 2 }, ProblemKind::Template))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_a_limit_is_an_error_of_the_file() {
        let pod = "apiVersion: v1\nkind: Pod\nspec: {containers: [&c {name: c}, *c, *c]}\n---\n";
        let source = Source::new("t", pod.repeat(5));
        let read = |limits: &Limits| {
            let read = read_documents(&source, source.text(), limits);
            let problems: Vec<_> = read.problems.iter().map(|p| p.kind.to_string()).collect();
            (read.documents.len(), problems)
        };
        // The last `---` begins an empty document.
        assert_eq!(read(&Limits { documents: 6, containers: 15 }), (6, vec![]));
        assert_eq!(
            read(&Limits { documents: 6, containers: 14 }),
            (
                5,
                vec![
                    "too many containers (more than 14), the rest is not read; split the file"
                        .to_owned()
                ]
            )
        );
        assert_eq!(
            read(&Limits { documents: 2, containers: 15 }),
            (
                3,
                vec![
                    "too many documents (more than 2), the rest is not read; split the file"
                        .to_owned()
                ]
            )
        );
    }
}
