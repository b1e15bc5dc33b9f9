//! Compose: `cap_drop` and `cap_add` of a service, put together from its own and those of the
//! services that it extends.

use super::form::Form;

pub(super) const FORM: Form = Form {
    way: &[],
    lists: &["cap_drop", "cap_add"],
    own_first: true,
    layered: true,
    beside: &["cap_drop", "cap_add", "security_opt", "privileged", "user", "userns_mode"],
    like: &["cap_add", "cap_drop", "security_opt"],
    // Ports and volumes are quoted for their colons and a command is a command line: none of them shows
    // how words are written.
    words: &["networks", "depends_on", "profiles", "env_file"],
};
