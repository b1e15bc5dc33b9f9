//! What somebody has said of what a container runs and as whom: its profile is about such containers
//! only.

use image::Image;
use manifest::Container;
use record::profile::Profile;

use super::{Options, Remark};

/// What a container is made to run, and as whom, where that is not what its image says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// In place of the image's ENTRYPOINT.
    pub command: Vec<String>,
    /// In place of the image's CMD.
    pub args: Vec<String>,
    /// Another user than the image's.
    pub user: Option<u32>,
    /// Another user than the image's, of which nobody knows the number.
    pub unknown: Option<String>,
}

impl Said {
    /// Of a container of `image`; `container` as a manifest has it, `options` as a person asks for it,
    /// `user` if it is not the image's.
    pub(super) fn new(
        image: &Image,
        container: Option<&Container>,
        options: &Options,
        user: Option<&str>,
    ) -> Self {
        let mut command = container.map_or_else(Vec::new, |one| one.command.clone());
        let mut args = container.map_or_else(Vec::new, |one| one.args.clone());
        if !options.command.is_empty() {
            // The manifest's first word is the engine's entrypoint, and stays.
            command.truncate(1);
            args.clone_from(&options.command);
        }
        if let Some(entrypoint) = value_of(&options.arguments, "--entrypoint") {
            command = vec![entrypoint.to_owned()];
        }
        // What the manifest has under `args` stays so: by that it is found again.
        let is_written = container.is_some() && options.command.is_empty();
        if image.entrypoint.is_empty() && !is_written || !command.is_empty() {
            command.append(&mut args);
        }
        let number = user.map(|user| image.account(user));
        let unknown = user.filter(|_| number == Some(None)).map(str::to_owned);
        // A number as the image's own, written in another way, is no choice.
        let user = number.flatten().filter(|uid| image.uid != Some(*uid));
        Self { command, args, user, unknown }
    }

    /// What a person has to know of it.
    pub(super) fn remark(&self) -> Option<Remark> {
        let user = self.unknown.as_ref()?;
        Some(Remark::Warning(format!(
            "who {user} is nobody knows, so that the profile will not name the image: it would be taken \
             for that of any user; name the user by number"
        )))
    }

    /// Writes it into the profile of such a container.
    pub fn write(&self, profile: &mut Profile) {
        let target = &mut profile.spec.target;
        target.command.clone_from(&self.command);
        target.args.clone_from(&self.args);
        target.user = self.user;
        if self.unknown.is_some() {
            (target.image, target.image_digest) = (None, None);
        }
    }
}

/// The last value of an option, `--name value` or `--name=value`.
fn value_of<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let next = |at: usize| arguments.get(at + 1).map(String::as_str);
    let mut each =
        arguments.iter().enumerate().filter_map(|(at, word)| match word.strip_prefix(name)? {
            "" => next(at),
            value => value.strip_prefix('='),
        });
    each.next_back()
}

#[cfg(test)]
mod tests {
    use super::super::Grant;
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn said(entrypoint: &str, arguments: &str, command: &str, user: Option<&str>) -> Said {
        let image = Image { entrypoint: words(entrypoint), ..Image::of_user("web", "www") };
        let options = Options {
            engine: image::Engine::Podman,
            arguments: words(arguments),
            command: words(command),
            runtime: None,
            grant: Grant::Named(caps::CapSet::EMPTY),
        };
        Said::new(&image, None, &options, user)
    }

    #[test]
    fn a_command_is_called_by_the_images_entrypoint() {
        for (entrypoint, arguments, given, command, args) in [
            ("", "", "", "", ""),
            ("/start", "", "", "", ""),
            ("", "", "chown 33 /x", "chown 33 /x", ""),
            ("/start", "", "chown 33 /x", "", "chown 33 /x"),
            ("/start", "--entrypoint sh", "-c id", "sh -c id", ""),
            ("/start", "--entrypoint=/a --network none", "b", "/a b", ""),
        ] {
            let said = said(entrypoint, arguments, given, None);
            assert_eq!((said.command, said.args), (words(command), words(args)), "{given}");
        }
    }

    /// Of an image without an entrypoint the two come to the same.
    #[test]
    fn the_words_of_a_manifest_stay_where_they_are_written() {
        let text = "services: { web: { image: web, command: [id, -u] } }\n";
        let manifest = manifest::parse("compose.yaml", text);
        let (_, container) = manifest.containers().next().expect("a service");
        let options = |command: &str| Options {
            engine: image::Engine::Podman,
            arguments: Vec::new(),
            command: words(command),
            runtime: None,
            grant: Grant::Named(caps::CapSet::EMPTY),
        };
        let image = Image::of_user("web", "");
        let said = Said::new(&image, Some(container), &options(""), None);
        assert_eq!((said.command, said.args), (Vec::new(), words("id -u")));
        let said = Said::new(&image, Some(container), &options("id -g"), None);
        assert_eq!((said.command, said.args), (words("id -g"), Vec::new()));
    }

    #[test]
    fn another_user_is_a_number_or_the_image_is_not_named() {
        assert_eq!(said("", "", "", Some("33:33")).user, Some(33));
        assert_eq!(said("", "", "", Some("0")).user, Some(0));
        let unknown = said("", "", "", Some("app"));
        assert_eq!((unknown.user, unknown.unknown.as_deref()), (None, Some("app")));
        assert!(unknown.remark().is_some());
        let target =
            record::profile::Target { image: Some("web".to_owned()), ..Default::default() };
        let mut profile = Profile::new("web", target, Vec::new(), Vec::new());
        said("", "", "true", Some("33")).write(&mut profile);
        let target = &profile.spec.target;
        assert_eq!(
            (target.user, target.command.as_slice()),
            (Some(33), ["true".to_owned()].as_slice())
        );
        assert_eq!(target.image.as_deref(), Some("web"));
        unknown.write(&mut profile);
        assert_eq!(profile.spec.target, record::profile::Target::default());
    }
}
