//! The override file, merged by Docker Compose, and the merged file read by `dropcap show`.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::{exported, succeed};

const COMPOSE: &str = "\
name: shop
services:
  web:
    image: nginx
    cap_add: [SYS_ADMIN, NET_ADMIN]
    cap_drop: [KILL]
    security_opt: [apparmor:unconfined]
  bare: { image: nginx }
  db: { image: postgres, cap_add: [SYS_NICE] }
";

#[test]
fn compose_merges_one_service_and_nothing_else() {
    testkit::needs!(program("docker-compose"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("compose.yaml"), COMPOSE).unwrap();
    let config = |files: &[&str]| -> Value {
        let mut compose = Command::new("docker-compose");
        compose.current_dir(folder.path()).env("HOME", folder.path());
        compose.args(files.iter().flat_map(|file| ["-f", file]));
        let (printed, _) = succeed(compose.args(["config", "--format", "json"]));
        serde_json::from_str(&printed).unwrap()
    };
    let plain = config(&["compose.yaml"]);
    assert_eq!(plain["services"]["web"]["cap_add"], json!(["SYS_ADMIN", "NET_ADMIN"]));
    for service in ["web", "bare"] {
        for (profile, add) in [
            ("hand.yaml", json!(["CHOWN", "KILL", "NET_BIND_SERVICE"])),
            ("nothing.yaml", Value::Null),
        ] {
            let args = ["--to", "compose", "--incomplete", profile, "--service", service];
            fs::write(folder.path().join("caps.yaml"), exported(&args)).unwrap();
            let mut expected = plain.clone();
            let mended = expected["services"][service].as_object_mut().unwrap();
            mended.insert("cap_drop".to_owned(), json!(["ALL"]));
            mended.remove("cap_add");
            if !add.is_null() {
                mended.insert("cap_add".to_owned(), add);
            }
            assert_eq!(config(&["compose.yaml", "caps.yaml"]), expected, "{service} {profile}");
        }
    }
}
