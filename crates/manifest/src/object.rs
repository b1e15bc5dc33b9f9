//! Kubernetes objects in a document: which of them have pods, and where.

use crate::indentation;
use crate::kinds::{Kind, Kinds, PodPlace, Step};
use crate::pod;
use crate::problem::{MisplacedKey, ProblemKind};
use crate::reader::{At, Reader};
use crate::tree::{NodeId, NodeKind};
use crate::workload::Workload;

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

impl Header {
    /// The group in `apiVersion`; the core group is `""`.
    fn group(&self) -> Option<&str> {
        let version = self.api_version.as_deref()?;
        Some(version.split_once('/').map_or("", |(group, _)| group))
    }

    /// Whether objects of this header carry workloads: a kind with a pod spec, or a list.
    pub(crate) fn has_pods(&self, kinds: &Kinds) -> bool {
        let Some(kind) = &self.kind else { return false };
        kind.ends_with("List") || kinds.find(kind, self.group()).is_some()
    }
}

/// What the items of a list are if they do not say so themselves: kind and group of a `PodList`.
#[derive(Clone, Copy)]
pub(crate) struct Inherited<'a> {
    kind: &'a str,
    group: Option<&'a str>,
}

/// Reads the workloads of an object: itself, or the items of a `List`. An object with a problem
/// that keeps it from being read as Kubernetes does gives none, for what is left would be a guess.
pub(crate) fn read(
    reader: &mut Reader<'_, '_>,
    node: NodeId,
    at: &At<'_>,
    inherited: Option<Inherited<'_>>,
    workloads: &mut Vec<Workload>,
) {
    let node = reader.tree.resolve(node);
    if !matches!(reader.tree.node(node).kind, NodeKind::Map(_))
        || reader.mapping(node, at).is_none()
    {
        return;
    }
    let header = header(reader, node);
    let Some(name) = header.kind.as_deref().or(inherited.map(|inherited| inherited.kind)) else {
        if has_pod_spec(reader, node) {
            reader.problem(node, ProblemKind::NoKind);
        }
        return;
    };
    if let Some(item_kind) = name.strip_suffix("List")
        && let Some(items) = reader.field(node, "items")
    {
        // As `UnstructuredJSONScheme` does: an item of a `PodList` is a Pod without saying so.
        let inherited = Inherited { kind: item_kind, group: header.group() };
        let inherited = (!item_kind.is_empty()).then_some(inherited);
        let at = at.key("items");
        for (index, item) in reader.items(items, &at).into_iter().enumerate() {
            read(reader, item, &at.index(index), inherited, workloads);
        }
        return;
    }
    let kinds = reader.kinds;
    let group = header.group().or(inherited.and_then(|inherited| inherited.group));
    let Some(known) = kinds.find(name, group) else {
        // A name that is known in another group is another project's object.
        let other_case = kinds.in_other_case(name).filter(|known| *known != name);
        if let Some(expected) = other_case {
            let place = reader.tree.get(node, "kind").map_or(node, |entry| entry.value);
            let (found, expected) = (name.to_owned(), expected.to_owned());
            reader.problem(place, ProblemKind::KindCase { found, expected });
        }
        return;
    };
    if let (None, Some(expected)) = (group, &known.api_version) {
        let (kind, expected) = (name.to_owned(), expected.clone());
        reader.problem(node, ProblemKind::NoApiVersion { kind, expected });
    }
    let name = name.to_owned();
    let api_version = header.api_version.unwrap_or_default();
    object(reader, node, known, (name, api_version), at, workloads);
}

fn has_pod_spec(reader: &Reader<'_, '_>, node: NodeId) -> bool {
    let tree = reader.tree;
    let under = |map: NodeId, key| tree.get(map, key).map(|entry| tree.resolve(entry.value));
    let Some(spec) = under(node, "spec") else { return false };
    let pod = under(spec, "template").and_then(|template| under(template, "spec")).unwrap_or(spec);
    under(pod, "containers").is_some_and(|list| !tree.items(list).is_empty())
}

/// Reads the pods of one object.
fn object(
    reader: &mut Reader<'_, '_>,
    node: NodeId,
    known: &Kind,
    (kind, api_version): (String, String),
    at: &At<'_>,
    workloads: &mut Vec<Workload>,
) {
    let before = reader.problems.len();
    let metadata = reader.map(node, "metadata", at);
    let at_metadata = at.key("metadata");
    let mut text = |key| Some(reader.string(metadata?, key, &at_metadata)?.value);
    let name = text("name");
    let name = name.or_else(|| text("generateName").map(|prefix| prefix + "*"));
    let namespace = text("namespace");
    let whole = Workload {
        kind,
        api_version,
        name: name.unwrap_or_default(),
        namespace,
        document: reader.document,
        span: reader.tree.span(node),
        pod: pod::empty(reader.tree.span(node)),
    };
    let readable = |problems: &[crate::Problem]| problems.iter().all(|p| p.kind.is_readable());
    let head_is_readable = readable(&reader.problems[before..]);
    for place in &known.pods {
        let mut way = PodWay { known, place, whole: &whole, object: node, object_at: at };
        let before = reader.problems.len();
        let mut found = Vec::new();
        way.follow(reader, node, 0, at, &mut Vec::new(), &mut |reader, pod| {
            // A kind of Kubernetes stands or falls as a whole, of others each pod for itself.
            let good = known.api_version.is_some() || readable(&reader.problems[before..]);
            found.extend(good.then_some(pod));
        });
        if head_is_readable && (known.api_version.is_none() || readable(&reader.problems[before..]))
        {
            workloads.append(&mut found);
        }
    }
}

/// One way to the pods of an object.
struct PodWay<'a> {
    known: &'a Kind,
    place: &'a PodPlace,
    whole: &'a Workload,
    object: NodeId,
    object_at: &'a At<'a>,
}

impl PodWay<'_> {
    /// Goes on from the `done`th step at `map`; `names` are those of the list items on the way.
    fn follow(
        &mut self,
        reader: &mut Reader<'_, '_>,
        node: NodeId,
        done: usize,
        at: &At<'_>,
        names: &mut Vec<String>,
        found: &mut dyn FnMut(&Reader<'_, '_>, Workload),
    ) {
        let Some(step) = self.place.path.steps().get(done) else {
            let Some(node) = reader.mapping(node, at) else { return };
            let object = (self.object, self.object_at);
            if let Some(pod) = pod::read(reader, node, at, self.place, object) {
                let mut workload = Workload { pod, ..self.whole.clone() };
                for name in &*names {
                    workload.name.push('/');
                    workload.name.push_str(name);
                }
                found(reader, workload);
            }
            return;
        };
        match step {
            Step::Key(key) => {
                let Some(map) = reader.mapping(node, at) else { return };
                match reader.field(map, key) {
                    Some(value) => {
                        self.follow(reader, value, done + 1, &at.key(key), names, found);
                    }
                    None if self.known.api_version.is_some() => {
                        self.missing(reader, map, done, key, at);
                    }
                    None => {}
                }
            }
            Step::Items => {
                for (index, item) in reader.items(node, at).into_iter().enumerate() {
                    let named = reader.tree.get(item, "name");
                    let named = named.and_then(|entry| reader.tree.text(entry.value));
                    names.push(named.map_or_else(|| index.to_string(), str::to_owned));
                    self.follow(reader, item, done + 1, &at.index(index), names, found);
                    names.pop();
                }
            }
            Step::Values => {
                let Some(map) = reader.mapping(node, at) else { return };
                for &(key, value) in reader.tree.entries(map) {
                    let Some(name) = reader.tree.text(key) else { continue };
                    let name = name.to_owned();
                    names.push(name.clone());
                    let value = reader.tree.resolve(value);
                    self.follow(reader, value, done + 1, &at.key(&name), names, found);
                    names.pop();
                }
            }
        }
    }

    /// A key on the way to a pod spec that must be there.
    fn missing(
        &self,
        reader: &mut Reader<'_, '_>,
        map: NodeId,
        done: usize,
        key: &str,
        at: &At<'_>,
    ) {
        let steps = self.place.path.steps();
        let here: Vec<&str> = steps[..done].iter().filter_map(Step::key).collect();
        let entry = reader.tree.get(map, key);
        let keys = indentation::beside(reader.tree, &self.whole.kind, &here, map);
        let place = entry.map_or(map, |entry| entry.key);
        let null = entry.is_some();
        let problem = if keys.is_empty() {
            let (kind, path) = (self.whole.kind.clone(), at.key(key).to_string());
            ProblemKind::NoPodSpec { kind, path, null }
        } else {
            let keys = prefixed(keys, at, &here);
            ProblemKind::Misplaced { keys, indentation_lost: true, suggestion: None }
        };
        reader.problem(place, problem);
    }
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
