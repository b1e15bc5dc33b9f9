//! The traps' programs, compiled.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::SystemTime;

/// Where the sources are.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/traps")
}

/// The compiled `tests/traps/NAME.c`, linked statically, so that it runs anywhere. Compiled once for
/// each change of its source.
fn program(name: &str) -> PathBuf {
    static FRESH: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("traps");
    let program = folder.join(name);
    let mut fresh = FRESH.lock().expect("no test panics while it compiles");
    if fresh.contains(name) {
        return program;
    }
    let source = sources().join(name).with_extension("c");
    if changed(&program) < changed(&source).max(changed(&sources().join("trap.h"))) {
        fs::create_dir_all(&folder).expect("a folder for the programs");
        compile(&source, &program);
    }
    fresh.insert(name.to_owned());
    program
}

/// Puts a copy of it there, 0755. By another process: a file that is open for writing here while another
/// test forks cannot be executed until that child has closed it (`ETXTBSY`).
pub fn install(name: &str, to: &Path) {
    let mut install = Command::new("install");
    let output = install.args(["-m", "0755"]).arg(program(name)).arg(to).output();
    let output = output.expect("install runs");
    assert!(output.status.success(), "{name}: {output:?}");
}

fn changed(file: &Path) -> SystemTime {
    fs::metadata(file).and_then(|about| about.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Under another name first: another test run may be executing what is there.
fn compile(source: &Path, program: &Path) {
    let unfinished = program.with_extension(std::process::id().to_string());
    let mut cc = Command::new("cc");
    cc.args(["-static", "-no-pie", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"]);
    let output = cc.arg(&unfinished).arg(source).output().expect("cc runs");
    let said = String::from_utf8_lossy(&output.stderr);
    // Its own warnings about static linking are no reason to fail, the compiler's are.
    if output.status.success() {
        fs::rename(&unfinished, program).expect("the program is put in place");
    } else {
        drop(fs::remove_file(&unfinished));
        assert!(output.status.success(), "{}: {said}", source.display());
    }
}
