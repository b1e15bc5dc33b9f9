//! Containers of podman and runc: nothing of the runtime's own start shows, all of the entrypoint does.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use caps::{CapSet, Capability};
use dropcap_observe::Observed;
use judge::Dismissal;
use testkit::needs;
use trace::TargetName;

use crate::gained::installed;
use crate::support::{Seen, finish, set, tracer};

/// What a container is made of, but for its capabilities.
struct Contained {
    image: &'static str,
    options: Vec<String>,
    command: Vec<String>,
}

impl Contained {
    fn new(image: &'static str, options: &[&str], command: &[&str]) -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self { image, options: words(options), command: words(command) }
    }

    /// `podman create` with exactly these capabilities, under a name of its own.
    fn create(&self, held: CapSet) -> Created {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let created = Created(format!("dropcap-trap-{}-{count}", std::process::id()));
        let mut create = testkit::podman();
        create.args(["create", "--name", &created.0, "--network", "none"]);
        create.args(["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]);
        create.args(["--cap-drop", "ALL"]);
        for capability in held {
            create.args(["--cap-add", &capability.to_string()]);
        }
        create.args(&self.options).arg(self.image).args(&self.command);
        succeed(&mut create);
        created
    }

    /// Traced from before its entrypoint's `execve` to its end.
    fn trace(&self, held: CapSet) -> Option<Seen> {
        let mut tracer = tracer()?;
        let container = self.create(held);
        succeed(testkit::podman().args(["init", &container.0]));
        let name: TargetName = format!("ctr/{}", container.0).parse().unwrap();
        let [scope] = &name.find().unwrap()[..] else { panic!("one container") };
        tracer.watch(scope.clone()).unwrap();
        succeed(testkit::podman().args(["start", &container.0]));
        let patience = Instant::now() + Duration::from_secs(60);
        while tracer.poll().unwrap().exit.is_none() {
            assert!(Instant::now() < patience, "the container does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        let said = container.logs();
        Some(Seen::new(Observed::of(finish(tracer)), said, held))
    }

    /// As `Trap::proves`, in containers.
    fn proves(&self, minimal: &str) {
        let minimal = set(minimal);
        let container = self.create(minimal);
        assert_eq!(container.status(), 0, "with {minimal}: {}", container.logs());
        for left_out in minimal {
            let container = self.create(minimal.without(left_out));
            assert_ne!(container.status(), 0, "works without {left_out}");
        }
    }
}

/// A container by its name; removed when dropped.
struct Created(String);

impl Created {
    /// Starts it and waits for its end.
    fn status(&self) -> i32 {
        let mut start = testkit::podman();
        let output = start.args(["start", "--attach", &self.0]).output().unwrap();
        output.status.code().unwrap()
    }

    fn logs(&self) -> String {
        let output = testkit::podman().args(["logs", &self.0]).output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }
}

impl Drop for Created {
    fn drop(&mut self) {
        let _ = testkit::podman().args(["rm", "--force", "--time", "0", &self.0]).output();
    }
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Docker's default set: what an image usually gets.
fn default_set() -> CapSet {
    set("CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW \
         SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP")
}

/// runc's init asks for a dozen capabilities in the container's cgroup, SYS_ADMIN and SETPCAP among
/// them, before it executes the entrypoint.
#[test]
fn a_runtime_s_init_does_not_show_and_the_entrypoint_does() {
    needs!(podman, bpf, runc);
    let idle = Contained::new(testkit::image(), &[], &["true"]);
    let Some(seen) = idle.trace(default_set()) else { return };
    seen.is("", "");
    idle.proves("");
    let script = "chown 1:1 /tmp && chroot / /bin/true";
    let busy = Contained::new(testkit::image(), &[], &["sh", "-c", script]);
    let Some(seen) = busy.trace(default_set()) else { return };
    seen.is("CHOWN SYS_CHROOT", "");
    busy.proves("CHOWN SYS_CHROOT");
}

/// `id` reads its image's files through overlayfs, whose mounter is root of the node.
#[test]
fn a_container_s_overlayfs_does_not_show() {
    needs!(podman, bpf, runc);
    let script = "echo x >> /etc/passwd && id && mv /etc/group /etc/g && mkdir /home/d";
    let trap = Contained::new(testkit::image(), &[], &["sh", "-c", script]);
    let Some(seen) = trap.trace(default_set()) else { return };
    seen.is("", "").dismisses(Capability::SYS_ADMIN, Dismissal::ForeignCredentials);
    trap.proves("");
}

/// In a container user 1000 gains by a set-uid program, and by one with file capabilities.
#[test]
fn what_a_user_gains_in_a_container_is_its_need() {
    needs!(podman, bpf, runc, test_programs, program("setcap"));
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    installed("exec", &file("exec"), 0o755, "");
    installed("raw_socket", &file("set-uid"), 0o4755, "");
    installed("raw_socket", &file("capable"), 0o755, "cap_net_raw+ep");
    open_to_all(folder.path());
    let volume = format!("{}:/t", folder.path().display());
    for helper in ["/t/set-uid", "/t/capable"] {
        let options = ["--user", "1000", "--volume", &volume];
        let trap = Contained::new(testkit::image(), &options, &["/t/exec", "vfork", helper]);
        let Some(seen) = trap.trace(default_set()) else { return };
        seen.is("NET_RAW", "");
        trap.proves("NET_RAW");
    }
}

fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// su sends audit messages, and minds no refusal.
#[test]
fn su_takes_two() {
    needs!(debian, bpf, runc);
    let su = |user| {
        Contained::new(testkit::debian_image(), &[], &["su", user, "-s", "/bin/sh", "-c", "id"])
    };
    let to_nobody = su("nobody");
    let Some(seen) = to_nobody.trace(default_set()) else { return };
    // Doubtful, not dismissed, because an sshd login fails without it at the same place.
    seen.is("SETGID SETUID", "AUDIT_WRITE");
    to_nobody.proves("SETGID SETUID");
    let to_root = su("root");
    let Some(seen) = to_root.trace(default_set()) else { return };
    // Root that becomes root: setuid(0) asks, and nothing depends on it.
    seen.is("SETGID", "AUDIT_WRITE SETUID");
    to_root.proves("SETGID");
}

/// The entrypoint is podman's catatonit, which starts the command; and a program from memory, as runc's
/// own init is one, is not taken for it.
#[test]
fn an_entrypoint_may_be_anything() {
    needs!(podman, bpf, runc, test_programs, program("catatonit"));
    let folder = tempfile::tempdir().unwrap();
    installed("exec", &folder.path().join("exec"), 0o755, "");
    installed("raw_socket", &folder.path().join("raw_socket"), 0o755, "");
    open_to_all(folder.path());
    let volume = format!("{}:/t", folder.path().display());
    let options = ["--init", "--volume", &volume];
    let trap = Contained::new(testkit::image(), &options, &["/t/exec", "memfd", "/t/raw_socket"]);
    let Some(seen) = trap.trace(default_set()) else { return };
    seen.is("NET_RAW", "");
    trap.proves("NET_RAW");
}

/// In a container with a user namespace of its own, what is asked there counts, and what is asked of
/// the node no capability of the container can grant.
#[test]
fn a_container_in_a_user_namespace_is_judged_by_that() {
    needs!(podman, bpf, runc, user_namespaces);
    let map = ["--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536"];
    let script = "chown 1:1 /tmp; ! mknod /tmp/n c 1 3";
    let trap = Contained::new(testkit::image(), &map, &["sh", "-c", script]);
    let Some(seen) = trap.trace(default_set()) else { return };
    seen.is("CHOWN", "").dismisses(Capability::MKNOD, Dismissal::OuterNamespace);
    Contained::new(testkit::image(), &map, &["chown", "1:1", "/tmp"]).proves("CHOWN");
}
