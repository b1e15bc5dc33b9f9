//! What a guest runs: the tests, linked statically; their small C programs; tools of this machine with the
//! libraries that these are linked to.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::Message;

use super::architecture::Architecture;
use super::initramfs::Initramfs;
use super::packages;
use super::plan::{GroundtruthPlan, GuestPlan, Plan};
use crate::Result;
use crate::process::{cargo, output};

/// The suite that programs of another architecture are taken from.
const USERLAND: &str = "bookworm";
/// Folders that Debian has moved into `/usr`.
const MERGED: &[&str] = &["bin", "sbin", "lib", "lib64"];

/// What cargo built: a name in the guest, a path here.
pub type Built = BTreeMap<String, PathBuf>;

/// Builds the test programs, what lists the backends, and `tryout`; `dropcap` too if it is wanted.
///
/// # Errors
/// If they do not build, or one that is planned does not exist.
pub fn build(plan: &Plan, architecture: &Architecture, dropcap: bool) -> Result<Built> {
    let target = target(architecture)?;
    let (compiler, package) = architecture.compiler;
    if testkit::need::find_program(compiler).is_none() {
        return Err(format!("needs the program {compiler} (Debian: {package})"));
    }
    let mut built = Built::new();
    let mut tests = vec!["test", "--no-run"];
    for test in &plan.tests {
        tests.extend(["--package", &test.package, "--test", &test.name]);
    }
    let examples = ["build", "--package", "dropcap-trace", "--example", "backends"];
    let mut programs = vec!["build", "--package", "tryout"];
    if dropcap {
        programs.extend(["--package", "dropcap"]);
    }
    for arguments in [&tests[..], &examples, &programs] {
        let mut command = cargo(arguments);
        command.args(["--profile", "vm", "--message-format", "json-render-diagnostics"]);
        command.args(["--target", target]);
        if !architecture.own {
            let name = target.replace('-', "_").to_uppercase();
            command.env(format!("CARGO_TARGET_{name}_LINKER"), compiler);
        }
        if architecture.gnu == Some(target) {
            command.env("RUSTFLAGS", "-C target-feature=+crt-static");
        }
        let said = output(command.stderr(std::process::Stdio::inherit()))?;
        for message in Message::parse_stream(Cursor::new(said)) {
            if let Ok(Message::CompilerArtifact(artifact)) = message
                && let Some(path) = artifact.executable
            {
                built.insert(artifact.target.name, path.into_std_path_buf());
            }
        }
    }
    for name in plan.tests.iter().map(|test| test.name.as_str()).chain(["backends", "tryout"]) {
        if !built.contains_key(name) {
            return Err(format!("cargo built no program {name}"));
        }
    }
    Ok(built)
}

/// musl if it is installed or can be.
fn target(architecture: &Architecture) -> Result<&'static str> {
    let added = Command::new("rustup").args(["target", "add", architecture.musl]).output();
    if added.is_ok_and(|output| output.status.success()) {
        return Ok(architecture.musl);
    }
    architecture.gnu.ok_or_else(|| format!("needs Rust's target {}", architecture.musl))
}

/// A file system with all of it, but for what a kernel or a run adds.
///
/// # Errors
/// If something is missing on this machine.
pub fn file_system(
    plan: &Plan,
    architecture: &Architecture,
    built: &Built,
    place: &Path,
    recorded: bool,
) -> Result<Initramfs> {
    let mut system = Initramfs::default();
    for folder in MERGED {
        system.folder(&format!("/usr/{folder}"));
        system.link(&format!("/{folder}"), &format!("usr/{folder}"));
    }
    for folder in ["dev", "proc", "sys", "run", "tmp", "root", "etc", "mnt", "var", "home"] {
        system.folder(&format!("/{folder}"));
    }
    // What the kernel opens for the first process.
    system.device("/dev/console", 5, 1);
    let users = format!(
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:\n{}\n",
        plan.groundtruth.users.join("\n")
    );
    system.file("/etc/passwd", 0o644, users.as_bytes());
    let groups = format!("root:x:0:\nnogroup:x:65534:\n{}\n", plan.groundtruth.groups.join("\n"));
    system.file("/etc/group", 0o644, groups.as_bytes());
    system.file("/etc/sysctl.conf", 0o644, (plan.guest.sysctls.join("\n") + "\n").as_bytes());
    system.file("/init", 0o755, include_bytes!("init.sh"));

    for test in &plan.tests {
        system.copy(&built[&test.name], &format!("/tests/{}", test.name), 0o755)?;
    }
    system.copy(&built["backends"], "/usr/bin/backends", 0o755)?;
    system.copy(&built["tryout"], "/programs/tryout", 0o755)?;
    if let Some(dropcap) = built.get("dropcap") {
        system.copy(dropcap, "/programs/dropcap", 0o755)?;
        system.link("/usr/bin/dropcap", "/programs/dropcap");
    }
    let programs = place.join("programs");
    let compiled = testkit::programs::compile_all(architecture.compiler.0, &programs)
        .map_err(|e| format!("tests: {e}"))?;
    for (folder, name) in compiled {
        let file = programs.join(&folder).join(&name);
        system.copy(&file, &format!("/programs/{folder}/{name}"), 0o755)?;
    }
    if recorded {
        groundtruth(&mut system, &plan.groundtruth)?;
    }
    if architecture.own {
        copy_programs(&mut system, &plan.guest.programs)?;
        for folder in &plan.guest.folders {
            copy_folder(&mut system, Path::new(folder))?;
        }
        system.copy(&find("busybox")?, "/usr/bin/busybox", 0o755)?;
    } else {
        foreign(&mut system, architecture, &plan.guest, place)?;
    }
    applets(&mut system, &plan.guest)?;
    Ok(system)
}

/// The same programs as packages of another architecture have them, and all their libraries.
fn foreign(
    system: &mut Initramfs,
    architecture: &Architecture,
    plan: &GuestPlan,
    place: &Path,
) -> Result {
    let root = packages::userland(architecture, USERLAND, &plan.packages, place)?;
    for program in plan.programs.iter().map(String::as_str).chain(["busybox"]) {
        let places = ["usr/bin", "usr/sbin", "bin", "sbin"].map(|at| root.join(at).join(program));
        let file = places.iter().find(|file| file.exists());
        let file =
            file.ok_or_else(|| format!("no package of vm.toml has the program {program}"))?;
        system.copy(file, &merged(&in_root(&root, file)), 0o755)?;
    }
    for folder in ["lib", "usr/lib"] {
        copy_from(system, &root, &root.join(folder))?;
    }
    Ok(())
}

/// The names of busybox's programs, which are alike on both architectures.
fn applets(system: &mut Initramfs, plan: &GuestPlan) -> Result {
    system.link("/usr/bin/sh", "dash");
    let busybox = find("busybox")?;
    let list = output(Command::new(&busybox).arg("--list"))?;
    for applet in list.lines().filter(|applet| !plan.without.iter().any(|name| name == applet)) {
        if !system.has(&format!("/usr/sbin/{applet}")) {
            system.link(&format!("/usr/bin/{applet}"), "busybox");
        }
    }
    Ok(())
}

/// Adds the programs of `groundtruth/` that are traced in the guests..
///
/// # Errors
/// If something is missing on this machine.
fn groundtruth(system: &mut Initramfs, plan: &GroundtruthPlan) -> Result {
    system.file("/usr/share/groundtruth.sh", 0o644, include_bytes!("groundtruth.sh"));
    for name in &plan.names {
        let folder = crate::root().join("groundtruth/programs").join(name);
        let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        for file in entries.flatten() {
            let to = format!("/usr/share/groundtruth/{name}/{}", file.file_name().display());
            system.copy(&file.path(), &to, 0o644)?;
        }
    }
    copy_programs(system, &plan.programs)?;
    plan.folders.iter().try_for_each(|folder| copy_folder(system, Path::new(folder)))
}

/// Programs of this machine, with their libraries.
fn copy_programs(system: &mut Initramfs, names: &[String]) -> Result {
    for name in names {
        let path = find(name)?;
        for library in libraries(&path)? {
            system.copy(&library, &merged(&library), 0o755)?;
        }
        system.copy(&path, &merged(&path), 0o755)?;
    }
    Ok(())
}

fn copy_folder(system: &mut Initramfs, folder: &Path) -> Result {
    copy_from(system, Path::new("/"), folder)
}

/// The path of a file below `root`, in it.
fn in_root(root: &Path, file: &Path) -> PathBuf {
    Path::new("/").join(file.strip_prefix(root).unwrap_or(file))
}

fn copy_from(system: &mut Initramfs, root: &Path, folder: &Path) -> Result {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            copy_from(system, root, &path)?;
        } else {
            system.copy(&path, &merged(&in_root(root, &path)), 0o755)?;
        }
    }
    Ok(())
}

fn find(name: &str) -> Result<PathBuf> {
    testkit::need::find_program(name).ok_or_else(|| format!("needs the program {name}"))
}

/// Where a file of this machine is in the guest: `/lib/x` is `/usr/lib/x`.
fn merged(path: &Path) -> String {
    let path = path.to_string_lossy();
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    if MERGED.contains(&first) { format!("/usr{path}") } else { path.into_owned() }
}

/// The libraries of a program, and what loads them, as ldd(1) says.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output().map_err(|e| format!("ldd: {e}"))?;
    Ok(named(&String::from_utf8_lossy(&output.stdout)))
}

fn named(ldd: &str) -> Vec<PathBuf> {
    let words = ldd.lines().filter_map(|line| line.split_whitespace().find(|w| w.starts_with('/')));
    words.map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ldd_names_libraries_and_the_loader() {
        let said = "\tlinux-vdso.so.1 (0x00007f)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f)
";
        let files: Vec<String> = named(said).iter().map(|file| merged(file)).collect();
        assert_eq!(
            files,
            ["/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib64/ld-linux-x86-64.so.2"]
        );
        assert_eq!(named("\tnot a dynamic executable\n"), Vec::<PathBuf>::new());
        assert_eq!(merged(Path::new("/usr/bin/perl")), "/usr/bin/perl");
        assert_eq!(merged(Path::new("/libexec/x")), "/libexec/x");
    }
}
