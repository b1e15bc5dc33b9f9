//! The root file system that the programs of a group share: Debian's minimal base, their packages, and what
//! their `prepare` scripts make of it. Each stage is kept, under a hash of what it was made from.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;
use crate::program::{Program, hash};

/// Debian's suite; the true minimal sets are those of its programs.
const SUITE: &str = "bookworm";
/// To be changed with what the stages do.
const VERSION: &str = "1";
/// The host name inside.
pub const HOST: &str = "groundtruth";
/// The only `PATH` of scripts and programs.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What no program reads, and what would only be copied and compared.
const SUPERFLUOUS: &[&str] = &[
    "var/cache/apt",
    "var/lib/apt/lists",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/bug",
];

/// Installs a list of packages; services are not started.
const INSTALL: &str = r#"set -eu
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "$@"
apt-get clean
rm /usr/sbin/policy-rc.d
"#;

/// A root file system that is ready. It is never written to. Dropped, it takes its work folder along.
#[derive(Debug)]
pub struct Rootfs {
    /// Its files.
    pub tree: PathBuf,
    /// Where runs keep what they need; one user at a time.
    pub work: PathBuf,
}

impl Rootfs {
    /// Takes it from the cache, or makes it; under a minute or two for a new list of packages.
    pub fn build(cache: &Path, programs: &[&Program]) -> Result<Self> {
        fs::create_dir_all(cache).map_err(|e| format!("{}: {e}", cache.display()))?;
        let cache = cache.canonicalize().map_err(|e| format!("{}: {e}", cache.display()))?;
        let lock = cache.join("lock");
        let lock = File::create(&lock).map_err(|e| format!("{}: {e}", lock.display()))?;
        lock.lock().map_err(|e| format!("cannot lock {}: {e}", cache.display()))?;
        let base = stage(&cache, "base", &[VERSION, SUITE], None, debootstrap)?;
        let packages: BTreeSet<&str> =
            programs.iter().flat_map(|p| &p.description.packages).map(String::as_str).collect();
        let packages: Vec<&str> = packages.into_iter().collect();
        let key = [&[VERSION, SUITE][..], &packages[..]].concat();
        let installed =
            stage(&cache, "packages", &key, Some(&base), |tree| install(tree, &packages))?;
        let prepared: Vec<&Program> =
            programs.iter().copied().filter(|p| p.folder.join("prepare").is_file()).collect();
        let words = prepared.iter().map(|p| p.prepared.as_str());
        let key: Vec<&str> = key.iter().copied().chain(words).collect();
        let tree = stage(&cache, "root", &key, Some(&installed), |tree| {
            prepared.iter().try_for_each(|program| prepare(tree, program))
        })?;
        Ok(Self { tree, work: work_folder(&cache)? })
    }

    /// One that is there, with `/bin/sh` in it.
    pub fn of(cache: &Path, tree: &Path) -> Result<Self> {
        let failed = |e| format!("{}: {e}", tree.display());
        fs::create_dir_all(cache).map_err(failed)?;
        for folder in ["proc", "dev", "tmp", "groundtruth"] {
            fs::create_dir_all(tree.join(folder)).map_err(failed)?;
        }
        let tree = tree.canonicalize().map_err(failed)?;
        Ok(Self { tree, work: work_folder(&cache.canonicalize().map_err(failed)?)? })
    }
}

impl Drop for Rootfs {
    fn drop(&mut self) {
        let _ = remove(&self.work);
    }
}

/// A stage of the cache: there already, or made in a folder beside it and renamed.
fn stage(
    cache: &Path,
    name: &str,
    key: &[&str],
    from: Option<&Path>,
    make: impl FnOnce(&Path) -> Result,
) -> Result<PathBuf> {
    let done = cache.join(format!("{name}-{}", hash(key.join("\0").as_bytes())));
    if done.exists() {
        return Ok(done);
    }
    eprintln!("groundtruth: making {}", done.display());
    let making = cache.join(format!("{name}.making"));
    remove(&making)?;
    match from {
        Some(from) => call(Command::new("cp").arg("-a").arg(from).arg(&making))?,
        None => fs::create_dir(&making).map_err(|e| format!("{}: {e}", making.display()))?,
    }
    make(&making)?;
    fs::rename(&making, &done).map_err(|e| format!("{}: {e}", done.display()))?;
    Ok(done)
}

fn debootstrap(tree: &Path) -> Result {
    call(Command::new("debootstrap").args(["--variant=minbase", SUITE]).arg(tree))
}

fn install(tree: &Path, packages: &[&str]) -> Result {
    // How this machine reaches its packages, as far as it is a matter of files.
    let lent = ["etc/resolv.conf", "etc/hosts"];
    for file in lent {
        let _ = fs::copy(Path::new("/").join(file), tree.join(file));
    }
    let settings = tree.join("etc/apt/apt.conf.d/zz-lent");
    fs::write(&settings, lent_settings()).map_err(|e| format!("{}: {e}", settings.display()))?;
    inside(tree, INSTALL, packages, None)?;
    fs::remove_file(&settings).map_err(|e| format!("{}: {e}", settings.display()))?;
    for folder in SUPERFLUOUS {
        let folder = tree.join(folder);
        remove(&folder)?;
        fs::create_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    for (file, text) in [
        ("etc/resolv.conf", String::new()),
        ("etc/hostname", format!("{HOST}\n")),
        ("etc/hosts", format!("127.0.0.1 localhost\n127.0.0.1 {HOST}\n::1 localhost\n")),
    ] {
        fs::write(tree.join(file), text).map_err(|e| format!("{file}: {e}"))?;
    }
    fs::create_dir_all(tree.join("groundtruth")).map_err(|e| format!("groundtruth: {e}"))
}

/// How apt of this machine reaches its archive, `apt.conf(5)`.
fn lent_settings() -> String {
    let dumped = Command::new("apt-config").arg("dump").output();
    let text = dumped.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
    text.lines().filter(|line| line.starts_with("Acquire::")).map(|l| format!("{l}\n")).collect()
}

/// Runs a program's `prepare`, which sees the program's folder as `/groundtruth`.
fn prepare(tree: &Path, program: &Program) -> Result {
    let file = program.folder.join("prepare");
    let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    inside(tree, &text, &[], Some(&program.folder))
        .map_err(|e| format!("{}: prepare: {e}", program.name))
}

/// Runs a script in the tree with everything it may start ended after it; `/proc` is there.
fn inside(tree: &Path, script: &str, arguments: &[&str], folder: Option<&Path>) -> Result {
    const ENTER: &str = r#"set -e
root=$1 folder=$2
shift 2
mount -t proc proc "$root/proc"
if [ -n "$folder" ]; then mount --bind -o ro "$folder" "$root/groundtruth"; fi
exec chroot "$root" /bin/sh -c "$@""#;
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--propagation"])
        .args(["private", "--", "/bin/sh", "-c", ENTER, "enter"])
        .arg(tree)
        .arg(folder.unwrap_or(Path::new("")))
        .args([script, "script"])
        .args(arguments)
        .env_clear()
        .envs(std::env::vars().filter(|(name, _)| name.to_lowercase().ends_with("_proxy")))
        .envs([("PATH", PATH), ("HOME", "/root")]);
    call(&mut command)
}

/// A folder of this process alone; what an earlier process left, killed before it was done, goes.
fn work_folder(cache: &Path) -> Result<PathBuf> {
    let all = cache.join("work");
    fs::create_dir_all(&all).map_err(|e| format!("{}: {e}", all.display()))?;
    for entry in fs::read_dir(&all).map_err(|e| format!("{}: {e}", all.display()))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !Path::new("/proc").join(&name).exists() {
            remove(&entry.path())?;
        }
    }
    let own = all.join(std::process::id().to_string());
    remove(&own)?;
    fs::create_dir(&own).map_err(|e| format!("{}: {e}", own.display()))?;
    Ok(own)
}

/// Removes a tree; it is no error that there is none.
pub fn remove(tree: &Path) -> Result {
    match fs::remove_dir_all(tree) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {e}", tree.display()))
        }
        _ => Ok(()),
    }
}

/// Runs a command; what it prints is shown only if it fails.
pub fn call(command: &mut Command) -> Result {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("cannot start {}: {e}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{} failed ({}):\n{}{}",
        command.get_program().display(),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}
