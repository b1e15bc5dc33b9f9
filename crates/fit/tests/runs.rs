//! Runs of real programs, in sandboxes and here, traced and not.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::ffi::OsString;
use std::time::{Duration, Instant};

use caps::{CapSet, Capability};
use dropcap_fit::test::{Command, Http, Log, Tcp, Test, Tests};
use dropcap_fit::{Around, Job, Outcome, Place, Program, Ran, RunError, Runner, Runs, options};
use launch::Sandbox;
use trace::Tracer;

fn job(script: &str, each: Vec<Test>, until_exit: bool) -> Job {
    let command = ["/bin/sh", "-c", script].map(OsString::from).to_vec();
    let program = Program {
        command,
        user: None,
        environment: std::env::vars_os().collect(),
        folder: "/".into(),
    };
    let tests =
        Tests { each, until_exit, timeout: Duration::from_secs(10), settle: Duration::ZERO };
    Job { program, tests, around: Around::default(), retries: 0, hurry: false }
}

fn runs(job: Job, traced: bool) -> Runs {
    let sandbox = Place::Sandbox(Sandbox::prepare(None, None).unwrap());
    let tracer = traced.then(|| Tracer::load(options()).unwrap());
    Runs::new(job, sandbox, tracer).unwrap()
}

fn all() -> CapSet {
    let own = sys::credentials::own_state().unwrap();
    own.permitted & own.bounding
}

fn said(ran: &Ran) -> &str {
    match &ran.outcome {
        Outcome::Passed => "passed",
        Outcome::Failed(said) => said,
    }
}

fn command(text: &str) -> Test {
    Test::Command(Command::new(text))
}

#[test]
fn a_service_is_asked_inside_and_leaves_nothing() {
    testkit::needs!(root, program("busybox"));
    let serve = "mkdir -p /srv/www && echo served > /srv/www/index.html && \
                 exec busybox httpd -f -p 80 -h /srv/www";
    let each = vec![
        Test::Tcp(Tcp::parse("80").unwrap()),
        Test::Http(Http::parse("http://localhost/").unwrap()),
        command("grep -q served /srv/www/index.html && test -z \"$STATUS\""),
    ];
    let mut runs = runs(job(serve, each, false), false);
    runs.check_tests().unwrap();
    let ran = runs.run(all(), false).unwrap();
    assert_eq!(said(&ran), "passed");
    assert!(!std::path::Path::new("/srv/www/index.html").exists());
    // Without the capability for port 80, whatever this machine's sysctl says: the sandbox has its own.
    let ran = runs.run(all().without(Capability::NET_BIND_SERVICE), false).unwrap();
    assert!(said(&ran).starts_with("ended with status 1 | httpd: bind: Permission"), "{ran:?}");
}

#[test]
fn what_a_run_asks_for_is_seen_run_by_run() {
    testkit::needs!(root, bpf);
    let script = "chown 33 /etc/hostname && echo done";
    let mut runs = runs(job(script, vec![Test::Log(Log::parse("^done$").unwrap())], true), true);
    for (set, passes) in [(all(), true), (all().without(Capability::CHOWN), false)] {
        let ran = runs.run(set, true).unwrap();
        assert_eq!(ran.outcome.passed(), passes, "{}", said(&ran));
        let observed = ran.observed.unwrap();
        assert!(observed.recording.start_seen);
        let granted: u64 = observed
            .recording
            .observations
            .iter()
            .filter(|o| o.capability == Capability::CHOWN && o.granted == passes)
            .map(|o| o.count)
            .sum();
        assert!(granted > 0, "{set}");
        // The tests and the sandbox itself ask for SYS_ADMIN and more: none of it is the program's.
        let commands: Vec<&str> =
            observed.recording.processes.values().map(|p| p.comm.as_str()).collect();
        assert!(commands.iter().all(|c| ["sh", "chown"].contains(c)), "{commands:?}");
    }
    let ran = runs.run(all(), false).unwrap();
    assert!(ran.outcome.passed() && ran.observed.is_none());
}

#[test]
fn a_program_that_dies_hangs_or_cannot_be_executed_is_told() {
    testkit::needs!(root);
    let once = |script: &str, until_exit, timeout| {
        let mut job = job(script, Vec::new(), until_exit);
        job.tests.timeout = timeout;
        if !until_exit {
            job.tests.each.push(command("false"));
        }
        let mut runs = runs(job, false);
        let ran = runs.run(all(), false).unwrap();
        said(&ran).to_owned()
    };
    // What ends has time to, and what hangs for as long as it takes to print or to be tested once.
    let (long, short) = (Duration::from_secs(60), Duration::from_secs(2));
    assert_eq!(once("echo sorry >&2; exit 3", true, long), "ended with status 3 | sorry");
    assert_eq!(once("kill -9 $$", false, long), "ended with signal 9");
    let hangs = once("sleep 600", true, Duration::from_millis(300));
    assert_eq!(hangs, "not done after 0.3 s");
    // It shields itself and its children from what asks it to end.
    let stubborn = "trap '' TERM INT HUP; setsid sleep 600 & while :; do sleep 1; done";
    let hangs = once(stubborn, false, short);
    assert_eq!(hangs, "not done after 2 s | test ended with status 1");
    // For ever, and much of it.
    let hangs = once("exec yes", false, short);
    assert!(hangs.starts_with("not done after 2 s | y / y / y"), "{hangs}");

    let mut none = job("", Vec::new(), true);
    none.program.command = vec!["/no/such/program".into()];
    assert!(matches!(runs(none, false).run(all(), false), Err(RunError::Launch(_))));
    let mut folder = job("", Vec::new(), true);
    folder.program.command = vec!["/etc".into()];
    let ran = runs(folder, false).run(all(), false).unwrap();
    assert!(said(&ran).contains("/etc"), "{ran:?}");
}

#[test]
fn a_test_that_hangs_does_not_hold_up_and_one_that_tests_nothing_is_refused() {
    testkit::needs!(root);
    let mut hangs = job("sleep 600", vec![command("sleep 600")], false);
    hangs.tests.timeout = Duration::from_millis(300);
    let since = Instant::now();
    let ran = runs(hangs, false).run(all(), false).unwrap();
    assert_eq!(said(&ran), "not done after 0.3 s | test took too long");
    assert!(since.elapsed() < Duration::from_secs(300), "it waited for the sleep");
    let nothing = job("sleep 600", vec![command("true")], false);
    let refused = runs(nothing, false).check_tests().unwrap_err();
    assert!(matches!(refused, RunError::PassesWithout { .. }), "{refused}");
}

#[test]
fn setup_comes_before_and_its_failure_is_no_failure_of_the_program() {
    testkit::needs!(root);
    let mut with_setup = job("cat /etc/dropcap-setup", Vec::new(), true);
    with_setup.around.setup = Some(Command::new("echo x > /etc/dropcap-setup"));
    with_setup.around.teardown = Some(Command::new("test -e /etc/dropcap-setup"));
    assert_eq!(said(&runs(with_setup, false).run(all(), false).unwrap()), "passed");
    let mut broken = job("true", Vec::new(), true);
    broken.around.setup = Some(Command::new("echo cannot; exit 9"));
    let error = runs(broken, false).run(all(), false).unwrap_err().to_string();
    assert_eq!(error, "the run was not made: setup ended with status 9: cannot");
}

#[test]
fn another_user_holds_the_set_as_ambient() {
    testkit::needs!(root);
    let mut of_user = job("grep -E 'Cap(Eff|Amb)|Uid' /proc/self/status; exit 1", Vec::new(), true);
    of_user.program.user = Some((33, 33, vec![33]));
    let ran = runs(of_user, false).run(CapSet::of(&[Capability::CHOWN]), false).unwrap();
    let held = "ended with status 1 | Uid: 33 33 33 33 / CapEff: 0000000000000001 / CapAmb: 0000000000000001";
    assert_eq!(said(&ran).replace("  ", " "), held);
}

#[test]
fn it_leads_a_session_and_finds_no_terminal() {
    testkit::needs!(root);
    let leads = "test \"$(cut -d' ' -f6 /proc/$$/stat)\" = $$";
    assert_eq!(
        said(&runs(job(leads, Vec::new(), true), false).run(all(), false).unwrap()),
        "passed"
    );
}

#[test]
fn two_go_on_side_by_side_on_the_same_port_and_file() {
    testkit::needs!(root, program("busybox"));
    let serve = |text: &'static str| {
        move || {
            let script = format!(
                "mkdir -p /srv/www && echo {text} > /srv/www/index.html && \
                 exec busybox httpd -f -p 80 -h /srv/www"
            );
            let test = format!("busybox wget -q -O - http://localhost/ | grep -qx {text}");
            let mut runs = runs(job(&script, vec![command(&test)], false), false);
            (0..5).map(|_| said(&runs.run(all(), false).unwrap()).to_owned()).collect::<Vec<_>>()
        }
    };
    let (one, other) = (std::thread::spawn(serve("one")), std::thread::spawn(serve("other")));
    assert_eq!([one.join().unwrap(), other.join().unwrap()], [["passed"; 5], ["passed"; 5]]);
}

#[test]
fn after_one_that_passed_the_others_get_less_time() {
    testkit::needs!(root);
    let mut hurried = job("chown 33 /etc/hostname || sleep 600", Vec::new(), true);
    hurried.hurry = true;
    let mut runs = runs(hurried, false);
    let passed = runs.run(all(), false).unwrap();
    assert_eq!(said(&passed), "passed");
    let ran = runs.run(all().without(Capability::CHOWN), false).unwrap();
    let limit = said(&ran).strip_prefix("not done after ").and_then(|said| said.split(' ').next());
    let limit: Option<f64> = limit.and_then(|number| number.parse().ok());
    let limit = limit.unwrap_or_else(|| panic!("{ran:?}"));
    // Ten times as long as that took, a busy machine's time with it.
    let slow = 10.0 * passed.took.as_secs_f64() + 0.1;
    assert!(limit == 3.0 || limit > 3.0 && limit <= slow, "{limit} {slow}");
}
