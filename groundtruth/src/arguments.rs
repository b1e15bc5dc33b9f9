//! The command line.

use std::path::PathBuf;

use caps::CapSet;
use fit::Rigour;

use crate::Result;
use crate::sandbox::FileSystem;

/// What is printed on a slip.
pub const USAGE: &str = "usage: cargo xtask groundtruth [NAME…] [OPTION…]
  without an option       trace each program once, print the table; for all programs on both file
                          systems also write docs/groundtruth.md
  --check                 fail unless the figures hold
  --measure               find the true minimal sets by brute force and write truth.toml
  --measure-denials       find what must be held so that nothing is refused that used to be granted, by
                          brute force and a trace of each run, and add it to truth.toml
  --fit                   find and prove the sets as `dropcap fit --prove` does, and hold them against
                          the truth; for all programs on overlayfs also write docs/fit-groundtruth.md
  --fit --untraced        the same by trials alone
  --fit --fail-every K    the same with a test that also fails each K-th run, for every phase of that
                          counter: what is called proven must be right all the same
  --fit --beside N        each search once more with N runs at a time: it must make the same trials, and
                          find the same
  --fit --explained       a failure that its trace explains counts without being repeated
  --try SET               run once with exactly this set (\"all\", \"all-CHOWN\", \"CHOWN,SETUID\") and show what it says
  --quick                 ten programs whose runs are short
  --on plain|overlayfs    on this file system only
  --jobs N                so many at a time (default 2)
  --record FOLDER         keep the recordings there
  --programs FOLDER       other programs than those of the house
  --root TREE             in this root file system instead of Debian's";

/// Programs whose runs are short: with alternatives, steps down, services, and refusals that do not
/// matter among them.
pub const QUICK: &[&str] = &[
    "cp-archive",
    "dnsmasq",
    "install",
    "ip-link",
    "ping",
    "redis",
    "su",
    "tar-create",
    "tar-extract",
    "tcpdump",
];

/// What to do with the programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Find the true minimal sets.
    Measure,
    /// Find what must be held so that nothing is refused that used to be granted.
    MeasureDenials,
    /// Find and prove the sets as the product does.
    Fit {
        /// Whether the figures must hold.
        check: bool,
        /// Whether to trace.
        traced: bool,
        /// How much is to be shown.
        rigour: Rigour,
        /// Each so many runs the test fails whatever the program did.
        fail_every: Option<u32>,
    },
    /// One run under a set.
    Try {
        /// The set; `None` is everything that can be granted.
        set: SetWord,
    },
    /// One trace each, and the table.
    Trace {
        /// Whether the figures must hold.
        check: bool,
        /// Where the recordings go.
        record: Option<PathBuf>,
    },
}

/// A set as `--try` takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetWord {
    /// Everything that can be granted, less these.
    AllBut(CapSet),
    /// Exactly these.
    Only(CapSet),
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// Programs; all if empty.
    pub names: Vec<String>,
    /// The task.
    pub task: Task,
    /// How many at a time.
    pub jobs: usize,
    /// How many runs of a search at a time, once more.
    pub beside: usize,
    /// Other programs than those of the house.
    pub programs: Option<PathBuf>,
    /// A root file system that is there.
    pub root: Option<PathBuf>,
    on: Option<FileSystem>,
}

impl Arguments {
    /// Reads the command line.
    pub fn parse(words: &[String]) -> Result<Self> {
        let mut parsed = Self {
            names: Vec::new(),
            task: Task::Trace { check: false, record: None },
            jobs: 2,
            beside: 1,
            programs: None,
            root: None,
            on: None,
        };
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value\n{USAGE}"));
            match word {
                "--check" => match &mut parsed.task {
                    Task::Trace { check, .. } | Task::Fit { check, .. } => *check = true,
                    _ => return Err(USAGE.to_owned()),
                },
                "--record" => {
                    let folder = PathBuf::from(value()?);
                    match &mut parsed.task {
                        Task::Trace { record, .. } => *record = Some(folder),
                        _ => return Err(USAGE.to_owned()),
                    }
                }
                "--measure" => parsed.task = Task::Measure,
                "--measure-denials" => parsed.task = Task::MeasureDenials,
                "--fit" => {
                    let check = matches!(parsed.task, Task::Trace { check: true, .. });
                    parsed.task =
                        Task::Fit { check, traced: true, rigour: Rigour::Proven, fail_every: None };
                }
                "--untraced" | "--explained" => match &mut parsed.task {
                    Task::Fit { traced, .. } if word == "--untraced" => *traced = false,
                    Task::Fit { rigour, .. } => *rigour = Rigour::Explained,
                    _ => return Err(USAGE.to_owned()),
                },
                "--fail-every" => {
                    let every = value()?.parse().ok().filter(|n| *n > 1);
                    match &mut parsed.task {
                        Task::Fit { fail_every, .. } if every.is_some() => *fail_every = every,
                        _ => return Err(USAGE.to_owned()),
                    }
                }
                "--try" => parsed.task = Task::Try { set: set(value()?)? },
                "--quick" => parsed.names.extend(QUICK.iter().map(|name| (*name).to_owned())),
                "--programs" => parsed.programs = Some(value()?.into()),
                "--root" => parsed.root = Some(value()?.into()),
                "--on" => parsed.on = Some(FileSystem::parse(value()?)?),
                "--jobs" | "--beside" => {
                    let number = value()?.parse().ok().filter(|n| *n > 0);
                    let number = number.ok_or_else(|| format!("{word}: not a number"))?;
                    match word {
                        "--beside" => parsed.beside = number,
                        _ => parsed.jobs = number,
                    }
                }
                _ if word.starts_with('-') => return Err(USAGE.to_owned()),
                name => parsed.names.push(name.to_owned()),
            }
        }
        Ok(parsed)
    }

    /// Whether it is all of the house, on both file systems: what the page is about.
    pub fn is_whole(&self) -> bool {
        self.names.is_empty() && self.on.is_none() && self.programs.is_none() && self.root.is_none()
    }

    /// Whether the page about trials is to be written.
    pub fn is_whole_fit(&self) -> bool {
        let usual =
            Task::Fit { check: false, traced: true, rigour: Rigour::Proven, fail_every: None };
        self.is_whole() && self.task == usual
    }

    /// The file systems to run on: for trials the one that containers use, if nobody says.
    pub fn file_systems(&self) -> Vec<FileSystem> {
        let all = match self.task {
            Task::Fit { .. } | Task::MeasureDenials => vec![FileSystem::Overlayfs],
            _ => FileSystem::ALL.to_vec(),
        };
        self.on.map_or(all, |one| vec![one])
    }
}

fn set(word: &str) -> Result<SetWord> {
    let list = |words: &str| -> Result<CapSet> {
        words
            .split(',')
            .filter(|name| !name.is_empty())
            .map(|name| name.parse::<caps::Capability>().map_err(|e| e.to_string()))
            .collect()
    };
    match word.strip_prefix("all") {
        Some(rest) => Ok(SetWord::AllBut(list(rest.trim_start_matches('-'))?)),
        None => Ok(SetWord::Only(list(word)?)),
    }
}

#[cfg(test)]
mod tests {
    use caps::Capability;

    use super::*;

    fn parse(line: &str) -> Result<Arguments> {
        Arguments::parse(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_command_line_is_read() {
        let read = parse("ping --on plain --measure --jobs 3").unwrap();
        assert_eq!(read.names, ["ping"]);
        assert_eq!((read.task.clone(), read.jobs), (Task::Measure, 3));
        assert_eq!(read.file_systems(), [FileSystem::Plain]);
        assert_eq!(
            parse("--try all-CHOWN,KILL").unwrap().task,
            Task::Try { set: SetWord::AllBut(CapSet::of(&[Capability::CHOWN, Capability::KILL])) }
        );
        assert_eq!(
            parse("--fit --untraced --check").unwrap().task,
            Task::Fit { check: true, traced: false, rigour: Rigour::Proven, fail_every: None }
        );
        assert!(parse("--untraced").is_err());
        assert!(parse("--fit --fail-every 1").is_err());
        assert!(parse("--measure --check").is_err());
        assert!(parse("--frobnicate").is_err());
        assert!(parse("--try NOSUCH").is_err());
    }
}
