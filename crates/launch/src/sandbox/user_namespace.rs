//! The root of a sandbox in a user namespace: what is different there.
//!
//! - No layer lies over a folder in which something is mounted: such a folder is made anew, and what
//!   is in it is laid one by one.
//! - Files of who has no number there are nobody's, for root, too. The folders that services write to
//!   are made anew in the layer, with the owners they have outside, and the files of `/etc`; others
//!   stay nobody's, and can be read if everybody may.
//! - No device can be made: the machine's are bound.
//! - The kernel mounts `/proc` and `/sys` only where one is mounted already and nothing lies over
//!   parts of it (`mount_too_revealing` of `fs/namespace.c`).

use std::collections::BTreeSet;
use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountFlags, mount_bind, mount_bind_recursive};
use sys::user_namespace::Numbers;

use super::error::{SandboxError, step};
use super::layers::{Layer, Layers, Writes, is_own};
use super::root::{self, DEVICES, Made, at, beside_devices, enter, folder, mounted, read_only};
use super::survey::{Survey, Thing, thing};

/// Where it is put together: what is below is mounted anew anyway, and unlike in `/proc` nothing is
/// taken from there.
const BENCH: &str = "/sys";
/// Who has no number in a user namespace: `/proc/sys/kernel/overflowuid`, unless somebody changed it.
const NOBODY: u32 = 65534;
/// `tty`, the group of terminals on Debian, Fedora and their like.
const TTY: u32 = 5;

/// What a sandbox in this process's user namespace is made of.
#[derive(Debug, Clone)]
pub struct Within {
    /// Who has a number in it.
    pub numbers: Numbers,
    /// Whose the machine's folders are outside.
    pub survey: Survey,
}

/// Makes the root and enters it, as the namespace's root. `upper` is an empty folder for what is
/// written.
pub(super) fn make(
    layers: &Layers,
    within: &Within,
    upper: Option<&Path>,
) -> Result<Made, SandboxError> {
    // As this thread's own mount namespace has it, into which nothing comes any more: what anybody has
    // mounted since the machine was looked at is among it.
    let mounts = sys::mounts::own().map_err(SandboxError::Mounts)?;
    let layers = Layers::over(&mounts, layers.kept.as_deref());
    let points = mounts.into_iter().map(|mount| mount.point).collect();
    let bench = Path::new(BENCH);
    mounted("tmpfs", bench, MountFlags::empty(), b"mode=755")?;
    let stage = bench.join("stage");
    folder(&stage)?;
    // To be entered it must be a mount, pivot_root(2).
    mounted("tmpfs", &stage, MountFlags::empty(), b"mode=755")?;
    let room = upper.unwrap_or(bench).to_owned();
    let mut making = Making {
        within,
        points,
        stage,
        room,
        made: 0,
        laid: 0,
        refused: None,
        read_only: Vec::new(),
    };
    for layer in &layers.all {
        // Unmounted meanwhile, or in a folder that this user may not look into.
        if layer.point.exists() && at(&making.stage, &layer.point).exists() {
            making.lay(layer, &layer.point)?;
        }
    }
    if let (0, Some(source)) = (making.laid, making.refused.take()) {
        return Err(SandboxError::NoLayer(source));
    }
    making.own_folders()?;
    if let Some(kept) = &layers.kept {
        let here = at(&making.stage, kept);
        fs::create_dir_all(&here).map_err(step("make", kept))?;
        making.lay(&Layer::kept(kept), kept)?;
    }
    let upper = rustix::fs::open(&making.room, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .map_err(step("open", &making.room))?;
    enter(&making.stage)?;
    Ok(Made { upper: upper.into(), read_only: making.read_only })
}

/// A root that is being put together.
struct Making<'a> {
    within: &'a Within,
    /// Where anything is mounted.
    points: BTreeSet<PathBuf>,
    stage: PathBuf,
    /// Where the upper layers lie.
    room: PathBuf,
    made: u32,
    /// How many of them the kernel took.
    laid: u32,
    /// What it said when it took none.
    refused: Option<io::Error>,
    read_only: Vec<PathBuf>,
}

impl Making<'_> {
    /// Lays a folder, or the one file that is mounted there.
    fn lay(&mut self, layer: &Layer, path: &Path) -> Result<(), SandboxError> {
        let there = fs::symlink_metadata(path).map_err(step("look at", path))?;
        if !there.is_dir() {
            return self.file(layer, path, &there);
        }
        if self.has_mounts_below(path) {
            return self.folder_anew(layer, path, &there);
        }
        let laid = part(layer, path);
        if layer.writes == Writes::Nothing {
            return read_only(&laid, &at(&self.stage, path));
        }
        match self.overlay(&laid, &there)? {
            Ok(()) => {
                self.laid += 1;
                Ok(())
            }
            Err(refused) => {
                self.refused = Some(refused);
                self.read_only.push(path.to_owned());
                read_only(&laid, &at(&self.stage, path))
            }
        }
    }

    /// Whether something is mounted below this path: then the kernel lays no layer over it in a user
    /// namespace (`clone_private_mount` of `fs/namespace.c`), and binds it with all of that only.
    fn has_mounts_below(&self, path: &Path) -> bool {
        self.points.iter().any(|point| point != path && point.starts_with(path))
    }

    /// A folder in which something is mounted: the same folder, and what is in it one by one.
    fn folder_anew(
        &mut self,
        layer: &Layer,
        path: &Path,
        there: &Metadata,
    ) -> Result<(), SandboxError> {
        let here = at(&self.stage, path);
        self.own(path, there, &here)?;
        // One that this user may not read is empty here; what is mounted below is, too.
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            let path = entry.path();
            match self.entry(layer, &path) {
                // Removed meanwhile.
                Err(_) if fs::symlink_metadata(&path).is_err() => {}
                done => done?,
            }
        }
        Ok(())
    }

    /// Something in a folder that is made anew.
    fn entry(&mut self, layer: &Layer, path: &Path) -> Result<(), SandboxError> {
        let here = at(&self.stage, path);
        let there = fs::symlink_metadata(path).map_err(step("look at", path))?;
        let kind = there.file_type();
        // What is mounted there is laid by itself, if it is at all.
        let is_point = self.points.contains(path);
        if kind.is_symlink() {
            let to = fs::read_link(path).map_err(step("read", path))?;
            symlink(to, &here).map_err(step("make", path))
        } else if kind.is_dir() {
            folder(&here)?;
            self.own(path, &there, &here)?;
            if is_point || is_own(path) { Ok(()) } else { self.lay(layer, path) }
        } else if is_point {
            fs::write(&here, "").map_err(step("make", path))
        } else if kind.is_file() {
            self.file(layer, path, &there)
        } else {
            // Sockets are left out: nobody answers there who is in the sandbox.
            Ok(())
        }
    }

    /// A file in such a folder: a copy of it if it is small, else the file itself, to be read.
    fn file(&self, layer: &Layer, path: &Path, there: &Metadata) -> Result<(), SandboxError> {
        let here = at(&self.stage, path);
        let seen = self.within.survey.thing(path);
        if let Some(seen) = seen.filter(|seen| self.within.numbers.have(seen.user, seen.group))
            && let Ok(()) = copy(path, seen, &here)
        {
            return Ok(());
        }
        if !there.is_file() {
            return Ok(());
        }
        if !here.exists() {
            fs::write(&here, "").map_err(step("make", path))?;
        }
        read_only(&part(layer, path), &here)
    }

    /// overlayfs; the inner error is the kernel's refusal. Its own attributes are `user.overlay.*`
    /// (Linux 5.11), as `trusted.*` are the machine's root's.
    fn overlay(&mut self, layer: &Layer, there: &Metadata) -> Result<io::Result<()>, SandboxError> {
        self.made += 1;
        let [upper, work] =
            ["upper", "work"].map(|name| self.room.join(format!("{name}-{}", self.made)));
        folder(&upper)?;
        folder(&work)?;
        self.own(&layer.point, there, &upper)?;
        self.things(&layer.point, &upper)?;
        let here = at(&self.stage, &layer.point);
        root::overlay(b"userxattr,volatile", layer, [&upper, &work], &here)
    }

    /// What lies below a folder and is somebody else's, made anew in the layer over it.
    fn things(&self, below: &Path, upper: &Path) -> Result<(), SandboxError> {
        let numbers = &self.within.numbers;
        for (path, seen) in self.within.survey.below(below) {
            let Ok(rest) = path.strip_prefix(below) else { continue };
            if !numbers.have(seen.user, seen.group) {
                continue;
            }
            let here = upper.join(rest);
            if seen.is_file {
                // Not one that this user may read: it stays nobody's.
                let _ = copy(path, seen, &here);
            } else {
                self.parents(below, path, upper)?;
                folder(&here)?;
                give(&here, (seen.user, seen.group), seen.mode)?;
            }
        }
        Ok(())
    }

    /// The folders above one, as far as they are not made: this user's own, with their own modes.
    fn parents(&self, below: &Path, path: &Path, upper: &Path) -> Result<(), SandboxError> {
        let above: Vec<&Path> = path.ancestors().skip(1).take_while(|p| *p != below).collect();
        for above in above.into_iter().rev() {
            let Ok(rest) = above.strip_prefix(below) else { continue };
            let here = upper.join(rest);
            if !here.exists() {
                folder(&here)?;
                let there = fs::metadata(above).map_err(step("look at", above))?;
                self.own(above, &there, &here)?;
            }
        }
        Ok(())
    }

    /// Owner and mode as outside; the namespace's root's if that is nobody here.
    fn own(&self, path: &Path, there: &Metadata, here: &Path) -> Result<(), SandboxError> {
        let numbers = &self.within.numbers;
        let inside = thing(there);
        let seen = self.within.survey.thing(path);
        let owner = match seen.map(|seen| (seen.user, seen.group)) {
            Some((user, group)) if numbers.have(user, group) => (user, group),
            // Who is mapped shows the number, everybody else the overflow ID.
            None if inside.user != NOBODY => (inside.user, 0),
            _ => (0, 0),
        };
        give(here, owner, there.mode() & 0o7777)
    }

    /// What a sandbox has of its own.
    fn own_folders(&self) -> Result<(), SandboxError> {
        let stage = &self.stage;
        for name in ["tmp", "dev", "sys", "proc"] {
            fs::create_dir_all(stage.join(name))
                .map_err(step("make", Path::new("/").join(name)))?;
        }
        let safe = MountFlags::NOSUID | MountFlags::NODEV;
        mounted("tmpfs", &stage.join("tmp"), safe, b"mode=1777")?;
        let dev = stage.join("dev");
        mounted("tmpfs", &dev, MountFlags::NOSUID, b"mode=755")?;
        for (name, ..) in DEVICES {
            let (from, here) = (Path::new("/dev").join(name), dev.join(name));
            fs::write(&here, "").map_err(step("make", &here))?;
            mount_bind(&from, &here).map_err(step("bind", &from))?;
        }
        beside_devices(&dev, self.within.numbers.have(0, TTY).then_some(TTY))?;
        // Without it a program can do, and where the machine hides parts of it the kernel mounts none.
        let read_only = safe | MountFlags::NOEXEC | MountFlags::RDONLY;
        let _ = mounted("sysfs", &stage.join("sys"), read_only, b"");
        // Below the one that process 1 mounts.
        mount_bind_recursive("/proc", stage.join("proc")).map_err(step("bind", "/proc"))
    }
}

/// What of a layer lies at a path, laid by itself.
fn part(layer: &Layer, path: &Path) -> Layer {
    Layer { point: path.to_owned(), source: path.to_owned(), ..layer.clone() }
}

/// A copy of a file, with the owner and the mode that it has outside.
fn copy(from: &Path, seen: &Thing, here: &Path) -> io::Result<()> {
    let text = fs::read(from)?;
    fs::write(here, text)?;
    chown(here, Some(seen.user), Some(seen.group))?;
    fs::set_permissions(here, Permissions::from_mode(seen.mode))
}

fn give(here: &Path, (user, group): (u32, u32), mode: u32) -> Result<(), SandboxError> {
    chown(here, Some(user), Some(group)).map_err(step("give away", here))?;
    fs::set_permissions(here, Permissions::from_mode(mode)).map_err(step("set the mode of", here))
}
