//! Whatever the text: an answer or a typed error, with every place inside the text, the same each
//! time, and edits that change what they say and nothing else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use manifest::{
    Change, ContainerId, Content, Edit, Item, List, Manifest, Replacement, Span, parse,
};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let name = if text.starts_with('#') { "compose.yaml" } else { "t" };
    let read = parse(name, text);
    places(&read);
    contents(&read);
    edits(&read, data.last().copied().unwrap_or_default());
});

/// Every span can be cut out of the text and shown.
fn places(read: &Manifest) {
    let text = read.source.text();
    let check = |span: Span| {
        assert!(text.get(span.range()).is_some(), "{span:?}");
        let at = read.source.position(span.start);
        assert!(at.line > 0 && at.column > 0);
    };
    for problem in &read.problems {
        assert!(problem.document < read.documents.len());
        assert!(!problem.kind.to_string().is_empty());
        check(problem.span);
    }
    for document in &read.documents {
        check(document.span);
    }
    for (workload, container) in read.containers() {
        check(workload.span);
        check(container.span);
        check(container.name_span);
        for word in container.security.add().chain(container.security.drop()) {
            check(word.span);
        }
    }
}

/// What the documents say they hold is there.
fn contents(read: &Manifest) {
    for (index, document) in read.documents.iter().enumerate() {
        let found = read.workloads.iter().filter(|workload| workload.document == index).count();
        let said = match document.content {
            Content::Workloads(count) => count,
            _ => 0,
        };
        assert_eq!(found, said);
        if matches!(document.content, Content::Broken | Content::Template) {
            assert!(read.problems.iter().any(|problem| problem.document == index));
        }
    }
}

/// A change of the first containers, the same of each: done or refused, what was replaced makes the new
/// text, and done again it changes nothing.
fn edits(read: &Manifest, choice: u8) {
    let first = read.workloads.iter().enumerate().take(2).flat_map(|(workload, object)| {
        (0..object.pod.containers.len().min(2))
            .map(move |container| ContainerId { workload, container })
    });
    let edits: Vec<Edit> = first
        .flat_map(|container| changes(choice).map(move |change| Edit { container, change }))
        .collect();
    let edited = manifest::apply(read, &edits);
    assert!(edited.changed.len() + edited.refused.len() <= edits.len());
    let (mut made, mut done) = (String::new(), 0);
    for Replacement { span, text } in &edited.replacements {
        made.push_str(&read.source.text()[done..span.start]);
        made.push_str(text);
        done = span.end;
    }
    assert_eq!(made + &read.source.text()[done..], edited.source.text());
    if edited.changed.is_empty() {
        assert_eq!(edited.source.text(), read.source.text());
        return;
    }
    let again = manifest::parse_source(edited.source.clone());
    assert_eq!(again.containers().count(), read.containers().count());
    let done: Vec<Edit> =
        edits.into_iter().filter(|edit| edited.changed.contains(&edit.container)).collect();
    assert_eq!(manifest::apply(&again, &done).source.text(), edited.source.text());
}

/// By the line feed that most files end with, `ALL` is dropped.
fn changes(choice: u8) -> impl Iterator<Item = Change> {
    let list = if choice & 16 == 0 { List::Drop } else { List::Add };
    let commented = Item::new("NET_RAW").comment("why");
    let (first, second) = match choice & 7 {
        0 => (Change::Include(list, commented), None),
        1 => (Change::Set(list, vec![Item::new("CHOWN"), commented]), None),
        2 => (Change::Include(list, Item::new("ALL")), None),
        3 => (Change::Remove(list, "ALL".to_owned()), None),
        4 => (Change::Replace(list, "all".to_owned(), "ALL".to_owned()), None),
        5 => {
            let absorbed = ["KILL", "NET_RAW", "all"].map(str::to_owned).to_vec();
            (Change::Include(list, Item::new("ALL")), Some(Change::Absorb(list, absorbed)))
        }
        6 => (Change::RemoveList(list), None),
        _ => (Change::Set(list, Vec::new()), None),
    };
    std::iter::once(first).chain(second)
}
