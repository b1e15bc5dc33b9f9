//! JUnit XML in the form that Jenkins' schema describes: `junit-10.xsd` of its xunit plugin, which other
//! tools take theirs from. The table is what that schema says of the elements that are written here.

use std::path::Path;

use super::{junit, loaded, with};

/// An element: its children, its attributes that must be there, and those that may.
type Element =
    (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

const ELEMENTS: &[Element] = &[
    ("testsuites", &["testsuite"], &[], &["name", "time", "tests", "failures", "errors"]),
    (
        "testsuite",
        &["testsuite", "properties", "testcase", "system-out", "system-err"],
        &["name", "tests", "failures", "errors"],
        &["time", "skipped", "timestamp", "hostname", "id", "package", "file", "version"],
    ),
    ("properties", &["property"], &[], &[]),
    ("property", &[], &["name", "value"], &[]),
    (
        "testcase",
        &["skipped", "error", "failure", "system-out", "system-err"],
        &["name"],
        &["time", "classname", "group"],
    ),
    ("skipped", &[], &[], &["type", "message"]),
    ("failure", &[], &[], &["type", "message"]),
    ("error", &[], &[], &["type", "message"]),
    ("system-out", &[], &[], &[]),
    ("system-err", &[], &[], &[]),
];

/// Holds a document against the table; how many elements it has.
fn holds(xml: &str) -> usize {
    let body = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap();
    let (mut open, mut count): (Vec<&Element>, usize) = (Vec::new(), 0);
    for part in body.split('<').skip(1) {
        let (tag, _) = part.split_once('>').unwrap();
        if tag.starts_with('/') {
            open.pop().unwrap();
            continue;
        }
        let (name, rest) = tag.trim_end_matches('/').split_once(' ').unwrap_or((tag, ""));
        let name = name.trim_end_matches('/');
        let element = ELEMENTS.iter().find(|element| element.0 == name);
        let element = element.unwrap_or_else(|| panic!("<{name}> is no element"));
        match open.last() {
            Some(parent) => assert!(parent.1.contains(&name), "<{name}> in <{}>", parent.0),
            None => assert_eq!((name, count), ("testsuites", 0)),
        }
        // No value holds a quote: that is written as an entity.
        let words: Vec<&str> = rest.split('"').collect();
        let names: Vec<&str> =
            words.iter().step_by(2).map(|word| word.trim().trim_end_matches('=')).collect();
        let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
        for required in element.2 {
            assert!(names.contains(required), "<{name}> without {required}: {tag}");
        }
        for (index, attribute) in names.iter().enumerate() {
            assert!(element.2.contains(attribute) || element.3.contains(attribute), "{tag}");
            assert!(!names[..index].contains(attribute), "{attribute} twice: {tag}");
        }
        count += 1;
        if !tag.ends_with('/') {
            open.push(element);
        }
    }
    assert!(open.is_empty());
    count
}

#[test]
fn junit_is_of_the_form_that_jenkins_schema_has() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
    let xml = with(&manifest::load([&folder]), junit::document);
    let count = holds(&xml);
    assert!(count > 300, "{count}");
    assert_eq!(holds(&with(&loaded(&[]), junit::document)), 1);
}

#[test]
#[should_panic(expected = "<testcase> in <testsuites>")]
fn another_form_is_refused() {
    holds(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites><testcase name=\"n\"/></testsuites>\n",
    );
}
