//! A whole manifest: its documents, the workloads in them, and what is wrong with it.

use std::collections::BTreeMap;
use std::path::Path;

use crate::indentation;
use crate::line_break;
use crate::object;
use crate::problem::{Problem, ProblemKind};
use crate::reader::{At, Reader};
use crate::source::{ReadError, Source};
use crate::template;
use crate::tree::{self, Tree, TreeDocument};
use crate::workload::{Container, Span, Workload};

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
    /// No Kubernetes object: without `kind`.
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

    /// The problems that are errors: all but templates.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| !problem.kind.is_template())
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
    let (documents, workloads, problems) = read_text(source.text());
    Manifest { documents, workloads, problems, source }
}

/// All that is read from a text.
pub(crate) type Read = (Vec<Document>, Vec<Workload>, Vec<Problem>);

/// Reads a text; a document that says something else where other line breaks count is broken.
pub(crate) fn read_text(text: &str) -> Read {
    let (mut documents, mut workloads, mut problems) = read_tree(&tree::build(text));
    if line_break::find(text, 0).is_none() {
        return (documents, workloads, problems);
    }
    let other = line_break::as_line_feeds(text);
    let (other_documents, other_workloads, other_problems) = read_tree(&tree::build(&other));
    let mut broken = BTreeMap::new();
    for (index, document) in documents.iter_mut().enumerate() {
        let same = other_documents
            .get(index)
            .is_some_and(|other| other.content == document.content)
            && of(&workloads, index, |w| w.document) == of(&other_workloads, index, |w| w.document)
            && of(&problems, index, |p| p.document) == of(&other_problems, index, |p| p.document);
        if same {
            continue;
        }
        let found = line_break::find(text, document.span.start);
        let (at, length) = found.or_else(|| line_break::find(text, 0)).unwrap_or_default();
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
    (documents, workloads, problems)
}

/// Those of one document, in a list in the order of documents.
fn of<T>(all: &[T], index: usize, document: fn(&T) -> usize) -> &[T] {
    let start = all.partition_point(|one| document(one) < index);
    let end = all.partition_point(|one| document(one) <= index);
    &all[start..end]
}

/// Reads all documents of a tree.
fn read_tree(tree: &Tree<'_>) -> Read {
    let (mut documents, mut workloads, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for (index, document) in tree.documents.iter().enumerate() {
        let (document, found, wrong) = read_document(tree, index, document);
        documents.push(document);
        workloads.extend(found);
        problems.extend(wrong);
    }
    (documents, workloads, problems)
}

fn read_document(
    tree: &Tree<'_>,
    index: usize,
    document: &TreeDocument,
) -> (Document, Vec<Workload>, Vec<Problem>) {
    let mut workloads = Vec::new();
    let mut reader = Reader::new(tree, index);
    let mut read =
        Document { span: document.span, kind: None, api_version: None, content: Content::Empty };
    match &document.root {
        Ok(None) => return (read, workloads, Vec::new()),
        Ok(Some(root)) => {
            let header = object::header(&reader, *root);
            let carries = object::has_pods(&header);
            for duplicate in &document.duplicates {
                if carries || duplicate.map == *root {
                    let key = tree.text(duplicate.key).unwrap_or_default().to_owned();
                    let first = tree.span(duplicate.first);
                    reader.problem(duplicate.key, ProblemKind::DuplicateKey { key, first });
                }
            }
            if reader.problems.is_empty() {
                object::read(&mut reader, *root, &At::ROOT, None, &mut workloads);
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
/// anything (k8s.io/apimachinery `pkg/util/yaml/decoder.go`, `splitYAMLDocument`).
fn region(text: &str, at: Span, document: Span) -> Span {
    let start = document.start.min(at.start);
    let start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let from = at.end.max(start);
    let end = text[from..].find("\n---").map_or(text.len(), |newline| from + newline + 1);
    Span { start, end }
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
