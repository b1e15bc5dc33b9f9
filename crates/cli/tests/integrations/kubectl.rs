//! `kubectl dropcap`, with a kubectl that prints what it was asked and answers from a file.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{POD, script, texts};

/// As `kubectl get -o yaml` prints it (1.31), with what only a living object has.
const LIVE: &str = r#"apiVersion: v1
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    annotations:
      kubectl.kubernetes.io/last-applied-configuration: |
        {"apiVersion":"apps/v1","kind":"Deployment","spec":{"template":{"spec":{"containers":[{"name":"old","securityContext":{"privileged":true}}]}}}}
    creationTimestamp: "2026-11-01T00:00:00Z"
    managedFields:
    - fieldsType: FieldsV1
      fieldsV1:
        f:spec:
          f:template:
            f:spec:
              f:containers:
                k:{"name":"web"}:
                  f:securityContext:
                    f:capabilities: {}
      manager: kubectl
    name: web
    namespace: shop
    uid: 6f0c
  spec:
    replicas: 1
    template:
      spec:
        containers:
        - image: web
          name: web
          resources: {}
          securityContext:
            allowPrivilegeEscalation: false
            capabilities:
              drop:
              - ALL
          terminationMessagePath: /dev/termination-log
        dnsPolicy: ClusterFirst
        securityContext: {}
  status:
    availableReplicas: 1
    conditions: []
- apiVersion: v1
  kind: Pod
  metadata:
    name: other
    namespace: shop
  spec:
    containers:
    - image: other
      name: other
      securityContext:
        capabilities:
          add:
          - SYS_ADMIN
          drop:
          - ALL
  status:
    containerStatuses:
    - name: other
      user:
        linux:
          uid: 0
    phase: Running
kind: List
metadata:
  resourceVersion: ""
"#;

/// dropcap as a plug-in, in a folder with this kubectl in `PATH`.
fn plugin(folder: &Path, kubectl: &str) -> Command {
    script(folder, "kubectl", kubectl);
    std::os::unix::fs::symlink(testkit::dropcap(), folder.join("kubectl-dropcap")).unwrap();
    let mut command = Command::new(folder.join("kubectl-dropcap"));
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    command.current_dir(folder).env("PATH", path);
    command
}

const ANSWERS: &str = "#!/bin/sh\nprintf '%s\\n' \"$@\" > asked\ncat live.yaml\n";

#[test]
fn objects_are_asked_for_with_the_users_own_kubectl() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("live.yaml"), LIVE).unwrap();
    let mut dropcap = plugin(folder.path(), ANSWERS);
    dropcap.args(["check", "deploy/web", "pod/other", "-n", "shop", "--context", "prod"]);
    let (code, out, error) = texts(&dropcap.output().unwrap());
    assert_eq!(code, Some(1), "{out}{error}");
    let asked = fs::read_to_string(folder.path().join("asked")).unwrap();
    let expected =
        "get\n--namespace=shop\n--context=prod\n--output\nyaml\n--\ndeploy/web\npod/other\n";
    assert_eq!(asked, expected);
    // One of the two is clean; what was applied once and who manages what are not looked at.
    let errors: Vec<&str> = out.lines().filter(|line| line.starts_with("error")).collect();
    assert_eq!(errors.len(), 1, "{out}");
    assert!(errors[0].contains("SYS_ADMIN"), "{out}");
    assert!(out.contains("kubectl get deploy/web pod/other:"), "{out}");
    assert!(!out.contains("old"), "{out}");
}

#[test]
fn each_object_of_a_list_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("live.yaml"), LIVE).unwrap();
    let mut dropcap = plugin(folder.path(), ANSWERS);
    let text =
        dropcap.args(["show", "--json", "pods", "-A", "-l", "app=web"]).output().unwrap().stdout;
    let document: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let names: Vec<&str> = document["containers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|container| container["workload"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["web", "other"]);
    let asked = fs::read_to_string(folder.path().join("asked")).unwrap();
    assert_eq!(asked, "get\n--all-namespaces=true\n--selector=app=web\n--output\nyaml\n--\npods\n");
}

#[test]
fn a_file_of_that_name_wins_and_standard_input_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut dropcap = plugin(folder.path(), "#!/bin/sh\ntouch asked\nexit 9\n");
    fs::create_dir(folder.path().join("deploy")).unwrap();
    fs::write(folder.path().join("deploy/web"), POD).unwrap();
    let (code, out, error) = texts(&dropcap.args(["check", "deploy/web"]).output().unwrap());
    assert_eq!(code, Some(1), "{error}");
    assert!(out.contains("deploy/web:8:"), "{out}");
    let pod = fs::File::open(folder.path().join("deploy/web")).unwrap();
    let mut dropcap = Command::new(folder.path().join("kubectl-dropcap"));
    let (code, out, _) = texts(&dropcap.args(["check", "-"]).stdin(pod).output().unwrap());
    assert_eq!(code, Some(1), "{out}");
    assert!(!folder.path().join("asked").exists());
}

#[test]
fn what_kubectl_says_is_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = "#!/bin/sh\necho 'Error from server (NotFound): deployments.apps \"web\" not found' >&2\nexit 1\n";
    let mut dropcap = plugin(folder.path(), refuse);
    let (code, out, error) = texts(&dropcap.args(["check", "deploy/web"]).output().unwrap());
    assert_eq!((code, out.as_str()), (Some(2), ""));
    let expected = "error: kubectl get deploy/web: exit status: 1: Error from server (NotFound): \
                    deployments.apps \"web\" not found";
    assert_eq!(error.lines().next(), Some(expected));
    let mut dropcap = Command::new(folder.path().join("kubectl-dropcap"));
    let (code, _, error) =
        texts(&dropcap.args(["check", "deploy/web"]).env("PATH", "").output().unwrap());
    assert_eq!(code, Some(2));
    assert!(error.contains("kubectl get deploy/web: cannot run kubectl"), "{error}");
    // What can only be a file is not asked for.
    let mut dropcap = Command::new(folder.path().join("kubectl-dropcap"));
    let (code, _, error) =
        texts(&dropcap.args(["check", "web.yaml"]).env("PATH", "").output().unwrap());
    assert_eq!(code, Some(2));
    assert!(error.contains("web.yaml") && !error.contains("kubectl get"), "{error}");
}

#[test]
fn the_usage_is_that_of_the_plug_in_and_only_there_is_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let mut dropcap = plugin(folder.path(), ANSWERS);
    let (_, help, _) = texts(&dropcap.args(["check", "--help"]).output().unwrap());
    assert!(help.contains("Usage: kubectl dropcap check [OPTIONS] <PATH>..."), "{help}");
    assert!(help.contains("--namespace <NAMESPACE>"), "{help}");
    let mut dropcap = Command::new(testkit::dropcap());
    let (_, help, _) = texts(&dropcap.args(["check", "--help"]).output().unwrap());
    assert!(help.contains("Usage: dropcap check [OPTIONS] <PATH>..."), "{help}");
    assert!(!help.contains("--namespace"), "{help}");
    let mut dropcap = Command::new(testkit::dropcap());
    let (code, _, error) = texts(&dropcap.args(["check", "-n", "shop", "."]).output().unwrap());
    assert_eq!(code, Some(2));
    assert!(error.contains("which only `kubectl dropcap` looks at"), "{error}");
}
