//! An image of real Debian programs, made here because there is no registry.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::podman::{built, podman, succeed};

/// The image that [`debian_image`] makes, under the name the manifests of the tests use: with no
/// registry in its name, so that the engine finds it as `nginx`.
pub const DEBIAN_IMAGE: &str = "localhost/nginx:latest";

/// What is in it beyond Debian's minimal base.
const PACKAGES: &str = "curl,gosu,haproxy,iputils-ping,nginx-light,openssh-client,openssh-server,postgresql-15,redis-server";

/// Says which making of the image is there; to be changed with what [`settle`] does.
const MARK: &str = "nginx redis sshd ping tar su haproxy postgres, 4";

/// As the official postgres image's entrypoint, and a configuration that a distribution's haproxy has: those
/// of groundtruth.
const POSTGRES: &str = include_str!("../../../groundtruth/programs/postgres/entrypoint");
const HAPROXY: &str = include_str!("../../../groundtruth/programs/haproxy/haproxy.cfg");

/// Debian's suite; the call-site tables and minimal sets of the tests were measured on its programs.
const SUITE: &str = "bookworm";

/// Makes sure that [`DEBIAN_IMAGE`] exists and returns its name. Its command starts nginx in the
/// foreground, as the official image does.
///
/// Debootstrapped once a machine (under a minute), under a lock other test processes respect.
///
/// # Panics
/// If it cannot be made.
pub fn debian_image() -> &'static str {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        let lock = File::create(std::env::temp_dir().join("dropcap-test-debian.lock"))
            .expect("the lock file is created");
        lock.lock().expect("the lock is taken");
        if label() != MARK {
            import();
        }
    });
    DEBIAN_IMAGE
}

/// The mark of the image that is there; empty if there is none.
fn label() -> String {
    let words =
        ["image", "inspect", "--format", "{{index .Labels \"dropcap-test\"}}", DEBIAN_IMAGE];
    // Podman reads all images to tell an image's parent, and another test may be making one (4.3.1; its issue
    // 12582): that takes it a moment.
    for _ in 0..100 {
        let output = podman().args(words).output().expect("podman runs");
        if !String::from_utf8_lossy(&output.stderr).contains("locating item named") {
            return String::from_utf8_lossy(&output.stdout).trim().to_owned();
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("an image stays half made")
}

/// An image of the same files that starts otherwise: lines of a Containerfile behind its FROM, none of which
/// may run anything. Its name.
///
/// # Panics
/// If it cannot be made.
pub fn debian_image_with(name: &str, lines: &str) -> String {
    built(debian_image(), name, lines)
}

/// Debootstraps and imports.
fn import() {
    let folder = tempfile::tempdir().expect("a folder for the image");
    let root: PathBuf = folder.path().join("root");
    succeed(
        Command::new("debootstrap")
            .args(["--variant=minbase", &format!("--include={PACKAGES}"), SUITE])
            .arg(&root),
    );
    settle(&root);
    let archive = folder.path().join("root.tar");
    succeed(
        Command::new("tar")
            .arg("--create")
            .arg("--file")
            .arg(&archive)
            .arg("--directory")
            .arg(&root)
            .arg("."),
    );
    succeed(
        podman()
            .args(["import", "--change", r#"CMD ["nginx","-g","daemon off;"]"#])
            .args([
                "--change",
                "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ])
            .args(["--change", &format!("LABEL dropcap-test={MARK}")])
            .arg(&archive)
            .arg(DEBIAN_IMAGE),
    );
}

/// What an image's author would do: entrypoints, and a key with which the tests log in.
fn settle(root: &Path) {
    // As the official redis image's entrypoint: owner of the data set right, then stepped down.
    let entrypoint = "#!/bin/sh\nset -e\ncd /data\nfind . \\! -user redis -exec chown redis '{}' +\nexec setpriv --reuid redis --regid redis --init-groups redis-server --dir /data --save ''\n";
    script(&root.join("usr/local/bin/redis-entrypoint"), entrypoint);
    fs::create_dir_all(root.join("data")).expect("mkdir");
    fs::write(root.join("data/kept"), "").expect("a file that root owns");
    // Not readable by root but by capability, once redis owns the folder.
    succeed(
        Command::new("chown")
            .args(["--reference"])
            .arg(root.join("var/lib/redis"))
            .arg(root.join("data")),
    );
    succeed(Command::new("chmod").arg("700").arg(root.join("data")));
    archive(root);
    // A folder that no image has: of one that is there, runc 1.1 gives a tmpfs the mode.
    let postgres = POSTGRES.replace("/data/", "/database/");
    script(&root.join("usr/local/bin/postgres-entrypoint"), &postgres);
    fs::write(root.join("etc/haproxy/haproxy.cfg"), HAPROXY).expect("a configuration");
    let chroot = |words: &[&str]| succeed(Command::new("chroot").arg(root).args(words));
    chroot(&["install", "-d", "-o", "haproxy", "-g", "haproxy", "-m", "2775", "/run/haproxy"]);
    fs::create_dir_all(root.join("run/sshd")).expect("mkdir");
    fs::create_dir_all(root.join("root/.ssh")).expect("mkdir");
    succeed(
        Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(root.join("root/key")),
    );
    // Logging in as an ordinary user makes sshd change owner, group and root.
    succeed(Command::new("chroot").arg(root).args([
        "useradd",
        "--create-home",
        "--shell",
        "/bin/sh",
        "guest",
    ]));
    let ssh = root.join("home/guest/.ssh");
    fs::create_dir_all(&ssh).expect("mkdir");
    fs::copy(root.join("root/key.pub"), ssh.join("authorized_keys")).expect("the key is copied");
    succeed(Command::new("chroot").arg(root).args([
        "chown",
        "-R",
        "guest:guest",
        "/home/guest/.ssh",
    ]));
}

/// An archive whose members come back to a folder after leaving it: by then tar has given the folder
/// to its owner, and writes into it only by capability.
fn archive(root: &Path) {
    let from = root.join("srv/from");
    fs::create_dir_all(from.join("d")).expect("mkdir");
    for file in ["d/first", "between", "d/second"] {
        fs::write(from.join(file), file).expect("a file");
    }
    let chroot = |words: &[&str]| succeed(Command::new("chroot").arg(root).args(words));
    chroot(&["chown", "-R", "www-data:www-data", "/srv/from"]);
    chroot(&["chmod", "6755", "/srv/from/d/first"]);
    let members = ["d", "d/first", "between", "d/second"];
    let mut tar = vec!["tar", "-C", "/srv/from", "--no-recursion", "-cf", "/srv/archive.tar"];
    tar.extend(members);
    chroot(&tar);
}

fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).expect("a script is written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("chmod");
}
