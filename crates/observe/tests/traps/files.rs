//! Files: permission, owner, mode.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use caps::Capability;
use testkit::needs;

use crate::support::{Trap, everything, set};

/// A group that root is not in.
pub const FOREIGN: u32 = 12345;
/// A user that is not root.
pub const OTHER: u32 = 1000;

/// A file of this owner, group and mode.
pub fn file(path: &Path, uid: u32, gid: u32, mode: u32) {
    fs::write(path, "text").unwrap();
    chown(path, Some(uid), Some(gid)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Each file is another user's, and nobody else's business.
pub fn foreign(name: &'static str) -> impl Fn(&Path) + 'static {
    move |folder| file(&folder.join(name), OTHER, OTHER, 0o600)
}

#[test]
fn a_read_takes_either_of_two() {
    needs!(root, bpf, test_programs);
    let read = Trap::new("open", &["r", "f"]).prepare(foreign("f"));
    for held in [
        // DAC_READ_SEARCH is refused first, then DAC_OVERRIDE granted.
        set("DAC_OVERRIDE"),
        everything().without(Capability::DAC_READ_SEARCH),
        // Granted at once.
        set("DAC_READ_SEARCH"),
        everything(),
    ] {
        let Some(seen) = read.trace_with(held) else { return };
        seen.is("DAC_OVERRIDE|DAC_READ_SEARCH", "");
    }
    read.proves("DAC_OVERRIDE");
    read.proves("DAC_READ_SEARCH");
}

#[test]
fn a_write_takes_the_one() {
    needs!(root, bpf, test_programs);
    let write = Trap::new("open", &["w", "f"]).prepare(foreign("f"));
    for held in [everything(), set("DAC_OVERRIDE")] {
        let Some(seen) = write.trace_with(held) else { return };
        seen.is("DAC_OVERRIDE", "");
    }
    write.proves("DAC_OVERRIDE");
}

/// access(2) asks with a copy of the task's own credentials, which are not its real ones then.
#[test]
fn a_question_is_a_need_like_the_deed() {
    needs!(root, bpf, test_programs);
    for how in ["a", "e"] {
        let ask = Trap::new("open", &[how, "f"]).prepare(foreign("f"));
        let Some(seen) = ask.trace() else { return };
        seen.is("DAC_OVERRIDE|DAC_READ_SEARCH", "");
        let Some(seen) = ask.trace_with(set("DAC_OVERRIDE")) else { return };
        seen.is("DAC_OVERRIDE|DAC_READ_SEARCH", "");
        ask.proves("DAC_OVERRIDE");
    }
}

/// FSETID is asked for whenever root is not in the file's group, whatever the mode; without it the
/// set-group-ID bit is silently left off, and nothing else.
#[test]
fn a_mode_takes_fsetid_only_with_its_set_group_id_bit() {
    needs!(root, bpf, test_programs);
    let every = [
        ("2755", FOREIGN, "FSETID"),
        ("0644", FOREIGN, ""),
        ("0644", 0, ""),
        ("2755", 0, ""),
        ("4755", 0, ""),
        ("4755", FOREIGN, ""),
        ("6755", FOREIGN, "FSETID"),
    ];
    // The mode is another argument of each; the rest is the same.
    set_mode("chmod", &every);
    for how in ["fchmod", "fchmodat"].into_iter().chain(by_32_bits()) {
        set_mode(how, &every[..2]);
    }
}

/// Linux 6.6 and newer.
#[test]
fn a_mode_by_fchmodat2_takes_fsetid_alike() {
    needs!(root, bpf, test_programs);
    set_mode("fchmodat2", &[("2755", FOREIGN, "FSETID"), ("0644", FOREIGN, "")]);
}

/// A 32-bit call by a 64-bit program, which x86 alone has.
fn by_32_bits() -> Option<&'static str> {
    cfg!(target_arch = "x86_64").then_some("int80")
}

/// Sets modes of root's file of a group, which takes what is said.
fn set_mode(how: &'static str, cases: &[(&'static str, u32, &str)]) {
    for (mode, group, needed) in cases.iter().copied() {
        let trap = Trap::new("chmod", &[how, mode, "f"])
            .prepare(move |folder| file(&folder.join("f"), 0, group, 0o600));
        let Some(seen) = trap.trace() else { return };
        seen.is(needed, "");
        trap.proves(needed);
    }
}

/// The same on another owner's file.
#[test]
fn a_mode_of_another_owner_s_file_takes_fowner() {
    needs!(root, bpf, test_programs);
    for (mode, needed) in [("0644", "FOWNER"), ("2755", "FOWNER FSETID"), ("4755", "FOWNER")] {
        let trap = Trap::new("chmod", &["chmod", mode, "f"]).prepare(foreign("f"));
        let Some(seen) = trap.trace() else { return };
        seen.is(needed, "");
        trap.proves(needed);
    }
}

#[test]
fn a_write_to_a_set_uid_file_only_loses_its_bits() {
    needs!(root, bpf, test_programs);
    for (mode, doubtful) in [(0o4755, "FSETID"), (0o2755, "FSETID"), (0o755, "")] {
        let prepare = move |folder: &Path| file(&folder.join("f"), 0, FOREIGN, mode);
        let write = Trap::new("write", &["f"]).prepare(prepare);
        let Some(seen) = write.trace() else { return };
        // Doubtful: the write succeeds without it, and whether the bits matter only the program knows.
        seen.is("", doubtful);
        write.proves("");
        let keep = Trap::new("write", &["f", "keep"]).prepare(prepare);
        keep.proves(doubtful);
    }
}

/// 1024 is 02000: in another place a mode with a set-group-ID bit.
#[test]
fn the_number_of_a_group_is_not_a_mode() {
    needs!(root, bpf, test_programs);
    for how in ["chown", "fchown", "fchownat"].into_iter().chain(by_32_bits()) {
        for (uid, gid) in [("-1", "1024"), ("1024", "-1"), ("1024", "1024")] {
            let trap = Trap::new("chown", &[how, uid, gid, "f"])
                .prepare(|folder| file(&folder.join("f"), 0, 0, 0o644));
            let Some(seen) = trap.trace() else { return };
            seen.is("CHOWN", "");
            trap.proves("CHOWN");
        }
    }
}

/// One function asks for both, so the alternative holds for the one and not for the other.
#[test]
fn a_read_and_a_write_of_the_same_file_take_the_one() {
    needs!(root, bpf, test_programs);
    let both = Trap::new("open", &["b", "f"]).prepare(foreign("f"));
    for held in [everything(), set("DAC_OVERRIDE"), set("DAC_OVERRIDE DAC_READ_SEARCH")] {
        let Some(seen) = both.trace_with(held) else { return };
        seen.is("DAC_OVERRIDE", "");
    }
    both.proves("DAC_OVERRIDE");
}

/// The folder alone stands in the way.
#[test]
fn a_search_takes_either_of_two() {
    needs!(root, bpf, test_programs);
    let search = Trap::new("open", &["w", "d/f"]).prepare(|folder| {
        let closed = folder.join("d");
        fs::create_dir(&closed).unwrap();
        file(&closed.join("f"), 0, 0, 0o644);
        chown(&closed, Some(OTHER), Some(OTHER)).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    });
    for held in [everything(), set("DAC_OVERRIDE"), set("DAC_READ_SEARCH")] {
        let Some(seen) = search.trace_with(held) else { return };
        seen.is("DAC_OVERRIDE|DAC_READ_SEARCH", "");
    }
    search.proves("DAC_OVERRIDE");
    search.proves("DAC_READ_SEARCH");
}

#[test]
fn reading_without_a_trace_of_it_is_doubtful() {
    needs!(root, bpf, test_programs);
    let prepare = |folder: &Path| file(&folder.join("f"), OTHER, OTHER, 0o644);
    let trap = Trap::new("open", &["n", "f"]).prepare(prepare);
    let Some(seen) = trap.trace() else { return };
    // Doubtful: who is refused O_NOATIME mostly tries again without.
    seen.is("", "FOWNER");
    trap.proves("");
}

/// Times of one's own choice take ownership; the time now only the right to write.
#[test]
fn the_times_of_another_s_file() {
    needs!(root, bpf, test_programs);
    let times = |when, mode| {
        let prepare = move |folder: &Path| file(&folder.join("f"), OTHER, OTHER, mode);
        Trap::new("times", &[when, "f"]).prepare(prepare)
    };
    let then = times("then", 0o666);
    let Some(seen) = then.trace() else { return };
    seen.is("FOWNER", "");
    then.proves("FOWNER");
    for (mode, needed) in [(0o666, &[""][..]), (0o644, &["FOWNER", "DAC_OVERRIDE"])] {
        let now = times("now", mode);
        let Some(seen) = now.trace() else { return };
        // Doubtful: FOWNER is asked for first, and whether the file may be written to is not seen.
        seen.is("", "FOWNER|DAC_OVERRIDE");
        needed.iter().for_each(|needed| now.proves(needed));
    }
    let Some(seen) = times("now", 0o644).trace_with(set("DAC_OVERRIDE")) else { return };
    seen.is("FOWNER|DAC_OVERRIDE", "");
}
