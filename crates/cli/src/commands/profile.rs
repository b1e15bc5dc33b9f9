//! `dropcap profile`: profiles shown, merged over runs and replicas, compared, exported.

mod diff;
mod export;
mod merge;
mod show;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use record::format::ReadError;
use record::profile::Profile;

use crate::failure::Failure;
use crate::ui::Ui;

/// Arguments of `dropcap profile`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

/// What to do with profiles.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print what a profile says: the capabilities, what each is for, and how to do without
    Show(show::Args),
    /// Merge profiles of several runs or replicas into one that serves them all
    Merge(merge::Args),
    /// Compare two profiles: what is needed now that was not, and the other way round
    Diff(diff::Args),
    /// Write a profile in the form of Kubernetes, kustomize, Compose, Docker, Podman, systemd or an admission policy
    Export(export::Args),
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    match &args.command {
        Command::Show(args) => show::run(args, ui),
        Command::Merge(args) => merge::run(args, ui),
        Command::Diff(args) => diff::run(args, ui),
        Command::Export(args) => export::run(args, ui),
    }
}

/// Reads a profile; `-` is standard input.
fn read(path: &Path) -> Result<Profile, Failure> {
    let standard_input = path == Path::new("-");
    let profile = if standard_input { read_standard_input() } else { Profile::read(path) };
    profile.map_err(|error| {
        let place =
            if standard_input { "standard input".to_owned() } else { path.display().to_string() };
        let failure = Failure::new(format_args!("{place}: {error}"));
        match error {
            ReadError::NotAProfile { .. } | ReadError::Empty { .. } | ReadError::NotText { .. } => {
                failure.help("`dropcap trace -o FILE -- COMMAND` writes a profile")
            }
            _ => failure,
        }
    })
}

fn read_standard_input() -> Result<Profile, ReadError> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes).map_err(|error| ReadError::NotText {
        expected: "profile",
        at: error.utf8_error().valid_up_to(),
    })?;
    Profile::parse(&text)
}

/// Reads all of them, or says what is wrong with the first that cannot be read.
fn read_all(paths: &[PathBuf]) -> Result<Vec<Profile>, Failure> {
    paths.iter().map(|path| read(path)).collect()
}
