//! A manifest checked: every container, every rule.

use manifest::{Comment, Container, ContainerId, ContainerList, Format, Manifest, Span, Workload};

use crate::finding::Finding;
use crate::holding::Held;
use crate::inline;
use crate::learnt::Match;
use crate::options::Options;
use crate::panel::Panel;
use crate::rule::{Selection, Topic};
use crate::rules::{RULES, over_granted};
use crate::subject::Subject;

/// What came of checking a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// All containers, in the order of the text.
    pub containers: Vec<CheckedContainer>,
    /// All findings, container by container in the order of the text, then of the rules; those of no
    /// container first.
    pub findings: Vec<Finding>,
}

/// A container that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedContainer {
    /// Its place in the manifest.
    pub id: ContainerId,
    /// `kind` of the object.
    pub kind: String,
    /// Its name.
    pub workload_name: String,
    /// Its namespace, if written.
    pub namespace: Option<String>,
    /// The list the container is in.
    pub list: ContainerList,
    /// Its place in the list, from 0.
    pub index: usize,
    /// Its name; empty if it has none.
    pub name: String,
    /// Where it is named.
    pub span: Span,
    /// What it holds; `None` on Windows, where there are no capabilities.
    pub held: Option<Held>,
}

/// Checks manifests, on any number of threads, and remembers what the runtimes said.
#[derive(Debug)]
pub struct Checker {
    /// How it is configured.
    pub options: Options,
    /// The runtimes that edits are tried on.
    pub panel: Panel,
    /// The runtimes that a learnt set is written for: those that speak CRI, of Compose files all that read
    /// such files; and the one that was named.
    pub(crate) own: Panel,
    /// For Compose files, which other engines read.
    compose: Option<Box<Checker>>,
}

impl Checker {
    /// Ready to check.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let runtime = options.compose_runtime.clone();
        let panel = Panel::for_compose(&runtime);
        let compose = Self {
            own: Panel::for_compose(&runtime),
            panel,
            options: Options { runtime, ..options.clone() },
            compose: None,
        };
        let panel = Panel::with(&options.runtime);
        let own = panel.some(|one| one.engine.is_cri() || *one == options.runtime);
        Self { panel, own, options, compose: Some(Box::new(compose)) }
    }

    /// The one for what is written in this format.
    pub(crate) fn of(&self, format: Format) -> &Self {
        match format {
            Format::Compose => self.compose.as_deref().unwrap_or(self),
            Format::Kubernetes | Format::Oci => self,
        }
    }

    /// What was learnt of a container, for its edits: a way to start it with which it needs less counts
    /// where all its changes are met on every runtime that an edit is judged on, not where the default of
    /// one of them meets some.
    #[must_use]
    pub fn learnt_of(&self, workload: &Workload, container: &Container) -> Match<'_> {
        let Self { options, own, .. } = self.of(workload.pod.format);
        if options.learnt.is_empty() {
            return Match::None;
        }
        let context = options.context(&workload.pod, container);
        options.learnt.of(workload, container, &context, own.runtimes())
    }

    /// Checks all containers of a manifest.
    #[must_use]
    pub fn check(&self, manifest: &Manifest) -> Checked {
        self.check_beside(manifest, &inline::comments(manifest))
    }

    /// The same by every rule, whichever were selected.
    #[must_use]
    pub fn check_by_all(&self, manifest: &Manifest) -> Checked {
        self.check_by(manifest, &inline::comments(manifest), &Selection::default())
    }

    /// As [`Checker::check`], where the comments have been read already.
    pub(crate) fn check_beside(&self, manifest: &Manifest, comments: &[Comment]) -> Checked {
        self.check_by(manifest, comments, &self.options.selection)
    }

    fn check_by(
        &self,
        manifest: &Manifest,
        comments: &[Comment],
        selection: &Selection,
    ) -> Checked {
        let mut checked = all_containers(manifest, comments, self, selection);
        // A comment about a profile is not idle because this run was given none.
        let Options { learnt, .. } = &self.options;
        let all = learnt.is_empty().then(|| selection.clone().without(Topic::Profile));
        inline::apply(manifest, comments, &mut checked, all.as_ref().unwrap_or(selection));
        checked
    }
}

/// Checks all containers of one manifest; for several, a [`Checker`] is quicker.
#[must_use]
pub fn check(manifest: &Manifest, options: &Options) -> Checked {
    Checker::new(options.clone()).check(manifest)
}

fn all_containers(
    manifest: &Manifest,
    comments: &[Comment],
    checker: &Checker,
    selection: &Selection,
) -> Checked {
    let mut checked = Checked::default();
    let lines = inline::lines_of(&over_granted::RULE, &manifest.source, comments);
    for (place, workload) in manifest.workloads.iter().enumerate() {
        for (index, container) in workload.pod.containers.iter().enumerate() {
            let mut subject = Subject::any(&manifest.source, workload, container, checker);
            subject.answered = inline::words_in(&lines, &manifest.source, container);
            let number = checked.containers.len();
            checked.containers.push(CheckedContainer {
                id: ContainerId { workload: place, container: index },
                kind: workload.kind.clone(),
                workload_name: workload.name.clone(),
                namespace: workload.namespace.clone(),
                list: container.list,
                index: container.index,
                name: container.name.clone(),
                span: container.name_span,
                held: (!subject.is_windows()).then_some(subject.held),
            });
            let first = checked.findings.len();
            let format = workload.pod.format;
            let rules = RULES
                .iter()
                .filter(|rule| rule.formats.contains(&format) && selection.contains(rule));
            for rule in rules {
                (rule.check)(&subject, &mut checked.findings);
            }
            for finding in &mut checked.findings[first..] {
                finding.container = Some(number);
            }
            checked.findings[first..].sort_by_key(|finding| finding.primary.span);
        }
    }
    checked
}
