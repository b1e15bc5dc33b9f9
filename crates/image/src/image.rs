//! One image, as far as `execve` cares.

use std::collections::BTreeMap;

use caps::FileCaps;

use crate::reference::Reference;

/// What an image says, as far as somebody has looked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Image {
    /// The names it has, as its source writes them.
    pub names: Vec<String>,
    /// `USER`, as written; empty means root.
    pub user: String,
    /// `USER` as a number; `None` for a name that nobody looked up in the image.
    pub uid: Option<u32>,
    /// `ENTRYPOINT`.
    pub entrypoint: Vec<String>,
    /// `CMD`.
    pub cmd: Vec<String>,
    /// What is in it; `None` if nobody looked.
    pub files: Option<Files>,
}

/// What is in an image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files {
    /// All files that carry capabilities or are set-uid, by their path without links.
    pub privileged: BTreeMap<String, Privilege>,
    /// Programs that containers call, each with the file that is executed: found in `PATH`, links
    /// followed, of a script the interpreter. `None` where it leads to no file.
    pub programs: BTreeMap<String, Option<String>>,
    /// Users of its `/etc/passwd`.
    pub accounts: BTreeMap<String, u32>,
}

/// What `execve` of a file gives beyond what the process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Privilege {
    /// Its capabilities, capabilities(7) "File capabilities".
    pub capabilities: Option<FileCaps>,
    /// Its owner if it is set-uid.
    pub set_uid: Option<u32>,
}

/// What a container executes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'a> {
    /// The word; `None` where the manifest leaves it to what is not known, a variable.
    pub word: Option<&'a str>,
    /// Whether the container has a `PATH` or a working folder of its own.
    pub moved: bool,
}

/// What is known of the file that a container executes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// Nobody knows.
    Unknown,
    /// It is an ordinary file, or whatever it is: no file in the image gives anything.
    Plain,
    /// This file, which gives something.
    Privileged {
        /// Its path.
        path: String,
        /// What it gives.
        privilege: Privilege,
    },
}

/// Where programs are looked for that are called by name only.
pub(crate) const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Image {
    /// An image of this `USER`, of which nothing else is known.
    #[must_use]
    pub fn of_user(name: &str, user: &str) -> Self {
        let uid = uid_of(user);
        Self { names: vec![name.to_owned()], user: user.to_owned(), uid, ..Self::default() }
    }

    /// All its names in full.
    pub(crate) fn references(&self) -> impl Iterator<Item = Reference> + '_ {
        self.names.iter().map(|name| Reference::new(name))
    }

    /// The user ID of a user that is named elsewhere: Compose's `user: nginx`.
    #[must_use]
    pub fn account(&self, name: &str) -> Option<u32> {
        uid_of(name).or_else(|| self.files.as_ref()?.accounts.get(name).copied())
    }

    /// What is executed where a container has this `command` and `args` of its own: `command`
    /// stands for `ENTRYPOINT`, `args` for `CMD`.
    #[must_use]
    pub fn first_word<'a>(&'a self, command: &'a [String], args: &'a [String]) -> Option<&'a str> {
        let cmd = if args.is_empty() { &self.cmd } else { args };
        let words = [command, &self.entrypoint, cmd].into_iter().find(|words| !words.is_empty())?;
        words.first().map(String::as_str)
    }

    /// What is known of the file behind `word`, in a container that mounts something at `mounts`.
    #[must_use]
    pub fn program(&self, word: Word<'_>, mounts: &[&str]) -> Program {
        let Some(files) = &self.files else { return Program::Unknown };
        let Some(name) = word.word else { return Program::Unknown };
        let absolute = name.starts_with('/');
        let known = (absolute || !word.moved).then(|| files.programs.get(name)).flatten();
        let file = match known {
            Some(Some(file)) => Some(file.as_str()),
            // The engine will say that there is no such program.
            Some(None) => return Program::Unknown,
            None => None,
        };
        let places: Vec<&str> = match file {
            Some(file) if absolute => vec![file, name],
            Some(file) => vec![file],
            None if absolute => vec![name],
            None if name.contains('/') => return Program::Unknown,
            None => USUAL_PATH.split(':').collect(),
        };
        if places.iter().any(|place| mounts.iter().any(|mount| covers(mount, place))) {
            return Program::Unknown;
        }
        match file
            .or(absolute.then_some(name))
            .and_then(|file| files.privileged.get_key_value(file))
        {
            Some((path, privilege)) => {
                Program::Privileged { path: path.clone(), privilege: *privilege }
            }
            None if file.is_some() || files.privileged.is_empty() => Program::Plain,
            None => Program::Unknown,
        }
    }
}

/// Whether what is mounted at `mount` hides `path`.
fn covers(mount: &str, path: &str) -> bool {
    let mount = mount.trim_end_matches('/');
    path.strip_prefix(mount).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// `USER` as a number, where no file has to be asked. Root is the same everywhere, as
/// `/etc/passwd` goes.
pub(crate) fn uid_of(user: &str) -> Option<u32> {
    match user.split(':').next().unwrap_or_default() {
        "" | "root" => Some(0),
        word => word.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use caps::{CapSet, Capability};

    use super::*;

    fn image() -> Image {
        let ping = Privilege {
            capabilities: Some(FileCaps::effective(CapSet::from(Capability::NET_RAW))),
            set_uid: None,
        };
        let programs = [("ping", Some("/usr/bin/ping")), ("/run", Some("/bin/dash")), ("no", None)];
        let programs = programs.map(|(word, file)| (word.to_owned(), file.map(str::to_owned)));
        Image {
            entrypoint: vec!["/run".to_owned()],
            files: Some(Files {
                privileged: BTreeMap::from([("/usr/bin/ping".to_owned(), ping)]),
                programs: BTreeMap::from(programs),
                accounts: BTreeMap::from([("web".to_owned(), 33)]),
            }),
            ..Image::of_user("web", "web")
        }
    }

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn what_is_executed_is_as_engines_put_it_together() {
        let image = Image { cmd: words(&["serve"]), ..image() };
        assert_eq!(image.first_word(&[], &[]), Some("/run"));
        assert_eq!(image.first_word(&words(&["ping"]), &[]), Some("ping"));
        assert_eq!(image.first_word(&[], &words(&["x"])), Some("/run"));
        let without = Image { entrypoint: Vec::new(), ..image };
        assert_eq!(without.first_word(&[], &[]), Some("serve"));
        assert_eq!(without.first_word(&[], &words(&["x"])), Some("x"));
        assert_eq!(Image::default().first_word(&[], &[]), None);
    }

    #[test]
    fn a_program_is_known_where_somebody_looked_and_nothing_hides_it() {
        let image = image();
        let ask = |word, moved, mounts: &[&str]| match image
            .program(Word { word: Some(word), moved }, mounts)
        {
            Program::Unknown => "unknown".to_owned(),
            Program::Plain => "plain".to_owned(),
            Program::Privileged { path, .. } => path,
        };
        assert_eq!(ask("ping", false, &[]), "/usr/bin/ping");
        assert_eq!(ask("/usr/bin/ping", true, &["/data"]), "/usr/bin/ping");
        assert_eq!(ask("ping", true, &[]), "unknown");
        assert_eq!(ask("ping", false, &["/usr/"]), "unknown");
        assert_eq!(ask("/run", false, &["/usr"]), "plain");
        assert_eq!(ask("/run", false, &["/run"]), "unknown");
        assert_eq!(ask("no", false, &[]), "unknown");
        assert_eq!(ask("/other", false, &[]), "unknown");
        let nothing = Image { files: Some(Files::default()), ..Image::default() };
        let ask = |word, mounts: &[&str]| nothing.program(Word { word, moved: false }, mounts);
        assert_eq!(ask(Some("/other"), &[]), Program::Plain);
        assert_eq!(ask(Some("sh"), &[]), Program::Plain);
        assert_eq!(ask(Some("sh"), &["/usr/bin"]), Program::Unknown);
        assert_eq!(ask(None, &[]), Program::Unknown);
        assert_eq!(
            Image::default().program(Word { word: Some("sh"), moved: false }, &[]),
            Program::Unknown
        );
    }

    #[test]
    fn who_a_name_is_the_image_says() {
        assert_eq!(image().account("web"), Some(33));
        assert_eq!(image().account("root"), Some(0));
        assert_eq!(image().account("7:7"), Some(7));
        assert_eq!(image().account("nobody"), None);
    }
}
