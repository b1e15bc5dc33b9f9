//! What `podman image inspect` and `docker image inspect` print, and `skopeo inspect --config`.

use serde::Deserialize;

use crate::image::{Image, uid_of};

/// Text that is no such JSON.
#[derive(Debug, thiserror::Error)]
#[error("not what `podman image inspect` or `docker image inspect` prints: {0}")]
pub struct InspectError(#[from] serde_json::Error);

/// One image of the list; fields as Podman 4.3 and Docker 20.10 write them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
    /// Podman has names here that are no tags any more; not used.
    #[serde(default)]
    id: Option<String>,
    config: Option<Config>,
    /// Podman has it here and not in the configuration.
    #[serde(default)]
    healthcheck: Option<Healthcheck>,
}

/// OCI image specification 1.1 `config.md`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Config {
    #[serde(default)]
    pub user: Option<String>,
    #[serde(default)]
    pub entrypoint: Option<Vec<String>>,
    #[serde(default)]
    pub cmd: Option<Vec<String>>,
    #[serde(default)]
    pub env: Option<Vec<String>>,
    #[serde(default)]
    pub working_dir: Option<String>,
    #[serde(default)]
    pub healthcheck: Option<Healthcheck>,
}

/// `HEALTHCHECK`, as Docker's image configuration has it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Healthcheck {
    #[serde(default)]
    pub test: Option<Vec<String>>,
}

impl Config {
    /// `PATH` of the image.
    pub(crate) fn path(&self) -> Option<&str> {
        self.env.iter().flatten().rev().find_map(|line| line.strip_prefix("PATH="))
    }
}

/// An image and its configuration.
pub(crate) fn read(text: &str) -> Result<Vec<(Image, Config)>, InspectError> {
    let list: Vec<Inspected> = serde_json::from_str(text)?;
    Ok(list
        .into_iter()
        .map(|one| {
            let mut config = one.config.unwrap_or_default();
            config.healthcheck = config.healthcheck.or(one.healthcheck);
            let user = config.user.clone().unwrap_or_default();
            let names = [one.repo_tags, one.repo_digests].into_iter().flatten().flatten();
            let image = Image {
                names: names.chain(one.id).collect(),
                uid: uid_of(&user),
                user,
                entrypoint: config.entrypoint.clone().unwrap_or_default(),
                cmd: config.cmd.clone().unwrap_or_default(),
                files: None,
            };
            (image, config)
        })
        .collect())
}
