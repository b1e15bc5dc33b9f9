//! Containers of the user's own engine, by its command line: made for one run under a chosen set, and
//! gone after it whatever happens.
//!
//! What is left by a dropcap that was killed is removed by the next one ([`remove_leftovers`]): the
//! name of a container says whose it is.

mod argument;
mod call;
mod container;
mod docker;
mod folder;
mod log;
mod name;
mod podman;

use std::io;

use caps::CapSet;

use call::{Call, said};
use image::{met_a_half_made_image, once_all_are_made};

pub use argument::{ArgumentError, check_arguments};
pub use container::{Container, Output, exec};
pub use folder::{EmptyFolder, Volume};
pub use image::Engine;
pub use name::remove_leftovers;

/// Why an engine did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The program cannot be started.
    #[error("cannot run {engine}: {source}")]
    Program {
        /// Which.
        engine: Engine,
        /// Why.
        source: io::Error,
    },
    /// It does not come to an end though somebody has asked to stop.
    #[error(
        "{engine} {what} does not come to an end, and was ended when you asked to stop: a container may \
         be left, which the next `dropcap fit` removes"
    )]
    Silent {
        /// Which.
        engine: Engine,
        /// Its subcommand.
        what: &'static str,
    },
    /// The container's program could not be executed as it is: what it may execute can depend on what it
    /// holds (a file that carries more, a folder that it may not enter).
    #[error("{said}")]
    NotExecutable {
        /// What the engine says.
        said: String,
        /// Whether it says that there is no such program.
        missing: bool,
    },
    /// The engine no longer attends to a container that runs.
    #[error(
        "{engine} has let go of the container while it ran: its client or its monitor was ended, or the \
         engine itself"
    )]
    LetGo {
        /// Which engine.
        engine: Engine,
    },
    /// It says no.
    #[error("{engine} {what} failed: {said}")]
    Said {
        /// Which.
        engine: Engine,
        /// Its subcommand.
        what: String,
        /// What it printed.
        said: String,
    },
    /// The container is of another image than asked for: a word among the engine's arguments was
    /// taken for the image.
    #[error(
        "{engine} made a container of {got}, not of {image}: one of the arguments for the engine is \
         taken for an image; is a value missing its option?"
    )]
    OtherImage {
        /// Which engine.
        engine: Engine,
        /// The image asked for.
        image: String,
        /// What it was made of.
        got: String,
    },
    /// It does not say what it was asked.
    #[error("{engine} inspect printed {said:?}, expected {expected}")]
    Unread {
        /// Which.
        engine: Engine,
        /// What it printed.
        said: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The mode of a volume's folder could not be set.
    #[error("cannot make {path} of the container an empty volume: {source}")]
    Folder {
        /// Where it is.
        path: String,
        /// Why not.
        source: io::Error,
    },
}

/// What a container is made of, but for its capabilities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// Whose.
    pub engine: Engine,
    /// The image, which the engine must have: nothing is pulled.
    pub image: String,
    /// Options of `create`, as they are: [`check_arguments`] has looked at those of a person.
    pub options: Vec<String>,
    /// Folders that are empty in each container.
    pub empty: Vec<EmptyFolder>,
    /// In place of the image's command; empty keeps it.
    pub command: Vec<String>,
    /// What its first process holds.
    pub holding: Holding,
}

/// What becomes of a chosen set in a process that is not root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Holding {
    /// As the engine does it: Podman raises what is added as ambient, Docker leaves it in the
    /// bounding set.
    #[default]
    AsTheEngine,
    /// In the bounding set only, as containerd and CRI-O do it, whatever the engine. With Podman no more
    /// can be chosen than its own default set.
    BoundingOnly,
}

/// What a container of a recipe is without a chosen set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Today {
    /// As whom it starts: `--user`, else the image's `USER`; empty is root.
    pub user: String,
    /// Its bounding set; `None` where the engine does not tell (Docker).
    pub bounding: Option<CapSet>,
    /// Its working directory; empty is the root.
    pub folder: String,
    /// Its environment, `NAME=value`, as far as each is one line.
    pub environment: Vec<String>,
}

impl Recipe {
    /// What the engine would give it by itself: a container is made, looked at and removed.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn today(&self) -> Result<Today, EngineError> {
        let container = self.make(&[])?;
        let user = container.inspect("{{.Config.User}}")?;
        let folder = container.inspect("{{.Config.WorkingDir}}")?;
        let environment = container.inspect("{{range .Config.Env}}{{println .}}{{end}}")?;
        let environment = environment.lines().map(str::to_owned).collect();
        let bounding = match self.engine {
            Engine::Docker => None,
            Engine::Podman => Some(podman::read_set(&container.inspect("{{.BoundingCaps}}")?)?),
        };
        container.remove()?;
        Ok(Today { user, bounding, folder, environment })
    }

    /// The identifier of its image, which another image of the same name has not.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn image_id(&self) -> Result<String, EngineError> {
        let words = ["image", "inspect", "--format", "{{.Id}}", &self.image];
        let ask = || said(self.engine, "image inspect", self.engine.call(words));
        let met = |answer: &Result<_, EngineError>| match answer {
            Err(EngineError::Said { said, .. }) => met_a_half_made_image(said),
            _ => false,
        };
        Ok(once_all_are_made(ask, met)?.trim().to_owned())
    }

    /// Makes a container of it that has exactly `set` in its bounding set, and is not started. Dropped,
    /// the container is removed with its anonymous volumes.
    ///
    /// # Errors
    /// [`EngineError`]; no container is left then.
    pub fn create(&self, set: CapSet) -> Result<Container, EngineError> {
        self.make(&capability_options(self.engine, set, self.holding))
    }

    /// What it executes, as far as it is said here and not in the image: the entrypoint of its options,
    /// and the command.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut entrypoint = None;
        let mut options = self.options.iter();
        while let Some(word) = options.next() {
            match word.strip_prefix("--entrypoint=") {
                Some(value) => entrypoint = Some(value.to_owned()),
                None if word == "--entrypoint" => entrypoint = options.next().cloned(),
                None => {}
            }
        }
        entrypoint.into_iter().chain(self.command.iter().cloned()).collect()
    }

    fn make(&self, capabilities: &[String]) -> Result<Container, EngineError> {
        let name = name::next();
        let mut create = self.engine.call(["create", "--pull", "never", "--name", &name]);
        create.args(["--label", &format!("{}=trial", name::LABEL)]);
        // What the engine runs beside the program is not the program; a test calls it by itself.
        create.arg("--no-healthcheck");
        create.args(own_options(self.engine));
        for folder in &self.empty {
            create.args(folder.options(self.engine));
        }
        create.args(&self.options);
        create.args(capabilities);
        create.arg("--").arg(&self.image).args(&self.command);
        // Owned before it is there: what was made and then refused goes too.
        let mut container = Container::named(self.engine, name, self.empty.clone());
        let said = said(self.engine, "create", create)?;
        container.id = said.lines().last().unwrap_or_default().trim().to_owned();
        let got = container.inspect(match self.engine {
            Engine::Podman => podman::MADE,
            Engine::Docker => "{{.Config.Image}}",
        })?;
        let (got, log) = got.split_once('\n').unwrap_or((&got, ""));
        container.log = podman::log(log);
        if !is_same(got, &self.image) {
            let (image, got) = (self.image.clone(), got.to_owned());
            return Err(EngineError::OtherImage { engine: self.engine, image, got });
        }
        Ok(container)
    }
}

/// Whether an image that an engine names is the one that was asked for: it may add a registry and a tag,
/// and one asked for by its identifier has a name.
fn is_same(got: &str, asked: &str) -> bool {
    let hex = asked.strip_prefix("sha256:").unwrap_or(asked);
    let is_id = hex.len() >= 12 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (got, asked) = (bare(got), bare(asked));
    is_id || got == asked || got.ends_with(&format!("/{asked}"))
}

/// Without digest and tag; a colon before the last slash is a registry's port.
fn bare(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or_default();
    let slash = image.rfind('/').map_or(0, |at| at + 1);
    image[slash..].find(':').map_or(image, |at| &image[..slash + at])
}

/// The folder in which an engine keeps its images and containers, on the machine that it runs on.
///
/// # Errors
/// [`EngineError`].
pub fn store(engine: Engine) -> Result<String, EngineError> {
    let template = match engine {
        Engine::Podman => "{{.Store.GraphRoot}}",
        Engine::Docker => "{{.DockerRootDir}}",
    };
    let told = said(engine, "info", engine.call(["info", "--format", template]))?;
    Ok(told.trim().to_owned())
}

fn own_options(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::Podman => podman::OPTIONS,
        Engine::Docker => docker::OPTIONS,
    }
}

/// `--cap-drop` and `--cap-add` for exactly this set.
fn capability_options(engine: Engine, set: CapSet, holding: Holding) -> Vec<String> {
    match (engine, holding) {
        (Engine::Podman, Holding::BoundingOnly) => podman::bounding_only(set),
        _ => {
            let add = set.iter().map(|capability| format!("--cap-add={capability}"));
            std::iter::once("--cap-drop=ALL".to_owned()).chain(add).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use caps::Capability;

    use super::*;

    #[test]
    fn a_set_is_what_is_added_to_nothing() {
        let set = CapSet::of(&[Capability::CHOWN, Capability::NET_RAW]);
        for engine in [Engine::Podman, Engine::Docker] {
            let options = capability_options(engine, set, Holding::AsTheEngine);
            assert_eq!(options, ["--cap-drop=ALL", "--cap-add=CHOWN", "--cap-add=NET_RAW"]);
        }
        let bounding = capability_options(Engine::Podman, set, Holding::BoundingOnly);
        assert!(bounding.contains(&"--cap-drop=SYS_ADMIN".to_owned()), "{bounding:?}");
        assert!(bounding.iter().all(|word| word.starts_with("--cap-drop=")), "{bounding:?}");
        assert!(!bounding.contains(&"--cap-drop=CHOWN".to_owned()), "{bounding:?}");
    }

    #[test]
    fn what_is_executed_begins_with_the_entrypoint() {
        let words = |options: &[&str]| {
            let options = options.iter().map(|&word| word.to_owned()).collect();
            let (engine, image) = (Engine::Podman, "web".to_owned());
            let command = vec!["-c".to_owned(), "httpd".to_owned()];
            let (empty, holding) = (Vec::new(), Holding::AsTheEngine);
            Recipe { engine, image, options, empty, command, holding }.words()
        };
        assert_eq!(words(&["--entrypoint", "sh", "--read-only"]), ["sh", "-c", "httpd"]);
        assert_eq!(words(&["--entrypoint", "sh", "--entrypoint=ash"]), ["ash", "-c", "httpd"]);
        assert_eq!(words(&["--read-only"]), ["-c", "httpd"]);
    }

    #[test]
    fn an_image_is_known_under_its_longer_name() {
        for (got, asked) in [
            ("docker.io/library/nginx:latest", "nginx"),
            ("localhost/dropcap/web:2", "dropcap/web:2"),
            ("localhost:5000/web:1", "localhost:5000/web"),
            ("localhost/web:1", "sha256:0123456789ab"),
            ("quay.io/a/b@sha256:00", "quay.io/a/b@sha256:00"),
        ] {
            assert!(is_same(got, asked), "{got} {asked}");
        }
        assert!(!is_same("localhost/none:latest", "nginx"));
        assert!(!is_same("localhost/my-nginx", "nginx"));
    }
}
