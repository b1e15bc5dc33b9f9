//! Calls that failed though no capability was refused to them: `data/failures.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use caps::{CapSet, Capability, knowledge};
use record::observation::{Exit, Observation, Process, Recording, Syscall};
use record::requirement::{Place, Remedy};
use serde::Deserialize;

use super::{Call, Cause, End, Finding, Kind, Lack, Likelihood, error};
use crate::remedy::{self, Equals};
use crate::table::is_call;
use crate::words::printable;
use crate::{given, role, words};

/// `SIGKILL` and `SIGSYS`, signal(7); a shell and a runtime write 128 before a signal's number.
const KILLED: [Exit; 2] = [Exit::Signal(9), Exit::Code(137)];
const BAD_CALL: [Exit; 2] = [Exit::Signal(31), Exit::Code(159)];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failures {
    /// Calls that the default seccomp profiles open with a capability, and that programs do without.
    shrugged: Vec<String>,
    failure: Vec<Row>,
}

/// A reason and when it applies.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Row {
    /// The call returned one of these.
    error: Vec<String>,
    /// It is one of these; any if empty.
    #[serde(default)]
    call: Vec<String>,
    /// With these arguments.
    #[serde(default)]
    arguments: Vec<Equals>,
    /// Its path, or its socket's address, starts with one of these; anything if empty.
    #[serde(default)]
    below: Vec<String>,
    /// One of these was refused to a process that is not root; for calls without a refused check if
    /// empty.
    #[serde(default)]
    refused: Vec<Capability>,
    /// What says no.
    kind: Kind,
    /// How sure that is.
    likelihood: Likelihood,
    /// That in words.
    why: String,
    /// What to do, or where to look.
    #[serde(default)]
    look: Vec<Look>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    place: Place,
    how: String,
    why: String,
}

static FAILURES: LazyLock<Failures> =
    LazyLock::new(|| match toml::from_str(include_str!("../../data/failures.toml")) {
        Ok(failures) => failures,
        Err(error) => unreachable!("a test reads the built-in failures: {error}"),
    });

/// A refused check of a process that is not root.
pub(super) struct Refusing {
    /// What was asked for.
    pub(super) capability: Capability,
    /// Who the process is.
    pub(super) user: u32,
}

/// What a row says of a call.
#[derive(Clone)]
pub(super) struct Answer {
    /// Which row.
    pub(super) row: usize,
    /// What says no.
    pub(super) kind: Kind,
    /// How sure that is.
    pub(super) likelihood: Likelihood,
    /// That in words.
    pub(super) why: String,
    /// What to do, or where to look.
    pub(super) look: Vec<Remedy>,
}

/// Why a call with a refused check failed, if no capability would help a process that is not root.
pub(super) fn refused(call: &Syscall, returned: &str, asked: &Refusing) -> Option<Answer> {
    answer(call, returned, Some(asked))
}

fn answer(call: &Syscall, returned: &str, asked: Option<&Refusing>) -> Option<Answer> {
    let (index, row) =
        FAILURES.failure.iter().enumerate().find(|(_, row)| row.fits(call, returned, asked))?;
    let fill = |template: &str| fill(template, call, asked);
    let look = row.look.iter().map(|look| Remedy {
        how: fill(&look.how),
        why: fill(&look.why),
        place: look.place,
    });
    Some(Answer {
        row: index,
        kind: row.kind,
        likelihood: row.likelihood,
        why: fill(&row.why),
        look: look.collect(),
    })
}

impl Row {
    fn fits(&self, call: &Syscall, returned: &str, asked: Option<&Refusing>) -> bool {
        let name = call.name.as_deref().unwrap_or_default();
        let place = call.path.as_deref().or(call.address.as_deref());
        let refused = match asked {
            None => self.refused.is_empty(),
            Some(asked) => self.refused.contains(&asked.capability),
        };
        refused
            && self.error.iter().any(|error| error == returned)
            && (self.call.is_empty() || self.call.iter().any(|known| is_call(name, known)))
            && self.arguments.iter().all(|argument| argument.holds(call))
            && (self.below.is_empty()
                || place.is_some_and(|place| {
                    self.below.iter().any(|start| place.starts_with(start.as_str()))
                }))
    }
}

/// The words of a row with the facts in place, and with something general for what is not known.
fn fill(template: &str, call: &Syscall, asked: Option<&Refusing>) -> String {
    let path = call.path.as_deref();
    let folder = path.filter(|p| p.starts_with('/')).and_then(|p| p.rsplit_once('/'));
    let folder = folder.map(|(folder, _)| if folder.is_empty() { "/" } else { folder });
    let user = asked.map(|asked| asked.user.to_string());
    let filled = [
        ("{path}", path.unwrap_or("the file")),
        ("{folder}", folder.unwrap_or("its folder")),
        ("{address}", call.address.as_deref().unwrap_or("that address")),
        ("{call}", call.name.as_deref().unwrap_or("the call")),
        ("{user}", user.as_deref().unwrap_or("0")),
    ]
    .iter()
    .fold(template.to_owned(), |text, (word, fact)| text.replace(word, fact));
    printable(&filled)
}

/// What makes two failed calls one finding.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Opener(Vec<Capability>),
    Row(usize, String),
}

/// The reasons for the failed calls that no refused check explains, and for the end itself.
pub(super) fn of(recording: &Recording, explained: &BTreeSet<usize>, end: End) -> Vec<Finding> {
    let mut findings: BTreeMap<Key, Finding> = BTreeMap::new();
    for (number, failure) in recording.failures.iter().enumerate() {
        let Some(returned) = error(failure.result).filter(|_| !explained.contains(&number)) else {
            continue;
        };
        let process = recording.processes.get(&failure.process);
        let Some((key, finding)) = finding(recording, &failure.syscall, &returned) else {
            continue;
        };
        let finding = findings.entry(key).or_insert(finding);
        finding.calls.push(Call {
            what: printable(&words::call(&failure.syscall, None, None)),
            by: printable(&role::of(recording, failure.process)),
            returned,
            uid: process.and_then(|process: &Process| process.uid),
            path: failure.syscall.path.clone(),
            process: failure.process,
            count: failure.count,
            first_ns: failure.first_ns,
            last_ns: failure.last_ns,
        });
    }
    let mut findings: Vec<Finding> = findings.into_values().collect();
    for finding in &mut findings {
        finding.calls.sort_by_key(|call| std::cmp::Reverse(call.last_ns));
    }
    findings.extend(killed(end));
    findings
}

/// What one failed call amounts to, without the call itself.
fn finding(recording: &Recording, call: &Syscall, returned: &str) -> Option<(Key, Finding)> {
    let openers = if returned == "EPERM" { openers(recording, call) } else { Vec::new() };
    if !openers.is_empty() {
        let remedies = openers.iter().flat_map(|c| remedy::of_call(*c, call)).collect();
        let cause = Cause::Capability { any_of: openers.clone(), lack: Lack::Seccomp };
        let shrugged = call.name.as_ref().is_some_and(|name| FAILURES.shrugged.contains(name));
        let likelihood = if shrugged { Likelihood::Possible } else { Likelihood::Likely };
        let finding = Finding { cause, likelihood, calls: Vec::new(), remedies };
        return Some((Key::Opener(openers), finding));
    }
    let answer = answer(call, returned, None).filter(|answer| answer.kind != Kind::Noise)?;
    let cause = Cause::Elsewhere { kind: answer.kind, why: answer.why.clone() };
    let finding = Finding {
        cause,
        likelihood: answer.likelihood,
        calls: Vec::new(),
        remedies: answer.look.clone(),
    };
    Some((Key::Row(answer.row, answer.why), finding))
}

/// The capabilities with which the default seccomp profile of container engines opens a call. None
/// if the target has one of them: then the profile is another one.
fn openers(recording: &Recording, call: &Syscall) -> Vec<Capability> {
    let Some(name) = &call.name else { return Vec::new() };
    let opens = |capability: &Capability| {
        knowledge(*capability).is_some_and(|known| known.seccomp.iter().any(|call| call == name))
    };
    let openers: Vec<Capability> = Capability::known().filter(opens).collect();
    let given = recording.processes.keys().map(|process| given::bounding(recording, *process));
    let given = given.fold(CapSet::EMPTY, |all, one| all | one);
    let granted =
        |o: &Observation| o.granted && o.own_credentials && openers.contains(&o.capability);
    let held = openers.iter().any(|opener| given.contains(*opener))
        || recording.observations.iter().any(granted);
    if held { Vec::new() } else { openers }
}

/// What a signal says that ended the target.
fn killed(end: End) -> Option<Finding> {
    let End::Badly(exit) = end else { return None };
    let (kind, likelihood, why, how, place) = if BAD_CALL.contains(&exit) {
        (
            Kind::Seccomp,
            Likelihood::Sure,
            "a seccomp profile killed it for a system call that it does not allow (SIGSYS)",
            "find the call in the node's log (`journalctl -k | grep -e 'type=1326' -e SECCOMP`), and allow it in the profile",
            Place::Node,
        )
    } else if KILLED.contains(&exit) {
        (
            Kind::Memory,
            Likelihood::Possible,
            "it was killed (SIGKILL): by the out-of-memory killer, by the kubelet, or by hand",
            "look at memory.events of its cgroup (oom_kill), at `kubectl describe pod` (OOMKilled), and at resources.limits.memory",
            Place::Manifest,
        )
    } else {
        return None;
    };
    Some(Finding {
        cause: Cause::Elsewhere { kind, why: why.to_owned() },
        likelihood,
        calls: Vec::new(),
        remedies: vec![Remedy { how: how.to_owned(), why: why.to_owned(), place }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_names_errors_that_exist_and_says_where_to_look() {
        assert!(FAILURES.failure.len() > 30);
        for call in &FAILURES.shrugged {
            let opens = |c: &Capability| knowledge(*c).is_some_and(|k| k.seccomp.contains(call));
            assert!(Capability::known().any(|c| opens(&c)), "no capability opens {call}");
        }
        for row in &FAILURES.failure {
            let name = format!("{:?} of {:?}", row.error, row.call);
            assert!(!row.error.is_empty(), "{name}");
            for error in &row.error {
                assert!(words::is_error(error), "{error}");
            }
            let says = row.likelihood == Likelihood::Possible || !row.look.is_empty();
            assert!(says && !row.why.ends_with('.'), "{name}");
            for text in row.look.iter().flat_map(|l| [&l.how, &l.why]).chain([&row.why]) {
                let nothing = Syscall {
                    number: 0,
                    name: None,
                    compat: false,
                    arguments: [0; 6],
                    path: None,
                    address: None,
                };
                let filled = fill(text, &nothing, None);
                assert!(!filled.contains(['{', '}']), "{filled}");
            }
        }
    }
}
