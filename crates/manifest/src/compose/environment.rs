//! The environment of a Compose service: what is written there, what is filled in from elsewhere, and the
//! files that hold more.

use super::{Service, filled_in};
use crate::reader::Reader;
use crate::tree::{NodeId, Tree};
use crate::workload::EnvFile;

/// What a service says of its environment.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// Name and value.
    pub(super) set: Vec<(String, String)>,
    /// Names that the environment of whoever calls Compose fills in, or a part of whose value.
    pub(super) elsewhere: Vec<String>,
    /// `env_file`, those that count less in front.
    pub(super) files: Vec<EnvFile>,
}

/// `environment`, as a mapping or as a list, and `env_file` (compose-spec `05-services.md`). What is
/// extended counts less, name by name; files are asked for what is not named here.
pub(super) fn of(service: &Service<'_>, reader: &mut Reader<'_, '_>) -> Environment {
    let mut environment = Environment::default();
    for node in service.layers(reader, "environment", usize::MAX).into_iter().rev() {
        let tree = reader.tree;
        environment.put_all(tree, node);
        for &item in tree.items(node) {
            if let Some(text) = tree.text(tree.resolve(item)) {
                match text.split_once('=') {
                    Some((name, value)) => environment.put(name, Some(value)),
                    None => environment.put(text, None),
                }
            }
        }
    }
    for node in service.layers(reader, "env_file", usize::MAX).into_iter().rev() {
        let one = reader.tree.text(node).is_some() || !reader.tree.entries(node).is_empty();
        let items = if one { vec![node] } else { reader.tree.items(node).to_vec() };
        environment.files.extend(items.into_iter().filter_map(|item| file(reader, item)));
    }
    environment
}

impl Environment {
    /// A mapping; what is merged into it (`<<`) counts less than its own, and the first of several more
    /// than the others.
    fn put_all(&mut self, tree: &Tree<'_>, map: NodeId) {
        for &(_, merged) in tree.entries(map).iter().filter(|(key, _)| tree.is_merge_key(*key)) {
            let merged = tree.resolve(merged);
            tree.items(merged)
                .iter()
                .rev()
                .for_each(|item| self.put_all(tree, tree.resolve(*item)));
            self.put_all(tree, merged);
        }
        for &(key, value) in tree.entries(map).iter().filter(|(key, _)| !tree.is_merge_key(*key)) {
            let value = tree.resolve(value);
            if let Some(name) = tree.text(key) {
                // Nothing behind it takes the value from whoever calls.
                self.put(name, if tree.is_null(value) { None } else { tree.text(value) });
            }
        }
    }

    /// A name, with its value if it has one; what was said of it before no longer counts.
    fn put(&mut self, name: &str, value: Option<&str>) {
        self.set.retain(|(known, _)| known != name);
        self.elsewhere.retain(|known| known != name);
        match value.and_then(filled_in) {
            Some(value) => self.set.push((name.to_owned(), value)),
            None => self.elsewhere.push(name.to_owned()),
        }
    }
}

/// A path, or a mapping with `path` and `required`.
fn file(reader: &Reader<'_, '_>, item: NodeId) -> Option<EnvFile> {
    let tree = reader.tree;
    let item = tree.resolve(item);
    let field = |key| tree.get_own_first(item, key).and_then(|entry| tree.text(entry.value));
    let path = tree.text(item).or_else(|| field("path"))?;
    let is_raw = field("format") == Some("raw");
    let is_required = field("required") != Some("false");
    Some(EnvFile { path: path.to_owned(), is_raw, is_required, filled_in: filled_in(path) })
}

#[cfg(test)]
mod tests {
    use crate::parse;
    use crate::workload::Container;

    fn service(fields: &str) -> Container {
        let text = format!(
            "services:\n  base:\n    image: x\n    environment: {{A: base, B: base}}\n    \
             env_file: base.env\n  web:\n    image: web\n{fields}"
        );
        let manifest = parse("compose.yaml", &text);
        assert!(manifest.errors().next().is_none(), "{:?}", manifest.problems);
        manifest.workloads[1].pod.containers[0].clone()
    }

    fn set(container: &Container) -> String {
        let pairs = container.env.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_has_a_value_is_set_and_the_rest_is_named() {
        for fields in [
            "    environment: {A: a, N: 3, T: true, E: '', D: $$x, F: \"${X}\", G: }\n",
            "    environment: [A=a, N=3, T=true, E=, D=$$x, 'F=${X}', G]\n",
        ] {
            let found = service(fields);
            assert_eq!(set(&found), "A=a N=3 T=true E= D=$x", "{fields}");
            assert_eq!(found.env_from, ["F", "G"]);
        }
    }

    #[test]
    fn what_is_extended_counts_less() {
        let found = service(
            "    extends: base\n    environment: [B=own, A]\n    env_file: [own.env, {path: b.env, \
             required: false, format: raw}, '${X}.env']\n",
        );
        assert_eq!(
            (set(&found).as_str(), found.env_from.as_slice()),
            ("B=own", &["A".to_owned()][..])
        );
        let files: Vec<_> = found
            .env_files
            .iter()
            .map(|f| (f.path.as_str(), f.is_raw, f.is_required, f.filled_in.is_some()))
            .collect();
        assert_eq!(
            files,
            [
                ("base.env", false, true, true),
                ("own.env", false, true, true),
                ("b.env", true, false, true),
                ("${X}.env", false, true, false)
            ]
        );
    }

    #[test]
    fn what_is_merged_counts_less_than_what_is_written() {
        let text = "x-one: &one {A: one, B: one}\nx-two: &two {A: two, C: two}\nservices:\n  web:\n    \
                    image: web\n    environment: {B: own, <<: [*one, *two]}\n";
        let manifest = parse("compose.yaml", text);
        assert_eq!(set(&manifest.workloads[0].pod.containers[0]), "C=two A=one B=own");
    }
}
