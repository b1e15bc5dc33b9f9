//! What was seen, as changes that make it needless.

use std::collections::BTreeSet;

use caps::{CapSet, Capability};
use record::observation::{NamespaceRelation, Observation, Recording, Syscall};
use record::zero::{ALL_GROUPS, Change, LOW_PORTS, PING};

use super::folder::Ground;
use super::port;
use super::search::Today;

/// Ports below are privileged where no sysctl says otherwise, ip(7).
const FIRST_FREE: u16 = 1024;
/// `SOCK_RAW` and the bits of `socket(2)`'s type that are not flags.
const RAW: (u64, u64) = (3, 0xf);
/// `IPPROTO_ICMP` and `IPPROTO_ICMPV6`.
const ICMP: [u64; 2] = [1, 58];
/// `EPERM` and `EACCES`.
const REFUSED: [i64; 2] = [-1, -13];

/// A change, what it makes needless, and what was seen that asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) change: Change,
    pub(super) removes: CapSet,
    pub(super) why: String,
}

/// What the first run asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) changes: Vec<Planned>,
    pub(super) remarks: Vec<String>,
}

/// The first plan: of what it needs, or, of a program that fails as it is, of what was refused to it.
pub(super) fn plan(first: &Recording, today: Today, ground: &Ground) -> Plan {
    let seen: Vec<&Observation> = match today {
        Today::Needs(set) => asked(first).filter(|o| set.contains(o.capability)).collect(),
        Today::Fails => asked(first).filter(has_failed).collect(),
    };
    let mut plan = Plan::default();
    let mut left = match today {
        Today::Needs(set) => set,
        Today::Fails => refused(first),
    };
    for sysctl in sysctls(seen.iter().copied()) {
        // No other user makes these needless.
        left = left - sysctl.removes;
        match sysctl {
            sysctl if ground.own_network => plan.changes.push(sysctl),
            sysctl => match other_port(&seen, &sysctl, ground) {
                Some(port) => {
                    plan.remarks.push("the test is asked of the new port".to_owned());
                    plan.changes.push(port);
                }
                None => plan.remarks.push(format!(
                    "{}: with the node's network no sysctl of the pod makes it needless; give the pod a \
                     network of its own (without hostNetwork){}",
                    sysctl.removes,
                    match sysctl.removes.contains(Capability::NET_BIND_SERVICE) {
                        true => ", or let the program use a port above 1023",
                        false => "",
                    }
                )),
            },
        }
    }
    match user(&seen) {
        // Who it is already is not root.
        _ if left.is_empty() || today == Today::Fails => {}
        Ok(Some((change, why))) => plan.changes.push(Planned { change, removes: left, why }),
        Ok(None) => plan
            .remarks
            .push(format!("{left}: nothing was seen that says as which user it could start")),
        Err(several) => plan.remarks.push(several),
    }
    plan
}

/// Another port in the place of a sysctl, if there is only one that is privileged.
fn other_port(seen: &[&Observation], instead: &Planned, ground: &Ground) -> Option<Planned> {
    if !instead.removes.contains(Capability::NET_BIND_SERVICE) {
        return None;
    }
    let bound = seen.iter().filter(|seen| seen.capability == Capability::NET_BIND_SERVICE);
    let ports = bound.filter_map(|seen| Some(low_port(seen.syscall.as_ref()?)?.0));
    let ports: BTreeSet<u16> = ports.collect();
    let port = ports.first().copied().filter(|_| ports.len() == 1)?;
    Some(Planned { change: port::moved(&ground.words, port)?, ..instead.clone() })
}

/// What a run without capabilities was refused, as sysctls.
pub(super) fn refused_sysctls(recording: &Recording) -> Vec<Planned> {
    sysctls(asked(recording).filter(has_failed))
}

/// What a run was refused in calls that failed.
pub(super) fn refused(recording: &Recording) -> CapSet {
    asked(recording).filter(has_failed).map(|seen| seen.capability).collect()
}

/// Whether a refusal made the call fail.
fn has_failed(seen: &&Observation) -> bool {
    !seen.granted && seen.result.is_some_and(|result| REFUSED.contains(&result))
}

/// Of its own sets, in its own user namespace.
fn asked(recording: &Recording) -> impl Iterator<Item = &Observation> {
    let own = |o: &&Observation| o.own_credentials && o.namespace == NamespaceRelation::Own;
    recording.observations.iter().filter(own)
}

fn sysctls<'o>(seen: impl Iterator<Item = &'o Observation>) -> Vec<Planned> {
    let (mut port, mut ping): (Option<(u16, String)>, bool) = (None, false);
    for observation in seen {
        let Some(syscall) = &observation.syscall else { continue };
        match (observation.capability, name(syscall)) {
            (Capability::NET_BIND_SERVICE, "bind") => {
                let Some((found, address)) = low_port(syscall) else { continue };
                if port.as_ref().is_none_or(|(known, _)| found < *known) {
                    port = Some((found, address.to_owned()));
                }
            }
            (Capability::NET_RAW, "socket") => {
                let [_, kind, protocol, ..] = syscall.arguments;
                ping |= kind & RAW.1 == RAW.0 && ICMP.contains(&protocol);
            }
            _ => {}
        }
    }
    let low = port.map(|(port, address)| Planned {
        change: Change::Sysctl { name: LOW_PORTS.to_owned(), value: port.to_string() },
        removes: Capability::NET_BIND_SERVICE.into(),
        why: format!("bind {address}"),
    });
    let ping = ping.then(|| Planned {
        change: Change::Sysctl { name: PING.to_owned(), value: ALL_GROUPS.to_owned() },
        removes: Capability::NET_RAW.into(),
        why: "a raw ICMP socket".to_owned(),
    });
    low.into_iter().chain(ping).collect()
}

fn low_port(syscall: &Syscall) -> Option<(u16, &str)> {
    let address = syscall.address.as_deref()?;
    let port = address.parse::<std::net::SocketAddr>().ok()?.port();
    (port != 0 && port < FIRST_FREE).then_some((port, address))
}

/// As whom it could start: whom it steps down to, or, if it never does, to whom it gives files.
fn user(seen: &[&Observation]) -> Result<Option<(Change, String)>, String> {
    let steps = Ids::of(seen, &[Capability::SETUID, Capability::SETGID]);
    let (ids, what) = match steps.users.is_empty() {
        false => (steps, "steps down to"),
        true => (Ids::of(seen, &[Capability::CHOWN]), "gives files to"),
    };
    let users: Vec<u32> = ids.users.into_iter().collect();
    let one = |set: &BTreeSet<u32>| set.first().copied().filter(|_| set.len() == 1);
    match users[..] {
        [] => Ok(None),
        [user] => {
            let change = Change::User { user, group: one(&ids.groups) };
            Ok(Some((change, format!("it {what} user {user}"))))
        }
        _ => {
            let list = users.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            Err(format!("it {what} several users ({list}): no one user stands for them"))
        }
    }
}

/// Users and groups that calls change to.
#[derive(Debug, Default)]
struct Ids {
    users: BTreeSet<u32>,
    groups: BTreeSet<u32>,
}

impl Ids {
    fn of(seen: &[&Observation], capabilities: &[Capability]) -> Self {
        let mut ids = Self::default();
        for observation in seen.iter().filter(|o| capabilities.contains(&o.capability)) {
            let (user, group) = observation.syscall.as_ref().map(judge::ids).unwrap_or_default();
            ids.users.extend(user);
            ids.groups.extend(group);
        }
        ids
    }
}

pub(super) fn name(syscall: &Syscall) -> &str {
    let name = syscall.name.as_deref().unwrap_or_default();
    name.strip_suffix("32").unwrap_or(name)
}

#[cfg(test)]
pub(super) mod tests {
    use record::observation::RECORDING_VERSION;
    use serde_json::json;

    use super::*;

    pub(in crate::zero) fn call(name: &str, arguments: &[u64]) -> Syscall {
        let mut all = [0; 6];
        all[..arguments.len()].copy_from_slice(arguments);
        Syscall {
            number: 0,
            name: Some(name.to_owned()),
            compat: false,
            arguments: all,
            path: None,
            address: None,
        }
    }

    pub(in crate::zero) fn at(address: &str) -> Syscall {
        Syscall { address: Some(address.to_owned()), ..call("bind", &[]) }
    }

    pub(in crate::zero) fn saw(capability: Capability, syscall: Syscall) -> Observation {
        serde_json::from_value(json!({
            "capability": capability, "granted": true, "ownCredentials": true, "namespace": "own",
            "uid": 0, "inBounding": true, "noAudit": null, "syscall": syscall, "stack": [], "process": 1,
            "count": 1, "firstNs": 0, "lastNs": 0, "result": null
        }))
        .unwrap()
    }

    pub(in crate::zero) fn recording(observations: Vec<Observation>) -> Recording {
        serde_json::from_value(json!({
            "version": RECORDING_VERSION, "startSeen": true, "durationNs": 1, "exit": null,
            "machine": { "kernel": "", "architecture": "", "backend": "" },
            "target": { "cgroup": { "path": "/" } }, "processes": {}, "observations": observations,
            "lost": { "checks": 0, "stacks": 0, "processes": 0, "evidence": 0 }
        }))
        .unwrap()
    }

    fn everything() -> CapSet {
        CapSet::of(&[
            Capability::CHOWN,
            Capability::SETUID,
            Capability::SETGID,
            Capability::NET_BIND_SERVICE,
            Capability::NET_RAW,
            Capability::DAC_OVERRIDE,
        ])
    }

    fn own() -> Ground {
        Ground { own_network: true, ..Ground::default() }
    }

    fn nodes(args: &str) -> Ground {
        let args = args.split_whitespace().map(str::to_owned).collect();
        Ground { words: port::Words { args, ..port::Words::default() }, ..Ground::default() }
    }

    fn texts(plan: &Plan) -> Vec<String> {
        plan.changes.iter().map(|one| one.change.to_string()).collect()
    }

    #[test]
    fn who_it_steps_down_to_and_what_it_binds_is_the_plan() {
        let seen = recording(vec![
            saw(Capability::SETUID, call("setuid", &[33])),
            saw(Capability::SETGID, call("setgid", &[34])),
            saw(Capability::CHOWN, call("chown", &[0, 35, u64::MAX])),
            saw(Capability::NET_BIND_SERVICE, at("0.0.0.0:443")),
            saw(Capability::NET_BIND_SERVICE, at("[::]:80")),
            saw(Capability::NET_BIND_SERVICE, at("0.0.0.0:8080")),
        ]);
        let needed = everything().without(Capability::NET_RAW);
        let found = plan(&seen, Today::Needs(needed), &own());
        let port = "sysctl net.ipv4.ip_unprivileged_port_start = \"80\"";
        assert_eq!(texts(&found), [port, "runAsUser 33, runAsGroup 34"]);
        assert_eq!(found.changes[1].removes, needed.without(Capability::NET_BIND_SERVICE));
        assert!(found.remarks.is_empty(), "{:?}", found.remarks);
        // With the node's network no sysctl of the pod can be set.
        let found = plan(&seen, Today::Needs(needed), &nodes(""));
        assert_eq!(texts(&found), ["runAsUser 33, runAsGroup 34"]);
        assert!(found.remarks[0].contains("NET_BIND_SERVICE"), "{:?}", found.remarks);
        // Two ports that are privileged, or none that it names: nothing to change.
        assert_eq!(
            texts(&plan(&seen, Today::Needs(needed), &nodes("-p 80 -s 443"))),
            texts(&found)
        );
        let bound = recording(vec![saw(Capability::NET_BIND_SERVICE, at("[::]:80"))]);
        let low = Today::Needs(Capability::NET_BIND_SERVICE.into());
        let port = |args| plan(&bound, low, &nodes(args));
        assert_eq!(texts(&port("-p 80")), ["port 8080 in place of 80"]);
        assert_eq!(port("-p 80").remarks, ["the test is asked of the new port"]);
        assert!(texts(&port("-p http")).is_empty() && port("").remarks.len() == 1);
        // What is not needed is no reason.
        let chown = plan(&seen, Today::Needs(Capability::CHOWN.into()), &own());
        assert_eq!(texts(&chown), ["runAsUser 35"]);
    }

    #[test]
    fn ping_takes_a_sysctl_and_no_user() {
        let raw = |kind, protocol| saw(Capability::NET_RAW, call("socket", &[2, kind, protocol]));
        // SOCK_RAW | SOCK_CLOEXEC.
        for (kind, protocol) in [(3, 1), (3 | 0o2_000_000, 58)] {
            let seen = recording(vec![raw(kind, protocol)]);
            let found = plan(&seen, Today::Needs(Capability::NET_RAW.into()), &own());
            assert_eq!(texts(&found), [format!("sysctl {PING} = \"{ALL_GROUPS}\"")]);
            assert!(found.remarks.is_empty());
        }
        // A raw socket for all of IP, or a packet socket, is not ping.
        for (kind, protocol) in [(3, 255), (2, 1)] {
            let seen = recording(vec![raw(kind, protocol)]);
            let found = plan(&seen, Today::Needs(Capability::NET_RAW.into()), &own());
            assert_eq!(texts(&found), <[String; 0]>::default());
            assert!(found.remarks[0].contains("NET_RAW"), "{:?}", found.remarks);
        }
    }

    #[test]
    fn who_is_not_root_and_fails_is_helped_by_what_was_refused_alone() {
        let refused = |seen| Observation { granted: false, result: Some(-13), ..seen };
        let seen = recording(vec![
            refused(saw(Capability::NET_BIND_SERVICE, at("0.0.0.0:80"))),
            refused(saw(Capability::SETUID, call("setuid", &[33]))),
            saw(Capability::NET_RAW, call("socket", &[2, 3, 1])),
        ]);
        let found = plan(&seen, Today::Fails, &own());
        assert_eq!(texts(&found), ["sysctl net.ipv4.ip_unprivileged_port_start = \"80\""]);
        assert_eq!(found.changes[0].removes, Capability::NET_BIND_SERVICE.into());
        assert_eq!(
            texts(&plan(&seen, Today::Fails, &nodes("-p 80"))),
            ["port 8080 in place of 80"]
        );
    }

    #[test]
    fn several_users_are_nobody() {
        let seen = recording(vec![
            saw(Capability::SETUID, call("setresuid", &[101, 101, 101])),
            saw(Capability::SETUID, call("setuid", &[1000])),
        ]);
        let found = plan(&seen, Today::Needs(everything()), &own());
        assert!(found.changes.is_empty());
        assert!(found.remarks[0].contains("several users (101, 1000)"), "{:?}", found.remarks);
    }

    #[test]
    fn only_calls_that_failed_count_in_a_run_without_capabilities() {
        let refused = |result| {
            let seen = saw(Capability::NET_BIND_SERVICE, at("0.0.0.0:80"));
            recording(vec![Observation { granted: false, result, ..seen }])
        };
        assert_eq!(refused_sysctls(&refused(Some(-13))).len(), 1);
        assert_eq!(refused_sysctls(&refused(Some(0))), []);
        assert_eq!(refused_sysctls(&refused(None)), []);
        let foreign = Observation {
            own_credentials: false,
            granted: false,
            result: Some(-13),
            ..saw(Capability::NET_BIND_SERVICE, at("0.0.0.0:80"))
        };
        assert_eq!(refused_sysctls(&recording(vec![foreign])), []);
    }
}
