//! Whether a document's containers are written so plainly that any edit of them can be made: found out
//! when the document is read, so that nobody has to try an edit to know.

use granit_parser::ScalarStyle;

use super::form::Form;
use super::goal::Goal;
use super::lookup::way_from;
use super::patch::line_start;
use crate::tree::{NodeId, NodeKind, Tag, Tree, TreeDocument};
use crate::workload::{Format, Workload};

/// Whether any edit of the containers of this document can be made. That one is not plain does not
/// mean that an edit of it fails.
pub(crate) fn is_plain(tree: &Tree<'_>, document: &TreeDocument, workloads: &[Workload]) -> bool {
    let Ok(Some(root)) = document.root else { return workloads.is_empty() };
    let mut containers = workloads.iter().flat_map(|workload| {
        workload.pod.containers.iter().map(|container| (workload.pod.format, container))
    });
    !document.has_aliases
        && containers.all(|(format, container)| {
            let plain = Plain { tree, form: Form::of(format) };
            let map = way_from(tree, root, container.span).and_then(|way| way.last().copied());
            map.is_some_and(|map| plain.container(map, &Goal::of(format, container)))
                && (format != Format::Compose || map.is_some_and(|map| !plain.extends(map)))
        })
}

struct Plain<'a, 't> {
    tree: &'a Tree<'t>,
    form: &'static Form,
}

impl Plain<'_, '_> {
    /// Whether the lists stand in mappings of plain lines, or could be put there.
    fn container(&self, container: NodeId, goal: &Goal) -> bool {
        let mut map = container;
        for key in self.form.way {
            if !self.map(map) {
                return false;
            }
            match self.tree.get(map, key) {
                Some(entry) => map = entry.value,
                None => return goal.lists.iter().all(|list| list.now.is_none()),
            }
        }
        self.map(map)
            && self.form.lists.iter().zip(&goal.lists).all(|(key, list)| {
                let value = self.tree.get(map, key).map(|entry| entry.value);
                let words = list.now.as_deref();
                match (value, words) {
                    (None, None) => true,
                    (Some(value), Some(words)) => self.list(value, words),
                    _ => false,
                }
            })
    }

    /// A block mapping with one entry a line, all of them written.
    fn map(&self, map: NodeId) -> bool {
        let (text, node) = (self.tree.text, self.tree.node(map));
        let entries = self.tree.entries(map);
        !node.flow
            && !node.decorated
            && !entries.is_empty()
            && entries.iter().enumerate().all(|(index, &(key, value))| {
                let at = self.tree.span(key);
                let before = &text[line_start(text, at.start)..at.start];
                // The first may stand behind the dash of a list.
                let blank = |c: char| c == ' ' || (index == 0 && c == '-');
                before.trim_start_matches('\u{feff}').chars().all(blank)
                    && self.is_word(key)
                    && !self.tree.is_merge_key(key)
                    && text[at.end..].starts_with(':')
                    && self.is_written(value)
            })
    }

    /// Whether the last thing in a value is there to be seen, so that its place is known.
    fn is_written(&self, value: NodeId) -> bool {
        let node = self.tree.node(value);
        let last = match &node.kind {
            _ if node.flow => None,
            NodeKind::Map(entries) => entries.last().map(|entry| entry.1),
            NodeKind::Seq(items) => items.last().copied(),
            _ => None,
        };
        last.map_or(node.span.start < node.span.end, |last| self.is_written(last))
    }

    /// A list with exactly these words: a line each, or all in brackets on one line.
    fn list(&self, list: NodeId, words: &[String]) -> bool {
        let (text, node) = (self.tree.text, self.tree.node(list));
        let items = self.tree.items(list);
        let own_line = |item: NodeId| {
            let start = self.tree.span(item).start;
            text[line_start(text, start)..start].trim() == "-"
        };
        let in_place = if node.flow {
            !text[node.span.range()].contains(['\n', '#'])
        } else {
            items.iter().all(|&item| own_line(item))
        };
        !node.decorated
            && !items.is_empty()
            && in_place
            && items.iter().all(|&item| self.is_word(item))
            && items
                .iter()
                .map(|&item| self.tree.text(item))
                .eq(words.iter().map(|w| Some(w.as_str())))
    }

    /// A scalar without tag or anchor, in its line.
    fn is_word(&self, node: NodeId) -> bool {
        let is_word = matches!(
            self.tree.node(node).kind,
            NodeKind::Scalar {
                style: ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted,
                tag: Tag::None,
                ..
            }
        );
        let node = self.tree.node(node);
        is_word
            && !node.decorated
            && node.span.start < node.span.end
            && !self.tree.text[node.span.range()].contains('\n')
    }

    /// Whether a service takes what it has from another one.
    fn extends(&self, service: NodeId) -> bool {
        self.tree.get(service, "extends").is_some()
    }
}

#[cfg(test)]
mod tests {
    fn is_plain(container: &str) -> bool {
        let text = format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n{container}");
        let manifest = crate::parse("pod.yaml", text);
        assert_eq!((manifest.problems.as_slice(), manifest.workloads.len()), (&[][..], 1));
        manifest.ease == crate::Ease::Plain
    }

    #[test]
    fn what_stands_in_lines_of_its_own_is_plain() {
        for container in [
            "  - name: c\n",
            "    - image: i # a comment\n      name: \"c\"\n      ports:\n      - {containerPort: 1}\n",
            "  - name: c\n    securityContext:\n      runAsUser: 1\n",
            "  - securityContext:\n      capabilities:\n        drop: [ALL, 'KILL']\n    name: c\n",
            "  - name: c\n    securityContext:\n      capabilities:\n        add:\n        # why\n        - KILL\n",
        ] {
            assert!(is_plain(container), "{container}");
        }
    }

    #[test]
    fn all_else_is_tried() {
        let security = |lines: &str| format!("  - name: c\n    securityContext:\n{lines}");
        for container in [
            "  - {name: c}\n".to_owned(),
            "  - name: c".to_owned(),
            "  - name: c\n    image:\n".to_owned(),
            "  - &a\n    name: c\n".to_owned(),
            "  - ? name\n    : c\n".to_owned(),
            "  - name: &n c\n    image: *n\n".to_owned(),
            security("      {}\n"),
            security("      capabilities:\n        drop: []\n"),
            security("      capabilities:\n        drop: [ALL,\n         KILL]\n"),
            security("      capabilities:\n        drop: [!!str ALL]\n"),
            security("      capabilities:\n        drop:\n        - |-\n          ALL\n"),
            security("      capabilities: {drop: [ALL]}\n"),
        ] {
            assert!(!is_plain(&container), "{container}");
        }
    }

    /// Two words in a list that is new, with the keys above it.
    #[test]
    fn what_is_too_large_with_its_edits_is_refused_at_once() {
        let text = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: c\n";
        let mut manifest = crate::parse("pod.yaml", text);
        assert!(manifest.values > 8, "{}", manifest.values);
        let container = crate::ContainerId { workload: 0, container: 0 };
        let word = |word| crate::Change::Include(crate::List::Drop, crate::Item::new(word));
        let edits = ["ALL", "KILL"].map(|name| crate::Edit { container, change: word(name) });
        let limit = crate::tree::MAX_VALUES as u64;
        manifest.values = limit - 13;
        assert!(crate::has_room(&manifest, &edits) && crate::has_room(&manifest, &[]));
        assert_eq!(crate::apply(&manifest, &edits).changed, [container]);
        manifest.values = limit - 12;
        assert!(!crate::has_room(&manifest, &edits));
        let edited = crate::apply(&manifest, &edits);
        assert_eq!((edited.changed.as_slice(), edited.source.text()), (&[][..], text));
        let [refused] = edited.refused.as_slice() else { panic!("{:?}", edited.refused) };
        assert_eq!(
            refused.reason.to_string(),
            "the file is too large to be edited in one piece: with the edits it has more than 2000000 \
             values (14 MB and more of usual manifests); split it"
        );
    }

    #[test]
    fn a_service_that_takes_from_another_is_not_plain() {
        let services = |more: &str| {
            let text = format!("services:\n  a:\n    image: i\n  b:\n    image: i\n{more}");
            crate::parse("compose.yaml", text).ease == crate::Ease::Plain
        };
        assert!(services("    cap_drop:\n      - ALL\n"));
        assert!(!services("    extends: a\n"));
        assert!(!services("    cap_drop: !reset []\n"));
    }
}
