//! Kubernetes: `add` and `drop` of a container's `securityContext.capabilities`.

use super::form::Form;

pub(super) const FORM: Form = Form {
    way: &["securityContext", "capabilities"],
    lists: &["drop", "add"],
    own_first: false,
    layered: false,
    beside: &[],
    like: &["add", "drop"],
    words: &["command", "args"],
};
