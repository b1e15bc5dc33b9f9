//! What programs do by habit, and what the kernel asks of it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use caps::Capability;
use judge::Dismissal;
use testkit::needs;

use crate::files::{OTHER, file, foreign};
use crate::support::{Trap, everything, kernel, set};

/// A folder of another user that all may write to, with a file of that user in it.
fn shared(mode: u32, of_file: u32) -> impl Fn(&Path) + 'static {
    move |folder| {
        let shared = folder.join("d");
        fs::create_dir(&shared).unwrap();
        fs::set_permissions(&shared, fs::Permissions::from_mode(mode)).unwrap();
        file(&shared.join("f"), OTHER, OTHER, of_file);
        chown(&shared, Some(OTHER), Some(OTHER)).unwrap();
    }
}

#[test]
fn a_name_in_another_s_folder_takes_fowner_if_it_is_sticky() {
    needs!(root, bpf, test_programs);
    for how in ["unlink", "rename"] {
        for (mode, needed) in [(0o1777, "FOWNER"), (0o777, "")] {
            let trap = Trap::new("names", &[how]).prepare(shared(mode, 0o600));
            let Some(seen) = trap.trace() else { return };
            seen.is(needed, "");
            trap.proves(needed);
        }
    }
}

/// `may_linkat`: a file that one may read and write, or that one owns.
#[test]
fn a_hard_link_takes_either_of_two() {
    needs!(root, bpf, test_programs);
    if fs::read_to_string("/proc/sys/fs/protected_hardlinks").unwrap().trim() == "0" {
        return testkit::skip("needs fs.protected_hardlinks = 1");
    }
    let trap = Trap::new("names", &["link"]).prepare(shared(0o777, 0o600));
    for held in [everything(), set("FOWNER"), set("DAC_OVERRIDE")] {
        let Some(seen) = trap.trace_with(held) else { return };
        seen.is("FOWNER|DAC_OVERRIDE", "");
    }
    trap.proves("FOWNER");
    trap.proves("DAC_OVERRIDE");
    let open = Trap::new("names", &["link"]).prepare(shared(0o777, 0o666));
    let Some(seen) = open.trace() else { return };
    seen.is("", "");
    open.proves("");
}

fn attribute(words: &[&str]) -> Trap {
    Trap::new("attributes", words).prepare(|folder| file(&folder.join("f"), 0, 0, 0o644))
}

/// Linux 6.6 and newer have them on tmpfs, too.
#[test]
fn an_attribute_of_the_user_s_takes_nothing() {
    needs!(root, bpf, test_programs);
    let trap = attribute(&["set", "user.x"]);
    let Some(seen) = trap.trace() else { return };
    seen.is("", "");
    trap.proves("");
}

#[test]
fn attributes_take_what_their_prefix_says() {
    needs!(root, bpf, test_programs);
    // Before 6.10 a security module that has the hook and nothing to say there, as BPF's, keeps the kernel from
    // asking (`security_inode_setxattr`).
    let modules = fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    let unasked = kernel() < (6, 10) && modules.split(',').any(|module| module.trim() == "bpf");
    let security = if unasked { "" } else { "SYS_ADMIN" };
    for (words, needed, doubtful) in [
        (&["list"][..], "", ""),
        (&["set", "trusted.x"], "SYS_ADMIN", ""),
        (&["set", "security.x"], security, ""),
        (&["set", "security.capability"], "SETFCAP", ""),
        // Doubtful: without it a trusted attribute is as if it were not there.
        (&["get", "trusted.x"], "", "SYS_ADMIN"),
    ] {
        let trap = attribute(words);
        let Some(seen) = trap.trace() else { return };
        seen.is(needed, doubtful);
        trap.proves(needed);
    }
}

#[test]
fn a_signal_takes_kill_only_for_another_user_and_only_if_it_is_one() {
    needs!(root, bpf, test_programs);
    // 10 is SIGUSR1; to a child of another user, then to one of one's own.
    for (words, needed, doubtful) in [
        (&["10"][..], "KILL SETUID", ""),
        // Doubtful: a refusal says as well that the process is there.
        (&["0"], "SETUID", "KILL"),
        (&["10", "own"], "", ""),
        (&["0", "own"], "", ""),
    ] {
        let trap = Trap::new("kill", words);
        let Some(seen) = trap.trace() else { return };
        seen.is(needed, doubtful);
        trap.proves(needed);
    }
}

#[test]
fn what_proc_shows_of_another_user_s_process() {
    needs!(root, bpf, test_programs);
    for (name, minimal, doubtful) in [
        ("status", "", ""),
        // Only whether addresses are shown.
        ("stat", "", ""),
        // Doubtful: whether the program minds, only it knows.
        ("environ", "SYS_PTRACE", "SYS_PTRACE"),
    ] {
        let trap = Trap::new("proc", &[name]);
        let Some(seen) = trap.trace() else { return };
        seen.is("SETGID SETUID", doubtful);
        trap.proves(&format!("SETGID SETUID {minimal}"));
    }
    // Where SYS_PTRACE is refused, a newer kernel takes PERFMON or SYS_ADMIN instead.
    let trap = Trap::new("proc", &["environ"]);
    for instead in ["PERFMON", "SYS_ADMIN"] {
        let held = set("SETGID SETUID") | set(instead);
        if !trap.runs(held).0 {
            return testkit::skip("needs a kernel that lets PERFMON look at a process's memory");
        }
        let Some(seen) = trap.trace_with(held) else { return };
        seen.is("SETGID SETUID", "PERFMON|SYS_PTRACE|SYS_ADMIN");
    }
}

#[test]
fn opening_by_handle_takes_the_one() {
    needs!(root, bpf, test_programs);
    let trap = Trap::new("handle", &[]).prepare(|folder| file(&folder.join("f"), 0, 0, 0o644));
    for held in [everything(), set("DAC_READ_SEARCH DAC_OVERRIDE")] {
        let Some(seen) = trap.trace_with(held) else { return };
        seen.is("DAC_READ_SEARCH", "");
    }
    trap.proves("DAC_READ_SEARCH");
    // A read takes either of two; where the one is needed anyway it is not listed twice.
    let both = Trap::new("handle", &[]).prepare(foreign("f"));
    for held in [everything(), set("DAC_READ_SEARCH")] {
        let Some(seen) = both.trace_with(held) else { return };
        seen.is("DAC_READ_SEARCH", "");
    }
    both.proves("DAC_READ_SEARCH");
}

#[test]
fn another_user_for_files_gives_the_capabilities_for_files_up() {
    needs!(root, bpf, test_programs);
    let trap = Trap::new("fsuid", &[]).prepare(|folder| {
        file(&folder.join("f"), OTHER, OTHER, 0o600);
        file(&folder.join("g"), 0, 0, 0o600);
    });
    let Some(seen) = trap.trace() else { return };
    seen.is("SETUID", "").dismisses(Capability::DAC_OVERRIDE, Dismissal::GivenUp);
    trap.proves("SETUID");
}

#[test]
fn memory_is_locked_for_nothing_within_the_limit() {
    needs!(root, bpf, test_programs);
    for (size, needed) in [("16", ""), ("1024", "IPC_LOCK")] {
        let trap = Trap::new("lock", &[size]);
        let Some(seen) = trap.trace() else { return };
        seen.is(needed, "");
        trap.proves(needed);
    }
}

#[test]
fn a_node_takes_mknod_only_if_it_is_a_device() {
    needs!(root, bpf, test_programs);
    for (how, needed) in
        [("fifo", ""), ("socket", ""), ("file", ""), ("whiteout", ""), ("device", "MKNOD")]
    {
        let trap = Trap::new("node", &[how]);
        let Some(seen) = trap.trace() else { return };
        seen.is(needed, "");
        trap.proves(needed);
    }
}
