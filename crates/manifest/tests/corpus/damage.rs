//! The corpus, damaged: no file of it makes the reader panic, whatever is cut out or put in, and
//! what a document says it holds is there.

use std::fs;

use dropcap_manifest::{Content, parse};
use proptest::prelude::*;

use super::own::{files, folder};

/// The texts of the corpus.
fn texts() -> Vec<(String, String)> {
    let mut names = Vec::new();
    files(&folder(), "", &mut names);
    names.sort();
    let read = |name: String| Some((name.clone(), fs::read_to_string(folder().join(name)).ok()?));
    names.into_iter().filter_map(read).collect()
}

fn boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[test]
fn no_damage_to_the_corpus_makes_it_panic() {
    let texts = texts();
    assert!(texts.len() >= 100);
    let any = any::<prop::sample::Index>;
    let cases = prop::collection::vec((any(), any(), any(), any(), 0..40usize), 1..4);
    let cases_run = testkit::rounds(200, 1000);
    let config =
        ProptestConfig { cases: cases_run, failure_persistence: None, ..Default::default() };
    proptest!(config, |(first in any(), cuts in cases)| {
        let (name, text) = &texts[first.index(texts.len())];
        let mut text = text.clone();
        for (other, at, from, to, length) in cuts {
            // A piece of another file goes over a piece of this one.
            let (_, other) = &texts[other.index(texts.len())];
            let from = boundary(other, from.index(other.len() + 1));
            let until = boundary(other, (from + length).min(other.len()));
            let at = boundary(&text, at.index(text.len() + 1));
            let end = boundary(&text, (at + to.index(length + 1)).min(text.len()));
            text.replace_range(at..end, &other[from..until]);
        }
        let read = parse(name, text);
        for (index, document) in read.documents.iter().enumerate() {
            let said = match document.content {
                Content::Workloads(count) => count,
                _ => 0,
            };
            let found = read.workloads.iter().filter(|workload| workload.document == index);
            prop_assert_eq!(found.count(), said);
        }
        for (workload, container) in read.containers() {
            for span in [workload.span, container.span, container.name_span] {
                prop_assert!(read.source.text().get(span.range()).is_some());
            }
        }
        for problem in &read.problems {
            prop_assert!(read.source.text().get(problem.span.range()).is_some());
        }
    });
}
