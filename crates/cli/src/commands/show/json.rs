//! The same for a program: one versioned JSON document, `docs/schema/show-v1.json`.

use caps::{CapSet, CapState, Capability};
use manifest::{Counts, Loaded, Position, Span};
use resolve::{By, ObjectionKind, Outcome, Ping, Resolved};
use runtime::{
    Became, List, OddWord, Oddity, Reason, Runtime, Sets, SpecSet, User, Void, VoidReason,
};
use serde::{Serialize, Serializer};

use super::abilities::Abilities;
use super::subject::Subject;
use super::{danger, phrases};

/// The version of this format; it changes when a field goes or changes its meaning.
const VERSION: u32 = 1;

/// The document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report<'a, C> {
    version: u32,
    runtimes: Vec<String>,
    /// Whether nobody named a runtime.
    runtime_assumed: bool,
    /// The filter, if there was one.
    holds: Option<Capability>,
    counts: Counts,
    problems: Vec<ProblemOut<'a>>,
    containers: C,
}

/// A list of which one is there at a time.
struct Each<F>(F);

impl<I: Iterator<Item: Serialize>, F: Fn() -> I> Serialize for Each<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProblemOut<'a> {
    file: &'a str,
    position: Option<Position>,
    message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContainerOut<'a> {
    file: &'a str,
    position: Position,
    document: usize,
    api_version: &'a str,
    kind: &'a str,
    namespace: Option<&'a str>,
    workload: &'a str,
    list: manifest::ContainerList,
    container: &'a str,
    image: Option<&'a str>,
    user: User,
    run_as_user: Option<i64>,
    /// What is known of the image; left out if nobody said anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    from_image: Option<FromImageOut>,
    no_new_privs: bool,
    privileged: bool,
    user_namespace: bool,
    runtimes: Vec<AnswerOut>,
}

/// What a container owes to its image.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FromImageOut {
    /// `USER`, as written.
    user: String,
    /// As a number, if it is known.
    uid: Option<u32>,
    /// `unknown`, `plain`, or `privileged`.
    entrypoint: &'static str,
    /// The file that is executed first, where it gives something.
    program: Option<String>,
    /// What that file carries.
    carries: Option<CapSet>,
    /// Its owner, if it is set-uid.
    set_uid: Option<u32>,
    /// All files that carry capabilities or are set-uid; null if nobody looked.
    privileged_files: Option<Vec<String>>,
    phrase: String,
}

impl FromImageOut {
    fn of(image: &resolve::FromImage) -> Self {
        let (entrypoint, program) = match &image.program {
            image::Program::Unknown => ("unknown", None),
            image::Program::Plain => ("plain", None),
            image::Program::Privileged { path, .. } => ("privileged", Some(path.clone())),
        };
        Self {
            user: image.user.word.clone(),
            uid: image.user.uid,
            entrypoint,
            program,
            carries: image.carried().map(|file| file.permitted | file.inheritable),
            set_uid: image.set_uid(),
            privileged_files: image.privileged.clone(),
            phrase: image.to_string(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AnswerOut {
    runtime: String,
    /// Why the container does not start, if it does not.
    refused: Option<String>,
    /// As whom it does not start, if the image's `USER` decides that.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_as: Option<RefusedAsOut>,
    /// What Kubernetes objects to.
    objections: Vec<ObjectionOut>,
    /// How many a container holds there that asks for nothing.
    default_count: usize,
    /// The first port that needs no NET_BIND_SERVICE.
    unprivileged_port_start: u16,
    /// Who opened ICMP datagram sockets to everybody, if anybody did.
    ping_opened_by: Option<&'static str>,
    /// One answer, or two (root first) where the image's `USER` decides.
    answers: Vec<SetsOut>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RefusedAsOut {
    root: bool,
    message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ObjectionOut {
    kind: ObjectionKind,
    by: By,
    position: Position,
    message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SetsOut {
    root: bool,
    process: CapState,
    spec: CapState,
    regainable: CapSet,
    escape_class: Vec<Capability>,
    can: Vec<&'static str>,
    cannot: Vec<&'static str>,
    odd_words: Vec<OddOut>,
    /// What an OCI configuration names without effect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    without_effect: Vec<VoidOut>,
    capabilities: Vec<FateOut>,
}

/// A name in an OCI configuration that has no effect in some of its sets.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VoidOut {
    name: String,
    sets: Vec<SpecSet>,
    position: Option<Position>,
    kind: &'static str,
    phrase: String,
}

/// A word that is not written as Kubernetes writes capability names.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OddOut {
    list: List,
    index: usize,
    text: String,
    position: Option<Position>,
    oddity: Oddity,
    /// What a person who writes it means.
    meant: Option<String>,
    suggestion: Option<Capability>,
    effect: &'static str,
    phrase: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FateOut {
    name: Capability,
    effective: bool,
    reason: ReasonOut,
    bounding: bool,
    bounding_reason: ReasonOut,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReasonOut {
    #[serde(flatten)]
    reason: Reason,
    phrase: String,
    position: Option<Position>,
}

/// Everything found; containers are worked out as the document is written.
pub fn report<'a, I: Iterator<Item = Subject<'a>>>(
    loaded: &'a Loaded,
    runtimes: &[Runtime],
    assumed: bool,
    holds: Option<Capability>,
    subjects: impl Fn() -> I,
) -> Report<'a, impl Serialize> {
    let in_text = loaded.manifests.iter().flat_map(|manifest| {
        manifest.problems.iter().map(|problem| ProblemOut {
            file: manifest.source.name(),
            position: Some(manifest.source.position(problem.span.start)),
            message: problem.kind.to_string(),
        })
    });
    let unread = loaded.failed.iter().map(|error| ProblemOut {
        file: error.name(),
        position: None,
        message: error.to_string(),
    });
    Report {
        version: VERSION,
        runtimes: runtimes.iter().map(ToString::to_string).collect(),
        runtime_assumed: assumed,
        holds,
        counts: loaded.counts(),
        problems: unread.chain(in_text).collect(),
        containers: Each(move || subjects().map(|subject| container(&subject))),
    }
}

fn container<'a>(subject: &Subject<'a>) -> ContainerOut<'a> {
    let Subject { manifest, workload, container, answers, .. } = subject;
    let context = &answers[0].context;
    ContainerOut {
        file: manifest.source.name(),
        position: subject.position(container.name_span),
        document: workload.document,
        api_version: &workload.api_version,
        kind: &workload.kind,
        namespace: workload.namespace.as_deref(),
        workload: &workload.name,
        list: container.list,
        container: &container.name,
        image: container.image.as_ref().map(|image| image.value.as_str()),
        user: context.user(),
        run_as_user: context.run_as_user.map(|uid| uid.value),
        from_image: context.image.as_ref().map(FromImageOut::of),
        no_new_privs: context.no_new_privs(),
        privileged: context.privileged.is_some_and(|privileged| privileged.value),
        user_namespace: context.user_namespace.is_some(),
        runtimes: answers.iter().map(|answer| outcome(subject, answer)).collect(),
    }
}

fn outcome(subject: &Subject, answer: &Resolved) -> AnswerOut {
    let objections = answer.objections.iter().map(|objection| ObjectionOut {
        kind: objection.kind,
        by: objection.by,
        position: subject.position(objection.span),
        message: objection.to_string(),
    });
    let resolution = answer.outcome.resolution();
    let refused_as = |resolution: &runtime::Resolution| {
        let message = resolution.refusal()?.to_string();
        Some(RefusedAsOut { root: !resolution.most().root, message })
    };
    AnswerOut {
        runtime: answer.runtime.to_string(),
        refused_as: resolution.and_then(refused_as),
        refused: match &answer.outcome {
            Outcome::Refused(refusal) => Some(refusal.to_string()),
            Outcome::Starts(_) | Outcome::Windows => None,
        },
        objections: objections.collect(),
        default_count: answer.runtime.default_set().len(),
        unprivileged_port_start: answer.low_ports.start(),
        ping_opened_by: match answer.ping {
            Ping::KernelDefault => None,
            Ping::OpenedByRuntime => Some("runtime"),
            Ping::SetByPod { .. } => Some("pod"),
        },
        answers: resolution
            .into_iter()
            .flat_map(runtime::Resolution::sets)
            .map(|sets| one(subject, answer, sets))
            .collect(),
    }
}

fn one(subject: &Subject, answer: &Resolved, sets: &Sets) -> SetsOut {
    let Abilities { can, cannot } = Abilities::of(answer, sets);
    let reason = |reason: Reason| {
        let span: Option<Span> = answer.span(&reason, subject.container);
        ReasonOut {
            phrase: reason.to_string(),
            position: span.map(|span| subject.position(span)),
            reason,
        }
    };
    SetsOut {
        root: sets.root,
        process: sets.process,
        spec: sets.spec,
        regainable: sets.regainable,
        escape_class: danger::escapes(sets.process.permitted | sets.regainable, &subject.exposure),
        can,
        cannot,
        odd_words: sets.odd.iter().map(|word| odd(subject, answer, word)).collect(),
        without_effect: sets.void.iter().map(|void| without(subject, answer, void)).collect(),
        capabilities: sets
            .fates()
            .map(|fate| FateOut {
                name: fate.capability,
                effective: fate.effective,
                reason: reason(fate.reason),
                bounding: fate.bounding,
                bounding_reason: reason(fate.bounding_reason),
            })
            .collect(),
    }
}

fn without(subject: &Subject, answer: &Resolved, void: &Void) -> VoidOut {
    VoidOut {
        name: void.name.clone(),
        sets: void.places.iter().map(|(set, _)| *set).collect(),
        position: subject.set_span(void).map(|span| subject.position(span)),
        kind: match void.why {
            VoidReason::Unread { .. } => "unread",
            VoidReason::BeyondBounding => "beyondBounding",
            VoidReason::NotRaised { .. } => "notRaised",
        },
        phrase: void.sentence(answer.runtime.oci),
    }
}

fn odd(subject: &Subject, answer: &Resolved, odd: &OddWord) -> OddOut {
    let span = resolve::word_span(&odd.word, subject.container);
    OddOut {
        list: odd.word.list,
        index: odd.word.index,
        text: odd.word.text.clone(),
        position: span.map(|span| subject.position(span)),
        oddity: odd.oddity,
        meant: odd.meant.map(|meant| meant.to_string()),
        suggestion: odd.suggestion,
        effect: match odd.became {
            Became::Read => "read",
            Became::ReadAs { .. } => "readAs",
            Became::Ignored { .. } => "ignored",
            Became::NotLookedAt => "notLookedAt",
        },
        phrase: phrases::odd(odd, answer),
    }
}
