//! The containers of a text, counted without this crate: libyaml's parser, then a look at the
//! values.

use serde::Deserialize as _;
use serde_yaml_ng::{Deserializer, Value};

/// How many containers the pods of a text have, if all of it can be read.
pub fn containers(text: &str) -> Option<usize> {
    let mut count = 0;
    for document in Deserializer::from_str(text.trim_start_matches('\u{feff}')) {
        let mut value = Value::deserialize(document).ok()?;
        value.apply_merge().ok()?;
        if !has_plain_keys(&value) {
            return None;
        }
        count += object(&value);
    }
    Some(count)
}

/// Whether all keys are text, a number or the like: `{{ x }}` is YAML otherwise, and no JSON.
fn has_plain_keys(value: &Value) -> bool {
    match value {
        Value::Mapping(map) => map.iter().all(|(key, value)| {
            !matches!(key, Value::Mapping(_) | Value::Sequence(_)) && has_plain_keys(value)
        }),
        Value::Sequence(items) => items.iter().all(has_plain_keys),
        _ => true,
    }
}

fn object(value: &Value) -> usize {
    if let Some(items) = value.get("items").and_then(Value::as_sequence)
        && value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"))
    {
        return items.iter().map(object).sum();
    }
    let group = value.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let group = group.split_once('/').map_or("", |(group, _)| group);
    let spec = match (group, value.get("kind").and_then(Value::as_str).unwrap_or_default()) {
        ("", "Pod") => value.get("spec"),
        ("", "PodTemplate") => value.get("template").and_then(|template| template.get("spec")),
        ("batch", "CronJob") => under(value, &["spec", "jobTemplate", "spec", "template", "spec"]),
        ("", "ReplicationController")
        | ("apps" | "extensions", "Deployment" | "DaemonSet" | "ReplicaSet" | "StatefulSet")
        | ("batch", "Job") => under(value, &["spec", "template", "spec"]),
        _ => None,
    };
    let list = |key: &str| {
        let list = spec.and_then(|spec| spec.get(key)).and_then(Value::as_sequence);
        list.map_or(0, Vec::len)
    };
    list("initContainers") + list("containers") + list("ephemeralContainers")
}

fn under<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}
