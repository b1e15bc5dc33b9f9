//! What a test can need; `Err` says why it is not there.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `CAP_SYS_ADMIN`, capabilities(7).
const SYS_ADMIN: u8 = 21;
/// `CAP_PERFMON`, capabilities(7).
const PERFMON: u8 = 38;
/// `CAP_BPF`, capabilities(7).
const BPF: u8 = 39;

/// Whether a need is met; the error is what is missing.
pub type Met = Result<(), String>;

/// User 0, whatever its capabilities are.
pub fn root() -> Met {
    match fs::metadata("/proc/self").map(|m| m.uid()) {
        Ok(0) => Ok(()),
        Ok(uid) => Err(format!("needs root, runs as user {uid}")),
        Err(error) => Err(format!("needs /proc: {error}")),
    }
}

/// A user that is not root.
pub fn not_root() -> Met {
    if root().is_ok() { Err("needs a user that is not root".to_owned()) } else { Ok(()) }
}

/// BPF programs that use BTF may be loaded: the kernel has BTF, and this process may (`bpf(2)`).
pub fn bpf() -> Met {
    let btf = Path::new("/sys/kernel/btf/vmlinux");
    if !btf.exists() {
        return Err(format!("needs BPF: no {}", btf.display()));
    }
    let effective = status_mask("CapEff")?;
    let has = |number: u8| effective >> number & 1 == 1;
    if has(SYS_ADMIN) || (has(BPF) && has(PERFMON)) {
        return Ok(());
    }
    Err(format!("needs BPF and PERFMON, or SYS_ADMIN; CapEff is {effective:016x}"))
}

/// This capability, by the kernel's number, in the bounding set.
pub fn capability(number: u8) -> Met {
    let bounding = status_mask("CapBnd")?;
    if bounding >> number & 1 == 1 {
        return Ok(());
    }
    Err(format!("needs capability {number} in the bounding set, which is {bounding:016x}"))
}

/// podman, as root, and a busybox to put into an image.
pub fn podman() -> Met {
    root()?;
    program("podman")?;
    program("busybox")
}

/// The time for what takes longer than a person waits at every change ([`crate::is_all_tried`]): the programs of a
/// distribution in containers, and daemons that are started for a test. A guest of `cargo xtask vm` has it, too
/// (`DROPCAP_TEST_KERNEL`): what runs there is chosen by xtask/data/vm.toml.
pub fn time() -> Met {
    if crate::is_all_tried() || std::env::var_os("DROPCAP_TEST_KERNEL").is_some() {
        return Ok(());
    }
    Err("takes long; with DROPCAP_TEST_ALL=1 it is run".to_owned())
}

/// What it takes to make [`crate::debian_image`] and run its programs in containers: [`time`], too.
pub fn debian() -> Met {
    podman()?;
    ["debootstrap", "nsenter", "ssh-keygen"].into_iter().try_for_each(program)?;
    time()
}

/// What it takes to play a pod's manifest on it: [`crate::Pod`].
pub fn pods() -> Met {
    debian()?;
    runc()?;
    ["curl", "jq", "iptables"].into_iter().try_for_each(program)?;
    let helpers = ["/usr/lib/podman/netavark", "/usr/libexec/podman/catatonit"];
    let missing = helpers.into_iter().find(|helper| !Path::new(helper).exists());
    missing.map_or(Ok(()), |helper| Err(format!("needs {helper}")))
}

/// runc, the low-level runtime.
pub fn runc() -> Met {
    program("runc")
}

/// crun, the low-level runtime.
pub fn crun() -> Met {
    program("crun")
}

/// containerd with its `ctr` and its shim; and [`time`].
pub fn containerd() -> Met {
    root()?;
    program("containerd")?;
    program("ctr")?;
    program("containerd-shim-runc-v2")?;
    time()
}

/// The Docker daemon, and [`time`].
pub fn dockerd() -> Met {
    root()?;
    program("dockerd")?;
    program("curl")?;
    time()
}

/// A program of this name in `PATH`, or in the `sbin` folders where a user's `PATH` does not lead.
pub fn program(name: &str) -> Met {
    find_program(name).map(drop).ok_or_else(|| format!("needs the program {name}"))
}

/// The small C programs of the tests ([`crate::programs`]): compiled before, or a compiler.
pub fn test_programs() -> Met {
    if crate::programs::prebuilt().is_some() { Ok(()) } else { program("cc") }
}

/// Where the program of this name is.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// User namespaces may be made by this process: tried with `unshare(1)`.
pub fn user_namespaces() -> Met {
    program("unshare")?;
    let done = Command::new("unshare")
        .args(["--user", "--map-root-user", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match done {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("needs user namespaces: unshare ended with {status}")),
        Err(error) => Err(format!("needs user namespaces: unshare: {error}")),
    }
}

/// A mask of this process from `/proc/self/status`, such as `CapBnd`.
fn status_mask(field: &str) -> Result<u64, String> {
    let text = fs::read_to_string("/proc/self/status").map_err(|e| format!("needs /proc: {e}"))?;
    text.lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .ok_or_else(|| format!("no {field} in /proc/self/status"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_is_met_or_says_what_is_missing() {
        assert_eq!(program("sh"), Ok(()));
        assert_eq!(program("no-such-program"), Err("needs the program no-such-program".to_owned()));
        assert!(root().is_ok() != not_root().is_ok());
    }

    #[test]
    fn no_machine_has_capability_63() {
        let why = capability(63).unwrap_err();
        assert!(why.starts_with("needs capability 63 in the bounding set"), "{why}");
    }
}
