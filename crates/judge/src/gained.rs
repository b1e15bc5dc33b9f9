//! Programs whose file has capabilities: `execve` itself needs them, and asks no one.

use std::collections::BTreeSet;

use record::observation::Recording;
use record::requirement::{Place, Remedy, Requirement, Use, Verdict};

use crate::role;
use crate::words::printable;

/// Where the kernel decides it.
const SITE: &str = "bprm_caps_from_vfs_caps";

/// No remedy of what such a program then does is one by itself: its file is not executed without.
pub(crate) fn bind_remedies(requirements: &mut [Requirement]) {
    for requirement in requirements {
        let files = requirement.uses.iter().filter(|seen| seen.site == SITE);
        let files: BTreeSet<&str> = files.filter_map(|seen| file_of(&seen.what)).collect();
        if files.is_empty() {
            continue;
        }
        let files = files.into_iter().collect::<Vec<_>>().join(" ");
        let take = format!("take the capabilities off the file in the image (setcap -r {files})");
        for remedy in &mut requirement.remedies {
            remedy.how = format!("{take}, and {}", remedy.how);
            remedy.place = remedy.place.max(Place::Image);
        }
        if requirement.remedies.is_empty() {
            requirement.remedies.push(Remedy {
                how: format!("if it works without: {take}"),
                why: WHY.to_owned(),
                place: Place::Image,
            });
        }
    }
}

fn file_of(what: &str) -> Option<&str> {
    what.strip_prefix(EXECUTE)?.strip_suffix(WITH)
}

const EXECUTE: &str = "execute ";
const WITH: &str = ", a file with capabilities";
const WHY: &str = "the file's effective bit is set: it is not executed unless all of its \
                   capabilities are in the bounding set";

/// A need for each capability of a file whose effective bit is set: the kernel executes it only if
/// all that it names is in the bounding set, whatever the program then uses
/// (`bprm_caps_from_vfs_caps`, security/commoncap.c: "insufficient to execute correctly").
pub(crate) fn requirements(recording: &Recording) -> Vec<Requirement> {
    let mut found = Vec::new();
    for (number, process) in &recording.processes {
        let Some(gained) = process.gained.filter(|gained| gained.effective) else { continue };
        let file = printable(process.exe.as_deref().unwrap_or(&process.comm));
        found.extend(gained.permitted.iter().map(|capability| Requirement {
            any_of: vec![capability],
            stated: None,
            uses: vec![Use {
                what: format!("{EXECUTE}{file}{WITH}"),
                by: role::of(recording, *number),
                site: SITE.to_owned(),
                verdict: Verdict::Needed,
                why: WHY.to_owned(),
                count: 1,
                refused: 0,
                returned: None,
                first_ms: 0,
                last_ms: 0,
                at_start: false,
                trial: None,
            }],
            remedies: Vec::new(),
        }));
    }
    found
}
