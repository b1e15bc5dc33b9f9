//! Of a service of Compose what changes.

use record::zero::Zero;

use super::{ZeroPlace, folders, fs_group, list, port, ports, sysctls, users};
use crate::export::comments::{comment, quoted, scalar};

/// An override of a service.
pub(super) fn service(place: &ZeroPlace, zero: &Zero) -> String {
    let mut text = format!("services:\n  {}:\n", scalar(&place.container));
    for (one, (user, group)) in users(zero) {
        let group = group.map(|group| format!(":{group}")).unwrap_or_default();
        text += &format!("{}    user: \"{user}{group}\"\n", comment(4, &one.why));
    }
    text += &format!(
        "    cap_drop: !override [ALL]\n    cap_add: !override [{}]\n",
        list(zero.remains)
    );
    if let Some(group) = fs_group(zero) {
        text += &format!("    group_add: [\"{group}\"]\n");
    }
    for (one, moved) in ports(zero) {
        text += &comment(4, &one.why);
        text += &port::service(moved);
    }
    let mut sysctls = sysctls(zero).peekable();
    if sysctls.peek().is_some() {
        text += "    sysctls:\n";
    }
    for (one, (name, value)) in sysctls {
        text += &format!("{}      {name}: {}\n", comment(6, &one.why), quoted(value, '"'));
    }
    let mut folders = folders(zero).peekable();
    if folders.peek().is_some() {
        text += "    tmpfs:\n";
    }
    for (one, (path, group)) in folders {
        let mode = group.map_or("mode=0777".to_owned(), |group| format!("mode=2777,gid={group}"));
        text += &format!(
            "{}      - {}\n",
            comment(6, &one.why),
            quoted(&format!("{path}:{mode}"), '"')
        );
    }
    text
}
