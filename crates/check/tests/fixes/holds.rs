//! What must hold of `dropcap fix`, whatever the text.

use std::collections::{BTreeMap, BTreeSet};

use check::fix::{Change, Class};
use check::{Applied, Checker, Consent, Entrypoint, Finding, Options, Repaired};
use manifest::{Capabilities, ContainerId, Edit, Format, Manifest, Span};
use runtime::Request;
use serde_yaml_ng::Value;

use crate::sets;

/// What came of a text, so that a test can say that it tried something.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// Containers in it.
    pub containers: usize,
    /// Edits that were made.
    pub edits: usize,
    /// Containers whose text allowed none.
    pub refused: usize,
    /// Edits that were made each by itself.
    pub alone: usize,
    /// Whether libyaml read it, too.
    pub compared: bool,
}

/// More findings than these say nothing new, and take long.
const MANY: usize = 12;

thread_local! {
    /// They remember what the runtimes said, for one text as for the next.
    static CHECKERS: [Checker; 2] = [Entrypoint::Unknown, Entrypoint::Plain]
        .map(|entrypoint| Checker::new(Options { entrypoint, ..Options::default() }));
}

/// Makes the edits and looks at what came of them. Nothing is tried of a text with errors. The image's
/// entrypoint is not known, or known to carry nothing.
pub fn fixed(name: &str, text: &str, consent: Consent, plain: bool) -> Tried {
    CHECKERS.with(|checkers| fixed_by(&checkers[usize::from(plain)], name, text, consent))
}

fn fixed_by(checker: &Checker, name: &str, text: &str, consent: Consent) -> Tried {
    let entrypoint = checker.options.entrypoint;
    let before = manifest::parse(name, text);
    let containers = before.containers().count();
    if before.errors().next().is_some() || containers == 0 {
        return Tried::default();
    }
    let repaired = checker.repair(&before, consent);
    let after = manifest::parse(name, repaired.source.text());
    assert_eq!(after.problems.len(), before.problems.len(), "{}", after.source.text());
    assert_eq!(after.containers().count(), containers);
    sets_hold(&before, &after, consent, entrypoint);
    nothing_is_left(checker, &after, &repaired, consent);
    let changed = changed_lists(&before, &after);
    assert_eq!(changed.is_empty(), text == repaired.source.text(), "{text}");
    assert_eq!(changed.is_empty(), repaired.applied.is_empty(), "{text}");
    for id in &changed {
        assert!(repaired.applied.iter().any(|applied| applied.container == *id), "{id:?}");
    }
    let foreseen = checker.announce(&before, &checker.check(&before), &|_| {});
    let (announced, applied) = match consent {
        Consent::Safe => (foreseen.safe.len(), repaired.applied.len()),
        // Words that the safe edits spell another way may go by the unsafe ones.
        Consent::Unsafe => {
            let all = foreseen.safe.iter().chain(&foreseen.not_safe);
            (
                all.filter(is_no_spelling).count(),
                repaired.applied.iter().filter(is_no_spelling).count(),
            )
        }
    };
    assert_eq!(announced, applied, "{text}");
    all_are_there(&repaired);
    if consent == Consent::Unsafe {
        assert_eq!(foreseen.refused.len(), repaired.refused.len(), "{text}");
    }
    comments_stay(&before, &after);
    let compared = others_stay(&before, repaired.source.text(), &changed);
    Tried {
        containers,
        edits: repaired.applied.len(),
        refused: repaired.refused.len(),
        alone: each_alone(checker, &before),
        compared,
    }
}

fn is_no_spelling(applied: &&Applied) -> bool {
    !matches!(applied.change, Change::Respell { .. })
}

/// Of a container that has other edits, what is told as spelt another way stands there.
fn all_are_there(repaired: &Repaired) {
    for (at, one) in repaired.applied.iter().enumerate() {
        let Change::Respell { to, .. } = &one.change else { continue };
        let (add, drop) = lists(&repaired.manifest, one.container);
        let later = repaired.applied[at + 1..].iter();
        let alone = later.filter(|other| other.container == one.container).count() == 0;
        let is_safe = one.class == Class::Safe;
        assert!(alone || !is_safe || add.contains(to) || drop.contains(to), "{one:?}");
    }
}

fn request(manifest: &Manifest, id: ContainerId) -> Request {
    let pod = &manifest.workloads[id.workload].pod;
    let container = &pod.containers[id.container];
    resolve::Context::of(pod, container).request(container)
}

fn ids(manifest: &Manifest) -> Vec<ContainerId> {
    let workloads = manifest.workloads.iter().enumerate();
    let ids = workloads.flat_map(|(workload, object)| {
        let all = 0..object.pod.containers.len();
        all.map(move |container| ContainerId { workload, container })
    });
    ids.collect()
}

/// No set is wider on any runtime, and none narrower by a safe edit where that could take effect.
fn sets_hold(before: &Manifest, after: &Manifest, consent: Consent, entrypoint: Entrypoint) {
    let options = Options { entrypoint, ..Options::default() };
    for id in ids(before) {
        let pod = &before.workloads[id.workload].pod;
        let windows = resolve::Context::of(pod, &pod.containers[id.container]).windows.is_some();
        let carrying = |request: Request| Request {
            entrypoint: options.entrypoint.carried(),
            set_uid: options.entrypoint.set_uid(),
            ..request
        };
        let (old, new) = (carrying(request(before, id)), carrying(request(after, id)));
        // All but the lists is as it was.
        let but_lists = |request: &Request| Request {
            add: Vec::new(),
            drop: Vec::new(),
            spec: None,
            ..request.clone()
        };
        assert_eq!(but_lists(&old), but_lists(&new));
        if windows {
            assert_eq!(old, new);
        } else {
            sets::holds(pod.format, &old, &new, consent, entrypoint);
        }
    }
}

fn covered(finding: &Finding, consent: Consent) -> bool {
    let fix = finding.remedy.fix();
    finding.standing.is_open()
        && fix.is_some_and(|fix| fix.class == Class::Safe || consent == Consent::Unsafe)
}

/// A second run changes nothing, and the rules that were fixed have nothing more to be fixed.
fn nothing_is_left(checker: &Checker, after: &Manifest, first: &Repaired, consent: Consent) {
    let again = checker.repair(after, consent);
    assert_eq!(again.source.text(), after.source.text());
    assert_eq!(again.applied, []);
    let refused: Vec<ContainerId> = first.refused.iter().map(|refused| refused.container).collect();
    let checked = checker.check(after);
    for finding in &checked.findings {
        let Some(id) = finding.container.map(|at| checked.containers[at].id) else { continue };
        if !refused.contains(&id) {
            assert!(!covered(finding, consent), "{}\n{}", finding.message, after.source.text());
        }
    }
}

type Lists = (Vec<String>, Vec<String>);

fn lists(manifest: &Manifest, id: ContainerId) -> Lists {
    let container = &manifest.workloads[id.workload].pod.containers[id.container];
    let security = &container.security;
    // The bounding set of a bundle is read as `add`; here its other sets are behind it.
    let sets = container.sets.iter().flat_map(|sets| {
        [&sets.effective, &sets.permitted, &sets.inheritable, &sets.ambient].into_iter().flatten()
    });
    let mut lists: Lists = (
        security.add().chain(sets).map(|word| word.value.clone()).collect(),
        security.drop().map(|word| word.value.clone()).collect(),
    );
    // Where a service extends another, what comes first in a list is no matter of its own.
    if manifest.workloads[id.workload].pod.format == Format::Compose {
        lists.0.sort_unstable();
        lists.1.sort_unstable();
    }
    lists
}

fn changed_lists(before: &Manifest, after: &Manifest) -> Vec<ContainerId> {
    let mut changed = ids(before);
    changed.retain(|id| lists(before, *id) != lists(after, *id));
    changed
}

/// The generator's comments are there again in their order, but for those of items and lists that went.
fn comments_stay(before: &Manifest, after: &Manifest) {
    let comments = |text: &str| -> Vec<String> {
        let rest = text.split("# kept ").skip(1);
        rest.map(|rest| rest.split_whitespace().next().unwrap_or_default().to_owned()).collect()
    };
    let (old, new) = (comments(before.source.text()), comments(after.source.text()));
    let mut left = old.iter();
    assert!(
        new.iter().all(|comment| left.any(|other| other == comment)),
        "{old:?} -> {new:?}\n{}\n-----\n{}",
        before.source.text(),
        after.source.text()
    );
    if old.len() > new.len() {
        // Somewhere an item or a list went.
        let fewer = ids(before).into_iter().any(|id| {
            let ((add, drop), (add_now, drop_now)) = (lists(before, id), lists(after, id));
            add.iter().any(|word| !add_now.contains(word))
                || add.len() > add_now.len()
                || drop.iter().any(|word| !drop_now.contains(word))
                || drop.len() > drop_now.len()
        });
        assert!(fewer, "a comment went\n{}\n-----\n{}", before.source.text(), after.source.text());
    }
}

/// Another parser reads the same of both texts but for `capabilities`, and of that something else where
/// containers were edited. Returns whether it could read them.
fn others_stay(before: &Manifest, after: &str, changed: &[ContainerId]) -> bool {
    let text = before.source.text();
    let Some(old) = documents(text) else { return false };
    let new = documents(after).unwrap_or_else(|| panic!("libyaml does not read it\n{after}"));
    let (mut was, mut is) = (BTreeMap::new(), BTreeMap::new());
    let bare = |documents: Vec<Value>, found: &mut BTreeMap<String, Value>| -> Vec<Value> {
        let each = documents.into_iter().enumerate();
        each.map(|(at, document)| without(document, &at.to_string(), found)).collect()
    };
    let same = bare(old, &mut was);
    assert_eq!(same, bare(new, &mut is), "{text}\n-----\n{after}");
    let paths = was.keys().chain(is.keys()).collect::<BTreeSet<_>>();
    let different = paths.into_iter().filter(|path| was.get(*path) != is.get(*path));
    let different: BTreeSet<String> = different.cloned().collect();
    // What a service takes from another changes with it, and libyaml knows nothing of that.
    let inherits = |id: &&ContainerId| {
        let workload = &before.workloads[id.workload];
        workload.pod.format == Format::Compose
            && takes_from(&same, workload.document, &workload.name, &different)
    };
    let inherited = changed.iter().filter(inherits).count();
    // And what a list of its own gets that it has from another already is no change of its lists.
    let has_it = |id: &ContainerId| {
        let workload = &before.workloads[id.workload];
        workload.pod.format == Format::Compose
            && !changed.contains(id)
            && different.contains(&service_path(workload.document, &workload.name))
    };
    let idle = ids(before).into_iter().filter(has_it).count();
    assert_eq!(
        different.len(),
        changed.len() - inherited + idle,
        "{was:?} -> {is:?}\n{text}\n-----\n{after}"
    );
    true
}

/// The path of a service, as [`without`] writes it.
fn service_path(document: usize, service: &str) -> String {
    format!("{document}.services.{}", service.replace('.', "·"))
}

/// Whether this Compose service, which is not at one of the paths itself, `extends` one that is, be it
/// by way of others.
fn takes_from(
    documents: &[Value],
    document: usize,
    service: &str,
    paths: &BTreeSet<String>,
) -> bool {
    if paths.contains(&service_path(document, service)) {
        return false;
    }
    let services = documents.get(document).and_then(|whole| whole.get("services"));
    let base = |service: &str| {
        let extends = services?.get(service)?.get("extends")?;
        extends.get("service").unwrap_or(extends).as_str()
    };
    // No chain is longer than there are services.
    let most = services.and_then(Value::as_mapping).map_or(0, serde_yaml_ng::Mapping::len);
    std::iter::successors(base(service), |service| base(service))
        .take(most)
        .any(|service| paths.contains(&service_path(document, service)))
}

/// With aliases and merge keys written out; of merge keys a mapping's own entries go first there.
fn documents(text: &str) -> Option<Vec<Value>> {
    let text = text.trim_start_matches('\u{feff}');
    let documents = serde_yaml_ng::Deserializer::from_str(text).map(|document| {
        let mut value = <Value as serde::Deserialize>::deserialize(document).ok()?;
        // What is merged may merge others itself.
        for _ in 0..3 {
            value.apply_merge().ok()?;
        }
        Some(value)
    });
    documents.collect()
}

/// The value without any `securityContext.capabilities`, or the lists of a Compose service, which go
/// into `found` by their paths; and without keys at the top that are there for their anchors only: what
/// they say is compared where they are used.
fn without(value: Value, path: &str, found: &mut BTreeMap<String, Value>) -> Value {
    match value {
        Value::Mapping(entries) => {
            let mut left = serde_yaml_ng::Mapping::new();
            for (key, value) in entries {
                let name = key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned);
                if !path.contains('.') && name.starts_with("x-") {
                    continue;
                }
                let of_service = matches!(name.as_str(), "cap_add" | "cap_drop")
                    && matches!(path.split('.').collect::<Vec<_>>()[..], [_, "services", _]);
                if of_service {
                    if value.as_sequence().is_some_and(|list| !list.is_empty()) {
                        let lists = found.entry(path.to_owned());
                        let lists = lists.or_insert_with(|| Value::Mapping(Default::default()));
                        lists.as_mapping_mut().map(|lists| lists.insert(key, value));
                    }
                    continue;
                }
                // What splits it again is no part of a name.
                let path = format!("{path}.{}", name.replace('.', "·"));
                let value = without(value, &path, found);
                let is_nothing = |value: &Value| {
                    value.is_null() || value.as_mapping().is_some_and(|map| map.is_empty())
                };
                let of_bundle = path.split('.').skip(1).eq(["process", "capabilities"]);
                if of_bundle || path.ends_with(".securityContext.capabilities") {
                    // No list and an empty one are the same.
                    let mut lists = value;
                    if let Some(lists) = lists.as_mapping_mut() {
                        lists.retain(|_, list| {
                            !list.is_null() && list.as_sequence().is_none_or(|l| !l.is_empty())
                        });
                    }
                    if !is_nothing(&lists) {
                        found.insert(path, lists);
                    }
                } else if name != "securityContext" || !is_nothing(&value) {
                    left.insert(key, value);
                }
            }
            Value::Mapping(left)
        }
        Value::Sequence(items) => {
            let items = items.into_iter().enumerate();
            Value::Sequence(
                items.map(|(at, item)| without(item, &format!("{path}.{at}"), found)).collect(),
            )
        }
        Value::Tagged(tagged) => without(tagged.value, path, found),
        other => other,
    }
}

/// Each finding's edit by itself: it does what the finding says of it, in the place where it may.
fn each_alone(checker: &Checker, before: &Manifest) -> usize {
    let checked = checker.check(before);
    let mut alone = 0;
    for finding in checked.findings.iter().take(MANY) {
        let Some(fix) = finding.remedy.fix() else { continue };
        let Some(id) = finding.container.map(|at| checked.containers[at].id) else { continue };
        let changes = fix.change.edits().into_iter();
        let edits: Vec<Edit> = changes.map(|change| Edit { container: id, change }).collect();
        let edited = manifest::apply(before, &edits);
        if !edited.refused.is_empty() {
            assert_eq!(
                (edited.source.text(), edited.replacements.len()),
                (before.source.text(), 0)
            );
            continue;
        }
        alone += 1;
        let after = manifest::parse_source(edited.source.clone());
        let (was, is) = (request(before, id), request(&after, id));
        // Words that `ALL` stands for stay where others read them.
        if is != beside(&fix.change).apply(&was) {
            assert_eq!(is, fix.change.apply(&was), "{}", after.source.text());
        }
        assert_eq!(changed_lists(before, &after), [id]);
        let text = before.source.text();
        let (mut again, mut done) = (String::new(), 0);
        for replacement in &edited.replacements {
            let Span { start, end } = replacement.span;
            assert!(done <= start && start <= end, "{:?}", edited.replacements);
            again.push_str(&text[done..start]);
            again.push_str(&replacement.text);
            done = end;
            let place = Place::of(before, id);
            assert!(place.covers(replacement.span), "{replacement:?} {place:?}\n{text}");
        }
        again.push_str(&text[done..]);
        assert_eq!(again, edited.source.text(), "the replacements are the edit");
    }
    alone
}

/// The same change with every word left where it is.
fn beside(change: &Change) -> Change {
    match change.clone() {
        Change::DropAll { .. } => Change::DropAll { instead: Vec::new() },
        Change::DropAllInstead { words, .. } => {
            Change::DropAllInstead { words, instead: Vec::new() }
        }
        other => other,
    }
}

/// Where an edit of one container may be.
#[derive(Debug)]
struct Place<'m> {
    text: &'m str,
    container: Span,
    capabilities: Option<&'m Capabilities>,
    format: Format,
}

impl<'m> Place<'m> {
    fn of(manifest: &'m Manifest, id: ContainerId) -> Self {
        let pod = &manifest.workloads[id.workload].pod;
        let container = &pod.containers[id.container];
        Self {
            text: manifest.source.text(),
            container: container.span,
            capabilities: container.security.capabilities.as_ref(),
            format: pod.format,
        }
    }

    /// Something may be put in up to the end of the container's last line; what is taken out is part of
    /// the lists, or is nothing but blanks, commas and ways to write nothing: brackets one by one where a
    /// comment stays between them.
    fn covers(&self, span: Span) -> bool {
        let text = self.text;
        let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = |at: usize| text[at..].find('\n').map_or(text.len(), |n| at + n + 1);
        // What it reads through an alias may stand at the top under a key of its own.
        let top = text[..span.start].rmatch_indices('\n').map(|(at, _)| &text[at + 1..]);
        let top = top
            .chain([text.trim_start_matches('\u{feff}')])
            .find(|line| line.starts_with(|c: char| c.is_alphanumeric()));
        if top.is_some_and(|line| line.starts_with("x-")) {
            return true;
        }
        let inside = line_start(self.container.start) <= span.start
            && span.end <= line_end(self.container.end);
        let taken = &text[span.range()];
        let nothing = ["!<tag:yaml.org,2002:null>", "!!null", "null", "~", "{", "}", "[", "]", ","];
        let bare = nothing.iter().fold(taken.to_owned(), |left, word| left.replace(word, ""));
        // The lists of Compose are two keys of the service.
        let lists = self.format != Format::Kubernetes
            || self.capabilities.is_some_and(|lists| {
                line_start(lists.span.start) <= span.start && span.end <= line_end(lists.span.end)
            });
        inside && (lists || bare.trim().is_empty())
    }
}
