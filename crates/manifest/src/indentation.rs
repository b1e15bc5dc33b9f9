//! Keys that lie beside the key they belong under, as when a manifest was copied from a place that
//! ate its indentation. Such a text may still be YAML, and then it says something else.

mod place;

use crate::problem::{MisplacedKey, ProblemKind};
use crate::reader::{At, Reader};
use crate::tree::{NodeId, Tree};
use crate::workload::Span;

use place::Placer;

/// Fields of a container that no pod spec has (k8s.io/api/core/v1 `Container`, `PodSpec`).
const CONTAINER_ONLY: &[&str] = &[
    "args",
    "command",
    "env",
    "envFrom",
    "image",
    "imagePullPolicy",
    "lifecycle",
    "livenessProbe",
    "ports",
    "readinessProbe",
    "startupProbe",
    "stdin",
    "tty",
    "volumeDevices",
    "volumeMounts",
    "workingDir",
];
/// Fields of a container's `securityContext` that no container and no pod spec has.
const SECURITY_ONLY: &[&str] = &[
    "allowPrivilegeEscalation",
    "capabilities",
    "privileged",
    "procMount",
    "readOnlyRootFilesystem",
    "runAsGroup",
    "runAsNonRoot",
    "runAsUser",
    "seccompProfile",
];
/// Fields of `capabilities`.
const CAPABILITIES_ONLY: &[&str] = &["add", "drop"];

/// Keys of a container, or deeper, that lie in the pod spec.
pub(crate) fn in_pod_spec(reader: &mut Reader<'_, '_>, pod: NodeId, at: &At<'_>) {
    let container = format!("{at}.containers[]");
    let security = format!("{container}.securityContext");
    let keys = find(
        reader.tree,
        pod,
        &[
            (CONTAINER_ONLY, container),
            (CAPABILITIES_ONLY, format!("{security}.capabilities")),
            (SECURITY_ONLY, security),
        ],
    );
    report(reader, pod, keys, true);
}

/// Keys of `securityContext`, or deeper, that lie in the container.
pub(crate) fn in_container(reader: &mut Reader<'_, '_>, container: NodeId, at: &At<'_>) {
    let security = format!("{at}.securityContext");
    let capabilities = format!("{security}.capabilities");
    let groups = [(SECURITY_ONLY, security), (CAPABILITIES_ONLY, capabilities)];
    let keys = find(reader.tree, container, &groups);
    let lost = is_empty(reader.tree, container, "securityContext");
    report(reader, container, keys, lost);
}

/// `add` and `drop` that lie in the `securityContext`.
pub(crate) fn in_security_context(reader: &mut Reader<'_, '_>, security: NodeId, at: &At<'_>) {
    let keys = find(reader.tree, security, &[(CAPABILITIES_ONLY, format!("{at}.capabilities"))]);
    let lost = is_empty(reader.tree, security, "capabilities");
    report(reader, security, keys, lost);
}

fn is_empty(tree: &Tree<'_>, map: NodeId, key: &str) -> bool {
    tree.get(map, key).is_some_and(|entry| tree.is_null(entry.value))
}

fn find(tree: &Tree<'_>, map: NodeId, groups: &[(&[&str], String)]) -> Vec<MisplacedKey> {
    let keys = tree.entries(map).iter().filter_map(|&(key, _)| {
        let name = tree.text(key)?;
        let (_, under) = groups.iter().find(|(names, _)| names.contains(&name))?;
        Some(MisplacedKey { key: name.to_owned(), span: tree.span(key), under: under.clone() })
    });
    keys.collect()
}

fn report(reader: &mut Reader<'_, '_>, map: NodeId, keys: Vec<MisplacedKey>, lost: bool) {
    let Some(first) = keys.first() else { return };
    let span = first.span;
    reader.problem(map, ProblemKind::Misplaced { keys, indentation_lost: lost, suggestion: None });
    if let Some(problem) = reader.problems.last_mut() {
        problem.span = span;
    }
}

/// Keys of `map` that belong under a key of it that is empty or missing. `path` is the way to
/// `map` and `kind` the object's kind.
pub(crate) fn beside(tree: &Tree<'_>, kind: &str, path: &[&str], map: NodeId) -> Vec<MisplacedKey> {
    let mut placer = Placer::new(kind);
    let here = path.join(".");
    for step in path {
        placer.key(step);
    }
    let mut keys = Vec::new();
    for &(key, value) in tree.entries(map) {
        let Some(name) = tree.text(key) else { continue };
        if let Some(place) = placer.key(name)
            && place.under.len() > here.len()
        {
            keys.push(MisplacedKey {
                key: name.to_owned(),
                span: tree.span(key),
                under: place.under,
            });
        }
        let Some(&last) = tree.items(tree.resolve(value)).last() else { continue };
        for (index, &(key, _)) in tree.entries(tree.resolve(last)).iter().enumerate() {
            let Some(name) = tree.text(key) else { continue };
            if index == 0 {
                placer.item(Some(name), None)
            } else {
                placer.key(name)
            };
        }
    }
    keys
}

/// What a document without any indentation says, if it looks like a workload that lost it.
pub(crate) struct Flattened {
    pub(crate) keys: Vec<MisplacedKey>,
    /// The text with the indentation it probably had, without comments.
    pub(crate) suggestion: String,
}

/// Looks at the text `text` of one document, which starts at byte `offset` of the file.
pub(crate) fn flattened(text: &str, offset: usize) -> Option<Flattened> {
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end().trim_start_matches('\u{feff}');
        let at = offset + start + (line.len() - line.trim_start_matches('\u{feff}').len());
        start += line.len();
        if content.is_empty() || content.starts_with('#') || content.starts_with("---") {
            continue;
        }
        if content.starts_with([' ', '\t']) {
            return None;
        }
        lines.push((at, content));
    }
    let kind = lines.iter().find_map(|(_, line)| line.strip_prefix("kind:"))?;
    let kind = kind.split('#').next()?.trim().trim_matches(['"', '\'']);
    let has = |key: &str| lines.iter().any(|(_, line)| split_key(line).is_some_and(|k| k == key));
    if !has("spec") || !(has("containers") || has("initContainers")) {
        return None;
    }
    let mut placer = Placer::new(kind);
    let (mut keys, mut suggestion) = (Vec::new(), String::new());
    for (index, &(at, line)) in lines.iter().enumerate() {
        let next = lines.get(index + 1).and_then(|(_, line)| split_key(line));
        let (dash, rest) = match line.strip_prefix("- ") {
            Some(rest) => ("- ", rest.trim_start()),
            None => ("", line),
        };
        let key = split_key(rest);
        let place = match (dash, key) {
            ("", Some(key)) => placer.key(key),
            ("", None) => None,
            (_, key) => placer.item(key, next),
        };
        let Some(place) = place else {
            suggestion.push_str(line);
            suggestion.push('\n');
            continue;
        };
        suggestion.extend(std::iter::repeat_n(' ', place.indent));
        suggestion.push_str(line);
        suggestion.push('\n');
        if let Some(key) = key
            && !place.under.is_empty()
            && dash.is_empty()
        {
            let span = Span { start: at, end: at + key.len() };
            keys.push(MisplacedKey { key: key.to_owned(), span, under: place.under });
        }
    }
    (!keys.is_empty()).then_some(Flattened { keys, suggestion })
}

/// `key` of a line `key: …`.
fn split_key(line: &str) -> Option<&str> {
    let (key, rest) = line.split_once(':')?;
    let word = !key.is_empty() && key.chars().all(|c| c.is_ascii_graphic() && c != '#');
    (word && (rest.is_empty() || rest.starts_with([' ', '\t']))).then_some(key)
}
