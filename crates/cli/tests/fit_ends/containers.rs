//! Containers, of an image and of a manifest.

use std::process::{Command, Output};

use testkit::Census;

use crate::{ENGINE, in_a_line, is_right_or_open, profile, said};

/// Fits containers of the busybox image, or of another.
fn fit(census: &mut Census, engine: &str, words: &[&str]) -> Output {
    let engine = format!("{ENGINE} {engine}");
    let mut fit = census.dropcap(&[&["fit", "--engine-args", &engine], words].concat());
    census.run(&mut fit)
}

#[test]
fn a_container_that_never_works_is_told_and_leaves_nothing() {
    testkit::needs!(root, podman, bpf, time);
    let mut census = Census::with_podman();
    let before = census.counts();
    let file = census.path("work/profile.yaml");
    let never = "fails even with everything";
    let image = testkit::image();
    let mut ended = 0;
    for (engine, options, script, says) in [
        ("", &["--until-exit"][..], "echo sorry >&2; exit 7", &["ended with status 7 | sorry"][..]),
        // Its own server came and went: killed is its child, as the first process of a container is not.
        ("", &["--tcp", "9"], "sh -c 'kill -SEGV $$'; exit $?", &["ended with status 139"]),
        (
            "",
            &["--timeout", "1s", "--test", "sleep 600"],
            "trap '' TERM; sleep 600 & sleep 600",
            &["not done after", "test took too long"],
        ),
        (
            "--tmpfs /data:size=64k",
            &["--until-exit"],
            "dd if=/dev/zero of=/data/x bs=1k count=100",
            &["No space left on device", "give its volume or its tmpfs more"],
        ),
    ] {
        let words = [&["--image", image, "-o", "profile.yaml"], options].concat();
        let output = fit(&mut census, engine, &[&words[..], &["--", "sh", "-c", script]].concat());
        let text = in_a_line(&said(&output));
        assert_eq!(output.status.code(), Some(1), "{script}: {text}");
        for says in says.iter().chain([&never]) {
            assert!(text.contains(says), "{script}: {says}: {text}");
        }
        assert_eq!(profile(&file).unwrap().0, "neverPasses", "{text}");
        std::fs::remove_file(&file).unwrap();
        ended += 1;
    }
    assert_eq!(ended, 4);
    assert!(census.seen() >= 4, "containers were seen: {}", census.seen());
    census.is_as(&before, "a container that never works");
}

/// An image with one program and nothing else.
fn bare_image(census: &Census) -> &'static str {
    const NAME: &str = "localhost/dropcap-test/bare:1";
    let root = census.path("work/bare");
    std::fs::create_dir(&root).unwrap();
    let busybox = testkit::need::find_program("busybox").unwrap();
    std::fs::copy(busybox, root.join("sleep")).unwrap();
    let file = root.join("Containerfile");
    std::fs::write(&file, "FROM scratch\nCOPY sleep /sleep\nHEALTHCHECK CMD echo up\n").unwrap();
    let build = ["build", "--format", "docker", "--network", "none", "--tag", NAME, "--file"];
    let built = census.podman().args(build).arg(&file).arg(&root).output().unwrap();
    assert!(built.status.success(), "{}", said(&built));
    NAME
}

#[test]
fn an_image_without_a_shell_or_a_program_is_told() {
    testkit::needs!(root, podman, bpf, time);
    let mut census = Census::with_podman();
    let image = bare_image(&census);
    let before = census.counts();
    for (words, status, says) in [
        (&["--until-exit", "--", "sh", "-c", "true"][..], 2, "an image without a shell"),
        (&["--until-exit", "--", "/no/such/program"], 2, "is the program in the image?"),
        // The HEALTHCHECK takes a shell.
        (&["--timeout", "2s", "--", "/sleep", "60"], 1, "--grant CAP lets it hold that"),
        // A test of this machine takes none.
        (
            &["--watch", "0s", "--no-probes", "--test", "true", "--", "/sleep", "60"],
            0,
            "passes with none",
        ),
    ] {
        let output = fit(&mut census, "", &[&["--image", image], words].concat());
        let text = in_a_line(&said(&output));
        assert_eq!(output.status.code(), Some(status), "{words:?}: {text}");
        assert!(text.contains(says), "{words:?}: {text}");
    }
    // Nobody tests it, and there was nothing to trace: it says so all the same.
    let output = fit(&mut census, "", &["--image", testkit::image(), "--", "/etc/passwd"]);
    let text = in_a_line(&said(&output));
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("nothing was traced: ") && text.contains("/etc/passwd"), "{text}");
    census.is_as(&before, "an image without a shell");
}

/// Each fifth run fails, counted outside of all containers: what is called proven is right.
#[test]
fn a_container_whose_test_fails_each_fifth_run_proves_nothing_wrong() {
    testkit::needs!(root, podman, bpf, time);
    let mut census = Census::with_podman();
    let image = testkit::image();
    let before = census.counts();
    let folder = census.path("work/count");
    std::fs::create_dir(&folder).unwrap();
    let volume = format!("-v {}:/count", folder.display());
    let script = "printf x >> /count/n; n=$(stat -c %s /count/n); test $((n % 5)) != 0 || exit 9; \
                  chown 33 /tmp";
    // The second run lies, which has what is needed.
    std::fs::write(folder.join("n"), "xxx").unwrap();
    let words = ["--image", image, "-q", "--json", "--until-exit", "--", "sh", "-c", script];
    assert!(!is_right_or_open(&fit(&mut census, &volume, &words), &["CHOWN"]));
    // A try more makes it right.
    std::fs::write(folder.join("n"), "xxx").unwrap();
    let retries = ["--image", image, "-q", "--json", "--until-exit", "--retries", "1"];
    let output = fit(&mut census, &volume, &[&retries[..], &["--", "sh", "-c", script]].concat());
    assert!(is_right_or_open(&output, &["CHOWN"]), "{}", said(&output));
    census.is_as(&before, "a test that lies");
}

/// A program that can be executed with a capability only needs it: it is no engine that fails.
#[test]
fn a_program_that_only_some_sets_can_execute_is_one_that_needs_them() {
    testkit::needs!(root, podman, bpf, time);
    let mut census = Census::with_podman();
    let before = census.counts();
    // A folder that root does not own: to enter it takes DAC_OVERRIDE.
    let folder = census.path("work/app");
    std::fs::create_dir(&folder).unwrap();
    let busybox = testkit::need::find_program("busybox").unwrap();
    testkit::programs::copy(&busybox, &folder.join("true"));
    for words in [["chmod", "700"], ["chown", "1000:1000"]] {
        let done = Command::new(words[0]).arg(words[1]).arg(&folder).status();
        assert!(done.unwrap().success());
    }
    let volume = format!("-v {}:/app:ro", folder.display());
    let words = ["--image", testkit::image(), "--json", "--until-exit", "--", "/app/true"];
    let output = fit(&mut census, &volume, &words);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let profile: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        profile["spec"]["capabilities"]["add"],
        serde_json::json!(["DAC_OVERRIDE"]),
        "{text}"
    );
    census.is_as(&before, "a program in a folder of somebody else");
}

/// The engine's own disk is full: such a failure says nothing of a set.
#[test]
fn a_full_disk_of_the_engine_is_no_failure_of_the_program() {
    testkit::needs!(root, podman, bpf, program("mount"));
    let mut census = Census::with_podman();
    let store = census.path("graph");
    std::fs::create_dir(&store).unwrap();
    let run = |program: &str, args: &[&str]| {
        assert!(Command::new(program).args(args).arg(&store).status().unwrap().success());
    };
    run("mount", &["-t", "tmpfs", "-o", "size=8m", "store"]);
    let before = census.counts();
    let script = "head -c 20000000 /dev/zero > /var-full";
    let words = ["--image", testkit::image(), "-o", "profile.yaml", "--until-exit"];
    let output = fit(&mut census, "", &[&words[..], &["--", "sh", "-c", script]].concat());
    let text = in_a_line(&said(&output));
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("is full, where podman keeps what containers write"), "{text}");
    assert!(text.contains("make room there"), "{text}");
    assert_eq!(profile(&census.path("work/profile.yaml")), None);
    census.is_as(&before, "a full disk");
    run("umount", &["--recursive"]);
}

/// A service of Compose and a Pod: what is executed in them counts beside a test that is named, and what
/// their environment says is there.
#[test]
fn probes_count_beside_a_named_test_and_compose_has_its_environment() {
    testkit::needs!(root, podman, bpf, time);
    let mut census = Census::with_podman();
    let image = testkit::image();
    let before = census.counts();
    std::fs::write(census.path("work/web.env"), "FROM_FILE='a # b'\nPORT=1\n").unwrap();
    let script = "touch /tmp/a; test \"$$FROM_FILE\" = 'a # b' || exit 5; \
                  test \"$$TITLE\" = \"a b\" || exit 6; httpd -f -p $$PORT";
    let compose = format!(
        "services:\n  web:\n    image: {image}\n    env_file: [web.env, {{path: none.env, required: false}}]\n    \
         environment: {{PORT: 8080, TITLE: a b, SECRET: }}\n    command: [sh, -c, {script:?}]\n    \
         healthcheck: {{test: [CMD, chown, '33', /tmp/a]}}\n"
    );
    let file = census.path("work/compose.yaml");
    let mut ended = 0;
    for (more, status, caps) in [(&[][..], 0, Some("CHOWN")), (&["--no-probes"], 0, None)] {
        std::fs::write(&file, &compose).unwrap();
        let test = ["-f", "compose.yaml", "-c", "web", "--tcp", "8080", "--quick", "--watch", "0s"];
        let output = fit(&mut census, "", &[&test[..], more].concat());
        let text = in_a_line(&said(&output));
        assert_eq!(output.status.code(), Some(status), "{text}");
        assert!(text.contains("env SECRET: its value is not in the manifest"), "{text}");
        assert_eq!(text.contains("is not run (asked for)"), caps.is_none(), "{text}");
        let written = std::fs::read_to_string(&file).unwrap();
        assert_eq!(written.contains("CHOWN"), caps.is_some(), "{written}");
        assert!(written.contains("ALL"), "{written}");
        ended += 1;
    }
    assert_eq!(ended, 2);
    census.is_as(&before, "a service of Compose");
}
