//! The five sets in the OCI spec, the five sets after `execve`, and the reason for each place.

use caps::{CapSet, CapState, Capability, ExecError, ExecFile, Process};

use crate::ledger::{Ledger, Plan};
use crate::name::{Engine, Runtime};
use crate::odd::OddWord;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::request::{Request, User};
use crate::void::{self, Void};
use crate::{containerd, crio, docker, linux, nerdctl, oci, podman, spec};

/// What a container's first process holds, started as root or as somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sets {
    /// Whether it starts as root.
    pub root: bool,
    /// The OCI spec's five sets, as the OCI runtime reads them.
    pub spec: CapState,
    /// The process's five sets after the entrypoint's `execve`, as `/proc/PID/status` shows them.
    pub process: CapState,
    /// What a set-uid-root program inside could have beyond what the process has: empty with
    /// no_new_privs.
    pub regainable: CapSet,
    /// Words not written as Kubernetes writes them, and what became of each.
    pub odd: Vec<OddWord>,
    /// What an OCI configuration names without effect.
    pub void: Vec<Void>,
    bounding: Ledger,
    engine: Engine,
    /// Whether the entrypoint's file is set-uid root.
    set_uid_root: bool,
}

/// Why one capability is where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// Which.
    pub capability: Capability,
    /// Whether the process can use it: it is in the effective set.
    pub effective: bool,
    /// Why it is, or is not, in the effective set.
    pub reason: Reason,
    /// Whether it is in the bounding set.
    pub bounding: bool,
    /// Why it is, or is not, in the bounding set.
    pub bounding_reason: Reason,
}

impl Sets {
    /// Why `capability` is where it is.
    #[must_use]
    pub fn fate(&self, capability: Capability) -> Fate {
        let bounding_reason = self.bounding.reason(capability).clone();
        let bounding = self.process.bounding.contains(capability);
        let effective = self.process.effective.contains(capability);
        let reason = if effective {
            if self.root {
                bounding_reason.clone()
            } else if self.process.ambient.contains(capability) {
                Reason::Ambient { engine: self.engine }
            } else if self.set_uid_root {
                Reason::SetUidEntrypoint
            } else {
                Reason::FileCapability
            }
        } else if !bounding {
            bounding_reason.clone()
        } else if self.process.permitted.contains(capability) {
            Reason::PermittedOnly
        } else if self.root {
            Reason::LostAtExec
        } else {
            Reason::LostNonRoot
        };
        Fate { capability, effective, reason, bounding, bounding_reason }
    }

    /// The fate of every capability with a name, and of those in a set without one, by number.
    pub fn fates(&self) -> impl Iterator<Item = Fate> + '_ {
        (CapSet::all_known() | self.process.bounding).iter().map(|capability| self.fate(capability))
    }
}

/// What a request resolves to; one answer, or two when nobody knows the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// The user is known.
    Known(Box<Sets>),
    /// The image's `USER` decides.
    ByUser {
        /// If it is root.
        root: Box<Sets>,
        /// If it is not.
        non_root: Box<Sets>,
    },
    /// The image's `USER` decides, and if it is the one kind of user, the container is not started.
    OneStarts {
        /// If it is the other.
        starts: Box<Sets>,
        /// Why it is not started else.
        refusal: Box<Refusal>,
    },
}

impl Resolution {
    /// The answers: one, or two with root first. None for a user as whom the container is not started.
    pub fn sets(&self) -> impl Iterator<Item = &Sets> {
        let (first, second) = match self {
            Resolution::Known(sets) | Resolution::OneStarts { starts: sets, .. } => (sets, None),
            Resolution::ByUser { root, non_root } => (root, Some(non_root)),
        };
        std::iter::once(first).chain(second).map(AsRef::as_ref)
    }

    /// The answer with the most in it: root's, where nobody knows the user. A judgement of danger
    /// looks at this one.
    #[must_use]
    pub fn most(&self) -> &Sets {
        match self {
            Resolution::Known(sets)
            | Resolution::ByUser { root: sets, .. }
            | Resolution::OneStarts { starts: sets, .. } => sets,
        }
    }

    /// The answer with the least in it: non-root's, where nobody knows the user. A promise that
    /// something works looks at this one.
    #[must_use]
    pub fn least(&self) -> &Sets {
        match self {
            Resolution::Known(sets)
            | Resolution::ByUser { non_root: sets, .. }
            | Resolution::OneStarts { starts: sets, .. } => sets,
        }
    }

    /// Why the container is not started, if it is not as one of the two kinds of user.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Resolution::Known(_) | Resolution::ByUser { .. } => None,
            Resolution::OneStarts { refusal, .. } => Some(refusal),
        }
    }

    /// What the process holds (effective) whoever the user is: nothing where it is not started as one.
    #[must_use]
    pub fn surely_effective(&self) -> CapSet {
        let most = if self.refusal().is_some() { CapSet::EMPTY } else { !CapSet::EMPTY };
        self.sets().fold(most, |all, sets| all & sets.process.effective)
    }

    /// What the process may hold (effective), depending on the user.
    #[must_use]
    pub fn possibly_effective(&self) -> CapSet {
        self.sets().fold(CapSet::EMPTY, |any, sets| any | sets.process.effective)
    }

    /// The bounding set, which does not depend on the user.
    #[must_use]
    pub fn bounding(&self) -> CapSet {
        self.most().process.bounding
    }
}

/// Resolves `request` for `runtime`.
///
/// # Errors
/// A [`Refusal`] where the container is not created or its entrypoint not executed; where nobody knows
/// the user, whoever it is.
///
/// ```
/// use dropcap_runtime::{Request, Runtime, User, resolve};
/// let runtime: Runtime = "containerd".parse().unwrap();
/// let request = Request { add: vec!["CAP_SYS_ADMIN".into()], user: User::Root, ..Request::default() };
/// let resolution = resolve(&runtime, &request).unwrap();
/// let fate = resolution.most().fate(caps::Capability::SYS_ADMIN);
/// assert_eq!(fate.reason.to_string(), "ignored: `CAP_SYS_ADMIN` becomes CAP_CAP_SYS_ADMIN on containerd");
/// ```
pub fn resolve(runtime: &Runtime, request: &Request) -> Result<Resolution, Refusal> {
    let sets = |root| sets(runtime, request, root).map(Box::new);
    Ok(match request.user {
        User::Root => Resolution::Known(sets(true)?),
        User::NonRoot => Resolution::Known(sets(false)?),
        User::Unknown => match (sets(true), sets(false)) {
            (Ok(root), Ok(non_root)) => Resolution::ByUser { root, non_root },
            (Ok(starts), Err(refusal)) | (Err(refusal), Ok(starts)) => {
                Resolution::OneStarts { starts, refusal: Box::new(refusal) }
            }
            (Err(refusal), Err(_)) => return Err(refusal),
        },
    })
}

/// One answer.
fn sets(runtime: &Runtime, request: &Request, root: bool) -> Result<Sets, Refusal> {
    let engine = runtime.engine;
    let plan = match (&request.spec, engine) {
        (Some(spec), _) => spec::plan(runtime, request, spec)?,
        (None, Engine::Containerd) => containerd::plan(runtime, request),
        (None, Engine::Crio) => crio::plan(runtime, request)?,
        (None, Engine::Docker) => docker::plan(runtime, request, root)?,
        (None, Engine::Podman) => podman::plan(runtime, request, root)?,
        (None, Engine::Nerdctl) => nerdctl::plan(runtime, request),
        (None, Engine::Linux) => linux::plan(runtime, request)?,
    };
    let Plan { mut bounding, permitted, effective, inheritable, ambient, odd, .. } =
        oci::read(runtime, plan)?;
    let spec = CapState {
        bounding: bounding.set(),
        permitted,
        effective: effective.unwrap_or(permitted),
        inheritable,
        ambient,
    };
    startable(runtime, spec)?;
    let void = void::find(runtime, request, &spec);
    // A bounding set only ever shrinks: what the spec names beyond the daemon's own is not there.
    bounding.keep(runtime.own, &Reason::BeyondDaemon { engine });
    let process = after_exec(CapState { bounding: bounding.set(), ..spec }, root, request)?;
    let regainable = if request.no_new_privs {
        CapSet::EMPTY
    } else {
        (process.bounding | process.inheritable) - process.permitted
    };
    let set_uid_root = request.set_uid == Some(0);
    Ok(Sets { root, spec, process, regainable, odd, void, bounding, engine, set_uid_root })
}

/// What the kernel demands when the OCI runtime sets the sets, security/commoncap.c `cap_capset`.
fn startable(runtime: &Runtime, spec: CapState) -> Result<(), Refusal> {
    let engine = runtime.engine;
    let missing = spec.permitted - runtime.own;
    if !missing.is_empty() {
        return Err(Refusal::BeyondDaemon { engine, missing });
    }
    let missing = spec.effective - spec.permitted;
    if !missing.is_empty() {
        return Err(Refusal::EffectiveBeyondPermitted { missing });
    }
    let missing = spec.inheritable - spec.bounding;
    if !missing.is_empty() {
        return Err(Refusal::InheritableBeyondBounding { engine, missing });
    }
    Ok(())
}

/// The entrypoint's `execve`, out of the state in which the OCI runtime leaves the process. The
/// ambient set is raised one by one and what cannot be raised is left out with a warning; the
/// other sets are set as they stand in the spec.
fn after_exec(spec: CapState, root: bool, request: &Request) -> Result<CapState, Refusal> {
    // Any number but 0 will do: nothing here depends on it.
    let id = if root { 0 } else { 65534 };
    let ambient = spec.ambient & spec.permitted & spec.inheritable;
    let before = Process {
        no_new_privs: request.no_new_privs,
        ..Process::new(id, id, CapState { ambient, ..spec })
    };
    let plain = ExecFile::plain();
    let file = match request.set_uid {
        Some(uid) => ExecFile { uid, mode: plain.mode | 0o4000, ..plain },
        None => plain,
    };
    let file = ExecFile { caps: request.entrypoint, ..file };
    match caps::exec(&before, &file) {
        Ok(after) => Ok(after.caps),
        Err(
            ExecError::FileCapsExceedBounding { missing }
            | ExecError::AmbientInvariant { excess: missing },
        ) => Err(Refusal::Entrypoint { missing }),
    }
}
