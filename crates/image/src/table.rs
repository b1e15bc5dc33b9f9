//! Images by name, and the format in which they are written down: `docs/schema/images-v1.json`.

use std::collections::BTreeMap;
use std::sync::Arc;

use caps::{CapSet, FileCaps, LibcapText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::image::{Files, Image, Privilege, uid_of};
use crate::inspect::{self, InspectError};
use crate::reference::Reference;

/// The version of the format; it changes when a field goes or changes its meaning.
const VERSION: u32 = 1;

/// Images by their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Images {
    all: Vec<Arc<Image>>,
    by_name: BTreeMap<Reference, Arc<Image>>,
}

/// Why a description of images is not understood.
#[derive(Debug, thiserror::Error)]
pub enum ImagesError {
    /// Not JSON of either kind.
    #[error(
        "expected {{\"version\": 1, \"images\": […]}} or the output of `podman image inspect`: {0}"
    )]
    Json(#[from] serde_json::Error),
    /// Not what an engine prints.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// Another version.
    #[error("version {0} of the format is not known, expected 1")]
    Version(u32),
    /// An image without a name.
    #[error("image {0} of the list has no name")]
    NoName(usize),
    /// Capabilities that are not as getcap(8) prints them.
    #[error("image {image}, file {path}: {why}")]
    Capabilities {
        /// The image.
        image: String,
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
}

/// What is known of images, for `dropcap show` and `check` with `--image-info`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    /// 1.
    version: u32,
    /// The images.
    images: Vec<ImageText>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ImageText {
    /// Its names, as manifests write them: `nginx:1.27`.
    names: Vec<String>,
    /// `USER`, as written; empty is root.
    #[serde(default)]
    user: String,
    /// `USER` as a number, where it is a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    /// `ENTRYPOINT`.
    #[serde(default)]
    entrypoint: Vec<String>,
    /// `CMD`.
    #[serde(default)]
    cmd: Vec<String>,
    /// What is in it; left out if nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    files: Option<FilesText>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FilesText {
    /// All files that carry capabilities or are set-uid, by path.
    privileged: BTreeMap<String, PrivilegeText>,
    /// Programs that containers call, each with the file that is executed: links followed, of a
    /// script the interpreter; null if there is none.
    #[serde(default)]
    programs: BTreeMap<String, Option<String>>,
    /// Users of its `/etc/passwd`, with their user IDs.
    #[serde(default)]
    accounts: BTreeMap<String, u32>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PrivilegeText {
    /// As getcap(8) prints them: `cap_net_raw=ep`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    capabilities: Option<String>,
    /// The owner of a set-uid file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    set_uid: Option<u32>,
}

impl Images {
    /// Adds an image under all its names; what is there already stays.
    pub fn add(&mut self, image: Image) {
        let image = Arc::new(image);
        for name in image.references() {
            self.by_name.entry(name).or_insert_with(|| Arc::clone(&image));
        }
        self.all.push(image);
    }

    /// Adds what a text describes: this crate's own format, or what an engine's `image inspect` prints.
    ///
    /// # Errors
    /// [`ImagesError`].
    pub fn add_text(&mut self, text: &str) -> Result<(), ImagesError> {
        if text.trim_start().starts_with('[') {
            for (image, _) in inspect::read(text)? {
                self.add(image);
            }
            return Ok(());
        }
        // The version first: what else another one has is not to be guessed.
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } = serde_json::from_str(text)?;
        if version != VERSION {
            return Err(ImagesError::Version(version));
        }
        let document: Document = serde_json::from_str(text)?;
        for (index, image) in document.images.into_iter().enumerate() {
            if image.names.is_empty() {
                return Err(ImagesError::NoName(index));
            }
            self.add(image.read()?);
        }
        Ok(())
    }

    /// What is known of the image that a manifest calls `name`. A short name may also be that of an
    /// image that Podman calls `localhost/…`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Image> {
        if self.all.is_empty() {
            return None;
        }
        let name = Reference::new(name);
        let found = self.by_name.get(&name).or_else(|| self.by_name.get(&name.local()?));
        found.map(AsRef::as_ref)
    }

    /// Whether nothing is known of any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// In the format that [`Images::add_text`] reads, with a line feed at the end.
    #[must_use]
    pub fn to_text(&self) -> String {
        let images = self.all.iter().map(|image| ImageText::of(image)).collect();
        let document = Document { version: VERSION, images };
        serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
    }
}

impl ImageText {
    fn of(image: &Image) -> Self {
        Self {
            names: image.names.clone(),
            user: image.user.clone(),
            uid: image.uid,
            entrypoint: image.entrypoint.clone(),
            cmd: image.cmd.clone(),
            files: image.files.as_ref().map(|files| FilesText {
                privileged: files
                    .privileged
                    .iter()
                    .map(|(path, privilege)| (path.clone(), PrivilegeText::of(privilege)))
                    .collect(),
                programs: files.programs.clone(),
                accounts: files.accounts.clone(),
            }),
        }
    }

    fn read(self) -> Result<Image, ImagesError> {
        let named = self.names.first().cloned().unwrap_or_default();
        let files = match self.files {
            None => None,
            Some(files) => {
                let mut privileged = BTreeMap::new();
                for (path, text) in files.privileged {
                    let privilege = text.read().map_err(|why| ImagesError::Capabilities {
                        image: named.clone(),
                        path: path.clone(),
                        why,
                    })?;
                    privileged.insert(path, privilege);
                }
                let FilesText { programs, accounts, .. } = files;
                Some(Files { privileged, programs, accounts })
            }
        };
        let name = self.user.split(':').next().unwrap_or_default();
        let uid =
            uid_of(&self.user).or(self.uid).or_else(|| files.as_ref()?.accounts.get(name).copied());
        Ok(Image {
            names: self.names,
            uid,
            user: self.user,
            entrypoint: self.entrypoint,
            cmd: self.cmd,
            files,
        })
    }
}

impl PrivilegeText {
    fn of(privilege: &Privilege) -> Self {
        let text = |caps: FileCaps| {
            let all = caps.permitted | caps.inheritable;
            let effective = if caps.effective { all } else { CapSet::EMPTY };
            LibcapText { permitted: caps.permitted, effective, inheritable: caps.inheritable }
                .to_string()
        };
        Self { capabilities: privilege.capabilities.map(text), set_uid: privilege.set_uid }
    }

    fn read(&self) -> Result<Privilege, String> {
        let read = |text: &String| {
            let text = text.parse::<LibcapText>().map_err(|error| error.to_string())?;
            text.to_file_caps().map_err(|error| error.to_string())
        };
        let capabilities = self.capabilities.as_ref().map(read).transpose()?;
        Ok(Privilege { capabilities, set_uid: self.set_uid })
    }
}

/// The schema of the format, version 1, as JSON text: `docs/schema/images-v1.json`.
#[must_use]
pub fn schema() -> String {
    let settings = schemars::generate::SchemaSettings::draft2020_12();
    let mut schema = settings.into_generator().into_root_schema_for::<Document>();
    let id = "https://dropcap.dev/schema/images-v1.json";
    schema.insert("$id".to_owned(), serde_json::Value::from(id));
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}
