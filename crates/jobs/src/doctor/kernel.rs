//! The kernel: its version, its capabilities, its types and symbols.

use std::fs;
use std::io::Read;
use std::path::Path;

use super::{Area, Fact, Status};
use crate::needs::Machine;
use caps::{CapSet, Capability};

pub(super) fn facts(machine: &Machine) -> Vec<Fact> {
    let mut facts = vec![release(), type_information(), symbols(machine)];
    facts.extend(trace::lockdown::mode().map(|mode| locked_down(&mode)));
    facts
}

fn release() -> Fact {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let last = sys::credentials::last_capability();
    let count = CapSet::up_to(last).len();
    let says = format!("Linux {} {}, {count} capabilities", release.trim(), std::env::consts::ARCH);
    let fact = |status, says| Fact::new("kernel.release", Area::Kernel, status, says);
    if last > Capability::LAST_KNOWN {
        let newest = Capability::LAST_KNOWN;
        return fact(Status::Limited, says).help(format!(
            "this dropcap names capabilities up to {newest} ({}); newer ones appear as numbers",
            newest.number()
        ));
    }
    fact(Status::Works, says)
}

fn type_information() -> Fact {
    let fact = |status, says| Fact::new("kernel.btf", Area::Kernel, status, says);
    let path = Path::new(trace::backend::BTF);
    match fs::File::open(path) {
        Ok(_) => fact(Status::Works, format!("type information (BTF) in {}", path.display())),
        Err(error) => fact(
            Status::Missing,
            format!("no type information (BTF): {}: {error}", path.display()),
        )
        .help(
            "trace needs a kernel built with CONFIG_DEBUG_INFO_BTF, as current distributions' are",
        ),
    }
}

/// Call sites are told from the kernel stack, whose functions the kernel names itself, or its list of
/// symbols does.
fn symbols(machine: &Machine) -> Fact {
    let fact = |status, says| Fact::new("kernel.symbols", Area::Kernel, status, says);
    if machine.names_functions {
        return fact(Status::Works, "kernel functions are named by the kernel itself".into());
    }
    let mut start = String::new();
    let read = fs::File::open("/proc/kallsyms")
        .and_then(|file| file.take(64 * 1024).read_to_string(&mut start));
    match read {
        // kptr_restrict shows zeros; a few symbols are at zero anyway.
        Ok(_) if has_addresses(&start) => fact(Status::Works, "kernel symbols can be read (/proc/kallsyms)".into()),
        Ok(_) => fact(Status::Missing, "kernel symbols are hidden (/proc/kallsyms shows zeros)".into())
            .help(if machine.kptr_restrict >= 2 {
                "set kernel.kptr_restrict to 1, and hold SYSLOG: without symbols trace tells which capability is used, not what for"
            } else {
                "hold SYSLOG: without symbols trace tells which capability is used, not what for"
            }),
        Err(error) => fact(Status::Missing, format!("kernel symbols cannot be read: /proc/kallsyms: {error}"))
            .help("trace sees which capability is asked for, and not what for"),
    }
}

/// kernel_lockdown(7).
fn locked_down(mode: &str) -> Fact {
    let fact = |status, says: &str| {
        let says = format!("the kernel is locked down ({mode}, {}): {says}", trace::lockdown::FILE);
        Fact::new("kernel.lockdown", Area::Kernel, status, says)
    };
    if mode == "integrity" {
        return fact(Status::Works, "that forbids nothing that dropcap does");
    }
    fact(Status::Missing, "BPF programs may not read kernel memory, and nothing can be traced")
        .help("boot with lockdown=integrity or without it, or trace on another machine")
}

fn has_addresses(kallsyms: &str) -> bool {
    kallsyms
        .lines()
        .filter_map(|line| line.split_once(' '))
        .any(|(address, _)| u64::from_str_radix(address, 16).is_ok_and(|address| address != 0))
}

/// `A`, `A and B`, `A, B and C`.
pub(super) fn join(set: CapSet) -> String {
    let names: Vec<String> = set.iter().map(|c| c.to_string()).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_symbols_are_recognised() {
        assert!(has_addresses("0000000000000000 A fixed\nffffffff81000000 T _text\n"));
        assert!(!has_addresses("0000000000000000 A fixed\n0000000000000000 T _text\n"));
        assert!(!has_addresses(""));
    }

    #[test]
    fn lockdown_is_in_the_way_in_one_mode_only() {
        let (works, missing) = (locked_down("integrity"), locked_down("confidentiality"));
        assert_eq!((works.status, works.help), (Status::Works, None));
        assert_eq!(missing.status, Status::Missing);
        assert!(missing.says.contains("(confidentiality, /sys/kernel/security/lockdown)"));
        assert!(missing.help.unwrap().contains("lockdown=integrity"));
    }

    #[test]
    fn names_are_joined_as_a_person_would() {
        let set = CapSet::of(&[Capability::CHOWN, Capability::KILL, Capability::BPF]);
        assert_eq!(join(set), "CHOWN, KILL and BPF");
        assert_eq!(join(set.without(Capability::KILL)), "CHOWN and BPF");
        assert_eq!(join(CapSet::from(Capability::BPF)), "BPF");
    }
}
