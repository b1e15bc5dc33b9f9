//! Each form as it is printed, and what is said beside it.

use std::fs;

use insta::assert_snapshot;

use crate::{export_in, exported, folder};

/// Standard output, and standard error below it.
fn both(args: &[&str]) -> String {
    let output = export_in(folder().path(), args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    format!("{}----\n{}", text(&output.stdout), text(&output.stderr))
}

#[test]
fn k8s_is_a_patch_of_the_workload() {
    assert_snapshot!("k8s-traced", both(&["--to", "k8s", "nginx.yaml"]));
    assert_snapshot!("k8s-by-hand", both(&["--to", "k8s", "--incomplete", "hand.yaml"]));
    let place = ["--workload", "CronJob/cleanup", "-c", "job", "--init-container", "-n", "ops"];
    assert_snapshot!(
        "k8s-elsewhere",
        both(&[&["--to", "k8s", "--incomplete", "nothing.yaml"], &place[..]].concat())
    );
}

#[test]
fn k8s_is_the_field_alone_where_no_patch_can_be() {
    let rollout = both(&["--to", "k8s", "nginx.yaml", "--workload", "Rollout/web"]);
    assert_snapshot!("k8s-rollout", rollout);
    let folder = folder();
    let bare = crate::NOTHING.replace("  target: { workload: CronJob/web, container: web }\n", "");
    fs::write(folder.path().join("bare.yaml"), bare).unwrap();
    let output = export_in(folder.path(), &["--to", "k8s", "--incomplete", "bare.yaml"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.ends_with("securityContext:\n  capabilities:\n    drop: [ALL]\n    add: []\n"),
        "{text}"
    );
}

#[test]
fn kustomize_takes_many() {
    let args = ["--to", "kustomize", "--incomplete", "nginx.yaml", "hand.yaml"];
    assert_snapshot!("kustomize", both(&args));
}

#[test]
fn compose_replaces_the_lists_of_the_files_before() {
    assert_snapshot!("compose", both(&["--to", "compose", "nginx.yaml"]));
    let nothing = exported(&["--to", "compose", "--incomplete", "nothing.yaml", "--service", "no"]);
    assert!(
        nothing.ends_with("  \"no\":\n    cap_drop: !override [ALL]\n    cap_add: !override []\n"),
        "{nothing}"
    );
}

#[test]
fn docker_and_podman_are_one_line() {
    assert_snapshot!("docker", both(&["--to", "docker", "--incomplete", "hand.yaml"]));
    let user = ["--user", "1000:1000", "--no-new-privileges", "nginx.yaml"];
    assert_snapshot!("docker-user", both(&[&["--to", "docker"], &user[..]].concat()));
    // Podman raises ambient capabilities: there is nothing to warn of.
    assert_snapshot!("podman-user", both(&[&["--to", "podman"], &user[..]].concat()));
    assert_eq!(exported(&["--to", "podman", "--incomplete", "nothing.yaml"]), "--cap-drop=ALL\n");
}

#[test]
fn systemd_is_a_drop_in() {
    assert_snapshot!("systemd", both(&["--to", "systemd", "nginx.yaml"]));
    let args = ["--to", "systemd", "--incomplete", "hand.yaml"];
    let user = ["--user", "www-data", "--no-new-privileges"];
    assert_snapshot!("systemd-user", both(&[&args[..], &user].concat()));
}

#[test]
fn vap_is_a_policy_and_its_binding() {
    assert_snapshot!("vap", both(&["--to", "vap", "nginx.yaml", "--allow", "KILL"]));
    let args = ["--to", "vap", "--incomplete", "hand.yaml", "--by-image", "--action", "deny"];
    let more = ["--action", "Audit", "-n", "shop", "--name", "shop.caps"];
    assert_snapshot!("vap-by-image", both(&[&args[..], &more].concat()));
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let folder = folder();
    let output = export_in(folder.path(), &["--to", "docker", "nginx.yaml", "-o", "flags"]);
    assert_eq!(output.stdout, b"");
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "note: wrote flags: drop ALL, add CHOWN DAC_OVERRIDE SETGID SETUID NET_BIND_SERVICE\n"
    );
    let flags = fs::read_to_string(folder.path().join("flags")).unwrap();
    assert_eq!(flags, exported(&["--to", "docker", "nginx.yaml"]));
    // A component lives in a folder.
    fs::create_dir(folder.path().join("caps")).unwrap();
    let args = ["--to", "kustomize", "--incomplete", "-q", "nginx.yaml", "hand.yaml"];
    let output = export_in(folder.path(), &[&args[..], &["-o", "caps"]].concat());
    assert!(output.status.success(), "{output:?}");
    let component = fs::read_to_string(folder.path().join("caps/kustomization.yaml")).unwrap();
    assert_eq!(component, exported(&args));
    // What cannot be exported leaves the file as it was.
    let output = export_in(folder.path(), &["--to", "docker", "hand.yaml", "-o", "flags"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read_to_string(folder.path().join("flags")).unwrap(), flags);
    let output = export_in(folder.path(), &["--to", "docker", "nginx.yaml", "-o", "no/flags"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && said.starts_with("error: no/flags: "), "{said}");
}

#[test]
fn lines_fit_into_eighty_columns() {
    let mut lines = 0;
    for args in [
        &["--to", "k8s", "nginx.yaml"][..],
        &["--to", "kustomize", "nginx.yaml"],
        &["--to", "compose", "nginx.yaml"],
        &["--to", "vap", "nginx.yaml"],
    ] {
        for line in exported(args).lines() {
            lines += 1;
            assert!(line.chars().count() <= 80, "{args:?}: {line}");
        }
    }
    assert!(lines > 150, "{lines}");
}
