//! Profiles for `check` and `fix`: named on the command line or in `dropcap.toml`, read, and what
//! of them a run has used.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use check::learnt::{Accepted, Learnt, Library, MAX_AGE_DAYS, Survey};
use check::words;
use jiff::Timestamp;
use manifest::Loaded;
use record::profile::{KIND, Profile};

use crate::config::Config;
use crate::failure::Failure;
use crate::ui::Ui;

/// Which profiles count.
#[derive(Debug, clap::Args)]
pub struct ProfileArgs {
    /// What was learnt of the containers: a profile, or a folder of them; goes before those of
    /// dropcap.toml (docs/profiles.md)
    #[arg(long, value_name = "FILE")]
    profile: Vec<PathBuf>,
    /// A profile counts for so many days after it was last watched [default: 180]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(i64).range(1..))]
    profile_days: Option<i64>,
}

impl ProfileArgs {
    /// Reads them. Those of the configuration count where none is named.
    pub fn load(&self, config: &Config, accepted: Accepted) -> Result<Library, Failure> {
        let named = if self.profile.is_empty() { config.profiles() } else { self.profile.clone() };
        let now = Timestamp::now();
        let mut all: Vec<Learnt> = Vec::new();
        let mut seen: BTreeSet<PathBuf> = BTreeSet::new();
        for path in &named {
            for file in files_of(path)? {
                // The same file by two ways is one profile.
                if !seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())) {
                    continue;
                }
                let profile = match Profile::read(&file) {
                    Ok(profile) => profile,
                    // What else lies in a folder is no concern of ours.
                    Err(_) if file != *path && !calls_itself_one(&file) => continue,
                    Err(error) => {
                        let failure = Failure::new(format_args!("{}: {error}", file.display()));
                        return Err(failure.help("docs/profiles.md says what a profile holds"));
                    }
                };
                let name = file.display().to_string();
                all.push(jobs::learnt::learnt(&name, &profile, now));
            }
        }
        if all.is_empty() && !named.is_empty() {
            let names: Vec<String> = named.iter().map(|path| path.display().to_string()).collect();
            return Err(Failure::new(format_args!("{}: no profile in it", words::list(&names)))
                .help("`dropcap trace -o FILE` writes one"));
        }
        let days = self.profile_days.or_else(|| config.profile_days()).unwrap_or(MAX_AGE_DAYS);
        Ok(Library::new(all, days).accepting(accepted))
    }

    /// Whether any was named for this run, and not by a configuration.
    pub fn is_named(&self) -> bool {
        !self.profile.is_empty()
    }

    /// Says what of the profiles the run has used.
    ///
    /// # Errors
    /// Profiles were named for this run, and none of them is about anything here.
    pub fn report(&self, library: &Library, loaded: &Loaded, ui: &Ui) -> Result<(), Failure> {
        if library.is_empty() {
            return Ok(());
        }
        let survey = library.survey(&loaded.manifests);
        let named = self.is_named();
        let nothing = survey.known + survey.ambiguous == 0;
        if named && nothing {
            let hint = survey.unused.iter().find_map(|unused| {
                let hint = unused.hint.as_ref()?;
                Some(format!("{}: {hint}", unused.file))
            });
            let about: Vec<String> = survey
                .unused
                .iter()
                .map(|unused| format!("{} is about {}", unused.file, unused.about))
                .collect();
            let message = format!("no profile is about any container here: {}", about.join("; "));
            let help = "a profile is met by its workload or its image: docs/profiles.md";
            return Err(Failure::new(message).help(hint.as_deref().unwrap_or(help)));
        }
        say(&survey, named, ui);
        Ok(())
    }
}

/// How many containers have a profile, and which profiles are about none.
fn say(survey: &Survey, named: bool, ui: &Ui) {
    let Survey { known, unknown, ambiguous, unused } = survey;
    let mut parts = vec![format!("{} with a profile", words::count(*known, "container"))];
    if *ambiguous > 0 {
        parts.push(format!("{ambiguous} with several"));
    }
    parts.push(format!("{unknown} without"));
    if !unused.is_empty() {
        parts.push(format!("{} about none of them", words::count(unused.len(), "profile")));
    }
    ui.note(&parts.join(", "));
    for unused in unused {
        // A repository's folder has profiles of much else.
        if named || unused.hint.is_some() || ui.verbosity() > 0 {
            let hint = unused.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
            ui.note(&format!("{} is about {}{hint}", unused.file, unused.about));
        }
    }
}

/// Whether the file says that it is a profile, though it cannot be read as one; what cannot be read at
/// all may be one.
fn calls_itself_one(file: &Path) -> bool {
    let text = std::fs::read(file);
    text.is_ok_and(|text| String::from_utf8_lossy(&text).contains(KIND))
        || std::fs::File::open(file).is_err()
}

/// The file, or those of the folder, in order; folders in it are not looked into.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unread = |error| Failure::new(format_args!("{}: cannot be read: {error}", path.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unread)? {
        let file = entry.map_err(unread)?.path();
        let ends = file.extension().and_then(|ends| ends.to_str());
        if file.is_file() && matches!(ends, Some("yaml" | "yml" | "json")) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}
