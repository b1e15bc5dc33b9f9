//! What is wrong with a manifest, each cause told apart.

use crate::workload::Span;

/// Something that keeps a document, or a part of it, from being read as Kubernetes reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Index of the YAML document, from 0.
    pub document: usize,
    /// Where.
    pub span: Span,
    /// What.
    pub kind: ProblemKind,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The text is no YAML.
    #[error("not YAML: {reason}")]
    Syntax {
        /// What the parser says.
        reason: String,
    },
    /// The document is a Go template (Helm): no YAML until it is rendered.
    #[error(
        "a Go template (`{{{{ … }}}}`), not a manifest yet: render it first (helm template … | dropcap … -)"
    )]
    Template,
    /// Nested deeper than the parser goes.
    #[error("nested too deeply (more than 255 levels)")]
    TooDeep,
    /// More values than are kept in memory.
    #[error("too many values (more than {limit}); split the document")]
    TooManyValues {
        /// The limit, for one document.
        limit: usize,
    },
    /// More documents than are read of one file.
    #[error("too many documents (more than {limit}), the rest is not read; split the file")]
    TooManyDocuments {
        /// The limit, for the whole file.
        limit: usize,
    },
    /// More containers than are kept of one file.
    #[error("too many containers (more than {limit}), the rest is not read; split the file")]
    TooManyContainers {
        /// The limit, for the whole file.
        limit: usize,
    },
    /// Aliases that multiply into an enormous document.
    #[error("its aliases expand to more than {limit} values, as in an alias bomb")]
    ExcessiveAliases {
        /// The limit, for one document.
        limit: u64,
    },
    /// An alias inside the value it stands for.
    #[error("the alias stands inside the value it refers to")]
    RecursiveAlias,
    /// A mapping or list as a key.
    #[error("a mapping or a list as a key, which no manifest has")]
    InvalidKey,
    /// A key twice in one mapping.
    #[error(
        "the key {key:?} is here twice; which one counts differs from tool to tool, remove one"
    )]
    DuplicateKey {
        /// The key.
        key: String,
        /// Where it stands first.
        first: Span,
    },
    /// A merge key behind a key that it overrides.
    #[error(
        "`<<` stands behind {key:?} and overrides it where Kubernetes reads the file, though not in YAML's own rule; put `<<` first"
    )]
    MergeOverrides {
        /// The key.
        key: String,
    },
    /// A merge key with something else than a mapping or a list of mappings.
    #[error("`<<` wants a mapping or a list of mappings")]
    InvalidMerge,
    /// A character that ends a line for some readers and not for others.
    #[error(
        "U+{:04X} ends a line where Kubernetes reads the file, though not in most editors, and what it says differs; remove it",
        u32::from(*.character)
    )]
    LineBreak {
        /// The character.
        character: char,
    },
    /// A file of Kubernetes objects that begins as JSON and is none.
    #[error(
        "kubectl reads a file that begins with `{{` as JSON, and this is none ({reason}); put `---` in \
         front, so that it is read as YAML"
    )]
    NotJson {
        /// What is wrong there.
        reason: String,
    },
    /// A value of the wrong type, which the API server refuses.
    #[error("{path} is {found}, expected {expected}")]
    WrongType {
        /// The field, such as `spec.containers[0].securityContext.runAsUser`.
        path: String,
        /// What the field takes.
        expected: &'static str,
        /// What is there.
        found: String,
        /// Whether the field has nothing to do with capabilities, so that the rest is still read.
        elsewhere: bool,
    },
    /// Keys that lie beside the key they belong under.
    #[error(
        "{}{}",
        if *.indentation_lost { "the indentation seems lost in copying: " } else { "" },
        misplaced(.keys)
    )]
    Misplaced {
        /// The keys, in the order of the text.
        keys: Vec<MisplacedKey>,
        /// Whether this looks like indentation lost in copying, not like a slip.
        indentation_lost: bool,
        /// The document as it probably was, where everything but the indentation is there.
        suggestion: Option<String>,
    },
    /// No pod spec where the kind has one, or nothing in it.
    #[error("{kind} without a pod spec: {path} is {}", if *.null { "empty" } else { "missing" })]
    NoPodSpec {
        /// The kind.
        kind: String,
        /// The first part of the way to the pod spec that is not there, such as `spec.template`.
        path: String,
        /// Whether the key is there with nothing in it.
        null: bool,
    },
    /// `containers` missing or empty; the API server refuses that.
    #[error("{path} has no containers")]
    NoContainers {
        /// Way to the pod spec.
        path: String,
    },
    /// An object without `kind` that has a pod spec.
    #[error("`kind` is missing, so Kubernetes cannot tell what this is")]
    NoKind,
    /// A workload without `apiVersion`.
    #[error("`apiVersion` is missing; for kind {kind} it is {expected}")]
    NoApiVersion {
        /// The kind.
        kind: String,
        /// What it would be today.
        expected: String,
    },
    /// A value of a Compose file that the environment fills in.
    #[error(
        "{path} is filled in from the environment; fill it in first (docker compose config | dropcap … -)"
    )]
    Interpolated {
        /// The field, such as `services.web.privileged`.
        path: String,
    },
    /// A Compose service that takes its fields from another file.
    #[error(
        "service {service:?} extends one of {file:?}, which is not read; put them together first (docker compose config | dropcap … -)"
    )]
    ExtendsElsewhere {
        /// The service.
        service: String,
        /// The file that it names.
        file: String,
    },
    /// A Compose service that takes its fields from one that is not there.
    #[error("service {service:?} extends {base:?}, and there is no such service")]
    ExtendsUnknown {
        /// The service.
        service: String,
        /// The one it names.
        base: String,
    },
    /// Compose services that take their fields from one another.
    #[error("service {service:?} extends itself, through others or at once")]
    ExtendsItself {
        /// The service.
        service: String,
    },
    /// A kind in the wrong case.
    #[error("unknown kind {found:?}, it is written {expected:?}")]
    KindCase {
        /// As written.
        found: String,
        /// As Kubernetes names it.
        expected: String,
    },
}

/// A key that lies beside the key it belongs under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MisplacedKey {
    /// The key.
    pub key: String,
    /// Where it is written.
    pub span: Span,
    /// What it belongs under, such as `spec.containers[0]`.
    pub under: String,
}

impl ProblemKind {
    /// Whether this is no fault of the document but of the moment: a template is rendered later.
    #[must_use]
    pub fn is_template(&self) -> bool {
        matches!(self, Self::Template)
    }

    /// Whether it is told and does not count: templates, and what only kubectl refuses.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        matches!(self, Self::Template | Self::NotJson { .. })
    }

    /// Whether the object could still be read, so that its workloads are there nevertheless.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        matches!(
            self,
            Self::NoContainers { .. }
                | Self::NotJson { .. }
                | Self::NoApiVersion { .. }
                | Self::MergeOverrides { .. }
                | Self::WrongType { elsewhere: true, .. }
        )
    }
}

/// At most this many places are named in one message.
const NAMED: usize = 12;

/// The first misplaced key of each place; the others are in the list.
fn misplaced(keys: &[MisplacedKey]) -> String {
    let mut named: Vec<&MisplacedKey> = Vec::new();
    for key in keys {
        if named.len() < NAMED && named.iter().all(|named| named.under != key.under) {
            named.push(key);
        }
    }
    let places: Vec<_> = named.iter().map(|k| format!("`{}` under `{}`", k.key, k.under)).collect();
    let text = places.join(", ").replacen(" under", " belongs under", 1);
    match keys.len() - named.len() {
        0 => text,
        more => format!("{text}, and {more} more keys likewise"),
    }
}
