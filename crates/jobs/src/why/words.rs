//! The diagnosis in a person's words.

use caps::Capability;
use judge::why::{self, Cause, End, Lack};

use super::{Ended, Kind, Likelihood};

/// `CHOWN`, `DAC_OVERRIDE (or DAC_READ_SEARCH)`.
pub(super) fn names(any_of: &[Capability]) -> String {
    match any_of {
        [] => "a capability".to_owned(),
        [one] => one.to_string(),
        [first, rest @ ..] => {
            let rest: Vec<String> = rest.iter().map(ToString::to_string).collect();
            format!("{first} (or {})", rest.join(", "))
        }
    }
}

pub(super) fn kind(cause: &Cause) -> Kind {
    match cause {
        Cause::Capability { lack, .. } => match lack {
            Lack::Missing => Kind::Missing,
            Lack::Seccomp => Kind::MissingForSeccomp,
            Lack::NonRoot { .. } => Kind::NonRoot,
            Lack::GivenUp { .. } => Kind::GivenUp,
            Lack::Outer => Kind::OuterNamespace,
        },
        Cause::NoNewPrivileges { .. } => Kind::NoNewPrivileges,
        Cause::Elsewhere { kind, .. } => match kind {
            why::Kind::Seccomp => Kind::Seccomp,
            why::Kind::SecurityModule => Kind::SecurityModule,
            why::Kind::FileMode => Kind::FileMode,
            why::Kind::ReadOnly => Kind::ReadOnly,
            why::Kind::Limit => Kind::Limit,
            why::Kind::Device => Kind::Device,
            why::Kind::Disk => Kind::Disk,
            why::Kind::Network => Kind::Network,
            why::Kind::Program | why::Kind::Noise => Kind::Program,
            why::Kind::FileCapabilities => Kind::FileCapabilities,
            why::Kind::Kernel => Kind::Kernel,
            why::Kind::Memory => Kind::Memory,
        },
    }
}

/// What is wrong, before the call that shows it.
pub(super) fn lead(cause: &Cause) -> String {
    match cause {
        Cause::Capability { any_of, lack } => {
            let names = names(any_of);
            match lack {
                Lack::Missing => format!("{names} is missing"),
                Lack::Seccomp => format!("{names} is missing, it seems"),
                Lack::NonRoot { uid, .. } => format!("{names} is out of reach of user {uid}"),
                Lack::GivenUp { uid: 0 } => format!("{names} was given up"),
                Lack::GivenUp { uid } => format!("{names} was given up with root, by user {uid}"),
                Lack::Outer => format!("{names} is wanted on the node itself"),
            }
        }
        Cause::NoNewPrivileges { program, set_id, .. } => {
            format!("no_new_privs kept {program}, which is {set_id}, from gaining anything")
        }
        Cause::Elsewhere { kind: why::Kind::FileCapabilities, .. } => {
            "the file's own capabilities are beyond the container's".to_owned()
        }
        Cause::Elsewhere { kind, .. } => {
            let what = match kind {
                why::Kind::Seccomp => "seccomp",
                why::Kind::SecurityModule => "a security module or the file's flags",
                why::Kind::FileMode => "the file's mode",
                why::Kind::ReadOnly => "a read-only file system",
                why::Kind::Limit => "a limit",
                why::Kind::Device => "a device",
                why::Kind::Disk => "a full disk",
                why::Kind::Network => "the network",
                why::Kind::Program | why::Kind::Noise | why::Kind::FileCapabilities => {
                    "the program's file"
                }
                why::Kind::Kernel => "the kernel",
                why::Kind::Memory => "memory",
            };
            format!("no capability but {what}")
        }
    }
}

/// Why that is so.
pub(super) fn why(cause: &Cause) -> String {
    match cause {
        Cause::Capability { any_of, lack } => {
            let names = names(any_of);
            match lack {
                Lack::Missing => {
                    format!("the kernel asked for {names}, which the container does not have")
                }
                Lack::Seccomp => format!(
                    "the call failed before the kernel asked for a capability, and the default \
                     seccomp profile of container engines opens it only to containers with {names}"
                ),
                Lack::NonRoot { uid, .. } => format!(
                    "the kernel asked for {names}; user {uid} is not root, and what a container \
                     has is root's alone unless the runtime or the program's file hands it on"
                ),
                Lack::GivenUp { .. } => format!(
                    "the kernel asked for {names}; the container has it, and the process gave it \
                     up itself: more for the container changes nothing"
                ),
                Lack::Outer => format!(
                    "the kernel asked for {names} in a user namespace above the container's, where \
                     nothing counts that the container has (hostUsers: false)"
                ),
            }
        }
        Cause::NoNewPrivileges { program, refused, .. } => {
            let asked = if refused.is_empty() {
                "it gave up before it asked the kernel for anything".to_owned()
            } else {
                format!("it was refused {refused}")
            };
            format!(
                "with no_new_privs set, execve ignores set-uid bits and file capabilities; {program} \
                 ran as who started it, and {asked}"
            )
        }
        Cause::Elsewhere { why, .. } => why.clone(),
    }
}

pub(super) fn likelihood(likelihood: why::Likelihood) -> Likelihood {
    match likelihood {
        why::Likelihood::Sure => Likelihood::Sure,
        why::Likelihood::Likely => Likelihood::Likely,
        why::Likelihood::Possible => Likelihood::Possible,
    }
}

pub(super) fn ended(end: End) -> Ended {
    match end {
        End::Running => Ended::Running,
        End::Well => Ended::Well,
        End::Badly(_) => Ended::Badly,
        End::Unknown => Ended::Unknown,
    }
}
