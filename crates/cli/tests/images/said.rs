//! What is said of images, by files that describe them; no engine is needed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::{pod, run};

fn described(folder: &Path) -> String {
    let file = folder.join("images.json");
    let document = json!({ "version": 1, "images": [
        { "names": ["web:1"], "user": "101", "entrypoint": ["/web"], "files": { "privileged": {} } },
        { "names": ["named"], "user": "nginx" },
        { "names": ["ping"], "user": "7", "entrypoint": ["/ping"], "files": {
            "privileged": { "/bin/ping": { "capabilities": "cap_net_raw=ep" }, "/bin/su": { "setUid": 0 } },
            "programs": { "/ping": "/bin/ping" } } },
    ]});
    fs::write(&file, document.to_string()).unwrap();
    file.display().to_string()
}

/// The two streams of the command on a pod with this image and these lines of its container.
fn said(command: &str, image: &str, more: &str, options: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let info = described(folder.path());
    let pod = pod(folder.path(), image);
    let text = fs::read_to_string(&pod).unwrap() + more;
    fs::write(&pod, text).unwrap();
    let dropcap = testkit::dropcap();
    let pod = pod.display().to_string();
    let mut arguments = vec![command, "--image-info", &info, &pod];
    arguments.extend(options);
    let output = run(dropcap.to_str().unwrap(), &arguments);
    let both = [output.stdout, output.stderr].concat();
    String::from_utf8(both).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn show_names_the_source_of_what_it_knows() {
    let text = said("show", "web:1", "", &[]);
    assert!(text.contains("user 101 (image web:1: USER 101)"), "{text}");
    let nothing = "image web:1: its first program gives nothing; no set-uid program and no file \
                   with capabilities in it";
    assert!(text.contains(nothing), "{text}");
    let text = said("show", "ping", "", &[]);
    assert!(
        text.contains("image ping: /bin/ping carries NET_RAW; /bin/ping and /bin/su"),
        "{text}"
    );
    assert!(text.contains("NET_RAW: carried by the entrypoint's file"), "{text}");
}

#[test]
fn what_is_unknown_stays_unknown() {
    let text = said("show", "named", "", &[]);
    assert!(
        text.contains("user root or not (image named: USER is `nginx`, uid unknown)"),
        "{text}"
    );
    assert!(text.contains("if not root"), "{text}");
    let text = said("show", "other", "", &[]);
    assert!(text.contains("user root or not, as the image's USER says"), "{text}");
}

#[test]
fn the_manifest_goes_before_the_image() {
    let more = "      securityContext: { runAsUser: 0 }\n";
    let text = said("show", "web:1", more, &[]);
    assert!(text.contains("user 0, root (line 8)"), "{text}");
    // What is mounted over the program is not the image's.
    let more = "      volumeMounts: [{ name: v, mountPath: /bin }]\n";
    let text = said("show", "ping", more, &[]);
    assert!(text.contains("image ping: its first program is not known"), "{text}");
    let text = said("show", "ping", "      command: [/ping]\n      args: [x]\n", &[]);
    assert!(text.contains("/bin/ping carries NET_RAW"), "{text}");
    let text = said("show", "ping", "      command: [$(PROGRAM)]\n", &[]);
    assert!(text.contains("image ping: its first program is not known"), "{text}");
}

#[test]
fn the_kubelet_asks_the_image_too() {
    let more = "      securityContext: { runAsNonRoot: true }\n";
    let text = said("show", "named", more, &[]);
    assert!(text.contains("the image's USER is a name, which it does not look up"), "{text}");
    let text = said("show", "web:1", more, &[]);
    assert!(!text.contains("the kubelet"), "{text}");
    assert!(text.contains("101 (image web:1: USER 101)"), "{text}");
}

#[test]
fn check_is_sure_where_the_image_is_known() {
    let lists = "      securityContext:\n        capabilities: { drop: [ALL], add: [KILL] }\n";
    let text = said("check", "web:1", lists, &[]);
    assert!(text.contains("KILL is added and not effective on containerd"), "{text}");
    assert!(text.contains("not root: image web:1: USER 101"), "{text}");
    assert!(text.contains("Image web:1 has no set-uid program"), "{text}");
    let lists = "      securityContext:\n        capabilities: { drop: [ALL] }\n";
    let text = said("check", "ping", lists, &["--select", "file-capabilities-outside-bounding"]);
    assert!(text.contains("does not start on containerd"), "{text}");
    assert!(
        !said("check", "other", lists, &[]).contains("image"),
        "nothing is known, nothing is said"
    );
}

#[test]
fn a_user_by_name_of_compose_is_not_the_images() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("compose.yaml");
    fs::write(&file, "services:\n  web:\n    image: web:1\n    user: nobody\n").unwrap();
    let info = described(folder.path());
    let dropcap = testkit::dropcap();
    let file = file.display().to_string();
    let output = run(dropcap.to_str().unwrap(), &["show", "--image-info", &info, &file]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("image web:1: user is `nobody`, uid unknown"), "{text}");
}

#[test]
fn bad_questions_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let pod = pod(folder.path(), "web:1").display().to_string();
    let dropcap = testkit::dropcap();
    let ask = |arguments: &[&str]| {
        let output = Command::new(&dropcap)
            .args(arguments)
            .env("PATH", "")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = ask(&["show", "--image-info", "-", "-"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("two `-` are given"), "{said}");
    let (code, said) = ask(&["show", "--images", "podman", &pod]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("cannot run podman"), "{said}");
    let (code, said) = ask(&["check", "--images", "auto", &pod]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("cannot run podman") && said.contains("cannot run docker"), "{said}");
}

#[test]
fn the_json_holds_to_its_schema() {
    let schema = include_str!("../../../../docs/schema/show-v1.json");
    let schema = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for image in ["web:1", "named", "ping", "other"] {
        let text = said("show", image, "", &["--json"]);
        let document = serde_json::from_str(&text).unwrap();
        let errors: Vec<String> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{image}");
        let is_known = document["containers"][0]["fromImage"].is_object();
        assert_eq!(is_known, image != "other", "{image}");
    }
}
