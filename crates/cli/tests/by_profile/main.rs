//! `fix --profile` and `check --profile` as a user meets them.

#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

mod zero;

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use testkit::folder::{Folder, said, text};

#[path = "everywhere.rs"]
mod everywhere;

const SHOP: &str = include_str!("shop.yaml");
const WEB: &str = include_str!("web.profile.yaml");
const CLOCK: &str = include_str!("clock.profile.yaml");

/// A folder with the manifests and a folder of profiles, in which dropcap is run.
struct Place(Folder);

impl Place {
    fn new(profiles: &[(&str, &str)]) -> Self {
        let place = Self(Folder::new(&[("shop.yaml", SHOP)]));
        for (name, text) in profiles {
            place.put(&format!("profiles/{name}"), text);
        }
        place
    }

    fn put(&self, name: &str, text: &str) {
        self.0.put(name, text);
    }

    fn now(&self) -> String {
        fs::read_to_string(self.0.path().join("shop.yaml")).expect("it is there")
    }

    fn command(&self, words: &[&str]) -> Command {
        self.0.command(words)
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("dropcap runs")
    }
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn both() -> Place {
    Place::new(&[("web.profile.yaml", WEB), ("clock.profile.yaml", CLOCK)])
}

#[test]
fn a_folder_of_profiles_is_written_and_what_is_not_is_said() {
    let place = both();
    insta::assert_snapshot!(
        "check_before",
        said(&place.run(&["check", "--profile", "profiles", "shop.yaml"]))
    );
    let diff = place.run(&["fix", "--diff", "--explain", "--profile", "profiles", "shop.yaml"]);
    insta::assert_snapshot!("fix_diff_explain", said(&diff));
    assert_eq!(place.now(), SHOP);
    let check = place.run(&["fix", "-q", "--check", "--profile", "profiles", "shop.yaml"]);
    assert_eq!((code(&check), place.now()), (Some(1), SHOP.to_owned()));

    insta::assert_snapshot!(
        "fix",
        said(&place.run(&["fix", "--profile", "profiles", "shop.yaml"]))
    );
    insta::assert_snapshot!("fix_text", place.now());
    let written = place.now();
    let again = place.run(&["fix", "--profile", "profiles", "shop.yaml"]);
    insta::assert_snapshot!("fix_again", said(&again));
    assert_eq!(place.now(), written);
    let left = place.run(&[
        "check",
        "--select",
        "over-granted,missing-capability",
        "--profile",
        "profiles",
        "shop.yaml",
    ]);
    insta::assert_snapshot!("check_after", said(&left));

    // What a profile needs goes only if somebody takes it out by hand.
    let unsafe_fixes = place.run(&["fix", "--unsafe-fixes", "--profile", "profiles", "shop.yaml"]);
    assert_eq!(code(&unsafe_fixes), Some(0), "{}", said(&unsafe_fixes));
    assert!(place.now().contains("add: [CHOWN, KILL, SETUID"), "{}", place.now());
}

#[test]
fn more_than_it_has_takes_a_word_of_a_person() {
    let place = both();
    let widened = place.run(&[
        "fix",
        "--allow-widen",
        "--profile",
        "profiles/clock.profile.yaml",
        "shop.yaml",
    ]);
    insta::assert_snapshot!("fix_widened", said(&widened));
    assert!(place.now().contains("SYS_TIME"));
    let left = place.run(&[
        "check",
        "--select",
        "over-granted,missing-capability",
        "--profile",
        "profiles/clock.profile.yaml",
        "shop.yaml",
    ]);
    assert_eq!(code(&left), Some(0), "{}", said(&left));
}

#[test]
fn what_may_not_hold_is_said_and_not_written() {
    let incomplete = WEB
        .replace("startSeen: true", "startSeen: false")
        .replace("complete: true", "complete: false");
    let other = WEB.replace(
        "image: nginx:1.27",
        "image: nginx:1.26\n    workload: Deployment/web\n    container: web",
    );
    let old = WEB.replace("    kernel:", "    recorded: 2020-01-01T00:00:00Z\n    kernel:");
    for (name, profile, accept) in [
        ("incomplete", &incomplete, "--incomplete"),
        ("other_image", &other, "--other-image"),
        ("old", &old, "--profile-days=100000"),
    ] {
        assert_ne!(profile, WEB);
        let place = Place::new(&[("web.yaml", profile)]);
        let output = place.run(&["fix", "--profile", "profiles/web.yaml", "shop.yaml"]);
        let output = said(&output);
        // Its age grows.
        if name == "old" {
            assert!(
                output.starts_with("status Some(2)")
                    && output.contains(" days old, and 180 are allowed"),
                "{output}"
            );
        } else {
            insta::assert_snapshot!(format!("refused_{name}"), output);
            let check = place.run(&[
                "check",
                "--select",
                "profile-incomplete,profile-of-another-image,over-granted",
                "--profile",
                "profiles/web.yaml",
                "shop.yaml",
            ]);
            insta::assert_snapshot!(format!("found_{name}"), said(&check));
        }
        assert_eq!(place.now(), SHOP, "{name}");
        let output = place.run(&["fix", accept, "--profile", "profiles/web.yaml", "shop.yaml"]);
        assert_eq!(code(&output), Some(0), "{}", said(&output));
        assert_ne!(place.now(), SHOP, "{name}");
    }
    let place = Place::new(&[("a.yaml", WEB), ("b.yaml", WEB)]);
    let output = place.run(&["fix", "--profile", "profiles", "shop.yaml"]);
    insta::assert_snapshot!("refused_two", said(&output));
    assert_eq!(place.now(), SHOP);
}

#[test]
fn a_profile_of_nothing_here_is_no_silence() {
    let place = Place::new(&[
        ("api.yaml", &WEB.replace("nginx:1.27", "api:1")),
        ("command.yaml", &WEB.replace("    image: nginx:1.27\n", "    command: [nginx]\n")),
        ("which.yaml", &WEB.replace("image: nginx:1.27", "workload: Deployment/web")),
        ("pod.yaml", &WEB.replace("image: nginx:1.27", "workload: Pod/web-7d4b9c-x2x")),
    ]);
    for name in ["api", "command", "which", "pod"] {
        let file = format!("profiles/{name}.yaml");
        let output = place.run(&["fix", "--profile", &file, "shop.yaml"]);
        insta::assert_snapshot!(format!("unused_{name}"), said(&output));
        assert_eq!(place.now(), SHOP);
    }
    for (path, error) in [
        ("profiles/none.yaml", "error: profiles/none.yaml: cannot be read: "),
        ("shop.yaml", "error: shop.yaml: holds several YAML documents, and one is expected"),
        (".", "error: .: no profile in it\n"),
    ] {
        let output = place.run(&["check", "--profile", path, "shop.yaml"]);
        assert_eq!(code(&output), Some(2));
        assert!(text(&output.stderr).starts_with(error), "{}", said(&output));
    }
}

#[test]
fn a_configuration_names_profiles_and_how_old_they_may_be() {
    let place = both();
    place.put("dropcap.toml", "profiles = [\"profiles/\"]\nprofile-days = 30\n");
    let select = "over-granted,missing-capability";
    let named = place.run(&["check", "--select", select, "--profile", "profiles", "shop.yaml"]);
    let configured = place.run(&["check", "--select", select, "shop.yaml"]);
    assert_eq!(said(&configured), said(&named));
    let none = place.run(&["check", "--no-config", "--select", select, "shop.yaml"]);
    assert_eq!((code(&none), text(&none.stdout)), (Some(0), String::new()), "{}", said(&none));
    place.put("dropcap.toml", "profile-days = 0\n");
    let output = place.run(&["check", "shop.yaml"]);
    assert_eq!(text(&output.stderr), "error: dropcap.toml:1:16: expected one day at least\n");
}

#[test]
fn every_format_has_what_a_profile_says() {
    let place = both();
    let check = |format: &str| {
        let output =
            place.run(&["check", "--format", format, "--profile", "profiles", "shop.yaml"]);
        assert_eq!(code(&output), Some(1), "{}", said(&output));
        text(&output.stdout)
    };
    let json: serde_json::Value = serde_json::from_str(&check("json")).expect("JSON");
    assert_eq!(json["totals"]["profileFixes"], 2);
    let found = |rule: &str| {
        let findings = json["findings"].as_array().expect("findings");
        findings.iter().filter(|finding| finding["rule"] == rule).count()
    };
    assert_eq!((found("over-granted"), found("missing-capability")), (2, 1));
    for format in ["sarif", "junit", "github"] {
        let output = check(format);
        assert!(output.contains("over-granted") || output.contains("does not need"), "{output}");
        assert!(output.contains("will break at set the clock by clock (main)"), "{output}");
    }
    // A comment about it counts with a profile, and without one is not called idle.
    place.put(
        "own.yaml",
        &SHOP.replace("# the page", "").replace(
            "add: [SYS_ADMIN, SETUID]",
            "# dropcap: ignore[over-granted] a plugin needs it\n              add: [SETUID, KILL]",
        ),
    );
    let select = "over-granted,inline-ignore";
    for (profile, ignored) in [(&["--profile", "profiles"][..], 1), (&[], 0)] {
        let words =
            [&["check", "--format", "json", "--select", select, "own.yaml"], profile].concat();
        let json: serde_json::Value =
            serde_json::from_slice(&place.run(&words).stdout).expect("JSON");
        let rules = json["findings"].as_array().expect("findings").iter();
        assert!(rules.clone().all(|found| found["rule"] == "over-granted"), "{json}");
        assert_eq!(json["totals"]["ignored"], ignored, "{json}");
    }
    // Without a profile none of it is there.
    let bare = text(&place.run(&["check", "--format", "json", "shop.yaml"]).stdout);
    assert!(!bare.contains("over-granted") && !bare.contains("missing-capability"), "{bare}");
}

#[test]
fn standard_input_comes_out_by_profile() {
    let place = both();
    let mut child = place
        .command(&["fix", "-q", "--profile", "profiles", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dropcap starts");
    child.stdin.take().expect("piped").write_all(SHOP.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(code(&output), Some(0), "{}", said(&output));
    place.run(&["fix", "-q", "--profile", "profiles", "shop.yaml"]);
    assert_eq!(text(&output.stdout), place.now());
}

#[test]
fn a_configuration_is_no_consent_to_what_was_traced_only() {
    let place = both();
    place.put("dropcap.toml", "profiles = [\"profiles/\"]\n");
    let output = place.run(&["fix", "shop.yaml"]);
    insta::assert_snapshot!("configured", said(&output));
    // The clock's is proven, that of the web page is not.
    let held_back = place.now();
    assert!(held_back.contains("image: nginx:1.27 # the page\n        - name: log"), "{held_back}");
    assert!(held_back.contains("add: [SETUID]"), "{held_back}");
    for agreed in [&["--unsafe-fixes"][..], &["--profile", "profiles"]] {
        place.put("shop.yaml", SHOP);
        let output = place.run(&[&["fix", "shop.yaml"], agreed].concat());
        assert!(place.now().contains("add: [CHOWN, KILL, SETUID"), "{}", said(&output));
    }
}

#[test]
fn an_init_container_of_the_image_is_not_what_was_proven() {
    let proven = CLOCK
        .replace("    workload: Pod/clock-x2x4c\n    namespace: shop\n    container: clock\n", "")
        .replace("image: clock:2\n", "image: clock:2\n    command: [\"true\"]\n");
    let place = Place::new(&[("clock.yaml", &proven)]);
    let pod = |key: &str, command: &str| {
        let more = match key {
            "containers" => "",
            _ => "  containers:\n    - { name: main, image: main }\n",
        };
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{ name: web }}\nspec:\n  {key}:\n    - name: own\n      \
             image: docker.io/library/clock:2\n      command: {command}\n      securityContext: {{ \
             runAsUser: 0 }}\n{more}"
        )
    };
    for (key, command, hint) in [
        ("initContainers", "[\"true\"]", "container own, which is no regular one and may do"),
        (
            "containers",
            "[chown, \"33\", /x]",
            "container own, which runs \"chown 33 /x\", and what",
        ),
    ] {
        let text = pod(key, command);
        place.put("own.yaml", &text);
        let output = place.run(&["fix", "--profile", "profiles", "own.yaml"]);
        let said = said(&output);
        assert!(code(&output) == Some(2) && said.contains(hint), "{said}");
        assert_eq!(fs::read_to_string(place.0.path().join("own.yaml")).expect("there"), text);
    }
    place.put("own.yaml", &pod("containers", "[\"true\"]"));
    let output = place.run(&["fix", "--profile", "profiles", "own.yaml"]);
    assert_eq!(code(&output), Some(0), "{}", said(&output));
    let text = fs::read_to_string(place.0.path().join("own.yaml")).expect("there");
    assert!(text.contains("ALL"), "{text}");
    // Learnt as a user whom somebody chose, it is not about root.
    let as_user = proven.replace("    command:", "    user: 33\n    command:");
    place.put("profiles/clock.yaml", &as_user);
    place.put("own.yaml", &pod("containers", "[\"true\"]"));
    let output = place.run(&["fix", "--profile", "profiles", "own.yaml"]);
    insta::assert_snapshot!("refused_other_user", said(&output));
    let check =
        ["check", "--select", "profile-of-another-image", "--profile", "profiles", "own.yaml"];
    insta::assert_snapshot!("found_other_user", said(&place.run(&check)));
}
