//! `dropcap profile diff`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use caps::Capability;
use record::merge::{Diff, diff, verdict_of};
use record::profile::Profile;
use record::requirement::Verdict;

use crate::failure::{FOUND, Failure};
use crate::ui::{DIM, GREEN, RED, Ui, YELLOW};

/// Arguments of `dropcap profile diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dropcap profile diff web-1.26.yaml web-1.27.yaml
  dropcap profile diff --exit-code committed.yaml traced.yaml    1 if they differ, for CI")]
pub(super) struct Args {
    /// The profile before
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The profile now
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Exit with 1 if the profiles differ in a capability or a verdict
    #[arg(long)]
    exit_code: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The version of the JSON form.
const JSON_VERSION: u32 = 1;

/// The JSON form.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    version: u32,
    difference: Diff,
}

pub(super) fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let (old, new) = (super::read(&args.old)?, super::read(&args.new)?);
    let difference = diff(&old, &new);
    let mut out = ui.out();
    if args.json {
        let document = Document { version: JSON_VERSION, difference };
        serde_json::to_writer_pretty(&mut out, &document).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        write(&mut out, &old, &new, difference)?;
    }
    out.flush()?;
    let differs = args.exit_code && !difference.is_empty();
    Ok(if differs { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}

fn write(out: &mut impl Write, old: &Profile, new: &Profile, diff: Diff) -> io::Result<()> {
    for capability in diff.added {
        let word = verdict_of(new, capability).map_or("", Verdict::word);
        writeln!(out, "{RED}+ {capability}{RED:#}, {word}{}", first_use(new, capability))?;
    }
    for capability in diff.removed {
        let word = verdict_of(old, capability).map_or("", Verdict::word);
        writeln!(out, "{GREEN}- {capability}{GREEN:#}, was {word}{}", first_use(old, capability))?;
    }
    for capability in diff.now_needed {
        let seen = first_use(new, capability);
        writeln!(out, "{YELLOW}~ {capability}{YELLOW:#}, was doubtful, is needed{seen}")?;
    }
    for capability in diff.now_doubtful {
        let seen = first_use(new, capability);
        writeln!(out, "{YELLOW}~ {capability}{YELLOW:#}, was needed, is doubtful{seen}")?;
    }
    if diff.is_empty() {
        writeln!(out, "the same: {}", diff.unchanged)
    } else {
        writeln!(out, "{DIM}unchanged: {}{DIM:#}", diff.unchanged)
    }
}

/// What it is for, if that is known.
fn first_use(profile: &Profile, capability: Capability) -> String {
    let uses = profile.why(capability).flat_map(|r| &r.uses).filter(|u| u.is_open());
    uses.min_by_key(|u| (std::cmp::Reverse(u.verdict), u.first_ms))
        .map(|u| format!(": {}", u.line()))
        .unwrap_or_default()
}
