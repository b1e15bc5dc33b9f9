//! A corpus that the environment names: files that others wrote.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use dropcap_manifest::{Content, Format, ProblemKind, load, parse};

use super::count;

fn manifests(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            manifests(&path, found);
        } else if path.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json") {
            found.push(path);
        }
    }
}

/// What another parser reads this one reads too, with as many containers; what it does not read is
/// a template or an error and never a pass.
#[test]
fn a_given_corpus_is_read_as_another_parser_reads_it() {
    let Some(folder) = std::env::var_os("DROPCAP_CORPUS") else {
        // No skip: such a corpus is not for CI.
        return println!("not run: DROPCAP_CORPUS names no folder of manifests");
    };
    let mut paths = Vec::new();
    manifests(Path::new(&folder), &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "{folder:?} has no manifests");
    let (mut read, mut unread, mut containers, mut wrong) = (0, 0, 0, Vec::new());
    for path in &paths {
        let Ok(text) = fs::read_to_string(path) else { continue };
        let manifest = parse(&path.display().to_string(), text.as_str());
        // Other projects' kinds are not counted by the other way.
        let kubernetes =
            |api: &str| api.split_once('/').is_none_or(|(group, _)| !group.contains('.'));
        let found = manifest
            .containers()
            .filter(|(w, _)| w.pod.format == Format::Kubernetes && kubernetes(&w.api_version));
        let found = found.count();
        let problems: Vec<_> = manifest.problems.iter().map(|p| p.kind.to_string()).collect();
        let templates = manifest.documents.iter().filter(|d| d.content == Content::Template);
        let templates = templates.count();
        if let Some(counted) = count::containers(&text) {
            read += 1;
            containers += found;
            // A template that happens to be YAML with nothing in it is no problem of ours.
            let unread =
                |p: &ProblemKind| matches!(p, ProblemKind::Syntax { .. } | ProblemKind::Template);
            if found != counted || manifest.problems.iter().any(|p| unread(&p.kind)) {
                wrong.push(format!("{}: {found}, not {counted}: {problems:?}", path.display()));
            }
        } else {
            unread += 1;
            let told = templates > 0 || !problems.is_empty();
            if !told || (text.contains("{{") && templates == 0) {
                wrong.push(format!("{}: not read, and said {problems:?}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(read > 0 && containers > 0);
    let start = Instant::now();
    let counts = load([Path::new(&folder)]).counts();
    println!(
        "{read} files, {containers} containers as counted; {unread} not YAML; {counts:?} in {:?}",
        start.elapsed()
    );
}
