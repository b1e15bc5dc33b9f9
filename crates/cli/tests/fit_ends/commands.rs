//! Commands, on this machine as it is and in sandboxes.

use std::process::{Command, Output};

use testkit::Census;

use crate::{in_a_line, is_right_or_open, profile, said};

/// Where runs are made.
const PLACES: [&[&str]; 2] = [&[], &["--sandbox"]];

/// A search that ends badly: options, the program, its exit status, what a person reads, and what the
/// profile says; nothing is written where there is no answer at all.
struct End {
    options: &'static [&'static str],
    script: &'static str,
    status: i32,
    says: &'static [&'static str],
    found: Option<&'static str>,
}

const NEVER: &str = "fails even with everything";

const ENDS: &[End] = &[
    End {
        options: &[],
        script: "echo sorry >&2; exit 7",
        status: 1,
        says: &[NEVER, "ended with status 7 | sorry"],
        found: Some("neverPasses"),
    },
    End {
        options: &["--tcp", "9"],
        script: "kill -SEGV $$",
        status: 1,
        says: &[NEVER, "ended with signal 11"],
        found: Some("neverPasses"),
    },
    // While it is tested.
    End {
        options: &["--test", "sleep 0.4; false"],
        script: "sleep 0.2; echo gone; exit 3",
        status: 1,
        says: &[NEVER, "ended with status 3 | gone"],
        found: Some("neverPasses"),
    },
    // Just after its test has passed.
    End {
        options: &["--log", "^up$", "--watch", "5s"],
        script: "echo up; sleep 1; exit 4",
        status: 1,
        says: &[NEVER, "passed, and then ended with status 4"],
        found: Some("neverPasses"),
    },
    // It hangs at its start, and so do what it leaves behind and its test.
    End {
        options: &["--timeout", "0.3s", "--test", "sleep 600"],
        script: "setsid sleep 600 & sleep 600",
        status: 1,
        says: &[NEVER, "not done after 0.3 s", "test took too long"],
        found: Some("neverPasses"),
    },
    End {
        options: &["--until-exit"],
        script: "head -c 100000 /dev/zero > /dev/full",
        status: 1,
        says: &[NEVER, "No space left on device", "it found no room"],
        found: Some("neverPasses"),
    },
    End {
        options: &["--setup", "echo full >&2; exit 1"],
        script: "true",
        status: 2,
        says: &["the run was not made: setup ended with status 1: full"],
        found: None,
    },
    End {
        options: &["--teardown", "exit 1"],
        script: "true",
        status: 2,
        says: &["teardown ended with status 1", "the next run would start from what it has left"],
        found: None,
    },
];

#[test]
fn what_never_works_is_told_and_leaves_nothing() {
    testkit::needs!(root, program("setsid"));
    let mut census = Census::new();
    let before = census.counts();
    let mut ended = 0;
    for place in PLACES {
        for end in ENDS {
            let file = census.path("work/profile.yaml");
            let words = [&["fit", "--no-trace", "-o", "profile.yaml"], place, end.options].concat();
            let command = ["--", "/bin/sh", "-c", end.script];
            let mut fit = census.dropcap(&[&words[..], &command].concat());
            let output = census.run(&mut fit);
            let text = in_a_line(&said(&output));
            assert_eq!(output.status.code(), Some(end.status), "{}: {text}", end.script);
            for says in end.says {
                assert!(text.contains(says), "{}: {says}: {text}", end.script);
            }
            let found = profile(&file);
            assert_eq!(found.as_ref().map(|found| found.0.as_str()), end.found, "{text}");
            let _ = std::fs::remove_file(file);
            census.is_as(&before, end.script);
            ended += 1;
        }
    }
    assert_eq!(ended, 2 * ENDS.len());
    // A program that takes long enough was seen in its namespaces.
    assert!(census.seen() >= 5, "{}", census.seen());
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_the_first_run() {
    testkit::needs!(root);
    let census = Census::new();
    let before = census.counts();
    let at = |name: &str| census.path("work").join(name).to_str().unwrap().to_owned();
    let (none, ran, file, manifest) = (at("none/x"), at("ran"), at("x"), at("web.yaml"));
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: web\n    \
               image: localhost/none\n";
    std::fs::write(&manifest, pod).unwrap();
    let command = ["--no-trace", "--", "touch", &ran];
    let of_manifest = ["-f", &manifest, "--try-zero"];
    for (options, rest, says) in [
        (["-o", &none, "-q"], &command[..], "is its folder there?"),
        (["-o", "/dev/null", "-q"], &command, "not a regular file"),
        (["--report", &none, "-q"], &command, "is its folder there?"),
        (["--resume", &none, "-q"], &command, "is its folder there?"),
        (["-q", "--zero-patch", &none], &of_manifest, "is its folder there?"),
        (["-q", "--zero-patch", &manifest], &of_manifest, "that is the file of the manifest"),
        (["-o", &file, &format!("--report={file}")], &command, "that is the file of --output"),
    ] {
        let words = [&["fit"], &options[..], rest].concat();
        let output = census.dropcap(&words).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(says), "{options:?}: {}", said(&output));
    }
    let left = std::fs::read_dir(census.path("work")).unwrap().count();
    assert_eq!(left, 1, "nothing was run or written");
    census.is_as(&before, "files that cannot be written");
}

#[test]
fn no_such_program_is_told_also_where_the_sandbox_has_none() {
    testkit::needs!(root);
    let mut census = Census::new();
    let before = census.counts();
    let outside = tempfile::tempdir_in("/tmp").unwrap();
    let program = outside.path().join("program");
    testkit::programs::copy("/bin/true".as_ref(), &program);
    for (place, program, says) in [
        (&[][..], "/no/such/program", "no such program"),
        (&["--sandbox"], "/no/such/program", "no such program"),
        (&["--sandbox"], program.to_str().unwrap(), "the sandbox's /tmp is empty at first"),
    ] {
        let words = [&["fit", "--no-trace"], place, &["--", program]].concat();
        let mut fit = census.dropcap(&words);
        let output = census.run(&mut fit);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(says), "{}", said(&output));
    }
    // One that looks there for a file.
    let script = format!("cat {}", program.display());
    let mut fit = census.dropcap(&["fit", "--no-trace", "--sandbox", "--", "sh", "-c", &script]);
    let output = census.run(&mut fit);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("the sandbox's /tmp is empty at first"), "{}", said(&output));
    census.is_as(&before, "no such program");
}

/// Fails each fifth run, counted from outside of all sandboxes: by what it is given as descriptor 9.
fn lies(census: &mut Census, options: &[&str], phase: u32, deed: &str) -> Output {
    let count = census.path("work/count");
    std::fs::write(&count, "x".repeat(usize::try_from(phase).unwrap())).unwrap();
    let script = format!(
        "printf x >&9; n=$(stat -L -c %s /proc/self/fd/9); test $((n % 5)) != 0 || exit 9; {deed}"
    );
    let fit = census.dropcap(&[]);
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "exec 9>>count; exec \"$@\"", "sh"]).arg(fit.get_program());
    shell.args(["fit", "-q", "--json"]).args(options).args(["--", "/bin/sh", "-c", &script]);
    shell.current_dir(census.path("work")).stdin(std::process::Stdio::null());
    for (name, value) in fit.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    census.run(&mut shell)
}

/// Whatever the phase, traced or by runs alone: what is called proven is right.
#[test]
fn a_test_that_fails_each_fifth_run_proves_nothing_wrong() {
    testkit::needs!(root, bpf, program("stat"));
    let mut census = Census::new();
    let before = census.counts();
    let file = census.path("work/file");
    std::fs::write(&file, "").unwrap();
    let give = format!("chown 33 {}", file.display());
    let take = format!("chown 0 {}", file.display());
    let (mut proven, mut open) = (0, 0);
    let phases: Vec<u32> = testkit::sample(&[0, 1, 2, 3, 4]).copied().collect();
    for phase in &phases {
        for (options, deed) in [
            (&["--setup", take.as_str()][..], give.as_str()),
            (&["--sandbox"], "chown 33 /etc/hostname"),
            (&["--sandbox", "--no-trace"], "chown 33 /etc/hostname"),
        ] {
            let output = lies(&mut census, options, *phase, deed);
            let right = is_right_or_open(&output, &["CHOWN"]);
            *(if right { &mut proven } else { &mut open }) += 1;
        }
    }
    // Both come about, or this shows nothing.
    assert!(proven > 0 && open > 0, "{proven} {open}");
    assert_eq!(proven + open, 3 * phases.len());
    // With a try more each of them is right: no two tries in a row lie.
    let output = lies(&mut census, &["--sandbox", "--retries", "1"], 3, "chown 33 /etc/hostname");
    assert!(is_right_or_open(&output, &["CHOWN"]), "{}", said(&output));
    census.is_as(&before, "a test that lies");
}

/// A place that is full from some run on: what fails for want of room is not needed for that.
#[test]
fn what_finds_no_room_from_some_run_on_proves_nothing() {
    testkit::needs!(root, program("mount"));
    let mut census = Census::new();
    let small = census.path("work/small");
    std::fs::create_dir(&small).unwrap();
    let run = |program: &str, args: &[&str]| {
        assert!(Command::new(program).args(args).arg(&small).status().unwrap().success());
    };
    run("mount", &["-t", "tmpfs", "-o", "size=1m", "small"]);
    let before = census.counts();
    // Room for four runs.
    let script = "head -c 250000 /dev/zero >> small/log && chown 33 small";
    let words = ["fit", "--no-trace", "--setup", "true", "--json", "--", "/bin/sh", "-c", script];
    let mut fit = census.dropcap(&words);
    let output = census.run(&mut fit);
    assert!(!is_right_or_open(&output, &[]), "{}", said(&output));
    census.is_as(&before, "a full disk");
    // What is found and cannot be written is told all the same.
    let words = ["fit", "--sandbox", "--no-trace", "-o", "small/profile.yaml", "--", "true"];
    let mut fit = census.dropcap(&words);
    let output = census.run(&mut fit);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("passes with none"), "{text}");
    assert!(text.contains("small/profile.yaml") && text.contains("No space left"), "{text}");
    assert_eq!(profile(&census.path("work/small/profile.yaml")), None);
    let words = ["fit", "--sandbox", "--no-trace", "--", "true"];
    let mut fit = census.dropcap(&words);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = fit.stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("cannot write the output"), "{}", said(&output));
    census.is_as(&before, "a full disk");
    run("umount", &[]);
}
