//! An engine that is not there, is ended meanwhile, fails, or does not answer.

use std::process::Command;
use std::time::{Duration, Instant};

use testkit::Census;

use crate::{ENGINE, in_a_line, profile, said};

#[test]
fn an_engine_that_is_not_there_is_told() {
    testkit::needs!(root);
    let census = Census::new();
    let before = census.counts();
    for (engine, other) in [("podman", "docker"), ("docker", "podman")] {
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - {name: c, image: x}\n";
        std::fs::write(census.path("work/pod.yaml"), pod).unwrap();
        for what in [["--image", "x"], ["-f", "pod.yaml"]] {
            let words = [&["fit", "--engine", engine], &what[..], &["--until-exit"]].concat();
            let mut fit = census.dropcap(&words);
            let output = fit.env("PATH", census.path("bin")).output().unwrap();
            let text = in_a_line(&said(&output));
            assert_eq!(output.status.code(), Some(2), "{text}");
            assert!(text.contains(&format!("cannot run {engine}")), "{text}");
            assert!(text.contains(&format!("--engine {other}")), "{text}");
        }
    }
    census.is_as(&before, "no engine");
}

/// What the engine does in the middle of a search: the script, options of `fit` and the program, what is
/// said of it. The first container that is made is only looked at.
const FAULTS: &[(&str, &[&str], &str)] = &[
    // Its client goes, the container runs on and nobody attends to it.
    (
        "case \"$1 $made\" in 'start 2') for name do :; done; real \"$@\" & \
         until (real inspect --format '{{.State.Running}}' \"$name\") | grep -q true; do sleep 0.1; done; \
         kill -9 $!; exit 137 ;; esac",
        &["--test", "sleep 600", "--", "sleep", "600"],
        "has let go of the container while it ran",
    ),
    // It has no room for another container.
    (
        "case \"$1 $made\" in 'create 3') echo 'Error: no space left on device' >&2; exit 125 ;; esac",
        &["--until-exit", "--", "chown", "33", "/tmp"],
        "podman create failed: Error: no space left on device",
    ),
    // It is upgraded, say, and gone from one call to the next.
    (
        "case \"$1 $made\" in 'init 3') echo 'Error: lost' >&2; exit 125 ;; esac",
        &["--until-exit", "--", "chown", "33", "/tmp"],
        "podman init failed: Error: lost",
    ),
];

#[test]
fn an_engine_that_fails_meanwhile_is_no_failure_of_the_program() {
    testkit::needs!(root, podman, bpf, time);
    let mut census = Census::with_podman();
    let before = census.counts();
    let mut ended = 0;
    for (fault, more, says) in FAULTS {
        census.engine(fault);
        let words = ["fit", "--engine-args", ENGINE, "--image", testkit::image()];
        let kept = ["--resume", "runs.json", "-o", "profile.yaml"];
        let mut fit = census.dropcap(&[&words[..], &kept, more].concat());
        let output = census.run(&mut fit);
        let text = in_a_line(&said(&output));
        assert_eq!(output.status.code(), Some(2), "{fault}: {text}");
        assert!(text.contains(says), "{fault}: {text}");
        assert!(!census.path("work/profile.yaml").exists());
        // What was found until then is not lost.
        let kept = fault.contains(" 3'");
        assert_eq!(census.path("work/runs.json").exists(), kept, "{text}");
        assert_eq!(text.contains("the same command goes on"), kept, "{text}");
        let _ = std::fs::remove_file(census.path("work/runs.json"));
        census.engine("");
        census.is_as(&before, fault);
        ended += 1;
    }
    assert_eq!(ended, FAULTS.len());
}

/// The list was found and proven: what is tried after it takes nothing of that away.
#[test]
fn an_engine_that_fails_on_the_way_to_zero_takes_no_answer_away() {
    testkit::needs!(root, podman, bpf);
    let mut census = Census::with_podman();
    // Once there is a report of three runs, and of the container that is looked at before and after them.
    census.engine("case \"$1 $made\" in 'create 6') echo 'Error: lost' >&2; exit 125 ;; esac");
    let words = ["fit", "--engine-args", ENGINE, "--image", testkit::image(), "--quick"];
    let more = ["--try-zero", "-o", "profile.yaml", "--until-exit", "--", "chown", "33", "/tmp"];
    let mut fit = census.dropcap(&[&words[..], &more].concat());
    let output = census.run(&mut fit);
    let text = in_a_line(&said(&output));
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("podman create failed: Error: lost"), "{text}");
    assert!(text.contains("1 needed 3 runs"), "{text}");
    let found = profile(&census.path("work/profile.yaml"));
    assert_eq!(found, Some(("explained".to_owned(), vec!["CHOWN".to_owned()])), "{text}");
}

/// Nothing comes of it, and Ctrl-C does not wait for it for ever.
#[test]
fn an_engine_that_does_not_answer_is_given_up_when_somebody_says_so() {
    testkit::needs!(root, podman, bpf, program("kill"), program("pgrep"));
    let mut census = Census::with_podman();
    let before = census.counts();
    census.engine("case \"$1\" in init) sleep 600 ;; esac");
    let words = ["fit", "--engine-args", ENGINE, "--image", testkit::image(), "--until-exit"];
    let mut fit = census.dropcap(&[&words[..], &["--", "true"]].concat());
    let begun = Instant::now();
    let mut told = false;
    let hangs = format!("{} init", census.path("bin/podman").display());
    let waits = || {
        let found = Command::new("pgrep").args(["-f", &hangs]).output();
        found.unwrap().status.success()
    };
    let output = census.run_until(&mut fit, |child| {
        if !told && waits() {
            let pid = child.id().to_string();
            told = Command::new("kill").args(["-INT", &pid]).status().unwrap().success();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it is not given up");
    });
    let text = in_a_line(&said(&output));
    assert!(told, "{text}");
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("podman init does not come to an end"), "{text}");
    census.engine("");
    census.is_as(&before, "an engine that hangs");
}
