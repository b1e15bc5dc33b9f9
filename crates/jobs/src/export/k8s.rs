//! A strategic merge patch for the workload that the profile names, or the bare `securityContext`.
//!
//! In a strategic merge containers are found by name and `add` and `drop` are replaced whole (k8s.io/api
//! core/v1 types.go: `Containers` has `patchMergeKey=name`, the lists of `Capabilities` are atomic). All
//! else stays.

use manifest::{Kinds, Step};
use record::profile::Profile;
use runtime::Engine;

use super::comments::{comment, comments, scalar};
use super::{Error, Exported, Item, Remark, effect, head, items};

/// Which container of which workload; what is not said here the profile says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// `Kind/name`.
    pub workload: Option<String>,
    /// The workload's namespace.
    pub namespace: Option<String>,
    /// The container's name.
    pub container: Option<String>,
    /// Whether it is an init container: a profile does not know.
    pub init: bool,
}

/// The container of a workload of Kubernetes itself.
#[derive(Debug)]
pub(super) struct Spot {
    api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) container: String,
    /// The keys down to the list of containers.
    path: Vec<String>,
}

impl Spot {
    /// Where the profile's container is.
    pub(super) fn of(profile: &Profile, place: &Place) -> Result<Self, Error> {
        let target = &profile.spec.target;
        let no = || profile.metadata.name.clone();
        let workload = place.workload.as_ref().or(target.workload.as_ref());
        let workload = workload.ok_or_else(|| Error::NoWorkload { name: no() })?;
        let container = place.container.as_ref().or(target.container.as_ref());
        let container = container.ok_or_else(|| Error::NoContainer { name: no() })?;
        let (kind, name) = workload
            .split_once('/')
            .filter(|(kind, name)| !kind.is_empty() && !name.is_empty() && !name.contains('/'))
            .ok_or_else(|| Error::Workload { workload: workload.clone() })?;
        let (api_version, mut path) =
            built_in(kind).ok_or_else(|| Error::Kind { kind: kind.to_owned() })?;
        path.push(if place.init { "initContainers" } else { "containers" }.to_owned());
        Ok(Self {
            api_version,
            kind: kind.to_owned(),
            name: name.to_owned(),
            namespace: place.namespace.as_ref().or(target.namespace.as_ref()).cloned(),
            container: container.clone(),
            path,
        })
    }

    /// The patch, behind `indent` blanks.
    pub(super) fn patch(&self, indent: usize, items: &[Item]) -> String {
        let blank = |depth: usize| " ".repeat(indent + 2 * depth);
        let mut text = format!("{}apiVersion: {}\n", blank(0), self.api_version);
        text += &format!("{}kind: {}\n{}metadata:\n", blank(0), self.kind, blank(0));
        text += &format!("{}name: {}\n", blank(1), scalar(&self.name));
        if let Some(namespace) = &self.namespace {
            text += &format!("{}namespace: {}\n", blank(1), scalar(namespace));
        }
        for (depth, key) in self.path.iter().enumerate() {
            text += &format!("{}{key}:\n", blank(depth));
        }
        let depth = self.path.len();
        text += &format!("{}- name: {}\n", blank(depth), scalar(&self.container));
        text + &security_context(indent + 2 * depth + 2, items)
    }

    /// A pod that runs keeps its capabilities; what makes it does not.
    pub(super) fn remark(&self) -> Option<Remark> {
        let workload = format!("{}/{}", self.kind, self.name);
        (self.kind == "Pod").then_some(Remark::OfPod { workload })
    }
}

/// `apiVersion` of a kind of Kubernetes itself, and the keys down to its pod spec.
pub(super) fn built_in(kind: &str) -> Option<(String, Vec<String>)> {
    let kinds = Kinds::default();
    let row = kinds
        .rows()
        .iter()
        .find(|row| row.api_version.is_some() && row.names.iter().any(|name| name == kind))?;
    let steps = row.pods.first()?.path.steps().iter();
    let path = steps.map(|step| match step {
        Step::Key(key) => Some(key.clone()),
        Step::Items | Step::Values => None,
    });
    Some((row.api_version.clone()?, path.collect::<Option<Vec<String>>>()?))
}

/// The field of a container, behind `indent` blanks.
fn security_context(indent: usize, items: &[Item]) -> String {
    let blank = |depth: usize| " ".repeat(indent + 2 * depth);
    let mut text = format!("{}securityContext:\n{}capabilities:\n", blank(0), blank(1));
    text += &format!("{}drop: [ALL]\n", blank(2));
    text += &blank(2);
    text += if items.is_empty() { "add: []\n" } else { "add:\n" };
    for item in items {
        text += &item.comment().map(|words| comment(indent + 6, &words)).unwrap_or_default();
        text += &format!("{}- {}\n", blank(3), item.capability);
    }
    text
}

pub(super) fn export(profile: &Profile, place: &Place) -> Result<Exported, Error> {
    let items = items(profile);
    let mut text = comments(0, &head(profile));
    let mut remarks: Vec<Remark> =
        effect::of(profile, Engine::Containerd, None).into_iter().collect();
    match Spot::of(profile, place) {
        Ok(spot) => {
            if spot.kind != "Pod" {
                text += &comment(0, &how(&spot));
            }
            text += &spot.patch(0, &items);
            remarks.extend(spot.remark());
        }
        // Nothing says where it goes: the field alone.
        Err(Error::NoWorkload { .. }) => text += &security_context(0, &items),
        Err(Error::Kind { .. }) => {
            text += &security_context(0, &items);
            let words = |place: &Option<String>, own: &Option<String>| {
                place.as_ref().or(own.as_ref()).cloned().unwrap_or_default()
            };
            let target = &profile.spec.target;
            remarks.push(Remark::ByHand {
                workload: words(&place.workload, &target.workload),
                container: words(&place.container, &target.container),
            });
        }
        Err(error) => return Err(error),
    }
    Ok(Exported { text, remarks })
}

/// The command that applies it.
fn how(spot: &Spot) -> String {
    let namespace = spot.namespace.as_ref().map(|name| format!(" -n {name}")).unwrap_or_default();
    let kind = spot.kind.to_ascii_lowercase();
    format!("Apply: kubectl patch {kind} {}{namespace} --patch-file THIS", spot.name)
}
