//! Reading, writing, and the schema of profiles.

use caps::{CapSet, Capability as C};
use dropcap_record::format::ReadError;
use dropcap_record::observation::Recording;
use dropcap_record::profile::{Profile, ProofState};
use dropcap_record::requirement::Verdict;
use dropcap_record::schema;

const BY_HAND: &str = "\
apiVersion: dropcap.dev/v1
kind: CapabilityProfile
metadata:
  name: web
spec:
  capabilities:
    needed: [NET_BIND_SERVICE, cap_chown]
    doubtful: [KILL]
";

/// As the tool writes it.
const WRITTEN: &str = include_str!("data/nginx.yaml");

fn refused(text: &str) -> ReadError {
    match Profile::parse(text) {
        Ok(profile) => panic!("read as {profile:?}"),
        Err(error) => error,
    }
}

#[test]
fn a_profile_written_by_hand_is_read_and_takes_part() {
    let profile = Profile::parse(BY_HAND).unwrap();
    assert_eq!(profile.add(), CapSet::of(&[C::NET_BIND_SERVICE, C::CHOWN, C::KILL]));
    assert_eq!(profile.spec.capabilities.doubtful, CapSet::from(C::KILL));
    assert!(!profile.status.complete);
    assert_eq!(profile.status.incomplete, ["no run was watched"]);
    assert_eq!(profile.why(C::KILL).next().unwrap().stated, Some(Verdict::Doubtful));
}

#[test]
fn what_is_written_is_what_is_read_in_yaml_and_json() {
    for text in [BY_HAND, WRITTEN] {
        let profile = Profile::parse(text).unwrap();
        assert_eq!(Profile::parse(&profile.to_yaml().unwrap()).unwrap(), profile);
        assert_eq!(Profile::parse(&profile.to_json().unwrap()).unwrap(), profile);
    }
    assert_eq!(Profile::parse(WRITTEN).unwrap().to_yaml().unwrap(), WRITTEN);
}

#[test]
fn another_version_is_named_with_what_to_do() {
    for version in ["dropcap.dev/v2", "dropcap.dev/v1alpha1"] {
        let text = BY_HAND.replace("dropcap.dev/v1", version) + "novelty: true\n";
        let error = refused(&text);
        assert!(matches!(error, ReadError::Version { .. }), "{error}");
        assert_eq!(
            error.to_string(),
            format!(
                "has version {version}, and this dropcap understands dropcap.dev/v1 only; \
                 read it with the dropcap that wrote it, or record it again with this one"
            )
        );
    }
}

#[test]
fn something_else_is_not_taken_for_a_profile() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n";
    assert_eq!(
        refused(pod).to_string(),
        "is not a profile: apiVersion is v1, kind is Pod; \
         expected apiVersion dropcap.dev/v1, kind CapabilityProfile"
    );
    assert!(matches!(refused("{}"), ReadError::NotAProfile { .. }));
    assert!(matches!(refused(""), ReadError::Empty { .. }));
    assert!(matches!(refused(" \n\n"), ReadError::Empty { .. }));
    for text in ["just words", "- a\n- b\n", "a: [", "{\"a\": 1", "\u{0}", "a: 1\n---\nb: 2\n"] {
        assert!(
            matches!(refused(text), ReadError::Syntax { .. } | ReadError::NotAProfile { .. }),
            "{text:?}"
        );
    }
}

#[test]
fn an_unknown_field_or_capability_is_refused_with_its_line() {
    let error = refused(&BY_HAND.replace("doubtful:", "dubious:")).to_string();
    assert!(error.contains("dubious") && error.contains('8'), "{error}");
    let error = refused(&BY_HAND.replace("KILL", "KIL")).to_string();
    assert!(error.contains("did you mean KILL?") && error.contains('8'), "{error}");
}

#[test]
fn lists_that_contradict_themselves_or_the_evidence_are_refused() {
    let both = BY_HAND.replace("[KILL]", "[CHOWN]");
    assert!(refused(&both).to_string().contains("CHOWN is both needed and doubtful"));
    let add = BY_HAND.to_owned() + "    add: [KILL]\n";
    assert!(refused(&add).to_string().contains("spec.capabilities.add is KILL"));
    let left_out = WRITTEN.replacen("    - NET_BIND_SERVICE\n", "", 2);
    let error = refused(&left_out).to_string();
    assert_eq!(
        error,
        "contradicts itself: spec.evidence asks for NET_BIND_SERVICE, spec.capabilities does not \
         list it; list it, or mark its uses `trial: passedWithout`"
    );
}

#[test]
fn a_proof_counts_for_the_list_it_names() {
    let mut profile = Profile::parse(WRITTEN).unwrap();
    assert_eq!(profile.status.proof, ProofState::Unproven);
    profile.status.proofs = vec![dropcap_record::profile::Proof {
        capabilities: profile.add(),
        test: "curl -fs localhost".to_owned(),
        trials: 4,
        recorded: None,
    }];
    profile.settle();
    assert_eq!(profile.status.proof, ProofState::Proven);
    profile.status.proofs[0].capabilities = CapSet::EMPTY;
    profile.settle();
    assert_eq!(profile.status.proof, ProofState::Unproven);
}

#[test]
fn what_is_doubtful_beside_what_is_proven_takes_nothing_from_it() {
    let mut profile = Profile::parse(BY_HAND).unwrap();
    let needed = profile.spec.capabilities.needed;
    assert_ne!(needed, profile.add());
    let proof = |capabilities| {
        let test = "curl -fs localhost".to_owned();
        vec![dropcap_record::profile::Proof { capabilities, test, trials: 4, recorded: None }]
    };
    profile.status.proofs = proof(needed);
    profile.settle();
    assert_eq!((profile.status.proof, profile.proofs().count()), (ProofState::Proven, 1));
    // Of a part of what is needed it says too little.
    profile.status.proofs = proof(CapSet::EMPTY);
    profile.settle();
    assert_eq!((profile.status.proof, profile.proofs().count()), (ProofState::Unproven, 0));
}

#[test]
fn a_recording_of_another_version_is_refused() {
    let error = Recording::parse("{\"version\": 2, \"novelty\": 1}").unwrap_err();
    assert!(matches!(error, ReadError::Version { .. }), "{error}");
    let error = Recording::parse(WRITTEN).unwrap_err();
    assert!(matches!(error, ReadError::Version { .. }), "{error}");
    assert!(matches!(Recording::parse("[1"), Err(ReadError::Syntax { .. })));
}

#[test]
fn the_published_schema_is_up_to_date() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/profile-v1.json");
    let now = schema::profile_v1();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::create_dir_all(std::path::Path::new(file).parent().unwrap()).unwrap();
        std::fs::write(file, &now).unwrap();
    }
    let published = std::fs::read_to_string(file).unwrap();
    assert_eq!(published, now, "run the test with UPDATE_SCHEMA=1 and review the change");
}

#[test]
fn what_is_written_is_valid_under_the_schema_and_nonsense_is_not() {
    let schema = serde_json::from_str(&schema::profile_v1()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for text in [BY_HAND, WRITTEN] {
        let written = Profile::parse(text).unwrap().to_json().unwrap();
        let value: serde_json::Value = serde_json::from_str(&written).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
        for (path, nonsense) in [
            ("/apiVersion", "dropcap.dev/v2"),
            ("/kind", "Pod"),
            ("/spec/capabilities/needed/0", "NONSENSE"),
            ("/status/proof", "maybe"),
        ] {
            let mut wrong = value.clone();
            *wrong.pointer_mut(path).unwrap() = nonsense.into();
            assert!(!validator.is_valid(&wrong), "{path}");
        }
    }
}

#[test]
fn what_was_tried_to_do_without_is_kept_whole_and_valid() {
    use dropcap_record::zero::{Change, Held, Tried, Zero, ZeroRun};
    let user = Change::User { user: 33, group: None };
    let env = [("PORT".to_owned(), "8080".to_owned())].into();
    let args = vec!["-p".to_owned(), "8080".to_owned()];
    let port = Change::Port { from: 80, to: 8080, command: Vec::new(), args, env };
    let folder = Change::EmptyDir { path: "/run".to_owned(), fs_group: Some(33) };
    let sysctl = Change::Sysctl { name: "a.b".to_owned(), value: "1 2".to_owned() };
    let changes = vec![user, port, folder, sysctl];
    let tried = |change: &Change| Tried {
        change: change.clone(),
        removes: CapSet::from(C::CHOWN),
        why: "why".to_owned(),
        result: Held::NotNeeded,
        said: None,
    };
    let run = ZeroRun {
        changes: changes.clone(),
        capabilities: CapSet::EMPTY,
        passed: false,
        said: Some("no".to_owned()),
        duration_ms: 7,
    };
    let zero = Zero {
        test: "it works".to_owned(),
        reached: false,
        changes: changes.iter().map(tried).collect(),
        remains: CapSet::from(C::CHOWN),
        in_the_way: vec!["chown".to_owned()],
        doubts: vec!["open /root/key: EACCES".to_owned()],
        remarks: vec!["remark".to_owned()],
        recorded: None,
        runs: vec![run],
    };
    let mut profile = Profile::parse(WRITTEN).unwrap();
    profile.status.zero = vec![zero.clone(), zero];
    profile.settle();
    assert_eq!(profile.status.zero.len(), 1);
    let yaml = profile.to_yaml().unwrap();
    assert_eq!(Profile::parse(&yaml).unwrap(), profile, "{yaml}");
    let value = serde_json::from_str(&profile.to_json().unwrap()).unwrap();
    let schema = serde_json::from_str(&schema::profile_v1()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    let mut unknown: serde_json::Value = value;
    unknown["status"]["zero"][0]["changes"][0]["change"]["kind"] = "magic".into();
    assert!(!validator.is_valid(&unknown));
}
