//! What a container owes to its image: as whom it starts, and what `execve` of its first file gives.

use std::fmt;

use caps::FileCaps;
use image::{Image, Program, Word};
use manifest::{Container, Format, Pod, Span};

/// What is known of a container's image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromImage {
    /// The image, as the manifest calls it.
    pub name: String,
    /// Where the manifest does.
    pub span: Span,
    /// As whom it starts, if the manifest does not say so.
    pub user: ImageUser,
    /// The file that is executed first.
    pub program: Program,
    /// All words that are executed first, the image's among them; none if neither says any.
    pub argv: Vec<String>,
    /// The files in the image that carry capabilities or are set-uid; `None` if nobody looked.
    pub privileged: Option<Vec<String>>,
}

/// The image's `USER`; of a Compose service with a user by name, that one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUser {
    /// As written; empty is root.
    pub word: String,
    /// As a number, if it is known.
    pub uid: Option<u32>,
    /// Whether the manifest named the user, and the image only knows the number.
    pub by_manifest: bool,
}

impl FromImage {
    /// What `image` says of `container`.
    #[must_use]
    pub fn of(pod: &Pod, container: &Container, image: &Image) -> Option<Self> {
        let name = container.image.as_ref()?;
        let user = match &container.security.user_name {
            Some(word) => ImageUser {
                uid: image.account(&word.value),
                word: word.value.clone(),
                by_manifest: true,
            },
            None => ImageUser { word: image.user.clone(), uid: image.uid, by_manifest: false },
        };
        let mounts: Vec<&str> =
            container.mounts.iter().map(|mount| mount.path.value.as_str()).collect();
        let first = image.first_word(&container.command, &container.args);
        // Kubernetes puts variables in (`$(NAME)`); Compose does so before it is read here.
        let is_known = |word: &&str| pod.format == Format::Compose || !word.contains("$(");
        let moved = container.working_dir.is_some()
            || container.env.iter().any(|(variable, _)| variable == "PATH");
        let word = Word { word: first.filter(is_known), moved };
        // Its CMD counts where the manifest has neither (docker run --entrypoint; kubernetes
        // `pkg/kubelet/container/helpers.go`).
        let own = container.command.iter().chain(&container.args).cloned();
        let argv = match (container.command.is_empty(), container.args.is_empty()) {
            (false, _) => own.collect(),
            (true, false) => image.entrypoint.iter().cloned().chain(own).collect(),
            (true, true) => [image.entrypoint.as_slice(), &image.cmd].concat(),
        };
        Some(Self {
            argv,
            name: name.value.clone(),
            span: name.span,
            user,
            program: if container.command_unread {
                Program::Unknown
            } else {
                image.program(word, &mounts)
            },
            privileged: image
                .files
                .as_ref()
                .map(|files| files.privileged.keys().cloned().collect()),
        })
    }

    /// The capabilities that the first file is known to carry.
    #[must_use]
    pub fn carried(&self) -> Option<FileCaps> {
        match &self.program {
            Program::Privileged { privilege, .. } => privilege.capabilities,
            Program::Unknown | Program::Plain => None,
        }
    }

    /// The owner of the first file, if it is known to be set-uid.
    #[must_use]
    pub fn set_uid(&self) -> Option<u32> {
        match &self.program {
            Program::Privileged { privilege, .. } => privilege.set_uid,
            Program::Unknown | Program::Plain => None,
        }
    }
}

/// `image nginx:1.27: USER nginx, 101 in its /etc/passwd`.
impl fmt::Display for FromImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImageUser { word, uid, by_manifest } = &self.user;
        write!(f, "image {}: ", self.name)?;
        let user = if *by_manifest { "user" } else { "USER" };
        let is_name = !word.starts_with(|c: char| c.is_ascii_digit());
        match (word.as_str(), uid) {
            ("", _) => f.write_str("no USER, which is root"),
            (word, Some(uid)) if is_name => {
                write!(f, "{user} {word}, {uid} in its /etc/passwd")
            }
            (word, Some(_)) => write!(f, "{user} {word}"),
            (word, None) => write!(f, "{user} is `{word}`, uid unknown"),
        }
    }
}
