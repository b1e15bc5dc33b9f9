//! Control groups: which a process is in, and where the hierarchies are mounted, cgroups(7).

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// One line of `/proc/PID/cgroup`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Membership {
    /// The hierarchy's number; 0 is the unified one (version 2).
    pub hierarchy: u32,
    /// The version 1 controllers (`memory`, `name=systemd`); empty for the unified hierarchy.
    pub controllers: Vec<String>,
    /// The path, relative to the root of the reader's cgroup namespace: it starts with `/..` for a
    /// cgroup outside it.
    pub path: String,
}

/// The cgroups of a process, `/proc/PID/cgroup`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Cgroups(pub Vec<Membership>);

/// A line that is none of `/proc/PID/cgroup`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line:?} is not a line of /proc/PID/cgroup: expected number:controllers:/path")]
pub struct ParseCgroupError {
    /// The line.
    pub line: String,
}

impl FromStr for Cgroups {
    type Err = ParseCgroupError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let membership = |line: &str| {
            // Only the first two colons separate: a path may hold more.
            let mut fields = line.splitn(3, ':');
            let hierarchy = fields.next()?.parse().ok()?;
            let controllers = fields.next()?;
            let path = fields.next().filter(|path| path.starts_with('/'))?;
            Some(Membership {
                hierarchy,
                controllers: controllers
                    .split(',')
                    .filter(|c| !c.is_empty())
                    .map(str::to_owned)
                    .collect(),
                // The unified hierarchy marks a removed cgroup so (cgroup_show_path's caller).
                path: path.strip_suffix(" (deleted)").unwrap_or(path).to_owned(),
            })
        };
        text.lines()
            .map(|line| membership(line).ok_or_else(|| ParseCgroupError { line: line.to_owned() }))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Cgroups {
    /// The path in the unified hierarchy (version 2), if the kernel has one.
    #[must_use]
    pub fn unified(&self) -> Option<&str> {
        self.0.iter().find(|m| m.hierarchy == 0).map(|m| m.path.as_str())
    }

    /// The path in the version 1 hierarchy with this controller (`memory`, `name=systemd`).
    #[must_use]
    pub fn v1(&self, controller: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|m| m.controllers.iter().any(|c| c == controller))
            .map(|m| m.path.as_str())
    }

    /// The different paths, the unified hierarchy's first.
    #[must_use]
    pub fn paths(&self) -> Vec<&str> {
        let mut paths: Vec<&str> = self.unified().into_iter().collect();
        for membership in &self.0 {
            if !paths.contains(&membership.path.as_str()) {
                paths.push(&membership.path);
            }
        }
        paths
    }
}

/// Where a hierarchy is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The mount point.
    pub point: PathBuf,
    /// The cgroup that appears there; `/` unless it is a bind mount or a cgroup namespace's.
    pub root: String,
}

impl Mount {
    /// The folder of a cgroup path as `/proc/PID/cgroup` writes it; `None` if it is not below this mount.
    #[must_use]
    pub fn folder(&self, path: &str) -> Option<PathBuf> {
        let root = self.root.trim_end_matches('/');
        let below = path.strip_prefix(root)?;
        if !below.is_empty() && !below.starts_with('/') {
            return None;
        }
        let below = below.trim_matches('/');
        if below.split('/').any(|part| part == "..") {
            return None;
        }
        Some(if below.is_empty() { self.point.clone() } else { self.point.join(below) })
    }
}

/// Which versions are mounted, by systemd's words for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Version 2 only.
    Unified,
    /// Version 1 controllers, and version 2 beside them.
    Hybrid,
    /// Version 1 only.
    Legacy,
    /// Nothing is mounted.
    None,
}

/// The cgroup hierarchies mounted in this mount namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    /// The unified hierarchy, if it is mounted.
    pub unified: Option<Mount>,
    /// The version 1 hierarchies: controllers and mount.
    pub v1: Vec<(Vec<String>, Mount)>,
}

impl Layout {
    /// Reads `/proc/self/mountinfo`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read() -> io::Result<Self> {
        Ok(Self::parse(&fs::read_to_string("/proc/self/mountinfo")?))
    }

    /// From the text of a `mountinfo`, proc_pid_mountinfo(5). Lines of other file systems and lines
    /// that make no sense are passed over: any program may mount anything.
    #[must_use]
    pub fn parse(mountinfo: &str) -> Self {
        let mut layout = Self::default();
        for line in mountinfo.lines() {
            let Some((before, after)) = line.split_once(" - ") else { continue };
            let mut before = before.split(' ').skip(3);
            let (Some(root), Some(point)) = (before.next(), before.next()) else { continue };
            let mut after = after.split(' ');
            let kind = after.next().unwrap_or_default();
            let options = after.nth(1).unwrap_or_default();
            let mount = Mount { point: PathBuf::from(unescape(point)), root: unescape(root) };
            match kind {
                "cgroup2" if layout.unified.is_none() => layout.unified = Some(mount),
                "cgroup" => {
                    let controllers = options
                        .split(',')
                        .filter(|o| {
                            !matches!(*o, "rw" | "ro" | "xattr" | "noprefix" | "clone_children")
                        })
                        .filter(|o| !o.starts_with("release_agent="))
                        .map(str::to_owned)
                        .collect();
                    layout.v1.push((controllers, mount));
                }
                _ => {}
            }
        }
        layout
    }

    /// Which versions are mounted.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match (&self.unified, self.v1.is_empty()) {
            (Some(_), true) => Mode::Unified,
            (Some(_), false) => Mode::Hybrid,
            (None, false) => Mode::Legacy,
            (None, true) => Mode::None,
        }
    }

    /// The folder of these cgroups in the unified hierarchy, if both have one.
    #[must_use]
    pub fn unified_folder(&self, cgroups: &Cgroups) -> Option<PathBuf> {
        self.unified.as_ref()?.folder(cgroups.unified()?)
    }

    /// The folder of these cgroups in the version 1 hierarchy with this controller.
    #[must_use]
    pub fn v1_folder(&self, cgroups: &Cgroups, controller: &str) -> Option<PathBuf> {
        let (_, mount) = self.v1.iter().find(|(all, _)| all.iter().any(|c| c == controller))?;
        mount.folder(cgroups.v1(controller)?)
    }
}

/// The number by which BPF knows a cgroup of the unified hierarchy (`bpf_get_current_cgroup_id`):
/// the inode of its folder (`kernfs_node_id`, `fs/kernfs`).
///
/// # Errors
/// If the folder is not there or may not be looked at.
pub fn id(folder: &Path) -> io::Result<u64> {
    Ok(fs::metadata(folder)?.ino())
}

/// Undoes the octal escapes of space, tab, newline and backslash in `mountinfo`.
fn unescape(field: &str) -> String {
    let mut plain = String::with_capacity(field.len());
    let mut rest = field;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let digits = rest.get(at + 1..at + 4);
        match digits.and_then(|d| u8::from_str_radix(d, 8).ok()) {
            Some(byte) if byte.is_ascii() => {
                plain.push(char::from(byte));
                rest = &rest[at + 4..];
            }
            _ => {
                plain.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
9:name=systemd:/docker/0123
4:cpu,cpuacct:/docker/0123
3:memory:/kubepods/besteffort/pod:odd/x
0::/docker/0123
";

    #[test]
    fn every_hierarchy_is_read() {
        let cgroups: Cgroups = HYBRID.parse().expect("lines as the kernel writes them");
        assert_eq!(cgroups.unified(), Some("/docker/0123"));
        assert_eq!(cgroups.v1("cpuacct"), Some("/docker/0123"));
        assert_eq!(cgroups.v1("name=systemd"), Some("/docker/0123"));
        assert_eq!(cgroups.v1("memory"), Some("/kubepods/besteffort/pod:odd/x"));
        assert_eq!(cgroups.v1("pids"), None);
        assert_eq!(cgroups.paths(), ["/docker/0123", "/kubepods/besteffort/pod:odd/x"]);
    }

    #[test]
    fn a_removed_cgroup_keeps_its_name_and_nonsense_is_refused() {
        let cgroups: Cgroups = "0::/a b (deleted)\n".parse().expect("a line");
        assert_eq!(cgroups.unified(), Some("/a b"));
        assert_eq!("".parse::<Cgroups>(), Ok(Cgroups::default()));
        for line in ["0:/a", "x::/a", "0::a", "0"] {
            assert_eq!(line.parse::<Cgroups>(), Err(ParseCgroupError { line: line.to_owned() }));
        }
    }

    const MOUNTS: &str = "\
25 30 0:23 / /sys rw,nosuid shared:7 - sysfs sysfs rw
31 25 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
32 25 0:28 / /sys/fs/cgroup/systemd rw shared:10 - cgroup cgroup rw,xattr,name=systemd
33 25 0:29 /outer /sys/fs/cgroup/my\\040cpu rw - cgroup cgroup rw,cpu,cpuacct
";

    #[test]
    fn mounts_tell_the_layout() {
        let layout = Layout::parse(MOUNTS);
        assert_eq!(layout.mode(), Mode::Hybrid);
        assert_eq!(layout.v1[0].0, ["name=systemd"]);
        assert_eq!(layout.v1[1].0, ["cpu", "cpuacct"]);
        assert_eq!(layout.v1[1].1.point, Path::new("/sys/fs/cgroup/my cpu"));
        let cgroups: Cgroups = "3:cpu,cpuacct:/outer/in\n0::/a/b\n".parse().expect("lines");
        let unified = layout.unified_folder(&cgroups);
        assert_eq!(unified.as_deref(), Some(Path::new("/sys/fs/cgroup/unified/a/b")));
        let cpu = layout.v1_folder(&cgroups, "cpu");
        assert_eq!(cpu.as_deref(), Some(Path::new("/sys/fs/cgroup/my cpu/in")));
        assert_eq!(Layout::parse("").mode(), Mode::None);
        assert_eq!(Layout::parse(MOUNTS.lines().nth(1).unwrap()).mode(), Mode::Unified);
        assert_eq!(Layout::parse(MOUNTS.lines().nth(2).unwrap()).mode(), Mode::Legacy);
    }

    #[test]
    fn a_path_outside_the_mount_has_no_folder() {
        let mount = Mount { point: PathBuf::from("/c"), root: "/outer".to_owned() };
        assert_eq!(mount.folder("/outer").as_deref(), Some(Path::new("/c")));
        assert_eq!(mount.folder("/outerother/x"), None);
        assert_eq!(mount.folder("/else"), None);
        assert_eq!(mount.folder("/outer/../x"), None);
    }
}
