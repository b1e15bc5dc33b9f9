//! A container with the settings of a manifest, followed while it fails.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use testkit::podman;

/// The runtime that these containers run on, Debian's podman.
pub const RUNTIME: &str = "podman@4.5+runc";

/// A container that fails, and why.
pub struct Scenario {
    /// The fields of the container's `securityContext`, indented as below it.
    pub security: String,
    /// What `podman run` is told beside what the manifest says.
    pub options: Vec<String>,
    /// The image.
    pub image: &'static str,
    /// The command.
    pub command: Vec<String>,
    folder: tempfile::TempDir,
}

/// What was seen of it.
pub struct Seen {
    /// What `dropcap why --json` printed.
    pub report: Value,
    /// Its exit status.
    pub status: Option<i32>,
}

impl Scenario {
    /// A command in the busybox image, with these fields of `securityContext`.
    pub fn new(security: &[&str], command: &[&str]) -> Self {
        Self {
            security: security.iter().map(|line| format!("      {line}\n")).collect(),
            options: Vec::new(),
            image: testkit::image(),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// In the image of Debian's programs.
    pub fn debian(self) -> Self {
        Self { image: testkit::debian_image(), ..self }
    }

    /// With more options of `podman run`.
    pub fn options(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(|word| (*word).to_owned()));
        self
    }

    /// With the test's own program at `/tryout`, set-uid root or not.
    pub fn tryout(self, mode: u32) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let program = self.file("tryout");
        fs::copy(testkit::tryout(), &program).expect("it is copied");
        fs::set_permissions(&program, fs::Permissions::from_mode(mode)).expect("chmod");
        let mount = format!("{}:/tryout:ro,exec,suid", program.display());
        self.options(&["--volume", &mount])
    }

    /// With a folder of this machine at `/data`, in which a file has this owner and mode.
    pub fn data(self, file: &str, owner: u32, mode: u32) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let folder = self.file("data");
        fs::create_dir(&folder).expect("mkdir");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("chmod");
        let file = folder.join(file);
        fs::write(&file, "something\n").expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("chmod");
        std::os::unix::fs::chown(&file, Some(owner), Some(owner)).expect("chown");
        let mount = format!("{}:/data", folder.display());
        self.options(&["--volume", &mount])
    }

    /// A file of the scenario's own.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The manifest.
    pub fn manifest(&self) -> String {
        let security = if self.security.is_empty() {
            String::new()
        } else {
            format!("    securityContext:\n{}", self.security)
        };
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - name: web\n    image: x\n{security}"
        )
    }

    /// `podman run` with what a manifest says, and the rest.
    pub fn podman(&self, manifest: &str, name: &str) -> Command {
        let parsed = manifest::parse("web.yaml", manifest);
        let security = &parsed.workloads[0].pod.containers[0].security;
        let mut run = testkit::podman_run();
        run.args(["--name", name]);
        for word in security.drop() {
            run.args(["--cap-drop", &word.value]);
        }
        for word in security.add() {
            run.args(["--cap-add", &word.value]);
        }
        if let Some(user) = security.run_as_user {
            run.args(["--user", &user.value.to_string()]);
        }
        if security.allow_privilege_escalation.is_some_and(|allow| !allow.value) {
            run.args(["--security-opt", "no-new-privileges"]);
        }
        if security.read_only_root.is_some_and(|read_only| read_only.value) {
            run.args(["--read-only", "--read-only-tmpfs=false"]);
        }
        run.args(&self.options).arg(self.image).args(&self.command);
        run
    }

    /// Runs it under `dropcap why`, from before it exists until it has failed.
    pub fn why(&self) -> Seen {
        self.why_of(&self.manifest())
    }

    /// The same with another manifest.
    pub fn why_of(&self, manifest: &str) -> Seen {
        fs::write(self.file("web.yaml"), manifest).expect("the manifest is written");
        let owned = Owned::new();
        let words = [&format!("ctr/{}", owned.name), "-f", "web.yaml", "-c", "web", "--json"];
        let follower = self.follow(&words);
        let ran = self.podman(manifest, &owned.name).output().expect("podman runs");
        started(&ran);
        seen(follower)
    }

    /// `dropcap why`, once it follows; ended by force if it does not end by itself.
    pub fn follow(&self, words: &[&str]) -> Child {
        let mut dropcap = Command::new("timeout");
        dropcap.arg("240").arg(testkit::dropcap()).arg("why").args(["--runtime", RUNTIME]);
        dropcap.args(words).current_dir(self.folder.path()).env("NO_COLOR", "1");
        let mut child =
            dropcap.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("dropcap runs");
        let mut said = BufReader::new(child.stderr.as_mut().expect("a pipe"));
        let mut line = String::new();
        said.read_line(&mut line).expect("it says something");
        assert!(line.starts_with("note: following "), "{line}");
        child
    }

    /// Whether it works with this manifest.
    pub fn works(&self, manifest: &str) -> bool {
        let owned = Owned::new();
        let ran = self.podman(manifest, &owned.name).output().expect("podman runs");
        started(&ran);
        ran.status.success()
    }
}

/// Demands that the command was executed: podman-run(1), "Exit status".
fn started(ran: &Output) {
    assert!(!matches!(ran.status.code(), Some(125..=127)), "{ran:?}");
}

/// What a follower found that goes on until somebody says that it is enough: as soon as what it is to see has
/// happened, however long that took.
pub fn seen_until_now(follower: Child) -> Seen {
    // Of `timeout`, which would send the signal twice.
    let children = format!("/proc/{0}/task/{0}/children", follower.id());
    let dropcap = fs::read_to_string(children).expect("it runs");
    let status = Command::new("kill").args(["-INT", dropcap.trim()]).status();
    assert!(status.expect("kill runs").success(), "{dropcap}");
    seen(follower)
}

/// What a follower found.
pub fn seen(follower: Child) -> Seen {
    let output: Output = follower.wait_with_output().expect("it ends");
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stdout)));
    Seen { report, status: output.status.code() }
}

impl Seen {
    /// The one target.
    pub fn target(&self) -> &Value {
        let targets = self.report["targets"].as_array().expect("targets");
        assert_eq!(targets.len(), 1, "{:#}", self.report);
        &targets[0]
    }

    /// The most likely cause.
    pub fn cause(&self) -> &Value {
        let causes = self.target()["causes"].as_array().expect("causes");
        causes.first().unwrap_or_else(|| panic!("no cause: {:#}", self.report))
    }

    /// A word of the most likely cause.
    pub fn word(&self, field: &str) -> &str {
        self.cause()[field].as_str().unwrap_or_else(|| panic!("{field}: {:#}", self.report))
    }

    /// Kind, capabilities and the latest call of the most likely cause.
    pub fn found(&self) -> (String, Vec<String>, String) {
        let cause = self.cause();
        let capabilities: Vec<String> =
            serde_json::from_value(cause["capabilities"].clone()).expect("names");
        let call = &cause["calls"][0];
        let said = |field: &str| call[field].as_str().unwrap_or_default().to_owned();
        let call = format!("{} by {}: {}", said("what"), said("by"), said("returned"));
        (self.word("kind").to_owned(), capabilities, call)
    }

    /// Who took it away, with the line.
    pub fn taken_by(&self) -> (&str, Option<u64>) {
        let taken = &self.cause()["takenBy"];
        (taken["words"].as_str().unwrap_or_default(), taken["line"].as_u64())
    }

    /// How to do without.
    pub fn remedies(&self) -> Vec<&str> {
        let all = self.cause()["remedies"].as_array().expect("remedies");
        all.iter().map(|remedy| remedy["how"].as_str().expect("words")).collect()
    }

    /// The manifest after the edit that is offered: the lines that come put in its place.
    pub fn mended(&self, manifest: &str) -> String {
        let edit = &self.cause()["edit"];
        let lines = |field: &str| -> Vec<String> {
            serde_json::from_value(edit[field].clone())
                .unwrap_or_else(|error| panic!("{error}: {:#}", self.report))
        };
        let at = edit["line"].as_u64().expect("a line") as usize - 1;
        let (removed, added) = (lines("removed"), lines("added"));
        let mut text: Vec<String> = manifest.lines().map(str::to_owned).collect();
        let gone: Vec<String> = text.splice(at..at + removed.len(), added).collect();
        assert_eq!(gone, removed);
        text.join("\n") + "\n"
    }
}

/// A name for a container, which goes with the test.
pub struct Owned {
    /// Unique on this machine.
    pub name: String,
}

impl Owned {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self { name: format!("dropcap-why-{}-{count}", std::process::id()) }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = podman().args(["rm", "--force", "--time", "0", "--ignore", &self.name]).output();
    }
}
