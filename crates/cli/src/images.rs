//! What is known of images: from files, or from the engine that has them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use image::{Engine, EngineError, Images};
use manifest::{Loaded, Manifest};

use crate::failure::Failure;
use crate::ui::Ui;

/// What commands that read manifests may know of images.
#[derive(Debug, clap::Args)]
pub struct ImageArgs {
    /// What images say of their user and their files: what `dropcap images` wrote, or what `podman
    /// image inspect` or `docker image inspect` prints; `-` for standard input
    #[arg(long, value_name = "FILE")]
    image_info: Vec<PathBuf>,
    /// Read the images that this engine has here; nothing is pulled
    #[arg(long, value_enum, value_name = "ENGINE", default_value_t = From::None)]
    images: From,
}

/// Who has the images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum From {
    /// Podman
    Podman,
    /// Docker
    Docker,
    /// Whichever of the two has it
    Auto,
    /// Ask nobody
    None,
}

impl ImageArgs {
    /// Everything asked for. Without an option nothing is read and nobody is asked.
    pub fn load(&self, paths: &[PathBuf], loaded: &Loaded, ui: &Ui) -> Result<Images, Failure> {
        let mut images = Images::default();
        let stdin = Path::new("-");
        let files = self.image_info.iter().chain(paths);
        if files.filter(|path| *path == stdin).count() > 1 {
            return Err(Failure::new("standard input can be read once only: two `-` are given"));
        }
        for path in &self.image_info {
            let name = path.display();
            let unread = |error| Failure::new(format_args!("{name}: cannot read it: {error}"));
            let text = if path == stdin {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).map(|_| text).map_err(unread)?
            } else {
                std::fs::read_to_string(path).map_err(unread)?
            };
            images
                .add_text(&text)
                .map_err(|error| Failure::new(format_args!("{name}: {error}")))?;
        }
        self.images.read(loaded, &mut images, ui)?;
        Ok(images)
    }
}

impl ImageArgs {
    /// The same for one manifest, which was read already.
    #[cfg(target_os = "linux")]
    pub fn load_for(&self, manifest: &Manifest, path: &Path, ui: &Ui) -> Result<Images, Failure> {
        if self.image_info.is_empty() && self.images == From::None {
            return Ok(Images::default());
        }
        let loaded = Loaded { manifests: vec![manifest.clone()], ..Loaded::default() };
        self.load(&[path.to_owned()], &loaded, ui)
    }
}

impl From {
    /// Reads all images that the manifests name and that are not known yet.
    pub fn read(self, loaded: &Loaded, images: &mut Images, ui: &Ui) -> Result<(), Failure> {
        let engines: &[Engine] = match self {
            Self::Podman => &[Engine::Podman],
            Self::Docker => &[Engine::Docker],
            Self::Auto => &[Engine::Podman, Engine::Docker],
            Self::None => return Ok(()),
        };
        // Of each image the programs that containers call by a word of their own.
        let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (_, container) in loaded.manifests.iter().flat_map(Manifest::containers) {
            if let Some(image) = &container.image {
                let words = wanted.entry(&image.value).or_default();
                words.extend(container.command.first().map(String::as_str));
                words.extend(container.args.first().map(String::as_str));
            }
        }
        let mut unheard = Vec::new();
        for (name, words) in wanted {
            if images.get(name).is_some() {
                continue;
            }
            let words: Vec<&str> = words.into_iter().collect();
            let mut found = None;
            for engine in engines {
                match engine.read(name, &words) {
                    Ok(image) => found = image,
                    // Of two engines one need not be there.
                    Err(error @ (EngineError::Program { .. } | EngineError::Said { .. }))
                        if self == Self::Auto =>
                    {
                        unheard.push(error)
                    }
                    Err(error) => return Err(Failure::new(error)),
                }
                if found.is_some() {
                    break;
                }
            }
            if unheard.len() == engines.len() {
                let said: Vec<String> = unheard.iter().map(ToString::to_string).collect();
                return Err(Failure::new(said.join("; ")));
            }
            unheard.clear();
            match found {
                Some(image) => images.add(image),
                None => {
                    let who: Vec<&str> = engines.iter().map(|engine| engine.word()).collect();
                    let (who, have) =
                        (who.join(" and "), if who.len() > 1 { "have" } else { "has" });
                    ui.note(&format!(
                        "{who} {have} no image {name}: its user and files stay unknown"
                    ));
                }
            }
        }
        Ok(())
    }
}
