//! A profile in the form that another system reads: Kubernetes, kustomize, Compose, Docker, Podman,
//! systemd, an admission policy. Pure: text in memory, and what a person should know of it.

mod comments;
mod compose;
mod docker;
mod effect;
mod flags;
mod k8s;
mod kustomize;
mod podman;
mod remark;
mod systemd;
mod vap;
mod zero;

use caps::{CapSet, Capability};
use record::basis::Basis;
use record::profile::Profile;
use record::requirement::for_reading;

pub use k8s::Place;
pub use remark::Remark;
pub use vap::{Action, Policy};
pub use zero::{ZeroPlace, zero_patch};

use crate::patch::Incomplete;

/// Whose form it is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// A `securityContext`, or a strategic merge patch where the workload is known.
    K8s,
    /// A kustomize component.
    Kustomize,
    /// An override file of Compose.
    Compose,
    /// Options of `docker run`.
    Docker,
    /// Options of `podman run`.
    Podman,
    /// A drop-in of a service.
    Systemd,
    /// A ValidatingAdmissionPolicy and its binding.
    Vap,
}

impl Form {
    /// All of them, in the order in which help lists them.
    pub const ALL: [Form; 7] = [
        Form::K8s,
        Form::Kustomize,
        Form::Compose,
        Form::Docker,
        Form::Podman,
        Form::Systemd,
        Form::Vap,
    ];

    /// The word on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Form::K8s => "k8s",
            Form::Kustomize => "kustomize",
            Form::Compose => "compose",
            Form::Docker => "docker",
            Form::Podman => "podman",
            Form::Systemd => "systemd",
            Form::Vap => "vap",
        }
    }

    /// Whether several profiles fit into one.
    #[must_use]
    pub const fn takes_many(self) -> bool {
        matches!(self, Form::Kustomize | Form::Vap)
    }
}

/// What a person decides about the form.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether a profile that does not say everything is taken.
    pub incomplete: Incomplete,
    /// Kubernetes and kustomize: which container, where the profile says another or none.
    pub place: Place,
    /// Compose: the service; without it the profile's container, or its name.
    pub service: Option<String>,
    /// Docker, Podman, systemd: as whom the program runs.
    pub user: Option<String>,
    /// systemd: raise ambient capabilities, for a unit that has a `User=` of its own.
    pub ambient: bool,
    /// Docker, Podman, systemd: `no_new_privs`, prctl(2).
    pub no_new_privs: bool,
    /// The admission policy.
    pub policy: Policy,
}

/// An exported profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// What the other system reads; ends with a line break.
    pub text: String,
    /// What a person should know before using it.
    pub remarks: Vec<Remark>,
}

/// Why a profile has no such form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing was watched, or not all of it: nothing seen is not nothing needed.
    #[error("the profile {name} is incomplete: {why}")]
    Incomplete {
        /// The profile.
        name: String,
        /// Why.
        why: String,
    },
    /// It needs what has no name yet, and no other system reads a number.
    #[error("the profile {name} needs {set}, which this dropcap knows no name of")]
    Nameless {
        /// The profile.
        name: String,
        /// The numbers.
        set: CapSet,
    },
    /// No profile at all.
    #[error("no profile to export")]
    NoProfile,
    /// Several, where one fits.
    #[error("{} takes one profile, and here are {count}", .form.word())]
    Several {
        /// The form.
        form: Form,
        /// How many there are.
        count: usize,
    },
    /// A place was named, and several profiles.
    #[error("a workload, a container or a namespace is named, and here are {count} profiles")]
    OnePlace {
        /// How many there are.
        count: usize,
    },
    /// The profile does not say which container.
    #[error("the profile {name} names no container")]
    NoContainer {
        /// The profile.
        name: String,
    },
    /// The profile does not say which workload.
    #[error("the profile {name} names no workload")]
    NoWorkload {
        /// The profile.
        name: String,
    },
    /// Not a workload.
    #[error("{workload:?} is no workload; expected KIND/NAME, such as Deployment/web")]
    Workload {
        /// What was written.
        workload: String,
    },
    /// Lists of other kinds are not merged by name, so that a patch would replace all containers.
    #[error(
        "{kind} is no kind of Kubernetes itself: a patch would replace its whole list of containers"
    )]
    Kind {
        /// The kind.
        kind: String,
    },
    /// Two profiles for one container.
    #[error("{one} and {other} are both about container {container} of {workload}")]
    SameContainer {
        /// The first profile.
        one: String,
        /// The second.
        other: String,
        /// The container.
        container: String,
        /// Its workload.
        workload: String,
    },
    /// By image, and the profile names none.
    #[error("the profile {name} names no image")]
    NoImage {
        /// The profile.
        name: String,
    },
    /// Neither a profile nor a word of what is allowed.
    #[error("nothing says what the policy is to allow")]
    NothingAllowed,
    /// A name that the API server refuses.
    #[error(
        "{name:?} is no name for a policy; expected a DNS subdomain: letters a-z, digits, - and ., at most 253"
    )]
    PolicyName {
        /// The name.
        name: String,
    },
    /// Actions that do not go together.
    #[error("{0}")]
    Actions(&'static str),
}

/// Writes profiles in this form.
///
/// # Errors
/// [`Error`].
pub fn export(form: Form, profiles: &[Profile], options: &Options) -> Result<Exported, Error> {
    if options.incomplete == Incomplete::Refuse
        && let Some(profile) = profiles.iter().find(|profile| !profile.status.complete)
    {
        let why = profile.status.incomplete.join("; ");
        return Err(Error::Incomplete { name: profile.metadata.name.clone(), why });
    }
    for profile in profiles {
        let set = profile.add() - CapSet::all_known();
        if !set.is_empty() {
            return Err(Error::Nameless { name: profile.metadata.name.clone(), set });
        }
    }
    let one = || match profiles {
        [] => Err(Error::NoProfile),
        [one] => Ok(one),
        several => Err(Error::Several { form, count: several.len() }),
    };
    let mut exported = match form {
        Form::K8s => k8s::export(one()?, &options.place)?,
        Form::Kustomize => kustomize::export(profiles, &options.place)?,
        Form::Compose => compose::export(one()?, options)?,
        Form::Docker => docker::export(one()?, options),
        Form::Podman => podman::export(one()?, options),
        Form::Systemd => systemd::export(one()?, options),
        Form::Vap => vap::export(profiles, &options.policy)?,
    };
    if form != Form::Vap {
        let user = options.user.as_deref();
        let others = profiles.iter().filter_map(|profile| effect::other_user(profile, user));
        exported.remarks.extend(others);
    }
    exported.remarks.extend(profiles.iter().filter_map(less));
    Ok(exported)
}

/// With which changes it would need less: the form has its list as it is started now.
fn less(profile: &Profile) -> Option<Remark> {
    let way = profile.ways().min_by_key(|way| way.needed.len())?;
    Some(Remark::Less {
        name: profile.metadata.name.clone(),
        needs: way.needed,
        changes: way.zero.holding().map(ToString::to_string).collect(),
        alone: !way.zero.doubts.is_empty(),
    })
}

/// One capability that goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    capability: Capability,
    doubtful: bool,
    /// What it is for.
    why: Option<String>,
}

impl Item {
    /// The comment beside it, if there is something to say.
    fn comment(&self) -> Option<String> {
        match (self.doubtful, &self.why) {
            (true, Some(why)) => Some(format!("doubtful: {why}")),
            (true, None) => Some("doubtful".to_owned()),
            (false, why) => why.clone(),
        }
    }
}

/// All that goes out, in the order of the kernel's numbers.
fn items(profile: &Profile) -> Vec<Item> {
    let item = |capability| {
        let uses = for_reading(profile.why(capability).flat_map(|requirement| &requirement.uses));
        let seen = uses.split_first().map(|(first, rest)| {
            let start = if first.at_start { ", at start" } else { "" };
            let more = if rest.is_empty() { "" } else { &format!(", and {} more", rest.len()) };
            format!("{} by {}{start}{more}", first.what, first.by)
        });
        let refused = || {
            let denied = profile.refused_meanwhile(capability)?;
            Some(format!("{} by {}, refused in a run that passed", denied.what, denied.by))
        };
        let why = seen.or_else(refused);
        let doubtful = profile.spec.capabilities.doubtful.contains(capability);
        Item { capability, doubtful, why }
    };
    profile.add().iter().map(item).collect()
}

/// The doubtful, for forms that cannot say it themselves.
fn doubtful(profile: &Profile) -> Option<Remark> {
    let set = profile.spec.capabilities.doubtful - profile.spec.capabilities.needed;
    (set != CapSet::EMPTY).then_some(Remark::Doubtful { set })
}

/// What stands above: whose needs these are, and how well they are known.
fn head(profile: &Profile) -> Vec<String> {
    let target = &profile.spec.target;
    let about: Vec<String> =
        [("", &target.workload), ("container ", &target.container), ("image ", &target.image)]
            .into_iter()
            .filter_map(|(word, value)| value.as_ref().map(|value| format!("{word}{value}")))
            // Another one needs something else.
            .chain(target.user.map(|uid| format!("as user {uid}")))
            .collect();
    let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
    let status = &profile.status;
    let known = match profile.basis() {
        Basis::Proven(_) => "Proven by trials.".to_owned(),
        Basis::Tried(search) => format!("Tried: {}.", search.words()),
        Basis::Traced => "Traced, not proven by trials.".to_owned(),
        Basis::Written => "Written by hand.".to_owned(),
    };
    let mut lines = vec![format!("dropcap: what {}{about} needs. {known}", profile.metadata.name)];
    if !status.runs.is_empty() {
        lines.extend(status.incomplete.iter().map(|why| format!("Incomplete: {why}.")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use record::profile::Target;

    use super::*;

    #[test]
    fn who_exports_for_another_user_than_it_was_learnt_as_is_told() {
        let said = |learnt: Option<u32>, as_root: Option<bool>, user: Option<&str>| {
            let target = Target { user: learnt, ..Target::default() };
            let run = record::profile::Run {
                id: "1".to_owned(),
                recorded: None,
                kernel: "6.12.0".to_owned(),
                architecture: "x86_64".to_owned(),
                backend: "tp_btf".to_owned(),
                target: record::observation::Target::Command { argv: vec!["web".to_owned()] },
                start_seen: true,
                as_root,
                duration_ms: 1,
                exit: None,
                lost: record::observation::Lost::default(),
                incomplete: Vec::new(),
                helpers: Vec::new(),
            };
            let profile = Profile::new("web", target, Vec::new(), vec![run]);
            let options = Options {
                user: user.map(str::to_owned),
                incomplete: Incomplete::Accept,
                ..Options::default()
            };
            let exported = export(Form::Docker, &[profile], &options).expect("it is exported");
            let [one] = exported.remarks.as_slice() else { return None };
            Some(one.to_string())
        };
        for (learnt, as_root, user) in [
            (None, None, Some("33")),
            (None, Some(true), None),
            (None, Some(true), Some("0:5")),
            (None, Some(true), Some("root")),
            (None, Some(false), Some("33")),
            (Some(33), Some(false), Some("33:5")),
            (Some(0), Some(true), Some("root")),
        ] {
            assert_eq!(said(learnt, as_root, user), None, "{learnt:?} {as_root:?} {user:?}");
        }
        for (learnt, as_root, user, expected) in [
            (None, Some(true), Some("33"), "root: what it needs as 33 nobody has seen"),
            (None, Some(true), Some("www"), "root: what it needs as www nobody has seen"),
            (
                None,
                Some(false),
                Some("0"),
                "a user that is not root: what it needs as 0 nobody has seen",
            ),
            (Some(33), None, Some("34"), "user 33: what it needs as 34 nobody has seen"),
            (Some(33), None, None, "user 33: it holds where it runs as that one"),
        ] {
            let expected = format!("web was learnt as {expected}");
            assert_eq!(said(learnt, as_root, user), Some(expected));
        }
    }

    #[test]
    fn as_whom_it_was_learnt_stands_above() {
        let target = |user| Target { image: Some("web:1".to_owned()), user, ..Target::default() };
        let above =
            |user| head(&Profile::new("web", target(user), Vec::new(), Vec::new())).remove(0);
        assert_eq!(above(None), "dropcap: what web (image web:1) needs. Written by hand.");
        let chosen = "dropcap: what web (image web:1, as user 33) needs. Written by hand.";
        assert_eq!(above(Some(33)), chosen);
    }
}
