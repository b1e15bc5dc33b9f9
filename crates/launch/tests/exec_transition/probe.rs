//! What the executed copy reports of itself, and how that is read.

use std::fs;

use caps::{CapSet, CapState, Ids, Process, Securebits};

pub const FLAG: &str = "--probe";

/// Prints the process's own status, and the securebits, which are not in it.
pub fn report() {
    let status = fs::read_to_string("/proc/self/status").expect("own status");
    let securebits = sys::credentials::own_securebits().expect("securebits").bits();
    println!("{status}Securebits:\t{securebits:x}");
}

/// Reads it back.
pub fn parse(text: &str) -> Process {
    let field = |name: &str| {
        let value = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_else(|| panic!("no {name} in {text:?}")).trim()
    };
    let numbers = |name: &str| -> Vec<u32> {
        field(name).split_ascii_whitespace().map(|n| n.parse().expect("a number")).collect()
    };
    let ids = |name| match numbers(name)[..] {
        [real, effective, saved, filesystem] => Ids { real, effective, saved, filesystem },
        _ => panic!("{name} has not four numbers: {text:?}"),
    };
    let set = |name| CapSet::from_bits(u64::from_str_radix(field(name), 16).expect("a mask"));
    Process {
        uid: ids("Uid"),
        gid: ids("Gid"),
        groups: numbers("Groups"),
        caps: CapState {
            bounding: set("CapBnd"),
            permitted: set("CapPrm"),
            effective: set("CapEff"),
            inheritable: set("CapInh"),
            ambient: set("CapAmb"),
        },
        securebits: Securebits::from_bits(
            u32::from_str_radix(field("Securebits"), 16).expect("securebits"),
        ),
        no_new_privs: field("NoNewPrivs") == "1",
        ..Process::default()
    }
}
