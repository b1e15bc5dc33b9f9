//! The drop-in, read by `systemd-analyze verify`, which prints the unit as systemd understood it.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use caps::CapSet;

use crate::{NGINX_SET, exported, succeed};

/// A unit whose own words the drop-in has to undo.
const UNIT: &str = "[Service]\nExecStart=/bin/true\nCapabilityBoundingSet=CAP_SYS_ADMIN CAP_KILL\n\
    AmbientCapabilities=CAP_SYS_ADMIN\n";

/// What systemd understood: bounding, ambient, and `NoNewPrivileges`.
fn understood(drop_in: &str) -> (CapSet, CapSet, bool) {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("web.service");
    fs::write(&unit, UNIT).unwrap();
    let drop_ins = folder.path().join("web.service.d");
    fs::create_dir(&drop_ins).unwrap();
    fs::write(drop_ins.join("dropcap.conf"), drop_in).unwrap();
    let verify = || {
        let mut verify = Command::new("systemd-analyze");
        verify.arg("verify").arg(&unit);
        verify
    };
    let (printed, said) = succeed(&mut verify());
    assert_eq!((printed.as_str(), said.as_str()), ("", ""), "nothing to complain of:\n{drop_in}");
    let (printed, said) = succeed(verify().env("SYSTEMD_LOG_LEVEL", "debug"));
    let dump = printed + &said;
    // It is printed more than once, each time the same.
    let sections = dump.split("-> Unit ").filter(|section| section.starts_with("web.service:"));
    let sections: Vec<&str> = sections.collect();
    assert!(!sections.is_empty(), "{dump}");
    let set = |name: &str| -> CapSet {
        let lines: BTreeSet<Option<&str>> = sections
            .iter()
            .map(|section| section.lines().find_map(|line| line.trim().strip_prefix(name)))
            .collect();
        assert_eq!(lines.len(), 1, "{name} in {dump}");
        let names = lines.into_iter().next().unwrap().unwrap_or_default().split_whitespace();
        names.map(|name| name.parse::<caps::Capability>().unwrap()).collect()
    };
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--json=short"]).arg(&unit);
    let assessed: Vec<serde_json::Value> = serde_json::from_str(&succeed(&mut security).0).unwrap();
    let no_new_privs = assessed.iter().find(|row| row["name"] == "NoNewPrivileges=").unwrap();
    assert!(dump.contains("CapabilityBoundingSet:"), "it says what it understood: {dump}");
    (set("CapabilityBoundingSet:"), set("AmbientCapabilities:"), no_new_privs["set"] == true)
}

#[test]
fn systemd_understands_what_the_profile_says() {
    testkit::needs!(program("systemd-analyze"));
    let sys_admin = CapSet::from(caps::Capability::SYS_ADMIN);
    let of = |args: &[&str]| understood(&exported(&[&["--to", "systemd"], args].concat()));
    // Without a word of ambient capabilities those of the unit stay as they are.
    assert_eq!(of(&["nginx.yaml"]), (NGINX_SET, sys_admin, false));
    assert_eq!(of(&["nginx.yaml", "--ambient"]), (NGINX_SET, NGINX_SET, false));
    assert_eq!(
        of(&["nginx.yaml", "--user", "www-data", "--no-new-privileges"]),
        (NGINX_SET, NGINX_SET, true)
    );
    // Root needs no ambient set: what the unit had stays.
    assert_eq!(of(&["nginx.yaml", "--user", "root"]), (NGINX_SET, sys_admin, false));
    assert_eq!(of(&["nginx.yaml", "--user", "0:33"]), (NGINX_SET, sys_admin, false));
    // A group is a setting of its own.
    let grouped = exported(&["--to", "systemd", "nginx.yaml", "--user", "33:34"]);
    assert!(grouped.contains("\nUser=33\nGroup=34\n"), "{grouped}");
    assert_eq!(understood(&grouped), (NGINX_SET, NGINX_SET, false));
    let nothing = of(&["nothing.yaml", "--incomplete", "--ambient"]);
    assert_eq!(nothing, (CapSet::EMPTY, CapSet::EMPTY, false));
}
