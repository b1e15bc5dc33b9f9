//! How dangerous a capability is where it is held: how far it reaches, and what in the manifest
//! makes it reach further. The facts are those of [`caps::knowledge`].

use caps::{Amplifier, CapSet, Capability, Reach, knowledge};
use manifest::Span;

use crate::exposure::Exposure;
use crate::severity::Severity;

/// How dangerous a capability is at one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Danger {
    /// Which.
    pub capability: Capability,
    /// How bad it is that it is effective.
    pub severity: Severity,
    /// What that is, to follow the name: `a way out of the container`.
    pub what: &'static str,
    /// Why, as a sentence.
    pub why: String,
    /// What in the manifest makes it worse, or milder.
    pub because: Vec<(Span, String)>,
}

/// Whether it is one of the four this project watches above all.
#[must_use]
pub fn is_big_four(capability: Capability) -> bool {
    knowledge(capability).is_some_and(|known| known.big_four)
}

/// Whether a capability may be kept by a waiver only: one of the Big Four, or one that escapes by
/// itself.
#[must_use]
pub fn demands_waiver(capability: Capability) -> bool {
    knowledge(capability).is_some_and(|known| known.big_four || known.reach == Reach::Escape)
}

impl Danger {
    /// ` (Big Four)` for one of them, to put behind the name.
    #[must_use]
    pub fn mark(&self) -> &'static str {
        if is_big_four(self.capability) { " (Big Four)" } else { "" }
    }
}

/// How dangerous `capability` is where `held` is all that could take effect.
///
/// Out of the container is an error, the node a warning, the pod a note. What nobody sees in a
/// manifest, an error in the kernel or a missing seccomp profile, counts as a warning; one of the
/// Big Four is never less. In a user namespace of the pod's own everything is one step milder.
///
/// The answer never grows when `held` shrinks: only pairs look at it.
pub(crate) fn of(capability: Capability, held: CapSet, exposure: &Exposure) -> Danger {
    let Some(known) = knowledge(capability) else {
        let why = "It is newer than this program, which cannot tell what it allows.".to_owned();
        let (severity, what) = (Severity::Warning, "of unknown reach");
        return Danger { capability, severity, what, why, because: Vec::new() };
    };
    let mut severity = of_reach(known.reach);
    let mut what = of_what(known.reach);
    let mut why = known.why.clone();
    let mut because = Vec::new();
    for amplified in &known.amplified {
        let (level, places) = match amplified.by {
            Amplifier::KernelBug | Amplifier::SeccompUnconfined => (Severity::Warning, Vec::new()),
            Amplifier::With(other) if held.contains(other) => {
                (of_reach(amplified.reach), Vec::new())
            }
            by => match place(by, exposure) {
                Some(place) => (of_reach(amplified.reach), vec![place]),
                None => continue,
            },
        };
        if level > severity {
            severity = level;
            because = places;
            why = capitalised(&format!("{} (with {}).", amplified.why, amplified.by));
            what = match amplified.by {
                Amplifier::KernelBug => "a way out by a kernel bug",
                Amplifier::SeccompUnconfined => "a way out without seccomp",
                _ => of_what(amplified.reach),
            };
        }
    }
    if known.big_four && severity < Severity::Warning {
        severity = Severity::Warning;
        what = "a large part of root";
    }
    if let Some(span) = exposure.user_namespace
        && severity > Severity::Note
    {
        severity = severity.milder(1);
        what = "dangerous, though in a user namespace of its own";
        because.push((span, "milder: a user namespace of its own".to_owned()));
    }
    Danger { capability, severity, what, why, because }
}

const fn of_reach(reach: Reach) -> Severity {
    match reach {
        Reach::Itself | Reach::Pod => Severity::Note,
        Reach::Node => Severity::Warning,
        Reach::Escape => Severity::Error,
    }
}

const fn of_what(reach: Reach) -> &'static str {
    match reach {
        Reach::Itself => "of little use to anybody",
        Reach::Pod => "power inside the pod",
        Reach::Node => "power over the node",
        Reach::Escape => "a way out of the container",
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Where the manifest has this amplifier, if it does.
fn place(amplifier: Amplifier, exposure: &Exposure) -> Option<(Span, String)> {
    let (span, text) = match amplifier {
        Amplifier::HostPath => {
            let (path, span) = exposure.writable_host_path.as_ref()?;
            (*span, format!("the node's {path}, writable"))
        }
        Amplifier::HostPid => (exposure.host_pid?, "the node's processes".to_owned()),
        Amplifier::HostNetwork => (exposure.host_network?, "the node's network".to_owned()),
        Amplifier::HostIpc => (exposure.host_ipc?, "the node's IPC".to_owned()),
        Amplifier::Devices => (exposure.devices?, "the node's devices".to_owned()),
        Amplifier::KernelBug | Amplifier::SeccompUnconfined | Amplifier::With(_) => return None,
    };
    Some((span, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Span = Span { start: 0, end: 1 };

    fn severity(capability: Capability, held: CapSet, exposure: &Exposure) -> Severity {
        of(capability, held, exposure).severity
    }

    #[test]
    fn the_reach_decides_and_what_is_around_extends_it() {
        let nothing = Exposure::default();
        let path =
            Exposure { writable_host_path: Some(("/etc".to_owned(), HERE)), ..Exposure::default() };
        let pid = Exposure { host_pid: Some(HERE), ..Exposure::default() };
        let only = CapSet::EMPTY;
        for (capability, exposure, expected) in [
            (Capability::SYS_ADMIN, &nothing, Severity::Error),
            (Capability::DAC_READ_SEARCH, &nothing, Severity::Error),
            (Capability::CHOWN, &nothing, Severity::Warning),
            (Capability::CHOWN, &path, Severity::Error),
            (Capability::FOWNER, &nothing, Severity::Note),
            (Capability::FOWNER, &path, Severity::Error),
            (Capability::SYS_PTRACE, &nothing, Severity::Note),
            (Capability::SYS_PTRACE, &pid, Severity::Error),
            (Capability::KILL, &pid, Severity::Warning),
            (Capability::NET_RAW, &nothing, Severity::Warning),
            (Capability::SYS_TIME, &nothing, Severity::Warning),
            (Capability::NET_BIND_SERVICE, &nothing, Severity::Note),
        ] {
            assert_eq!(severity(capability, only, exposure), expected, "{capability}");
        }
    }

    #[test]
    fn a_pair_is_worse_than_its_parts() {
        let nothing = Exposure::default();
        let both = CapSet::of(&[Capability::BPF, Capability::PERFMON]);
        for capability in both {
            assert_eq!(severity(capability, capability.into(), &nothing), Severity::Warning);
            assert_eq!(severity(capability, both, &nothing), Severity::Error);
        }
    }

    #[test]
    fn a_user_namespace_is_one_step_milder() {
        let own = Exposure { user_namespace: Some(HERE), ..Exposure::default() };
        assert_eq!(severity(Capability::SYS_ADMIN, CapSet::EMPTY, &own), Severity::Warning);
        assert_eq!(severity(Capability::CHOWN, CapSet::EMPTY, &own), Severity::Note);
    }

    #[test]
    fn a_capability_without_a_name_is_not_waved_through() {
        let newer = Capability::from_number(50).unwrap();
        assert_eq!(severity(newer, CapSet::EMPTY, &Exposure::default()), Severity::Warning);
    }
}
