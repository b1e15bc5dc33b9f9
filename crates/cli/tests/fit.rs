//! `dropcap fit`: what it finds, what it says, and what it leaves: nothing.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// dropcap, from a folder that is there in the sandbox, too.
fn dropcap(args: &[&str]) -> Command {
    let mut command = Command::new(testkit::dropcap());
    command.args(args).current_dir("/").env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

fn fit(options: &[&str], script: &str) -> Output {
    dropcap(&[&["fit"], options, &["--", "/bin/sh", "-c", script]].concat()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The profile that was printed, held against its schema.
fn profile(output: &Output) -> Value {
    let value: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", text(&output.stderr)));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/profile-v1.json");
    let schema = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    value
}

const GIVES: &str = "chown 33 /etc/hostname && chown 34 /etc/hostname 2>/dev/null; echo given";

#[test]
fn the_minimum_is_found_traced_or_not_and_every_run_is_kept() {
    testkit::needs!(root, bpf);
    for trace in [&[][..], &["--no-trace"]] {
        let options = [
            &["-q", "--sandbox", "--json", "--test", "test $(stat -c %u /etc/hostname) != 0"],
            trace,
        ]
        .concat();
        let output = fit(&options, GIVES);
        let profile = profile(&output);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(profile["spec"]["capabilities"]["add"], serde_json::json!(["CHOWN"]));
        assert_eq!(profile["status"]["proof"], "proven");
        let search = &profile["status"]["searches"][0];
        assert_eq!((&search["found"], &search["place"]), (&"proven".into(), &"sandbox".into()));
        let runs = search["runs"].as_array().unwrap();
        let failed: Vec<_> = runs.iter().filter(|run| run["passed"] == false).collect();
        assert!(failed.iter().any(|run| run["repeats"] == true), "{failed:?}");
        assert!(failed.iter().all(|run| run["said"].is_string()));
        if trace.is_empty() {
            // One with all, one with what is needed, two without, and once more what was found.
            assert_eq!(runs.len(), 5, "{runs:?}");
            assert_eq!(failed[0]["explained"], true);
            let denied = &failed[0]["denied"][0];
            assert_eq!(
                (&denied["anyOf"][0], &denied["returned"]),
                (&"CHOWN".into(), &"EPERM".into())
            );
            assert!(
                denied["what"].as_str().unwrap().starts_with("chown /etc/hostname"),
                "{denied}"
            );
            assert_eq!(profile["status"]["complete"], true);
        }
    }
    // Nothing of it happened here.
    assert_eq!(
        text(&Command::new("stat").args(["-c", "%u", "/etc/hostname"]).output().unwrap().stdout),
        "0\n"
    );
}

#[test]
fn it_says_what_it_does_and_what_it_found() {
    testkit::needs!(root, bpf);
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let file = folder.path().join("profile.yaml");
    let options = ["--sandbox", "--until-exit", "--log", "^given$", "-o", file.to_str().unwrap()];
    // Late in its time: what is done in the first half of it is done at start, and has another way out.
    let script = "set -e; sleep 0.5; chown 33 /etc/hostname; chroot / true; echo given";
    let output = fit(&options, script);
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r" +\d+\.\d+ s", " [T] s");
    settings.add_filter(r"/var/tmp/\S+", "[FILE]");
    settings.add_filter(r", at start", "");
    let said = format!("{}\n{}", text(&output.stderr), text(&output.stdout));
    settings.bind(|| insta::assert_snapshot!("fit_says", said));
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    let shown = dropcap(&["profile", "show", file.to_str().unwrap()]).output().unwrap();
    assert!(text(&shown.stdout).contains("proven in 7 runs"), "{}", text(&shown.stdout));
}

#[test]
fn what_never_passes_or_tests_nothing_has_its_own_exit_status() {
    testkit::needs!(root);
    let never = fit(&["--sandbox", "--no-trace"], "echo cannot >&2; exit 7");
    assert_eq!(never.status.code(), Some(1));
    let said = text(&never.stdout);
    assert!(
        said.contains("fails even with everything")
            && said.contains("ended with status 7 | cannot"),
        "{said}"
    );
    let wrong = |options: &[&str], says: &str| {
        let output = fit(options, "sleep 600");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says), "{said}");
    };
    wrong(&["--sandbox", "--no-trace", "--test", "true"], "the test passes without the program");
    wrong(&["--sandbox", "--no-trace", "--setup", "exit 3"], "setup ended with status 3");
    wrong(&["--sandbox", "--upper", "/no/such"], "/no/such");
    for option in ["--grant=all", "--diff", "--no-probes", "--engine-args=--rm"] {
        wrong(&["--sandbox", option], "is for containers");
    }
    wrong(&["--log", "x*"], "matches a program that prints nothing");
    wrong(&["--http", "https://localhost"], "no plain HTTP");
    let missing = dropcap(&["fit", "--sandbox", "--", "/no/such/program"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("/no/such/program"), "{}", text(&missing.stderr));
}

#[test]
fn of_quick_and_prove_the_last_one_counts() {
    testkit::needs!(root, bpf);
    for (options, says) in
        [(["--quick", "--prove"], "proven"), (["--prove", "--quick"], "explained")]
    {
        let fit = [&["fit", "--sandbox"], &options[..], &["--", "chown", "33", "/etc/hostname"]];
        let output = dropcap(&fit.concat()).output().unwrap();
        let said = text(&output.stdout);
        assert!(said.lines().any(|line| line.trim_start().starts_with(says)), "{said}");
    }
}

#[test]
fn what_an_earlier_run_left_proves_nothing() {
    testkit::needs!(root, bpf);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let once = |name: &str| {
        let d = at(name);
        format!("test -d {d} || {{ mkdir {d} && chown 33 {d}; }}; test $(stat -c %u {d}) = 33")
    };
    // Traced, the runs show it; untraced, nobody can tell.
    let traced = fit(&["--json"], &once("d"));
    assert_eq!(traced.status.code(), Some(1), "{}", text(&traced.stderr));
    assert_eq!(profile(&traced)["status"]["searches"][0]["found"], "passed");
    let said = text(&traced.stderr);
    assert!(said.contains("CHOWN was used in the first run and never asked for again"), "{said}");
    assert!(said.contains("--sandbox"), "{said}");
    let untraced = fit(&["--no-trace"], &once("e"));
    assert_eq!(untraced.status.code(), Some(1), "{}", text(&untraced.stderr));
    let alike = fit(&["--json", "--teardown", &format!("rm -r {}", at("f"))], &once("f"));
    assert_eq!(alike.status.code(), Some(0), "{}", text(&alike.stderr));
    assert_eq!(profile(&alike)["spec"]["capabilities"]["add"], serde_json::json!(["CHOWN"]));

    // What works once only is no failure for want of everything.
    let once = fit(&["--no-trace", "--setup", "true"], &format!("mkdir {}", at("g")));
    assert_eq!(once.status.code(), Some(1), "{}", text(&once.stdout));
    assert!(text(&once.stdout).contains("flaky"), "{}", text(&once.stdout));

    // A test that passes by what the first run made is found out before the second.
    let test = format!("test -s {}", at("out"));
    let passes = fit(&["--test", &test], &format!("echo x > {}; sleep 60", at("out")));
    let said = text(&passes.stderr);
    assert_eq!(passes.status.code(), Some(2), "{said}");
    assert!(
        said.contains("passes before the program is run") && said.contains("--setup"),
        "{said}"
    );
}

#[test]
fn what_goes_into_the_background_is_not_proven_by_its_end() {
    testkit::needs!(root, bpf);
    let script = "(sleep 1; chown 33 /etc/hostname; sleep 60) > /dev/null 2>&1 &";
    let options = ["--sandbox", "--json"];
    // That something is done before each run makes no difference.
    for options in [&options[..], &["--sandbox", "--json", "--setup", "true"]] {
        let output = fit(options, script);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("goes on in the background"), "{said}");
        assert_eq!(profile(&output)["status"]["searches"][0]["found"], "passed");
    }
    // What was there before is not the program's.
    let serves = "sleep 60 > /dev/null 2>&1 &";
    let output = fit(&["--sandbox", "--json", "--setup", serves], "true");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    // What ends a moment later than its first process is no service.
    let output = fit(&options, "sleep 0.1 > /dev/null 2>&1 &");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

/// For a look into a folder the kernel asks for DAC_READ_SEARCH, and then for DAC_OVERRIDE: with that one
/// nothing was refused, though the file is not there.
#[test]
fn what_another_capability_served_was_not_refused() {
    testkit::needs!(root, bpf);
    let setup =
        "mkdir /srv/closed; touch /srv/closed/file; chown 33 /srv/closed; chmod 0 /srv/closed";
    let script = "cat /srv/closed/none; cat /srv/closed/file";
    let output = fit(&["--sandbox", "--json", "--quick", "--setup", setup], script);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let profile = profile(&output);
    let runs = profile["status"]["searches"][0]["runs"].as_array().unwrap();
    let holds = |list: &Value| list.as_array().unwrap().contains(&"DAC_OVERRIDE".into());
    let with: Vec<&Value> = runs.iter().filter(|run| holds(&run["capabilities"])).collect();
    assert!(with.len() >= 2, "{profile}");
    for run in with {
        let denied = run["denied"].as_array().into_iter().flatten();
        assert!(denied.into_iter().all(|denial| !holds(&denial["anyOf"])), "{run}");
    }
}

/// It gives a file away if it finds that it may: nobody sees why a run without did not ask for it.
#[test]
fn what_was_needed_once_and_then_not_asked_for_proves_nothing() {
    testkit::needs!(root, bpf);
    let looks = "holds=$(sed -n 's/^CapEff:.//p' /proc/self/status); test $((0x$holds & 1)) = 0";
    let output = fit(&["--sandbox", "--json"], &format!("{looks} || chown 33 /etc/hostname"));
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("CHOWN was used in the first run"), "{said}");
    assert_eq!(profile(&output)["status"]["searches"][0]["found"], "passed");
    // Refused something, it may go another way, and that is seen.
    let other = fit(&["--sandbox", "--json"], "chown 33 /etc/hostname && chroot / true; true");
    assert_eq!(other.status.code(), Some(0), "{}", text(&other.stderr));
}

#[test]
fn what_ends_with_a_failure_just_after_its_tests_has_failed() {
    testkit::needs!(root, bpf);
    let script = "echo up; sleep 0.5; chown 33 /etc/hostname || exit 4; sleep 60";
    let options = ["--sandbox", "--json", "--quick", "--log", "^up$"];
    let found = fit(&options, script);
    assert_eq!(found.status.code(), Some(0), "{}", text(&found.stderr));
    let found = profile(&found);
    assert_eq!(found["spec"]["capabilities"]["add"], serde_json::json!(["CHOWN"]));
    assert_eq!(found["status"]["searches"][0]["test"], "prints /^up$/; then watched for 2 s");
}

/// What a run that goes on is made of: its process 1, and the namespaces of that.
struct Going {
    dropcap: Child,
    marker: String,
    namespaces: BTreeSet<String>,
}

const KINDS: [&str; 5] = ["mnt", "pid", "net", "ipc", "uts"];

fn namespaces(pid: &str) -> BTreeSet<String> {
    let link = |kind: &&str| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok();
    KINDS.iter().filter_map(link).map(|link| link.display().to_string()).collect()
}

fn processes() -> Vec<(String, String)> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let name = entries.filter_map(|e| e.file_name().into_string().ok());
    let line = |pid: &String| fs::read_to_string(format!("/proc/{pid}/cmdline")).ok();
    name.filter_map(|pid| line(&pid).map(|line| (pid, line.replace('\0', " ")))).collect()
}

/// Waits until something is so.
fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A search in the middle of a run, with something in the background that shields itself.
fn going(options: &[&str], number: u32) -> Going {
    let script = |marker: &str| {
        format!("trap '' TERM INT; setsid sh -c 'trap \"\" TERM INT HUP; sleep {marker}' & wait")
    };
    going_in(&[options, &["--test", "false"]].concat(), number, 1, script)
}

/// A search with so many runs in the middle, each of which sleeps.
fn going_in(options: &[&str], number: u32, runs: usize, script: impl Fn(&str) -> String) -> Going {
    let marker = format!("600.{number}{}", std::process::id());
    let script = script(&marker);
    let args =
        [&["fit", "--no-trace", "--timeout", "1h"], options, &["--", "/bin/sh", "-c", &script]];
    let mut command = dropcap(&args.concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let dropcap = command.spawn().unwrap();
    let sleeps = format!("sleep {marker}");
    let pids = until("the program runs", || {
        let all = processes().into_iter().filter(|(_, line)| line.trim() == sleeps);
        let pids: Vec<String> = all.map(|(pid, _)| pid).collect();
        (pids.len() == runs).then_some(pids)
    });
    let own = namespaces("self");
    let all: BTreeSet<String> = pids.iter().flat_map(|pid| namespaces(pid)).collect();
    let namespaces = all.difference(&own).cloned().collect();
    Going { dropcap, marker, namespaces }
}

impl Going {
    /// Nothing is left: no process, and no namespace, with which its mounts are gone.
    fn is_gone(&self) {
        until("all its processes have ended", || {
            let left = processes().iter().any(|(pid, line)| {
                line.contains(&self.marker) || !namespaces(pid).is_disjoint(&self.namespaces)
            });
            (!left).then_some(())
        });
    }
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(status.unwrap().success());
}

/// What is mounted here, and the cgroups there are, but for those of other tests' containers.
fn machine() -> (Vec<String>, Vec<String>) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let others = ["/containers/", "/docker", "/run/", "/tmp/"];
    let mounts = mounts.lines().filter(|line| !others.iter().any(|other| line.contains(other)));
    let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap();
    (mounts.map(str::to_owned).collect(), cgroups.lines().map(str::to_owned).collect())
}

#[test]
fn ctrl_c_keeps_what_was_found_and_leaves_nothing() {
    testkit::needs!(root);
    let before = machine();
    for (options, place) in [(&["--sandbox"][..], 5), (&[], 0)] {
        let mut going = going(options, 1);
        assert_eq!(going.namespaces.len(), place);
        signal(&going.dropcap, "-INT");
        going.dropcap.wait().unwrap();
        going.is_gone();
        let output = going.dropcap.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("stopped"), "{}", text(&output.stdout));
        assert!(!text(&output.stdout).contains(" needed "), "{}", text(&output.stdout));
    }
    assert_eq!(machine(), before);
}

#[test]
fn ctrl_c_ends_all_that_go_on_side_by_side() {
    testkit::needs!(root);
    let before = machine();
    // Without CHOWN it hangs: with nothing, which is asked for, and with what may be asked for next.
    let script = |marker: &str| format!("chown 33 /etc/hostname || exec sleep {marker}");
    for (name, number) in [("-INT", 3), ("-KILL", 4)] {
        let mut going = going_in(&["--sandbox", "--jobs", "3"], number, 3, script);
        assert_eq!(going.namespaces.len(), 3 * KINDS.len());
        signal(&going.dropcap, name);
        going.dropcap.wait().unwrap();
        going.is_gone();
        let output = going.dropcap.wait_with_output().unwrap();
        if name == "-INT" {
            assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
            assert!(text(&output.stdout).contains("stopped"), "{}", text(&output.stdout));
        }
    }
    assert_eq!(machine(), before);
}

#[test]
fn runs_go_side_by_side_only_where_each_has_its_own() {
    testkit::needs!(root, bpf);
    let refused = fit(&["--jobs", "2"], "true");
    assert_eq!(refused.status.code(), Some(2));
    let said = text(&refused.stderr);
    assert!(said.contains("share its files, ports and processes") && said.contains("--sandbox"));
    let options = ["--sandbox", "--json", "--alternatives", "--jobs"];
    let script = "set -e; chown 33 /etc/hostname; chroot / true; echo given";
    let runs = |jobs: &str| {
        let output = fit(&[&options[..], &[jobs]].concat(), script);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let profile = profile(&output);
        let runs = profile["status"]["searches"][0]["runs"].as_array().unwrap().clone();
        let of = |run: &Value| (run["capabilities"].clone(), run["passed"].clone());
        runs.iter().map(of).collect::<Vec<_>>()
    };
    let one = runs("1");
    assert_eq!((one.len(), runs("3")), (7, one));
}

#[test]
fn what_else_would_serve_is_named_and_tried_if_asked_for() {
    testkit::needs!(root, bpf);
    let setup = "chown 33 /etc/issue; chmod 600 /etc/issue";
    for (more, tried) in
        [(&[][..], "not tried: --alternatives does"), (&["--alternatives"], "tried")]
    {
        let output = fit(&[&["--sandbox", "--setup", setup], more].concat(), "exec cat /etc/issue");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let said = text(&output.stdout);
        let named = format!("  DAC_READ_SEARCH would serve for DAC_OVERRIDE ({tried})\n");
        assert!(
            said.contains(&named) && said.contains("without it: ended with status 1"),
            "{said}"
        );
        assert!(said.ends_with("    add:\n    - DAC_OVERRIDE\n"), "{said}");
    }
}

#[test]
fn a_sandbox_ends_with_dropcap_however_that_ends() {
    testkit::needs!(root);
    let before = machine();
    let mut going = going(&["--sandbox"], 2);
    assert_eq!(going.namespaces.len(), 5);
    signal(&going.dropcap, "-KILL");
    going.dropcap.wait().unwrap();
    going.is_gone();
    assert_eq!(machine(), before);
}

#[test]
fn a_sandbox_that_is_full_is_told() {
    testkit::needs!(root, program("mount"));
    let small = tempfile::tempdir_in("/var/tmp").unwrap();
    let run = |program: &str, args: &[&str]| {
        assert!(Command::new(program).args(args).arg(small.path()).status().unwrap().success());
    };
    run("mount", &["-t", "tmpfs", "-o", "size=2m", "small"]);
    let upper = small.path().to_str().unwrap();
    let output = fit(
        &["--sandbox", "--no-trace", "--upper", upper],
        "head -c 4000000 /dev/zero > /var/full",
    );
    let left = fs::read_dir(small.path()).unwrap().count();
    run("umount", &[]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("it is full") && said.contains("--upper"), "{said}");
    assert_eq!(left, 0);
}

/// Mounts that the kernel lays no layer over: an overlay on an overlay, and a single file.
const MOUNTS: &str = r#"set -e
mount -t tmpfs small "$1"
cd "$1"
mkdir l u w m u2 w2 m2
echo outside > file
mount -t overlay one -o lowerdir=l,upperdir=u,workdir=w m
mount -t overlay two -o lowerdir=m,upperdir=u2,workdir=w2 m2
mount --bind file /etc/hostname
cd /
"$2" fit --sandbox --no-trace -- /bin/sh -c "touch $1/m/inside && ! touch $1/m2/inside &&
  grep -q outside /etc/hostname && ! (: > /etc/hostname)"
find "$1" -name inside
cat "$1/file"
"#;

#[test]
fn what_can_only_be_read_in_a_sandbox_is_named() {
    testkit::needs!(root, program("unshare"));
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let folder = folder.path().to_str().unwrap();
    let output = Command::new("unshare")
        .args(["--mount", "/bin/sh", "-c", MOUNTS, "sh", folder])
        .arg(testkit::dropcap())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (printed, said) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{printed}\n{said}");
    // What was made in the layer is not there, and the file is as it was.
    assert!(printed.ends_with("drop: [\"ALL\"]\noutside\n"), "{printed}");
    let warned: Vec<&str> = said.lines().filter(|line| line.starts_with("warning:")).collect();
    let named = |point: &str| {
        warned.iter().any(|line| line.contains(&format!("{point} could only be read")))
    };
    assert!(named("/etc/hostname") && named(&format!("{folder}/m2")), "{said}");
    assert!(!named(&format!("{folder}/m")), "{said}");
}
