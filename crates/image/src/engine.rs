//! Images that Podman or Docker have: asked, never pulled, nothing written, no container made.

use std::fmt;
use std::io;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use crate::archive;
use crate::image::{Image, USUAL_PATH};
use crate::inspect;

/// Who is asked. Whatever the user may do with the engine is enough: no root, no capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// `podman`.
    Podman,
    /// `docker`.
    Docker,
}

/// What an engine says of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    /// Its user and what it starts; its files nobody has looked at.
    pub image: Image,
    /// The words of its HEALTHCHECK: `CMD` and a command, `CMD-SHELL` and a text; empty without one.
    pub healthcheck: Vec<String>,
}

/// Why an engine cannot be asked.
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
    /// It says no.
    #[error("{engine} cannot tell about image {image}: {said}")]
    Said {
        /// Which.
        engine: Engine,
        /// The image.
        image: String,
        /// What it printed.
        said: String,
    },
    /// What it wrote cannot be read.
    #[error("cannot read image {image} as {engine} saves it: {why}")]
    Archive {
        /// Which.
        engine: Engine,
        /// The image.
        image: String,
        /// Why.
        why: String,
    },
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Engine {
    /// Its program.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Podman => "podman",
            Self::Docker => "docker",
        }
    }

    /// What its configuration of `image` says, without a look at its files. `None` if it has no such
    /// image.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn configuration(self, image: &str) -> Result<Option<Configured>, EngineError> {
        let Some(text) = self.inspect(image)? else { return Ok(None) };
        let unread =
            |why: String| EngineError::Archive { engine: self, image: image.to_owned(), why };
        let inspected = inspect::read(&text).map_err(|error| unread(error.to_string()))?;
        Ok(inspected.into_iter().next().map(|(mut found, config)| {
            if found.names.iter().all(|name| name != image) {
                found.names.push(image.to_owned());
            }
            let healthcheck = config.healthcheck.and_then(|check| check.test).unwrap_or_default();
            Configured { image: found, healthcheck }
        }))
    }

    /// What it has under the name `image`, and the files behind `words` and behind what the image
    /// starts by itself. `None` if it has no such image.
    ///
    /// `image save` is read as it comes and nothing is kept of it: it needs no more privilege than
    /// the engine itself, and has the attribute `security.capability` of every file.
    ///
    /// # Errors
    /// [`EngineError`]: the engine is not there or its daemon does not answer, or what it saves is
    /// not read.
    pub fn read(self, image: &str, words: &[&str]) -> Result<Option<Image>, EngineError> {
        let Some(text) = self.inspect(image)? else { return Ok(None) };
        let unread =
            |why: String| EngineError::Archive { engine: self, image: image.to_owned(), why };
        let inspected = inspect::read(&text).map_err(|error| unread(error.to_string()))?;
        let Some((mut found, config)) = inspected.into_iter().next() else { return Ok(None) };
        let mut save = self.command(&["image", "save"]);
        if self == Self::Podman {
            save.args(["--format", "docker-archive"]);
        }
        save.arg("--").arg(image).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child =
            save.spawn().map_err(|source| EngineError::Program { engine: self, source })?;
        let tree = match child.stdout.take() {
            Some(output) => archive::read(io::BufReader::with_capacity(1 << 20, output)),
            None => Err(io::Error::other("no pipe").into()),
        };
        if tree.is_err() {
            // It may still be writing to a pipe that nobody reads.
            let _ = child.kill();
        }
        let status =
            child.wait().map_err(|source| EngineError::Program { engine: self, source })?;
        let tree = tree.map_err(|error| unread(error.to_string()))?;
        if !status.success() {
            return Err(unread(format!("it ended with {status}")));
        }
        let own = found.entrypoint.first().or(found.cmd.first());
        let mut all: Vec<&str> = words.to_vec();
        all.extend(own.map(String::as_str));
        all.extend(found.cmd.first().map(String::as_str));
        let folder = config.working_dir.as_deref().filter(|folder| !folder.is_empty());
        let path = config.path().unwrap_or(USUAL_PATH);
        let files = tree.files(&all, path, folder.unwrap_or("/"));
        found.uid = found.uid.or_else(|| {
            let name = found.user.split(':').next().unwrap_or_default();
            files.accounts.get(name).copied()
        });
        if found.names.iter().all(|name| name != image) {
            found.names.push(image.to_owned());
        }
        found.files = Some(files);
        Ok(Some(found))
    }

    fn command(self, words: &[&str]) -> Command {
        let mut command = Command::new(self.word());
        command.args(words).stdin(Stdio::null());
        command
    }

    /// `None` if there is no such image, by the words that Podman 4 and 5 and Docker 20 to 28 have.
    fn inspect(self, image: &str) -> Result<Option<String>, EngineError> {
        let mut command = self.command(&["image", "inspect", "--"]);
        command.arg(image);
        let met = |output: &io::Result<Output>| {
            output
                .as_ref()
                .is_ok_and(|it| met_a_half_made_image(&String::from_utf8_lossy(&it.stderr)))
        };
        let output = once_all_are_made(|| command.output(), met)
            .map_err(|source| EngineError::Program { engine: self, source })?;
        if output.status.success() {
            return Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()));
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let lower = said.to_lowercase();
        if ["no such image", "image not known", "failed to find image"]
            .iter()
            .any(|words| lower.contains(words))
        {
            return Ok(None);
        }
        Err(EngineError::Said { engine: self, image: image.to_owned(), said })
    }
}

/// Whether an engine failed because another image was half made: Podman reads all that it has to tell the
/// parent of one (4.3.1; its issue 12582), and a moment later it does not fail.
#[must_use]
pub fn met_a_half_made_image(said: &str) -> bool {
    said.contains("locating item named")
}

/// What an engine answers once it has `met` no image that is half made, or after some seconds: one may
/// have been left so.
pub fn once_all_are_made<T>(mut ask: impl FnMut() -> T, met: impl Fn(&T) -> bool) -> T {
    for _ in 0..ASKED {
        let answer = ask();
        if !met(&answer) {
            return answer;
        }
        thread::sleep(PAUSE);
    }
    ask()
}

/// How often it is asked again, and how long after.
const ASKED: u32 = 30;
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_is_being_made_meanwhile_is_waited_for() {
        let half = "Error: locating item named \"manifest\" for image with ID \"0\" (consider removing the \
                    image to resolve the issue): file does not exist";
        let answers = |half_made: u32, then: &'static str| {
            let mut asked = 0;
            let ask = || {
                asked += 1;
                if asked <= half_made { half } else { then }
            };
            let answer = once_all_are_made(ask, |said| met_a_half_made_image(said));
            (answer, asked)
        };
        assert_eq!(answers(2, "[]"), ("[]", 3));
        assert_eq!(answers(0, "Error: no such image"), ("Error: no such image", 1));
        assert_eq!(answers(u32::MAX, ""), (half, ASKED + 1));
    }
}
