//! `dropcap profile merge`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use record::merge::{different_targets, merge};

use crate::failure::Failure;
use crate::ui::Ui;

/// Arguments of `dropcap profile merge`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The order does not matter, and a run that is merged twice counts once.

Examples:
  dropcap profile merge monday.yaml tuesday.yaml -o web.yaml
  dropcap profile merge replica-*.yaml --name web > web.yaml")]
pub(super) struct Args {
    /// Profiles in YAML or JSON; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write the result here, whole or not at all, instead of printing it
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The name of the result
    #[arg(long)]
    name: Option<String>,
    /// Write JSON, not YAML
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let profiles = super::read_all(&args.files)?;
    if let Some((first, rest)) = profiles.split_first() {
        for (profile, file) in rest.iter().zip(&args.files[1..]) {
            for (field, one, other) in different_targets(&first.spec.target, &profile.spec.target) {
                ui.warning(&format!(
                    "different targets: {field} is {one} in {}, {other} in {}",
                    args.files[0].display(),
                    file.display()
                ));
            }
        }
    }
    let Some(mut merged) = merge(profiles) else {
        return Err(Failure::new("no profile to merge"));
    };
    if let Some(name) = &args.name {
        merged.metadata.name.clone_from(name);
    }
    let text = if args.json { merged.to_json() } else { merged.to_yaml() };
    let text = text.map_err(|error| Failure::new(format_args!("the result {error}")))?;
    match &args.output {
        Some(path) => {
            manifest::write_whole(path, &text).map_err(Failure::from)?;
            ui.note(&format!("wrote {}: add {}", path.display(), merged.add()));
        }
        None => {
            let mut out = ui.out();
            out.write_all(text.as_bytes())?;
            out.flush()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
