//! A system call in a person's words: `bind 0.0.0.0:80`, `chown /var/lib/x to 33:33`.
//!
//! The sentences and the names of numbers are in `data/words.toml`; here is what fills them in.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use caps::Capability;
use record::observation::{Observation, Syscall, Task};
use serde::Deserialize;

/// Names of numbers, by the word for what is numbered.
type Names = BTreeMap<String, BTreeMap<String, String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    /// A sentence for each system call, with `{…}` where an argument goes.
    sentence: BTreeMap<String, String>,
    /// Names of values.
    names: Names,
    /// Names of bits.
    bits: Names,
}

static WORDS: LazyLock<Words> =
    LazyLock::new(|| match toml::from_str(include_str!("../data/words.toml")) {
        Ok(words) => words,
        Err(error) => unreachable!("a test reads the built-in words: {error}"),
    });

/// Paths and names are the traced program's own text: what a terminal would obey, or what would break
/// a line, is written as an escape.
pub(crate) fn printable(text: &str) -> String {
    let shown =
        |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}

/// What the program did; `special` is the sentence of a call site that says more than its call.
pub(crate) fn describe(observation: &Observation, special: Option<&str>) -> String {
    let done = match (&observation.syscall, special) {
        (Some(syscall), _) => call(syscall, Some(observation.capability), special),
        // A sentence without a slot says it without the call.
        (None, Some(special)) if !special.contains('{') => special.to_owned(),
        (None, _) => "outside of any system call".to_owned(),
    };
    match mark(observation) {
        Some(mark) => format!("{done} ({mark})"),
        None => done,
    }
}

/// What is not done by a thread of the program in a call of its own architecture.
fn mark(observation: &Observation) -> Option<&'static str> {
    match observation.task {
        Task::Program if observation.syscall.as_ref().is_some_and(|s| s.compat) => {
            Some("32-bit call")
        }
        Task::Program => None,
        Task::IoWorker => Some("io_uring worker"),
        Task::UserWorker => Some("kernel worker in its place"),
        Task::KernelThread => Some("kernel thread"),
    }
}

/// A system call, in which `capability` was asked for if one was.
pub(crate) fn call(
    syscall: &Syscall,
    capability: Option<Capability>,
    special: Option<&str>,
) -> String {
    let Some(name) = &syscall.name else {
        return format!("system call {}", syscall.number);
    };
    // The 32-bit calls with wide ids (`chown32`) are the same calls.
    let sentence = WORDS
        .sentence
        .get(name)
        .or_else(|| WORDS.sentence.get(name.strip_suffix("32")?))
        .map(String::as_str);
    let sentence = special.or(sentence);
    match sentence {
        Some(sentence) => fill(sentence, syscall, capability),
        None => match (&syscall.path, &syscall.address) {
            (Some(path), _) => format!("{name} {path}"),
            (None, Some(address)) => format!("{name} {address}"),
            (None, None) => name.clone(),
        },
    }
}

/// What a system call returned: `ok`, or the name of the error.
pub(crate) fn returned(result: i64) -> String {
    if !(-4095..0).contains(&result) {
        return "ok".to_owned();
    }
    name("errno", -result as u64).unwrap_or_else(|| format!("error {}", -result))
}

/// Whether an error of this name exists.
#[cfg(test)]
pub(crate) fn is_error(name: &str) -> bool {
    WORDS.names.get("errno").is_some_and(|all| all.values().any(|known| known == name))
}

/// The name of a signal.
pub(crate) fn signal(number: i32) -> String {
    name("signal", number.unsigned_abs().into()).unwrap_or_else(|| format!("signal {number}"))
}

fn name(table: &str, value: u64) -> Option<String> {
    WORDS.names.get(table)?.get(&value.to_string()).cloned()
}

/// Replaces each `{…}` of a sentence.
fn fill(sentence: &str, syscall: &Syscall, capability: impl Into<Option<Capability>>) -> String {
    let capability = capability.into();
    let mut filled = String::new();
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((slot, tail)) = after.split_once('}') else { break };
        filled.push_str(before);
        filled.push_str(&value(slot, syscall, capability));
        rest = tail;
    }
    filled.push_str(rest);
    filled.trim_end().to_owned()
}

/// One slot: `octal:1` is argument 1 in octal.
fn value(slot: &str, syscall: &Syscall, capability: impl Into<Option<Capability>>) -> String {
    let mut parts = slot.split(':');
    let kind = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let raw = |i: usize| {
        let index: usize = rest.get(i).and_then(|n| n.parse().ok()).unwrap_or(6);
        syscall.arguments.get(index).copied().unwrap_or_default()
    };
    // Most arguments are `int`; the upper half of the register is then whatever was there.
    let int = |i: usize| raw(i) as u32 as i32;
    match kind {
        "path" => syscall.path.clone().unwrap_or_else(|| "a file".to_owned()),
        "file" => syscall.path.clone().unwrap_or_else(|| format!("file descriptor {}", int(0))),
        "address" => syscall.address.clone().unwrap_or_else(|| "an address".to_owned()),
        "owner" => owner(int(0), int(1)),
        "id" => {
            if int(0) == -1 {
                "unchanged".to_owned()
            } else {
                (int(0) as u32).to_string()
            }
        }
        "ids" => ids(&[int(0), int(1), int(2)][..rest.len().min(3)]),
        "octal" => format!("{:o}", raw(0) & 0o7777),
        "int" => int(0).to_string(),
        "count" => {
            let (noun, count) = (rest.first().copied().unwrap_or_default(), number(&rest, syscall));
            if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
        }
        "hex" => format!("{:#x}", raw(0) as u32),
        "signal" => signal(int(0)),
        "access" => match raw(0) & 3 {
            0 => "for reading".to_owned(),
            1 => "for writing".to_owned(),
            _ => "for reading and writing".to_owned(),
        },
        "device" => device(raw(0), raw(1)),
        "sockopt" => sockopt(raw(0) as u32, raw(1) as u32),
        "socket" => socket(raw(0) as u32, raw(1) as u32, raw(2) as u32),
        "prctl" => prctl(raw(0), raw(1)),
        "capability" => {
            capability.into().map_or_else(|| "a capability".to_owned(), |c| c.to_string())
        }
        "name" => {
            let number = u64::from(number(&rest, syscall) as u32);
            let table = rest.first().copied().unwrap_or_default();
            name(table, number).unwrap_or_else(|| number.to_string())
        }
        "bits" => bits(rest.first().copied().unwrap_or_default(), number(&rest, syscall)),
        _ => slot.to_owned(),
    }
}

/// The argument of a slot that names its table first.
fn number(rest: &[&str], syscall: &Syscall) -> u64 {
    let index: usize = rest.get(1).and_then(|n| n.parse().ok()).unwrap_or(6);
    syscall.arguments.get(index).copied().unwrap_or_default()
}

/// As chown(1) writes it; -1 leaves the owner or the group as it is.
fn owner(uid: i32, gid: i32) -> String {
    let id = |id: i32| if id == -1 { String::new() } else { (id as u32).to_string() };
    match (uid, gid) {
        (-1, -1) => "the same owner".to_owned(),
        (_, -1) => id(uid),
        _ => format!("{}:{}", id(uid), id(gid)),
    }
}

/// The ids of `setreuid` and its kin: one number if all that change are the same.
fn ids(ids: &[i32]) -> String {
    let mut changed: Vec<u32> = ids.iter().filter(|id| **id != -1).map(|id| *id as u32).collect();
    changed.dedup();
    match changed.as_slice() {
        [] => "unchanged".to_owned(),
        [one] => one.to_string(),
        _ => ids
            .iter()
            .map(|id| if *id == -1 { "unchanged".to_owned() } else { (*id as u32).to_string() })
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// `S_IFMT` of a mode and the two halves of a device number, `include/linux/kdev_t.h`.
fn device(mode: u64, number: u64) -> String {
    let kind = match mode & 0o170_000 {
        0o020_000 => "c",
        0o060_000 => "b",
        0o010_000 => return "as a pipe".to_owned(),
        0o140_000 => return "as a socket".to_owned(),
        _ => return String::new(),
    };
    let (major, minor) = ((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xfff00));
    format!("{kind} {major}:{minor}")
}

fn sockopt(level: u32, option: u32) -> String {
    let level_name = name("sockopt-level", level.into());
    let option_name = level_name
        .as_ref()
        .and_then(|l| name(&format!("sockopt-{}", l.to_lowercase()), option.into()))
        .unwrap_or_else(|| option.to_string());
    format!("{} {option_name}", level_name.unwrap_or_else(|| level.to_string()))
}

/// `SOCK_NONBLOCK` and `SOCK_CLOEXEC` share the type's word, `include/linux/net.h`.
fn socket(family: u32, kind: u32, protocol: u32) -> String {
    let family_name =
        name("socket-family", family.into()).unwrap_or_else(|| format!("family {family}"));
    let kind = u64::from(kind & 0xf);
    let kind_name = name("socket-type", kind).unwrap_or_else(|| format!("type {kind}"));
    let internet = matches!(family, 2 | 10);
    match name("ip-protocol", protocol.into()).filter(|_| internet && protocol != 0) {
        Some(protocol) => format!("{family_name} {kind_name} {protocol}"),
        None => format!("{family_name} {kind_name}"),
    }
}

/// The bounding set is dropped one capability at a time, `PR_CAPBSET_DROP` of prctl(2).
fn prctl(option: u64, argument: u64) -> String {
    const CAPBSET_DROP: u64 = 24;
    let option = option & 0xffff_ffff;
    let named = name("prctl", option).unwrap_or_else(|| option.to_string());
    let dropped = u8::try_from(argument).ok().and_then(Capability::from_number);
    match dropped {
        Some(dropped) if option == CAPBSET_DROP => format!("{named} {dropped}"),
        _ => named,
    }
}

fn bits(table: &str, value: u64) -> String {
    let Some(known) = WORDS.bits.get(table) else { return format!("{value:#x}") };
    let found: Vec<&str> = known
        .iter()
        .filter(|(bit, _)| {
            let bit = bit
                .strip_prefix("0x")
                .and_then(|hex| u64::from_str_radix(hex, 16).ok())
                .unwrap_or_default();
            bit != 0 && value & bit == bit
        })
        .map(|(_, name)| name.as_str())
        .collect();
    found.join("|")
}

#[cfg(test)]
mod tests;
