//! What `dropcap fix` makes of the files of a folder, beside the least it could: docs/edits.md.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use check::fix::Class;
use check::{Checked, Checker, Consent};
use manifest::{ContainerId, Format, Manifest};

use crate::minimal::{self, Cost, Words};
use crate::{lines, reading::Reading};

/// What came of one file, or of all.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Figures {
    pub files: usize,
    pub documents: usize,
    pub containers: usize,
    /// Containers with a finding that has an edit of this class.
    pub fixable: usize,
    pub edited: usize,
    /// Containers of `fixable` that were not edited, with why.
    pub refused: BTreeMap<String, usize>,
    pub lines: usize,
    pub least: usize,
    /// Documents of which the rule says nothing; they count as if they took the least.
    pub no_rule: usize,
    /// Documents that took more lines than the least: `file, document: lines, least`.
    pub other: Vec<String>,
}

impl Figures {
    pub fn and(&mut self, other: Self) {
        self.files += other.files;
        self.documents += other.documents;
        self.containers += other.containers;
        self.fixable += other.fixable;
        self.edited += other.edited;
        for (why, count) in other.refused {
            *self.refused.entry(why).or_default() += count;
        }
        self.lines += other.lines;
        self.least += other.least;
        self.no_rule += other.no_rule;
        self.other.extend(other.other);
    }

    /// Containers that were not edited though an edit was proposed.
    pub fn refusals(&self) -> usize {
        self.refused.values().sum()
    }
}

fn fixable(checked: &Checked, consent: Consent) -> Vec<ContainerId> {
    let mut found = Vec::new();
    for finding in &checked.findings {
        let fix = finding
            .remedy
            .fix()
            .filter(|fix| fix.class == Class::Safe || consent == Consent::Unsafe);
        if let (Some(at), Some(_)) = (finding.container, fix) {
            found.push(checked.containers[at].id);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn words(manifest: &Manifest, id: ContainerId) -> [Words; 2] {
    let container = &manifest.workloads[id.workload].pod.containers[id.container];
    let lists = container.security.capabilities.as_ref();
    let [add, drop] = [lists.and_then(|l| l.add.as_ref()), lists.and_then(|l| l.drop.as_ref())];
    [add, drop].map(|list| list.map(|l| l.items.iter().map(|item| item.value.clone()).collect()))
}

/// The lines of each document: up to the start of the next.
fn parts(manifest: &Manifest) -> Vec<&str> {
    let text = manifest.source.text();
    let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let mut starts: Vec<usize> =
        manifest.documents.iter().map(|document| line_start(document.span.start)).collect();
    if let Some(first) = starts.first_mut() {
        *first = 0;
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| &text[*start..end]).collect()
}

/// What is made of one text.
pub fn text(checker: &Checker, name: &str, before: &Manifest, consent: Consent) -> Figures {
    let fixable = fixable(&checker.check(before), consent);
    let mut figures = Figures {
        files: 1,
        documents: before.documents.len(),
        containers: before.containers().count(),
        fixable: fixable.len(),
        ..Figures::default()
    };
    if let Some(error) = before.errors().next() {
        // `fix` leaves such a file as it is.
        let why = format!("the file has an error: {}", error.kind);
        figures.refused.extend((!fixable.is_empty()).then_some((why, fixable.len())));
        return figures;
    }
    let repaired = checker.repair(before, consent);
    for refused in &repaired.refused {
        *figures.refused.entry(refused.reason.to_string()).or_default() += 1;
    }
    let after = manifest::parse_source(repaired.source);
    let reading = Reading::of(before.source.text());
    let mut least = vec![Some(Cost::default()); before.documents.len()];
    for (workload, object) in before.workloads.iter().enumerate() {
        for (container, found) in object.pod.containers.iter().enumerate() {
            let id = ContainerId { workload, container };
            let [add, drop] = words(&after, id);
            if [&add, &drop] == words(before, id).each_ref() {
                continue;
            }
            figures.edited += 1;
            let place = (found.span.start, found.span.end);
            // The rule is about containers that share nothing.
            let format = object.pod.format;
            let has_rule = format != Format::Oci && !reading.has_aliases(found.span.start);
            let [add_was, drop_was] = words(before, id);
            let lists = [(&add, &add_was), (&drop, &drop_was)]
                .map(|(now, was)| (now != was).then_some(now));
            let cost = minimal::container(&reading, place, format, lists);
            let cost = cost.filter(|_| has_rule);
            let of = &mut least[object.document];
            *of = of.take().and_then(|sum| cost.map(|cost| sum.and(cost)));
        }
    }
    let (old, new) = (parts(before), parts(&after));
    assert_eq!(old.len(), new.len(), "{name}");
    for (document, (old, new)) in old.iter().zip(new).enumerate() {
        let changed = lines::changed(old, new);
        figures.lines += changed;
        // Nor does it know that a word that several services have by `extends` stands in all of them.
        let extends = old.contains("extends:");
        let least = least[document].as_ref().map(Cost::lines);
        let Some(least) = least.filter(|least| changed <= *least || !extends) else {
            figures.no_rule += 1;
            figures.least += changed;
            continue;
        };
        figures.least += least.min(changed);
        if changed > least {
            figures.other.push(format!("{name}, document {document}: {changed}, {least}"));
        }
    }
    assert_eq!(figures.lines, lines::changed(before.source.text(), after.source.text()), "{name}");
    figures
}

/// Every manifest below a folder, and a line for each that has something to edit. Those that are no
/// text count as files and no more.
pub fn folder(checker: &Checker, folder: &Path, consent: Consent) -> (Figures, String) {
    let mut paths = Vec::new();
    files(folder, &mut paths);
    paths.sort();
    let (mut all, mut each) = (Figures::default(), String::new());
    for path in paths {
        let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        let Ok(before) = manifest::read(&path) else {
            all.files += 1;
            continue;
        };
        let figures = text(checker, &name, &before, consent);
        if figures.fixable > 0 {
            let Figures { fixable, lines, least, .. } = figures;
            let refused = figures.refusals();
            let _ = writeln!(each, "{fixable:>9} {refused:>9} {lines:>9} {least:>9}  {name}");
        }
        all.and(figures);
    }
    (all, each)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { panic!("{}: no folder", folder.display()) };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json") {
            found.push(path);
        }
    }
}

/// Both kinds of edits side by side, as the page has them.
pub fn table(safe: &Figures, both: &Figures) -> String {
    let mut out = format!("{:<48} {:>8} {:>16}\n", "", "safe", "--unsafe-fixes");
    type Figure = fn(&Figures) -> usize;
    let rows: [(&str, Figure); 10] = [
        ("files", |f| f.files),
        ("documents", |f| f.documents),
        ("containers", |f| f.containers),
        ("containers with an edit proposed", |f| f.fixable),
        ("containers edited", |f| f.edited),
        ("containers refused", Figures::refusals),
        ("lines taken out and put in", |f| f.lines),
        ("the least known", |f| f.least),
        ("documents with more than the least", |f| f.other.len()),
        ("documents of which the rule says nothing", |f| f.no_rule),
    ];
    for (what, figure) in rows {
        let _ = writeln!(out, "{what:<48} {:>8} {:>16}", figure(safe), figure(both));
    }
    for (why, count) in &both.refused {
        let _ = writeln!(out, "refused, {count}: {why}");
    }
    out
}
