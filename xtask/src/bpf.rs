//! `cargo xtask bpf`: the committed BPF object, built reproducibly by one pinned compiler.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::process;

/// Debian 12's; another release gives other bytes.
const CLANG: &str = "clang-14";
/// Takes the debug sections away, which name the machine that built them; BTF stays.
const STRIP: &str = "llvm-strip-14";
const FOLDER: &str = "crates/trace/src/bpf";
/// Source, object, the macro that `bpf/bpf_tracing.h` knows the architecture by.
const OBJECTS: &[(&str, &str, &str)] = &[
    ("captrace.bpf.c", "captrace.x86_64.bpf.o", "__TARGET_ARCH_x86"),
    ("tasks.bpf.c", "tasks.x86_64.bpf.o", "__TARGET_ARCH_x86"),
];

/// Rebuilds the objects; with `check` fails if what is committed is not what the source gives.
pub fn run(check: bool) -> Result {
    for (source, object, architecture) in OBJECTS {
        let committed = crate::root().join(FOLDER).join(object);
        let fresh = std::env::temp_dir().join(format!("dropcap-{}-{object}", std::process::id()));
        let built = compile(source, &fresh, architecture)
            .and_then(|()| fs::read(&fresh).map_err(|e| format!("{}: {e}", fresh.display())));
        let _ = fs::remove_file(&fresh);
        let built = built?;
        let shown = format!("{FOLDER}/{object}");
        let same = fs::read(&committed).is_ok_and(|bytes| bytes == built);
        match (same, check) {
            (true, _) => println!("{shown}: {} bytes, as the source gives them", built.len()),
            (false, true) => {
                return Err(format!(
                    "{shown} is not what {source} gives: run `cargo xtask bpf` and commit it"
                ));
            }
            (false, false) => {
                fs::write(&committed, &built).map_err(|e| format!("{shown}: {e}"))?;
                println!("{shown}: {} bytes, written", built.len());
            }
        }
    }
    Ok(())
}

fn compile(source: &str, object: &Path, architecture: &str) -> Result {
    let root = crate::root();
    process::run(
        Command::new(CLANG)
            .args(["-O2", "-g", "-target", "bpf", "-Wall", "-Wextra", "-Werror"])
            .args(["-Wno-unused-parameter", "-Wno-sign-compare"])
            .arg(format!("-D{architecture}"))
            // Paths would differ from clone to clone.
            .arg(format!("-ffile-prefix-map={}=.", root.display()))
            .arg("-fdebug-compilation-dir=.")
            .arg("-c")
            .arg(Path::new(FOLDER).join(source))
            .arg("-o")
            .arg(object),
    )
    .map_err(|e| format!("{e} (needs {CLANG} and libbpf-dev)"))?;
    process::run(Command::new(STRIP).arg("-g").arg(object))
        .map_err(|e| format!("{e} (needs llvm-14)"))
}
