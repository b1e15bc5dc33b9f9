//! Options of `docker run` and `podman run`, which agree in these.

use record::profile::Profile;

use super::Options;
use crate::shell::quoted;

/// On one line, quoted for a POSIX shell.
pub(super) fn line(profile: &Profile, options: &Options) -> String {
    let mut words = vec!["--cap-drop=ALL".to_owned()];
    words.extend(profile.add().iter().map(|capability| format!("--cap-add={capability}")));
    if options.no_new_privs {
        words.push("--security-opt=no-new-privileges".to_owned());
    }
    words.extend(options.user.iter().map(|user| quoted(&format!("--user={user}"))));
    words.join(" ") + "\n"
}
