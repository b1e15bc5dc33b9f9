//! A learnt or proven set written into a container: drop ALL, and exactly that added back.

use caps::{CapSet, Capability};
use manifest::{ContainerId, Edit, Format, Manifest, Source};
use runtime::{List, Refusal, User};

use crate::assess::Assessment;
use crate::checked::Checker;
use crate::fix::{Change, engines};
use crate::holding::{Entrypoint, Held};
use crate::learnt::Need;
use crate::options::Options;
use crate::rules::instead;
use crate::subject::Subject;

/// What happens where a container needs more than it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Widen {
    /// Nothing is written.
    #[default]
    Refuse,
    /// What it does not have is left out, and the rest is written.
    LeaveOut,
    /// It gets it: a person says so.
    Allow,
}

/// How a set is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PatchOptions {
    /// For which runtime.
    pub options: Options,
    /// Whether the container may get more than it has.
    pub widen: Widen,
}

/// A container after its set was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patched {
    /// The manifest's text; as it was if nothing had to change.
    pub source: Source,
    /// Whether anything of the container had to change.
    pub changed: bool,
    /// What the container held.
    pub before: Held,
    /// What it holds now.
    pub after: Held,
    /// What is added back.
    pub add: CapSet,
    /// What could take effect on some runtime and no longer can.
    pub lost: CapSet,
    /// What it has now that it had not; only with [`Widen::Allow`].
    pub gained: CapSet,
    /// What is needed and was not added, because it would not take effect.
    pub left_out: Vec<LeftOut>,
    /// What is needed and was not added, because the container does not have it now; only with
    /// [`Widen::LeaveOut`].
    pub withheld: CapSet,
}

/// A capability that an `add` does not bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Which.
    pub capability: Capability,
    /// What does help, an instruction each.
    pub instead: Vec<String>,
}

/// Why a set could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The manifest has no such container.
    #[error("there is no such container")]
    NoSuchContainer,
    /// Windows.
    #[error("it is a Windows container, which has no capabilities")]
    Windows,
    /// The lists have no effect.
    #[error("it is privileged, so that no runtime reads its lists; take `privileged` out first")]
    Privileged,
    /// More than it has.
    #[error("it would be given {gained}, which it does not have now on {on}")]
    Widens {
        /// What it would gain.
        gained: CapSet,
        /// The runtimes on which it would.
        on: String,
    },
    /// A runtime would not start it.
    #[error("it would not start any more: {0}")]
    Breaks(Refusal),
    /// The text does not allow it.
    #[error("{why}")]
    Text {
        /// Why.
        why: String,
        /// What to put there by hand; empty where that cannot be said in a few lines.
        snippet: String,
    },
}

/// Writes `needs` into a container: `drop: [ALL]` and `add` of exactly what takes effect.
///
/// # Errors
/// [`PatchError`]; the manifest is then as it was.
pub fn set_capabilities(
    manifest: &Manifest,
    id: ContainerId,
    needs: &[Need],
    patch: &PatchOptions,
) -> Result<Patched, PatchError> {
    let checker = Checker::new(patch.options.clone());
    let (_, mut each) = set_all(&checker, manifest, &[(id, needs)], patch.widen);
    each.pop().unwrap_or(Err(PatchError::NoSuchContainer))
}

/// As [`set_capabilities`] for several containers of a manifest, each with its needs: the manifest
/// with everything that could be written, and for each container what came of it.
///
/// What the containers get is resolved again. Widening is judged on the runtimes that the manifest is
/// for (those that speak CRI, of a Compose file Docker) and on the one in the options: a set that a
/// person wants in a cluster is not refused for what another engine would make of the manifest.
pub fn set_all(
    checker: &Checker,
    manifest: &Manifest,
    wanted: &[(ContainerId, &[Need])],
    widen: Widen,
) -> (Manifest, Vec<Result<Patched, PatchError>>) {
    let planned: Vec<_> = wanted
        .iter()
        .map(|(id, needs)| Planned::new(checker, manifest, *id, needs, widen))
        .collect();
    let mut edits = Vec::new();
    for ((id, _), planned) in wanted.iter().zip(&planned) {
        let changes = planned.iter().flat_map(|planned| planned.change.edits());
        // `add: []` says already that nothing is added.
        let empty = adds_nothing(manifest, *id);
        let changes = changes.filter(|change| {
            !(empty && *change == manifest::Change::RemoveList(manifest::List::Add))
        });
        edits.extend(changes.map(|change| Edit { container: *id, change }));
    }
    let edited = manifest::apply(manifest, &edits);
    let finish = |(id, planned): (ContainerId, Result<Planned, PatchError>)| {
        let planned = planned?;
        if let Some(refused) = edited.refused.iter().find(|refused| refused.container == id) {
            let (why, snippet) = (refused.message(manifest), refused.snippet.clone());
            return Err(PatchError::Text { why, snippet });
        }
        let after = subject(checker, &edited.manifest, id)?.held;
        Ok(Patched {
            source: edited.source.clone(),
            changed: edited.changed.contains(&id),
            before: planned.before,
            after,
            add: planned.change.added(),
            lost: planned.assessment.lost(),
            gained: planned.assessment.gained(),
            left_out: planned.left_out,
            withheld: planned.withheld,
        })
    };
    let ids = wanted.iter().map(|(id, _)| *id);
    let each = ids.zip(planned).map(finish).collect();
    (edited.manifest, each)
}

/// Whether the container has a list of what is added, and nothing in it.
fn adds_nothing(manifest: &Manifest, id: ContainerId) -> bool {
    let container =
        manifest.workloads.get(id.workload).and_then(|w| w.pod.containers.get(id.container));
    let lists = container.and_then(|container| container.security.capabilities.as_ref());
    lists.and_then(|lists| lists.add.as_ref()).is_some_and(|add| add.items.is_empty())
}

/// What would be written into one container.
struct Planned {
    change: Change,
    assessment: Assessment,
    before: Held,
    left_out: Vec<LeftOut>,
    withheld: CapSet,
}

impl Planned {
    fn new(
        checker: &Checker,
        manifest: &Manifest,
        id: ContainerId,
        needs: &[Need],
        widen: Widen,
    ) -> Result<Self, PatchError> {
        let subject = subject(checker, manifest, id)?;
        if subject.is_privileged() {
            return Err(PatchError::Privileged);
        }
        if subject.format() == Format::Oci {
            let why = manifest::Refusal::Format { format: Format::Oci }.to_string();
            return Err(PatchError::Text { why, snippet: String::new() });
        }
        let Exactly { change, left_out, withheld } = exactly(&subject, needs, widen);
        let after = change.apply(subject.request());
        let assessment =
            Assessment::new(subject.own, subject.request(), &after, subject.entrypoint);
        let gained = assessment.gained();
        if !gained.is_empty() && widen != Widen::Allow {
            let on = engines(&assessment, |effect| !effect.gained.is_empty());
            return Err(PatchError::Widens { gained, on });
        }
        if let Some(refusal) = assessment.effects.iter().find_map(|effect| effect.stops.clone()) {
            return Err(PatchError::Breaks(refusal));
        }
        Ok(Self { change, assessment, before: subject.held, left_out, withheld })
    }
}

fn subject<'a>(
    checker: &'a Checker,
    manifest: &'a Manifest,
    id: ContainerId,
) -> Result<Subject<'a>, PatchError> {
    let workload = manifest.workloads.get(id.workload).ok_or(PatchError::NoSuchContainer)?;
    let container = workload.pod.containers.get(id.container);
    let container = container.ok_or(PatchError::NoSuchContainer)?;
    Subject::new(&manifest.source, workload, container, checker).ok_or(PatchError::Windows)
}

/// What is written, and what is not.
pub(crate) struct Exactly {
    pub change: Change,
    pub left_out: Vec<LeftOut>,
    pub withheld: CapSet,
}

/// `drop: [ALL]` and what an `add` brings of `needs`; and what it does not bring.
///
/// Where the container has another capability that serves as well, that one stays, unless it may get
/// more than it has.
pub(crate) fn exactly(subject: &Subject<'_>, needs: &[Need], widen: Widen) -> Exactly {
    let now = subject.most().map_or(CapSet::EMPTY, |sets| sets.process.bounding);
    let picked = |need: &Need| match widen {
        Widen::Allow => need.capability,
        Widen::Refuse | Widen::LeaveOut => need.pick(now),
    };
    let all = needs.iter().map(|need| (picked(need), None)).collect();
    let request = Change::Exactly { add: all }.apply(subject.request());
    let effective = runtime::resolve(&subject.options.runtime, &request)
        .map_or(CapSet::EMPTY, |resolution| {
            Held::of(&resolution, request.no_new_privs, Entrypoint::Plain).effective
        });
    let words = subject.words(List::Add);
    let asked = words.filter_map(|(word, _)| Subject::one(&word)).collect::<CapSet>() & now;
    let (mut add, mut left_out): (Vec<(Capability, Option<String>)>, _) = (Vec::new(), Vec::new());
    let mut withheld = CapSet::EMPTY;
    for need in needs {
        let capability = picked(need);
        let carried = need.seen_granted && subject.request().user == User::NonRoot;
        // What somebody wrote down and the program uses stays: a file of the image may carry it, and
        // could not be executed without it.
        let written = asked.contains(capability);
        if !effective.contains(capability) && !carried && !written {
            let mut ways = need.remedies.clone();
            ways.extend(instead(subject, capability));
            left_out.push(LeftOut { capability, instead: ways });
        } else if widen == Widen::LeaveOut && !now.contains(capability) {
            withheld.insert(capability);
        } else if !add.iter().any(|(there, _)| *there == capability) {
            add.push((capability, need.comment.clone()));
        }
    }
    Exactly { change: Change::Exactly { add }, left_out, withheld }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers:
    - name: web
      image: nginx # the page
      securityContext:
        runAsUser: UID
        capabilities:
          drop: [NET_RAW]
          add:
            - KILL # why not
";

    fn need(capability: Capability, comment: &str) -> Need {
        let comment = (!comment.is_empty()).then(|| comment.to_owned());
        Need { comment, ..Need::of(capability) }
    }

    fn patch(uid: u32, needs: &[Need], widen: Widen) -> Result<Patched, PatchError> {
        let manifest = manifest::parse("web.yaml", POD.replace("UID", &uid.to_string()));
        let options = PatchOptions { widen, ..PatchOptions::default() };
        set_capabilities(&manifest, ContainerId { workload: 0, container: 0 }, needs, &options)
    }

    #[test]
    fn exactly_what_is_needed_is_added_back_with_its_reason() {
        let needs = [need(Capability::CHOWN, "chown of /var/cache"), need(Capability::SETUID, "")];
        let patched = patch(0, &needs, Widen::Refuse).unwrap();
        assert_eq!(
            patched.source.text(),
            POD.replace("UID", "0").replace("drop: [NET_RAW]", "drop: [ALL]").replace(
                "- KILL # why not",
                "- CHOWN  # chown of /var/cache\n            - SETUID"
            )
        );
        let expected = CapSet::of(&[Capability::CHOWN, Capability::SETUID]);
        assert_eq!((patched.after.effective, patched.add), (expected, expected));
        assert_eq!(patched.left_out, []);
        assert_eq!(patched.gained, CapSet::EMPTY);
    }

    #[test]
    fn more_than_it_has_is_refused_unless_a_person_says_so() {
        let needs = [need(Capability::SYS_TIME, "")];
        let gained = CapSet::from(Capability::SYS_TIME);
        let refused = patch(0, &needs, Widen::Refuse).unwrap_err().to_string();
        assert!(
            refused.starts_with(
                "it would be given SYS_TIME, which it does not have now on containerd"
            ),
            "{refused}"
        );
        assert_eq!(patch(0, &needs, Widen::Allow).unwrap().gained, gained);
        let both = [need(Capability::SYS_TIME, ""), need(Capability::CHOWN, "")];
        let without = patch(0, &both, Widen::LeaveOut).unwrap();
        assert_eq!((without.withheld, without.gained), (gained, CapSet::EMPTY));
        assert_eq!(without.after.effective, CapSet::from(Capability::CHOWN));
    }

    #[test]
    fn what_was_asked_for_and_is_used_stays_though_only_a_file_may_carry_it() {
        let text = POD.replace("UID", "1000").replace("- KILL # why not", "- KILL");
        let manifest = manifest::parse("web.yaml", text);
        let id = ContainerId { workload: 0, container: 0 };
        let needs = [need(Capability::KILL, ""), need(Capability::SETUID, "")];
        let patched = set_capabilities(&manifest, id, &needs, &PatchOptions::default()).unwrap();
        assert_eq!(patched.add, CapSet::from(Capability::KILL));
        assert_eq!(patched.left_out.len(), 1);
    }

    #[test]
    fn what_would_not_take_effect_is_not_added() {
        let needs = [need(Capability::NET_BIND_SERVICE, "")];
        let patched = patch(1000, &needs, Widen::Refuse).unwrap();
        assert_eq!(patched.add, CapSet::EMPTY);
        assert_eq!(patched.left_out.len(), 1);
        assert!(patched.left_out[0].instead[0].starts_with("nothing is needed for low ports"));
    }

    #[test]
    fn what_the_image_was_seen_to_carry_is_kept_for_it() {
        let granted = Need { seen_granted: true, ..need(Capability::NET_BIND_SERVICE, "") };
        let patched = patch(1000, &[granted], Widen::Refuse).unwrap();
        assert_eq!(patched.add, CapSet::from(Capability::NET_BIND_SERVICE));
        assert_eq!(patched.left_out, []);
    }

    #[test]
    fn nothing_needed_leaves_no_list() {
        let patched = patch(0, &[], Widen::Refuse).unwrap();
        assert_eq!(
            patched.source.text(),
            POD.replace("UID", "0")
                .replace("drop: [NET_RAW]", "drop: [ALL]")
                .replace("          add:\n            - KILL # why not\n", "")
        );
        assert_eq!(patched.after, Held::default());
    }
}
