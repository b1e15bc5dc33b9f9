//! What is asked of a runtime, verbatim.

use std::fmt;

use caps::FileCaps;

/// A security context, as far as it decides capabilities.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// `add`, verbatim: what a word means is the runtime's business.
    pub add: Vec<String>,
    /// `drop`, verbatim.
    pub drop: Vec<String>,
    /// `privileged`.
    pub privileged: bool,
    /// `no_new_privs`, prctl(2); Kubernetes sets it for `allowPrivilegeEscalation: false`.
    pub no_new_privs: bool,
    /// As whom the process starts.
    pub user: User,
    /// The capabilities of the entrypoint's file; `None` if it has none or nobody looked.
    pub entrypoint: Option<FileCaps>,
    /// The owner of the entrypoint's file, if that is known to be set-uid, execve(2).
    pub set_uid: Option<u32>,
    /// The sets as an OCI configuration has them: nothing is left for an engine to decide, `add` is
    /// the bounding set, and `drop` and `privileged` do not exist.
    pub spec: Option<SpecSets>,
}

/// `process.capabilities` of an OCI configuration but for the bounding set, names verbatim.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct SpecSets {
    /// `effective`.
    pub effective: Vec<String>,
    /// `permitted`.
    pub permitted: Vec<String>,
    /// `inheritable`.
    pub inheritable: Vec<String>,
    /// `ambient`.
    pub ambient: Vec<String>,
}

/// As whom the container's process starts, as far as `execve` cares.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum User {
    /// User ID 0 (in the container's user namespace).
    Root,
    /// Any other.
    NonRoot,
    /// Nobody has said: the image's `USER` decides.
    #[default]
    Unknown,
}

impl From<u32> for User {
    fn from(uid: u32) -> Self {
        if uid == 0 { User::Root } else { User::NonRoot }
    }
}

/// `add` or `drop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum List {
    /// Capabilities to add.
    Add,
    /// Capabilities to drop.
    Drop,
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            List::Add => "add",
            List::Drop => "drop",
        })
    }
}

/// One word of a [`Request`], by its place, so that a caller finds its span again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Word {
    /// Which list it is in.
    pub list: List,
    /// Its index there, from 0.
    pub index: usize,
    /// The word, verbatim.
    pub text: String,
}

/// `drop NET_RAW`.
impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.list, self.text)
    }
}

impl Request {
    /// The same where it is known that the user is root, if nothing says who it is.
    #[must_use]
    pub fn of_root(self) -> Self {
        match self.user {
            User::Unknown => Self { user: User::Root, ..self },
            User::Root | User::NonRoot => self,
        }
    }

    /// The words of one list, each with its place.
    pub fn words(&self, list: List) -> impl Iterator<Item = Word> + '_ {
        let texts = match list {
            List::Add => &self.add,
            List::Drop => &self.drop,
        };
        texts.iter().enumerate().map(move |(index, text)| Word { list, index, text: text.clone() })
    }

    /// The first word of `list` that is `ALL` in any case.
    pub(crate) fn all(&self, list: List) -> Option<Word> {
        self.words(list).find(Word::is_all)
    }
}

impl Word {
    /// Whether it is `ALL` in any case: every engine compares without regard to case.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.text.eq_ignore_ascii_case("ALL")
    }
}
