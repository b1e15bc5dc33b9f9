//! One small program for each capability (`tests/provoke/*.c`), which takes exactly that one: traced on
//! the running kernel while it holds everything, that one is the answer, and asked for where the table
//! says; with exactly that one it works; with everything else it fails, or what it was for is absent,
//! and the trace shows the refusal.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod docs;
mod run;
mod table;

use std::collections::BTreeMap;
use std::io::Write;

use caps::{CapSet, Capability};
use judge::why::{self, Cause, Known, Lack};
use launch::Exit;
use record::requirement::Verdict;

use run::Run;
use table::{Provoke, Without};

/// What a program ends with that this kernel does not let try.
const CANNOT: Exit = Exit::Code(77);

fn provoke(capability: Capability) {
    testkit::needs!(root, bpf, test_programs);
    let row = table::row(capability);
    let traced = match run::traced() {
        Ok(traced) => &traced[&capability],
        Err(why) => return testkit::skip(why),
    };
    let reason = row.cannot_here();
    assert_eq!(
        traced.whole.exit == CANNOT,
        reason.is_some(),
        "whether it cannot be tried here ({reason:?}): {}",
        traced.whole.said
    );
    if let Some(reason) = reason {
        return note(&format!("{capability} cannot be tried here: {reason}"));
    }
    if traced.whole.held.contains(capability) {
        granted(row, &traced.whole);
    } else {
        // In a container that does not have it, say. What can be tested is that it is refused.
        note(&format!("{capability} is not in the bounding set: only its refusal is tested"));
    }
    refused(row, &traced.without);
}

/// Said aloud, and no skip: all that can be tested is.
fn note(what: &str) {
    // Not `eprintln!`: the test harness swallows that of a test that passes.
    let _ = writeln!(std::io::stderr(), "{what}");
}

/// Holding everything it needs this one alone, and with this one alone it works.
fn granted(row: &Provoke, whole: &Run) {
    let capability = row.capability;
    assert_eq!(whole.exit, Exit::Code(0), "{}", whole.said);
    let judgement = &whole.observed.judgement;
    assert_eq!(judgement.incomplete, Vec::<String>::new());
    let told = row.instead().filter(|instead| instead.told).map(|instead| instead.capability);
    is_the_answer(row, whole, row.verdict, told.into_iter().collect());
    let seen = whole.observed.recording.observations.iter();
    let seen = seen.filter(|o| o.capability == capability && o.granted && row.is_its_call(o));
    assert!(seen.count() > 0, "no check is granted in {}", row.syscall);

    let (exit, said) = run::run(row, CapSet::from(capability));
    assert_eq!(exit, Exit::Code(0), "with exactly {capability}: {said}");
    if let Some(instead) = &row.instead {
        let (exit, said) = run::run(row, CapSet::from(instead.capability));
        let works = exit == Exit::Code(0);
        assert_eq!(works, row.instead().is_some(), "with exactly {}: {said}", instead.capability);
    }
}

/// Holding everything else it fails; the trace shows that it was refused, and where, and it is named as
/// what was missing.
fn refused(row: &Provoke, without: &Run) {
    let capability = row.capability;
    let instead = row.instead().map(|instead| instead.capability);
    assert_eq!(without.exit, Exit::Code(1), "holding {}: {}", without.held, without.said);
    is_the_answer(row, without, Verdict::Doubtful, instead.into_iter().collect());
    let recording = &without.observed.recording;
    let seen = recording.observations.iter();
    let seen: Vec<_> = seen.filter(|o| o.capability == capability && row.is_its_call(o)).collect();
    assert!(!seen.is_empty() && seen.iter().all(|o| !o.granted), "{seen:#?}");
    let failed = seen.iter().all(|o| match &row.without {
        Without::Error(error) => o.result == Some(error.result()),
        Without::Answer(_) | Without::Effect(_) => o.result.is_some_and(|result| result >= 0),
    });
    assert!(failed, "{:?}: {seen:#?}", row.without);

    let diagnosis = why::diagnose(recording, &Known::default());
    let missing: Vec<Vec<Capability>> = diagnosis
        .findings
        .iter()
        .filter_map(|finding| match &finding.cause {
            Cause::Capability { any_of, lack: Lack::Missing } => Some(any_of.clone()),
            _ => None,
        })
        .collect();
    let expected: Vec<Vec<Capability>> = match row.without {
        Without::Effect(_) => vec![],
        Without::Error(_) | Without::Answer(_) => {
            vec![std::iter::once(capability).chain(instead).collect()]
        }
    };
    assert_eq!(missing, expected, "{diagnosis:#?}");
}

/// It is needed, or may be, and nothing else: with these alternatives, and asked for where the table
/// says.
fn is_the_answer(row: &Provoke, run: &Run, verdict: Verdict, alternatives: CapSet) {
    let judgement = &run.observed.judgement;
    assert_eq!(judgement.unknown_sites, []);
    // Of all runs together. Evidence may be sampled: what is wanted of it is asked for one by one.
    let lost = run.observed.recording.lost;
    assert!(lost.is_complete(), "{lost:?}");
    let answer: BTreeMap<Capability, (Verdict, CapSet)> =
        judgement.needs.iter().map(|n| (n.capability, (n.verdict, n.alternatives))).collect();
    let expected = BTreeMap::from([(row.capability, (verdict, alternatives))]);
    assert_eq!(answer, expected, "{judgement:#?}");
    for need in &judgement.needs {
        for used in &need.uses {
            let asked = used.site.split(" < ").next().unwrap_or_default();
            assert!(row.at.iter().any(|at| at == asked), "asked at {}: {:?}", used.site, row.at);
        }
        assert!(!need.uses.is_empty());
    }
}

macro_rules! provoke {
    ($($test:ident $capability:ident)*) => {
        $(
            #[test]
            fn $test() {
                provoke(Capability::$capability);
            }
        )*

        #[test]
        fn the_table_has_every_capability() {
            let tested = [$(Capability::$capability),*];
            let rows: Vec<_> = table::rows().iter().map(|row| row.capability).collect();
            assert_eq!(rows, Capability::known().collect::<Vec<_>>());
            assert_eq!(rows, tested);
        }
    };
}

provoke! {
    chown CHOWN
    dac_override DAC_OVERRIDE
    dac_read_search DAC_READ_SEARCH
    fowner FOWNER
    fsetid FSETID
    kill KILL
    setgid SETGID
    setuid SETUID
    setpcap SETPCAP
    linux_immutable LINUX_IMMUTABLE
    net_bind_service NET_BIND_SERVICE
    net_broadcast NET_BROADCAST
    net_admin NET_ADMIN
    net_raw NET_RAW
    ipc_lock IPC_LOCK
    ipc_owner IPC_OWNER
    sys_module SYS_MODULE
    sys_rawio SYS_RAWIO
    sys_chroot SYS_CHROOT
    sys_ptrace SYS_PTRACE
    sys_pacct SYS_PACCT
    sys_admin SYS_ADMIN
    sys_boot SYS_BOOT
    sys_nice SYS_NICE
    sys_resource SYS_RESOURCE
    sys_time SYS_TIME
    sys_tty_config SYS_TTY_CONFIG
    mknod MKNOD
    lease LEASE
    audit_write AUDIT_WRITE
    audit_control AUDIT_CONTROL
    setfcap SETFCAP
    mac_override MAC_OVERRIDE
    mac_admin MAC_ADMIN
    syslog SYSLOG
    wake_alarm WAKE_ALARM
    block_suspend BLOCK_SUSPEND
    audit_read AUDIT_READ
    perfmon PERFMON
    bpf BPF
    checkpoint_restore CHECKPOINT_RESTORE
}
