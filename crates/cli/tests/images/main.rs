//! `show` and `check` with images that are there, held against what Podman and Docker really run.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod docker;
mod said;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use caps::{CapSet, CapState, Capability, FileCaps};
use serde_json::Value;

/// Prints its own `/proc/self/status`: no shell, no library, so that what `execve` gave is what is there.
const PROGRAM: &str = "#include <stdio.h>
int main(void) {
  FILE *f = fopen(\"/proc/self/status\", \"r\"); int c;
  while ((c = getc(f)) != EOF) putchar(c);
  return 0;
}
";

/// An image, what it is made of, and what is said of its user.
struct Case {
    name: &'static str,
    /// Dockerfile instructions.
    changes: &'static [&'static str],
    file: File,
    user: &'static str,
}

/// What the program's file is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum File {
    Plain,
    Carries,
    SetUid,
}

const ENTRYPOINT: &str = "ENTRYPOINT [\"/bin/status\"]";

/// Each is run for real.
const CASES: [Case; 8] = [
    case("none", &[ENTRYPOINT], File::Plain, "no USER, which is root"),
    case("zero", &["USER 0", ENTRYPOINT], File::Plain, "USER 0"),
    case("number", &["USER 1000", ENTRYPOINT], File::Plain, "USER 1000"),
    case("group", &["USER 1000:5", ENTRYPOINT], File::Plain, "USER 1000:5"),
    case("name", &["USER web", ENTRYPOINT], File::Plain, "USER web, 33 in its /etc/passwd"),
    case("carries", &["USER web", ENTRYPOINT], File::Carries, "USER web, 33 in its /etc/passwd"),
    case("script", &["USER 1000", "ENTRYPOINT [\"/start\"]"], File::Carries, "USER 1000"),
    case("setuid", &["USER 1000", "CMD [\"status\"]"], File::SetUid, "USER 1000"),
];

const fn case(
    name: &'static str,
    changes: &'static [&'static str],
    file: File,
    user: &'static str,
) -> Case {
    Case { name, changes, file, user }
}

/// A root file system as an archive, with the attributes of its files.
fn archive(folder: &Path, file: File) -> std::path::PathBuf {
    let root = folder.join("root");
    for part in ["bin", "etc", "proc", "sys", "dev"] {
        fs::create_dir_all(root.join(part)).unwrap();
    }
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
    let source = folder.join("status.c");
    fs::write(&source, PROGRAM).unwrap();
    let program = root.join("bin/real");
    succeed(Command::new("cc").arg("-static").arg("-o").arg(&program).arg(&source));
    let mode = if file == File::SetUid { 0o4755 } else { 0o755 };
    fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
    if file == File::Carries {
        let carried = FileCaps::effective(CapSet::from(Capability::KILL));
        sys::xattr::set_file_capabilities(&program, &carried.encode().unwrap()).unwrap();
    }
    std::os::unix::fs::symlink("real", root.join("bin/status")).unwrap();
    let script = root.join("start");
    fs::write(&script, "#!/bin/status\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(root.join("etc/passwd"), "root:x:0:0::/:/bin/sh\nweb:x:33:33::/:/bin/sh\n").unwrap();
    let archive = folder.join("root.tar");
    let mut tar = Command::new("tar");
    tar.args(["--create", "--format=pax", "--xattrs", "--xattrs-include=*"]);
    tar.args(["--owner=0", "--group=0", "--numeric-owner", "--file"]).arg(&archive);
    succeed(tar.arg("--directory").arg(&root).arg("."));
    archive
}

/// A pod, or what else names the image.
fn pod(folder: &Path, image: &str) -> std::path::PathBuf {
    let file = folder.join("pod.yaml");
    let text = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{ name: web }}\nspec:\n  containers:\n    - name: \
         web\n      image: {image}\n"
    );
    fs::write(&file, text).unwrap();
    file
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{stderr}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The five sets in a `/proc/PID/status`.
fn sets(status: &str) -> CapState {
    let mask = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        CapSet::from_bits(u64::from_str_radix(line.trim_start_matches(':').trim(), 16).unwrap())
    };
    CapState {
        bounding: mask("CapBnd"),
        permitted: mask("CapPrm"),
        effective: mask("CapEff"),
        inheritable: mask("CapInh"),
        ambient: mask("CapAmb"),
    }
}

/// What `show --json` says of the one container: its sets, and where its user comes from.
fn predicted(show: &mut Command) -> (Vec<Value>, Value) {
    let text = succeed(show);
    let document: Value = serde_json::from_str(&text).unwrap();
    let container = &document["containers"][0];
    let answers = container["runtimes"][0]["answers"].as_array().unwrap();
    let sets = answers.iter().map(|answer| answer["process"].clone()).collect();
    (sets, container["fromImage"].clone())
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

/// An image of Podman, gone with the test.
struct Imported(String);

impl Drop for Imported {
    fn drop(&mut self) {
        let _ = run("podman", &["image", "rm", "--force", &self.0]);
    }
}

/// The sets that Podman gives what the image starts.
fn ran(image: &Imported) -> CapState {
    let log = testkit::Log::new();
    succeed(testkit::podman_run().arg("--rm").args(log.options()).arg(&image.0));
    sets(&log.stdout())
}

/// The default set of this machine's Podman: a distribution may have set its own.
fn default_set(folder: &Path) -> CapSet {
    let archive = archive(folder, File::Plain);
    let name = format!("localhost/dropcap-test/images-default:{}", std::process::id());
    let image = Imported(name);
    succeed(
        Command::new("podman").args(["import", "--change", ENTRYPOINT]).arg(archive).arg(&image.0),
    );
    ran(&image).bounding
}

#[test]
fn what_podman_runs_is_what_its_image_foretold() {
    testkit::needs!(podman, runc, program("cc"));
    let folder = tempfile::tempdir().unwrap();
    let default = default_set(folder.path());
    let mut agreed = Vec::new();
    for case in &CASES {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("localhost/dropcap-test/images-{}:{}", case.name, std::process::id());
        let image = Imported(name);
        let mut import = Command::new("podman");
        import.arg("import");
        for change in case.changes {
            import.args(["--change", change]);
        }
        succeed(import.arg(archive(folder.path(), case.file)).arg(&image.0));
        let real = ran(&image);
        let pod = pod(folder.path(), &image.0);
        let mut show = Command::new(testkit::dropcap());
        show.args(["show", "--json", "--runtime", "podman", "--images", "podman", "--default-set"]);
        let (answers, image_said) =
            predicted(show.arg(default.to_string().replace(' ', ",")).arg(&pod));
        assert_eq!(answers, [serde_json::to_value(real).unwrap()], "{}", case.name);
        assert_eq!(image_said["phrase"], format!("image {}: {}", image.0, case.user));
        // Written down, it says the same without an engine.
        let written = folder.path().join("images.json");
        let mut images = Command::new(testkit::dropcap());
        fs::write(&written, succeed(images.args(["images", "--from", "podman"]).arg(&pod)))
            .unwrap();
        let mut show = Command::new(testkit::dropcap());
        show.args(["show", "--json", "--runtime", "podman", "--default-set"]);
        show.arg(default.to_string().replace(' ', ",")).arg("--image-info").arg(&written);
        assert_eq!(predicted(show.arg(&pod)), (answers, image_said), "{}", case.name);
        agreed.push(case.name);
    }
    assert_eq!(agreed.len(), 8);
}
