//! Which kinds of objects have pods in them, and where: `data/kinds.toml`, and a user's own.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Deserializer};

/// The kinds whose pods are read. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kinds(Arc<Vec<Kind>>);

/// One kind of object, or several of the same shape: a row `[[kinds]]` of `data/kinds.toml`, whose
/// head says what the fields mean. The same in a user's file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Kind {
    /// `kind`.
    #[serde(rename = "kind", deserialize_with = "one_or_many")]
    pub names: Vec<String>,
    /// Groups of `apiVersion` that it is or was in; `""` is the core group.
    #[serde(rename = "group", deserialize_with = "one_or_many")]
    pub groups: Vec<String>,
    /// `apiVersion` of today, of a kind that cannot be without a pod spec.
    #[serde(default)]
    pub api_version: Option<String>,
    /// Where its pods are.
    pub pods: Vec<PodPlace>,
}

/// Where the pods of a kind are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodPlace {
    /// The way to what is, or becomes, a pod spec.
    pub path: Way,
    /// The ways from there to its regular containers.
    pub containers: Vec<ContainerPlace>,
    /// The ways from there to its init containers.
    pub init_containers: Vec<ContainerPlace>,
    /// The ways from there to its ephemeral containers.
    pub ephemeral_containers: Vec<ContainerPlace>,
    /// The ways from the object to mappings whose pod fields count where the pod has none.
    pub pod_fields: Vec<Way>,
    /// What a container without a name is called.
    pub unnamed: String,
    /// Whether it is a pod spec as Kubernetes has it.
    pub is_pod_spec: bool,
}

/// Where containers of a pod are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerPlace {
    /// The way from the pod to each.
    pub path: Way,
    /// A key of the pod with fields for containers that do not have them.
    pub defaults: Option<String>,
}

/// A way down into an object, such as `spec.tasks[].template.spec`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way(Vec<Step>);

/// One step of a [`Way`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The value of this key.
    Key(String),
    /// Each item of a list.
    Items,
    /// Each value of a mapping.
    Values,
}

impl Step {
    /// The key, if it is one.
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Items | Self::Values => None,
        }
    }
}

/// A way that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{way:?} is no way into an object; expected keys such as \"spec.tasks[].template.spec\"")]
pub struct WayError {
    way: String,
}

/// A file of kinds that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {reason}; expected [[kinds]] with kind, group and pods")]
pub struct KindsError {
    /// The file.
    pub file: String,
    /// What the parser says, with the line.
    pub reason: String,
}

#[derive(Deserialize)]
struct File {
    kinds: Vec<Kind>,
}

static BUILT_IN: LazyLock<Kinds> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "part of this program's text; a test reads it")]
    let file: File = toml::from_str(include_str!("../data/kinds.toml")).expect("data/kinds.toml");
    Kinds(Arc::new(file.kinds))
});

impl Default for Kinds {
    /// Those of `data/kinds.toml`.
    fn default() -> Self {
        BUILT_IN.clone()
    }
}

impl Kinds {
    /// These, and more before them: of two rows with the same kind and group the new one counts.
    #[must_use]
    pub fn with(&self, more: Vec<Kind>) -> Self {
        Self(Arc::new(more.into_iter().chain(self.0.iter().cloned()).collect()))
    }

    /// These, and those of a file's text before them.
    ///
    /// # Errors
    /// [`KindsError`] where the text is no table of kinds.
    pub fn with_file(&self, file: &str, text: &str) -> Result<Self, KindsError> {
        let parsed = toml::from_str::<File>(text);
        parsed.map(|parsed| self.with(parsed.kinds)).map_err(|error| KindsError {
            file: file.to_owned(),
            reason: error.to_string().trim_end().replace('\n', "\n  "),
        })
    }

    /// All rows, in the order in which they count.
    #[must_use]
    pub fn rows(&self) -> &[Kind] {
        &self.0
    }

    /// The kind of this name in this group; without a group, one of Kubernetes itself.
    pub(crate) fn find(&self, name: &str, group: Option<&str>) -> Option<&Kind> {
        self.0.iter().find(|kind| {
            kind.names.iter().any(|known| known == name)
                && group.map_or(kind.api_version.is_some(), |group| {
                    kind.groups.iter().any(|known| known == group)
                })
        })
    }

    /// A kind of Kubernetes itself that is so named but for the case.
    pub(crate) fn in_other_case(&self, name: &str) -> Option<&str> {
        let built_in = self.0.iter().filter(|kind| kind.api_version.is_some());
        let names = built_in.flat_map(|kind| &kind.names);
        names.map(String::as_str).find(|known| known.eq_ignore_ascii_case(name))
    }
}

impl Way {
    /// The steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    fn list(key: &str) -> Self {
        Self(vec![Step::Key(key.to_owned()), Step::Items])
    }
}

impl FromStr for Way {
    type Err = WayError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut steps = Vec::new();
        for part in text.split('.') {
            let key = part.trim_end_matches("[]");
            match key {
                "*" => steps.push(Step::Values),
                _ if key.is_empty() || key.contains(['[', ']', '*', ' ']) => {
                    return Err(WayError { way: text.to_owned() });
                }
                _ => steps.push(Step::Key(key.to_owned())),
            }
            steps.extend(std::iter::repeat_n(Step::Items, (part.len() - key.len()) / 2));
        }
        Ok(Self(steps))
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            match step {
                Step::Key(key) => write!(f, "{dot}{key}")?,
                Step::Items => f.write_str("[]")?,
                Step::Values => write!(f, "{dot}*")?,
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Way {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for ContainerPlace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            path: Way,
            defaults: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a way, or a table with path and defaults")]
        enum Written {
            Way(Way),
            Table(Table),
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Way(path) => Self { path, defaults: None },
            Written::Table(Table { path, defaults }) => Self { path, defaults },
        })
    }
}

impl<'de> Deserialize<'de> for PodPlace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        struct Table {
            path: Way,
            containers: Option<Vec<ContainerPlace>>,
            init_containers: Option<Vec<ContainerPlace>>,
            #[serde(default)]
            pod_fields: Vec<Way>,
            #[serde(default)]
            unnamed: String,
        }
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "expected a way, or a table with path, containers, \
            init-containers, pod-fields and unnamed"
        )]
        enum Written {
            Way(Way),
            Table(Table),
        }
        let place = |key| vec![ContainerPlace { path: Way::list(key), defaults: None }];
        let spec = |path| Self {
            path,
            containers: place("containers"),
            init_containers: place("initContainers"),
            ephemeral_containers: place("ephemeralContainers"),
            pod_fields: Vec::new(),
            unnamed: String::new(),
            is_pod_spec: true,
        };
        Ok(match Written::deserialize(deserializer)? {
            Written::Way(path) => spec(path),
            Written::Table(table) => {
                let Table { path, containers, init_containers, pod_fields, unnamed } = table;
                let like_a_pod = Self { pod_fields, unnamed, ..spec(path) };
                if containers.is_none() && init_containers.is_none() {
                    return Ok(like_a_pod);
                }
                Self {
                    containers: containers.unwrap_or_default(),
                    init_containers: init_containers.unwrap_or_default(),
                    ephemeral_containers: Vec::new(),
                    is_pod_spec: false,
                    ..like_a_pod
                }
            }
        })
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a word or a list of words")]
    enum Written {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::One(word) => vec![word],
        Written::Many(words) => words,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_and_every_kind_is_found_by_name_and_group() {
        let kinds = Kinds::default();
        let mandatory = kinds.rows().iter().filter(|kind| kind.api_version.is_some());
        assert_eq!(mandatory.flat_map(|kind| &kind.names).count(), 9);
        for kind in kinds.rows() {
            assert!(!kind.names.is_empty() && !kind.groups.is_empty() && !kind.pods.is_empty());
            for name in &kind.names {
                for group in &kind.groups {
                    assert_eq!(kinds.find(name, Some(group)), Some(kind), "{group}/{name}");
                }
            }
        }
        assert_eq!(kinds.find("Service", Some("")), None);
        assert_eq!(kinds.find("Service", None), None);
        assert_eq!(kinds.in_other_case("deployment"), Some("Deployment"));
    }

    #[test]
    fn ways_are_read_and_written() {
        for way in ["spec", "spec.tasks[].taskSpec", "spec.*.template.spec", "matrix[][].pod"] {
            assert_eq!(way.parse::<Way>().map(|way| way.to_string()).as_deref(), Ok(way));
        }
        for way in ["", "spec.", ".spec", "spec[0]", "a b", "a*", "[]", "spec..x"] {
            assert!(way.parse::<Way>().is_err(), "{way}");
        }
    }

    #[test]
    fn a_users_kinds_go_first_and_mistakes_are_told_with_their_line() {
        let text = "[[kinds]]\nkind = \"Rollout\"\ngroup = \"argoproj.io\"\npods = [\"spec.x\"]\n";
        let kinds = Kinds::default().with_file("k.toml", text).unwrap();
        let rollout = kinds.find("Rollout", Some("argoproj.io")).unwrap();
        assert_eq!(rollout.pods[0].path.to_string(), "spec.x");
        for (text, part) in [
            ("[[kinds]]\nkind = \"A\"\npods = []\n", "missing field `group`"),
            ("[[kinds]]\nkind = \"A\"\ngroup = \"g\"\npods = [\"a[0]\"]\n", "expected a way"),
            ("[[kinds]]\nkind = \"A\"\ngroup = \"g\"\npod = []\n", "unknown field `pod`"),
            ("kinds = 1\n", "line 1"),
        ] {
            let error = Kinds::default().with_file("k.toml", text).unwrap_err().to_string();
            assert!(error.starts_with("k.toml: ") && error.contains(part), "{error}");
        }
    }
}
