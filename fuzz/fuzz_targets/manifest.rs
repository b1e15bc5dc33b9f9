//! Whatever the text: an answer or a typed error, with every place inside the text, the same each
//! time, and edits that change what they say and nothing else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use manifest::{Change, ContainerId, Content, Edit, Item, List, Manifest, Span, parse};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let name = if text.starts_with('#') { "compose.yaml" } else { "t" };
    let read = parse(name, text);
    places(&read);
    contents(&read);
    edits(&read);
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

/// Dropping ALL from the first containers: done or refused, and done again it changes nothing.
fn edits(read: &Manifest) {
    let first = read.workloads.iter().enumerate().take(2).flat_map(|(workload, object)| {
        (0..object.pod.containers.len().min(2))
            .map(move |container| ContainerId { workload, container })
    });
    let edits: Vec<Edit> = first
        .map(|container| Edit { container, change: Change::Include(List::Drop, Item::new("ALL")) })
        .collect();
    let edited = manifest::apply(read, &edits);
    assert!(edited.changed.len() + edited.refused.len() <= edits.len());
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
