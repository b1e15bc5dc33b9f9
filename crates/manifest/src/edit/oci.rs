//! The `config.json` of an OCI bundle: five lists of names, from which a word goes, or in which it
//! is spelt another way, wherever it stands. There is no `drop`, and what is to be in which list
//! only the program knows that writes the file, so that nothing is ever put in.

use super::form::Form;

pub(super) const FORM: Form = Form {
    way: &["capabilities"],
    lists: &["bounding", "effective", "inheritable", "permitted", "ambient"],
    own_first: false,
    layered: false,
    beside: &[],
    like: &["bounding", "effective", "inheritable", "permitted", "ambient"],
    words: &["args"],
};
