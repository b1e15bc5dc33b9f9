//! `cargo xtask layers`: imports go one way, and `unsafe` lives in two places.
//!
//! The layers are those of ARCHITECTURE.md. A crate may import from lower layers only; the one
//! edge within a layer is named in [`SIDEWAYS`]. A member without a layer fails too: a new crate
//! says where it lives.

use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};
use proc_macro2::{TokenStream, TokenTree};

use crate::Result;

/// Every crate of the house and its layer. Tests and tools stand above all of them.
const LAYERS: &[(&str, u8)] = &[
    ("dropcap-caps", 0),
    ("dropcap-manifest", 1),
    ("dropcap-runtime", 1),
    ("dropcap-image", 1),
    ("dropcap-record", 1),
    ("dropcap-sys", 1),
    ("dropcap-resolve", 2),
    ("dropcap-judge", 2),
    ("dropcap-trace", 2),
    ("dropcap-launch", 2),
    ("dropcap-check", 3),
    ("dropcap-observe", 3),
    ("dropcap-fit", 3),
    ("dropcap-jobs", 4),
    ("dropcap", 5),
];

/// Members that ship nothing: test helpers and tasks. They may import anything; of the house only
/// tests (dev-dependencies) may import them.
const TOOLS: &[&str] = &["bench", "dropcap-groundtruth", "xtask", "testkit", "tryout"];

/// Edges within a layer, each with its reason in DESIGN: fit = observe + launch.
const SIDEWAYS: &[(&str, &str)] = &[("dropcap-fit", "dropcap-observe")];

/// The left wing: builds on any operating system, so it must not lean on the right one.
const LEFT_WING: &[&str] = &[
    "dropcap-caps",
    "dropcap-manifest",
    "dropcap-runtime",
    "dropcap-image",
    "dropcap-record",
    "dropcap-resolve",
    "dropcap-judge",
    "dropcap-check",
];

/// Where `unsafe` may stand: one crate, and the BPF loader's one module.
const UNSAFE_ALLOWED: &[&str] = &["crates/sys/", "crates/trace/src/abi.rs"];

/// Checks both; prints what it looked at.
pub fn run() -> Result {
    let edges = edges()?;
    let mut wrong: Vec<String> = edges.iter().filter_map(judge_edge).collect();
    let (files, unsafe_found) = unsafe_uses(&crate::root())?;
    wrong.extend(unsafe_found);
    if edges.is_empty() || files == 0 {
        return Err(format!(
            "layers: looked at {} edges and {files} files; that cannot be right",
            edges.len()
        ));
    }
    if wrong.is_empty() {
        println!(
            "layers: {} edges go one way; {files} files hold no unsafe code where none may be",
            edges.len()
        );
        return Ok(());
    }
    Err(format!("layers: {} wrong\n  {}", wrong.len(), wrong.join("\n  ")))
}

/// An import of one member by another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edge {
    from: String,
    to: String,
    kind: DependencyKind,
}

/// All imports between members. A member without a layer is an error, whatever it imports.
fn edges() -> Result<Vec<Edge>> {
    let metadata = MetadataCommand::new()
        .current_dir(crate::root())
        .no_deps()
        .exec()
        .map_err(|e| format!("cargo metadata: {e}"))?;
    let members: Vec<&str> =
        metadata.workspace_packages().iter().map(|p| p.name.as_str()).collect();
    let homeless: Vec<&str> =
        members.iter().copied().filter(|m| layer(m).is_none() && !TOOLS.contains(m)).collect();
    if !homeless.is_empty() {
        return Err(format!(
            "layers: no layer for {}; give it one in xtask/src/layers.rs",
            homeless.join(", ")
        ));
    }
    Ok(metadata
        .workspace_packages()
        .iter()
        .flat_map(|package| {
            package.dependencies.iter().map(|dependency| Edge {
                from: package.name.to_string(),
                to: dependency.name.clone(),
                kind: dependency.kind,
            })
        })
        .filter(|edge| members.contains(&edge.to.as_str()))
        .collect())
}

fn layer(name: &str) -> Option<u8> {
    LAYERS.iter().find(|(known, _)| *known == name).map(|(_, layer)| *layer)
}

/// What is wrong with an edge, if anything.
fn judge_edge(edge: &Edge) -> Option<String> {
    let Edge { from, to, kind } = edge;
    if TOOLS.contains(&from.as_str()) {
        return None;
    }
    if TOOLS.contains(&to.as_str()) {
        return (*kind != DependencyKind::Development)
            .then(|| format!("{from} ships {to}, which is for tests only"));
    }
    // A test may look up at the crates beside it, never at the ones above.
    let (high, low) = (layer(from)?, layer(to)?);
    let sideways = SIDEWAYS.contains(&(from.as_str(), to.as_str()))
        || (*kind == DependencyKind::Development && high == low);
    if low >= high && !sideways {
        return Some(format!("{from} (L{high}) imports {to} (L{low})"));
    }
    if LEFT_WING.contains(&from.as_str())
        && !LEFT_WING.contains(&to.as_str())
        && *kind != DependencyKind::Development
    {
        return Some(format!(
            "{from} (left wing, any system) imports {to} (right wing, Linux only)"
        ));
    }
    None
}

/// Counts the files looked at, and names every `unsafe` outside [`UNSAFE_ALLOWED`].
fn unsafe_uses(root: &Path) -> Result<(usize, Vec<String>)> {
    let mut files = Vec::new();
    for folder in ["bench", "crates", "groundtruth", "xtask", "tests"] {
        if root.join(folder).is_dir() {
            rust_files(&root.join(folder), &mut files)?;
        }
    }
    let mut found = Vec::new();
    for file in &files {
        let shown = file.strip_prefix(root).unwrap_or(file).display().to_string();
        if UNSAFE_ALLOWED.iter().any(|allowed| shown.starts_with(allowed)) {
            continue;
        }
        let text = fs::read_to_string(file).map_err(|e| format!("{shown}: {e}"))?;
        found.extend(
            unsafe_words(&text)
                .map_err(|e| format!("{shown}: {e}"))?
                .iter()
                .map(|word| format!("{shown}: {word}")),
        );
    }
    Ok((files.len(), found))
}

/// Every `unsafe` keyword, and every mention of the `unsafe_code` lint (only a permission would
/// name it in code), inside macros too; comments and strings do not count.
fn unsafe_words(source: &str) -> Result<Vec<String>> {
    fn walk(tokens: TokenStream, into: &mut Vec<String>) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => walk(group.stream(), into),
                TokenTree::Ident(word) if word == "unsafe" || word == "unsafe_code" => {
                    into.push(word.to_string())
                }
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    // A first line `#!/…` is no Rust token; `#![…]` is.
    let source = if source.starts_with("#!/") {
        source.split_once('\n').map_or("", |(_, rest)| rest)
    } else {
        source
    };
    walk(source.parse().map_err(|e| format!("not Rust: {e}"))?, &mut found);
    Ok(found)
}

/// All Rust sources below a folder.
pub fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) -> Result {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|e| e.to_string())?.path();
        if path.is_dir() {
            rust_files(&path, into)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: &str, to: &str, kind: DependencyKind) -> Edge {
        Edge { from: from.to_owned(), to: to.to_owned(), kind }
    }

    #[test]
    fn imports_go_down_only() {
        use DependencyKind::{Development, Normal};
        for (from, to, kind, right) in [
            ("dropcap-runtime", "dropcap-caps", Normal, true),
            ("dropcap-caps", "dropcap-runtime", Normal, false),
            ("dropcap-runtime", "dropcap-manifest", Normal, false),
            ("dropcap-fit", "dropcap-observe", Normal, true),
            ("dropcap-observe", "dropcap-fit", Normal, false),
            ("dropcap-check", "dropcap-trace", Normal, false),
            ("dropcap-resolve", "dropcap-sys", Normal, false),
            ("dropcap-launch", "dropcap-trace", Development, true),
            ("dropcap-launch", "dropcap-jobs", Development, false),
            ("dropcap", "testkit", Development, true),
            ("dropcap", "testkit", Normal, false),
        ] {
            assert_eq!(judge_edge(&edge(from, to, kind)).is_none(), right, "{from} -> {to}");
        }
    }

    #[test]
    fn unsafe_is_found_wherever_it_hides() {
        let words = |source| unsafe_words(source).unwrap();
        assert_eq!(words("fn f() { unsafe { g() } }"), ["unsafe"]);
        assert_eq!(
            words("#![allow(unsafe_code)] unsafe impl Send for X {}"),
            ["unsafe_code", "unsafe"]
        );
        assert_eq!(words("m! { unsafe { g() } }"), ["unsafe"]);
        assert_eq!(words("// unsafe\nconst S: &str = \"unsafe\";"), Vec::<String>::new());
    }

    #[test]
    fn the_house_as_it_stands_has_no_wrong_edge() {
        let edges = edges().unwrap();
        assert!(edges.len() > LAYERS.len(), "{} edges", edges.len());
        assert_eq!(edges.iter().filter_map(judge_edge).collect::<Vec<_>>(), Vec::<String>::new());
    }
}
