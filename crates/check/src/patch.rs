//! A learnt or proven set written into a container: drop ALL, and exactly that added back.

use caps::{CapSet, Capability};
use manifest::{ContainerId, Edit, Format, Manifest, Source};
use runtime::{Engine, List, Refusal, Runtime, User};

use crate::assess::Assessment;
use crate::checked::Checker;
use crate::fix::{Change, engines};
use crate::holding::{Entrypoint, Held};
use crate::options::Options;
use crate::panel::Panel;
use crate::rules::instead;
use crate::subject::Subject;

/// A capability that a program needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Which.
    pub capability: Capability,
    /// What it is for, to stand behind it as a comment.
    pub comment: Option<String>,
    /// Whether a process of this container was seen to have it: then, though the container may
    /// not run as root, something in its image carries it, and the bounding set must have it.
    pub seen_granted: bool,
}

/// How a set is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PatchOptions {
    /// For which runtime.
    pub options: Options,
    /// Whether the container may get more than it has. A person says so.
    pub allow_widen: bool,
}

/// A container after its set was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patched {
    /// The manifest's text; as it was if nothing had to change.
    pub source: Source,
    /// What the container held.
    pub before: Held,
    /// What it holds now.
    pub after: Held,
    /// What is added back.
    pub add: CapSet,
    /// What could take effect on some runtime and no longer can.
    pub lost: CapSet,
    /// What it has now that it had not; only with [`PatchOptions::allow_widen`].
    pub gained: CapSet,
    /// What is needed and was not added, because it would not take effect.
    pub left_out: Vec<LeftOut>,
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
/// What the container gets is resolved again. Widening is judged on the runtimes that speak CRI, of a
/// Compose file on Docker, and on the one in the options: a set that a person wants in a cluster is
/// not refused for what another engine would make of the manifest.
///
/// # Errors
/// [`PatchError`]; the manifest is then as it was.
pub fn set_capabilities(
    manifest: &Manifest,
    id: ContainerId,
    needs: &[Need],
    patch: &PatchOptions,
) -> Result<Patched, PatchError> {
    let options = &patch.options;
    let (workload, container) = manifest
        .workloads
        .get(id.workload)
        .and_then(|w| Some((w, w.pod.containers.get(id.container)?)))
        .ok_or(PatchError::NoSuchContainer)?;
    let checker = Checker::new(options.clone());
    let subject =
        Subject::new(&manifest.source, workload, container, &checker).ok_or(PatchError::Windows)?;
    if subject.is_privileged() {
        return Err(PatchError::Privileged);
    }
    if subject.format() == Format::Oci {
        let why = manifest::Refusal::Format { format: Format::Oci }.to_string();
        return Err(PatchError::Text { why, snippet: String::new() });
    }
    let (add, left_out) = sort_out(&subject, needs);
    let change = Change::Exactly { add };
    let after = change.apply(subject.request());
    let meant = |runtime: &&Runtime| match subject.format() {
        Format::Compose => runtime.engine == Engine::Docker,
        Format::Kubernetes | Format::Oci => runtime.engine.is_cri(),
    };
    let all = subject.panel.runtimes().iter();
    let runtimes = all.filter(|one| meant(one) || **one == subject.options.runtime);
    let panel = Panel::new(runtimes.cloned().collect());
    let assessment = Assessment::new(&panel, subject.request(), &after, subject.entrypoint);
    let gained = assessment.gained();
    if !gained.is_empty() && !patch.allow_widen {
        let on = engines(&assessment, |effect| !effect.gained.is_empty());
        return Err(PatchError::Widens { gained, on });
    }
    if let Some(refusal) = assessment.effects.iter().find_map(|effect| effect.stops.clone()) {
        return Err(PatchError::Breaks(refusal));
    }
    let edits: Vec<Edit> =
        change.edits().into_iter().map(|change| Edit { container: id, change }).collect();
    let mut edited = manifest::apply(manifest, &edits);
    if let Some(refused) = edited.refused.pop() {
        let why = refused.message(manifest);
        return Err(PatchError::Text { why, snippet: refused.snippet });
    }
    let written = manifest::parse_source(edited.source.clone());
    let held = written
        .workloads
        .get(id.workload)
        .and_then(|w| {
            Subject::new(&written.source, w, w.pod.containers.get(id.container)?, &checker)
        })
        .ok_or(PatchError::NoSuchContainer)?
        .held;
    Ok(Patched {
        source: edited.source,
        before: subject.held,
        after: held,
        add: after_add(&change),
        lost: assessment.lost(),
        gained,
        left_out,
    })
}

type Comment = Option<String>;

/// What an `add` brings, and what it does not.
fn sort_out(subject: &Subject<'_>, needs: &[Need]) -> (Vec<(Capability, Comment)>, Vec<LeftOut>) {
    let all = needs.iter().map(|need| (need.capability, None)).collect();
    let request = Change::Exactly { add: all }.apply(subject.request());
    let effective = runtime::resolve(&subject.options.runtime, &request)
        .map_or(CapSet::EMPTY, |resolution| {
            Held::of(&resolution, request.no_new_privs, Entrypoint::Plain).effective
        });
    let now = subject.most().map_or(CapSet::EMPTY, |sets| sets.process.bounding);
    let words = subject.words(List::Add);
    let asked = words.filter_map(|(word, _)| Subject::one(&word)).collect::<CapSet>() & now;
    let (mut add, mut left_out) = (Vec::new(), Vec::new());
    for need in needs {
        let capability = need.capability;
        let carried = need.seen_granted && subject.request().user == User::NonRoot;
        // What somebody wrote down and the program uses stays: a file of the image may carry it, and
        // could not be executed without it.
        let written = asked.contains(capability);
        if effective.contains(capability) || carried || written {
            add.push((capability, need.comment.clone()));
        } else {
            left_out.push(LeftOut { capability, instead: instead(subject, capability) });
        }
    }
    (add, left_out)
}

fn after_add(change: &Change) -> CapSet {
    match change {
        Change::Exactly { add } => add.iter().map(|(capability, _)| *capability).collect(),
        _ => CapSet::EMPTY,
    }
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
        Need { capability, comment, seen_granted: false }
    }

    fn patch(uid: u32, needs: &[Need], allow_widen: bool) -> Result<Patched, PatchError> {
        let manifest = manifest::parse("web.yaml", POD.replace("UID", &uid.to_string()));
        let options = PatchOptions { allow_widen, ..PatchOptions::default() };
        set_capabilities(&manifest, ContainerId { workload: 0, container: 0 }, needs, &options)
    }

    #[test]
    fn exactly_what_is_needed_is_added_back_with_its_reason() {
        let needs = [need(Capability::CHOWN, "chown of /var/cache"), need(Capability::SETUID, "")];
        let patched = patch(0, &needs, false).unwrap();
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
        let refused = patch(0, &needs, false).unwrap_err().to_string();
        assert!(
            refused.starts_with(
                "it would be given SYS_TIME, which it does not have now on containerd"
            ),
            "{refused}"
        );
        assert_eq!(patch(0, &needs, true).unwrap().gained, gained);
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
        let patched = patch(1000, &needs, false).unwrap();
        assert_eq!(patched.add, CapSet::EMPTY);
        assert_eq!(patched.left_out.len(), 1);
        assert!(patched.left_out[0].instead[0].starts_with("nothing is needed for low ports"));
    }

    #[test]
    fn what_the_image_was_seen_to_carry_is_kept_for_it() {
        let granted = Need { seen_granted: true, ..need(Capability::NET_BIND_SERVICE, "") };
        let patched = patch(1000, &[granted], false).unwrap();
        assert_eq!(patched.add, CapSet::from(Capability::NET_BIND_SERVICE));
        assert_eq!(patched.left_out, []);
    }

    #[test]
    fn nothing_needed_leaves_no_list() {
        let patched = patch(0, &[], false).unwrap();
        assert_eq!(
            patched.source.text(),
            POD.replace("UID", "0")
                .replace("drop: [NET_RAW]", "drop: [ALL]")
                .replace("          add:\n            - KILL # why not\n", "")
        );
        assert_eq!(patched.after, Held::default());
    }
}
