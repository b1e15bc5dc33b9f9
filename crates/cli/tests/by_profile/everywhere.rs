//! What a profile's edit leaves alone, and what it says of that: on every runtime that reads such a file.

use super::{code, fs, text};
use testkit::folder::{Folder, said};

const HEAD: &str = "apiVersion: dropcap.dev/v1\nkind: CapabilityProfile\nmetadata: { name: own }\n";

const RUNS: &str = "
  runs:
  - id: \"0011223344556677\"
    kernel: 6.12.0
    architecture: x86_64
    backend: tp_btf
    target: { command: { argv: [own] } }
    startSeen: true
    durationMs: 60000
";

/// A profile of the image `own:1` that needs these, each in an `anyOf`; proven if there is a test.
fn profile(target: &str, needs: &[&str], proven: bool) -> String {
    let mut text = format!("{HEAD}spec:\n  target: {{ image: \"own:1\"{target} }}\n");
    let first = |need: &str| need.split(", ").next().unwrap_or_default().to_owned();
    let names: Vec<String> = needs.iter().map(|need| first(need)).collect();
    let names = names.join(", ");
    text += &format!("  capabilities: {{ needed: [{names}] }}\n  evidence:\n");
    for need in needs {
        text += &format!(
            "  - anyOf: [{need}]\n    stated: needed\n    uses:\n    - {{ what: use it, by: own (main), \
             verdict: needed, count: 1, firstMs: 1, lastMs: 1 }}\n"
        );
    }
    if needs.is_empty() {
        text = text.replace("  evidence:\n", "");
    }
    text += "status:\n  complete: true";
    text += RUNS;
    if proven {
        text += &format!(
            "  proof: proven\n  proofs:\n  - {{ capabilities: [{names}], test: it works, trials: 4 }}\n"
        );
    }
    text
}

fn pod(security: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{ name: own }}\nspec:\n  containers:\n    - name: own\n      image: \
         own:1\n      securityContext:\n        {security}\n"
    )
}

/// What `fix --profile` says and writes.
fn fixed(profile: &str, file: (&str, &str), more: &[&str]) -> String {
    let folder = Folder::new(&[("own.profile.yaml", profile), file]);
    let words = [&["fix", "--profile", "own.profile.yaml", file.0], more].concat();
    let output = folder.run(&words);
    let now = fs::read_to_string(folder.path().join(file.0)).expect("it is there");
    let lists: Vec<&str> = now.lines().skip_while(|line| !line.contains("image:")).collect();
    // A second run changes nothing, and ends alike.
    let again = folder.run(&words);
    let then = fs::read_to_string(folder.path().join(file.0)).expect("it is there");
    assert_eq!((code(&again), then), (code(&output), now.clone()), "{}", said(&again));
    format!("{}--\n{}\n", said(&output), lists.join("\n"))
}

#[test]
fn what_is_held_on_one_runtime_alone_is_not_taken() {
    let vpn = profile("", &["NET_ADMIN"], true);
    let text = pod("capabilities: { drop: [ALL], add: [CAP_NET_ADMIN, SYS_TIME] }");
    insta::assert_snapshot!("held_on_one", fixed(&vpn, ("pod.yaml", &text), &[]));
    let widened = fixed(&vpn, ("pod.yaml", &text), &["--allow-widen", "--explain"]);
    insta::assert_snapshot!("widened_on_others", widened);
}

#[test]
fn every_engine_that_reads_a_compose_file_is_asked() {
    let raw = profile("", &["NET_RAW"], false);
    let service = "services:\n  own:\n    image: own:1\n    user: \"0\"\n";
    insta::assert_snapshot!("compose", fixed(&raw, ("compose.yaml", service), &[]));
}

/// Of containers that were made for it, with what the image says.
const SEARCHES: &str = "  searches:
  - test: it works
    place: container
    found: proven
    start: [KILL]
    minimum: [KILL]
    withoutNewDenials: [KILL]
    runs:
    - { capabilities: [KILL], purpose: all it may have, passed: true, durationMs: 900, traced: true }
";

/// Podman makes ambient what is added for a user that is not root: an image of which containers were made, and
/// started as root, has none. Who started one that was only watched may have chosen root.
#[test]
fn who_made_containers_of_an_image_knows_whether_its_user_is_root() {
    let service = "services:\n  own:\n    image: own:1\n";
    let kill = profile("", &["KILL"], true);
    let of = |watched: &str, searches: &str| {
        let target = "{ container: { id: \"0\", engine: docker, image: \"own:1\" } }";
        let text = kill.replace("{ command: { argv: [own] } }", target);
        let text = text.replace("startSeen: true", &format!("startSeen: true{watched}"));
        let text = format!("{text}{searches}");
        let folder = Folder::new(&[("own.profile.yaml", &text), ("compose.yaml", service)]);
        let output = folder.run(&["fix", "--profile", "own.profile.yaml", "compose.yaml"]);
        let now = fs::read_to_string(folder.path().join("compose.yaml")).expect("it is there");
        let said = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        (code(&output), now.contains("cap_add:"), said)
    };
    let as_root = "\n    asRoot: true";
    let root = of(as_root, SEARCHES);
    assert_eq!((root.0, root.1), (Some(0), true), "{}", root.2);
    let nobody_knows = [("", SEARCHES), ("\n    asRoot: false", SEARCHES), (as_root, "")];
    for (watched, searches) in nobody_knows {
        let refused = of(watched, searches);
        assert_eq!((refused.0, refused.1), (Some(2), false), "{}", refused.2);
        assert!(refused.2.contains("unless its image's user is root"), "{}", refused.2);
    }
}

#[test]
fn a_proof_is_of_the_user_it_was_made_as() {
    let text = pod("runAsUser: 33");
    let needs = ["SETUID"];
    let (same, own) = (profile(", user: 33", &needs, true), profile("", &needs, true));
    insta::assert_snapshot!("as_the_same_user", fixed(&same, ("pod.yaml", &text), &[]));
    insta::assert_snapshot!("as_the_images_user", fixed(&own, ("pod.yaml", &text), &[]));
    // What was needed as this user is missing, and nobody was root.
    let folder = Folder::new(&[
        ("own.profile.yaml", &same),
        ("pod.yaml", &pod("{ runAsUser: 33, capabilities: { drop: [ALL] } }")),
    ]);
    let words = ["check", "--select", "missing-capability", "--profile", "own.profile.yaml"];
    let output = folder.run(&[&words[..], &["pod.yaml"]].concat());
    insta::assert_snapshot!("missing_as_the_same_user", said(&output));
}

#[test]
fn what_somebody_answers_for_stays() {
    let none = profile("", &["CHOWN"], false);
    let text = pod(
        "capabilities:\n          drop: [ALL]\n          add:\n            - CHOWN\n            - NET_RAW \
                    # dropcap: ignore[dangerous-capability] ping\n            - NET_ADMIN",
    );
    insta::assert_snapshot!("answered_word", fixed(&none, ("pod.yaml", &text), &[]));
    let spelt = pod(
        "capabilities:\n          # dropcap: ignore[capability-spelling] as we like it\n          \
                     drop: [all]",
    );
    insta::assert_snapshot!("answered_spelling", fixed(&none, ("pod.yaml", &spelt), &[]));
    // Without the Big Four, which take a waiver.
    let whole = pod("capabilities: { drop: [CHOWN, DAC_OVERRIDE] }");
    let whole =
        whole.replace("- name: own\n", "- name: own # dropcap: ignore[drop-all-missing] old\n");
    insta::assert_snapshot!("answered_container", fixed(&none, ("pod.yaml", &whole), &[]));
}

/// What is written is told, though what it has become is nobody's business but of who answers for it.
#[test]
fn what_was_written_beside_what_stays_is_told() {
    let none = profile("", &["CHOWN"], true);
    let text = pod(
        "capabilities:\n          add: [SYS_TIME] # dropcap: ignore[dangerous-capability] it sets the clock",
    );
    let text =
        text.replace("- name: own\n", "- name: own # dropcap: ignore[over-granted] we know\n");
    let folder = Folder::new(&[("own.profile.yaml", &none), ("pod.yaml", &text)]);
    let run = |more: &[&str]| {
        let words = ["fix", "--unsafe-fixes", "--profile", "own.profile.yaml", "pod.yaml"];
        folder.run(&[&words, more].concat())
    };
    let checked = run(&["--check"]);
    assert_eq!(code(&checked), Some(1), "{}", said(&checked));
    let output = run(&[]);
    let now = fs::read_to_string(folder.path().join("pod.yaml")).expect("it is there");
    assert_ne!(now, text);
    assert!(text_of(&output).contains("1 edit made in 1 file"), "{}", said(&output));
}

#[test]
fn nothing_seen_is_not_nothing_needed() {
    let none = profile("", &[], false);
    let text = pod("runAsUser: 0");
    insta::assert_snapshot!("nothing_seen", fixed(&none, ("pod.yaml", &text), &[]));
    let forced = fixed(&none, ("pod.yaml", &text), &["--unsafe-fixes"]);
    assert!(forced.contains("drop `ALL`, add nothing"), "{forced}");
    // The command that is named has the words by which it was taken until here.
    let by_hand = "apiVersion: dropcap.dev/v1\nkind: CapabilityProfile\nmetadata: { name: web }\nspec:\n  \
                   target: { image: \"own:2\", workload: Pod/own }\n  capabilities: { needed: [] }\n";
    let taken = fixed(by_hand, ("pod.yaml", &text), &["--incomplete", "--other-image"]);
    for word in ["--unsafe-fixes", "--incomplete", "--other-image"] {
        assert!(taken.contains(word), "{taken}");
    }
    let folder = Folder::new(&[("own.profile.yaml", &none), ("pod.yaml", &text)]);
    let output = folder.run(&[
        "check",
        "--select",
        "over-granted",
        "--profile",
        "own.profile.yaml",
        "pod.yaml",
    ]);
    let said = text_of(&output);
    assert!(said.contains("1 unsafe edit with --unsafe-fixes"), "{said}");
    let proven = fixed(&profile("", &[], true), ("pod.yaml", &text), &[]);
    assert!(proven.contains("drop `ALL`, add nothing"), "{proven}");
}

fn text_of(output: &std::process::Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn what_serves_is_named_beside_what_needs_it() {
    let either = profile("", &["DAC_OVERRIDE, DAC_READ_SEARCH"], false);
    let text = pod("capabilities: { drop: [ALL], add: [DAC_READ_SEARCH] }");
    let folder = Folder::new(&[("own.profile.yaml", &either), ("pod.yaml", &text)]);
    let output = folder.run(&[
        "check",
        "--select",
        "dangerous-capability",
        "--profile",
        "own.profile.yaml",
        "pod.yaml",
    ]);
    insta::assert_snapshot!("serves_for", said(&output));
}

#[test]
fn an_image_pinned_by_the_digest_of_the_profile_is_met() {
    let digest = format!("sha256:{}", "1".repeat(64));
    let one = profile(&format!(", imageDigest: \"{digest}\""), &["SETUID"], false);
    for (name, met) in [
        (format!("own@{digest}"), true),
        (format!("own:2@{digest}"), true),
        (format!("docker.io/library/own@{digest}"), true),
        ("own:2".to_owned(), false),
        (format!("other@{digest}"), false),
    ] {
        let text = pod("runAsUser: 0").replace("own:1", &name);
        let folder = Folder::new(&[("own.profile.yaml", &one), ("pod.yaml", &text)]);
        let output = folder.run(&["fix", "--profile", "own.profile.yaml", "pod.yaml"]);
        assert_eq!(code(&output), Some(if met { 0 } else { 2 }), "{name}: {}", said(&output));
    }
}

/// The advice is about the one container, not about the other, of which nobody knows anything.
#[test]
fn what_a_profile_holds_back_is_told_once_and_its_advice_edits_no_other() {
    let nothing = profile("", &[], false);
    let text = format!("{}    - name: other\n      image: other:1\n", pod("{}"));
    let folder = Folder::new(&[("own.profile.yaml", &nothing), ("pod.yaml", &text)]);
    let profile = ["--profile", "own.profile.yaml", "pod.yaml"];
    let output = folder.run(&[&["fix"], &profile[..]].concat());
    let fix = said(&output);
    assert_eq!((code(&output), fix.matches("held back pod.yaml").count()), (Some(0), 2), "{fix}");
    assert!(fix.contains("; 2 unsafe edits held back"), "{fix}");
    assert!(fix.contains("dropcap fix --unsafe-fixes --select over-granted --profile "), "{fix}");
    let check = said(&folder.run(&[&["check"], &profile[..]].concat()));
    assert!(check.contains("2 unsafe edits with --unsafe-fixes"), "{check}");
    let advice = ["fix", "--unsafe-fixes", "--select", "over-granted"];
    let output = folder.run(&[&advice[..], &profile[..]].concat());
    assert_eq!(code(&output), Some(0), "{}", said(&output));
    let now = fs::read_to_string(folder.path().join("pod.yaml")).expect("it is there");
    assert_eq!(
        now.split("- name: other").map(|part| part.contains("ALL")).collect::<Vec<_>>(),
        [true, false]
    );
}
