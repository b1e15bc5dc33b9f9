//! `cargo xtask sites`: which functions of a kernel ask for a capability, and which of them the table of
//! call sites knows.

mod callers;
mod image;
mod kallsyms;
mod modules;
mod recordings;
mod report;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use judge::SiteTable;

use crate::Result;
use callers::{Caller, Survey, Text};
use image::Image;

/// What one kernel shows.
pub struct Kernel {
    /// `uname -r`.
    pub release: String,
    /// How many modules were read.
    pub modules: usize,
    /// Who asks.
    pub callers: Vec<Caller>,
}

/// Reads an unpacked package of a kernel: its image and its modules.
fn survey(folder: &Path, table: &SiteTable) -> Result<Kernel> {
    let (file, release, libraries) = parts(folder)?;
    let image = Image::read(&file)?;
    let symbols = kallsyms::read(&image).map_err(|e| format!("{}: {e}", file.display()))?;
    let functions: BTreeMap<u64, String> = symbols
        .into_iter()
        .filter(|s| matches!(s.kind, 't' | 'T' | 'w' | 'W') && !s.name.starts_with("__pfx_"))
        .map(|s| (s.address, s.name))
        .collect();
    let is_helper = |name: &str| table.is_helper(name);
    let mut survey = Survey::default();
    for (address, bytes) in image.code() {
        let here = functions.range(address..address + bytes.len() as u64);
        let text = Text {
            address,
            bytes: bytes.to_vec(),
            functions: here.map(|(at, name)| (*at, name.clone())).collect(),
            references: HashMap::new(),
        };
        survey.add(&text, is_helper);
    }
    let modules = modules::below(&libraries)?;
    for module in &modules {
        for text in modules::read(module)? {
            survey.add(&text, is_helper);
        }
    }
    let callers = survey.callers(is_helper);
    if callers.is_empty() {
        return Err(format!("{}: nobody asks for a capability: cannot be", file.display()));
    }
    Ok(Kernel { release, modules: modules.len(), callers })
}

/// Image, release and modules of an unpacked package; Debian moved the image to the modules in 2026.
fn parts(folder: &Path) -> Result<(PathBuf, String, PathBuf)> {
    for libraries in ["lib/modules", "usr/lib/modules"] {
        let Ok(entries) = fs::read_dir(folder.join(libraries)) else { continue };
        for entry in entries.flatten() {
            let release = entry.file_name().to_string_lossy().into_owned();
            let images =
                [folder.join(format!("boot/vmlinuz-{release}")), entry.path().join("vmlinuz")];
            if let Some(image) = images.into_iter().find(|image| image.is_file()) {
                return Ok((image, release, entry.path()));
            }
        }
    }
    Err(format!("{}: no kernel with its modules in it", folder.display()))
}

/// Runs the task.
///
/// # Errors
/// On a slip in the arguments, when a kernel or a recording cannot be read, or, with `--check`, when the
/// table knows too little.
pub fn run(words: &[&str]) -> Result {
    let arguments = Arguments::parse(words)?;
    let table = SiteTable::builtin();
    let mut kernels = arguments
        .kernels
        .iter()
        .map(|folder| survey(folder, table))
        .collect::<Result<Vec<Kernel>>>()?;
    kernels.sort_by_key(|kernel| order(&kernel.release));
    if arguments.list {
        for kernel in &kernels {
            print!("{}", report::list(kernel, table));
        }
        return Ok(());
    }
    let seen = recordings::read(&arguments.recordings, table)?;
    let page = report::page(&kernels, &seen, table);
    println!("{page}");
    if arguments.check {
        return report::check(&kernels, &seen, table);
    }
    if arguments.write {
        let file = crate::root().join(report::PAGE);
        fs::write(&file, page).map_err(|e| format!("{}: {e}", file.display()))?;
    }
    Ok(())
}

/// The numbers that a release begins with, to sort by.
fn order(release: &str) -> Vec<u32> {
    release.split(['.', '-', '+']).map_while(|word| word.parse().ok()).collect()
}

/// The kernels that `cargo xtask vm` unpacked: `target/vm/SUITE/RELEASE`, complete where a file says so.
fn kept() -> Vec<PathBuf> {
    let entries = |folder: PathBuf| {
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
    };
    entries(crate::target().join("vm"))
        .flat_map(entries)
        .filter(|folder| folder.join("unpacked").is_file())
        .collect()
}

/// What was asked for.
#[derive(Default)]
struct Arguments {
    kernels: Vec<PathBuf>,
    recordings: Vec<PathBuf>,
    list: bool,
    check: bool,
    write: bool,
}

const USAGE: &str = "usage: cargo xtask sites [KERNEL…] [OPTION…]
  KERNEL               a folder with an unpacked kernel package of Debian: its image and its modules;
                       without one those that `cargo xtask vm` keeps
  --recordings FOLDER  recordings below it count too (DROPCAP_TEST_RECORDINGS, groundtruth --record)
  --list               only list every caller, known or not
  --check              fail if the table knows less than 95 % of a kernel's callers, or of the checks seen
  --write              write docs/sites.md";

impl Arguments {
    fn parse(words: &[&str]) -> Result<Self> {
        let mut parsed = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--recordings" => {
                    let folder =
                        words.next().ok_or_else(|| format!("{word} needs a value\n{USAGE}"))?;
                    parsed.recordings.push(folder.into());
                }
                "--list" => parsed.list = true,
                "--check" => parsed.check = true,
                "--write" => parsed.write = true,
                _ if word.starts_with('-') => return Err(USAGE.to_owned()),
                folder => parsed.kernels.push(folder.into()),
            }
        }
        if parsed.kernels.is_empty() {
            parsed.kernels = kept();
        }
        if parsed.kernels.is_empty() && parsed.recordings.is_empty() {
            return Err(format!("no kernel is there: `cargo xtask vm` fetches some\n{USAGE}"));
        }
        Ok(parsed)
    }
}
