//! The root file system of every container: one static program under several names, each with what its
//! file is to have.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use caps::FileCaps;

use crate::cases::{Image, entrypoint, table};

/// What it takes to make it.
pub fn needs() -> testkit::need::Met {
    testkit::need::root()?;
    testkit::need::test_programs()?;
    ["setfattr", "tar"].into_iter().try_for_each(testkit::need::program)
}

/// Makes it in `folder/rootfs`.
pub fn root(folder: &Path) -> PathBuf {
    let root = folder.join("rootfs");
    for part in ["bin", "proc", "dev", "sys", "etc", "tmp"] {
        fs::create_dir_all(root.join(part)).unwrap();
    }
    for open in [folder, &root] {
        fs::set_permissions(open, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let at = |name: Option<&str>| root.join(entrypoint(name).trim_start_matches('/'));
    testkit::programs::install("conformance", "status", &at(None));
    for file in &table().file {
        let path = at(Some(&file.name));
        testkit::programs::install("conformance", "status", &path);
        if file.set_uid {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)).unwrap();
        }
        if let Some(caps) = file.caps() {
            let value: String =
                caps.encode().unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
            run(Command::new("setfattr")
                .args(["-n", FileCaps::XATTR, "-v", &format!("0x{value}")])
                .arg(path));
        }
    }
    root
}

/// The same as an archive, extended attributes included.
pub fn archive(folder: &Path) -> PathBuf {
    let archive = folder.join("root.tar");
    run(Command::new("tar")
        .args(["--create", "--format=pax", "--xattrs", "--xattrs-include=security.capability"])
        .args(["--numeric-owner", "--owner=0", "--group=0", "--file"])
        .arg(&archive)
        .arg("--directory")
        .arg(root(folder))
        .arg("."));
    archive
}

/// Gives the archive to podman as an image for each `USER`.
pub fn import(archive: &Path) {
    for image in [Image::Root, Image::User] {
        run(testkit::podman()
            .args(["import", "--quiet", "--change", r#"CMD ["/bin/status", "wait"]"#])
            .args(change(image).map(|change| format!("--change={change}")))
            .arg(archive)
            .arg(podman_name(image)));
    }
}

/// What podman calls it; unique to this process.
pub fn podman_name(image: Image) -> String {
    format!("localhost/dropcap-conformance-{}/{}:1", std::process::id(), name(image))
}

pub fn name(image: Image) -> &'static str {
    match image {
        Image::Root => "status",
        Image::User => "status-1000",
    }
}

/// The line of a Dockerfile that sets its user.
pub fn change(image: Image) -> Option<&'static str> {
    (image == Image::User).then_some("USER 1000")
}

/// Runs it and demands success.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
