//! `dropcap fix` as a user meets it.

#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use testkit::folder::{Folder, said, text};

#[path = "fix/pipe.rs"]
mod pipe;
#[path = "fix/places.rs"]
mod places;
#[path = "fix/story.rs"]
mod story;
#[path = "fix/twice.rs"]
mod twice;

/// The end of a profile: it was watched for a minute.
const WATCHED: &str = "\
status:
  complete: true
  runs:
  - id: \"0011223344556677\"
    kernel: 6.12.0
    architecture: x86_64
    backend: tp_btf
    target: { command: { argv: [sh] } }
    startSeen: true
    durationMs: 60000
";

const DEPLOYMENT: &str = include_str!("check/deployment.yaml");

/// A folder with one file, in which dropcap is run.
struct Place(Folder);

impl Place {
    fn new(text: &str) -> Self {
        Self(Folder::new(&[("web.yaml", text)]))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("web.yaml")
    }

    fn now(&self) -> String {
        fs::read_to_string(self.file()).expect("it is there")
    }

    fn command(&self, words: &[&str]) -> Command {
        self.0.command(&[&["fix"], words].concat())
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("dropcap runs")
    }
}

/// The safe edits of the deployment.
fn safe() -> String {
    DEPLOYMENT.replace("- all   #", "- ALL   #").replace("sys_ptrace", "SYS_PTRACE")
}

#[test]
fn safe_edits_are_written_and_the_rest_is_held_back() {
    let place = Place::new(DEPLOYMENT);
    insta::assert_snapshot!("fix_safe", said(&place.run(&["web.yaml"])));
    assert_eq!(place.now(), safe());

    let modified = || fs::metadata(place.file()).and_then(|m| m.modified()).expect("a time");
    let before = modified();
    let again = place.run(&["web.yaml"]);
    assert_eq!(again.status.code(), Some(0));
    assert_eq!((place.now(), modified()), (safe(), before), "a second run touches nothing");
    assert!(text(&again.stderr).contains("0 edits made in 0 files; 1 unsafe"), "{}", said(&again));
}

/// What the file system knows of a file and of the folder it is in: inode, last changes of content and
/// of attributes.
#[cfg(unix)]
fn touched(place: &Place) -> [(u64, i64, i64, i64, i64); 2] {
    use std::os::unix::fs::MetadataExt as _;
    [place.file(), place.0.path().to_owned()].map(|path| {
        let data = fs::metadata(path).expect("it is there");
        (data.ino(), data.mtime(), data.mtime_nsec(), data.ctime(), data.ctime_nsec())
    })
}

#[cfg(unix)]
#[test]
fn a_file_with_nothing_to_fix_is_not_touched() {
    let done = "        capabilities:\r\n          drop: [ALL]   # all\r\n";
    let whole = |last: &str| {
        format!(
            "\u{feff}apiVersion: v1\r\nkind: Pod\r\nspec:\r\n  containers:\r\n    - name: web\r\n      \
             securityContext:\r\n        runAsUser: 1000\r\n{last}"
        )
    };
    let place = Place::new(&whole(done));
    let before = touched(&place);
    for words in [&["web.yaml"][..], &["--unsafe-fixes", "web.yaml"], &["--unsafe-fixes", "."]] {
        let output = place.run(words);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert_eq!(touched(&place), before, "{words:?}");
    }
    assert_eq!(place.now(), whole(done));
    // Only unsafe edits, and no consent.
    fs::write(place.file(), whole("")).expect("written");
    let before = touched(&place);
    let output = place.run(&["web.yaml"]);
    assert!(
        text(&output.stderr).contains("0 edits made in 0 files; 1 unsafe"),
        "{}",
        said(&output)
    );
    assert_eq!(touched(&place), before);
    let output = place.run(&["--diff", "--unsafe-fixes", "web.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(touched(&place), before);
    let output = place.run(&["--unsafe-fixes", "web.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_ne!(touched(&place), before);
}

#[test]
fn with_consent_the_unsafe_edits_are_written_too() {
    let place = Place::new(DEPLOYMENT);
    insta::assert_snapshot!("fix_unsafe", said(&place.run(&["--unsafe-fixes", "web.yaml"])));
    insta::assert_snapshot!("fix_unsafe_text", place.now());
    let check = Command::new(testkit::dropcap())
        .args(["check", "--format", "json", "web.yaml"])
        .current_dir(place.0.path())
        .output()
        .expect("dropcap runs");
    let json: serde_json::Value = serde_json::from_slice(&check.stdout).expect("JSON");
    let left: Vec<&str> = json["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|finding| finding["fix"]["kind"].as_str().expect("a kind"))
        .collect();
    assert_eq!(left, ["none"; 4], "what is left has no edit");
}

#[test]
fn a_diff_writes_nothing_and_git_takes_it() {
    let place = Place::new(DEPLOYMENT);
    let output = place.run(&["--diff", "--quiet", "web.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(place.now(), DEPLOYMENT);
    assert_eq!(text(&output.stderr), "");
    insta::assert_snapshot!("fix_diff", text(&output.stdout));
    let mut git = Command::new("git")
        .args(["apply", "-"])
        .current_dir(place.0.path())
        .stdin(Stdio::piped())
        .spawn()
        .expect("git runs");
    git.stdin.take().expect("piped").write_all(&output.stdout).expect("written");
    assert!(git.wait().expect("it ends").success());
    assert_eq!(place.now(), safe());
}

#[test]
fn a_check_tells_by_its_status() {
    let place = Place::new(DEPLOYMENT);
    let output = place.run(&["--check", "web.yaml"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert_eq!((place.now(), text(&output.stdout)), (DEPLOYMENT.to_owned(), String::new()));
    assert_eq!(place.run(&["web.yaml"]).status.code(), Some(0));
    assert_eq!(place.run(&["--check", "web.yaml"]).status.code(), Some(0));
}

#[test]
fn standard_input_comes_out_edited() {
    let place = Place::new("");
    for (given, expected) in [
        (DEPLOYMENT.to_owned(), safe()),
        (DEPLOYMENT.replace('\n', "\r\n"), safe().replace('\n', "\r\n")),
        (format!("\u{feff}{DEPLOYMENT}"), format!("\u{feff}{}", safe())),
        (safe(), safe()),
    ] {
        let output = piped(&place, &["-"], &given);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert_eq!(text(&output.stdout), expected);
    }
}

/// In a pipeline, what is not edited is handed on all the same.
#[test]
fn standard_input_without_a_container_comes_out_as_it_went_in() {
    let profile = "apiVersion: dropcap.dev/v1\nkind: CapabilityProfile\nmetadata: {name: p}\n";
    let place = Place::new(&format!(
        "{profile}spec: {{target: {{image: \"other:1\"}}, capabilities: {{needed: [KILL]}}}}\n"
    ));
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n";
    for (words, given) in
        [(&["-"][..], map), (&["-"], "kind: [\n"), (&["--profile", "web.yaml", "-"], DEPLOYMENT)]
    {
        let output = piped(&place, words, given);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert_eq!(text(&output.stdout), given, "{}", said(&output));
    }
    assert_eq!(text(&piped(&place, &["--check", "-"], map).stdout), "");
}

/// Runs with this on standard input.
fn piped(place: &Place, words: &[&str], given: &str) -> Output {
    piped_bytes(place, words, given.as_bytes())
}

fn piped_bytes(place: &Place, words: &[&str], given: &[u8]) -> Output {
    let mut child = place
        .command(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dropcap starts");
    child.stdin.take().expect("piped").write_all(given).expect("written");
    child.wait_with_output().expect("it ends")
}

#[test]
fn what_several_share_is_changed_once_or_the_other_is_named() {
    let shared = "\
apiVersion: v1
kind: Pod
metadata: { name: web }
spec:
  containers:
    - name: one
      image: a
      securityContext: &hard
        capabilities:
          drop: [all]
    - name: two
      image: b
      securityContext: *hard
";
    let place = Place::new(shared);
    let output = place.run(&["web.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(place.now(), shared.replace("[all]", "[ALL]"));
    // One that somebody answers for stays as it is, and so does what it shares.
    let ignored = shared.replace(
        "    - name: two\n",
        "    # dropcap: ignore[capability-spelling] the old linter wants it so\n    - name: two\n",
    );
    let place = Place::new(&ignored);
    let output = place.run(&["web.yaml"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert_eq!(place.now(), ignored);
    insta::assert_snapshot!("fix_shared", said(&output));
}

const COMPOSE: &str = "\
# The shop.
x-app: &app
  restart: unless-stopped
  cap_drop: [all]
services:
  web:
    <<: *app
    image: shop/web
    user: \"0\"
    cap_add:
      - CAP_NET_ADMIN  # the tunnel
    ports:
      - \"443:8443\"
  jobs:
    <<: *app
    image: shop/jobs
    user: \"0\"
  db:
    image: postgres:17
    security_opt:
      - no-new-privileges:true
    volumes:
      - data:/var/lib/postgresql/data
volumes:
  data:
";

#[test]
fn compose_is_edited_in_its_own_words() {
    let place = Place::new("");
    let file = place.0.path().join("compose.yaml");
    fs::write(&file, COMPOSE).expect("written");
    let now = || fs::read_to_string(&file).expect("it is there");
    insta::assert_snapshot!("fix_compose", said(&place.run(&["compose.yaml"])));
    let safe = COMPOSE.replace("[all]", "[ALL]");
    assert_eq!(now(), safe);
    insta::assert_snapshot!(
        "fix_compose_diff",
        said(&place.run(&["--diff", "--unsafe-fixes", "compose.yaml"]))
    );
    assert_eq!(place.run(&["--unsafe-fixes", "compose.yaml"]).status.code(), Some(0));
    let dropped = "      - no-new-privileges:true\n    cap_drop:\n      - ALL\n";
    assert_eq!(
        now(),
        safe.replace("    cap_add:\n      - CAP_NET_ADMIN  # the tunnel\n", "")
            .replace("      - no-new-privileges:true\n", dropped)
    );
}

#[test]
fn json_from_standard_input_stays_json() {
    let place = Place::new("");
    let pod = r#"{"apiVersion":"v1","items":[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},"spec":{"containers":[{"name":"web","image":"a","securityContext":{"capabilities":{"drop":["all"]}}},{"name":"log","image":"b"}]}}],"kind":"List"}"#;
    let output = piped(&place, &["-"], pod);
    assert_eq!(text(&output.stdout), pod.replace("[\"all\"]", "[\"ALL\"]"));
    insta::assert_snapshot!("fix_json", text(&output.stderr));
    let output = piped(&place, &["--unsafe-fixes", "--quiet", "-"], pod);
    let expected = pod.replace("[\"all\"]", "[\"ALL\"]").replace(
        "\"image\":\"b\"",
        "\"image\":\"b\",\"securityContext\":{\"capabilities\":{\"drop\":[\"ALL\"]}}",
    );
    assert_eq!(text(&output.stdout), expected);
    // Compose, and what it is called there.
    let output = piped(&place, &["-"], COMPOSE);
    let next = "save what came in as FILE, then:\n    dropcap trace ctr/$(docker compose ps -q db) \
                --for 60s --patch FILE -c db\n";
    assert!(text(&output.stderr).contains(next), "{}", said(&output));
}

/// The second edit is possible only when the first is made: it is announced all the same.
#[test]
fn what_is_held_back_is_what_consent_makes() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: { name: web }\nspec:\n  containers:\n    - name: web\n      \
               securityContext: { runAsUser: 0, capabilities: { add: [CHOWN] } }\n";
    let place = Place::new(pod);
    insta::assert_snapshot!("fix_in_turn", said(&place.run(&["web.yaml"])));
    let with = place.run(&["--unsafe-fixes", "--diff", "web.yaml"]);
    assert!(text(&with.stderr).ends_with("2 edits to make in 1 file\n"), "{}", said(&with));
    let check = place.0.command(&["check", "web.yaml"]).output().expect("dropcap runs");
    let said = text(&check.stdout);
    assert!(said.contains("\n2 unsafe edits with --unsafe-fixes, at your own risk\n"), "{said}");
}

#[test]
fn a_bundles_lists_are_edited_where_they_stand() {
    let bundle = r#"{
  "ociVersion": "1.2.0",
  "process": {
    "user": {"uid": 0},
    "args": ["sh"],
    "cwd": "/",
    "noNewPrivileges": true,
    "capabilities": {
      "bounding": ["CAP_SYS_ADMIN", "CAP_KILL"],
      "effective": ["CAP_KILL", "CAP_SYS_ADMIN"],
      "permitted": ["CAP_SYS_ADMIN", "CAP_KILL"],
      "inheritable": ["CAP_SYS_ADMIN"]
    }
  }
}
"#;
    let place = Place::new(bundle);
    insta::assert_snapshot!("fix_oci", said(&place.run(&["web.yaml"])));
    assert_eq!(place.now(), bundle);
    assert_eq!(place.run(&["--unsafe-fixes", "web.yaml"]).status.code(), Some(0));
    let after = bundle
        .replace("[\"CAP_SYS_ADMIN\", \"CAP_KILL\"]", "[\"CAP_KILL\"]")
        .replace("[\"CAP_KILL\", \"CAP_SYS_ADMIN\"]", "[\"CAP_KILL\"]")
        .replace("[\"CAP_SYS_ADMIN\"]", "[]");
    assert_eq!(place.now(), after);
}

#[test]
fn a_file_with_an_error_is_left_alone() {
    let broken =
        format!("{DEPLOYMENT}---\napiVersion: v1\nkind: Pod\nmetadata: {{ name: x }}\nspec:\n");
    let place = Place::new(&broken);
    let output = place.run(&["--unsafe-fixes", "web.yaml"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert_eq!(place.now(), broken);
    assert!(text(&output.stderr).contains("web.yaml: left as it is"), "{}", said(&output));
}

#[test]
fn who_knows_the_image_may_say_so() {
    let sealed = "\
apiVersion: v1
kind: Pod
metadata: { name: web }
spec:
  containers:
    - name: web
      image: app
      securityContext:
        runAsUser: 1000
        allowPrivilegeEscalation: false
";
    let place = Place::new(sealed);
    let output = place.run(&["web.yaml"]);
    assert_eq!(place.now(), sealed, "nobody has looked into the image");
    insta::assert_snapshot!("fix_sealed", said(&output));
    let output = place.run(&["--no-file-caps", "web.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let dropped = "        capabilities:\n          drop:\n            - ALL\n";
    assert_eq!(place.now(), format!("{sealed}{dropped}"));
}

/// The second has another name elsewhere, which would keep the old text.
#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_written_keeps_no_other_from_it() {
    let files = ["a.yaml", "b.yaml", "c.yaml"].map(|name| (name, DEPLOYMENT));
    let folder = Folder::new(&files);
    let elsewhere = Folder::new(&[]);
    fs::hard_link(folder.path().join("b.yaml"), elsewhere.path().join("b")).expect("linked");
    let output = folder.command(&["fix", "."]).output().expect("dropcap runs");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let now = files.map(|(name, _)| fs::read_to_string(folder.path().join(name)).expect("there"));
    assert_eq!(now, [safe(), DEPLOYMENT.to_owned(), safe()]);
    let stderr = text(&output.stderr);
    let words: Vec<&str> = stderr.split_whitespace().collect();
    let all = "4 edits made in 2 files; 2 unsafe edits held back, --unsafe-fixes makes them; 1 file could \
               not be written";
    assert!(words.join(" ").contains(all), "{stderr}");
}

#[test]
fn what_is_not_written_is_said_of_the_lines_that_are_there() {
    let profile = "\
apiVersion: dropcap.dev/v1
kind: CapabilityProfile
metadata: {name: first}
spec:
  target: {workload: Pod/web, container: first}
  capabilities: {needed: [KILL]}
";
    let pod = "\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: first
    image: i
  - name: second
    image: i
";
    let folder = Folder::new(&[("p.yaml", profile), ("web.yaml", pod)]);
    let run = |words: &[&str]| {
        let words = [&["fix", "--incomplete", "--profile", "p.yaml", "web.yaml"], words].concat();
        let output = folder.command(&words).output().expect("dropcap runs");
        let stderr = text(&output.stderr);
        let held = stderr.lines().find(|line| line.starts_with("held back"));
        held.unwrap_or_else(|| panic!("{stderr}")).split(": ").next().expect("a place").to_owned()
    };
    assert_eq!(run(&["--diff"]), "held back web.yaml:8:11");
    assert_eq!(run(&["--check"]), "held back web.yaml:8:11");
    // Six lines are written above it.
    assert_eq!(run(&[]), "held back web.yaml:14:11");
}

/// Neither a line of the output nor of a patch can be forged by a name.
#[cfg(unix)]
#[test]
fn a_name_with_a_line_break_stays_on_its_line() {
    let folder = Folder::new(&[("a\n+b\"c.yaml", DEPLOYMENT)]);
    let output = folder.command(&["fix", "--diff", "."]).output().expect("dropcap runs");
    let stdout = text(&output.stdout);
    assert!(
        stdout.starts_with("--- \"a/a\\n+b\\\"c.yaml\"\n+++ \"b/a\\n+b\\\"c.yaml\"\n"),
        "{stdout}"
    );
    assert!(text(&output.stderr).contains("would fix a\\n+b\"c.yaml:"), "{}", said(&output));
    let check = folder.command(&["check", "."]).output().expect("dropcap runs");
    assert!(text(&check.stdout).contains("--> a\\n+b\"c.yaml:"), "{}", said(&check));
}

/// What is unsafe is not asked for, so that it is no error; but nobody is left to think that all is done.
#[test]
fn what_cannot_be_edited_is_said_without_consent_too() {
    // The lists of the other mean nothing, and stay.
    let text = "apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec:\n  containers:\n    - name: one\n      \
                securityContext:\n        runAsUser: 0\n        capabilities: &c { drop: [NET_RAW] }\n    - name: \
                two\n      securityContext: { privileged: true, capabilities: *c }\n";
    let place = Place::new(text);
    for more in [&[][..], &["--check"], &["--diff"]] {
        let output = place.run(&[&["web.yaml"], more].concat());
        let (now, said) = (place.now(), said(&output));
        assert_eq!((output.status.code(), now.as_str()), (Some(0), text), "{said}");
        assert!(said.contains("\nnot edited web.yaml:6:13: container `one`: `"), "{said}");
        assert!(said.contains("; 1 container cannot be edited, --unsafe-fixes"), "{said}");
    }
    // Then it is asked for.
    let asked = place.run(&["--unsafe-fixes", "web.yaml"]);
    assert_eq!(asked.status.code(), Some(2), "{}", said(&asked));
    assert!(!said(&asked).contains("not edited"), "{}", said(&asked));
}
