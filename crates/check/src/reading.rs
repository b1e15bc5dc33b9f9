//! What each engine makes of one word of a list, whatever else is in the request.

use runtime::{Became, Engine, List, Meaning, Request, Runtime, User, Word, resolve};

use crate::engines::engines;
use crate::words;

/// What an engine makes of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// It takes it for this.
    Read(Meaning),
    /// It has no effect there.
    Ignored {
        /// What stands in the OCI spec.
        becomes: String,
    },
    /// The container is not created.
    Refused,
}

/// What `runtime` makes of `word`.
#[must_use]
pub fn of(runtime: &Runtime, word: &Word) -> Reading {
    let mut request = Request { user: User::Root, ..Request::default() };
    match word.list {
        List::Add => request.add.push(word.text.clone()),
        List::Drop => request.drop.push(word.text.clone()),
    }
    let Ok(resolution) = resolve(runtime, &request) else { return Reading::Refused };
    let odd = resolution.most().odd.first();
    match odd.map(|odd| &odd.became) {
        Some(Became::Ignored { becomes }) => Reading::Ignored { becomes: becomes.clone() },
        Some(Became::ReadAs { capability }) => Reading::Read(Meaning::One(*capability)),
        Some(Became::Read | Became::NotLookedAt) | None => {
            word.meant().map_or(Reading::Refused, Reading::Read)
        }
    }
}

/// What the engines make of a word, those that agree together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readings {
    groups: Vec<(Reading, Vec<Engine>)>,
}

impl Readings {
    /// The newest release of every engine is asked.
    #[must_use]
    pub fn of(word: &Word) -> Self {
        let mut groups: Vec<(Reading, Vec<Engine>)> = Vec::new();
        for runtime in engines() {
            let reading = of(runtime, word);
            match groups.iter_mut().find(|(known, _)| *known == reading) {
                Some((_, engines)) => engines.push(runtime.engine),
                None => groups.push((reading, vec![runtime.engine])),
            }
        }
        Self { groups }
    }

    /// Whether all engines take the word for what was meant.
    #[must_use]
    pub fn is_read_everywhere(&self) -> bool {
        self.groups.iter().all(|(reading, _)| matches!(reading, Reading::Read(_)))
    }

    /// As a sentence: `no effect on containerd, which makes it CAP_CAP_KILL; …`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let part = |(reading, engines): &(Reading, Vec<Engine>)| {
            let names: Vec<&str> = engines.iter().map(|engine| engine.title()).collect();
            let (names, many) = (words::list(&names), engines.len() > 1);
            match reading {
                Reading::Read(meaning) => {
                    format!("{names} read{} it as {meaning}", if many { "" } else { "s" })
                }
                Reading::Ignored { becomes } => format!(
                    "{names} make{} it {becomes}, which has no effect",
                    if many { "" } else { "s" }
                ),
                Reading::Refused => {
                    format!("{names} refuse{} the container", if many { "" } else { "s" })
                }
            }
        };
        self.groups.iter().map(part).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(list: List, text: &str) -> String {
        Readings::of(&Word { list, index: 0, text: text.to_owned() }).sentence()
    }

    #[test]
    fn engines_that_agree_are_named_together() {
        assert_eq!(
            sentence(List::Drop, "CAP_NET_RAW"),
            "containerd makes it CAP_CAP_NET_RAW, which has no effect; \
             CRI-O, Docker, Podman and nerdctl read it as NET_RAW"
        );
        assert_eq!(
            sentence(List::Add, "net_raw"),
            "containerd, CRI-O, Docker, Podman and nerdctl read it as NET_RAW"
        );
        assert_eq!(
            sentence(List::Add, "SYS_ADMINN"),
            "containerd and nerdctl make it CAP_SYS_ADMINN, which has no effect; \
             CRI-O, Docker and Podman refuse the container"
        );
    }
}
