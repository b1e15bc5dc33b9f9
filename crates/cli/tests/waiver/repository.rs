//! A repository made for a test.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A manifest with something to waive.
pub const AGENT: &str = include_str!("agent.yaml");
/// The waiver file.
pub const FILE: &str = "dropcap-waivers.toml";

/// A repository in which dropcap is run.
pub struct Repository(pub tempfile::TempDir);

impl Repository {
    /// With the manifest in it, committed by somebody else.
    pub fn new() -> Self {
        let repository = Self(tempfile::tempdir().expect("a folder"));
        repository.git("root", &["init", "--quiet", "--initial-branch=main"]);
        repository.write("agent.yaml", AGENT);
        repository.commit("root", "manifest");
        repository
    }

    /// With a waiver by alice, approved by bob.
    pub fn waived() -> Self {
        let repository = Self::new();
        repository.new_waiver(&[
            "--approver",
            "alice@example.com",
            "--approver",
            "bob@example.com",
        ]);
        repository.commit("alice", "waiver\n\nReviewed-by: Bob <bob@example.com>");
        repository
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).expect("read")
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("written");
    }

    pub fn edit(&self, from: &str, to: &str) {
        let text = self.read(FILE);
        assert!(text.contains(from), "{from}: {text}");
        self.write(FILE, &text.replace(from, to));
    }

    pub fn git(&self, person: &str, words: &[&str]) -> String {
        let mut git = Command::new("git");
        git.current_dir(self.path()).args(words).stdin(Stdio::null());
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{role}_NAME"), person);
            git.env(format!("GIT_{role}_EMAIL"), format!("{person}@example.com"));
        }
        let output = git.output().expect("git runs");
        assert!(output.status.success(), "{words:?}: {output:?}");
        text(&output.stdout)
    }

    pub fn commit(&self, person: &str, message: &str) {
        self.git(person, &["add", "--all"]);
        self.git(person, &["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    pub fn dropcap(&self, words: &[&str]) -> Output {
        let mut dropcap = Command::new(testkit::dropcap());
        dropcap.args(words).current_dir(self.path()).stdin(Stdio::null());
        dropcap.env("NO_COLOR", "1").env("COLUMNS", "80").env("GIT_CONFIG_GLOBAL", "/dev/null");
        dropcap.output().expect("dropcap runs")
    }

    pub fn new_waiver(&self, more: &[&str]) {
        let mut words = vec!["waiver", "new", "SYS_ADMIN", "--workload", "DaemonSet/mon/agent"];
        words.extend(["-c", "agent", "--reason", "mounts the debugfs", "--expires", "2999-12-31"]);
        words.extend(more);
        let output = self.dropcap(&words);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }

    /// `waiver list --json`.
    pub fn list(&self) -> Vec<Value> {
        let output = self.dropcap(&["waiver", "list", "--json"]);
        let document: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
        document["waivers"].as_array().expect("a list").clone()
    }

    /// Who approved the only waiver, who is missing, and what is remarked.
    pub fn approval(&self) -> (Vec<String>, Vec<String>, String) {
        let all = self.list();
        assert_eq!(all.len(), 1);
        let words = |key: &str| -> Vec<String> {
            let list = all[0][key].as_array().expect("a list").iter();
            list.map(|word| word.as_str().expect("text").replace("@example.com", "")).collect()
        };
        (words("approved"), words("missing"), words("remarks").join("; "))
    }

    pub fn approved(&self) -> String {
        self.approval().0.join(" ")
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

pub fn said(output: &Output) -> String {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    format!("status {:?}\n--- stdout\n{out}--- stderr\n{err}", output.status.code())
}
