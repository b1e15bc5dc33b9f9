//! `dropcap check` with comments, a baseline and a `dropcap.toml`.

#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

use std::fs;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const CLOCK: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: clock
spec:
  containers:
    - name: clock
      securityContext:
        runAsUser: 0
        capabilities:
          drop: [ALL]
          add: [SYS_TIME]
";

/// A folder with these files, in which dropcap is run.
struct Place(tempfile::TempDir);

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        files.iter().for_each(|(name, text)| place.write(name, text));
        place
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("mkdir");
        fs::write(path, text).expect("written");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).expect("read")
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut dropcap = Command::new(testkit::dropcap());
        dropcap.args(words).current_dir(self.0.path()).stdin(Stdio::null());
        dropcap.env("NO_COLOR", "1").env("COLUMNS", "80");
        dropcap.output().expect("dropcap runs")
    }

    fn status(&self, words: &[&str]) -> Option<i32> {
        self.run(words).status.code()
    }

    fn json(&self, words: &[&str]) -> Value {
        let words: Vec<&str> = words.iter().chain(&["--format", "json"]).copied().collect();
        let output = self.run(&words);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn said(output: &Output) -> String {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    format!("status {:?}\n--- stdout\n{out}--- stderr\n{err}", output.status.code())
}

fn commented(comment: &str) -> String {
    CLOCK.replace("          add", &format!("          # dropcap: {comment}\n          add"))
}

#[test]
fn a_comment_with_a_reason_answers_for_a_finding() {
    let place =
        Place::new(&[("clock.yaml", &commented("ignore[dangerous-capability] it is a clock"))]);
    let output = place.run(&["check", "-v", "clock.yaml"]);
    assert_eq!(
        said(&output),
        "status Some(0)\n--- stdout\nclock.yaml:13:17: container `clock` adds SYS_TIME, power over the node \
         [dangerous-capability]: ignored: it is a clock\n\n--- stderr\nclean: 1 container in 1 file for \
         containerd 2.0 (assumed, see --runtime); 1 ignored inline\n"
    );
    let sarif: Value =
        serde_json::from_slice(&place.run(&["check", "--format", "sarif", "clock.yaml"]).stdout)
            .expect("JSON");
    let suppression = &sarif["runs"][0]["results"][0]["suppressions"][0];
    assert_eq!(suppression["kind"], "inSource");
    assert_eq!(suppression["location"]["physicalLocation"]["region"]["startLine"], 12);
    // What somebody answers for is not mended either.
    let fixed = place.run(&["fix", "--unsafe-fixes", "clock.yaml"]);
    assert_eq!(fixed.status.code(), Some(0));
    assert!(place.read("clock.yaml").contains("add: [SYS_TIME]"));
    place.write("clock.yaml", CLOCK);
    place.run(&["fix", "--unsafe-fixes", "clock.yaml"]);
    assert!(!place.read("clock.yaml").contains("SYS_TIME"));
}

#[test]
fn a_comment_without_a_reason_or_for_the_big_four_does_not() {
    let place = Place::new(&[
        ("mute.yaml", &commented("ignore[dangerous-capability]")),
        ("four.yaml", &commented("ignore[dangerous-capability] why not").replace("TIME", "ADMIN")),
    ]);
    let mute = said(&place.run(&["check", "mute.yaml"]));
    assert!(mute.starts_with("status Some(1)"), "{mute}");
    assert!(mute.contains("warning[inline-ignore]: this comment gives no reason"), "{mute}");
    insta::assert_snapshot!("standing_big_four", said(&place.run(&["check", "four.yaml"])));
}

#[test]
fn a_compose_file_has_comments_and_json_has_none() {
    let compose = "services:\n  # dropcap: ignore[dangerous-capability] a clock\n  clock:\n    image: c\n    \
                   user: root\n    cap_drop: [ALL]\n    cap_add: [SYS_TIME]\n";
    let json = "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"},\"spec\":{\"containers\":\
                [{\"name\":\"# dropcap: ignore[dangerous-capability] x\",\"securityContext\":{\"runAsUser\":0,\
                \"capabilities\":{\"drop\":[\"ALL\"],\"add\":[\"SYS_TIME\"]}}}]}}";
    let place = Place::new(&[("compose.yaml", compose), ("pod.json", json)]);
    let totals = |file: &str| place.json(&["check", file])["totals"].clone();
    assert_eq!(
        (&totals("compose.yaml")["ignored"], &totals("compose.yaml")["warnings"]),
        (&1.into(), &0.into())
    );
    assert_eq!(
        (&totals("pod.json")["ignored"], &totals("pod.json")["warnings"]),
        (&0.into(), &1.into())
    );
}

#[test]
fn a_baseline_lets_only_what_is_new_count() {
    let place = Place::new(&[("k8s/clock.yaml", CLOCK)]);
    assert_eq!(place.status(&["check", "k8s"]), Some(1));
    let output = place.run(&["check", "k8s", "--write-baseline", "known.json"]);
    assert_eq!(
        said(&output),
        "status Some(0)\n--- stdout\n--- stderr\nnote: 1 finding written to known.json\n"
    );
    insta::assert_snapshot!("standing_baseline", place.read("known.json"));
    let output = place.run(&["check", "k8s", "--baseline", "known.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(text(&output.stderr).ends_with("; 1 in the baseline\n"), "{}", said(&output));
    // From another folder, by another path, it is the same.
    let from = |folder: &str, words: &[&str]| {
        let mut dropcap = Command::new(testkit::dropcap());
        dropcap.args(words).current_dir(place.0.path().join(folder)).status().expect("runs").code()
    };
    assert_eq!(from("k8s", &["check", "-q", "clock.yaml", "--baseline", "../known.json"]), Some(0));
    // Worse is new; mended is told, and written away.
    place.write("k8s/clock.yaml", &CLOCK.replace("SYS_TIME", "SYS_TIME, SYS_ADMIN"));
    assert_eq!(place.status(&["check", "k8s", "--baseline", "known.json"]), Some(1));
    place.write("k8s/clock.yaml", &CLOCK.replace("          add: [SYS_TIME]\n", ""));
    let output = place.run(&["check", "k8s", "--baseline", "known.json"]);
    assert_eq!(output.status.code(), Some(0));
    let note = "note: 1 finding of known.json no longer found: --write-baseline known.json takes them out\n";
    assert!(text(&output.stderr).contains(note), "{}", said(&output));
    place.run(&["check", "k8s", "--write-baseline", "known.json"]);
    assert!(place.read("known.json").contains("\"findings\": []"));
    place.write("known.json", "{");
    assert_eq!(place.status(&["check", "k8s", "--baseline", "known.json"]), Some(2));
    assert_eq!(place.status(&["check", "k8s", "--baseline", "gone.json"]), Some(2));
}

#[test]
fn a_configuration_is_found_upwards_and_the_command_line_wins() {
    let place = Place::new(&[
        ("dropcap.toml", "fail-on = \"error\"\nruntime = \"crio@1.28\"\nexclude = [\"vendor/\"]\n"),
        ("k8s/clock.yaml", CLOCK),
        ("vendor/x/other.yaml", &CLOCK.replace("SYS_TIME", "SYS_ADMIN")),
        ("elsewhere/dropcap.toml", "[ignore]\ndangerous-capability = \"measured, see the page\"\n"),
        ("elsewhere/clock.yaml", CLOCK),
    ]);
    let output = place.run(&["check", "-v", "k8s/clock.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(
        said(&output).contains("for CRI-O") || said(&output).contains("on CRI-O"),
        "{}",
        said(&output)
    );
    assert!(
        text(&output.stderr).contains("dropcap.toml (--no-config for none)"),
        "{}",
        said(&output)
    );
    assert_eq!(place.status(&["check", "--fail-on", "warning", "k8s"]), Some(1));
    assert_eq!(place.status(&["check", "--no-config", "k8s"]), Some(1));
    let runtime = place.json(&["check", "k8s", "--runtime", "docker"])["runtime"].clone();
    assert_eq!(runtime, "docker");
    // What is left out is said.
    let output = place.run(&["check", "."]);
    assert!(text(&output.stderr).contains("leaves out 1 file"), "{}", said(&output));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let output = place.run(&["check", "elsewhere"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(text(&output.stderr).contains("turns off dangerous-capability"), "{}", said(&output));
    let output = place.run(&["check", "k8s", "elsewhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("under different configurations"), "{}", said(&output));
    assert_eq!(place.status(&["check", "--config", "dropcap.toml", "k8s", "elsewhere"]), Some(0));
    // The root of a repository ends the search.
    fs::create_dir_all(place.0.path().join("k8s/.git")).expect("mkdir");
    assert_eq!(place.status(&["check", "k8s/clock.yaml"]), Some(1));
}

#[test]
fn a_mistake_in_a_configuration_is_told_with_its_place() {
    let place = Place::new(&[("clock.yaml", CLOCK)]);
    for (toml, expected) in [
        ("fial-on = \"error\"\n", "error: dropcap.toml:1:1: unknown field `fial-on`"),
        ("\n[waivers]\napprover = 1\n", "error: dropcap.toml:3:1: unknown field `approver`"),
        (
            "fail-on = \"eror\"\n",
            "error: dropcap.toml:1:11: expected error, warning, note or never",
        ),
        ("runtime = \"containrd\"\n", "error: dropcap.toml:1:11: "),
        ("pod-security = \"strict\"\n", "error: dropcap.toml:1:16: "),
        (
            "[ignore]\nlow-port = \"\"\n",
            "error: dropcap.toml:2:12: `low-port` is ignored without a reason",
        ),
        ("[ignore]\nlow-prt = \"x\"\n", "error: dropcap.toml: unknown rule \"low-prt\""),
        ("ignore = [\"low-port\"]\n", "error: dropcap.toml:1:10: invalid type"),
        ("[waivers]\napprovers-dangerous = 0\n", "error: dropcap.toml:2:23: expected one approver"),
        ("runtime = docker\n", "error: dropcap.toml:1:11: "),
    ] {
        place.write("dropcap.toml", toml);
        let output = place.run(&["check", "clock.yaml"]);
        assert_eq!(output.status.code(), Some(2), "{toml}{}", said(&output));
        assert!(text(&output.stderr).starts_with(expected), "{toml}{}", said(&output));
    }
    place.write("dropcap.toml", "fial-on = \"error\"\n");
    let output = place.run(&["check", "clock.yaml"]);
    assert!(text(&output.stderr).ends_with("help: did you mean `fail-on`?\n"), "{}", said(&output));
}

#[test]
fn only_what_is_about_a_capability_is_shown_on_request() {
    let text = CLOCK.replace("SYS_TIME", "SYS_TIME, net_admin");
    let place = Place::new(&[("clock.yaml", &text)]);
    let rules = |words: &[&str]| -> Vec<String> {
        let json = place.json(words);
        let all = json["findings"].as_array().expect("findings").iter();
        all.map(|found| found["capabilities"].to_string()).collect()
    };
    assert_eq!(rules(&["check", "clock.yaml"]).len(), 3);
    assert_eq!(rules(&["check", "clock.yaml", "--holds", "cap_sys_time"]), ["[\"SYS_TIME\"]"]);
    assert_eq!(place.status(&["check", "clock.yaml", "--holds", "SYS_ADMIN"]), Some(0));
    assert_eq!(place.status(&["check", "clock.yaml", "--holds", "SYS_ADMN"]), Some(2));
}

/// A profile of something else.
const OTHER: &str = "\
apiVersion: dropcap.dev/v1
kind: CapabilityProfile
metadata: { name: other }
spec: { target: { image: 'other:1' }, capabilities: { needed: [CHOWN] } }
";

/// What docs/waivers.md shows is read as it stands.
#[test]
fn the_documented_files_are_read() {
    let page = include_str!("../../../docs/waivers.md");
    let blocks: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().expect("a block"))
        .collect();
    let [waivers, config] = blocks.as_slice() else { panic!("two files") };
    let place = Place::new(&[
        ("dropcap.toml", config),
        ("security/waivers.toml", waivers),
        ("kinds.toml", "kinds = []\n"),
        ("profiles/other.yaml", OTHER),
        ("vendor/clock.yaml", CLOCK),
        ("known.json", "{\"version\":1,\"runtime\":\"containerd@2.0\",\"findings\":[]}"),
        ("clock.yaml", CLOCK),
    ]);
    let output = place.run(&["check", "."]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("error[pod-security]"), "{}", said(&output));
    assert!(said(&output).contains("security/waivers.toml:3:1"), "{}", said(&output));
    assert!(text(&output.stderr).contains("leaves out 1 file"), "{}", said(&output));
}
