//! What trials have shown that a container needs with changes of how it is started, and what of it a manifest
//! has (`status.zero`).

use super::*;

const ZERO: &str = include_str!("zero.profile.yaml");

/// As `fit --try-zero` patched it.
const AT_ZERO: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  template:
    spec:
      securityContext:
        fsGroup: 33
        sysctls:
        - name: net.ipv4.ip_unprivileged_port_start
          value: \"80\"
      containers:
      - name: web
        image: web:1
        securityContext:
          runAsUser: 33
          runAsGroup: 33
          runAsNonRoot: true
          capabilities:
            drop: [ALL]
            add: []
        volumeMounts:
        - name: empty-var-cache-web
          mountPath: /var/cache/web
      volumes:
      - name: empty-var-cache-web
        emptyDir: {}
";

fn place(profile: &str, manifest: &str) -> Place {
    let place = Place::new(&[("web.yaml", profile)]);
    place.put("web.yaml", manifest);
    place
}

fn check(place: &Place, more: &[&str]) -> Output {
    let select = "over-granted,missing-capability,profile-incomplete,profile-of-another-image";
    let words = ["check", "--select", select, "--profile", "profiles", "web.yaml"];
    place.run(&[&words, more].concat())
}

#[test]
fn what_is_started_as_it_was_tried_needs_what_was_needed_then() {
    let at_zero = place(ZERO, AT_ZERO);
    let clean = check(&at_zero, &[]);
    assert_eq!(code(&clean), Some(0), "{}", said(&clean));
    // CRI-O opens no ports: the pod's own sysctl does.
    assert_eq!(code(&check(&at_zero, &["--runtime", "crio"])), Some(0));
    let fixed = at_zero.run(&["fix", "--profile", "profiles", "web.yaml"]);
    assert_eq!(code(&fixed), Some(0), "{}", said(&fixed));
    let now = fs::read_to_string(at_zero.0.path().join("web.yaml")).expect("it is there");
    assert_eq!(now, AT_ZERO, "nothing is left to do");
    // What it holds all the same is too much, and the trials are the proof of that.
    let more = AT_ZERO.replace("add: []", "add: [CHOWN]");
    let place = place(ZERO, &more);
    insta::assert_snapshot!("zero_too_much", said(&check(&place, &[])));
    place.run(&["fix", "-q", "--profile", "profiles", "web.yaml"]);
    let now = fs::read_to_string(place.0.path().join("web.yaml")).expect("it is there");
    assert_eq!(now, more.replace("            add: [CHOWN]\n", ""));
}

#[test]
fn changes_that_are_missing_are_named_and_the_answer_stays() {
    for (name, from, to) in [
        (
            "user",
            "          runAsUser: 33\n          runAsGroup: 33\n          runAsNonRoot: true\n",
            "          runAsUser: 0\n",
        ),
        ("group", "          runAsGroup: 33\n", ""),
        ("fs_group", "        fsGroup: 33\n", ""),
        ("volume", "mountPath: /var/cache/web", "mountPath: /var/cache/other"),
        ("claim", "emptyDir: {}", "persistentVolumeClaim: { claimName: web }"),
    ] {
        let manifest = AT_ZERO.replace(from, to);
        assert_ne!(manifest, AT_ZERO, "{name}");
        insta::assert_snapshot!(
            format!("zero_without_{name}"),
            said(&check(&place(ZERO, &manifest), &[]))
        );
    }
    // Without any of them, the way is told.
    let plain = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web, namespace: shop }\nspec:\n  template:\n    \
                 spec:\n      containers:\n      - name: web\n        image: web:1\n        securityContext: {}\n";
    let plain = place(ZERO, plain);
    insta::assert_snapshot!("zero_unchanged", said(&check(&plain, &[])));
    insta::assert_snapshot!(
        "zero_unchanged_fix",
        said(&plain.run(&["fix", "--diff", "--profile", "profiles", "web.yaml"]))
    );
}

#[test]
fn what_the_test_alone_showed_is_incomplete() {
    let doubts = ZERO.replace(
        "    remains: []\n",
        "    remains: []\n    doubts: [\"open /root/key: EACCES\"]\n",
    );
    assert_ne!(doubts, ZERO);
    insta::assert_snapshot!("zero_doubts", said(&check(&place(&doubts, AT_ZERO), &[])));
    let partly = ZERO
        .replace("reached: true", "reached: false")
        .replace("remains: []", "remains: [SETUID]")
        .replace("result: holds\n      said", "result: fails\n      said")
        .replace(
            "      why: \"mkdir /var/cache/web/body: EACCES\"\n      result: holds",
            "      why: x\n      result: fails",
        );
    let sysctl = AT_ZERO.replace(
        "          runAsUser: 33\n          runAsGroup: 33\n          runAsNonRoot: true\n",
        "",
    );
    insta::assert_snapshot!("zero_partly", said(&check(&place(&partly, &sysctl), &[])));
}

#[test]
fn a_profile_tells_of_the_way_wherever_it_is_shown() {
    let place = place(ZERO, AT_ZERO);
    insta::assert_snapshot!(
        "zero_show",
        said(&place.run(&["profile", "show", "profiles/web.yaml"]))
    );
    let export = ["profile", "export", "--to", "k8s", "profiles/web.yaml"];
    insta::assert_snapshot!("zero_export", said(&place.run(&export)));
    let not = ZERO
        .replace("reached: true", "reached: false")
        .replace("remains: []", "remains: [CHOWN, SETUID, NET_BIND_SERVICE]\n    inTheWay: [\"chroot /: EPERM, no capability asked for\"]")
        .replace("result: holds", "result: fails");
    place.put("profiles/web.yaml", &not);
    insta::assert_snapshot!(
        "zero_show_not_reached",
        said(&place.run(&["profile", "show", "profiles/web.yaml"]))
    );
}
