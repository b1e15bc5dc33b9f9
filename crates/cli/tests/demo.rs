//! The demo does the whole job, as root and as an ordinary user, and leaves nothing behind.

#![expect(clippy::expect_used, reason = "a test that fails says so by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// The demo in a temporary folder of its own; whatever it leaves there is found.
fn demo(mut command: Command, temporary: &tempfile::TempDir) -> String {
    let output: Output = command
        .arg(testkit::dropcap())
        .arg("demo")
        .env("TMPDIR", temporary.path())
        .env("NO_COLOR", "1")
        .output()
        .expect("dropcap runs");
    let (said, complaint) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complaint}");
    assert_eq!(complaint, "");
    let left: Vec<_> = fs::read_dir(temporary.path())
        .expect("the folder")
        .map(|e| e.expect("an entry").path())
        .collect();
    assert_eq!(left, Vec::<std::path::PathBuf>::new());
    said.into_owned()
}

/// A folder that every user may write to.
fn open_folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("chmod");
    folder
}

/// The processes of a demo in this temporary folder: others may show theirs at the same time.
fn processes(temporary: &tempfile::TempDir) -> BTreeSet<String> {
    let mark = format!("TMPDIR={}", temporary.path().display());
    let processes = fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    let read = |folder: &fs::DirEntry, name| fs::read_to_string(folder.path().join(name)).ok();
    let is_marked = |folder: &fs::DirEntry| {
        read(folder, "environ").is_some_and(|text| text.split('\0').any(|one| one == mark))
    };
    processes.filter(is_marked).filter_map(|folder| read(&folder, "cmdline")).collect()
}

#[test]
fn as_root_it_traces_proves_patches_and_verifies() {
    testkit::needs!(root, bpf);
    let folder = open_folder();
    // What would be left is found.
    let mut marked = Command::new("sleep");
    let mut marked = marked.arg("600").env("TMPDIR", folder.path()).spawn().expect("it starts");
    // In the midst of its execve it has no environment.
    let since = Instant::now();
    while processes(&folder).is_empty() {
        assert!(since.elapsed() < Duration::from_secs(60), "it is not found");
    }
    marked.kill().and_then(|()| marked.wait()).expect("it is killed");
    let said = demo(Command::new("env"), &folder);
    let mut settings = insta::Settings::clone_current();
    // How often the kernel asked for memory's sake differs from run to run.
    settings.add_filter(r"\d+ checks without need", "[N] checks without need");
    // Whether it took long enough for a start to be told from the rest.
    settings.add_filter(", at start", "");
    settings.bind(|| insta::assert_snapshot!("demo_as_root", said));
    assert!(said.ends_with("held 14 -> 4; escape class: none; proven in 10 runs\n"), "{said}");
    assert_eq!(processes(&folder), BTreeSet::new());
}

#[test]
fn without_root_it_says_what_it_cannot_decide() {
    testkit::needs!(root, user_namespaces, program("setpriv"));
    let mut as_user = Command::new("setpriv");
    as_user.args(["--reuid", "1000", "--regid", "1000", "--clear-groups", "env"]);
    let said = demo(as_user, &open_folder());
    insta::assert_snapshot!("demo_as_user", said);
    assert!(
        said.ends_with("held 14 -> 11; escape class: none; not all decided in 8 runs\n"),
        "{said}"
    );
}
