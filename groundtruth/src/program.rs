//! A program of `programs/`, as its folder describes it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::truth::Truth;

/// Which table a program is reported in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// The call-site table was developed against these.
    First,
    /// Chosen without a look at the call-site table, and never used to change it.
    Later,
}

/// `program.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// What runs, in a few words.
    pub what: String,
    /// Which table it belongs to.
    pub group: Group,
    /// Debian packages.
    pub packages: Vec<String>,
    /// Whether it goes on until it is ended.
    #[serde(default)]
    pub service: bool,
    /// How long one run may take.
    #[serde(default = "ten")]
    pub seconds: u32,
    /// How a service is ended.
    #[serde(default = "term")]
    pub signal: i32,
    /// Environment variables beside `PATH` and `HOME`.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

fn ten() -> u32 {
    10
}

/// `SIGTERM`, signal(7).
fn term() -> i32 {
    15
}

/// A program and what is known of it.
#[derive(Debug, Clone)]
pub struct Program {
    /// The folder's name.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// What it says of itself.
    pub description: Description,
    /// Its true minimal sets, as far as they were measured.
    pub truth: Truth,
    /// A short hash of what is run, to tell a truth that is of other scripts.
    pub scripts: String,
    /// A short hash of what `prepare` may look at.
    pub prepared: String,
}

/// All programs, by name.
pub fn all(folder: &Path) -> Result<Vec<Program>> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut folders: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("program.toml").is_file())
        .collect();
    folders.sort();
    let programs = folders.into_iter().map(read).collect::<Result<Vec<_>>>()?;
    if programs.is_empty() {
        return Err(format!("{}: no program there", folder.display()));
    }
    Ok(programs)
}

impl Program {
    /// Whether what is run is still what was read.
    pub fn is_unchanged(&self) -> Result<bool> {
        Ok(read(self.folder.clone())?.scripts == self.scripts)
    }
}

/// Those with these names; all if there are none.
pub fn choose<'p>(all: &'p [Program], names: &[String]) -> Result<Vec<&'p Program>> {
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|p| p.name == **name)) {
        return Err(format!("no program is called {unknown}"));
    }
    Ok(all.iter().filter(|p| names.is_empty() || names.contains(&p.name)).collect())
}

fn read(folder: PathBuf) -> Result<Program> {
    let file = folder.join("program.toml");
    let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let description: Description =
        toml::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))?;
    for script in ["run", "test"] {
        if !folder.join(script).is_file() {
            return Err(format!("{}: there is no `{script}`", folder.display()));
        }
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let scripts = hash(&contents(&folder, &["program.toml", "truth.toml"])?);
    let each_run = ["program.toml", "truth.toml", "setup", "run", "test"];
    let prepared = hash(&contents(&folder, &each_run)?);
    let truth = Truth::read(&folder)?;
    Ok(Program { name, folder, description, truth, scripts, prepared })
}

/// Names and contents of all files but these and hidden ones.
fn contents(folder: &Path, without: &[&str]) -> Result<Vec<u8>> {
    let mut files = Vec::new();
    files_below(folder, &mut files)?;
    files.sort();
    let mut bytes = Vec::new();
    for file in files {
        let name = file.strip_prefix(folder).unwrap_or(&file).to_string_lossy().into_owned();
        if without.contains(&name.as_str()) || name.starts_with('.') {
            continue;
        }
        bytes.extend(name.bytes().chain([0]));
        bytes.extend(fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?);
        bytes.push(0);
    }
    Ok(bytes)
}

fn files_below(folder: &Path, into: &mut Vec<PathBuf>) -> Result {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|e| format!("{}: {e}", folder.display()))?.path();
        if path.is_dir() {
            files_below(&path, into)?;
        } else {
            into.push(path);
        }
    }
    Ok(())
}

/// FNV-1a, 64 bits: tells two texts apart that nobody made to look alike.
pub fn hash(bytes: &[u8]) -> String {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(hash(b""), "cbf29ce484222325");
        assert_eq!(hash(b"a"), "af63dc4c8601ec8c");
        assert_eq!(hash(b"foobar"), "85944171f73967e8");
    }

    #[test]
    fn every_program_of_the_house_is_read() {
        let programs = all(&crate::folder().join("programs")).unwrap();
        assert!(programs.iter().any(|p| p.name == "ping"));
    }
}
