//! Programs whose file has capabilities: `execve` itself needs them, and asks no one.

use record::observation::Recording;
use record::requirement::{Requirement, Use, Verdict};

use crate::role;
use crate::words::printable;

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
                what: format!("execute {file}, a file with capabilities"),
                by: role::of(recording, *number),
                site: "bprm_caps_from_vfs_caps".to_owned(),
                verdict: Verdict::Needed,
                why: "the file's effective bit is set: it is not executed unless all of its \
                      capabilities are in the bounding set"
                    .to_owned(),
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
