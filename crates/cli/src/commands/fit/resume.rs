//! The runs of a search, kept in a file while it goes on: one that was stopped goes on where it was.

use std::path::PathBuf;

use caps::CapSet;
use check::words;
use fit::{Answer, Proof, Trial, unasked};
use observe::Observed;
use serde::{Deserialize, Serialize};

use super::basis::{Basis, Marks, changed};
use crate::failure::Failure;
use crate::ui::Ui;

/// The version of the file; another is not read.
const VERSION: u32 = 2;
/// Options that change what is told, and nothing about the runs: with a value, and without.
const TELLING: [&[&str]; 2] = [
    &["--resume", "--output", "-o", "--report", "--jobs", "--zero-patch"],
    &["--json", "--try-zero", "-q", "--quiet", "-v", "--verbose", "-vv"],
];

/// The file's content.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Content {
    version: u32,
    /// The command line, but for what only changes what is told.
    command: Vec<String>,
    /// Where it was called.
    folder: PathBuf,
    /// What the runs started from.
    start: CapSet,
    /// What they are of.
    of: Marks,
    /// What first runs used: where runs are not made alike, one that goes on may find it done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    needs: Vec<CapSet>,
    trials: Vec<Trial>,
}

/// A search's runs, and where they are kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    file: Option<(PathBuf, Content)>,
    /// What first runs used, those of earlier searches among them.
    needs: Vec<CapSet>,
    basis: Basis,
    unwritten: Option<String>,
}

impl Kept {
    /// What is kept in `file`; with none, nothing is. `basis` tells what runs are of.
    pub(super) fn open(
        file: Option<&PathBuf>,
        start: CapSet,
        basis: impl FnOnce() -> Result<Basis, Failure>,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        let Some(file) = file else { return Ok(Self::default()) };
        let basis = basis()?;
        let folder = std::env::current_dir()
            .map_err(|error| Failure::new(format!("cannot tell the working directory: {error}")))?;
        let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
        let mut command = deciding(&words.collect::<Vec<_>>());
        if let Ok(Some(_)) = sys::user_namespace::current() {
            // What passes there says something else.
            command.push("(in a user namespace)".to_owned());
        }
        let (of, needs, trials) = (basis.marks().clone(), Vec::new(), Vec::new());
        let mut content = Content { version: VERSION, command, folder, start, of, needs, trials };
        match std::fs::read_to_string(file) {
            Ok(text) => {
                let there = read(&text).map_err(|why| {
                    let name = file.display();
                    Failure::new(format_args!("{name}: {why}")).help(
                        "expected what `dropcap fit --resume` wrote; another file name begins anew",
                    )
                })?;
                content.needs.clone_from(&there.needs);
                content.of.retain(|name, _| there.of.contains_key(name));
                content.trials = there.of_the_same(&content).map_err(|other| {
                    Failure::new(format_args!("{}: holds runs of {other}", file.display()))
                        .help("another file name begins anew")
                })?;
                let runs = words::count(content.trials.len(), "run");
                ui.note(&format!("{}: goes on after {runs}", file.display()));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Failure::new(format_args!(
                    "{}: cannot read it: {error}",
                    file.display()
                )));
            }
        }
        let needs = content.needs.clone();
        Ok(Self { file: Some((file.clone(), content)), needs, basis, unwritten: None })
    }

    /// The runs that were made earlier.
    pub(super) fn earlier(&self) -> Vec<Trial> {
        self.file.iter().flat_map(|(_, content)| &content.trials).cloned().collect()
    }

    /// A first run used this.
    pub(super) fn used(&mut self, observed: Option<&Observed>) {
        let used = observed.map(|observed| unasked::needs(&observed.judgement));
        for need in used.unwrap_or_default() {
            if !self.needs.contains(&need) {
                self.needs.push(need);
            }
        }
        if let Some((_, content)) = &mut self.file {
            content.needs.clone_from(&self.needs);
        }
    }

    /// What first runs used.
    pub(super) fn needs(&self) -> &[CapSet] {
        &self.needs
    }

    /// Keeps a run that has ended. What cannot be written is told at the end.
    pub(super) fn keep(&mut self, trial: &Trial) {
        let Some((file, content)) = &mut self.file else { return };
        content.trials.push(trial.clone());
        self.basis.forget(&mut content.of);
        let written = serde_json::to_string_pretty(content)
            .map_err(|error| error.to_string())
            .and_then(|text| manifest::write_whole(file, &text).map_err(|error| error.to_string()));
        self.unwritten = written.err();
    }

    /// A search that came to its end needs no file. That it cannot be removed takes no answer away.
    pub(super) fn close(self, answer: &Answer, ui: &Ui) {
        if let Some(why) = self.unwritten {
            ui.warning(&format!("runs are not kept: {why}"));
        }
        let Some((file, _)) = self.file else { return };
        if answer.proof == Proof::Stopped {
            ui.note(&format!("runs are kept in {}: the same command goes on", file.display()));
            return;
        }
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                ui.warning(&format!("{}: cannot remove it: {error}", file.display()));
            }
            _ => {}
        }
    }

    /// A run could not be made: those before it are kept.
    pub(super) fn broken_off(self, ui: &Ui) {
        match (self.unwritten, self.file) {
            (Some(why), _) => ui.warning(&format!("runs are not kept: {why}")),
            (None, Some((file, content))) if !content.trials.is_empty() => {
                ui.note(&format!("runs are kept in {}: the same command goes on", file.display()));
            }
            (None, _) => {}
        }
    }
}

fn read(text: &str) -> Result<Content, String> {
    let content: Content = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if content.version == VERSION {
        return Ok(content);
    }
    Err(format!("is of version {}, this program reads {VERSION}", content.version))
}

impl Content {
    /// The runs, if they are of the same search; else what they are of.
    fn of_the_same(self, wanted: &Self) -> Result<Vec<Trial>, String> {
        if (&self.command, &self.folder) != (&wanted.command, &wanted.folder) {
            let folder = self.folder.display();
            return Err(format!("`dropcap {}` in {folder}", self.command.join(" ")));
        }
        if self.start != wanted.start {
            return Err(format!("a search from {}, not from {}", self.start, wanted.start));
        }
        if let Some(name) = changed(&self.of, &wanted.of) {
            return Err(format!("another state of {name}, which has changed since"));
        }
        Ok(self.trials)
    }
}

/// The words of a command line that decide what is run: up to `--` without those that only change
/// what is told.
fn deciding(words: &[String]) -> Vec<String> {
    let [with_value, alone] = TELLING;
    let own = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let mut left = Vec::new();
    let mut at = 0;
    while at < own {
        let word = words[at].as_str();
        let name = word.split('=').next().unwrap_or(word);
        match () {
            () if with_value.contains(&word) => at += 1,
            () if with_value.contains(&name) || alone.contains(&word) => {}
            () => left.push(words[at].clone()),
        }
        at += 1;
    }
    left.extend_from_slice(&words[own..]);
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn what_only_changes_what_is_told_does_not_make_another_search() {
        let line = "fit -q --resume r.json --sandbox --jobs 2 --output=p.yaml --report r.md --try-zero \
                    --zero-patch z.yaml -- sh -q --json";
        assert_eq!(deciding(&words(line)), words("fit --sandbox -- sh -q --json"));
        assert_eq!(deciding(&words("fit --image a -o b -v")), words("fit --image a"));
    }

    #[test]
    fn runs_of_another_search_are_named() {
        let content = |line: &str, start| Content {
            version: VERSION,
            command: words(line),
            folder: PathBuf::from("/srv"),
            start,
            of: Marks::new(),
            needs: Vec::new(),
            trials: Vec::new(),
        };
        let one = || content("fit -- a", CapSet::EMPTY);
        assert_eq!(one().of_the_same(&one()), Ok(Vec::new()));
        assert_eq!(
            one().of_the_same(&content("fit -- b", CapSet::EMPTY)),
            Err("`dropcap fit -- a` in /srv".to_owned())
        );
        assert!(one().of_the_same(&content("fit -- a", CapSet::all_known())).is_err());
        let of = |mark: &str| {
            let of = Marks::from([("/bin/a".to_owned(), mark.to_owned())]);
            Content { of, ..one() }
        };
        assert_eq!(of("1").of_the_same(&of("1")), Ok(Vec::new()));
        assert!(of("1").of_the_same(&of("2")).unwrap_err().contains("/bin/a"));
        let text = serde_json::to_string(&one()).unwrap();
        assert_eq!(read(&text), Ok(one()));
        assert!(read(&text.replace("\"version\":2", "\"version\":1")).unwrap_err().contains('1'));
    }
}
