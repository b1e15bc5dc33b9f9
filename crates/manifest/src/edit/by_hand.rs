//! What to put there by hand where a container is not edited: pasted in place of the keys of the same
//! name, it makes the container what was wanted.

use super::ContainerId;
use super::form::Form;
use super::goal::{Goal, ListGoal};
use super::kept::kept;
use super::layout::{Layout, Quote, quoted_keys};
use super::lookup::{look, way_to_map};
use super::render::{Flow, Lines, New, block, flow_entry};
use crate::compose;
use crate::manifest::Manifest;
use crate::tree::{Mark, NodeId, NodeKind, Tree};
use crate::workload::{Format, Workload};

/// What the container should hold, in the words of its format, with the lines that stand beside it; as
/// JSON where the file is JSON. Empty where that cannot be said.
pub(super) fn snippet(
    tree: &Tree<'_>,
    manifest: &Manifest,
    id: ContainerId,
    goal: &Goal,
) -> String {
    let form = goal.form();
    let found = super::find(&manifest.workloads, id);
    let place = found.and_then(|(workload, container)| {
        let node = way_to_map(tree, workload.document, container.span)?.pop()?;
        Some((workload, node))
    });
    let json = place.is_some_and(|(_, node)| quoted_keys(tree, node));
    if form.layered {
        let layers = place.and_then(|(workload, node)| {
            let at = (workload.name.as_str(), node);
            compose::layers(tree, manifest.source.kinds(), workload.document, at)
        });
        let below = layers.as_deref().and_then(|layers| layers.get(1..)).unwrap_or_default();
        let lines = of_a_service(tree, goal, below, json);
        let alias = place.and_then(|(workload, _)| alias_of(tree, workload));
        return match (lines, alias) {
            (None, _) => String::new(),
            (Some(lines), Some(alias)) if !lines.is_empty() => format!("<<: {alias}\n{lines}"),
            (Some(lines), _) => lines,
        };
    }
    let lists = New::Map(lists(form, goal, |_| true));
    let mut keys = form.way.iter().rev();
    let new = keys
        .by_ref()
        .take(form.way.len() - 1)
        .fold(lists, |inner, key| New::Map(vec![(key, inner)]));
    let entries: Vec<_> = form.way.first().map(|first| (*first, new)).into_iter().collect();
    if json {
        return in_json(&entries);
    }
    let kept = place.map(|(_, node)| kept(tree, form, node)).unwrap_or_default();
    let written = block(&entries, 0, &LAYOUT);
    let Some((head, rest)) = written.split_once('\n').filter(|_| !kept.is_empty()) else {
        return written;
    };
    let kept: String = kept.iter().map(|line| format!("  {line}\n")).collect();
    format!("{head}\n{kept}{rest}")
}

/// The lists that are to be there, and an empty one for each whose words are to go: who pastes the others
/// beside it would leave it as it is.
fn lists(
    form: &Form,
    goal: &Goal,
    is_said: impl Fn(&ListGoal) -> bool,
) -> Vec<(&'static str, New)> {
    let has_words = |list: &ListGoal| list.now.as_ref().is_some_and(|now| !now.is_empty());
    let lists = form.lists.iter().zip(&goal.lists);
    let there =
        lists.filter(|(_, list)| (list.slots.is_some() || has_words(list)) && is_said(list));
    there.map(|(key, list)| (*key, New::List(list.items()))).collect()
}

/// Those lists of a service that are to change, each without what it gets from the services it extends.
/// Where that has words that are to go, a list does not take them away (compose-spec `13-merge.md`: a
/// sequence is appended); `!override` and `!reset` do. `None` where these cannot be written.
fn of_a_service(tree: &Tree<'_>, goal: &Goal, below: &[NodeId], json: bool) -> Option<String> {
    let form = goal.form();
    let mut entries = lists(form, goal, ListGoal::changes_something);
    let mut marks = Vec::new();
    for (key, new) in &mut entries {
        let New::List(items) = new else { continue };
        let inherited = inherited(tree, form, key, below);
        let is_wanted = |word: &&str| items.iter().any(|item| item.word == *word);
        let mark = match (inherited.iter().all(is_wanted), items.is_empty()) {
            (true, _) => {
                items.retain(|item| !inherited.contains(&item.word.as_str()));
                continue;
            }
            (false, true) => "!reset",
            (false, false) => "!override",
        };
        marks.push((*key, mark));
    }
    if json {
        return marks.is_empty().then(|| in_json(&entries));
    }
    let lines = entries.into_iter().map(|entry| {
        let key = entry.0;
        let mark = marks.iter().find(|(marked, _)| *marked == key);
        let head = mark.map_or_else(|| format!("{key}:"), |(_, mark)| format!("{key}: {mark}"));
        block(&[entry], 0, &LAYOUT).replacen(&format!("{key}:"), &head, 1)
    });
    Some(lines.collect())
}

/// The words that a service gets from those it extends, whose mappings these are, the nearest first.
fn inherited<'t>(tree: &'t Tree<'_>, form: &Form, key: &str, below: &[NodeId]) -> Vec<&'t str> {
    let mut words = Vec::new();
    for &map in below {
        let Some(entry) = look(tree, form.own_first, map, key).found else { continue };
        let mark = tree.mark(entry.value);
        if mark == Some(Mark::Reset) {
            break;
        }
        let items = tree.items(tree.resolve(entry.value)).iter();
        words.extend(items.filter_map(|&item| tree.text(item)));
        if mark == Some(Mark::Override) {
            break;
        }
    }
    words
}

/// The alias that stands where the service does, if that is one: keys cannot be put into it, but beside
/// it.
fn alias_of<'t>(tree: &Tree<'t>, workload: &Workload) -> Option<&'t str> {
    if workload.pod.format != Format::Compose {
        return None;
    }
    let root = (*tree.documents.get(workload.document)?.root.as_ref().ok()?)?;
    let services = tree.resolve(tree.get_own_first(root, "services")?.value);
    let service = tree.get_own_first(services, &workload.name)?.value;
    let is_alias = matches!(tree.node(service).kind, NodeKind::Alias(_));
    is_alias.then(|| &tree.text[tree.span(service).range()])
}

fn in_json(entries: &[(&'static str, New)]) -> String {
    let layout = Layout { quote: Quote::Double, ..LAYOUT };
    let place = Flow { lines: Some(Lines { indent: "", step: "  " }), quoted_keys: true };
    let entries: Vec<_> =
        entries.iter().map(|(key, value)| flow_entry(key, value, &layout, place)).collect();
    if entries.is_empty() { String::new() } else { entries.join(",\n") + "\n" }
}

const LAYOUT: Layout = Layout {
    eol: "\n",
    step: 2,
    dash: 0,
    block_lists: false,
    tall_lists: false,
    quote: Quote::Plain,
    colon: ": ",
    comma: ", ",
    pad: "",
};
