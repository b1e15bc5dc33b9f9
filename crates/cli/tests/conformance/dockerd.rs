//! The Docker daemon, through its API, as Compose services.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use testkit::daemon::Daemon;

use crate::cases::{Case, Image, all, entrypoint};
use crate::image::{self, change, name};
use crate::manifests::compose;
use crate::prediction::{Runtime, shown};
use crate::real::{Real, Score, own, parse, version};

/// A daemon with the images.
pub fn start() -> Daemon {
    let daemon = Daemon::dockerd(|folder| call(folder, "GET", "/_ping", None) == "OK");
    let archive = format!("@{}", image::archive(daemon.folder()).display());
    for image in [Image::Root, Image::User] {
        let change = change(image).unwrap_or("CMD /bin/status").replace(' ', "%20");
        let path = format!("/images/create?fromSrc=-&repo={}&changes={change}", name(image));
        let said = call(daemon.folder(), "POST", &path, Some(&archive));
        assert!(said.contains("sha256:"), "{said}");
    }
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

/// Runs a case as a container of its own.
pub fn run(folder: &Path, case: &Case, image: Image) -> Real {
    let security: &[&str] = if case.no_new_privs { &["no-new-privileges"] } else { &[] };
    let body = json!({
        "Image": name(image),
        "Cmd": [entrypoint(case.file.as_deref())],
        "User": case.user.uid().map(|uid| uid.to_string()).unwrap_or_default(),
        // A terminal: the output comes as it is, not in frames.
        "Tty": true,
        "HostConfig": {
            "CapAdd": case.add,
            "CapDrop": case.drop,
            "Privileged": case.privileged,
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
    testkit::needs!(dockerd, runc);
    if let Err(why) = image::needs() {
        return testkit::skip(&why);
    }
    let daemon = start();
    let folder = daemon.folder();
    // What the daemon says of itself, not what its program says.
    let about: Value = serde_json::from_str(&call(folder, "GET", "/version", None)).unwrap();
    let engine = about["Version"].as_str().unwrap();
    let name = format!("docker@{engine}+runc@{}", version("runc"));
    let runtime = Runtime { name, own: own(), default: None };
    let cases = all(20);
    let shown = shown(&runtime, &cases, compose);
    let score = Score::of(&runtime, &cases, &shown, |case, image| run(folder, case, image));
    let api = about["ApiVersion"].as_str().unwrap();
    score.settle(&format!("Docker Engine {engine} (API {api})"), 60);
}
