//! What a rule looks at: one container, with what every runtime makes of it.

use std::sync::Arc;

use caps::{CapSet, Capability};
use manifest::{Container, ContainerList, Format, Source, Span, Spanned, Workload};
use resolve::{Context, Resolved};
use runtime::{List, Meaning, Refusal, Request, Resolution, Sets, User, Word};

use crate::checked::Checker;
use crate::danger::{self, Danger, is_big_four};
use crate::dialect;
use crate::exposure::Exposure;
use crate::finding::Finding;
use crate::holding::{Entrypoint, Held, Holding};
use crate::learnt::Match;
use crate::options::Options;
use crate::panel::{Answer, Panel};
use crate::severity::{Confidence, Severity};
use crate::standing::Answered;
use crate::words;

/// So many reasons for danger are told with one finding.
const MAX_REASONS: usize = 3;

/// One container of a manifest under one runtime. Rules ask it, not the text.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The manifest.
    pub source: &'a Source,
    /// The object that the container belongs to.
    pub workload: &'a Workload,
    /// The container.
    pub container: &'a Container,
    /// How the run was configured.
    pub options: &'a Options,
    /// The runtimes that edits are tried on.
    pub panel: &'a Panel,
    /// The runtimes that a learnt set is written for.
    pub own: &'a Panel,
    /// The security context in effect.
    pub context: Context,
    /// What is known of the file that it executes first.
    pub entrypoint: Entrypoint,
    /// What it holds.
    pub held: Held,
    /// What makes it more dangerous, or less.
    pub exposure: Exposure,
    /// What was learnt of it, for its edits: [`Checker::learnt_of`].
    pub learnt: Match<'a>,
    /// Words under `add` that may be more than was learnt to be needed: comments beside them say why.
    pub(crate) answered: Vec<Answered>,
    request: Request,
    answer: Arc<Answer>,
}

impl<'a> Subject<'a> {
    /// `None` for a container without capabilities to judge: Windows.
    #[must_use]
    pub fn new(
        source: &'a Source,
        workload: &'a Workload,
        container: &'a Container,
        checker: &'a Checker,
    ) -> Option<Self> {
        Some(Self::any(source, workload, container, checker))
            .filter(|subject| !subject.is_windows())
    }

    /// The same for every container; one of Windows has no sets.
    #[must_use]
    pub(crate) fn any(
        source: &'a Source,
        workload: &'a Workload,
        container: &'a Container,
        checker: &'a Checker,
    ) -> Self {
        let checker = checker.of(workload.pod.format);
        let Checker { options, panel, own, .. } = checker;
        let context = options.context(&workload.pod, container);
        let entrypoint = options.entrypoint(&context);
        let learnt = options.learnt.of(workload, container, &context, own.runtimes());
        let request = options.request(&context, container, learnt.usable());
        let answer = if context.windows.is_some() {
            Arc::new(Answer::none())
        } else {
            panel.ask_one(&options.runtime, &request)
        };
        let held = answer.resolution.as_ref().map_or_else(Held::default, |resolution| {
            Held::of(resolution, request.no_new_privs, entrypoint)
        });
        let exposure = Exposure::of(&workload.pod, container);
        Self {
            source,
            workload,
            container,
            options,
            panel,
            own,
            context,
            entrypoint,
            request,
            held,
            exposure,
            learnt,
            answered: Vec::new(),
            answer,
        }
    }

    /// What was learnt of it, as the one runtime starts it.
    #[must_use]
    pub fn learnt_here(&self) -> Match<'a> {
        let runtime = std::slice::from_ref(&self.options.runtime);
        self.options.learnt.of(self.workload, self.container, &self.context, runtime)
    }

    /// Whether it is a container of Windows, where there are no capabilities.
    #[must_use]
    pub fn is_windows(&self) -> bool {
        self.context.windows.is_some()
    }

    /// Its index among all containers of its pod.
    #[must_use]
    pub fn place(&self) -> usize {
        let all = &self.workload.pod.containers;
        all.iter().position(|one| std::ptr::eq(one, self.container)).unwrap_or_default()
    }

    /// Why the runtime does not start it, if it does not, or not as one kind of user.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        self.answer.refusal.as_ref()
    }

    /// Why it is known that it is not root, with the source if that is the image.
    #[must_use]
    pub fn not_root(&self) -> String {
        match &self.context.image {
            Some(image) if self.context.run_as_user.is_none() && image.user.uid.is_some() => {
                format!("not root: {image}")
            }
            _ => "not root".to_owned(),
        }
    }

    /// What the runtime is asked for.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Whether a list is written in brackets, where no comment stands behind a word.
    #[must_use]
    pub fn is_in_brackets(&self, list: List) -> bool {
        let lists = self.container.security.capabilities.as_ref();
        let list = lists.and_then(|lists| match list {
            List::Add => lists.add.as_ref(),
            List::Drop => lists.drop.as_ref(),
        });
        let text = |span: Span| self.source.text().get(span.start..).unwrap_or_default();
        list.is_some_and(|list| text(list.span).starts_with('['))
    }

    /// The sets; where the runtime refuses words of the request, as if those were not there.
    #[must_use]
    pub fn resolution(&self) -> Option<&Resolution> {
        self.answer.resolution.as_ref()
    }

    /// What Kubernetes and the runtime make of all of the pod, its network included.
    #[must_use]
    pub fn resolved(&self) -> Resolved {
        let name = self.container.image.as_ref().map(|image| image.value.as_str());
        let image = name.and_then(|name| self.options.images.get(name));
        let pod = &self.workload.pod;
        resolve::container_of_image(pod, self.container, &self.options.runtime, image)
    }

    /// The sets with the most in them.
    #[must_use]
    pub fn most(&self) -> Option<&Sets> {
        self.resolution().map(Resolution::most)
    }

    /// Whether `privileged: true` makes both lists void.
    #[must_use]
    pub fn is_privileged(&self) -> bool {
        self.request().privileged
    }

    /// The runtime as a person calls it: `containerd`, `CRI-O`.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        self.options.runtime.engine.title()
    }

    /// What the container's network and its sysctls belong to, as a person calls it.
    #[must_use]
    pub fn owner(&self) -> &'static str {
        match self.format() {
            Format::Kubernetes => "pod",
            Format::Compose => "service",
            Format::Oci => "container",
        }
    }

    /// How no_new_privs, prctl(2), is written there.
    #[must_use]
    pub fn no_new_privs(&self) -> &'static str {
        match self.format() {
            Format::Kubernetes => "allowPrivilegeEscalation: false",
            Format::Compose => "security_opt: [no-new-privileges:true]",
            Format::Oci => "noNewPrivileges: true",
        }
    }

    /// What it is written in.
    #[must_use]
    pub fn format(&self) -> Format {
        self.workload.pod.format
    }

    /// The words of a list, each with where it is written.
    pub fn words(&self, list: List) -> impl Iterator<Item = (Word, Span)> + '_ {
        let items: Vec<&Spanned<String>> = match list {
            List::Add => self.container.security.add().collect(),
            List::Drop => self.container.security.drop().collect(),
        };
        self.request().words(list).zip(items).map(|(word, item)| (word, item.span))
    }

    /// Of what a set of [`Subject::resolution`] owes to a word: the word in the request. The
    /// answer may have been worked out with refused words set aside.
    #[must_use]
    pub fn whole(&self, word: &Word) -> Word {
        Word { index: self.answer.index(word.list, word.index), ..word.clone() }
    }

    /// The container as a person calls it: ``container `web` ``.
    #[must_use]
    pub fn container_name(&self) -> String {
        let kind = match self.container.list {
            ContainerList::InitContainers => "init container",
            ContainerList::Containers => "container",
            ContainerList::EphemeralContainers => "ephemeral container",
        };
        match self.container.name.as_str() {
            "" => format!("{kind} {}", self.container.index),
            name => format!("{kind} `{name}`"),
        }
    }

    /// How dangerous `capability` is here, if it is held at all.
    #[must_use]
    pub fn danger(&self, capability: Capability) -> Danger {
        let mut danger = danger::of(capability, self.held.reach(), &self.exposure);
        for (field, there) in dialect::fields(self.format()) {
            danger.why = danger.why.replace(field, there);
        }
        danger
    }

    /// How bad it is that `capability` is held the way it is; `None` if it is not.
    ///
    /// A smaller set never gives a worse answer: neither the danger of a capability nor the way
    /// in which it is held grows when another goes.
    #[must_use]
    pub fn severity_of(&self, capability: Capability) -> Option<Severity> {
        let danger = self.danger(capability).severity;
        match self.held.by(capability) {
            Holding::No => None,
            Holding::ByEntrypoint => Some(danger.milder(2)),
            Holding::Regainable => Some(danger.milder(1)),
            Holding::Permitted | Holding::Effective => Some(danger),
        }
    }

    /// The worst of [`Subject::severity_of`] over `set`; `None` if nothing of it is held.
    #[must_use]
    pub fn severity_of_set(&self, set: CapSet) -> Option<Severity> {
        set.iter().filter_map(|capability| self.severity_of(capability)).max()
    }

    /// How sure a statement about what is effective can be: the user may be the image's.
    #[must_use]
    pub fn confidence(&self) -> Confidence {
        let known = self.request().user != User::Unknown;
        let plain = self.entrypoint != Entrypoint::Unknown || self.request().user == User::Root;
        if known && plain { Confidence::High } else { Confidence::Medium }
    }

    /// The one capability that a word of `add` or `drop` stands for in whatever spelling.
    #[must_use]
    pub fn one(word: &Word) -> Option<Capability> {
        match word.meant() {
            Some(Meaning::One(capability)) => Some(capability),
            _ => None,
        }
    }

    /// Whether a word under `add` means `meant`, in whatever spelling.
    #[must_use]
    pub fn adds(&self, meant: Meaning) -> bool {
        self.words(List::Add).any(|(word, _)| word.meant() == Some(meant))
    }

    /// The names of `set`, the most dangerous first.
    #[must_use]
    pub fn by_danger(&self, set: CapSet) -> String {
        let mut members: Vec<Capability> = set.iter().collect();
        members.sort_by_key(|c| std::cmp::Reverse((self.severity_of(*c), is_big_four(*c))));
        words::list(&members.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    /// Adds to `finding` why the worst of `set` are dangerous here, and what makes them so.
    #[must_use]
    pub fn explain_danger(&self, mut finding: Finding, set: CapSet) -> Finding {
        let Some(worst) = self.severity_of_set(set).filter(|worst| *worst > Severity::Note) else {
            return finding;
        };
        let mut reasons: Vec<(String, Vec<Capability>)> = Vec::new();
        let mut members: Vec<Capability> = set.iter().collect();
        members.sort_by_key(|c| (!is_big_four(*c), *c));
        for capability in members.into_iter().filter(|c| self.severity_of(*c) == Some(worst)) {
            let danger = self.danger(capability);
            for (span, text) in danger.because {
                if !finding.related.iter().any(|label| label.span == span) {
                    finding = finding.related(span, text);
                }
            }
            match reasons.iter_mut().find(|(why, _)| *why == danger.why) {
                Some((_, members)) => members.push(capability),
                None => reasons.push((danger.why, vec![capability])),
            }
        }
        let more: usize = reasons.iter().skip(MAX_REASONS).map(|(_, members)| members.len()).sum();
        for (why, members) in reasons.into_iter().take(MAX_REASONS) {
            let names: Vec<String> = members.iter().map(ToString::to_string).collect();
            finding = finding.note(format!("{}: {why}", words::list(&names)));
        }
        if more > 0 {
            finding = finding.note(format!("{more} more are as dangerous here (dropcap explain)."));
        }
        finding
    }
}
