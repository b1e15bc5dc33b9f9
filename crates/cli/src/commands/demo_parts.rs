//! The programs that `dropcap demo` starts: hidden commands of the same binary.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use jobs::demo::probe::OPERATIONS;
use jobs::demo::service::Service;

use crate::failure::Failure;
use crate::ui::Ui;

/// Arguments of the demo's service.
#[derive(Debug, clap::Args)]
pub struct ServiceArgs {
    /// The port it binds
    port: u16,
    /// The user and group it steps down to
    user: u32,
}

/// Serves until it is killed.
pub fn serve(args: &ServiceArgs, _ui: &Ui) -> Result<ExitCode, Failure> {
    let service = Service { port: args.port, user: args.user };
    match service.serve() {
        Ok(never) => match never {},
        Err(why) => Err(Failure::new(why)),
    }
}

/// Arguments of the demo's probe.
#[derive(Debug, clap::Args)]
pub struct ProbeArgs {
    /// A place for the files it gives away
    folder: PathBuf,
}

/// Tries every operation and prints `allowed`, `refused` or `untried` for each, in order.
pub fn probe(args: &ProbeArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    for operation in OPERATIONS {
        let allowed = operation.allowed(&args.folder).map_err(Failure::new)?;
        let word = match allowed {
            Some(true) => "allowed",
            Some(false) => "refused",
            None => "untried",
        };
        writeln!(ui.out(), "{}", word)?;
    }
    Ok(ExitCode::SUCCESS)
}
