//! `dropcap waiver`: waivers written, listed and verified.

mod list;
mod new;

use std::process::ExitCode;

use crate::failure::Failure;
use crate::ui::Ui;

/// Arguments of `dropcap waiver`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

/// What to do with waivers.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write a waiver behind those that are there; commit it, and have it approved
    New(new::Args),
    /// List the waivers with what each is worth: active, expiring, expired, unapproved, too wide, unused
    List(list::ListArgs),
    /// Exit with 1 if a waiver has expired, is not approved or is too wide
    Verify(list::Args),
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    match &args.command {
        Command::New(args) => new::run(args, ui),
        Command::List(args) => list::run(args, ui),
        Command::Verify(args) => list::verify(args, ui),
    }
}
