//! Of each container one story: what was done, what is left, and why.

use testkit::folder::{Folder, said, text};

use crate::{Place, WATCHED, piped};

/// Trials showed that it needs nothing.
const ZERO: &str = "\
apiVersion: dropcap.dev/v1
kind: CapabilityProfile
metadata: { name: zero }
spec:
  target: { image: \"zero:1\" }
  capabilities: { needed: [], doubtful: [] }
  evidence: []
";

/// What `base` has cannot go, as `c` is to keep it: of `b`'s own, all can.
const SHARED: &str = "\
services:
  base:
    image: zero:1
    cap_drop: [ALL]
    cap_add: [NET_ADMIN]
  b:
    extends: base
    cap_add: [ALL]
  c:
    extends: base
    user: \"1000\"
";

/// The file afterwards, and what was said.
fn run(words: &[&str]) -> (String, String) {
    let proof = "  proof: proven\n  proofs: [{ capabilities: [], test: it works, trials: 4 }]\n";
    let zero = format!("{ZERO}{WATCHED}{proof}");
    let folder = Folder::new(&[("compose.yaml", SHARED), ("zero.profile.yaml", &zero)]);
    let output = folder.command(&[&["fix"], words].concat()).output().expect("dropcap runs");
    let now = std::fs::read_to_string(folder.path().join("compose.yaml")).expect("it is there");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(text(&output.stderr).contains("container `b`"), "{}", said(&output));
    (now, said(&output))
}

#[test]
fn what_can_be_done_is_done_and_the_rest_is_told() {
    let (now, told) = run(&["--unsafe-fixes", "compose.yaml"]);
    assert_eq!(now, SHARED.replace("    cap_add: [ALL]\n", ""));
    insta::assert_snapshot!("fix_in_part", told);
}

#[test]
fn who_is_told_as_not_fixed_is_not_told_as_fixed() {
    let words = ["--unsafe-fixes", "--profile", "zero.profile.yaml", "compose.yaml"];
    let (_, told) = run(&words);
    insta::assert_snapshot!("fix_in_part_by_profile", told);
}

/// What ends by itself is waited for: it is not there when somebody looks.
#[test]
fn what_ends_is_waited_for() {
    let place = Place::new("");
    let next = |kind: &str, lists: &str| {
        let group = if kind == "Job" { "batch" } else { "apps" };
        let pod = format!(
            "apiVersion: {group}/v1\nkind: {kind}\nmetadata: {{ name: web }}\nspec:\n  template:\n    spec:\n      \
             {lists}\n"
        );
        let output = piped(&place, &["-"], &pod);
        let said = text(&output.stderr);
        let words = ["--wait --patch FILE", "--for 60s --patch FILE"];
        words.map(|words| said.matches(words).count())
    };
    let web = "containers: [{ name: web, image: web }]";
    assert_eq!(next("Deployment", web), [0, 1]);
    assert_eq!(next("Job", web), [1, 0]);
    let init = format!("initContainers: [{{ name: init, image: init }}]\n      {web}");
    assert_eq!(next("Deployment", &init), [1, 1]);
    let sidecar = init.replace("image: init", "image: init, restartPolicy: Always");
    assert_eq!(next("Deployment", &sidecar), [0, 2]);
}

#[test]
fn what_is_fixed_in_part_is_not_called_unedited() {
    // The lists of the other mean nothing, and stay.
    let text = "services:\n  base:\n    image: x\n    privileged: true\n    cap_add: [SYS_TIME]\n  a:\n    \
                extends: base\n    privileged: false\n    cap_drop: [all]\n";
    let folder = Folder::new(&[("compose.yaml", text)]);
    for (more, verb) in [(&["--diff"][..], "would fix"), (&[], "fixed")] {
        let output = folder.run(&[&["fix", "compose.yaml"], more].concat());
        let said = said(&output);
        let place = "compose.yaml:6:3: container `a`:";
        assert!(said.contains(&format!("\n{verb} {place} write `ALL`")), "{said}");
        assert!(said.contains(&format!("\n{verb} in part {place} the rest")), "{said}");
        assert!(!said.contains("not edited"), "{said}");
    }
}
