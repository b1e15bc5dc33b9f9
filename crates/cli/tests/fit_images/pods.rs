//! What a manifest says beside its command: who it is, its probes and hooks; and what a container does
//! once its test has passed.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::{engine_options, fit};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Fits a file of this content; what became of the file.
fn fitted(content: &str, more: &[&str]) -> (Output, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yaml");
    fs::write(&file, content).unwrap();
    let output = fit(&[&["-f", file.to_str().unwrap()], more].concat(), "");
    (output, fs::read_to_string(file).unwrap())
}

fn pod(script: &str, more: &str) -> String {
    let image = testkit::image();
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  hostAliases: []\n  containers:\n  \
         - name: web\n    image: {image}\n    command: [sh, -c, '{script}']\n{more}"
    )
}

#[test]
fn a_user_that_is_not_root_is_tried_as_it_would_be() {
    testkit::needs!(root, podman, bpf);
    let user =
        "    securityContext: {runAsUser: 33}\n    readinessProbe: {exec: {command: [id]}}\n";
    let image = testkit::image();
    let compose = format!(
        "services:\n  web:\n    image: {image}\n    user: \"33\"\n    command: [sleep, '60']\n    \
         healthcheck: {{test: [CMD, id]}}\n"
    );
    for content in testkit::sample(&[pod("sleep 60", user), compose]) {
        let (output, file) = fitted(content, &["--watch", "0s"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains("tried without") && said.contains("NET_RAW"), "{said}");
        assert!(file.contains("ALL") && !file.contains("add:"), "{file}");
    }
}

/// What Compose has of a health check decides whether the image's counts.
#[test]
fn a_health_check_that_is_switched_off_is_no_test() {
    testkit::needs!(root, podman, bpf, time);
    let image = testkit::image_with("checked", "HEALTHCHECK CMD chown 33 /tmp");
    let service = |check: &str| {
        format!(
            "services:\n  web:\n    image: {image}\n    command: [httpd, -f, -p, '8080']\n{check}"
        )
    };
    let content = service("    healthcheck: {disable: true}\n");
    let (output, file) = fitted(&content, &["--timeout", "1s"]);
    let (said, printed) = (text(&output.stderr), text(&output.stdout));
    assert_eq!(output.status.code(), Some(1), "{said}{printed}");
    assert!(printed.contains("traced, unproven") && !printed.contains("CHOWN"), "{printed}");
    assert_eq!(file, content);
    // Else Docker executes it, whatever else is asked.
    let (output, file) = fitted(&service(""), &["--tcp", "8080", "--watch", "0s"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(file.contains("- CHOWN"), "{file}");
}

#[test]
fn every_probe_and_the_hook_at_the_start_count() {
    testkit::needs!(root, podman, bpf, time);
    let more = "    readinessProbe: {tcpSocket: {port: 8080}}\n    \
                livenessProbe: {exec: {command: [chown, '33', /tmp/a]}}\n    \
                lifecycle:\n      postStart: {exec: {command: [chroot, /, 'true']}}\n      \
                preStop: {exec: {command: [sync]}}\n";
    let (output, file) =
        fitted(&pod("touch /tmp/a; httpd -f -p 8080", more), &["--allow-widen", "--watch", "0s"]);
    let (said, printed) = (text(&output.stderr), text(&output.stdout));
    assert_eq!(output.status.code(), Some(0), "{said}{printed}");
    assert!(file.contains("- CHOWN") && file.contains("- SYS_CHROOT"), "{file}");
    assert!(said.contains("preStop exec sync is not run"), "{said}");
    assert!(said.contains("hostAliases"), "{said}");
    let printed = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(printed.contains("sh -c touch /tmp/a; httpd"), "{printed}");
    assert!(printed.contains("readinessProbe and livenessProbe of container web"), "{printed}");
}

#[test]
fn what_ends_with_a_failure_just_after_its_test_has_failed() {
    testkit::needs!(root, podman, bpf);
    let script = "httpd -p 8080; sleep 0.5; chown 33 /tmp || exit 4; sleep 60";
    let words = ["--image", testkit::image(), "--tcp", "8080", "--json", "--", "sh", "-c", script];
    let output = fit(&words, "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let profile: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(profile["spec"]["capabilities"]["add"], serde_json::json!(["CHOWN"]));
    let search = &profile["status"]["searches"][0];
    assert!(search["test"].as_str().unwrap().ends_with("then watched for 2 s"), "{search}");
}

#[test]
fn ctrl_c_gives_what_has_passed_and_keeps_the_runs() {
    testkit::needs!(root, podman, bpf, program("kill"));
    let folder = tempfile::tempdir().unwrap();
    let (kept, file) = (folder.path().join("runs.json"), folder.path().join("pod.yaml"));
    fs::write(&file, pod("sleep 1; chown 33 /tmp", "")).unwrap();
    let mut command = Command::new(testkit::dropcap());
    command.args(["fit", "--engine-args", &engine_options(), "--until-exit", "-f"]).arg(&file);
    command.arg("--resume").arg(&kept);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let runs = || {
        let text = fs::read(&kept).unwrap_or_default();
        let content = serde_json::from_slice::<serde_json::Value>(&text).ok();
        content.and_then(|content| Some(content["trials"].as_array()?.len())).unwrap_or(0)
    };
    let end = Instant::now() + Duration::from_secs(60);
    while runs() < 2 {
        assert!(Instant::now() < end, "no runs are kept");
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let (said, printed) = (text(&output.stderr), text(&output.stdout));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(printed.contains("stopped") && printed.contains("CHOWN"), "{printed}");
    assert!(said.contains("the same command goes on") && runs() >= 2, "{said}");

    // Of the container as it was: of another nobody believes them.
    fs::write(&file, pod("sleep 1; chown 33 /tmp; chroot / true", "")).unwrap();
    let output = command.output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("which has changed since"), "{said}");
}
