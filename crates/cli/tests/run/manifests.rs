//! A manifest's container: user, groups, no_new_privs, capabilities, environment, command.

use std::io::Write;
use std::process::Stdio;

use caps::{CapSet, CapState, Capability};
use testkit::NGINX_POD;

use crate::{dropcap, field, sets_of, stderr, stdout};

/// Runs with the manifest on standard input; standard output, standard error and the exit code.
fn run_with(manifest: &str, words: &[&str]) -> (String, String, Option<i32>) {
    let mut child = dropcap()
        .args(["run", "-f", "-"])
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dropcap runs");
    child.stdin.take().unwrap().write_all(manifest.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (stdout(&output).to_owned(), stderr(&output).to_owned(), output.status.code())
}

const STATUS: [&str; 3] = ["--", "cat", "/proc/self/status"];
const ASSUMED: &str = "note: done as containerd@2.0 would; name another with --runtime\n";
const AS_ROOT: &str = "note: runs as root: the manifest has no runAsUser, and the image's USER is \
                       not known (--image-info); name another with --user\n";

/// As the other commands assume, and as it says: Docker reads the prefix, containerd does not.
#[test]
fn a_compose_service_is_done_as_docker_would() {
    let service = |user: &str| {
        format!(
            "services:\n  web:\n    image: x\n    user: {user}\n    cap_drop: [ALL]\n    cap_add: [CAP_CHOWN]\n"
        )
    };
    let (out, err, code) = run_with(&service("root"), &STATUS);
    assert_eq!(
        (err.as_str(), code),
        ("note: done as docker would; name another with --runtime\n", Some(0))
    );
    assert_eq!(sets_of(&out).effective, CapSet::from(Capability::CHOWN));
    let named = service("root") + "    group_add: [video]\n";
    let (_, err, code) = run_with(&named, &STATUS);
    let said = "warning: it is not in group video here: only the image knows its number\n";
    assert!(err.contains(said) && code == Some(0), "{err}");
    let (_, err, code) = run_with(&service("www"), &STATUS);
    assert_eq!(code, Some(125));
    assert_eq!(
        err,
        "error: the user is \"www\", a name that only the image knows\n  \
         help: name one: --user 1000; or say what the image is: --image-info\n"
    );
}

const USERS: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      securityContext:
        runAsUser: 1000
        runAsGroup: 2000
        supplementalGroups: [5, 4]
        fsGroup: 3000
      initContainers:
        - name: init
          image: x
          command: [sh, -c, 'echo $0 $1 $GREETING']
          args: ['$(GREETING)', '$$(GREETING)']
          env:
            - name: GREETING
              value: hello
          securityContext:
            runAsUser: 0
      containers:
        - name: app
          image: x
          securityContext:
            allowPrivilegeEscalation: false
            capabilities:
              drop: [ALL]
              add: [NET_BIND_SERVICE]
";

#[test]
fn the_missions_second_pod_holds_exactly_net_bind_service() {
    testkit::needs!(root, capability(10));
    let (out, err, code) = run_with(NGINX_POD, &STATUS);
    assert_eq!((err, code), (format!("{ASSUMED}{AS_ROOT}"), Some(0)));
    let set = CapSet::from(Capability::NET_BIND_SERVICE);
    let state = CapState { bounding: set, permitted: set, effective: set, ..CapState::default() };
    assert_eq!(sets_of(&out), state);
    assert_eq!(field(&out, "Uid"), "0 0 0 0");
    assert_eq!(field(&out, "Groups"), "0");
    assert_eq!(field(&out, "NoNewPrivs"), "0");
}

#[test]
fn user_groups_and_no_new_privs_are_the_containers() {
    testkit::needs!(root, capability(10));
    let (out, err, code) = run_with(USERS, &["-c", "app", "--", "cat", "/proc/self/status"]);
    let warning = "warning: user 1000 is not root and will hold nothing: containerd raises no \
                   ambient capabilities, so what is added stays in the bounding set\n";
    assert_eq!((err, code), (format!("{ASSUMED}{warning}"), Some(0)));
    assert_eq!(field(&out, "Uid"), "1000 1000 1000 1000");
    assert_eq!(field(&out, "Gid"), "2000 2000 2000 2000");
    assert_eq!(field(&out, "Groups"), "4 5 2000 3000");
    assert_eq!(field(&out, "NoNewPrivs"), "1");
    let set = CapSet::from(Capability::NET_BIND_SERVICE);
    assert_eq!(sets_of(&out), CapState { bounding: set, ..CapState::default() });
    let words = ["-c", "web/app", "--runtime", "podman", "--", "cat", "/proc/self/status"];
    let (out, err, code) = run_with(USERS, &words);
    assert_eq!((err.as_str(), code), ("", Some(0)));
    assert_eq!(sets_of(&out).effective, set);
    assert_eq!(sets_of(&out).ambient, set);
}

#[test]
fn its_own_command_runs_with_its_environment() {
    testkit::needs!(root);
    let (out, err, code) = run_with(USERS, &["-c", "init", "--runtime", "docker"]);
    assert_eq!((out.as_str(), err.as_str(), code), ("hello $(GREETING) hello\n", "", Some(0)));
}

#[test]
fn another_user_may_be_named() {
    testkit::needs!(root);
    let words = ["-c", "app", "--runtime", "crio", "-u", "77:78", "--", "cat", "/proc/self/status"];
    let (out, _, code) = run_with(USERS, &words);
    assert_eq!(code, Some(0));
    assert_eq!(field(&out, "Uid"), "77 77 77 77");
    assert_eq!(field(&out, "Groups"), "4 5 78 3000");
}

/// The error and its help, for words that cannot be done.
fn refusal(manifest: &str, words: &[&str]) -> String {
    let (out, err, code) = run_with(manifest, words);
    assert_eq!((out.as_str(), code), ("", Some(125)));
    err.lines().filter(|l| !l.starts_with("note:")).collect::<Vec<_>>().join("\n")
}

/// What is known of the image says as whom, and what, where the manifest does not.
#[test]
fn an_images_user_and_command_count_where_they_are_known() {
    testkit::needs!(root);
    let folder = tempfile::tempdir().unwrap();
    let info = folder.path().join("info.json");
    let image = r#"[{"RepoTags":["docker.io/library/nginx:latest"],"Config":{"User":"101",
        "Entrypoint":["cat"],"Cmd":["/proc/self/status"]}}]"#;
    std::fs::write(&info, image).unwrap();
    let (out, err, code) = run_with(NGINX_POD, &["--image-info", info.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("Uid:\t101\t101\t101\t101"), "{out}");
    assert!(err.contains("user 101 is not root and will hold nothing"), "{err}");
    assert!(!err.contains("runs as root"), "{err}");
}

#[test]
fn what_is_missing_or_unclear_is_said() {
    testkit::needs!(root);
    assert_eq!(
        refusal(NGINX_POD, &[]),
        "error: container nginx-container has no command in the manifest, and of its image nothing \
         is known\n  help: give the command: dropcap run -f … -- CMD; or say what the image is: \
         --image-info"
    );
    assert_eq!(
        refusal(USERS, &["true"]),
        "error: <stdin>: which container? There are web/init, web/app\n  help: name one: -c \
         WORKLOAD/CONTAINER"
    );
    assert_eq!(
        refusal(USERS, &["-c", "wep", "true"]),
        "error: <stdin>: no container \"wep\"; there are init, app"
    );
    let non_root = NGINX_POD.replace("capabilities:", "runAsNonRoot: true\n      capabilities:");
    assert_eq!(
        refusal(&non_root, &["true"]),
        "error: runAsNonRoot is true and there is no runAsUser: the image decides which user it \
         is, and nothing is known of it\n  help: name one: --user 1000; or say what the image is: \
         --image-info"
    );
    let windows = NGINX_POD.replace("spec:\n", "spec:\n  os: {name: windows}\n");
    assert_eq!(
        refusal(&windows, &["true"]),
        "error: nginx-container is a Windows container: it has no capabilities"
    );
    let misspelt = NGINX_POD.replace("- NET_BIND_SERVICE", "- NET_BIND_SERVIC");
    assert!(
        refusal(&misspelt, &["--runtime", "docker", "true"]).contains(
            "unknown capability \"NET_BIND_SERVIC\" in add; did you mean NET_BIND_SERVICE?"
        )
    );
    // Lost indentation: the manifest has no container, and says why.
    let flat: String = NGINX_POD.lines().map(|l| format!("{}\n", l.trim_start())).collect();
    let said = refusal(&flat, &["true"]);
    assert!(said.contains("the indentation seems lost in copying"), "{said}");
    assert!(refusal("kind: Service\napiVersion: v1\n", &["true"]).contains("no containers in it"));
}

#[test]
fn what_kubernetes_would_refuse_is_run_with_a_warning() {
    testkit::needs!(root);
    let refused = NGINX_POD.replace(
        "securityContext:\n",
        "securityContext:\n      runAsUser: 0\n      runAsNonRoot: true\n",
    );
    let (_, err, code) = run_with(&refused, &["--runtime", "containerd", "true"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        err,
        "warning: the kubelet does not start the container: runAsNonRoot is true and runAsUser is \
         0\n"
    );
}
