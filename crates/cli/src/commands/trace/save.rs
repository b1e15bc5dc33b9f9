//! What a trace writes: the recording, the profile, the patched manifest.

use std::path::Path;

use check::{PatchError, PatchOptions, Patched, Widen};
use jiff::Timestamp;
use jobs::patch::{self, patch_file};
use judge::{ProfileOptions, to_profile};
use observe::Observed;
use record::profile::Profile;
use record::requirement::Verdict;

use super::Args;
use crate::commands::fix;
use crate::failure::Failure;
use crate::outputs;
use crate::ui::Ui;

/// Whether everything can be written that is asked for: nobody wants to hear that after the run.
pub fn may(args: &Args) -> Result<(), Failure> {
    let read = [("--replay", args.replay.as_deref()), ("the manifest", args.patch.as_deref())];
    let options = [("--output", args.output.as_deref()), ("--record", args.record.as_deref())];
    outputs::may_write(&read, &options)?;
    let Some(file) = &args.patch else { return Ok(()) };
    let manifest = manifest::read(file).map_err(Failure::new)?;
    let container = args.container.as_deref();
    patch::container(&manifest, container).map_err(|error| explain(error, args))?;
    Ok(manifest::may_write(file)?)
}

/// Whether what is seen of so many containers can be written.
pub fn may_of(args: &Args, containers: usize) -> Result<(), Failure> {
    let options =
        [("--record", &args.record), ("--output", &args.output), ("--patch", &args.patch)];
    match options.iter().find(|(_, file)| file.is_some()) {
        Some((option, _)) if containers > 1 => Err(several(option)),
        _ => Ok(()),
    }
}

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
pub fn patched(args: &Args, observed: &[Observed], ui: &Ui) -> Result<(), Failure> {
    let Some(file) = &args.patch else { return Ok(()) };
    let [one] = observed else { return Err(several("--patch")) };
    let mut profile = profile_of(one);
    if args.needed_only {
        profile.spec.evidence.retain(|requirement| requirement.verdict() == Some(Verdict::Needed));
        profile.settle();
    }
    let widen = if args.allow_widen { Widen::Allow } else { Widen::Refuse };
    let manifest = manifest::read(file).map_err(Failure::new)?;
    let images = args.images.load_for(&manifest, file, ui)?;
    let options = PatchOptions {
        widen,
        options: check::Options { images, ..check::Options::default() },
        ..PatchOptions::default()
    };
    // The judgement itself was shown above, with what it is incomplete for.
    let patched =
        patch_file(file, args.container.as_deref(), &profile, args.incomplete(), &options)
            .map_err(|error| explain(error, args))?;
    wrote(file, &patched, ui);
    Ok(())
}

/// What was written into a manifest, and what could not be.
pub fn wrote(file: &Path, patched: &Patched, ui: &Ui) {
    ui.note(&format!(
        "wrote {}: held {} -> {}",
        file.display(),
        check::render::text::held(&patched.before),
        check::render::text::held(&patched.after)
    ));
    for left_out in &patched.left_out {
        ui.warning(&format!(
            "{} is needed, but an add of it would not take effect here; instead: {}",
            left_out.capability,
            left_out.instead.join("; or ")
        ));
    }
}

fn explain(error: patch::Error, args: &Args) -> Failure {
    let help = match &error {
        patch::Error::Incomplete { .. } => {
            "trace it from its start, or take it as it is with --incomplete"
        }
        patch::Error::Patch { error, .. } if matches!(**error, PatchError::Widens { .. }) => {
            "if the program is to have that, say so: --allow-widen; without what is doubtful: --needed-only"
        }
        patch::Error::OfAnother { objection, .. } => fix::next(objection),
        patch::Error::Several { .. } if args.container.is_none() => "name one: -c CONTAINER",
        _ => {
            return match error {
                patch::Error::Write(error) => error.into(),
                error => Failure::new(error),
            };
        }
    };
    Failure::new(error).help(help)
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
    manifest::write_whole(file, text).map(drop).map_err(Failure::from)
}
