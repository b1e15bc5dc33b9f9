//! A profile written into a manifest: what is added, why, and what is refused.

mod made;

use std::fs;

use caps::{CapSet, Capability};
use check::{PatchError, PatchOptions};
use dropcap_jobs::patch::{Error, Incomplete, patch, patch_file};
use record::observation::{self, Container};
use record::profile::{Profile, Target};
use record::requirement::{Requirement, Use, Verdict};

const PODS: &str = "\
apiVersion: v1
kind: Pod
metadata: { name: web }
spec:
  containers:
    - name: web
      image: nginx # the page
    - name: log # as somebody else
      image: log
      securityContext:
        runAsUser: 1000
";

fn needs(capability: Capability, verdict: Verdict, what: &[&str], refused: u64) -> Requirement {
    let uses = what.iter().map(|what| Use { refused, ..made::used(what, verdict) }).collect();
    Requirement { uses, stated: None, ..Requirement::stated(capability, verdict) }
}

fn command() -> observation::Target {
    observation::Target::Command { argv: vec!["nginx".to_owned()] }
}

fn container() -> observation::Target {
    observation::Target::Container(Container {
        name: Some("log".to_owned()),
        ..Container::default()
    })
}

fn profile(target: observation::Target, evidence: Vec<Requirement>) -> Profile {
    let profile = Profile::new("web", Target::default(), evidence, vec![made::run(target)]);
    assert!(profile.status.complete, "{:?}", profile.status.incomplete);
    profile
}

fn patched(name: &str, profile: &Profile) -> Result<check::Patched, Error> {
    patched_in(PODS, name, profile)
}

fn patched_in(text: &str, name: &str, profile: &Profile) -> Result<check::Patched, Error> {
    let manifest = manifest::parse("web.yaml", text);
    patch(&manifest, Some(name), profile, Incomplete::Refuse, &PatchOptions::default())
}

#[test]
fn each_capability_comes_with_what_it_is_for() {
    let evidence = vec![
        needs(Capability::CHOWN, Verdict::Needed, &["chown /cache", "chown /run"], 0),
        needs(Capability::SETUID, Verdict::Doubtful, &["setuid 33\nevil: true"], 0),
    ];
    let patched = patched("web", &profile(command(), evidence)).unwrap();
    let lists = "
      securityContext:
        capabilities:
          drop:
            - ALL
          add:
            - CHOWN  # chown /cache, and 1 more
            - SETUID  # doubtful: setuid 33 evil: true
";
    let expected = PODS.replace(" # the page\n", &format!(" # the page{lists}"));
    assert_eq!(patched.source.text(), expected);
    assert_eq!(patched.add, CapSet::of(&[Capability::CHOWN, Capability::SETUID]));
    assert_eq!((patched.before.effective.len(), patched.after.effective.len()), (14, 2));
    assert_eq!(patched.gained, CapSet::EMPTY);
}

#[test]
fn an_add_that_would_not_take_effect_is_not_written() {
    let evidence = || vec![needs(Capability::NET_BIND_SERVICE, Verdict::Needed, &["bind :80"], 0)];
    let text = format!("{PODS}        capabilities: {{ drop: [ALL] }}\n");
    let left_out = patched_in(&text, "log", &profile(command(), evidence())).unwrap();
    assert_eq!(left_out.add, CapSet::EMPTY);
    assert_eq!(left_out.left_out.len(), 1);
    // Seen in the container itself, which is not root: something in the image carries it.
    let needed = patched_in(&text, "log", &profile(container(), evidence())).unwrap_err();
    assert!(needed.to_string().contains("it would be given NET_BIND_SERVICE"), "{needed}");
    // Asked for there and refused: nothing carries it.
    let refused = vec![needs(Capability::NET_BIND_SERVICE, Verdict::Needed, &["bind :80"], 1)];
    let refused = patched_in(&text, "log", &profile(container(), refused)).unwrap();
    assert_eq!(refused.add, CapSet::EMPTY);
    // Where it is in the bounding set, it stays there.
    let held = patched("log", &profile(command(), evidence())).unwrap();
    assert_eq!(held.add, CapSet::from(Capability::NET_BIND_SERVICE));
}

/// As `fix --profile` judges it.
#[test]
fn what_root_was_seen_to_do_is_not_written_for_another_user() {
    let seen = |as_root| {
        let evidence = vec![needs(Capability::CHOWN, Verdict::Needed, &["chown /cache"], 0)];
        let mut profile = profile(command(), evidence);
        profile.status.runs[0].as_root = Some(as_root);
        profile
    };
    let refused = patched("log", &seen(true)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "web.yaml:8:13: container log: it was learnt as root, and this container runs as user 1000"
    );
    assert_eq!(patched("log", &seen(false)).unwrap().add, CapSet::from(Capability::CHOWN));
    // Nobody knows as whom this one runs.
    assert_eq!(patched("web", &seen(true)).unwrap().add, CapSet::from(Capability::CHOWN));
    let root = PODS.replace("1000", "0");
    let refused = patched_in(&root, "log", &seen(false)).unwrap_err();
    assert!(matches!(refused, Error::OfAnother { .. }), "{refused}");
    assert_eq!(patched_in(&root, "log", &seen(true)).unwrap().add, CapSet::from(Capability::CHOWN));
}

#[test]
fn what_it_does_not_have_now_is_refused() {
    let evidence = vec![needs(Capability::SYS_TIME, Verdict::Needed, &["set the clock"], 0)];
    let error = patched("web", &profile(command(), evidence)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "web.yaml:6:13: container web: it would be given SYS_TIME, which it does not \
         have now on containerd and CRI-O"
    );
}

#[test]
fn nothing_seen_is_not_nothing_needed() {
    let nothing = Profile::new("web", Target::default(), Vec::new(), Vec::new());
    let error = patched("web", &nothing).unwrap_err();
    assert_eq!(error.to_string(), "the profile web is incomplete: no run was watched");
}

#[test]
fn the_container_has_to_be_clear() {
    let profile = profile(command(), Vec::new());
    assert_eq!(
        patched("db", &profile).unwrap_err().to_string(),
        "web.yaml: has no container db; it has Pod/web/web, Pod/web/log"
    );
    let manifest = manifest::parse("web.yaml", PODS);
    let options = PatchOptions::default();
    let error = patch(&manifest, None, &profile, Incomplete::Refuse, &options).unwrap_err();
    assert_eq!(error.to_string(), "web.yaml: has several containers: Pod/web/web, Pod/web/log");
    let privileged = PODS.replace("runAsUser: 1000", "privileged: true");
    let manifest = manifest::parse("web.yaml", privileged);
    let error = patch(&manifest, Some("log"), &profile, Incomplete::Refuse, &options).unwrap_err();
    assert!(matches!(error, Error::Patch { error, .. } if *error == PatchError::Privileged));
}

#[test]
fn a_file_is_written_once_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yaml");
    fs::write(&file, PODS).unwrap();
    let evidence = vec![needs(Capability::CHOWN, Verdict::Needed, &["chown /cache"], 0)];
    let profile = profile(command(), evidence);
    let write = || {
        patch_file(&file, Some("web"), &profile, Incomplete::Refuse, &PatchOptions::default())
            .unwrap()
    };
    let first = write();
    assert_eq!(fs::read_to_string(&file).unwrap(), first.source.text());
    let modified = fs::metadata(&file).unwrap().modified().unwrap();
    let second = write();
    assert_eq!(second.source.text(), first.source.text());
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), modified);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
