//! What has no such form, and what a person is told to do.

use std::fs;

use insta::assert_snapshot;

use crate::{export_in, folder};

#[test]
fn each_refusal_says_what_to_do() {
    let folder = folder();
    let bare = "apiVersion: dropcap.dev/v1\nkind: CapabilityProfile\nmetadata: { name: bare }\n\
        spec: { capabilities: { needed: [] } }\n";
    fs::write(folder.path().join("bare.yaml"), bare).unwrap();
    let mut all = String::new();
    for args in [
        &["--to", "k8s"][..],
        &["--to", "k8s", "hand.yaml"],
        &["--to", "docker", "nginx.yaml", "nginx.yaml"],
        &["--to", "kustomize", "nginx.yaml", "nginx.yaml"],
        &["--to", "kustomize", "nginx.yaml", "nginx.yaml", "-c", "a"],
        &["--to", "kustomize", "--incomplete", "bare.yaml"],
        &["--to", "kustomize", "--incomplete", "bare.yaml", "--workload", "Deployment/web"],
        &["--to", "kustomize", "nginx.yaml", "--workload", "Rollout/web"],
        &["--to", "k8s", "nginx.yaml", "--workload", "web"],
        &["--to", "k8s", "nginx.yaml", "-n", "a", "-n", "b"],
        &["--to", "vap"],
        &["--to", "vap", "--by-image", "--incomplete", "bare.yaml"],
        &["--to", "vap", "--allow", "NET_RAWW"],
        &["--to", "vap", "--allow", "none", "--name", "My_Policy"],
        &["--to", "vap", "--allow", "none", "--action", "Deny", "--action", "Warn"],
        &["--to", "docker", "nginx.yaml", "--allow", "KILL"],
        &["--to", "vap", "nginx.yaml", "--user", "1000"],
        &["--to", "systemd", "nginx.yaml", "--service", "web"],
        &["--to", "systemd", "nginx.yaml", "--user", ""],
        &["--to", "docker", "nginx.yaml", "--user", "a b"],
        &["--to", "nomad", "nginx.yaml"],
    ] {
        let output = export_in(folder.path(), args);
        assert_eq!((output.status.code(), &*output.stdout), (Some(2), &b""[..]), "{args:?}");
        all += &format!("$ {}\n{}", args.join(" "), String::from_utf8(output.stderr).unwrap());
    }
    assert_snapshot!(all);
}
