//! A drop-in for a service: `/etc/systemd/system/UNIT.service.d/dropcap.conf`.
//!
//! An empty assignment empties the set that the unit has; the next one is then the whole set (systemd.exec(5)
//! `CapabilityBoundingSet=`). All names stand on one line: a line on which systemd knows no name empties
//! the set once more (src/core/load-fragment.c `config_parse_capability_set`), which a newer capability
//! on a line of its own would do.

use record::profile::Profile;

use super::comments::{comment, comments};
use super::{Exported, Item, Options, Remark, head, items};

pub(super) fn export(profile: &Profile, options: &Options) -> Exported {
    let items = items(profile);
    let mut text = comments(0, &head(profile));
    text += "[Service]\n";
    for item in &items {
        let words = item.comment().map(|words| format!("{}: {words}", item.capability));
        text += &words.map(|words| comment(0, &words)).unwrap_or_default();
    }
    text += &assign("CapabilityBoundingSet", &items);
    if let Some(user) = &options.user {
        let (user, group) =
            user.split_once(':').map_or((user.as_str(), None), |(u, g)| (u, Some(g)));
        text += &format!("User={user}\n");
        text += &group.map(|group| format!("Group={group}\n")).unwrap_or_default();
    }
    // Root holds what its bounding set leaves it (capabilities(7), "Capabilities and execution of programs by root").
    let is_root = |user: &String| matches!(user.split(':').next(), Some("root" | "0"));
    if options.ambient || options.user.as_ref().is_some_and(|user| !is_root(user)) {
        text += &comment(0, "Without them a user that is not root would hold none of it.");
        text += &assign("AmbientCapabilities", &items);
    }
    if options.no_new_privs {
        text += "NoNewPrivileges=yes\n";
    }
    let silent = options.user.is_some() || options.ambient || items.is_empty();
    Exported { text, remarks: if silent { Vec::new() } else { vec![Remark::UserOfUnit] } }
}

/// What was there is forgotten first.
fn assign(setting: &str, items: &[Item]) -> String {
    let names: Vec<String> = items.iter().map(|item| format!("CAP_{}", item.capability)).collect();
    if names.is_empty() {
        return format!("{setting}=\n");
    }
    format!("{setting}=\n{setting}={}\n", names.join(" "))
}
