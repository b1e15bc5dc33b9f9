//! `dropcap images`: what the images of manifests say, written down for where there is no engine.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use image::Images;

use crate::failure::{ERROR, Failure};
use crate::images::From;
use crate::manifests::{self, KindArgs};
use crate::ui::Ui;

/// Arguments of `dropcap images`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Manifests, folders of them, or `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Who has the images
    #[arg(long, value_enum, value_name = "ENGINE", default_value_t = From::Auto)]
    from: From,
    #[command(flatten)]
    kinds: KindArgs,
}

const EXAMPLES: &str = "\
Examples:
  dropcap images k8s/ > images.json             where podman or docker has the images
  dropcap check --image-info images.json k8s/   anywhere else

It reads what `podman image save` or `docker image save` writes, keeps nothing of it and pulls
nothing: the user, the entrypoint, and which files carry capabilities or are set-uid
(docs/schema/images-v1.json).

Exit status: 0 written, 2 something could not be read, or no image is there.";

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let loaded = manifests::load(&args.paths, &args.kinds)?;
    let whole = manifests::report(&loaded, ui);
    if loaded.counts().containers == 0 {
        return Err(manifests::no_containers(&loaded));
    }
    let mut images = Images::default();
    args.from.read(&loaded, &mut images, ui)?;
    if images.is_empty() {
        return Err(Failure::new("none of the images is there")
            .help("pull them first, with podman or docker; dropcap pulls nothing"));
    }
    write!(ui.out(), "{}", images.to_text())?;
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(ERROR) })
}
