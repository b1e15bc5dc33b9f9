//! The Docker daemon, through its API.

use std::path::Path;
use std::process::Command;

use dropcap_runtime::{Request, Runtime, User};
use serde_json::{Value, json};

use crate::cases::{random, written};
use crate::daemon::{Daemon, archive};
use crate::{Real, compare, own, parse, report, version, version_line};

fn start() -> Daemon {
    let dockerd = |folder: &Path| {
        let mut dockerd = Command::new(testkit::need::find_program("dockerd").unwrap());
        dockerd.arg("--host").arg(format!("unix://{}", folder.join("socket").display()));
        dockerd.arg("--data-root").arg(folder.join("data"));
        dockerd.arg("--exec-root").arg(folder.join("exec"));
        dockerd.arg("--pidfile").arg(folder.join("pid"));
        dockerd.args(["--iptables=false", "--bridge=none", "--storage-driver=vfs"]);
        dockerd.args(["--default-ulimit", "nofile=1024:1024"]);
        dockerd
    };
    let daemon = Daemon::start(dockerd, |folder| call(folder, "GET", "/_ping", None) == "OK");
    let image = format!("@{}", archive(daemon.folder()).display());
    let said = call(daemon.folder(), "POST", "/images/create?fromSrc=-&repo=probe", Some(&image));
    assert!(said.contains("sha256:"), "{said}");
    daemon
}

/// One call of the API.
fn call(folder: &Path, method: &str, path: &str, body: Option<&str>) -> String {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--max-time", "60", "--request", method, "--unix-socket"]);
    curl.arg(folder.join("socket"));
    if let Some(body) = body {
        let kind = if body.starts_with('@') { "application/x-tar" } else { "application/json" };
        curl.args(["--header", &format!("Content-Type: {kind}"), "--data-binary", body]);
    }
    let output = curl.arg(format!("http://docker{path}")).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn run(folder: &Path, request: &Request) -> Real {
    let security: &[&str] = if request.no_new_privs { &["no-new-privileges"] } else { &[] };
    let body = json!({
        "Image": "probe",
        "Cmd": ["/bin/cat", "/proc/self/status"],
        "User": if request.user == User::NonRoot { "1000" } else { "" },
        // A terminal: the output comes as it is, not in frames.
        "Tty": true,
        "HostConfig": {
            "CapAdd": request.add,
            "CapDrop": request.drop,
            "Privileged": request.privileged,
            "SecurityOpt": security,
            "NetworkMode": "none",
        },
    });
    let created = call(folder, "POST", "/containers/create", Some(&body.to_string()));
    let answer: Value = serde_json::from_str(&created).unwrap();
    let Some(id) = answer["Id"].as_str() else { return Real::Refused(created) };
    let path = |rest: &str| format!("/containers/{id}{rest}");
    let said = call(folder, "POST", &path("/start"), None);
    let real = if said.is_empty() {
        call(folder, "POST", &path("/wait"), None);
        let log = call(folder, "GET", &path("/logs?stdout=1"), None);
        parse(&log).map_or(Real::Refused(log), Real::Ran)
    } else {
        Real::Refused(said)
    };
    call(folder, "DELETE", &path("?force=1"), None);
    real
}

#[test]
fn docker_does_as_predicted() {
    testkit::needs!(dockerd, runc, program("busybox"));
    let line = version_line("dockerd");
    let runtime: Runtime = format!("docker@{}", version(&line)).parse().unwrap();
    let runtime = runtime.with_own(own());
    let daemon = start();
    let requests: Vec<Request> = written().into_iter().chain(random(20)).collect();
    for request in &requests {
        compare(&runtime, request, &run(daemon.folder(), request));
    }
    report(&format!("conformance: {line}: {} requests agree", requests.len()));
}
