//! Which file a program name means, and why it could not be executed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use caps::{CapSet, FileCaps};

use crate::error::{LaunchError, Unexecutable};
use crate::spec::Spec;

/// What execvp(3) searches where there is no `PATH`, `confstr(_CS_PATH)` of glibc.
const DEFAULT_PATH: &str = "/bin:/usr/bin";
/// Errno values of execve(2) on Linux.
const EPERM: i32 = 1;
const ENOENT: i32 = 2;
const ENOEXEC: i32 = 8;
const EACCES: i32 = 13;
const ENOTDIR: i32 = 20;

/// The files that may be meant, in the order they are tried.
#[derive(Debug)]
pub(crate) struct Candidates {
    pub(crate) files: Vec<PathBuf>,
    /// The `PATH` they come from, for a bare name.
    searched: Option<OsString>,
}

impl Candidates {
    /// A name with a slash is that file; a bare one is looked for in the child's own `PATH`.
    pub(crate) fn of(spec: &Spec) -> Self {
        if spec.program.as_bytes().contains(&b'/') {
            return Self { files: vec![PathBuf::from(&spec.program)], searched: None };
        }
        let path = match &spec.env {
            Some(env) => env.iter().find(|(name, _)| name == "PATH").map(|(_, v)| v.clone()),
            None => std::env::var_os("PATH"),
        };
        let path = path.unwrap_or_else(|| DEFAULT_PATH.into());
        // An empty name is no program in any folder.
        let files = if spec.program.is_empty() {
            Vec::new()
        } else {
            std::env::split_paths(&path).map(|folder| folder.join(&spec.program)).collect()
        };
        Self { files, searched: Some(path) }
    }

    /// The error of `execve` on the candidate with this index, in words.
    pub(crate) fn explain(self, spec: &Spec, index: usize, source: io::Error) -> LaunchError {
        let not_found =
            LaunchError::NotFound { program: spec.program.clone(), searched: self.searched };
        let Some(mut file) = self.files.into_iter().nth(index) else { return not_found };
        if let (true, Some(folder)) = (file.is_relative(), &spec.working_directory) {
            file = folder.join(file);
        }
        let there = fs::metadata(&file);
        let errno = source.raw_os_error().unwrap_or_default();
        let reason = match (errno, there) {
            (EACCES, Ok(meta)) if meta.is_dir() => Unexecutable::Folder,
            (EACCES, Ok(meta)) if meta.mode() & 0o111 == 0 => {
                Unexecutable::NoExecuteBit { mode: meta.mode() & 0o7777 }
            }
            (EACCES, Ok(_)) => Unexecutable::Denied { uid: effective_user(spec) },
            (EACCES, Err(error)) if error.kind() == io::ErrorKind::NotFound => return not_found,
            (EACCES, Err(_)) => Unexecutable::Denied { uid: effective_user(spec) },
            (ENOENT, Ok(_)) => Unexecutable::Interpreter { interpreter: interpreter(&file) },
            (ENOENT | ENOTDIR, _) => return not_found,
            (ENOEXEC, _) => Unexecutable::Format,
            (EPERM, _) => match ungrantable(&file, spec) {
                Some(missing) => Unexecutable::FileCapabilities { missing },
                None => Unexecutable::Other(source),
            },
            _ => Unexecutable::Other(source),
        };
        LaunchError::NotExecutable { file, reason }
    }
}

fn effective_user(spec: &Spec) -> u32 {
    spec.uid.map_or_else(|| sys::credentials::own_user().0, |ids| ids.effective)
}

/// What a script's `#!` line names; for anything else the loader, which only its ELF header knows.
fn interpreter(file: &Path) -> String {
    match first_line(file) {
        Some(line) if line.ends_with(b"\r") => {
            let word = String::from_utf8_lossy(first_word(&line)).into_owned();
            format!("{word} (its first line ends in a carriage return)")
        }
        Some(line) => String::from_utf8_lossy(first_word(&line)).into_owned(),
        None => "the dynamic loader it was linked for (see `file` or `ldd`)".to_owned(),
    }
}

/// The path in a script's `#!` line; `None` if it is no script.
fn script_interpreter(file: &Path) -> Option<PathBuf> {
    Some(PathBuf::from(OsStr::from_bytes(first_word(&first_line(file)?))))
}

/// A script's first line behind `#!`, as far as the kernel looks (256 bytes, `BINPRM_BUF_SIZE`).
fn first_line(file: &Path) -> Option<Vec<u8>> {
    let mut start = Vec::new();
    File::open(file).and_then(|f| f.take(256).read_to_end(&mut start)).ok()?;
    let line = start.strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?;
    Some(line.trim_ascii_start().to_owned())
}

fn first_word(line: &[u8]) -> &[u8] {
    line.split(u8::is_ascii_whitespace).next().unwrap_or_default()
}

/// What the capabilities of the file, or of the interpreter that it names as a script, demand
/// beyond what the process can have: `caps::ExecError::FileCapsExceedBounding`.
fn ungrantable(file: &Path, spec: &Spec) -> Option<CapSet> {
    let mut file = file.to_owned();
    // The kernel follows at most five scripts, `exec_binprm` in `fs/exec.c`.
    for _ in 0..5 {
        match script_interpreter(&file) {
            Some(interpreter) => file = interpreter,
            None => break,
        }
    }
    let value = sys::xattr::file_capabilities(&file).ok()??;
    let caps = FileCaps::decode(&value).ok()?;
    let known = CapSet::up_to(sys::credentials::last_capability());
    let permitted = caps.permitted & known;
    let granted =
        (permitted & spec.state.bounding) | (caps.inheritable & spec.state.inheritable & known);
    let missing = permitted - granted;
    (caps.effective && !missing.is_empty()).then_some(missing)
}
