//! As whom a run of a profile was seen to start, and as whom a container does.

use check::learnt::Accepted;
use dropcap_jobs::by_profile::{self, Outcome, write};
use manifest::Manifest;

use super::{checker, needs, nobody, only, pod, profile};

/// What is said against a profile whose run started as root or not, for the container of `web:1`.
fn said(as_root: Option<bool>, manifest: &Manifest) -> Option<String> {
    let evidence =
        needs(&[caps::Capability::CHOWN], record::requirement::Verdict::Needed, "chown /srv to 5");
    let mut profile = profile(vec![evidence]);
    profile.status.runs[0].as_root = as_root;
    let checker = checker(&[profile], Accepted { incomplete: true, other_image: true });
    let (written, treated) = write(&checker, manifest, by_profile::Options::default(), &nobody);
    match only(&treated) {
        Outcome::Doubted { objections, .. } => {
            assert_eq!(written.source.text(), manifest.source.text());
            Some(objections.iter().map(ToString::to_string).collect())
        }
        Outcome::Written { .. } => None,
        other => panic!("{other:?}"),
    }
}

/// What a user never tries, root does.
#[test]
fn what_was_not_root_says_nothing_of_root() {
    let service = |user: &str| {
        let text = format!("services:\n  web:\n    image: web:1\n    user: \"{user}\"\n");
        manifest::parse("compose.yaml", text.as_str())
    };
    let refused = "it was learnt as a user that is not root, and this container runs as user 0";
    for root in [pod("{ runAsUser: 0 }"), service("0"), service("root"), service("0:33")] {
        assert_eq!(said(Some(false), &root).as_deref(), Some(refused));
        assert_eq!((said(Some(true), &root), said(None, &root)), (None, None));
    }
    for other in [pod("{ runAsUser: 33 }"), pod("{ runAsNonRoot: true }"), pod("{ }")] {
        assert_eq!(said(Some(false), &other), None);
    }
}

/// Root does without DAC_OVERRIDE what a user is refused, and holds what is added to a user in vain.
#[test]
fn what_was_root_says_nothing_of_a_user() {
    let service = "services:\n  web:\n    image: web:1\n    user: www-data\n";
    let service = manifest::parse("compose.yaml", service);
    let refused = "it was learnt as root, and this container runs as ";
    for (other, here) in [
        (pod("{ runAsUser: 33 }"), "user 33"),
        (pod("{ runAsNonRoot: true }"), "a user that is not root"),
        (service, "user www-data"),
    ] {
        assert_eq!(said(Some(true), &other), Some(format!("{refused}{here}")));
    }
    for nobody_knows in [pod("{ runAsUser: 33 }"), pod("{ runAsNonRoot: true }")] {
        assert_eq!(said(None, &nobody_knows), None);
    }
    assert_eq!(said(Some(true), &pod("{ }")), None);
}
