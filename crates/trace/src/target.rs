//! The words people name a target by: `pid/4711`, `cgroup/PATH`, `ctr/ID`, `pod/NS/NAME`, `image/NAME`.

use std::fmt;
use std::str::FromStr;

use sys::container::{Container, Containers};
use sys::procfs::Procfs;

use crate::error::TraceError;
use crate::scope::Scope;

/// A target as it is named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetName {
    /// `pid/4711`, or the number alone.
    Process(u32),
    /// `cgroup/PATH`.
    Cgroup(String),
    /// `ctr/ID` or `ctr/NAME`: an identifier, its start, or a name.
    Container(String),
    /// `pod/NAMESPACE/NAME` or `pod/NAME`: all containers of a pod but its sandbox.
    Pod {
        /// Any, if none is given.
        namespace: Option<String>,
        /// The pod's name.
        name: String,
    },
    /// `image/NAME`: all containers made of an image, by its name or the end of it.
    Image(String),
}

/// Words that name no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{word:?} names no target: expected pid/4711, cgroup/PATH, ctr/ID, ctr/NAME, \
     pod/NAMESPACE/NAME, pod/NAME or image/NAME"
)]
pub struct ParseTargetError {
    /// The words.
    pub word: String,
}

/// Why a target cannot be found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// No running container matches.
    #[error("no running container matches {name}; {}{}", running(there), unnamed(unread))]
    NotFound {
        /// What was looked for.
        name: String,
        /// The containers that run.
        there: Vec<String>,
        /// What could not be read and may have named it, each with its reason.
        unread: Vec<String>,
    },
    /// More than one does.
    #[error("{name} could be any of {}; give more of its identifier", matches.join(", "))]
    Ambiguous {
        /// What was looked for.
        name: String,
        /// Those that match.
        matches: Vec<String>,
    },
    /// It was found and cannot be watched.
    #[error(transparent)]
    Trace(#[from] TraceError),
}

/// The end of a sentence: a container whose name could not be read may be the one.
fn unnamed(unread: &[String]) -> String {
    let Some(first) = unread.first() else { return String::new() };
    let files = if unread.len() == 1 { "1 file" } else { &format!("{} files", unread.len()) };
    format!("; {files} that may name it could not be read ({first})")
}

fn running(there: &[String]) -> String {
    match there {
        [] => "no container runs on this machine".to_owned(),
        there => format!("running: {}", there.join(", ")),
    }
}

impl FromStr for TargetName {
    type Err = ParseTargetError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let none = || ParseTargetError { word: word.to_owned() };
        let number = |text: &str| match text.parse::<u32>() {
            Ok(pid) if pid > 0 && pid <= i32::MAX as u32 => Ok(Self::Process(pid)),
            _ => Err(none()),
        };
        let Some((kind, name)) = word.split_once('/') else { return number(word) };
        if name.is_empty() {
            return Err(none());
        }
        match kind {
            "pid" => number(name),
            "cgroup" => Ok(Self::Cgroup(name.to_owned())),
            "ctr" | "container" if !name.contains('/') => Ok(Self::Container(name.to_owned())),
            "image" => Ok(Self::Image(name.to_owned())),
            "pod" => match name.split('/').collect::<Vec<_>>()[..] {
                [name] => Ok(Self::Pod { namespace: None, name: name.to_owned() }),
                [namespace, name] if !namespace.is_empty() && !name.is_empty() => {
                    Ok(Self::Pod { namespace: Some(namespace.to_owned()), name: name.to_owned() })
                }
                _ => Err(none()),
            },
            _ => Err(none()),
        }
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(pid) => write!(f, "pid/{pid}"),
            Self::Cgroup(path) => write!(f, "cgroup/{path}"),
            Self::Container(name) => write!(f, "ctr/{name}"),
            Self::Pod { namespace: Some(namespace), name } => write!(f, "pod/{namespace}/{name}"),
            Self::Pod { namespace: None, name } => write!(f, "pod/{name}"),
            Self::Image(name) => write!(f, "image/{name}"),
        }
    }
}

impl TargetName {
    /// Whether a container is one that is meant; `None` for a name that names no containers.
    #[must_use]
    pub fn names(&self, container: &Container) -> Option<bool> {
        match self {
            Self::Process(_) | Self::Cgroup(_) => None,
            Self::Container(word) => Some(container.is_called(word)),
            Self::Image(word) => Some(container.is_of_image(word)),
            Self::Pod { namespace, name } => {
                let same = container.pod.as_ref() == Some(name)
                    && (namespace.is_none() || container.namespace == *namespace);
                Some(!container.sandbox && same)
            }
        }
    }

    /// Finds it: one scope for each container of a pod or an image, one for anything else.
    ///
    /// # Errors
    /// [`FindError`].
    pub fn find(&self) -> Result<Vec<Scope>, FindError> {
        match self {
            Self::Process(pid) => {
                if !Procfs::new().folder(*pid).exists() {
                    return Err(TraceError::NoProcess { pid: *pid }.into());
                }
                Ok(vec![Scope::process(*pid)])
            }
            Self::Cgroup(path) => Ok(vec![Scope::cgroup(path)?]),
            Self::Container(_) | Self::Pod { .. } | Self::Image(_) => {
                let procfs = Procfs::new();
                let all =
                    procfs.processes().map_err(TraceError::bpf("list the processes"))?.processes;
                let containers = Containers::discover(&procfs, &all);
                let found = self.among(&containers)?;
                found.into_iter().map(|c| Ok(Scope::container(c)?)).collect()
            }
        }
    }

    fn among<'a>(&self, containers: &'a Containers) -> Result<Vec<&'a Container>, FindError> {
        let found = match self {
            Self::Container(word) => containers.find(word),
            Self::Pod { namespace, name } => containers.pod(namespace.as_deref(), name),
            Self::Image(word) => containers.all().iter().filter(|c| c.is_of_image(word)).collect(),
            Self::Process(_) | Self::Cgroup(_) => Vec::new(),
        };
        let name = || self.to_string();
        match (self, &found[..]) {
            (_, []) => {
                let there = containers.all().iter().filter(|c| !c.sandbox).map(label).collect();
                let unread = containers.unread().to_vec();
                Err(FindError::NotFound { name: name(), there, unread })
            }
            (Self::Container(_), [_, _, ..]) => {
                let matches = found.into_iter().map(label).collect();
                Err(FindError::Ambiguous { name: name(), matches })
            }
            (Self::Pod { namespace: None, .. }, [first, rest @ ..])
                if rest.iter().any(|c| c.namespace != first.namespace) =>
            {
                let matches = found.into_iter().map(label).collect();
                Err(FindError::Ambiguous { name: name(), matches })
            }
            _ => Ok(found),
        }
    }
}

/// A container as a person recognises it.
fn label(container: &Container) -> String {
    let id = container.short_id();
    match (&container.namespace, &container.pod, &container.name) {
        (Some(namespace), Some(pod), Some(name)) => format!("{namespace}/{pod}/{name} ({id})"),
        (_, _, Some(name)) => format!("{name} ({id})"),
        _ => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_written_back() {
        for word in [
            "pid/4711",
            "cgroup/a/b.slice",
            "ctr/web",
            "pod/default/web-0",
            "pod/web-0",
            "image/localhost:5000/app/web:1.2",
        ] {
            let name: TargetName = word.parse().unwrap();
            assert_eq!(name.to_string(), word);
        }
        assert_eq!("4711".parse(), Ok(TargetName::Process(4711)));
        assert_eq!("container/x".parse(), Ok(TargetName::Container("x".to_owned())));
        assert_eq!("cgroup//sys".parse(), Ok(TargetName::Cgroup("/sys".to_owned())));
    }

    #[test]
    fn anything_else_is_refused() {
        for word in [
            "",
            "/",
            "pid/",
            "pid/0",
            "pid/-1",
            "pid/x",
            "pid/99999999999",
            "web",
            "ctr/",
            "ctr/a/b",
            "pod/",
            "pod/a/b/c",
            "pod//x",
            "image/",
            "svc/x",
        ] {
            let refused = ParseTargetError { word: word.to_owned() };
            assert_eq!(word.parse::<TargetName>(), Err(refused));
        }
    }
}
