//! Patches, applied by kubectl and by the kustomize in it: exactly the capabilities of one container become
//! drop ALL and what the profile needs, and all else is as it was.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::{BY_HAND, exported, succeed};

/// The same containers in three places of a pod, with capabilities of their own.
fn pod_spec() -> Value {
    let container = |name: &str| {
        json!({ "name": name, "image": format!("{name}:1"), "ports": [{ "containerPort": 80 }],
            "securityContext": { "runAsUser": 0, "capabilities":
                { "add": ["SYS_ADMIN", "NET_ADMIN"], "drop": ["KILL"] } } })
    };
    json!({ "initContainers": [container("init"), container("first")],
        "containers": [container("sidecar"), container("web"), container("bare")] })
}

/// A workload with that pod, and the way to it.
fn workload(kind: &str) -> (Value, &'static str) {
    let (api, path) = match kind {
        "Pod" => ("v1", "/spec"),
        "CronJob" => ("batch/v1", "/spec/jobTemplate/spec/template/spec"),
        "Job" => ("batch/v1", "/spec/template/spec"),
        _ => ("apps/v1", "/spec/template/spec"),
    };
    let mut object = pod_spec();
    for key in path.split('/').skip(1).collect::<Vec<_>>().into_iter().rev() {
        object = json!({ key: object });
    }
    object["apiVersion"] = json!(api);
    object["kind"] = json!(kind);
    object["metadata"] = json!({ "name": "web", "namespace": "shop", "labels": { "a": "b" } });
    (object, path)
}

/// The lists as they are to be.
fn mended(object: &Value, container: &str, add: &[&str]) -> Value {
    let mut object = object.clone();
    let pointer = format!("{container}/securityContext/capabilities");
    *object.pointer_mut(&pointer).unwrap() = json!({ "add": add, "drop": ["ALL"] });
    object
}

fn read(yaml: &str) -> Value {
    serde_yaml_ng::from_str(yaml).unwrap()
}

const KINDS: [&str; 7] =
    ["Deployment", "CronJob", "Pod", "DaemonSet", "StatefulSet", "ReplicaSet", "Job"];

/// All of them, or one for each place where a pod's spec lies.
fn kinds() -> &'static [&'static str] {
    if testkit::is_all_tried() { &KINDS } else { &KINDS[..3] }
}

#[test]
fn kubectl_patches_one_container_and_nothing_else() {
    testkit::needs!(program("kubectl"));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for kind in kinds() {
        let (object, spec) = workload(kind);
        fs::write(path("object.json"), object.to_string()).unwrap();
        let name = format!("{kind}/web");
        let place = ["--to", "k8s", "--incomplete", "--workload", &name];
        for (more, container, add) in [
            (&["hand.yaml"][..], "containers/1", &["CHOWN", "KILL", "NET_BIND_SERVICE"][..]),
            (&["nothing.yaml"], "containers/1", &[]),
            (&["nothing.yaml", "-c", "first", "--init-container"], "initContainers/1", &[]),
        ] {
            fs::write(path("patch.yaml"), exported(&[&place, more].concat())).unwrap();
            let mut kubectl = kubectl(folder.path());
            kubectl.args(["patch", "--local", "-f", "object.json", "--patch-file", "patch.yaml"]);
            let (printed, _) = succeed(kubectl.args(["-o", "yaml"]));
            let expected = mended(&object, &format!("{spec}/{container}"), add);
            assert_eq!(read(&printed), expected, "{kind} {more:?}");
        }
    }
}

#[test]
fn kustomize_builds_one_container_and_nothing_else() {
    testkit::needs!(program("kubectl"));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let build = |what: &str| succeed(kubectl(folder.path()).args(["kustomize", what])).0;
    write("with/kustomization.yaml", "resources: [../base]\ncomponents: [../caps]\n");
    for kind in kinds() {
        let (object, spec) = workload(kind);
        write("base/kustomization.yaml", "resources: [object.json]\n");
        write("base/object.json", &object.to_string());
        assert_eq!(by_name(read(&build("base")), spec), by_name(object.clone(), spec));
        let name = format!("{kind}/web");
        let place = ["--to", "kustomize", "--incomplete", "--workload", &name, "-n", "shop"];
        for (profile, add) in
            [("hand.yaml", &["CHOWN", "KILL", "NET_BIND_SERVICE"][..]), ("nothing.yaml", &[])]
        {
            let component = exported(&[&place[..], &[profile]].concat());
            write("caps/kustomization.yaml", &component);
            // kustomize puts the patched container first: the same containers, whatever their order.
            let expected = mended(&object, &format!("{spec}/containers/1"), add);
            assert_eq!(by_name(read(&build("with")), spec), by_name(expected, spec), "{kind}");
        }
    }
    // What is not there is an error, not a patch of nothing.
    write(
        "caps/kustomization.yaml",
        &exported(&["--to", "kustomize", "--incomplete", "hand.yaml"]),
    );
    let output = kubectl(folder.path()).args(["kustomize", "with"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("no matches for Id Deployment"), "{said}");
}

#[test]
fn kustomize_takes_a_patch_for_each_container() {
    testkit::needs!(program("kubectl"));
    let folder = crate::folder();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let (object, spec) = workload("Deployment");
    write("base/kustomization.yaml", "resources: [object.json]\n");
    write("base/object.json", &object.to_string());
    write("with/kustomization.yaml", "resources: [../base]\ncomponents: [../caps]\n");
    write(
        "other.yaml",
        &BY_HAND.replace("container: web", "container: bare").replace("KILL", "FOWNER"),
    );
    let args = ["--to", "kustomize", "--incomplete", "hand.yaml", "other.yaml"];
    let output = crate::export_in(folder.path(), &args);
    write("caps/kustomization.yaml", std::str::from_utf8(&output.stdout).unwrap());
    let (built, _) = succeed(kubectl(folder.path()).args(["kustomize", "with"]));
    let expected =
        mended(&object, &format!("{spec}/containers/1"), &["CHOWN", "KILL", "NET_BIND_SERVICE"]);
    let expected = mended(
        &expected,
        &format!("{spec}/containers/2"),
        &["CHOWN", "FOWNER", "NET_BIND_SERVICE"],
    );
    assert_eq!(by_name(read(&built), spec), by_name(expected, spec));
}

fn by_name(mut object: Value, spec: &str) -> Value {
    let containers = object.pointer_mut(&format!("{spec}/containers")).unwrap();
    let containers = containers.as_array_mut().unwrap();
    assert_eq!(containers.len(), 3);
    containers.sort_by_key(|container| container["name"].as_str().unwrap().to_owned());
    object
}

/// Without a cluster.
fn kubectl(folder: &Path) -> Command {
    let mut kubectl = Command::new("kubectl");
    kubectl.current_dir(folder).env("KUBECONFIG", "/dev/null").env("HOME", folder);
    kubectl
}
