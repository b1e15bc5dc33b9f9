//! `dropcap fit` of containers: real programs with the entrypoints of their official images, through
//! Podman, as images and from a Deployment. What is written into the Deployment is then tried without
//! dropcap: it passes the same test, and without any one of its capabilities it does not.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod again;
mod beside;
mod docker;
mod ends;
mod pods;
mod volumes;
mod zero;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::Value;
use testkit::{debian_image, debian_image_with, need};

/// The profile that a `fit --json` printed.
fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// One program.
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// Lines of its Containerfile.
    lines: &'static str,
    /// Options of the engine beside those of all.
    engine: &'static str,
    /// Options of `fit`: the test, unless the image has one.
    fit: &'static [&'static str],
    /// What its Deployment has beside an image: lines of the container, and of the pod.
    container: &'static str,
    pod: &'static str,
    /// The test again, for a container that is there: executed in it; none if it ends by itself.
    again: &'static [&'static str],
    /// The minimal sets, any of them.
    minimal: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        name: "redis",
        lines: "ENTRYPOINT [\"redis-entrypoint\"]\nHEALTHCHECK CMD redis-cli ping",
        engine: "",
        fit: &[],
        container: "readinessProbe: {exec: {command: [redis-cli, ping]}}",
        pod: "",
        again: &["redis-cli", "ping"],
        minimal: &["CHOWN DAC_OVERRIDE SETGID SETUID", "CHOWN DAC_READ_SEARCH SETGID SETUID"],
    },
    Case {
        name: "haproxy",
        lines: "CMD [\"haproxy\",\"-W\",\"-db\",\"-f\",\"/etc/haproxy/haproxy.cfg\"]",
        engine: "",
        fit: &["--http", "http://127.0.0.1/"],
        container: "ports: [{name: http, containerPort: 80}]\n        readinessProbe: {httpGet: {path: /, port: http}}",
        pod: "",
        again: &["curl", "-fs", "-m", "1", "http://127.0.0.1/"],
        minimal: &["DAC_OVERRIDE NET_BIND_SERVICE SETGID SETUID SYS_CHROOT"],
    },
    Case {
        name: "ping",
        lines: "CMD [\"ping\",\"-c\",\"1\",\"-W\",\"1\",\"127.0.0.1\"]",
        engine: "--sysctl 'net.ipv4.ping_group_range=1 0'",
        fit: &["--until-exit"],
        container: "restartPolicy: Never",
        pod: "securityContext: {sysctls: [{name: net.ipv4.ping_group_range, value: '1 0'}]}",
        again: &[],
        minimal: &["NET_RAW"],
    },
    Case {
        name: "nginx",
        lines: "CMD [\"nginx\",\"-g\",\"daemon off;\"]",
        engine: "",
        fit: &["--http", "http://127.0.0.1/"],
        container: "readinessProbe: {httpGet: {path: /, port: 80}}",
        pod: "",
        again: &["curl", "-fs", "-m", "1", "http://127.0.0.1/"],
        minimal: &["CHOWN DAC_OVERRIDE NET_BIND_SERVICE SETGID SETUID"],
    },
    Case {
        name: "sshd",
        lines: "CMD [\"/usr/sbin/sshd\",\"-D\",\"-e\"]\nHEALTHCHECK CMD ssh -q -F none -i /root/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o ConnectTimeout=1 guest@127.0.0.1 true",
        engine: "",
        fit: &[],
        container: "env: [{name: TZ, value: UTC}]",
        pod: "",
        again: &[
            "ssh",
            "-q",
            "-F",
            "none",
            "-i",
            "/root/key",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "BatchMode=yes",
            "-o",
            "ConnectTimeout=1",
            "guest@127.0.0.1",
            "true",
        ],
        minimal: &["NET_BIND_SERVICE SETGID SETUID SYS_CHROOT"],
    },
    Case {
        name: "postgres",
        lines: "ENTRYPOINT [\"sh\",\"/usr/local/bin/postgres-entrypoint\"]\nCMD [\"postgres\",\"-c\",\"listen_addresses=127.0.0.1\",\"-c\",\"fsync=off\"]\nHEALTHCHECK CMD /usr/lib/postgresql/15/bin/psql -h 127.0.0.1 -U postgres -c 'select 1'",
        engine: "--tmpfs /database:mode=0777",
        fit: &[],
        container: "volumeMounts: [{name: data, mountPath: /database}]",
        pod: "volumes: [{name: data, emptyDir: {}}]",
        again: &[
            "/usr/lib/postgresql/15/bin/psql",
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-c",
            "select 1",
        ],
        minimal: &["CHOWN SETGID SETUID"],
    },
];

/// So many are fitted at a time.
const AT_ONCE: usize = 2;

#[derive(Debug, Clone, Copy)]
enum Way {
    Image,
    Deployment,
}

#[test]
fn images_are_fitted_as_they_are_and_from_a_deployment() {
    testkit::needs!(root, podman, debian, bpf);
    debian_image();
    let folder = tempfile::tempdir().unwrap();
    let images: Vec<String> =
        CASES.iter().map(|case| debian_image_with(case.name, case.lines)).collect();
    let all: Vec<_> = CASES
        .iter()
        .zip(&images)
        .flat_map(|fit| [Way::Image, Way::Deployment].map(|way| (fit, way)))
        .collect();
    // A container waits for its engine and for its test more than it computes.
    let (next, fitted) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(((case, image), way)) = all.get(next.fetch_add(1, Relaxed)) {
                    match way {
                        Way::Image => as_image(case, image),
                        Way::Deployment => from_deployment(case, image, folder.path()),
                    }
                    fitted.fetch_add(1, Relaxed);
                }
            });
        }
    });
    assert_eq!(fitted.into_inner(), 2 * CASES.len());
}

/// `fit` with what all of them take.
pub fn fit(words: &[&str], more: &str) -> Output {
    let mut engine = engine_options();
    engine.push(' ');
    engine.push_str(more);
    let mut fit = Command::new(testkit::dropcap());
    fit.args(["fit", "--engine-args", &engine, "--quick"]);
    fit.args(words).output().unwrap()
}

/// `fit` of the small image.
pub fn image_fit() -> Command {
    let mut fit = Command::new(testkit::dropcap());
    fit.args(["fit", "--image", testkit::image()]);
    fit
}

/// Options of the engine on this machine.
pub fn engine_options() -> String {
    let mut options =
        "--network none --ulimit nofile=1024:1024 --ulimit nproc=4096:4096".to_owned();
    if let Some(runc) = need::find_program("runc") {
        options.push_str(&format!(" --runtime {}", runc.display()));
    }
    options
}

fn set(words: &str) -> BTreeSet<String> {
    words.split(' ').map(str::to_owned).collect()
}

fn is_minimal(case: &Case, found: &BTreeSet<String>) -> bool {
    case.minimal.iter().any(|minimal| set(minimal) == *found)
}

fn as_image(case: &Case, image: &str) {
    let words = [&["--image", image, "--json"], case.fit].concat();
    let output = fit(&words, case.engine);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{}: {said}", case.name);
    let profile = json_of(&output);
    let search = &profile["status"]["searches"][0];
    assert_eq!((&search["place"], &search["found"]), (&"container".into(), &"explained".into()));
    let names = search["minimum"].as_array().unwrap();
    let found = names.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    assert!(is_minimal(case, &found), "{}: {found:?}", case.name);
}

/// A Deployment of it, as somebody runs it.
pub fn deployment(case: &Case, image: &str) -> String {
    let Case { name, container, pod, .. } = case;
    format!(
        "# {name}, as somebody runs it\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      {pod}\n      containers:\n      - name: {name}\n        image: {image}\n        {container}\n"
    )
}

fn from_deployment(case: &Case, image: &str, folder: &Path) {
    let name = case.name;
    let file = folder.join(format!("{name}.yaml"));
    let text = deployment(case, image);
    fs::write(&file, &text).unwrap();
    let path = file.to_str().unwrap();
    // What is to pass is in the manifest or in the image.
    let test: &[&str] = if case.again.is_empty() { case.fit } else { &[] };
    // CRI-O gives neither by default: there the manifest gains them, which a person says.
    let gains = case.minimal.iter().any(|set| set.contains("SYS_CHROOT") || *set == "NET_RAW");
    let widen: &[&str] = if gains { &["--allow-widen"] } else { &[] };
    let words = [&["-f", path, "--minimum"], test, widen].concat();
    // A manifest says its own; the rest is for this machine.
    let output = fit(&words, "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{name}: {said}");
    let patched = fs::read_to_string(&file).unwrap();
    let manifest: serde_yaml_ng::Value = serde_yaml_ng::from_str(&patched).unwrap();
    let container = &manifest["spec"]["template"]["spec"]["containers"][0];
    let capabilities = &container["securityContext"]["capabilities"];
    let list = |key: &str| -> BTreeSet<String> {
        let names = capabilities[key].as_sequence().into_iter().flatten();
        names.map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(list("drop"), set("ALL"), "{patched}");
    let add = list("add");
    assert!(is_minimal(case, &add), "{name}: {patched}");
    let kept: Vec<&str> = patched.lines().filter(|line| text.lines().any(|l| l == *line)).collect();
    assert_eq!(kept, text.lines().collect::<Vec<_>>(), "nothing else is touched: {patched}");
    again::holds(case, image, &add);
}
