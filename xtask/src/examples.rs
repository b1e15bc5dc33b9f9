//! Whether examples in the documentation of crates are run: a crate without any has `doctest = false`, which saves a
//! second of each test run, and must then have none.

use std::fs;

use cargo_metadata::{MetadataCommand, Target, TargetKind};

use crate::layers::rust_files;

/// What stands behind the fence of an example that rustdoc would compile.
const RUN: &[&str] = &["", "rust", "no_run", "should_panic", "compile_fail", "ignore"];

/// The lines on which examples begin.
fn examples(source: &str) -> impl Iterator<Item = usize> {
    let mut open = false;
    source.lines().enumerate().filter_map(move |(at, line)| {
        let line = line.trim_start();
        let words = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"))?;
        let behind = words.trim().strip_prefix("```")?;
        open = !open;
        (open && RUN.contains(&behind.split(',').next().unwrap_or_default())).then_some(at + 1)
    })
}

#[test]
fn an_example_is_what_rustdoc_would_compile() {
    let source = "/// ```yaml\n/// a: b\n/// ```\nfn f() {}\n    //! ```no_run,x\n//! ```\n/// ```\n/// f();\n/// ```\nlet x = \"```\";";
    assert_eq!(examples(source).collect::<Vec<_>>(), [5, 7]);
}

#[test]
fn every_example_is_run() {
    let metadata = MetadataCommand::new().current_dir(crate::root()).no_deps().exec().unwrap();
    let (mut looked_at, mut found) = (0, Vec::new());
    for package in metadata.workspace_packages() {
        let is_without =
            |target: &&Target| target.kind.contains(&TargetKind::Lib) && !target.doctest;
        let Some(target) = package.targets.iter().find(is_without) else { continue };
        looked_at += 1;
        let mut files = Vec::new();
        rust_files(target.src_path.parent().unwrap().as_std_path(), &mut files).unwrap();
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            found.extend(examples(&text).map(|line| format!("{}:{line}", file.display())));
        }
    }
    assert_ne!(looked_at, 0);
    assert_eq!(found, Vec::<String>::new(), "take `doctest = false` out of their crates");
}
