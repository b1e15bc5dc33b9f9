//! Files that `fit` writes once there is an answer.

use super::Args;
use crate::failure::Failure;
use crate::outputs;

/// Whether everything can be written that is asked for.
pub(super) fn may_write(args: &Args) -> Result<(), Failure> {
    // The manifest is no place for anything else, also where it is not written.
    let read = [("the manifest", args.container.manifest())];
    let options = [
        ("--output", args.output.as_deref()),
        ("--report", args.report.as_deref()),
        ("--zero-patch", args.zero.zero_patch.as_deref()),
        ("--resume", args.resume.as_deref()),
    ];
    outputs::may_write(&read, &options)?;
    match args.container.written() {
        Some(file) => Ok(manifest::may_write(file)?),
        None => Ok(()),
    }
}
