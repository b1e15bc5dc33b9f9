//! What a trace writes: the recording, the profile, the patched manifest.

use std::path::Path;

use jiff::Timestamp;
use judge::{ProfileOptions, to_profile};
use observe::Observed;
use record::profile::Profile;

use super::Args;
use crate::failure::Failure;
use crate::ui::Ui;

/// `--record`.
pub fn recording(args: &Args, observed: &[Observed]) -> Result<(), Failure> {
    let Some(file) = &args.record else { return Ok(()) };
    let [one] = observed else { return Err(several("--record")) };
    write(file, &(one.recording.to_json().map_err(Failure::new)? + "\n"))
}

/// `--output`.
pub fn profile(args: &Args, observed: &[Observed], ui: &Ui) -> Result<(), Failure> {
    let Some(file) = &args.output else { return Ok(()) };
    let [one] = observed else { return Err(several("--output")) };
    write(file, &profile_of(one).to_yaml().map_err(Failure::new)?)?;
    ui.note(&format!("wrote {}", file.display()));
    Ok(())
}

/// `--patch`.
pub fn patch(args: &Args, observed: &[Observed], ui: &Ui) -> Result<(), Failure> {
    let Some(file) = &args.patch else { return Ok(()) };
    let [one] = observed else { return Err(several("--patch")) };
    let _ = (file, one, ui);
    Err(Failure::new("not built yet"))
}

fn profile_of(observed: &Observed) -> Profile {
    let options = ProfileOptions { recorded: Some(Timestamp::now()), ..ProfileOptions::default() };
    to_profile(&observed.recording, &observed.judgement, &options)
}

fn several(option: &str) -> Failure {
    Failure::new(format!("{option} takes one container, and the pod has several"))
        .help("name the container: ctr/NAME (`dropcap ps` lists them)")
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    manifest::write_whole(file, text).map(drop).map_err(Failure::new)
}
