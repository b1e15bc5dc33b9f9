//! The root of a sandbox, put together in the mount namespace of the thread that enters it.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, makedev, mknodat};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, mount_remount, unmount};

use super::error::{SandboxError, step};
use super::layers::{Layer, Layers, Writes};

/// Where it is put together, over what is there: a folder that every machine has and that nothing in
/// the sandbox is taken from. Nobody else sees it.
const BENCH: &str = "/proc";

/// Devices that every container has (OCI runtime specification, "Default Devices").
pub(super) const DEVICES: &[(&str, u32, u32)] = &[
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// A root that was made and entered.
#[derive(Debug)]
pub(super) struct Made {
    /// The folder that takes the writes.
    pub(super) upper: File,
    /// Where nothing can be written, though it can outside.
    pub(super) read_only: Vec<PathBuf>,
}

/// Makes the root and enters it. `upper` is an empty folder for what is written.
pub(super) fn make(layers: &Layers, upper: Option<&Path>) -> Result<Made, SandboxError> {
    let bench = Path::new(BENCH);
    mounted("tmpfs", bench, MountFlags::empty(), b"mode=755")?;
    let stage = bench.join("stage");
    folder(&stage)?;
    let mut room = Room { folder: upper.unwrap_or(bench).to_owned(), made: 0 };
    let mut read_only = Vec::new();
    for layer in &layers.all {
        if !layer.source.exists() {
            // Unmounted meanwhile, with the folder it was on.
            continue;
        }
        if !room.lay(layer, &at(&stage, &layer.point))? {
            read_only.push(layer.point.clone());
        }
    }
    let safe = MountFlags::NOSUID | MountFlags::NODEV;
    mounted("tmpfs", &stage.join("tmp"), safe, b"mode=1777")?;
    mounted("tmpfs", &stage.join("dev"), MountFlags::NOSUID, b"mode=755")?;
    devices(&stage.join("dev"))?;
    let sys = stage.join("sys");
    if layers.sys && sys.is_dir() {
        mounted("sysfs", &sys, safe | MountFlags::NOEXEC | MountFlags::RDONLY, b"")?;
    }
    if let Some(kept) = &layers.kept {
        let here = at(&stage, kept);
        fs::create_dir_all(&here).map_err(step("make", kept))?;
        if !room.lay(&Layer::kept(kept), &here)? {
            read_only.push(kept.clone());
        }
    }
    let upper = rustix::fs::open(&room.folder, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .map_err(step("open", &room.folder))?;
    // Made now, so that a root without it can do: process 1 mounts on it.
    fs::create_dir_all(stage.join("proc")).map_err(step("make", "/proc"))?;
    enter(&stage)?;
    Ok(Made { upper: upper.into(), read_only })
}

/// A path of the machine as it lies below the stage.
pub(super) fn at(stage: &Path, path: &Path) -> PathBuf {
    stage.join(path.strip_prefix("/").unwrap_or(path))
}

/// Where the upper layers lie.
struct Room {
    folder: PathBuf,
    made: u32,
}

impl Room {
    /// Lays a layer over files, or binds them where none is needed, or where the kernel lays none; then
    /// they are read-only. Whether they can be written as outside.
    fn lay(&mut self, layer: &Layer, at: &Path) -> Result<bool, SandboxError> {
        let is_root = layer.point == Path::new("/");
        match layer.writes {
            Writes::Nothing => return read_only(layer, at).map(|()| true),
            Writes::Files => return bind(layer, at).map(|()| true),
            Writes::Layer if layer.source.is_file() => {
                return read_only(layer, at).map(|()| false);
            }
            Writes::Layer => {}
        }
        match self.overlay(layer, at)? {
            Ok(()) => Ok(true),
            Err(source) if is_root => Err(SandboxError::Root { kind: layer.kind.clone(), source }),
            Err(_) => read_only(layer, at).map(|()| false),
        }
    }

    /// overlayfs; the inner error is the kernel's refusal.
    fn overlay(&mut self, layer: &Layer, at: &Path) -> Result<io::Result<()>, SandboxError> {
        self.made += 1;
        let [upper, work] =
            ["upper", "work"].map(|name| self.folder.join(format!("{name}-{}", self.made)));
        folder(&upper)?;
        folder(&work)?;
        same_mode(&layer.source, &upper)?;
        overlay(b"volatile", layer, [&upper, &work], at)
    }
}

/// Mounts overlayfs over a layer; the inner error is the kernel's refusal. `options` are more of its
/// options: volatile (Linux 5.10), as nobody will want these files after a power cut.
pub(super) fn overlay(
    options: &[u8],
    layer: &Layer,
    [upper, work]: [&Path; 2],
    at: &Path,
) -> Result<io::Result<()>, SandboxError> {
    let options = [
        options,
        b",lowerdir=",
        &escaped(&layer.source),
        b",upperdir=",
        &escaped(upper),
        b",workdir=",
        &escaped(work),
    ]
    .concat();
    let options = CString::new(options).map_err(step("name", &layer.source))?;
    let mounted = mount("overlay", at, "overlay", flags(layer), Some(options.as_c_str()));
    Ok(mounted.map_err(io::Error::from))
}

/// The upper folder's owner and mode are those of the layer's root.
fn same_mode(of: &Path, upper: &Path) -> Result<(), SandboxError> {
    use std::os::unix::fs::MetadataExt;
    let there = fs::metadata(of).map_err(step("look at", of))?;
    std::os::unix::fs::chown(upper, Some(there.uid()), Some(there.gid()))
        .map_err(step("give away", upper))?;
    fs::set_permissions(upper, there.permissions()).map_err(step("set the mode of", upper))
}

fn bind(layer: &Layer, at: &Path) -> Result<(), SandboxError> {
    mount_bind(&layer.source, at).map_err(step("bind", &layer.source))
}

pub(super) fn read_only(layer: &Layer, at: &Path) -> Result<(), SandboxError> {
    bind(layer, at)?;
    let flags = flags(layer) | MountFlags::RDONLY | MountFlags::BIND;
    mount_remount(at, flags, c"").map_err(step("bind", &layer.source))
}

fn flags(layer: &Layer) -> MountFlags {
    let all = [MountFlags::NOSUID, MountFlags::NODEV, MountFlags::NOEXEC];
    all.into_iter().zip(layer.no).filter(|(_, set)| *set).map(|(flag, _)| flag).collect()
}

/// Colons tell lower folders apart, commas options; a backslash keeps both (`ovl_next_opt` and
/// `ovl_parse_param_lowerdir` of `fs/overlayfs/params.c`).
fn escaped(path: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    for byte in path.as_os_str().as_bytes() {
        if matches!(byte, b':' | b',' | b'\\') {
            text.push(b'\\');
        }
        text.push(*byte);
    }
    text
}

pub(super) fn mounted(
    kind: &'static str,
    at: &Path,
    flags: MountFlags,
    options: &[u8],
) -> Result<(), SandboxError> {
    let options = CString::new(options).map_err(step("mount on", at))?;
    mount(kind, at, kind, flags, Some(options.as_c_str())).map_err(step("mount on", at))
}

pub(super) fn folder(path: &Path) -> Result<(), SandboxError> {
    fs::create_dir(path).map_err(step("make", path))
}

/// Makes what every container has in `/dev` (OCI runtime specification, "Default Devices") in an empty
/// folder: devices, `pts`, `shm`, and the links to `/proc/self/fd`.
///
/// # Errors
/// [`SandboxError`]: what could not be made, and why.
fn devices(dev: &Path) -> Result<(), SandboxError> {
    for (name, major, minor) in DEVICES {
        let path = dev.join(name);
        let open_to_all = Mode::from_raw_mode(0o666);
        mknodat(CWD, &path, FileType::CharacterDevice, open_to_all, makedev(*major, *minor))
            .map_err(step("make", &path))?;
        // The umask took bits away.
        rustix::fs::chmod(&path, open_to_all).map_err(step("set the mode of", &path))?;
    }
    beside_devices(dev, Some(5))
}

/// The same without the devices; the group `tty`, if there is one, for terminals.
pub(super) fn beside_devices(dev: &Path, tty: Option<u32>) -> Result<(), SandboxError> {
    for name in ["pts", "shm"] {
        folder(&dev.join(name))?;
    }
    let safe = MountFlags::NOSUID | MountFlags::NOEXEC;
    let group = tty.map(|gid| format!(",gid={gid}")).unwrap_or_default();
    let options = format!("newinstance,ptmxmode=0666,mode=0620{group}");
    mounted("devpts", &dev.join("pts"), safe, options.as_bytes())?;
    mounted("tmpfs", &dev.join("shm"), safe | MountFlags::NODEV, b"mode=1777")?;
    for (name, to) in [
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        symlink(to, dev.join(name)).map_err(step("link", dev.join(name)))?;
    }
    Ok(())
}

/// pivot_root(2), "pivot_root(".", ".")". What was mounted before is gone for this thread.
pub(super) fn enter(root: &Path) -> Result<(), SandboxError> {
    let enter = || {
        rustix::process::chdir(root)?;
        rustix::process::pivot_root(".", ".")?;
        unmount(".", UnmountFlags::DETACH)?;
        rustix::process::chdir("/")
    };
    enter().map_err(step("enter", root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_separates_options_is_kept_apart() {
        assert_eq!(escaped(Path::new("/a:b,c\\d e")), b"/a\\:b\\,c\\\\d e");
    }
}
