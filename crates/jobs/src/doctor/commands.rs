//! What each command takes here, and what this process lacks of it.

use caps::CapSet;

use super::backends::Tracing;
use super::kernel::join;
use super::privilege::Privilege;
use super::{Better, CommandState, Status};
use crate::needs::{self, Machine, Mode};

pub(super) fn states(
    machine: &Machine,
    privilege: &Privilege,
    tracing: &Tracing,
) -> Vec<CommandState> {
    needs::modes().iter().map(|mode| state(mode, machine, privilege, tracing)).collect()
}

fn state(
    mode: &'static Mode,
    machine: &Machine,
    privilege: &Privilege,
    tracing: &Tracing,
) -> CommandState {
    let backend = tracing.backend();
    let (required, better) = mode.wants(backend);
    let takes = needs::taken(&required, machine);
    let lacks = needs::lacking(&required, machine);
    let better: Vec<Better> = better
        .iter()
        .filter_map(|want| {
            Some(Better {
                capability: want.on(machine)?,
                held: want.is_met(machine.held),
                why: want.why.clone(),
                without: want.without.clone(),
            })
        })
        .collect();
    let mut troubles = Vec::new();
    if mode.as_root && machine.uid != 0 {
        troubles.push("only user 0 can have it".to_owned());
    }
    let mut limits = Vec::new();
    if mode.tracing {
        if lacks.is_empty() {
            troubles.extend(tracing.trouble());
        }
        if !lacks.is_empty() || tracing.trouble().is_some() {
            troubles.extend(privilege.reasons());
        }
    }
    match mode.id.as_str() {
        "ps" => limits.extend(privilege.hides()),
        "trace.process" if !privilege.sees_node => {
            limits.push("a process of the node has no number in this PID namespace".to_owned());
        }
        "demo" | "fit.user" => {
            troubles.extend(privilege.user_namespaces.clone().err().filter(|_| lacks.is_empty()))
        }
        _ => {}
    }
    if mode.given.is_some() {
        let unavailable = privilege.all - (machine.held & machine.bounding);
        if !unavailable.is_empty() {
            limits.push(format!("cannot give {}", brief(unavailable, privilege.all)));
        }
    }
    let status = if !lacks.is_empty() || !troubles.is_empty() {
        Status::Missing
    } else if !limits.is_empty() || better.iter().any(|better| !better.held) {
        Status::Limited
    } else {
        Status::Works
    };
    let get =
        if lacks.is_empty() { Vec::new() } else { how(mode, takes, lacks, machine, privilege) };
    troubles.append(&mut limits);
    CommandState {
        id: mode.id.clone(),
        usage: mode.usage.clone(),
        status,
        needs: takes,
        given: mode.given.clone(),
        lacks,
        better,
        says: troubles,
        get,
    }
}

/// The set in words, by what is not in it if that is shorter.
fn brief(set: CapSet, all: CapSet) -> String {
    let rest = all - set;
    match set.len() {
        count if count == all.len() => "any capability".to_owned(),
        count if rest.len() < count / 4 => format!("any capability but {}", join(rest)),
        _ => join(set),
    }
}

/// What to type to get it.
fn how(
    mode: &Mode,
    takes: CapSet,
    lacks: CapSet,
    machine: &Machine,
    privilege: &Privilege,
) -> Vec<String> {
    let add = |set: CapSet| -> String {
        set.iter().map(|capability| format!("--cap-add {capability} ")).collect()
    };
    // The commas of a usage are words of a person.
    let usage = mode.usage.first().map_or("", |usage| usage.split(',').next().unwrap_or_default());
    if !lacks.is_subset(machine.bounding) || privilege.in_user_namespace {
        // Whoever started this process took it away.
        let mut ways = vec![format!("docker run --cap-drop ALL {}… dropcap {usage}", add(takes))];
        if mode.tracing {
            ways[0] = ways[0].replacen("docker run ", "docker run --pid=host ", 1);
        }
        return ways;
    }
    let mut ways =
        vec![format!("sudo dropcap run --cap-drop ALL {}-- dropcap {usage}", add(takes))];
    if mode.tracing && mode.required.is_empty() {
        let names: Vec<String> =
            takes.iter().map(|c| format!("cap_{}", c.to_string().to_lowercase())).collect();
        ways.push(format!("sudo setcap {}+ep \"$(command -v dropcap)\"", names.join(",")));
    }
    ways
}
