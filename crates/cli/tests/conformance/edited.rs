//! A Compose file before and after `dropcap fix`, as Compose itself reads it, on a real Docker daemon:
//! every container holds what `show` says of the text; safe edits change nothing of it, unsafe ones
//! only take away.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use caps::CapState;
use serde_json::Value;
use testkit::need::find_program;

use crate::cases::{Case, Image, User};
use crate::dockerd;
use crate::image;
use crate::prediction::{Prediction, Runtime, Shown, show};
use crate::real::{Real, Score, own, version};

/// Lists that are merged, shared, extended, misspelt and doubled, in every style.
const SERVICES: &str = r#"# shared by two
x-caps: &caps
  cap_drop: [NET_RAW, net_raw]   # twice
  cap_add:
    # to set the clock
    - SYS_TIME
    - cap_net_admin   # spelt in another way
services:
  merged:
    <<: *caps
    image: status
  also:
    <<: *caps
    image: status
    user: "0"
  own:
    image: status
    cap_add: [
      CHOWN,      # has it anyway
      SYS_PTRACE, # to look at others
      KILL        # has it, too
    ]
  extended:
    extends: {service: own}
    cap_add: ["SYS_TIME"]
  braces: {image: status, cap_drop: [all], cap_add: [setuid, SETUID], user: "0"}
  barred:
    image: status
    security_opt: ["no-new-privileges:true"]
    cap_add: [NET_ADMIN]
    user: "1000"

    # the end
"#;

/// The services as Compose reads them.
fn read(path: &Path) -> Vec<Case> {
    let mut config = Command::new(find_program("docker-compose").unwrap());
    config.arg("--file").arg(path).args(["config", "--format", "json"]);
    let document: Value = serde_json::from_str(&image::run(&mut config)).unwrap();
    let services = document["services"].as_object().unwrap();
    let words = |list: &Value| -> Option<Vec<String>> {
        Some(list.as_array()?.iter().map(|word| word.as_str().unwrap().to_owned()).collect())
    };
    let service = |(name, service): (&String, &Value)| Case {
        name: name.clone(),
        add: words(&service["cap_add"]),
        drop: words(&service["cap_drop"]),
        no_new_privs: service["security_opt"].is_array(),
        user: match service["user"].as_str() {
            None => User::Image,
            Some("0") => User::Root,
            Some(user) => {
                assert_eq!(user, "1000");
                User::NonRoot
            }
        },
        ..Case::default()
    };
    services.iter().map(service).collect()
}

fn fix(path: &Path, options: &[&str]) {
    image::run(Command::new(testkit::dropcap()).arg("fix").args(options).arg(path));
}

/// What each service's container really holds, which is what `show` says.
fn run(daemon: &Path, runtime: &Runtime, path: &Path, score: &mut Score) -> Vec<CapState> {
    let text = fs::read_to_string(path).unwrap();
    let shown: BTreeMap<String, Shown> = show(runtime, None, &[("compose.yaml".to_owned(), text)]);
    let cases = read(path);
    assert_eq!(shown.keys().collect::<Vec<_>>(), cases.iter().map(|c| &c.name).collect::<Vec<_>>());
    let reals: Vec<Real> = std::thread::scope(|scope| {
        let start = |case| scope.spawn(move || dockerd::run(daemon, case, Image::Root));
        let threads: Vec<_> = cases.iter().map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let states = cases.iter().zip(reals).map(|(case, real)| {
        let predicted = shown[&case.name].of(case, Image::Root);
        score.compare(&format!("{case:?}"), &predicted, &real);
        let Real::Ran(state) = real else { panic!("{case:?}: {real:?}") };
        assert_eq!(predicted, Prediction::Starts(state), "{case:?}");
        state
    });
    states.collect()
}

#[test]
fn edited_services_hold_what_show_says_of_them() {
    testkit::needs!(dockerd, runc, program("docker-compose"));
    if let Err(why) = image::needs() {
        return testkit::skip(&why);
    }
    let daemon = dockerd::start();
    let runtime =
        Runtime { name: format!("docker+runc@{}", version("runc")), own: own(), default: None };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("compose.yaml");
    fs::write(&path, SERVICES).unwrap();
    let mut score = Score::default();
    let mut states = || run(daemon.folder(), &runtime, &path, &mut score);

    let before = states();
    fix(&path, &[]);
    let safe = fs::read_to_string(&path).unwrap();
    assert_ne!(safe, SERVICES);
    assert_eq!(states(), before);
    fix(&path, &["--unsafe-fixes"]);
    let after = states();
    let text = fs::read_to_string(&path).unwrap();
    assert_ne!(text, safe);
    for (before, after) in before.iter().zip(&after) {
        assert!(after.bounding.is_subset(before.bounding), "{text}");
        assert!(after.permitted.is_subset(before.permitted), "{text}");
    }
    let held = |states: &[CapState]| states.iter().map(|s| s.bounding.len()).sum::<usize>();
    assert!(held(&after) * 4 < held(&before), "{text}");
    score.settle("edited Compose services", 18);
}
