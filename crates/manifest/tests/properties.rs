//! For any layout and any edit: what was wanted is read back, a second run changes nothing, every
//! other line is byte for byte as before; and for any text at all: no panic.

use std::fmt::Write;

use dropcap_manifest::{Change, ContainerId, Edit, Item, List, apply, parse};
use proptest::prelude::*;

/// How a file is laid out.
#[derive(Debug, Clone)]
struct Style {
    crlf: bool,
    bom: bool,
    step: usize,
    dash: usize,
    last_line_feed: bool,
}

/// How a list is written.
#[derive(Debug, Clone)]
enum Words {
    Missing,
    Null(&'static str),
    Block(Vec<(String, Quote)>),
    Flow(Vec<(String, Quote)>, bool),
    Tall(Vec<(String, Quote)>),
}

#[derive(Debug, Clone, Copy)]
enum Quote {
    None,
    Single,
    Double,
}

#[derive(Debug, Clone)]
enum Security {
    Missing,
    Empty(&'static str),
    NoCapabilities,
    EmptyCapabilities(&'static str),
    Block { add: Words, drop: Words, other_first: bool, other_last: bool },
    Flow { add: Words, drop: Words },
}

#[derive(Debug, Clone)]
struct Shape {
    flow: bool,
    security: Security,
    /// `securityContext` before the other keys.
    first: bool,
    /// What stands last: nothing, a list, or a block scalar with this header.
    last: Option<&'static str>,
    blank_lines: bool,
}

const NAMES: [&str; 5] = ["ALL", "NET_RAW", "CHOWN", "CAP_KILL", "sys_time"];

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(&NAMES[..]).prop_map(str::to_owned)
}

fn item() -> impl Strategy<Value = (String, Quote)> {
    (name(), prop_oneof![Just(Quote::None), Just(Quote::Single), Just(Quote::Double)])
}

fn flow_words() -> impl Strategy<Value = Words> {
    prop_oneof![
        Just(Words::Missing),
        Just(Words::Null("~")),
        (prop::collection::vec(item(), 0..4), any::<bool>()).prop_map(|(w, c)| Words::Flow(w, c)),
    ]
}

fn words() -> impl Strategy<Value = Words> {
    prop_oneof![
        flow_words(),
        prop::sample::select(&["", "~", "null", "[]"][..]).prop_map(Words::Null),
        prop::collection::vec(item(), 1..4).prop_map(Words::Block),
        prop::collection::vec(item(), 1..4).prop_map(Words::Tall),
    ]
}

fn security() -> impl Strategy<Value = Security> {
    prop_oneof![
        Just(Security::Missing),
        prop::sample::select(&["", "~", "{}"][..]).prop_map(Security::Empty),
        Just(Security::NoCapabilities),
        prop::sample::select(&["", "null", "{}"][..]).prop_map(Security::EmptyCapabilities),
        (words(), words(), any::<bool>(), any::<bool>()).prop_map(|(add, drop, f, l)| {
            Security::Block { add, drop, other_first: f, other_last: l }
        }),
        (flow_words(), flow_words()).prop_map(|(add, drop)| Security::Flow { add, drop }),
    ]
}

fn shape() -> impl Strategy<Value = Shape> {
    let last = prop_oneof![
        Just(None),
        prop::sample::select(&["[x]", "|", "|-", "|+", ">", ">-"][..]).prop_map(Some)
    ];
    (prop::bool::weighted(0.2), security(), any::<bool>(), last, any::<bool>()).prop_map(
        |(flow, security, first, last, blank_lines)| Shape {
            flow,
            security,
            first,
            last,
            blank_lines,
        },
    )
}

fn style() -> impl Strategy<Value = Style> {
    (any::<bool>(), any::<bool>(), 1..5usize, 0..5usize, any::<bool>()).prop_map(
        |(crlf, bom, step, dash, last_line_feed)| Style {
            crlf,
            bom,
            step,
            dash: dash.min(step),
            last_line_feed,
        },
    )
}

fn change() -> impl Strategy<Value = Change> {
    let list = || prop_oneof![Just(List::Add), Just(List::Drop)];
    let item = || {
        (name(), prop::option::of("[a-z :#'\"]{0,12}"))
            .prop_map(|(word, comment)| Item { word, comment })
    };
    prop_oneof![
        (list(), item()).prop_map(|(list, item)| Change::Include(list, item)),
        (list(), prop::collection::vec(item(), 0..4)).prop_map(|(l, items)| Change::Set(l, items)),
        (list(), name()).prop_map(|(list, word)| Change::Remove(list, word)),
        (list(), name(), name()).prop_map(|(list, from, to)| Change::Replace(list, from, to)),
        list().prop_map(Change::RemoveList),
    ]
}

/// Writes a pod; lines with `keep` are none of an edit's business.
struct Writer {
    out: String,
    kept: usize,
}

impl Writer {
    fn line(&mut self, indent: usize, text: &str) {
        let _ = writeln!(self.out, "{}{text}", " ".repeat(indent));
    }

    fn keep(&mut self, indent: usize, text: &str) {
        self.kept += 1;
        let text = format!("{text}  # keep {}", self.kept);
        self.line(indent, &text);
    }

    fn words(&mut self, indent: usize, style: &Style, key: &str, words: &Words) {
        match words {
            Words::Missing => {}
            Words::Null(null) => self.line(indent, format!("{key}: {null}").trim_end()),
            Words::Flow(..) => {
                let line = format!("{key}: {}", flow(words));
                self.line(indent, &line);
            }
            Words::Tall(items) => {
                let items: Vec<_> = items.iter().map(quoted).collect();
                let inner = " ".repeat(indent + style.step);
                let items = items.join(&format!(",\n{inner}"));
                self.line(indent, &format!("{key}: [\n{inner}{items}\n{}]", " ".repeat(indent)));
            }
            Words::Block(items) => {
                self.line(indent, &format!("{key}:"));
                for item in items {
                    self.keep(indent + style.dash, "# above");
                    self.line(indent + style.dash, &format!("- {}", quoted(item)));
                }
            }
        }
    }

    fn security(&mut self, indent: usize, style: &Style, security: &Security) {
        let (inner, deep) = (indent + style.step, indent + 2 * style.step);
        match security {
            Security::Missing => {}
            Security::Empty(null) => {
                self.line(indent, format!("securityContext: {null}").trim_end());
            }
            Security::NoCapabilities => {
                self.keep(indent, "securityContext:");
                self.keep(inner, "privileged: no");
            }
            Security::EmptyCapabilities(null) => {
                self.keep(indent, "securityContext:");
                self.line(inner, format!("capabilities: {null}").trim_end());
            }
            Security::Block { add, drop, other_first, other_last } => {
                self.keep(indent, "securityContext:");
                if *other_first {
                    self.keep(inner, "privileged: no");
                }
                let before = self.out.len();
                self.keep(inner, "capabilities:");
                let lists = self.out.len();
                self.words(deep, style, "add", add);
                self.words(deep, style, "drop", drop);
                if self.out.len() == lists {
                    self.out.truncate(before);
                    self.line(inner, "capabilities:");
                }
                if *other_last {
                    self.keep(inner, "runAsUser: 7");
                }
            }
            Security::Flow { add, drop } => {
                let lists: Vec<_> = [("add", add), ("drop", drop)]
                    .into_iter()
                    .filter(|(_, words)| !matches!(words, Words::Missing))
                    .map(|(key, words)| format!("{key}: {}", flow(words)))
                    .collect();
                let line = format!("securityContext: {{capabilities: {{{}}}}}", lists.join(", "));
                self.line(indent, &line);
            }
        }
    }

    fn container(&mut self, indent: usize, style: &Style, index: usize, shape: &Shape) {
        if shape.flow {
            self.line(indent, &format!("- {{name: c{index}, image: i}}"));
            return;
        }
        let inner = indent + 2;
        self.keep(indent, &format!("- name: c{index}"));
        if shape.first {
            self.security(inner, style, &shape.security);
        }
        self.keep(inner, "image: i");
        if shape.blank_lines {
            self.out.push('\n');
        }
        if !shape.first {
            self.security(inner, style, &shape.security);
        }
        match shape.last {
            None => {}
            Some("[x]") => self.keep(inner, "args: [x]"),
            Some(header) => {
                self.line(inner, "args:");
                self.keep(inner, &format!("- {header}"));
                self.line(inner + 2, "keep this");
                if shape.blank_lines {
                    self.out.push_str("\n\n");
                }
            }
        }
    }
}

fn quoted((word, quote): &(String, Quote)) -> String {
    match quote {
        Quote::None => word.clone(),
        Quote::Single => format!("'{word}'"),
        Quote::Double => format!("\"{word}\""),
    }
}

fn flow(words: &Words) -> String {
    match words {
        Words::Missing => String::new(),
        Words::Null(null) => (*null).to_owned(),
        Words::Flow(items, comma) => {
            let comma = if *comma && !items.is_empty() { "," } else { "" };
            format!("[{}{comma}]", items.iter().map(quoted).collect::<Vec<_>>().join(", "))
        }
        Words::Block(items) | Words::Tall(items) => {
            format!("[{}]", items.iter().map(quoted).collect::<Vec<_>>().join(", "))
        }
    }
}

fn manifest(style: &Style, shapes: &[Shape]) -> String {
    let mut writer = Writer { out: String::new(), kept: 0 };
    writer.keep(0, "apiVersion: v1");
    writer.keep(0, "kind: Pod");
    writer.keep(0, "spec:");
    writer.keep(style.step, "hostPID: no");
    writer.keep(style.step, "containers:");
    for (index, shape) in shapes.iter().enumerate() {
        writer.container(style.step + style.dash, style, index, shape);
    }
    let mut text = writer.out;
    if style.crlf {
        text = text.replace('\n', "\r\n");
    }
    if !style.last_line_feed {
        text.truncate(text.trim_end().len());
    }
    if style.bom { format!("\u{feff}{text}") } else { text }
}

type Lists = (Option<Vec<String>>, Option<Vec<String>>);

/// Both lists of every container, as read.
fn lists(text: &str) -> Vec<Lists> {
    let manifest = parse("t", text);
    assert_eq!(manifest.problems, [], "{text}");
    let read = manifest.containers().map(|(_, container)| {
        let capabilities = container.security.capabilities.as_ref();
        let words = |list: Option<&dropcap_manifest::CapList>| {
            list.map(|list| list.items.iter().map(|item| item.value.clone()).collect())
        };
        (
            words(capabilities.and_then(|c| c.add.as_ref())),
            words(capabilities.and_then(|c| c.drop.as_ref())),
        )
    });
    read.collect()
}

/// What the change makes of the lists, said in another way than the editor does.
fn expect(lists: &mut Lists, change: &Change) {
    let (add, drop) = lists;
    let pick = |list: &List| match list {
        List::Add => (0, *list),
        List::Drop => (1, *list),
    };
    let mut both = [add, drop];
    match change {
        Change::Include(list, item) => {
            let words = both[pick(list).0].get_or_insert_default();
            if !words.contains(&item.word) {
                words.push(item.word.clone());
            }
        }
        Change::Set(list, items) => {
            let words = &mut both[pick(list).0];
            if items.is_empty() && words.is_none() {
                return;
            }
            let mut missing: Vec<_> = items.iter().map(|item| item.word.clone()).collect();
            let mut result = Vec::new();
            for word in words.iter().flatten() {
                if let Some(at) = missing.iter().position(|other| other == word) {
                    result.push(missing.remove(at));
                }
            }
            result.extend(missing);
            **words = Some(result);
        }
        Change::Remove(list, word) => {
            if let Some(words) = both[pick(list).0] {
                words.retain(|other| other != word);
            }
        }
        Change::Replace(list, from, to) => {
            if let Some(words) = both[pick(list).0]
                && from != to
            {
                let mut there = words.contains(to);
                words.retain_mut(|word| {
                    if word != from {
                        return true;
                    }
                    word.clone_from(to);
                    !std::mem::replace(&mut there, true)
                });
            }
        }
        Change::RemoveList(list) => {
            let (index, _) = pick(list);
            let alone = both[1 - index].is_none();
            if both[index].is_some() {
                *both[index] = alone.then(Vec::new);
            }
        }
    }
}

/// The lines that are none of an edit's business. A list that is removed takes its comments with it.
fn kept(text: &str, removed: bool) -> Vec<&str> {
    let lines = text.split_inclusive('\n').filter(|line| line.contains("keep"));
    lines.filter(|line| !(removed && line.contains("# above"))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edits_say_what_was_wanted_and_touch_nothing_else(
        style in style(),
        shapes in prop::collection::vec(shape(), 1..4),
        changes in prop::collection::vec((0..4usize, change()), 1..5),
    ) {
        let before = manifest(&style, &shapes);
        let read = parse("t", before.as_str());
        prop_assert_eq!(&read.problems, &[], "{}", before);
        prop_assert_eq!(read.containers().count(), shapes.len());
        let mut expected = lists(&before);
        let mut edits = Vec::new();
        for (container, change) in changes {
            if container < shapes.len() {
                expect(&mut expected[container], &change);
                edits.push(Edit { container: ContainerId { workload: 0, container }, change });
            }
        }
        let result = apply(&read, &edits);
        let after = result.source.text();
        prop_assert_eq!(&result.refused, &[], "{}", before);
        prop_assert_eq!(lists(after), expected, "{}\n-----\n{}", before, after);
        // A last line without a line feed gets one where something comes after it.
        let removed = edits.iter().any(|edit| matches!(edit.change, Change::RemoveList(_)));
        let (mut kept_before, mut kept_after) = (kept(&before, removed), kept(after, removed));
        if !style.last_line_feed {
            kept_before = kept_before.iter().map(|line| line.trim_end()).collect();
            kept_after = kept_after.iter().map(|line| line.trim_end()).collect();
        }
        prop_assert_eq!(kept_after, kept_before, "{}", after);
        prop_assert_eq!(after.starts_with('\u{feff}'), style.bom);
        if style.crlf {
            prop_assert_eq!(after.matches('\n').count(), after.matches("\r\n").count());
        } else {
            prop_assert!(!after.contains('\r'));
        }
        // Each change by itself is done when it was done; several may undo one another.
        if edits.len() == 1 {
            let again = apply(&parse("t", after), &edits);
            prop_assert_eq!(again.source.text(), after);
            prop_assert_eq!(again.changed, []);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        edit_anything(&text);
    }

    #[test]
    fn no_soup_of_yaml_makes_it_panic(
        pieces in prop::collection::vec(prop::sample::select(SOUP), 0..60)
    ) {
        edit_anything(&pieces.concat());
    }

    #[test]
    fn no_damage_to_a_manifest_makes_it_panic(
        style in style(),
        shapes in prop::collection::vec(shape(), 1..4),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(SOUP)), 1..4),
    ) {
        let mut text = manifest(&style, &shapes);
        for (at, piece) in cuts {
            let mut at = at.index(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            text.insert_str(at, piece);
        }
        edit_anything(&text);
    }
}

const SOUP: &[&str] = &[
    "apiVersion: v1\n",
    "kind: Pod\n",
    "kind: List\n",
    "spec:\n",
    "metadata:\n",
    "template:\n",
    "containers:\n",
    "items:\n",
    "- ",
    "  ",
    "    ",
    "name: c\n",
    "securityContext:",
    "capabilities:",
    "add:",
    "drop:",
    " [",
    "]",
    " {",
    "}",
    ",",
    "ALL",
    "\"ALL\"",
    "'",
    "\"",
    "\n",
    "\r\n",
    "\r",
    "\t",
    ": ",
    "? ",
    "# c",
    "&a ",
    "*a",
    "<<: ",
    "|\n",
    ">-\n",
    "---\n",
    "...\n",
    "!!str ",
    "%YAML 1.1\n",
    "{{ x }}",
    "~",
    "\u{feff}",
    "é",
    "\u{2028}",
    "0",
];

/// Reads a text and edits whatever is found; what was not refused must be so afterwards.
fn edit_anything(text: &str) {
    let manifest = parse("t", text);
    for problem in &manifest.problems {
        let _ = (problem.kind.to_string(), manifest.source.locate(problem.span));
        assert!(manifest.source.text().get(problem.span.range()).is_some());
    }
    let mut edits = Vec::new();
    for (workload, found) in manifest.workloads.iter().enumerate() {
        for container in 0..found.pod.containers.len() {
            let container = ContainerId { workload, container };
            let change = Change::Set(List::Drop, vec![Item::new("ALL").comment("x")]);
            edits.push(Edit { container, change });
            edits.push(Edit { container, change: Change::Remove(List::Add, "ALL".into()) });
        }
    }
    let result = apply(&manifest, &edits);
    let after = parse("t", result.source.text());
    assert_eq!(after.workloads.len(), manifest.workloads.len());
    for id in &result.changed {
        let security = &after.workloads[id.workload].pod.containers[id.container].security;
        assert_eq!(security.drop().map(|word| word.value.as_str()).collect::<Vec<_>>(), ["ALL"]);
        assert!(security.add().all(|word| word.value != "ALL"));
    }
    assert!(apply(&after, &edits).changed.is_empty());
}
