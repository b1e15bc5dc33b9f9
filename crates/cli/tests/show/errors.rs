//! What it cannot read, or does not understand.

use snapbox::str;

use crate::{EXAMPLE_POD, NGINX_POD, piped, show};

#[test]
fn lost_indentation_is_an_error_that_says_so() {
    for manifest in [EXAMPLE_POD, NGINX_POD] {
        let flat: String =
            manifest.lines().map(|line| format!("{}\n", line.trim_start())).collect();
        let output = piped(&flat, &[]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(output.stdout, b"");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("error: <stdin>:4:1: the indentation seems lost"), "{said}");
        let help = said.split_once("help: this may be what was meant:\n").unwrap().1;
        let suggestion: String = help
            .lines()
            .map_while(|line| Some(format!("{}\n", line.strip_prefix("    ")?)))
            .collect();
        assert_eq!(suggestion, manifest);
    }
}

#[test]
fn nothing_to_look_at_is_an_error() {
    piped("kind: Service\napiVersion: v1\nmetadata: {name: a}\n", &[])
        .assert()
        .code(2)
        .stdout_eq("")
        .stderr_eq(str![[r#"
error: found no containers: 1 file read, 1 document without a pod spec
  help: expected Kubernetes objects with a pod spec: Pod, Deployment, StatefulSet, DaemonSet, Job, CronJob, …; a Compose file; or an OCI config.json. For kinds of your own there is --kinds

"#]]);
    piped("", &[]).assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: found no containers: 1 file read
  help: expected Kubernetes objects with a pod spec: Pod, Deployment, StatefulSet, DaemonSet, Job, CronJob, …; a Compose file; or an OCI config.json. For kinds of your own there is --kinds

"#]]);
    piped("kind: Pod\n{{ if x }}\n", &[]).assert().code(2).stdout_eq("").stderr_eq(str![[r#"
warning: <stdin>:2:1: a Go template (`{{ … }}`), not a manifest yet: render it first (helm template … | dropcap … -)
error: found no containers: 1 file read, 1 document not rendered (Go templates)

"#]]);
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.yaml"), b"\x7fELF\0\0").unwrap();
    std::fs::write(folder.path().join("b.yaml"), EXAMPLE_POD).unwrap();
    show(&["--holds", "CHOWN", "a.yaml", "b.yaml", "c.yaml"])
        .current_dir(folder.path())
        .assert()
        .code(2)
        .stdout_eq(str![[r#"
For containerd 2.0, which is assumed: --runtime names another.

CHOWN is held, or within reach, in 0 of 1 container

"#]])
        .stderr_eq(str![[r#"
error: a.yaml: a binary file (NUL byte at offset 4), not a manifest
error: c.yaml: cannot read it: No such file or directory (os error 2)

"#]]);
}

#[test]
fn words_that_mean_nothing_are_errors() {
    piped(EXAMPLE_POD, &["--runtime", "contained"]).assert().code(2).stderr_eq(str![[r#"
error: invalid value 'contained' for '--runtime <RUNTIME>': unknown runtime "contained"; expected containerd, crio, docker, podman, nerdctl or linux, with a version if it matters: containerd@2.0

For more information, try '--help'.

"#]]);
    piped(EXAMPLE_POD, &["--holds", "NET_RAWW"]).assert().code(2).stderr_eq(str![[r#"
error: invalid value 'NET_RAWW' for '--holds <CAP>': unknown capability "NET_RAWW", did you mean NET_RAW?

For more information, try '--help'.

"#]]);
}
