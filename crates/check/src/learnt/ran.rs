//! What an image was made to run while it was watched, and whether a container does the same.

use manifest::Container;

/// What an image was made to run while it was watched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Ran {
    /// Nobody wrote it down.
    #[default]
    Unknown,
    /// What it runs by itself.
    Own,
    /// This, and in words of its own.
    Words {
        /// In place of its ENTRYPOINT, as a manifest's `command`.
        command: Vec<String>,
        /// In place of its CMD, as a manifest's `args`.
        args: Vec<String>,
    },
    /// This, the image's own words among it.
    Whole(Vec<String>),
}

impl Ran {
    /// Whether `container` makes the same image run the same. Only one that has a `command` is known
    /// to the last word: what stands in front of `args` the image says.
    pub(super) fn is_of(&self, container: &Container) -> bool {
        let Container { command, args, command_unread, .. } = container;
        match self {
            Self::Unknown => true,
            _ if *command_unread => false,
            Self::Own => command.is_empty() && args.is_empty(),
            // What the kubelet puts in for `$(NAME)` nobody knows here
            // (k8s.io/kubernetes third_party/forked/golang/expansion/expand.go).
            Self::Whole(_) if command.iter().chain(args).any(|word| word.contains("$(")) => true,
            Self::Whole(argv) if command.is_empty() => argv.ends_with(args),
            Self::Whole(argv) => argv.iter().eq(command.iter().chain(args)),
            Self::Words { command: own, args: more } if command.is_empty() => {
                own.is_empty() && more == args
            }
            Self::Words { command: own, args: more } => {
                !own.is_empty() && own.iter().chain(more).eq(command.iter().chain(args))
            }
        }
    }

    /// Whether `container` runs something else now than what was watched. `whole` is all that it executes,
    /// the image's own words among it, where somebody looked at the image; else nobody knows those, nor
    /// whether they come to the same.
    pub(super) fn differs(&self, container: &Container, whole: Option<&[String]>) -> bool {
        let Container { command, args, command_unread, .. } = container;
        let here = [command.as_slice(), args].concat();
        if *command_unread || here.iter().any(|word| word.contains("$(")) {
            return false;
        }
        match self {
            Self::Unknown => false,
            Self::Own => !here.is_empty(),
            // An engine's own init may stand in front.
            Self::Whole(argv) => match whole {
                Some(whole) if command.is_empty() => !ends_with_words(argv, whole),
                _ => !argv.ends_with(&here),
            },
            // Of an image without an entrypoint `args` are what is executed, and written as `command`.
            Self::Words { command: own, args: more } => [own.as_slice(), more].concat() != here,
        }
    }

    /// For a sentence: `runs "true"`.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Unknown => "runs what nobody wrote down".to_owned(),
            Self::Own => "runs what the image says".to_owned(),
            Self::Words { command, args } => runs(command, args),
            Self::Whole(argv) => runs(argv, &[]),
        }
    }
}

/// Whether these are the last words that were executed. A script is executed by its interpreter, which is
/// told the path that `PATH` led to.
fn ends_with_words(argv: &[String], whole: &[String]) -> bool {
    let Some((first, rest)) = whole.split_first() else { return true };
    let Some(at) = argv.len().checked_sub(whole.len()) else { return false };
    let name = |word: &str| word.rsplit('/').next().map(str::to_owned);
    argv[at + 1..] == *rest && name(&argv[at]) == name(first)
}

/// `runs "chown 33 /x"`, `runs the image's with "-g"`.
pub(super) fn runs(command: &[String], args: &[String]) -> String {
    let all: Vec<&str> = command.iter().chain(args).map(String::as_str).collect();
    match (command, args) {
        ([], []) => "runs what the image says".to_owned(),
        ([], _) => format!("calls the image's entrypoint with {:?}", all.join(" ")),
        _ => format!("runs {:?}", all.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Checker;
    use crate::learnt::{About, Learnt, Library, MAX_AGE_DAYS, Way};
    use crate::options::Options;
    use image::{Image, Images};
    use record::zero::Change;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// What is said against a profile of Deployment/web whose container runs that now.
    fn said(ran: Ran, ways: Vec<Way>, lines: &str) -> Vec<String> {
        said_with(ran, ways, lines, Images::default())
    }

    fn said_with(ran: Ran, ways: Vec<Way>, lines: &str, images: Images) -> Vec<String> {
        let text = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: web }}\nspec:\n  template:\n    spec:\n      \
             containers:\n        - name: web\n{lines}"
        );
        let manifest = manifest::parse("web.yaml", text.as_str());
        assert_eq!(manifest.problems, [], "{text}");
        let (workload, container) = manifest.containers().next().expect("one");
        let about = About { ran, workload: Some("Deployment/web".to_owned()), ..About::default() };
        let learnt = Learnt { about, ways, ..Learnt::default() };
        let learnt = Library::new(vec![learnt], MAX_AGE_DAYS);
        let checker = Checker::new(Options { learnt, images, ..Options::default() });
        let found = checker.learnt_of(workload, container);
        let known = found.known().expect("it is met by its workload");
        known.objections.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_workload_that_runs_something_else_now_is_another() {
        let of =
            |command: &str, args: &str| Ran::Words { command: words(command), args: words(args) };
        let (command, args) = ("          command: [a, b]\n", "          args: [-c, d]\n");
        let both = format!("{command}{args}");
        for (ran, lines, differs) in [
            (Ran::Unknown, both.as_str(), false),
            (Ran::Own, "", false),
            (Ran::Own, command, true),
            (Ran::Own, args, true),
            (of("a b", ""), command, false),
            (of("a", "b"), command, false),
            (of("a b", ""), "", true),
            (of("a c", ""), command, true),
            (of("a b", "-c d"), &both, false),
            (of("a b", "-c e"), &both, true),
            (of("", "-c d"), args, false),
            // Of an image without an entrypoint.
            (of("-c d", ""), args, false),
            (of("", "-c e"), args, true),
            (Ran::Whole(words("/e -c d")), args, false),
            (Ran::Whole(words("/e -c x")), args, true),
            (Ran::Whole(words("/init -- a b")), command, false),
            (Ran::Whole(words("/e -c x")), "", false),
            (Ran::Own, "          command: [\"$(X)\"]\n", false),
        ] {
            let said = said(ran.clone(), Vec::new(), lines);
            assert_eq!(said.len(), usize::from(differs), "{ran:?} {lines}: {said:?}");
        }
        assert_eq!(
            said(of("a c", ""), Vec::new(), command),
            ["what was watched runs \"a c\", and this container runs \"a b\""]
        );
    }

    /// A trace of `sh` in an image is none of what the image runs by itself.
    #[test]
    fn what_the_image_runs_is_compared_where_somebody_looked() {
        let said = |argv: &str, lines: &str| {
            let (entrypoint, cmd) = (words("entry.sh"), words("web -g"));
            let names = vec!["web".to_owned()];
            let mut images = Images::default();
            images.add(Image { names, entrypoint, cmd, ..Image::default() });
            let lines = format!("          image: web\n{lines}");
            said_with(Ran::Whole(words(argv)), Vec::new(), &lines, images)
        };
        let args = "          args: [web, -t]\n";
        for same in
            ["entry.sh web -g", "/bin/sh /usr/bin/entry.sh web -g", "/init -- entry.sh web -g"]
        {
            assert_eq!(said(same, ""), [""; 0]);
        }
        assert_eq!(said("entry.sh web -t", args), [""; 0]);
        assert_eq!(said("a b", "          command: [a, b]\n"), [""; 0]);
        let runs = "and this container runs \"entry.sh web -g\"";
        for other in ["sh", "sh -c entry.sh web -g x", "entry.sh web", "/other.sh web -g"] {
            assert_eq!(said(other, ""), [format!("what was watched runs {other:?}, {runs}")]);
        }
        let runs = "and this container runs \"entry.sh web -t\"";
        assert_eq!(
            said("other.sh web -t", args),
            [format!("what was watched runs \"other.sh web -t\", {runs}")]
        );
    }

    /// It listens on another port, as trials have shown that it may.
    #[test]
    fn what_a_way_makes_of_its_words_is_no_other() {
        let change = Change::Port {
            from: 80,
            to: 8080,
            command: words("a b"),
            args: Vec::new(),
            env: std::collections::BTreeMap::new(),
        };
        let way = Way { changes: vec![change], with: Learnt::default() };
        assert_eq!(said(Ran::Own, vec![way], "          command: [a, b]\n"), [""; 0]);
    }
}
