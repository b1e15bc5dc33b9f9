//! The least number of lines by which a person could write the lists in the file's own style. The rule
//! is that of docs/edits.md; it is told from the text alone, and knows nothing of how edits are made.

use std::collections::BTreeSet;

use manifest::Format;

use crate::reading::{Kind, Reading};

/// Lines of the old text that change or go, and how many come.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Cost {
    replaced: BTreeSet<usize>,
    removed: BTreeSet<usize>,
    inserted: usize,
}

impl Cost {
    fn replaced(line: usize) -> Self {
        Self { replaced: [line].into(), ..Self::default() }
    }

    fn inserted(count: usize) -> Self {
        Self { inserted: count, ..Self::default() }
    }

    /// Both. A line that changes for two reasons changes once.
    pub fn and(mut self, other: Self) -> Self {
        self.replaced.extend(other.replaced);
        self.removed.extend(other.removed);
        self.inserted += other.inserted;
        self
    }

    /// Lines to take out and to put in.
    pub fn lines(&self) -> usize {
        2 * self.replaced.difference(&self.removed).count() + self.removed.len() + self.inserted
    }
}

/// The words of a list that are to be; none for no list.
pub type Words = Option<Vec<String>>;

/// How a new list is written.
#[derive(Debug, Clone, Copy)]
struct Style {
    block: bool,
    tall: bool,
    quote: &'static str,
}

/// What the mapping that begins and ends there costs to be given these lists, `add` and `drop`, of which
/// one that stays as it is is none; `None` where the rule says nothing of how they are laid out now.
pub fn container(
    reading: &Reading<'_>,
    (start, end): (usize, usize),
    format: Format,
    lists: [Option<&Words>; 2],
) -> Option<Cost> {
    let [add, drop] = lists;
    let container = reading.mapping(start, end)?;
    let document = reading.documents.iter().rfind(|root| reading.node(**root).start <= start)?;
    let keys = if format == Format::Compose { COMPOSE } else { KUBERNETES };
    let count = Count { reading, style: style(reading, container, *document, keys) };
    if format == Format::Compose {
        return count.lists(container, [("cap_drop", drop), ("cap_add", add)]);
    }
    let words = [drop, add].map(|words| words?.as_ref().filter(|words| !words.is_empty()));
    let fresh: Vec<usize> = words.iter().flatten().map(|words| words.len()).collect();
    let security = match reading.entry(container, "securityContext") {
        None => return Some(count.new_entry(container, 2, &fresh)),
        Some((key, value)) if reading.is_nothing(value) => {
            return Some(count.fill(container, key, value, 1, &fresh));
        }
        Some((_, value)) => value,
    };
    let capabilities = match reading.entry(security, "capabilities") {
        None => return Some(count.new_entry(security, 1, &fresh)),
        Some((key, value)) if reading.is_nothing(value) => {
            return Some(count.fill(security, key, value, 0, &fresh));
        }
        Some((_, value)) => value,
    };
    count.lists(capabilities, [("drop", drop), ("add", add)])
}

/// Of lists of capabilities, and of words.
type Keys = [&'static [&'static str]; 2];

const KUBERNETES: Keys = [&["add", "drop"], &["command", "args"]];
const COMPOSE: Keys =
    [&["cap_add", "cap_drop", "security_opt"], &["networks", "depends_on", "env_file", "profiles"]];

/// The nearest list of capabilities shows how lists are written, else the nearest of words.
fn style(reading: &Reading<'_>, container: usize, document: usize, keys: Keys) -> Style {
    let found = keys.into_iter().find_map(|keys| {
        sample(reading, container, keys).or_else(|| sample(reading, document, keys))
    });
    found.unwrap_or(Style { block: true, tall: true, quote: "" })
}

/// The first list with a word in it under one of these keys, at any depth.
fn sample(reading: &Reading<'_>, node: usize, keys: &[&str]) -> Option<Style> {
    match &reading.node(node).kind {
        Kind::Map(entries) => entries.iter().find_map(|(name, _, value)| {
            let items = reading.items(*value);
            let list = reading.node(*value);
            let is_sample = keys.contains(&name.as_str())
                && items.iter().any(|item| reading.word(*item).is_some());
            let tall = reading.text[list.start..list.end].contains('\n');
            let own = is_sample.then(|| {
                let word = items.iter().find(|item| reading.word(**item).is_some());
                let quote = word.map_or("", |word| reading.quote(*word));
                Style { block: !list.flow, tall: !list.flow || tall, quote }
            });
            own.or_else(|| sample(reading, *value, keys))
        }),
        Kind::Seq(items) => items.iter().find_map(|item| sample(reading, *item, keys)),
        _ => None,
    }
}

struct Count<'r, 't> {
    reading: &'r Reading<'t>,
    style: Style,
}

impl Count<'_, '_> {
    /// Lines of new lists with so many words each, as block entries.
    fn block_lists(&self, fresh: &[usize]) -> usize {
        fresh.iter().map(|words| 1 + if self.style.block { *words } else { 0 }).sum()
    }

    /// The same in a mapping in brackets with one entry a line.
    fn tall_lists(&self, fresh: &[usize]) -> usize {
        fresh.iter().map(|words| if self.style.tall { 2 + *words } else { 1 }).sum()
    }

    /// Whether a mapping in brackets has one entry a line.
    fn is_tall(&self, map: usize) -> bool {
        let node = self.reading.node(map);
        let last = self.reading.entries(map).last();
        last.is_some_and(|(_, key, _)| {
            let key = self.reading.node(*key).start;
            self.reading.is_first(key)
                && self.reading.is_first(node.end - 1)
                && self.reading.line(key) > self.reading.line(node.start)
        })
    }

    /// A new entry of a mapping: `above` mappings, each in the other, and lists in the innermost.
    fn new_entry(&self, map: usize, above: usize, fresh: &[usize]) -> Cost {
        let reading = self.reading;
        let entries = reading.entries(map);
        let end = entries.last().map_or(reading.node(map).end, |(_, key, value)| {
            reading.node(*key).end.max(reading.node(*value).end)
        });
        if reading.node(map).flow {
            if !self.is_tall(map) {
                return Cost::replaced(reading.last_line(end));
            }
            // Before the last entry, so that no other line needs a comma.
            return Cost::inserted(2 * above + self.tall_lists(fresh));
        }
        let lines = Cost::inserted(above + self.block_lists(fresh));
        let last = reading.last_line(end);
        // Before an entry that begins its line, or behind the last one.
        let has_place =
            entries.iter().skip(1).any(|(_, key, _)| reading.is_first(reading.node(*key).start));
        match reading.is_open(last) && !has_place {
            true => lines.and(Cost::replaced(last)),
            false => lines,
        }
    }

    /// An entry of which the value is nothing.
    fn fill(&self, map: usize, key: usize, value: usize, above: usize, fresh: &[usize]) -> Cost {
        let reading = self.reading;
        let (node, line) = (reading.node(value), reading.line(reading.node(key).start));
        if reading.node(map).flow {
            let line = Cost::replaced(reading.line(if node.start < node.end {
                node.start
            } else {
                reading.node(key).end
            }));
            if !self.is_tall(map) {
                return line;
            }
            // The key's line gets the opening bracket; the closing one has its own.
            return line.and(Cost::inserted(2 * above + self.tall_lists(fresh) + 1));
        }
        let lines = Cost::inserted(above + self.block_lists(fresh));
        let is_written = node.start < node.end || node.tagged;
        match is_written || reading.is_open(line) {
            true => lines.and(Cost::replaced(line)),
            false => lines,
        }
    }

    /// The lists of a mapping that has something: the lines it has beside those it is to have.
    fn lists(&self, map: usize, wanted: [(&str, Option<&Words>); 2]) -> Option<Cost> {
        let reading = self.reading;
        let node = reading.node(map);
        let first = reading.line(node.start);
        if node.flow && first == reading.line(node.end - 1) {
            return Some(Cost::replaced(first));
        }
        if node.flow && !self.is_tall(map) {
            return None;
        }
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for (name, key, value) in reading.entries(map) {
            let changes = |(key, words): &(&str, Option<&Words>)| key == name && words.is_some();
            if !wanted.iter().any(changes) {
                let other = self.other(name, *key, *value);
                old.push(other.clone());
                new.push(other);
                continue;
            }
            let now = self.written(name, *key, *value, node.flow)?;
            match wanted.iter().find(|(key, _)| key == name) {
                Some((_, Some(Some(words)))) if *words != now.words => new.push(now.with(words)),
                // No list and nothing in its place are the same.
                Some((_, Some(None))) if !now.words.is_empty() => {}
                _ => new.push(now.clone()),
            }
            old.push(now);
        }
        let missing: Vec<Entry> = wanted
            .iter()
            .filter(|(key, _)| reading.entry(map, key).is_none())
            .filter_map(|(key, words)| {
                words.as_ref()?.as_ref().map(|words| self.fresh(key, words, node.flow))
            })
            .collect();
        let sibling =
            old.iter().find(|e| matches!(e.shape, Shape::Block { .. }) && !e.raw.is_empty());
        let missing: Vec<Entry> = missing.into_iter().map(|entry| entry.beside(sibling)).collect();
        let open = reading.is_open(reading.last_line(node.end));
        let before = lines(&old, node.flow, open);
        // New entries stand anywhere among the others; what is not open may become so.
        let places = (0..=new.len()).flat_map(|at| [(at, open), (at, false)]);
        let costs = places.map(|(at, open)| {
            let mut all = new.clone();
            all.splice(at..at, missing.iter().cloned());
            different(&before, &lines(&all, node.flow, open))
        });
        costs.min().map(Cost::inserted)
    }

    /// An entry as it is; `None` for a list that is broken over lines in another way than one word each,
    /// or has a word in a block.
    fn written(&self, name: &str, key: usize, value: usize, flow: bool) -> Option<Entry> {
        let reading = self.reading;
        let node = reading.node(value);
        let items = reading.items(value);
        let words = items.iter().map(|item| reading.word(*item).map(str::to_owned));
        let words: Vec<String> = words.collect::<Option<_>>()?;
        let line = |item: &usize| reading.line(reading.node(*item).start);
        let (first, last) = (reading.line(node.start), reading.line(node.end.max(1) - 1));
        let shape = if items.is_empty() {
            // A tag says that it is nothing, and has to go with that.
            let tag = if node.tagged { "!" } else { "" };
            let open = format!("{tag}{}", &reading.text[node.start..node.end]);
            match node.kind {
                _ if flow && self.style.tall => Shape::Tall { comma: false },
                Kind::Scalar(..) if !flow && self.style.block => Shape::Block { open, between: 0 },
                _ => Shape::Line,
            }
        } else if !node.flow {
            let key = reading.line(reading.node(key).start);
            let last = items.last().map_or(key, line);
            Shape::Block { open: String::new(), between: last - key - items.len() }
        } else if first == last {
            Shape::Line
        } else {
            let all: BTreeSet<usize> = items.iter().map(line).collect();
            let between = items.windows(2).next_back().map_or(",", |pair| {
                reading.text[reading.node(pair[0]).end..reading.node(pair[1]).start].trim()
            });
            let tall = all.len() == items.len()
                && !all.contains(&first)
                && reading.is_first(node.end - 1)
                && reading.column(node.end - 1) == reading.column(reading.node(key).start)
                && between == ",";
            let end = reading.node(*items.last()?).end;
            let comma = reading.text[end..node.end].trim_start().starts_with(',');
            tall.then_some(Shape::Tall { comma })?
        };
        // What a word's line says, so that a line of another list can stand for it.
        let raw = items.iter().map(|item| match shape {
            Shape::Block { .. } => reading.line_text(reading.node(*item).start).to_owned(),
            _ => {
                let node = reading.node(*item);
                let before = reading.column(node.start);
                let line = &reading.text[node.start - before..node.end];
                if matches!(shape, Shape::Tall { .. }) {
                    line.trim().to_owned()
                } else {
                    String::new()
                }
            }
        });
        let quote = items.last().map_or(self.style.quote, |item| reading.quote(*item));
        Some(Entry { name: name.to_owned(), raw: raw.collect(), words, quote, shape })
    }

    /// An entry that is no list of capabilities: so many lines that stay.
    fn other(&self, name: &str, key: usize, value: usize) -> Entry {
        let reading = self.reading;
        let first = reading.line(reading.node(key).start);
        let end = reading.node(key).end.max(reading.node(value).end);
        let raw = (first..=reading.last_line(end)).map(|line| format!("{name} {line}"));
        let shape = Shape::Other;
        Entry { name: name.to_owned(), words: Vec::new(), raw: raw.collect(), quote: "", shape }
    }

    /// A new entry.
    fn fresh(&self, name: &str, words: &[String], flow: bool) -> Entry {
        let shape = match (flow, self.style) {
            (true, Style { tall: true, .. }) => Shape::Tall { comma: false },
            (false, Style { block: true, .. }) => Shape::Block { open: String::new(), between: 0 },
            _ => Shape::Line,
        };
        let quote = self.style.quote;
        Entry { name: name.to_owned(), words: Vec::new(), raw: Vec::new(), quote, shape }
            .with(words)
    }
}

/// One list as it is laid out.
#[derive(Debug, Clone)]
struct Entry {
    name: String,
    words: Vec<String>,
    /// The line of each word.
    raw: Vec<String>,
    /// What new words are put in.
    quote: &'static str,
    shape: Shape,
}

#[derive(Debug, Clone)]
enum Shape {
    /// Something else.
    Other,
    /// In brackets on one line.
    Line,
    /// In brackets, one word a line; `comma` says whether one stands behind the last.
    Tall { comma: bool },
    /// A block list: what is written instead of one, and the lines between its items.
    Block { open: String, between: usize },
}

impl Entry {
    /// A new block list has its dashes where the other one has them.
    fn beside(mut self, other: Option<&Self>) -> Self {
        let line = other.and_then(|other| other.raw.first());
        let indent = line.map_or("", |line| &line[..line.len() - line.trim_start().len()]);
        if matches!(self.shape, Shape::Block { .. }) {
            self.raw.iter_mut().for_each(|line| line.insert_str(0, indent));
        }
        self
    }

    fn with(&self, words: &[String]) -> Self {
        let shape = match &self.shape {
            Shape::Block { .. } if words.is_empty() => Shape::Line,
            Shape::Block { between, .. } => Shape::Block { open: String::new(), between: *between },
            other => other.clone(),
        };
        let mut old: Vec<_> = self.words.iter().zip(&self.raw).collect();
        let indent =
            self.raw.first().map_or("", |line| &line[..line.len() - line.trim_start().len()]);
        let dash = if matches!(shape, Shape::Block { .. }) { "- " } else { "" };
        let raw = words.iter().map(|word| match old.iter().position(|(there, _)| *there == word) {
            Some(at) => old.remove(at).1.clone(),
            None => format!("{indent}{dash}{}{word}{}", self.quote, self.quote),
        });
        Self { words: words.to_vec(), raw: raw.collect(), shape, ..self.clone() }
    }

    fn lines(&self) -> Vec<String> {
        let Self { name, words, raw, shape, .. } = self;
        match shape {
            Shape::Tall { .. } if words.is_empty() => vec![format!("{name}: []")],
            Shape::Other => raw.clone(),
            Shape::Line => vec![format!("{name}: [{}]", words.join(", "))],
            Shape::Block { open, between } => {
                let items = raw.iter().cloned();
                let between = std::iter::repeat_n("#".to_owned(), *between);
                std::iter::once(format!("{name}:{open}")).chain(between).chain(items).collect()
            }
            Shape::Tall { comma } => {
                let last = raw.len().saturating_sub(1);
                let items = raw.iter().enumerate().map(|(at, word)| {
                    if at < last || *comma { format!("{word},") } else { word.clone() }
                });
                let open = std::iter::once(format!("{name}: ["));
                open.chain(items).chain(["]".to_owned()]).collect()
            }
        }
    }
}

/// The lines of all entries, with commas between them in brackets; the last one may lack its line feed.
fn lines(entries: &[Entry], flow: bool, open: bool) -> Vec<String> {
    let mut all = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let mut lines = entry.lines();
        if let Some(last) = lines.last_mut().filter(|_| flow && at + 1 < entries.len()) {
            last.push(',');
        }
        all.extend(lines);
    }
    if !open {
        all.iter_mut().for_each(|line| line.push('\n'));
    } else if let Some((_, others)) = all.split_last_mut() {
        others.iter_mut().for_each(|line| line.push('\n'));
    }
    all
}

/// Lines to take out and to put in.
fn different(old: &[String], new: &[String]) -> usize {
    crate::lines::changed(&old.concat(), &new.concat())
}
