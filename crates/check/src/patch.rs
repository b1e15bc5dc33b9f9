//! A learnt or proven set written into a container: drop ALL, and exactly that added back.

use caps::{CapSet, Capability};
use manifest::{ContainerId, Edit, Format, Manifest, Refused, Source};
use runtime::{List, Refusal, Request, User};

use crate::assess::Assessment;
use crate::checked::Checker;
use crate::exactly::{Exactly, KeptWord, exactly};
use crate::fix::{Change, engines, names};
use crate::holding::Held;
use crate::learnt::Need;
use crate::options::Options;
use crate::standing::Answered;
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
    /// Whether its image's own user is known to be root.
    pub as_root: bool,
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
    /// That, each with the runtimes on which it had it not, as a person calls them.
    pub gained_on: Vec<(CapSet, String)>,
    /// What is needed and was not added, because it would not take effect.
    pub left_out: Vec<LeftOut>,
    /// What is needed and was not added, because the container does not have it now; only with
    /// [`Widen::LeaveOut`].
    pub withheld: CapSet,
    /// Words that stay as they are written.
    pub kept: Vec<KeptWord>,
    /// Whether what is added for what has no place to stand: the list is written in brackets.
    pub unexplained: bool,
}

/// What is to be written into one container.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The container.
    pub id: ContainerId,
    /// What it needs.
    pub needs: &'a [Need],
    /// What stays because somebody answers for it.
    pub answered: &'a [Answered],
    /// Whether its image's own user is known to be root.
    pub as_root: bool,
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
    #[error("it would be given {gained}, which it does not have now on {on}{}", unless(*.unless_root))]
    Widens {
        /// What it would gain.
        gained: CapSet,
        /// The runtimes on which it would.
        on: String,
        /// Whether it would not if the image's user were known to be root.
        unless_root: bool,
    },
    /// Less than it needs and has.
    #[error("it would lose {taken} on {on}: that is needed")]
    Takes {
        /// What it would lose.
        taken: String,
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
        /// The same for who has other places to name, where it is the text of a container.
        refused: Option<Box<Refused>>,
    },
}

/// For whom not, where nobody knows the user.
const fn unless(root: bool) -> &'static str {
    if root { ", unless its image's user is root" } else { "" }
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
    let wanted = Wanted { id, needs, answered: &[], as_root: patch.as_root };
    let (_, mut each) = set_all(&checker, manifest, &[wanted], patch.widen);
    each.pop().unwrap_or(Err(PatchError::NoSuchContainer))
}

/// As [`set_capabilities`] for several containers of a manifest, each with its needs: the manifest
/// with everything that could be written, and for each container what came of it.
///
/// What the containers get is resolved again. That nothing is given and nothing needed is taken is judged
/// on the runtimes that read such a manifest (those that speak CRI; of a Compose file Docker, Podman and
/// nerdctl) and on the one in the options: a set that a person wants in a cluster is not refused for what
/// another engine would make of the manifest.
pub fn set_all(
    checker: &Checker,
    manifest: &Manifest,
    wanted: &[Wanted<'_>],
    widen: Widen,
) -> (Manifest, Vec<Result<Patched, PatchError>>) {
    let planned: Vec<_> =
        wanted.iter().map(|wanted| Planned::new(checker, manifest, wanted, widen)).collect();
    let mut edits = Vec::new();
    for (Wanted { id, .. }, planned) in wanted.iter().zip(&planned) {
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
        // What it has comes to the same on every runtime, in other words.
        let has_it = planned.assessment.effects.is_empty();
        let refused = edited.refused.iter().find(|refused| refused.container == id);
        if let Some(refused) = refused.filter(|_| !has_it) {
            let (why, snippet) = (refused.message(manifest), refused.snippet.clone());
            let refused = Some(Box::new(refused.clone()));
            return Err(PatchError::Text { why, snippet, refused });
        }
        let after = subject(checker, &edited.manifest, id)?;
        let gained_on = planned.assessment.gained_on().into_iter();
        Ok(Patched {
            unexplained: planned.change.explains() && after.is_in_brackets(List::Add),
            source: edited.source.clone(),
            changed: edited.changed.contains(&id),
            before: planned.before,
            after: after.held,
            add: planned.change.added(),
            lost: planned.assessment.lost(),
            gained: planned.assessment.gained(),
            gained_on: gained_on.map(|(set, on)| (set, names(&on))).collect(),
            left_out: planned.left_out,
            withheld: planned.withheld,
            kept: planned.kept,
        })
    };
    let ids = wanted.iter().map(|wanted| wanted.id);
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
    kept: Vec<KeptWord>,
}

impl Planned {
    fn new(
        checker: &Checker,
        manifest: &Manifest,
        wanted: &Wanted<'_>,
        widen: Widen,
    ) -> Result<Self, PatchError> {
        let Wanted { id, needs, answered, as_root } = *wanted;
        let subject = subject(checker, manifest, id)?;
        if subject.is_privileged() {
            return Err(PatchError::Privileged);
        }
        if subject.format() == Format::Oci {
            let why = manifest::Refusal::Format { format: Format::Oci }.to_string();
            return Err(PatchError::Text { why, snippet: String::new(), refused: None });
        }
        let Exactly { change, left_out, withheld, kept, .. } =
            exactly(&subject, needs, answered, widen);
        let assess = |before: &Request| {
            Assessment::new(subject.own, before, &change.apply(before), subject.entrypoint)
        };
        let asked = subject.request().clone();
        let before = &if as_root { asked.of_root() } else { asked };
        let assessment = assess(before);
        let gained = assessment.gained();
        if !gained.is_empty() && widen != Widen::Allow {
            let on = engines(&assessment, |effect| !effect.gained.is_empty());
            let root = Request { user: User::Root, ..before.clone() };
            let unless_root = before.user == User::Unknown && assess(&root).gained().is_empty();
            return Err(PatchError::Widens { gained, on, unless_root });
        }
        if let Some(refusal) = assessment.effects.iter().find_map(|effect| effect.stops.clone()) {
            return Err(PatchError::Breaks(refusal));
        }
        let taken = assessment.taken(needs);
        if !taken.is_none() {
            return Err(PatchError::Takes { taken: taken.words(), on: names(&taken.on) });
        }
        Ok(Self { change, assessment, before: subject.held, left_out, withheld, kept })
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
        patch_text(&POD.replace("UID", &uid.to_string()), needs, widen)
    }

    fn patch_text(text: &str, needs: &[Need], widen: Widen) -> Result<Patched, PatchError> {
        let manifest = manifest::parse("web.yaml", text);
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
        let text = POD.replace("UID", "1000").replace("drop: [NET_RAW]", "drop: [ALL]");
        let needs = [need(Capability::KILL, ""), need(Capability::SETUID, "")];
        let patched = patch_text(&text, &needs, Widen::Refuse).unwrap();
        assert_eq!(patched.add, CapSet::from(Capability::KILL));
        assert_eq!(patched.left_out.len(), 1);
    }

    /// A set-uid program, or a file with capabilities, takes it from there.
    #[test]
    fn what_is_needed_stays_in_the_bounding_set_of_one_that_is_not_root() {
        let needs = [need(Capability::NET_BIND_SERVICE, ""), need(Capability::SYS_TIME, "")];
        let patched = patch(1000, &needs, Widen::LeaveOut).unwrap();
        assert_eq!(patched.add, CapSet::from(Capability::NET_BIND_SERVICE));
        assert_eq!(patched.left_out.len(), 1, "{:?}", patched.left_out);
        assert_eq!(patched.gained, CapSet::EMPTY);
    }

    /// containerd makes CAP_CAP_NET_ADMIN of it, and CRI-O grants it.
    #[test]
    fn what_one_runtime_alone_reads_stays_as_it_is_written() {
        let text = POD
            .replace("UID", "0")
            .replace("drop: [NET_RAW]", "drop: [ALL]")
            .replace("- KILL # why not", "- CAP_NET_ADMIN\n            - SYS_TIME");
        let needs = [need(Capability::NET_ADMIN, "")];
        let patched = patch_text(&text, &needs, Widen::LeaveOut).unwrap();
        assert_eq!(patched.source.text(), text.replace("            - SYS_TIME\n", ""));
        let [kept] = patched.kept.as_slice() else { panic!("{:?}", patched.kept) };
        assert_eq!(kept.word, "CAP_NET_ADMIN");
        assert!(kept.why.contains("held on CRI-O"), "{}", kept.why);
        assert_eq!((patched.withheld, patched.gained), (CapSet::EMPTY, CapSet::EMPTY));
        let allowed = patch_text(&text, &needs, Widen::Allow).unwrap();
        assert!(allowed.source.text().contains("- NET_ADMIN"), "{}", allowed.source.text());
        let [(gained, on)] = allowed.gained_on.as_slice() else {
            panic!("{:?}", allowed.gained_on)
        };
        assert_eq!((*gained, on.as_str()), (CapSet::from(Capability::NET_ADMIN), "containerd"));
    }

    #[test]
    fn what_one_engine_that_reads_the_file_does_not_give_is_not_written() {
        let text = "services:\n  web:\n    image: web\n    user: \"0\"\n";
        let needs = [need(Capability::NET_RAW, ""), need(Capability::CHOWN, "")];
        let refused = patch_text(text, &needs, Widen::LeaveOut).unwrap_err().to_string();
        assert_eq!(refused, "it would be given NET_RAW, which it does not have now on Podman");
        // Podman makes what is added ambient for a user that is not root.
        let other = text.replace("\"0\"", "\"33\"");
        let refused = patch_text(&other, &needs[1..], Widen::LeaveOut).unwrap_err().to_string();
        assert_eq!(refused, "it would be given CHOWN, which it does not have now on Podman");
        // Nobody knows the image's.
        let unknown = text.replace("    user: \"0\"\n", "");
        let refused = patch_text(&unknown, &needs[1..], Widen::LeaveOut).unwrap_err().to_string();
        assert!(refused.ends_with("now on Podman, unless its image's user is root"), "{refused}");
        let written = patch_text(text, &needs[1..], Widen::LeaveOut).unwrap();
        assert_eq!(written.add, CapSet::from(Capability::CHOWN));
    }

    #[test]
    fn what_would_not_take_effect_is_not_added() {
        let needs = [need(Capability::NET_BIND_SERVICE, "")];
        let text = POD.replace("UID", "1000").replace("drop: [NET_RAW]", "drop: [ALL]");
        let patched = patch_text(&text, &needs, Widen::Refuse).unwrap();
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
