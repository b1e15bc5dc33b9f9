//! Small C programs (`tests/FOLDER/NAME.c`) that tests run, linked statically, so that they run in any
//! container and on any kernel.
//!
//! Where there is no compiler (a virtual machine with nothing but the tests in it), the folder that
//! `DROPCAP_TEST_PROGRAMS` names has them compiled already, as `FOLDER/NAME`.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::SystemTime;

/// Where the programs are that were built before, if they were: `DROPCAP_TEST_PROGRAMS`.
#[must_use]
pub fn prebuilt() -> Option<PathBuf> {
    std::env::var_os("DROPCAP_TEST_PROGRAMS").filter(|folder| !folder.is_empty()).map(Into::into)
}

/// The compiled `tests/FOLDER/NAME.c`, in the target folder that this test was built into.
///
/// # Panics
/// If it cannot be compiled.
#[must_use]
pub fn program(folder: &str, name: &str) -> PathBuf {
    if let Some(prebuilt) = prebuilt() {
        return prebuilt.join(folder).join(name);
    }
    let test = std::env::current_exe().expect("a test has a path");
    // <target>/<profile>/deps/<test>
    let target = test.ancestors().nth(3).expect("a test lies in target/PROFILE/deps");
    compiled("cc", folder, name, &target.join("tmp"))
}

/// Puts a copy of the compiled `tests/FOLDER/NAME.c` there, 0755.
///
/// # Panics
/// If it cannot be compiled or copied.
pub fn install(folder: &str, name: &str, to: &Path) {
    copy(&program(folder, name), to);
}

/// Copies a program, 0755. By another process: a file that is open for writing here while another test forks
/// cannot be executed until that child has closed it (`ETXTBSY`).
///
/// # Panics
/// If it cannot be copied.
pub fn copy(from: &Path, to: &Path) {
    put(Command::new("cp").arg(from).arg(to), to);
}

/// Writes a script, 0755; as [`copy`] by another process.
///
/// # Panics
/// If it cannot be written.
pub fn script(to: &Path, text: &str) {
    put(Command::new("sh").args(["-c", "printf %s \"$1\" > \"$0\""]).arg(to).arg(text), to);
}

fn put(command: &mut Command, to: &Path) {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}: {output:?}", to.display());
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).expect("chmod");
}

/// All the programs there are, compiled by `compiler` into `place/FOLDER/NAME`; their folders and names.
///
/// # Errors
/// If the sources cannot be listed.
///
/// # Panics
/// If one cannot be compiled.
pub fn compile_all(compiler: &str, place: &Path) -> io::Result<BTreeSet<(String, String)>> {
    let mut all = BTreeSet::new();
    for folder in fs::read_dir(sources())? {
        let folder = folder?;
        if !folder.file_type()?.is_dir() {
            continue;
        }
        let folder_name = folder.file_name().to_string_lossy().into_owned();
        for file in fs::read_dir(folder.path())? {
            let file = file?.path();
            if file.extension() == Some(OsStr::new("c")) {
                let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                compiled(compiler, &folder_name, &name, place);
                all.insert((folder_name.clone(), name));
            }
        }
    }
    Ok(all)
}

/// The folder with the folders of sources.
fn sources() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/testkit lies in tests")
}

/// Compiled once for each change of its source and of the headers beside it.
fn compiled(compiler: &str, folder: &str, name: &str, place: &Path) -> PathBuf {
    static FRESH: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let program = place.join(folder).join(name);
    let mut fresh = FRESH.lock().expect("no test panics while it compiles");
    if fresh.contains(&program) {
        return program;
    }
    let folder = sources().join(folder);
    let source = folder.join(name).with_extension("c");
    let newest = headers(&folder).iter().map(|header| changed(header)).max();
    if changed(&program) < newest.max(Some(changed(&source))).unwrap_or(SystemTime::UNIX_EPOCH) {
        fs::create_dir_all(program.parent().unwrap_or(place)).expect("a folder for the programs");
        compile(compiler, &source, &program);
    }
    fresh.insert(program.clone());
    program
}

fn headers(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).expect("the folder of sources").flatten();
    let files = files.map(|file| file.path());
    files.filter(|file| file.extension() == Some(OsStr::new("h"))).collect()
}

fn changed(file: &Path) -> SystemTime {
    fs::metadata(file).and_then(|about| about.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Under another name first: another test run may be executing what is there.
fn compile(compiler: &str, source: &Path, program: &Path) {
    let unfinished = program.with_extension(std::process::id().to_string());
    let mut cc = Command::new(compiler);
    cc.args(["-static", "-no-pie", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"]);
    let output = cc.arg(&unfinished).arg(source).output().expect("the compiler runs");
    let said = String::from_utf8_lossy(&output.stderr);
    // Its own warnings about static linking are no reason to fail, the compiler's are.
    if output.status.success() {
        fs::rename(&unfinished, program).expect("the program is put in place");
    } else {
        drop(fs::remove_file(&unfinished));
        assert!(output.status.success(), "{}: {said}", source.display());
    }
}
