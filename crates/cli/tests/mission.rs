//! The mission's own two manifests, end to end: what is said of them beforehand, what nginx does
//! under them on a real engine, what a trace finds it needs, and nginx serving under the result.

#![expect(clippy::expect_used, reason = "a test that fails says so by panicking")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use testkit::Pod;

/// A manifest of the mission.
struct Mission {
    file: &'static str,
    text: &'static str,
    pod: &'static str,
    container: &'static str,
}

const EXAMPLE: Mission = Mission {
    file: "example-pod.yaml",
    text: testkit::EXAMPLE_POD,
    pod: "example-pod",
    container: "example-container",
};

const NGINX: Mission = Mission {
    file: "nginx-pod.yaml",
    text: testkit::NGINX_POD,
    pod: "nginx-pod",
    container: "nginx-container",
};

/// What Debian's nginx needs to start as root, serve port 80 and step down to `www-data`.
const NEEDS: [&str; 5] = ["CHOWN", "DAC_OVERRIDE", "NET_BIND_SERVICE", "SETGID", "SETUID"];

/// A folder with a manifest in it, in which dropcap is run as a user would.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(file: &str, text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(file), text).expect("the manifest is written");
        Self { folder }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn dropcap(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("dropcap runs")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut dropcap = Command::new(testkit::dropcap());
        dropcap
            .args(words)
            .current_dir(self.folder.path())
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100");
        dropcap.stdin(Stdio::null());
        dropcap
    }
}

/// Status, standard output and standard error, to be compared as one text.
fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!(
        "status {}\n--- stdout\n{}--- stderr\n{}",
        output.status.code().map_or("none".to_owned(), |code| code.to_string()),
        text(&output.stdout),
        text(&output.stderr)
    )
}

#[test]
fn show_and_check_say_beforehand_what_the_first_will_hold() {
    let place = Place::new(EXAMPLE.file, EXAMPLE.text);
    insta::assert_snapshot!("show_example", said(&place.dropcap(&["show", EXAMPLE.file])));
    insta::assert_snapshot!("check_example", said(&place.dropcap(&["check", EXAMPLE.file])));
}

#[test]
fn show_and_check_say_beforehand_what_the_second_will_hold() {
    let place = Place::new(NGINX.file, NGINX.text);
    insta::assert_snapshot!("show_nginx", said(&place.dropcap(&["show", NGINX.file])));
    insta::assert_snapshot!("check_nginx", said(&place.dropcap(&["check", NGINX.file])));
}

#[test]
fn without_indentation_every_command_says_that_it_was_lost() {
    for (mission, name) in [(EXAMPLE, "example"), (NGINX, "nginx")] {
        let stripped: String =
            mission.text.lines().map(|line| format!("{}\n", line.trim_start())).collect();
        let place = Place::new(mission.file, &stripped);
        for command in ["show", "check", "fix"] {
            let output = place.dropcap(&[command, mission.file]);
            assert_eq!(output.status.code(), Some(2), "{command}: {}", said(&output));
            insta::assert_snapshot!(format!("stripped_{name}_{command}"), said(&output));
        }
        assert_eq!(
            fs::read_to_string(place.path(mission.file)).expect("it is still there"),
            stripped
        );
    }
}

#[test]
fn nginx_end_to_end_under_the_first() {
    testkit::needs!(pods, bpf);
    end_to_end(&EXAMPLE);
}

#[test]
fn nginx_end_to_end_under_the_second() {
    testkit::needs!(pods, bpf);
    end_to_end(&NGINX);
}

/// One pod at a time: both publish ports of this machine.
static ENGINE: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn end_to_end(mission: &Mission) {
    let _engine = ENGINE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    testkit::debian_image();
    let place = Place::new(mission.file, mission.text);
    let manifest = place.path(mission.file);

    // As it is, nginx ends at its first chown, and the trace of that run says why.
    let failing = traced(&place, mission, &manifest, "failing.json", |pod| {
        let complaint = "chown(\"/var/lib/nginx/body\", 33) failed (1: Operation not permitted)";
        assert!(eventually(|| pod.logs().contains(complaint)), "{}", pod.logs());
    });
    assert!(failing.contains("chown /var/lib/nginx/body"), "{failing}");
    assert!(failing.contains("EPERM"), "{failing}");

    // With the engine's default set it serves; the trace of that run says what it needs.
    let open = mission.text.split_once("    securityContext:\n").expect("a securityContext").0;
    fs::write(place.path("open.yaml"), open).expect("the open manifest is written");
    let serving = traced(&place, mission, &place.path("open.yaml"), "serving.json", |pod| {
        assert!(
            pod.get("http://127.0.0.1/").is_some_and(|page| page.contains("Welcome to nginx!")),
            "{}",
            pod.logs()
        );
        pod.stop();
    });
    for need in NEEDS {
        assert!(serving.contains(need), "{need} in\n{serving}");
    }
    assert!(!serving.contains("    - SYS_ADMIN"), "{serving}");

    // The need goes into the manifest; a widening has to be asked for.
    let patch =
        ["trace", "--replay", "serving.json", "--patch", mission.file, "-c", mission.container];
    let refused = place.dropcap(&patch);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert_eq!(fs::read_to_string(&manifest).expect("it is still there"), mission.text);
    let applied = place.dropcap(&[&patch[..], &["--allow-widen"]].concat());
    assert_eq!(applied.status.code(), Some(0), "{}", said(&applied));
    let patched = fs::read_to_string(&manifest).expect("it is still there");
    insta::assert_snapshot!(format!("patched_{}", mission.pod), patched);

    // Under the result it serves, and holds that and nothing else.
    let pod = Pod::create(&manifest, mission.pod, mission.container);
    pod.start();
    assert!(
        pod.get("http://127.0.0.1/").is_some_and(|page| page.contains("Welcome to nginx!")),
        "{}",
        pod.logs()
    );
    let status = fs::read_to_string(format!("/proc/{}/status", pod.pid())).expect("it runs");
    let set = format!(
        "{:016x}",
        NEEDS
            .iter()
            .map(|n| n.parse::<caps::Capability>().expect("a name"))
            .collect::<caps::CapSet>()
    );
    for field in ["CapBnd", "CapPrm", "CapEff"] {
        assert!(
            status.contains(&format!("{field}:\t{set}\n")),
            "{field} is not {set} in\n{status}"
        );
    }
    for field in ["CapInh", "CapAmb"] {
        assert!(status.contains(&format!("{field}:\t0000000000000000\n")), "{field} in\n{status}");
    }
}

/// Plays the manifest with a tracer attached before the entrypoint, does `during`, and returns what
/// the trace printed.
fn traced(
    place: &Place,
    mission: &Mission,
    manifest: &Path,
    recording: &str,
    during: impl FnOnce(&Pod),
) -> String {
    let pod = Pod::create(manifest, mission.pod, mission.container);
    let target = format!("ctr/{}", pod.container());
    let mut trace = place.command(&["trace", &target, "--for", "300s", "--record", recording]);
    let mut trace =
        trace.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("dropcap runs");
    let mut notes = BufReader::new(trace.stderr.take().expect("a pipe")).lines();
    let watching = notes.by_ref().map_while(Result::ok).any(|line| line.contains("watching"));
    assert!(
        watching,
        "the tracer does not get ready: {}",
        said(&trace.wait_with_output().expect("dropcap ends"))
    );
    pod.start();
    during(&pod);
    drop(pod); // the container ends, and with it the trace
    let rest: Vec<String> = notes.map_while(Result::ok).collect();
    let output = trace.wait_with_output().expect("dropcap ends");
    assert_eq!(output.status.code(), Some(0), "{}\n{}", said(&output), rest.join("\n"));
    said(&output)
}

fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    (0..100).any(|_| {
        let now = holds();
        if !now {
            std::thread::sleep(Duration::from_millis(100));
        }
        now
    })
}

#[test]
fn under_the_sets_of_the_second_a_container_binds_low_ports_and_nothing_else() {
    testkit::needs!(podman);
    let tryout = testkit::tryout();
    let log = testkit::Log::new();
    let output = testkit::podman_run()
        .args(log.options())
        .args(["--rm", "--cap-drop", "ALL", "--cap-add", "NET_BIND_SERVICE", "--volume"])
        .arg(format!("{}:/tryout:ro", tryout.display()))
        .args([testkit::image(), "/tryout"])
        .args(["bind:80", "bind:443", "settime", "rawsocket", "loadmodule", "chown", "mount"])
        .output()
        .expect("podman runs");
    let expected = "bind:80: ok\nbind:443: ok\nsettime: EPERM\nrawsocket: EPERM\nloadmodule: EPERM\nchown: EPERM\nmount: EPERM\n";
    assert_eq!(log.stdout(), expected, "{}", said(&output));
}
