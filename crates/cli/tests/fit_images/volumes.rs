//! `--try-zero` where the folder that a container writes to is a volume claim.

use std::fs;

use serde_json::{Value, json};

use crate::fit;
use crate::zero::{patched, pod, text};

/// As entrypoints do: root gives the folder away and steps down, another user starts at once.
pub const STEPS_DOWN: &str = "W=\"echo x > /data/x && exec httpd -f -p 8080 -h /data\"; \
    if [ $(id -u) = 0 ]; then mkdir -p /data; chown user /data; exec su user -c \"$W\"; fi; \
    mkdir -p /data; eval \"$W\"";

fn deployment() -> String {
    let image = testkit::image();
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  \
         selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
         spec:\n      volumes: [{{name: data, persistentVolumeClaim: {{claimName: data}}}}]\n      \
         containers:\n      - name: web\n        image: {image}\n        \
         command: [sh, -ec, '{STEPS_DOWN}']\n        \
         volumeMounts: [{{name: data, mountPath: /data}}]\n        \
         readinessProbe: {{httpGet: {{path: /x, port: 8080}}}}\n"
    )
}

/// The claim is root's at first: what gives it away is needed, and a group that may write to it does instead.
#[test]
fn a_volume_claim_is_given_to_a_group_and_nothing_is_mounted_over_it() {
    testkit::needs!(root, podman, bpf, time, program("kubectl"));
    let folder = tempfile::tempdir().unwrap();
    let (file, patch) = (folder.path().join("web.yaml"), folder.path().join("zero.yaml"));
    fs::write(&file, deployment()).unwrap();
    let (path, to) = (file.to_str().unwrap(), patch.to_str().unwrap());
    let all = ["-f", path, "--watch", "0s", "--minimum", "--try-zero", "--zero-patch", to];
    let output = fit(&all, "");
    let (said, printed) = (text(&output.stderr), text(&output.stdout));
    assert_eq!(output.status.code(), Some(0), "{said}{printed}");
    assert!(said.contains("volume data at /data is empty here, and root's"), "{said}");
    assert!(printed.contains("to zero  reached") && printed.contains("fsGroup 1000"), "{printed}");
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.contains("- CHOWN  # chown /data to 1000"), "{written}");
    let after = patched(folder.path());
    let spec = pod(&after);
    assert_eq!(spec["securityContext"], json!({ "fsGroup": 1000 }), "{after}");
    assert_eq!(spec["volumes"].as_array().unwrap().len(), 1, "{after}");
    assert_eq!(spec["containers"][0]["securityContext"]["runAsUser"], 1000, "{after}");
    // What kubectl has written needs nothing more.
    fs::write(&file, &after).unwrap();
    let again = fit(&["-f", path, "--watch", "0s", "--json"], "");
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    let profile: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(profile["status"]["searches"][0]["minimum"], json!([]));
}
