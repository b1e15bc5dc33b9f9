//! What is read from manifests, and how each thing that can be wrong with one is told apart.

mod faults;
mod fields;
mod indentation;
mod kinds;

use dropcap_manifest::{Manifest, parse};

/// `line:column message` of all problems.
fn problems(text: &str) -> Vec<String> {
    let manifest = parse("t", text);
    let show = |p: &dropcap_manifest::Problem| {
        format!("{} {}", manifest.source.position(p.span.start), p.kind)
    };
    manifest.problems.iter().map(show).collect()
}

/// `kind/name: list/container…` of all workloads.
fn workloads(manifest: &Manifest) -> Vec<String> {
    let show = |w: &dropcap_manifest::Workload| {
        let names = w.pod.containers.iter().map(|c| format!("{}/{}", c.list.key(), c.name));
        format!("{}/{}: {}", w.kind, w.name, names.into_iter().collect::<Vec<_>>().join(" "))
    };
    manifest.workloads.iter().map(show).collect()
}

fn pod(container: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: c\n{container}"
    )
}
