//! Why a container is not edited, in words.

use super::ContainerId;
use crate::manifest::Manifest;
use crate::workload::{Format, Span};

/// A container that could not be edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The container.
    pub container: ContainerId,
    /// Why.
    pub reason: Refusal,
    /// What the container should hold, to put there by hand: YAML, or JSON where the file is JSON;
    /// empty where that cannot be said in a few lines.
    pub snippet: String,
}

/// Why a container could not be edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The manifest has no such container.
    #[error("there is no such container")]
    NoSuchContainer,
    /// What is to be changed is written in one place for several, and not all of them are to
    /// change like that.
    #[error(
        "`{what}` is written in one place for several ({how}), and something else that reads it is \
         not to change like this"
    )]
    Shared {
        /// The key, the service or the word, as it is written.
        what: String,
        /// Where that is.
        at: Span,
        /// What makes it common.
        how: Sharing,
        /// Who reads it too.
        user: SharedWith,
    },
    /// The value is marked `!reset`: it counts as if nobody had written it.
    #[error("`{what}` is marked `!reset`, so that nothing in it counts; take the mark away first")]
    Marked {
        /// The field.
        what: &'static str,
    },
    /// The format has no words for it.
    #[error("{}", foreign(*.format))]
    Format {
        /// What it is.
        format: Format,
    },
    /// With the edits it has more values than are kept at a time; it was read document by document.
    #[error(
        "the file is too large to be edited in one piece: with the edits it has more than {} values \
         (14 MB and more of usual manifests); split it",
        crate::tree::MAX_VALUES
    )]
    TooLarge,
    /// The text is written so that no edit gave what was wanted.
    #[error("it is written in a way that is not edited automatically")]
    Unsupported,
}

fn foreign(format: Format) -> &'static str {
    match format {
        Format::Oci => {
            "an OCI configuration has five lists and no `drop`; from them words are taken or spelt \
             right, and nothing is put in: change process.capabilities by hand"
        }
        Format::Kubernetes | Format::Compose => "it has no such list",
    }
}

/// What makes a value common to several containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// It has an anchor, and aliases elsewhere refer to it.
    Anchor,
    /// It is an alias of a value that is written elsewhere.
    Alias,
    /// It comes through a merge key.
    Merge,
    /// It is that of a service which is extended.
    Extends,
}

impl std::fmt::Display for Sharing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Anchor => "an anchor `&…` that is used elsewhere too",
            Self::Alias => "an alias `*…`",
            Self::Merge => "a merge key `<<`",
            Self::Extends => "`extends`",
        })
    }
}

/// Who else reads what was to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedWith {
    /// A container, which is not to change, or not like this.
    Container(ContainerId),
    /// The container that is to change, as something else of its own.
    Itself,
    /// Something that is no container.
    Elsewhere(Span),
}

impl Refused {
    /// Why, with the places that it is about; `manifest` is the one that was edited.
    #[must_use]
    pub fn message(&self, manifest: &Manifest) -> String {
        self.message_with(manifest, &|span| manifest.source.locate(span))
    }

    /// The same with `place` to say where a span of that manifest is.
    #[must_use]
    pub fn message_with(&self, manifest: &Manifest, place: &dyn Fn(Span) -> String) -> String {
        let Refusal::Shared { what, at, how, user } = &self.reason else {
            return self.reason.to_string();
        };
        let user = match *user {
            SharedWith::Container(id) => {
                let Some((_, container)) = super::find(&manifest.workloads, id) else {
                    return self.reason.to_string();
                };
                let at = place(container.name_span);
                match container.name.as_str() {
                    "" => format!("the container at {at}"),
                    name => format!("container `{}` ({at})", name.escape_debug()),
                }
            }
            SharedWith::Itself => "another field of the same container".to_owned(),
            SharedWith::Elsewhere(span) => {
                format!("something that is no container ({})", place(span))
            }
        };
        // What is put there instead takes it from who comes to it there.
        let first = match self.is_written_in_it(manifest) {
            true => ": give that one its own first",
            false => "",
        };
        let what = what.escape_debug();
        let at = place(*at);
        format!(
            "`{what}` ({at}) is written in one place for several ({how}), and {user} reads it too \
             and is not to change like this{first}"
        )
    }

    /// Whether what it shares with another container is written in this one.
    fn is_written_in_it(&self, manifest: &Manifest) -> bool {
        let Refusal::Shared { at, user: SharedWith::Container(_), .. } = self.reason else {
            return false;
        };
        let found = super::find(&manifest.workloads, self.container);
        found.is_some_and(|(_, own)| {
            at == own.name_span || own.span.start <= at.start && at.end <= own.span.end
        })
    }
}
