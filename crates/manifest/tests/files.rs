//! Folders that are walked, and files that are written whole or not at all.

use std::fs;
use std::path::Path;

use dropcap_manifest::{Counts, SkipReason, WriteError, load, replace_whole, write_whole};

const POD: &str = "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a}, {name: b}]}\n";

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = folder.join(name);
    assert!(fs::create_dir_all(path.parent().unwrap_or(folder)).is_ok());
    assert!(fs::write(path, text).is_ok());
}

#[test]
fn a_folder_is_walked_and_everything_counted() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "b/pod.yaml", POD);
    write(root, "a/two.YML", format!("{POD}---\n{POD}---\n# nothing\n"));
    write(
        root,
        "a/pod.json",
        r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"c"}]}}"#,
    );
    write(root, ".hidden/service.yaml", "apiVersion: v1\nkind: Service\n---\nnot: kubernetes\n");
    write(root, "chart/templates/x.yaml", "kind: {{ .Values.kind }}\n");
    write(root, "bad/broken.yaml", "a: [\n");
    write(root, "bad/binary.yaml", b"\x00\x01");
    write(root, "bad/latin.yaml", b"a: \xe9\n");
    write(root, "README.md", "kind: Pod");
    write(root, ".git/config.yaml", POD);
    write(root, "ignored/pod.yaml", POD);
    write(root, ".gitignore", "ignored/\n");
    let loaded = load([root]);
    let names: Vec<_> = loaded
        .manifests
        .iter()
        .filter_map(|m| m.source.path()?.strip_prefix(root).ok())
        .map(|path| path.display().to_string().replace('\\', "/"))
        .collect();
    assert_eq!(
        names,
        [
            ".hidden/service.yaml",
            "a/pod.json",
            "a/two.YML",
            "b/pod.yaml",
            "bad/broken.yaml",
            "chart/templates/x.yaml"
        ]
    );
    let failed: Vec<_> = loaded.failed.iter().map(ToString::to_string).collect();
    let at = |name: &str| root.join("bad").join(name).display().to_string();
    assert_eq!(
        failed,
        [
            format!("{}: a binary file (NUL byte at offset 0), not a manifest", at("binary.yaml")),
            format!("{}:1: not UTF-8 (byte offset 3); save it as UTF-8", at("latin.yaml")),
        ]
    );
    // `README.md` and `.gitignore`.
    assert_eq!(loaded.other_files, 2);
    assert_eq!(
        loaded.counts(),
        Counts {
            files: 6,
            failed: 2,
            skipped: 0,
            documents: 8,
            templates: 1,
            broken: 1,
            other_documents: 2,
            workloads: 4,
            containers: 7,
        }
    );
}

#[test]
fn a_file_is_read_once_whatever_its_name() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "pod.txt", POD);
    let path = folder.path().join("pod.txt");
    let loaded = load([&path, &path]);
    assert_eq!(loaded.manifests.len(), 1);
    assert_eq!(loaded.skipped.len(), 1);
    assert_eq!(loaded.skipped[0].reason, SkipReason::Twice);
    let missing = load([folder.path().join("missing.yaml")]);
    assert_eq!((missing.manifests.len(), missing.failed.len()), (0, 1));
    assert_eq!(load([folder.path()]).counts(), Counts::default());
}

#[test]
fn a_file_is_replaced_only_when_something_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pod.yaml");
    assert!(write_whole(&path, "one\r\n").unwrap());
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    assert!(!write_whole(&path, "one\r\n").unwrap());
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
    assert!(replace_whole(&path, "one\r\n", "two").unwrap());
    let error = replace_whole(&path, "one\r\n", "three").unwrap_err();
    assert!(matches!(error, WriteError::Changed { .. }));
    assert_eq!(fs::read_to_string(&path).unwrap(), "two");
    assert!(matches!(write_whole(folder.path(), "x").unwrap_err(), WriteError::NotRegular { .. }));
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "no temporary file stays");
}

#[test]
fn a_read_only_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pod.yaml");
    fs::write(&path, "old").unwrap();
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let error = write_whole(&path, "new").unwrap_err();
    assert!(matches!(error, WriteError::ReadOnly { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn permissions_and_links_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("real/pod.yaml");
        write(folder.path(), "real/pod.yaml", "old");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link.yaml");
        symlink("real/pod.yaml", &link).unwrap();
        assert!(write_whole(&link, "new").unwrap());
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
        let dangling = folder.path().join("dangling.yaml");
        symlink("nowhere", &dangling).unwrap();
        assert!(matches!(write_whole(&dangling, "x").unwrap_err(), WriteError::Io { .. }));
        // Inside a folder, links are skipped, and said to be.
        write(folder.path(), "real/pod.yaml", POD);
        let loaded = load([folder.path()]);
        assert_eq!(loaded.counts().containers, 2);
        assert_eq!(loaded.skipped.len(), 2);
        assert!(loaded.skipped.iter().all(|skipped| skipped.reason == SkipReason::SymbolicLink));
        assert_eq!(load([&link]).counts().containers, 2);
    }

    #[test]
    fn a_pipe_in_a_folder_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "pod.yaml", POD);
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, folder.path().join("a.yaml"), kind, mode, 0).unwrap();
        let loaded = load([folder.path()]);
        assert_eq!(loaded.counts().containers, 2);
        assert_eq!(loaded.skipped.len(), 1);
        assert_eq!(loaded.skipped[0].reason, SkipReason::Special);
    }

    #[test]
    fn hard_links_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a.yaml"), folder.path().join("b.yaml"));
        fs::write(&path, "old").unwrap();
        fs::hard_link(&path, &other).unwrap();
        let error = write_whole(&path, "new").unwrap_err();
        assert!(matches!(error, WriteError::HardLinked { links: 2, .. }), "{error}");
        assert_eq!(fs::read_to_string(&other).unwrap(), "old");
        assert!(!write_whole(&path, "old").unwrap());
    }

    #[test]
    fn a_folder_that_takes_no_files_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/pod.yaml");
        write(folder.path(), "sub/pod.yaml", "old");
        let sub = folder.path().join("sub");
        fs::set_permissions(&sub, fs::Permissions::from_mode(0o555)).unwrap();
        let wrote = write_whole(&path, "new");
        fs::set_permissions(&sub, fs::Permissions::from_mode(0o755)).unwrap();
        // Root may write anywhere.
        match wrote {
            Ok(true) => assert_eq!(fs::read_to_string(&path).unwrap(), "new"),
            other => {
                assert!(matches!(other, Err(WriteError::Io { .. })));
                assert_eq!(fs::read_to_string(&path).unwrap(), "old");
            }
        }
    }
}
