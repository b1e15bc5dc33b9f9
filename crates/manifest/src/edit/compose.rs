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
    // Ports are quoted for their colons and a command is a command line: neither shows how words
    // are written.
    words: &["volumes", "networks", "depends_on", "devices", "env_file", "tmpfs", "profiles"],
};
