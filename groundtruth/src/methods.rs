//! The ways to read one trace, from what everybody does to what this project does.

use caps::CapSet;
use record::observation::Observation;

use crate::sandbox::Traced;

/// A way to get a set from a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Every check that was granted.
    Naive,
    /// Of those, the ones of the task's own credentials.
    NaiveOwn,
    /// Every granted check that the kernel would audit.
    Audited,
    /// Of those, the ones of the task's own credentials.
    AuditedOwn,
    /// What the judge calls needed.
    Needed,
    /// What it calls needed or doubtful.
    NeededAndDoubtful,
    /// What it calls needed when the trace goes on until a service has been asked to end, and has.
    NeededWithEnd,
}

impl Method {
    /// All, in the order of the table.
    pub const ALL: [Self; 7] = [
        Self::Naive,
        Self::NaiveOwn,
        Self::Audited,
        Self::AuditedOwn,
        Self::Needed,
        Self::NeededAndDoubtful,
        Self::NeededWithEnd,
    ];

    /// What the table calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Naive => "naive: every granted check",
            Self::NaiveOwn => "naive, own credentials",
            Self::Audited => "audited only",
            Self::AuditedOwn => "audited only, own credentials",
            Self::Needed => "ours: needed",
            Self::NeededAndDoubtful => "ours: needed + doubtful",
            Self::NeededWithEnd => "ours: needed, a service's end traced too",
        }
    }

    /// The set that it reads from a trace.
    pub fn read(self, traced: &Traced) -> CapSet {
        let observed = &traced.tested;
        let granted = |keep: &dyn Fn(&Observation) -> bool| {
            let all = observed.recording.observations.iter();
            all.filter(|o| o.granted && keep(o)).map(|o| o.capability).collect()
        };
        let solution = observed.judgement.solution();
        match self {
            Self::Naive => granted(&|_| true),
            Self::NaiveOwn => granted(&|o| o.own_credentials),
            Self::Audited => granted(&is_audited),
            Self::AuditedOwn => granted(&|o| o.own_credentials && is_audited(o)),
            Self::Needed => solution.needed,
            Self::NeededAndDoubtful => solution.add(),
            Self::NeededWithEnd => traced.whole.judgement.solution().needed,
        }
    }
}

/// Whether the check was made without `CAP_OPT_NOAUDIT`. The tracepoint does not tell, so the stack
/// has to: the helpers that set the flag, and memory accounting, which passes it on itself
/// (`cap_vm_enough_memory`, `security/commoncap.c`).
fn is_audited(observation: &Observation) -> bool {
    let is_quiet = |frame: &String| {
        let name = judge::normalise(frame);
        name.ends_with("_noaudit") || SILENT.contains(&name.as_str())
    };
    match observation.no_audit {
        Some(no_audit) => !no_audit,
        None => !observation.stack.iter().take(3).any(is_quiet),
    }
}

/// Sites that ask quietly.
const SILENT: &[&str] =
    &["security_vm_enough_memory_mm", "cap_vm_enough_memory", "__vm_enough_memory"];

#[cfg(test)]
mod tests {
    use caps::Capability;
    use record::observation::NamespaceRelation;

    use super::*;

    #[test]
    fn what_asks_quietly_is_told_by_its_stack() {
        let observation = |stack: &[&str], no_audit| Observation {
            capability: Capability::SYS_ADMIN,
            granted: true,
            own_credentials: true,
            namespace: NamespaceRelation::Own,
            uid: None,
            in_bounding: None,
            no_audit,
            task: record::observation::Task::Program,
            syscall: None,
            stack: stack.iter().map(|s| (*s).to_owned()).collect(),
            process: 1,
            count: 1,
            first_ns: 0,
            last_ns: 0,
            result: None,
        };
        for (stack, audited) in [
            (&["security_capable", "ns_capable", "sk_setsockopt"][..], true),
            (&["security_capable", "ns_capable_noaudit", "do_jit"], false),
            (&["security_capable", "has_capability_noaudit.isra.0", "__set_oom_adj"], false),
            (&["security_vm_enough_memory_mm", "__mmap_region"], false),
        ] {
            assert_eq!(is_audited(&observation(stack, None)), audited, "{stack:?}");
        }
        // A backend that sees the flag knows better.
        assert!(is_audited(&observation(&["ns_capable_noaudit"], Some(false))));
        assert!(!is_audited(&observation(&["capable"], Some(true))));
    }
}
