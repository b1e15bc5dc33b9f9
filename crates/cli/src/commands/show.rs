//! `dropcap show`.

use std::process::ExitCode;

use crate::failure::Failure;
use crate::ui::Ui;

/// Arguments of `dropcap show`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub fn run(_args: &Args, _ui: &Ui) -> Result<ExitCode, Failure> {
    Err(Failure::new("not built yet"))
}
