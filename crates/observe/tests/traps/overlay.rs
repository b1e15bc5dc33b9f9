//! overlayfs, which is what containers use: it asks on the task's behalf, and then, with its
//! mounter's credentials, of the layer below.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use caps::{CapSet, Capability};
use judge::Dismissal;
use testkit::needs;

use crate::files::{FOREIGN, OTHER, file};
use crate::support::{Trap, everything, set};

/// An overlay, mounted at a folder's `o` by this process: by root of the node, as an engine does.
/// Unmounted when dropped.
pub struct Overlay(PathBuf);

impl Overlay {
    /// `below` fills the lower layer.
    pub fn mount(folder: &Path, below: impl Fn(&Path)) -> Self {
        let layer = |name: &str| {
            let path = folder.join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let (lower, upper, work, merged) = (layer("l"), layer("u"), layer("w"), layer("o"));
        below(&lower);
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.display(),
            upper.display(),
            work.display()
        );
        let mut mount = Command::new("mount");
        mount.args(["-t", "overlay", "overlay", "-o", &options]).arg(&merged);
        let output = mount.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        Self(merged)
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// `f` of another user on an overlay.
fn foreign(folder: &Path) -> Overlay {
    Overlay::mount(folder, |lower| file(&lower.join("f"), OTHER, OTHER, 0o600))
}

/// User 1000 works in a folder of their own, all of it in the lower layer: copied up, whited out.
/// Only the mounter is asked, and for a lot.
#[test]
fn the_mounter_s_capabilities_are_no_need() {
    needs!(root, bpf, test_programs);
    let trap = Trap::new("grow", &[]).user(OTHER).prepare(|folder| {
        let overlay = Overlay::mount(folder, |lower| {
            fs::create_dir(lower.join("mine")).unwrap();
            file(&lower.join("mine/f"), OTHER, OTHER, 0o600);
            std::os::unix::fs::chown(lower.join("mine"), Some(OTHER), Some(OTHER)).unwrap();
        });
        std::os::unix::fs::symlink("o/mine", folder.join("mine")).unwrap();
        overlay
    });
    let Some(seen) = trap.trace() else { return };
    seen.is("", "").dismisses(Capability::SYS_ADMIN, Dismissal::ForeignCredentials);
    trap.proves("");
}

/// The program's own check on it is its need, also where it only asks: access(2) lends the task a
/// copy of its credentials, and overlayfs lends it its mounter's within.
#[test]
fn the_program_s_own_check_is_its_need() {
    needs!(root, bpf, test_programs);
    for (how, answer) in [
        ("r", "DAC_OVERRIDE|DAC_READ_SEARCH"),
        ("a", "DAC_OVERRIDE|DAC_READ_SEARCH"),
        ("e", "DAC_OVERRIDE|DAC_READ_SEARCH"),
        ("w", "DAC_OVERRIDE"),
    ] {
        let trap = Trap::new("open", &[how, "o/f"]).prepare(foreign);
        for held in [everything(), set("DAC_OVERRIDE")] {
            let Some(seen) = trap.trace_with(held) else { return };
            seen.is(answer, "");
        }
        trap.proves("DAC_OVERRIDE");
    }
}

/// User 1000 asks for a file that it may read: nothing but the mounter is asked for more.
#[test]
fn access_to_one_s_own_file_takes_nothing() {
    needs!(root, bpf, test_programs);
    for how in ["a", "e", "r", "w"] {
        let trap = Trap::new("open", &[how, "o/f"]).user(OTHER).prepare(foreign);
        for held in [everything(), CapSet::EMPTY] {
            let Some(seen) = trap.trace_with(held) else { return };
            seen.is("", "");
        }
        trap.proves("");
    }
}

#[test]
fn modes_and_owners_are_judged_as_on_a_plain_file_system() {
    needs!(root, bpf, test_programs);
    for (words, group, needed) in [
        (&["chmod", "chmod", "0644", "o/f"], 0, ""),
        (&["chmod", "chmod", "2755", "o/f"], 0, ""),
        (&["chmod", "chmod", "4755", "o/f"], 0, ""),
        (&["chmod", "chmod", "0644", "o/f"], FOREIGN, ""),
        (&["chmod", "chmod", "2755", "o/f"], FOREIGN, "FSETID"),
        (&["chmod", "chmod", "4755", "o/f"], FOREIGN, ""),
    ] {
        let trap = Trap::new(words[0], &words[1..]).prepare(move |folder| {
            Overlay::mount(folder, |lower| file(&lower.join("f"), 0, group, 0o600))
        });
        let Some(seen) = trap.trace() else { return };
        seen.is(needed, "");
        trap.proves(needed);
    }
    let trap = Trap::new("chown", &["chown", "1024", "1024", "o/f"])
        .prepare(|folder| Overlay::mount(folder, |lower| file(&lower.join("f"), 0, 0, 0o644)));
    let Some(seen) = trap.trace() else { return };
    seen.is("CHOWN", "");
    trap.proves("CHOWN");
}

#[test]
fn a_write_to_a_set_uid_file_on_an_overlay_only_loses_its_bits() {
    needs!(root, bpf, test_programs);
    let prepare =
        |folder: &Path| Overlay::mount(folder, |lower| file(&lower.join("f"), 0, FOREIGN, 0o4755));
    let trap = Trap::new("write", &["o/f"]).prepare(prepare);
    let Some(seen) = trap.trace() else { return };
    // Doubtful as on a plain file system: only the program knows whether the bits matter.
    seen.is("", "FSETID");
    trap.proves("");
    Trap::new("write", &["o/f", "keep"]).prepare(prepare).proves("FSETID");
}

/// The time now, by one who may write; a time of one's choice takes ownership.
#[test]
fn times_are_judged_as_on_a_plain_file_system() {
    needs!(root, bpf, test_programs);
    for (when, answer, doubtful) in [("now", "", "FOWNER|DAC_OVERRIDE"), ("then", "FOWNER", "")] {
        let trap = Trap::new("times", &[when, "o/f"]).prepare(|folder| {
            Overlay::mount(folder, |lower| file(&lower.join("f"), OTHER, OTHER, 0o666))
        });
        let Some(seen) = trap.trace() else { return };
        seen.is(answer, doubtful);
        trap.proves(answer);
    }
}
