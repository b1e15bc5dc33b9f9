//! Images written down: this crate's own format and what engines print.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use dropcap_image::{Images, Program, Word, schema};

const OWN: &str = r#"{
  "version": 1,
  "images": [
    {
      "names": ["nginx:1.27"],
      "user": "nginx",
      "entrypoint": ["/docker-entrypoint.sh"],
      "files": {
        "privileged": { "/usr/bin/ping": { "capabilities": "cap_net_raw=ep" }, "/bin/su": { "setUid": 0 } },
        "programs": { "/docker-entrypoint.sh": "/bin/dash", "ping": "/usr/bin/ping" },
        "accounts": { "nginx": 101 }
      }
    },
    { "names": ["web", "localhost/other"], "user": "app", "uid": 7 }
  ]
}"#;

fn images(text: &str) -> Images {
    let mut images = Images::default();
    images.add_text(text).unwrap();
    images
}

fn error(text: &str) -> String {
    Images::default().add_text(text).unwrap_err().to_string()
}

#[test]
fn an_image_is_found_under_every_spelling_of_its_name() {
    let images = images(OWN);
    let uid = |name| images.get(name).map(|image| image.uid);
    assert_eq!(uid("docker.io/library/nginx:1.27"), Some(Some(101)));
    assert_eq!(uid("web:latest"), Some(Some(7)));
    assert_eq!(uid("other"), Some(Some(7)));
    assert_eq!(uid("nginx"), None);
    assert_eq!(uid("ghcr.io/web"), None);
}

#[test]
fn what_is_written_is_read_again_and_holds_to_the_schema() {
    let first = images(OWN);
    let text = first.to_text();
    assert_eq!(images(&text), first);
    let published = serde_json::from_str(&schema()).unwrap();
    let validator = jsonschema::validator_for(&published).unwrap();
    assert!(validator.is_valid(&serde_json::from_str(&text).unwrap()));
    assert!(validator.is_valid(&serde_json::from_str(OWN).unwrap()));
    let wrong = OWN.replace("\"setUid\": 0", "\"setUid\": \"root\"");
    assert!(!validator.is_valid(&serde_json::from_str(&wrong).unwrap()));
}

#[test]
fn the_published_schema_is_up_to_date() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/images-v1.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(file, schema()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), schema(), "UPDATE_SCHEMA=1 writes it");
}

#[test]
fn what_engines_print_is_read_as_it_is() {
    // Podman 4.3 and Docker 20.10, shortened.
    let podman = r#"[{"Id": "dc99", "RepoTags": ["localhost/web:1"], "User": "1000:5",
        "Config": {"User": "1000:5", "Entrypoint": ["/web"], "Env": ["PATH=/bin"]}}]"#;
    let docker = r#"[{"Id": "sha256:ab", "RepoTags": ["web:2"], "RepoDigests": ["web@sha256:cd"],
        "Config": {"User": "web", "Cmd": ["/web"], "Entrypoint": null, "WorkingDir": ""}}]"#;
    let (podman, docker) = (images(podman), images(docker));
    let image = podman.get("web:1").unwrap();
    assert_eq!((image.uid, image.first_word(&[], &[])), (Some(1000), Some("/web")));
    let image = docker.get("docker.io/library/web:2").unwrap();
    assert_eq!((image.uid, image.user.as_str()), (None, "web"));
    assert_eq!(image.program(Word { word: Some("/web"), moved: false }, &[]), Program::Unknown);
    assert!(docker.get("web@sha256:cd").is_some());
}

#[test]
fn what_is_not_understood_is_said() {
    assert_eq!(
        error(r#"{"version": 2, "other": 1}"#),
        "version 2 of the format is not known, expected 1"
    );
    assert_eq!(
        error(r#"{"version": 1, "images": [{"names": []}]}"#),
        "image 0 of the list has no name"
    );
    let odd = OWN.replace("cap_net_raw=ep", "cap_net_rww=ep");
    assert!(error(&odd).starts_with("image nginx:1.27, file /usr/bin/ping: "), "{}", error(&odd));
    assert!(error("nginx").starts_with("expected {\"version\": 1"), "{}", error("nginx"));
    assert!(error("[1]").starts_with("not what `podman image inspect`"), "{}", error("[1]"));
    let typo = OWN.replace("\"privileged\"", "\"priviledged\"");
    assert!(error(&typo).contains("unknown field `priviledged`"), "{}", error(&typo));
}
