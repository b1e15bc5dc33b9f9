//! `dropcap show`, the real binary, as a person sees it.

mod errors;
mod json;
mod runtimes;
mod text;

use snapbox::IntoData;
use snapbox::cmd::Command;
use testkit::{EXAMPLE_POD, NGINX_POD};

/// What one meets in the wild, one container each.
const MIXED: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      volumes:
      - name: logs
        hostPath: {path: /var/log}
      initContainers:
      - name: setup
        image: busybox
        securityContext:
          runAsUser: 0
          capabilities:
            add: [CAP_SYS_ADMIN, SYS_MODULEE]
            drop: [NET_RAW]
      containers:
      - name: web
        image: nginx:1.27
        volumeMounts:
        - {name: logs, mountPath: /logs}
      - name: side
        image: envoy
        securityContext:
          runAsUser: 1000
          allowPrivilegeEscalation: false
          capabilities:
            add: [NET_BIND_SERVICE]
      - name: agent
        image: agent
        securityContext:
          privileged: true
";

fn show(arguments: &[&str]) -> Command {
    let mut command = Command::new(snapbox::cmd::cargo_bin!("dropcap")).arg("show");
    for argument in arguments {
        command = command.arg(argument);
    }
    command.env_remove("CLICOLOR_FORCE").env("NO_COLOR", "1")
}

/// With this manifest on standard input.
fn piped(manifest: &str, arguments: &[&str]) -> Command {
    show(arguments).arg("-").stdin(manifest.to_owned().into_data().raw())
}
