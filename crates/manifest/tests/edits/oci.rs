//! The five lists of an OCI configuration.

use dropcap_manifest::{Change, List, Refusal};

use crate::{drop_all, edit, edited, exact};

const BUNDLE: &str = r#"{
  "ociVersion": "1.2.0",
  "process": {
    "user": {"uid": 0, "gid": 0},
    "args": ["sh"],
    "capabilities": {
      "bounding": [
        "CAP_SYS_ADMIN",
        "CAP_KILL"
      ],
      "effective": ["CAP_KILL", "CAP_SYS_ADMIN"],
      "permitted": [
        "CAP_SYS_ADMIN"
      ],
      "ambient": []
    },
    "cwd": "/"
  },
  "annotations": {"why": "CAP_SYS_ADMIN"}
}
"#;

#[test]
fn a_word_goes_from_all_lists() {
    let after = BUNDLE
        .replace("        \"CAP_SYS_ADMIN\",\n", "")
        .replace("[\"CAP_KILL\", \"CAP_SYS_ADMIN\"]", "[\"CAP_KILL\"]")
        .replace("[\n        \"CAP_SYS_ADMIN\"\n      ]", "[]");
    let changes = [Change::Remove(List::Add, "CAP_SYS_ADMIN".into())];
    assert_eq!(edited(BUNDLE, &changes), after);
    let changes = [Change::Replace(List::Add, "CAP_KILL".into(), "CAP_CHOWN".into())];
    assert_eq!(edited(BUNDLE, &changes), BUNDLE.replace("CAP_KILL", "CAP_CHOWN"));
}

#[test]
fn what_has_no_words_there_is_refused() {
    for changes in [vec![drop_all()], exact()] {
        let result = edit(BUNDLE, &changes);
        assert_eq!(result.source.text(), BUNDLE);
        assert!(matches!(result.refused[0].reason, Refusal::Format { .. }));
        assert_eq!(result.refused[0].snippet, "");
    }
}
