//! Kubernetes objects in a document: which of them have a pod spec, and where.

use crate::indentation;
use crate::pod;
use crate::problem::{MisplacedKey, ProblemKind};
use crate::reader::{At, Reader};
use crate::tree::{NodeId, NodeKind};
use crate::workload::Workload;

/// A kind with a pod spec.
struct Kind {
    name: &'static str,
    /// API groups it is or was in; `""` is the core group.
    groups: &'static [&'static str],
    /// `apiVersion` of today.
    api_version: &'static str,
    /// Way to the pod spec.
    path: &'static [&'static str],
}

const TEMPLATE: &[&str] = &["spec", "template", "spec"];

/// k8s.io/api v0.36: `core/v1`, `apps/v1`, `batch/v1`; `extensions/v1beta1` until 1.16.
#[rustfmt::skip]
const KINDS: &[Kind] = &[
    Kind { name: "Pod", groups: &[""], api_version: "v1", path: &["spec"] },
    Kind { name: "PodTemplate", groups: &[""], api_version: "v1", path: &["template", "spec"] },
    Kind { name: "ReplicationController", groups: &[""], api_version: "v1", path: TEMPLATE },
    Kind { name: "ReplicaSet", groups: &["apps", "extensions"], api_version: "apps/v1", path: TEMPLATE },
    Kind { name: "Deployment", groups: &["apps", "extensions"], api_version: "apps/v1", path: TEMPLATE },
    Kind { name: "DaemonSet", groups: &["apps", "extensions"], api_version: "apps/v1", path: TEMPLATE },
    Kind { name: "StatefulSet", groups: &["apps"], api_version: "apps/v1", path: TEMPLATE },
    Kind { name: "Job", groups: &["batch", "extensions"], api_version: "batch/v1", path: TEMPLATE },
    Kind { name: "CronJob", groups: &["batch"], api_version: "batch/v1", path: &["spec", "jobTemplate", "spec", "template", "spec"] },
];

/// What a document says it is.
pub(crate) struct Header {
    pub(crate) kind: Option<String>,
    pub(crate) api_version: Option<String>,
}

/// `kind` and `apiVersion` of an object, if they are text.
pub(crate) fn header(reader: &Reader<'_, '_>, node: NodeId) -> Header {
    let text = |key| {
        let entry = reader.tree.get(node, key)?;
        (!reader.tree.is_null(entry.value)).then(|| reader.tree.text(entry.value))?
    };
    Header {
        kind: text("kind").map(str::to_owned),
        api_version: text("apiVersion").map(str::to_owned),
    }
}

/// Whether objects of this header carry workloads: a kind with a pod spec, or a list.
pub(crate) fn has_pods(header: &Header) -> bool {
    let Some(kind) = &header.kind else { return false };
    kind.ends_with("List") || KINDS.iter().any(|known| known.name == kind)
}

/// Reads the workloads of an object: itself, or the items of a `List`. An object with a problem
/// that keeps it from being read as Kubernetes does gives none, for what is left would be a guess.
pub(crate) fn read(
    reader: &mut Reader<'_, '_>,
    node: NodeId,
    at: &At<'_>,
    inherited: Option<&str>,
    workloads: &mut Vec<Workload>,
) {
    let node = reader.tree.resolve(node);
    if !matches!(reader.tree.node(node).kind, NodeKind::Map(_))
        || reader.mapping(node, at).is_none()
    {
        return;
    }
    let Header { kind, api_version } = header(reader, node);
    let Some(name) = kind.as_deref().or(inherited) else {
        if has_pod_spec(reader, node) {
            reader.problem(node, ProblemKind::NoKind);
        }
        return;
    };
    if let Some(item_kind) = name.strip_suffix("List")
        && let Some(items) = reader.field(node, "items")
    {
        // As `UnstructuredJSONScheme` does: an item of a `PodList` is a Pod without saying so.
        let inherited = (!item_kind.is_empty()).then_some(item_kind);
        let at = at.key("items");
        for (index, item) in reader.items(items, &at).into_iter().enumerate() {
            read(reader, item, &at.index(index), inherited, workloads);
        }
        return;
    }
    let Some(known) = KINDS.iter().find(|known| known.name == name) else {
        let same = |known: &&Kind| known.name.eq_ignore_ascii_case(name);
        if let Some(known) = KINDS.iter().find(same) {
            let place = reader.tree.get(node, "kind").map_or(node, |entry| entry.value);
            let found = name.to_owned();
            reader.problem(place, ProblemKind::KindCase { found, expected: known.name });
        }
        return;
    };
    let group = api_version
        .as_deref()
        .map(|version| version.split_once('/').map_or("", |(group, _)| group));
    match group {
        // Another project's object of that name.
        Some(group) if !known.groups.contains(&group) => return,
        None if inherited.is_none() => {
            let kind = name.to_owned();
            reader.problem(node, ProblemKind::NoApiVersion { kind, expected: known.api_version });
        }
        _ => {}
    }
    let before = reader.problems.len();
    let workload = workload(reader, node, known, api_version.unwrap_or_default(), at);
    let readable = reader.problems[before..].iter().all(|problem| problem.kind.is_readable());
    workloads.extend(workload.filter(|_| readable));
}

fn has_pod_spec(reader: &Reader<'_, '_>, node: NodeId) -> bool {
    let tree = reader.tree;
    let under = |map: NodeId, key| tree.get(map, key).map(|entry| tree.resolve(entry.value));
    let Some(spec) = under(node, "spec") else { return false };
    let pod = under(spec, "template").and_then(|template| under(template, "spec")).unwrap_or(spec);
    under(pod, "containers").is_some_and(|list| !tree.items(list).is_empty())
}

fn workload(
    reader: &mut Reader<'_, '_>,
    node: NodeId,
    kind: &'static Kind,
    api_version: String,
    at: &At<'_>,
) -> Option<Workload> {
    let metadata = reader.map(node, "metadata", at);
    let at_metadata = at.key("metadata");
    let mut text = |key| Some(reader.string(metadata?, key, &at_metadata)?.value);
    let name = text("name");
    let name = name.or_else(|| text("generateName").map(|prefix| prefix + "*"));
    let namespace = text("namespace");
    let pod = pod_at(reader, node, kind, kind.path, at)?;
    Some(Workload {
        kind: kind.name.to_owned(),
        api_version,
        name: name.unwrap_or_default(),
        namespace,
        document: reader.document,
        span: reader.tree.span(node),
        pod,
    })
}

/// Follows the way to the pod spec.
fn pod_at(
    reader: &mut Reader<'_, '_>,
    map: NodeId,
    kind: &'static Kind,
    path: &'static [&'static str],
    at: &At<'_>,
) -> Option<crate::workload::Pod> {
    let Some((&step, rest)) = path.split_first() else { return Some(pod::read(reader, map, at)) };
    let here = &kind.path[..kind.path.len() - path.len()];
    let at_step = at.key(step);
    let Some(value) = reader.field(map, step) else {
        let entry = reader.tree.get(map, step);
        let keys = indentation::beside(reader.tree, kind.name, here, map);
        let place = entry.map_or(map, |entry| entry.key);
        let null = entry.is_some();
        let problem = if keys.is_empty() {
            let (kind, path) = (kind.name.to_owned(), at_step.to_string());
            ProblemKind::NoPodSpec { kind, path, null }
        } else {
            let keys = prefixed(keys, at, here);
            ProblemKind::Misplaced { keys, indentation_lost: true, suggestion: None }
        };
        reader.problem(place, problem);
        return None;
    };
    let map = reader.mapping(value, &at_step)?;
    pod_at(reader, map, kind, rest, &at_step)
}

/// The paths of an object in a list begin with the item's.
fn prefixed(mut keys: Vec<MisplacedKey>, at: &At<'_>, here: &[&str]) -> Vec<MisplacedKey> {
    let (at, here) = (at.to_string(), here.join("."));
    if let Some(prefix) = at.strip_suffix(&here)
        && prefix.ends_with('.')
    {
        for key in &mut keys {
            key.under.insert_str(0, prefix);
        }
    }
    keys
}
