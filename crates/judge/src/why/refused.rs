//! Refused checks that made their call fail.

use std::collections::{BTreeMap, BTreeSet};

use caps::{CapSet, Capability};
use record::observation::{Failure, NamespaceRelation, Observation, Process, Recording, Syscall};
use record::requirement::{Place, Remedy};

use super::elsewhere::{self, Refusing};
use super::{Call, Cause, Finding, Lack, Likelihood, error};
use crate::site::Site;
use crate::table::{Credentials, Decision, Outcome, Release, Row, SiteTable};
use crate::twins::Twins;
use crate::{given, judgement, remedy, role, words};

/// What a call returns for want of a capability, where the table names nothing else.
const PERMISSION: [&str; 2] = ["EPERM", "EACCES"];

/// What refused checks amount to.
pub(super) struct Refused {
    /// A finding for each reason.
    pub(super) findings: Vec<Finding>,
    /// The failed calls that are explained by them: indexes into [`Recording::failures`].
    pub(super) explained: BTreeSet<usize>,
    /// Refused checks whose call was not seen to return.
    pub(super) unseen: u64,
}

/// A refused check that made its call fail.
struct Fatal<'r> {
    observation: &'r Observation,
    row: Option<&'r Row>,
    any_of: Vec<Capability>,
    result: Option<i64>,
    returned: String,
}

pub(super) fn of(recording: &Recording, table: &SiteTable, root: u32) -> Refused {
    let twins = Twins::of(recording, table);
    let mut fatal = Vec::new();
    let mut unseen = 0;
    for observation in recording.observations.iter().filter(|o| !o.granted) {
        let site = Site::of(observation, &table.frames);
        let kernel = Release::of(&recording.machine.kernel);
        let row = table.find(&site, observation.capability, observation.syscall.as_ref(), kernel);
        if !counts(observation, row, &site, table) {
            continue;
        }
        let result = observation.result.or_else(|| result_of(recording, observation));
        match failed(result, row) {
            Failed::Yes(returned) => {
                let any_of = twins.any_of(observation, &site, row);
                fatal.push(Fatal { observation, row, any_of, result, returned });
            }
            Failed::No => {}
            Failed::Unseen => unseen += observation.count,
        }
    }
    let explained = explain(recording, &fatal);
    let findings = group(recording, &fatal, &explained, root);
    let explained = explained.into_iter().flat_map(|(_, failures)| failures).collect();
    Refused { findings, explained, unseen }
}

/// Whether a refusal there can make the target's call fail.
fn counts(observation: &Observation, row: Option<&Row>, site: &Site, table: &SiteTable) -> bool {
    // In a namespace of its own making the program has what it gave itself.
    if observation.namespace == NamespaceRelation::Inner {
        return false;
    }
    let decision = row.map_or(Decision::Doubtful, |row| row.refused.unwrap_or(row.verdict));
    let own = observation.own_credentials
        || row.is_some_and(|row| row.credentials == Credentials::Any)
        || table.overrides.iter().any(|o| o.lends(site));
    decision != Decision::Never && own
}

enum Failed {
    Yes(String),
    No,
    Unseen,
}

/// Of a check whose own return was not seen: the call's error, if it failed in that time.
fn result_of(recording: &Recording, observation: &Observation) -> Option<i64> {
    let call = observation.syscall.as_ref()?;
    let is_it = |failure: &&Failure| {
        failure.process == observation.process
            && (&failure.syscall.number, &failure.syscall.path, &failure.syscall.address)
                == (&call.number, &call.path, &call.address)
            && failure.first_ns <= observation.last_ns
            && failure.last_ns >= observation.first_ns
    };
    recording.failures.iter().find(is_it).map(|failure| failure.result)
}

fn failed(result: Option<i64>, row: Option<&Row>) -> Failed {
    let errors = row.map(|row| row.errors.as_slice()).unwrap_or_default();
    let elsewhere = row.is_some_and(|row| row.outcome == Outcome::Elsewhere);
    match result.map(error) {
        // The error is in the answer that the program reads later.
        _ if elsewhere => match errors {
            [] => Failed::No,
            [first, ..] => Failed::Yes(first.clone()),
        },
        None => Failed::Unseen,
        Some(None) => Failed::No,
        Some(Some(name)) => {
            let is_one = if errors.is_empty() {
                PERMISSION.contains(&name.as_str())
            } else {
                errors.contains(&name)
            };
            if is_one { Failed::Yes(name) } else { Failed::No }
        }
    }
}

/// The failed calls that belong to each refused check: the same process, call and error, and the
/// same path, or, as far as the number of checks reaches, one that failed in the same time.
fn explain(recording: &Recording, fatal: &[Fatal<'_>]) -> Vec<(usize, Vec<usize>)> {
    let mut taken = BTreeSet::new();
    let mut of = vec![Vec::new(); fatal.len()];
    let mut left: Vec<u64> = fatal.iter().map(|f| f.observation.count).collect();
    for same_path in [true, false] {
        for (index, one) in fatal.iter().enumerate() {
            for (number, failure) in recording.failures.iter().enumerate() {
                // Both questions of a pair are answered by the same failure.
                let again = taken.contains(&number) && !same_path;
                if again || !one.fits(failure, same_path) || of[index].contains(&number) {
                    continue;
                }
                if !same_path && left[index] < failure.count {
                    continue;
                }
                left[index] = left[index].saturating_sub(failure.count);
                of[index].push(number);
                taken.insert(number);
            }
        }
    }
    of.into_iter().enumerate().collect()
}

impl Fatal<'_> {
    fn fits(&self, failure: &Failure, same_path: bool) -> bool {
        let Some(call) = &self.observation.syscall else { return false };
        let names = |call: &Syscall| (call.path.clone(), call.address.clone());
        let same_call = failure.process == self.observation.process
            && (call.number, call.compat) == (failure.syscall.number, failure.syscall.compat)
            && Some(failure.result) == self.result;
        let overlaps = failure.first_ns <= self.observation.last_ns
            && failure.last_ns >= self.observation.first_ns;
        same_call && if same_path { names(call) == names(&failure.syscall) } else { overlaps }
    }

    /// The calls: as the failures have them, which are apart by path; else as the check has its own.
    fn calls(&self, recording: &Recording, failures: &[usize]) -> Vec<Call> {
        let o = self.observation;
        let special = self.row.and_then(|row| row.what.as_deref());
        let call = |what: String, path: &Option<String>, count, first_ns, last_ns| Call {
            what: words::printable(&what),
            by: words::printable(&role::of(recording, o.process)),
            returned: self.returned.clone(),
            uid: o.uid,
            path: path.clone(),
            process: o.process,
            count,
            first_ns,
            last_ns,
        };
        if failures.is_empty() {
            let path = o.syscall.as_ref().and_then(|s| s.path.clone());
            let what = words::describe(o, special);
            return vec![call(what, &path, o.count, o.first_ns, o.last_ns)];
        }
        let failures = failures.iter().filter_map(|number| recording.failures.get(*number));
        failures
            .map(|f| {
                let what = words::call(&f.syscall, Some(o.capability), special);
                call(what, &f.syscall.path, f.count, f.first_ns, f.last_ns)
            })
            .collect()
    }

    /// Why the process did not have it, if the want of a capability is the reason.
    fn lack(&self, process: Option<&Process>, given: CapSet, root: u32) -> Lack {
        let o = self.observation;
        let uid = o.uid.unwrap_or(root);
        // What a process dropped from its own bounding set it gave up, too.
        let in_bounding = o.in_bounding == Some(true) || given.contains(o.capability);
        if o.namespace == NamespaceRelation::Outer {
            Lack::Outer
        } else if uid != root {
            match process.and_then(|p| p.uid) {
                Some(before) if before == root => Lack::GivenUp { uid },
                _ => Lack::NonRoot { uid, in_bounding },
            }
        } else if in_bounding {
            Lack::GivenUp { uid }
        } else {
            Lack::Missing
        }
    }
}

/// What a process should have gained at its `execve` and did not, for no_new_privs.
fn not_gained(process: &Process) -> Option<String> {
    if process.no_new_privs != Some(true) {
        return None;
    }
    // Another user or group brings no capability: what it would have opened are files.
    let root_s = process.set_uid == Some(0) && process.uid != Some(0);
    root_s.then(|| "set-uid root".to_owned())
}

/// What makes two refused checks one finding.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Capability(Vec<Capability>, Lack),
    NoNewPrivileges(String, String),
    Elsewhere(usize, u32),
}

/// A finding that grows.
#[derive(Default)]
struct Growing {
    refused: CapSet,
    needed: bool,
    calls: Vec<Call>,
    remedies: Vec<Remedy>,
    why: Option<elsewhere::Answer>,
}

fn group(
    recording: &Recording,
    fatal: &[Fatal<'_>],
    explained: &[(usize, Vec<usize>)],
    root: u32,
) -> Vec<Finding> {
    let mut groups: BTreeMap<Key, Growing> = BTreeMap::new();
    for (one, (_, failures)) in fatal.iter().zip(explained) {
        let o = one.observation;
        let process = recording.processes.get(&o.process);
        let lack = one.lack(process, given::bounding(recording, o.process), root);
        let name = || role::of(recording, o.process);
        let never_root = match lack {
            Lack::NonRoot { uid, .. } | Lack::GivenUp { uid } if uid != root => Some(uid),
            _ => None,
        };
        let asked = Refusing { capability: o.capability, user: never_root.unwrap_or(root) };
        let (key, why) = if let Some(set_id) = process.and_then(not_gained) {
            (Key::NoNewPrivileges(name(), set_id), None)
        } else if let Some(answer) = never_root
            .and(o.syscall.as_ref())
            .and_then(|call| elsewhere::refused(call, &one.returned, &asked))
        {
            (Key::Elsewhere(answer.row, asked.user), Some(answer))
        } else {
            (Key::Capability(one.any_of.clone(), lack), None)
        };
        let group = groups.entry(key).or_default();
        group.refused.insert(o.capability);
        group.needed |= one.row.is_some_and(|row| row.verdict == Decision::Needed);
        for call in one.calls(recording, failures) {
            join(&mut group.calls, call);
        }
        match &why {
            Some(answer) => group.remedies.extend(answer.look.iter().cloned()),
            None => {
                // What leaves the capability out and mends nothing is no remedy here.
                let remedies = remedy::of(recording, o).into_iter();
                group.remedies.extend(remedies.filter(|remedy| remedy.place != Place::Nothing));
            }
        }
        group.why = group.why.take().or(why);
    }
    quiet_set_ids(recording, &mut groups);
    groups.into_iter().map(|(key, group)| group.finding(key)).collect()
}

/// Programs that gave up before they asked the kernel for anything: `sudo` looks at its user first.
fn quiet_set_ids(recording: &Recording, groups: &mut BTreeMap<Key, Growing>) {
    for (number, process) in &recording.processes {
        // One that ended well did without.
        let failed = process.exit.is_none_or(|exit| judgement::failed(Some(exit)).is_some());
        if let Some(set_id) = not_gained(process).filter(|_| failed) {
            let key = Key::NoNewPrivileges(role::of(recording, *number), set_id);
            groups.entry(key).or_default();
        }
    }
}

/// The same call again, or the second question of a pair.
fn join(calls: &mut Vec<Call>, call: Call) {
    let same = calls
        .iter_mut()
        .find(|c| (&c.what, &c.by, &c.returned) == (&call.what, &call.by, &call.returned));
    match same {
        Some(known) => {
            known.count = known.count.max(call.count);
            known.first_ns = known.first_ns.min(call.first_ns);
            known.last_ns = known.last_ns.max(call.last_ns);
        }
        None => calls.push(call),
    }
}

/// How to do with no_new_privs, or without.
fn escalation(program: &str) -> Vec<Remedy> {
    vec![
        Remedy {
            place: Place::Manifest,
            how: format!("run as the user that the work takes (securityContext.runAsUser), and do without {program}"),
            why: "who has the right already needs no set-uid program to gain it".to_owned(),
        },
        Remedy {
            place: Place::Manifest,
            how: "take allowPrivilegeEscalation: false out (outside of Kubernetes: --security-opt no-new-privileges)".to_owned(),
            why: "it sets no_new_privs, with which execve ignores the set-uid and set-gid bits and file capabilities, prctl(2)".to_owned(),
        },
    ]
}

impl Growing {
    fn finding(mut self, key: Key) -> Finding {
        // Within a place the table's order stands: the gentlest first.
        let mut remedies: Vec<Remedy> = Vec::new();
        self.remedies.sort_by_key(|remedy| remedy.place);
        for remedy in self.remedies {
            if !remedies.contains(&remedy) {
                remedies.push(remedy);
            }
        }
        self.calls.sort_by_key(|call| std::cmp::Reverse(call.last_ns));
        let sure = if self.needed { Likelihood::Sure } else { Likelihood::Possible };
        let (cause, likelihood) = match key {
            Key::Capability(any_of, lack) => (Cause::Capability { any_of, lack }, sure),
            Key::NoNewPrivileges(program, set_id) => {
                remedies = escalation(&program);
                let likelihood =
                    if self.calls.is_empty() { Likelihood::Likely } else { Likelihood::Sure };
                let cause = Cause::NoNewPrivileges { program, set_id, refused: self.refused };
                (cause, likelihood)
            }
            Key::Elsewhere(..) => match self.why {
                Some(answer) => {
                    let cause = Cause::Elsewhere { kind: answer.kind, why: answer.why };
                    (cause, answer.likelihood)
                }
                None => unreachable!("such a group is made of its answer"),
            },
        };
        Finding { cause, likelihood, calls: self.calls, remedies }
    }
}
