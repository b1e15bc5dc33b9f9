//! `dropcap trace --replay` where there is no Linux kernel to watch.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;
use judge::{Observed, ProfileOptions, to_profile};
use record::observation::Recording;

use crate::failure::Failure;
use crate::ui::Ui;

#[path = "trace/report.rs"]
mod report;

/// Judge what was recorded on Linux: which capabilities a program uses, and for what.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Only Linux has capabilities to watch; there `dropcap trace --record FILE` writes a recording.

Exit status: 0 if the recording was judged; 2 if not.")]
pub struct Args {
    /// What was recorded
    #[arg(long, value_name = "FILE", required = true)]
    replay: PathBuf,

    /// Write the profile to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let recording = Recording::read(&args.replay)
        .map_err(|error| Failure::new(format!("{}: {error}", args.replay.display())))?;
    let observed = Observed::of(recording);
    if args.json {
        writeln!(ui.out(), "{}", report::json(std::slice::from_ref(&observed))?)?;
    } else {
        report::print(&observed, ui)?;
    }
    if let Some(file) = &args.output {
        let options =
            ProfileOptions { recorded: Some(Timestamp::now()), ..ProfileOptions::default() };
        let profile = to_profile(&observed.recording, &observed.judgement, &options);
        let yaml = profile.to_yaml().map_err(Failure::new)?;
        manifest::write_whole(file, &yaml).map_err(Failure::from)?;
        ui.note(&format!("wrote {}", file.display()));
    }
    Ok(ExitCode::SUCCESS)
}
