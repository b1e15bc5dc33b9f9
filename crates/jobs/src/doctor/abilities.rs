//! What each command can do here.

use caps::{CapSet, Capability};

use super::kernel::{Tracing, join};
use super::privilege::Privilege;
use super::{Ability, Status};

/// What `run` needs to give any set to any user: to drop from the bounding set, and to change users
/// and groups.
const GIVE: CapSet = CapSet::of(&[Capability::SETPCAP, Capability::SETUID, Capability::SETGID]);
/// What reading other users' namespaces and links needs, ptrace(2) "Ptrace access mode checking",
/// and reading the folders of engines.
const LOOK: CapSet = CapSet::of(&[Capability::SYS_PTRACE, Capability::DAC_READ_SEARCH]);

pub(super) fn abilities(privilege: &Privilege, tracing: &Tracing) -> Vec<Ability> {
    let run = run(privilege);
    let trace = trace(tracing);
    vec![
        Ability::new(
            &["explain", "show", "check", "fix", "profile"],
            Status::Works,
            "work anywhere",
        ),
        ps(privilege),
        demo(&run, &trace, privilege),
        run,
        trace,
    ]
}

impl Ability {
    fn new(commands: &[&'static str], status: Status, says: impl Into<String>) -> Self {
        Self { commands: commands.to_vec(), status, says: says.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

fn ps(privilege: &Privilege) -> Ability {
    let ability = |status, says: &str| Ability::new(&["ps"], status, says);
    let held = privilege.caps.effective;
    if !privilege.sees_node {
        return ability(Status::Limited, "sees the processes of this PID namespace only")
            .help("run on the node (hostPID: true, docker run --pid=host)");
    }
    if privilege.hidepid.is_some() && !held.contains(Capability::SYS_PTRACE) {
        return ability(
            Status::Limited,
            "sees only this user's processes: /proc is mounted with hidepid",
        )
        .help("run as root");
    }
    // DAC_OVERRIDE reads as well as DAC_READ_SEARCH does.
    let missing = LOOK - held;
    if missing.is_empty()
        || (missing == CapSet::from(Capability::DAC_READ_SEARCH)
            && held.contains(Capability::DAC_OVERRIDE))
    {
        return ability(Status::Works, "sees every process and every container's name");
    }
    ability(Status::Limited, "sees what every process holds, and not every container's name")
        .help("run as root")
}

fn run(privilege: &Privilege) -> Ability {
    let ability = |status, says: String| Ability::new(&["run"], status, says);
    let lacks = GIVE - privilege.caps.permitted;
    if lacks.contains(Capability::SETPCAP) {
        return ability(
            Status::Missing,
            format!("cannot take a capability away for good without {}", join(lacks)),
        )
        .help("run as root");
    }
    let unavailable = privilege.all - (privilege.caps.permitted & privilege.caps.bounding);
    let mut limits = Vec::new();
    if !lacks.is_empty() {
        limits.push(format!("cannot change the user without {}", join(lacks)));
    }
    if !unavailable.is_empty() {
        limits.push(format!("cannot give {}", join(unavailable)));
    }
    if limits.is_empty() {
        return ability(Status::Works, "gives any set to any user".to_owned());
    }
    ability(Status::Limited, limits.join("; "))
}

fn trace(tracing: &Tracing) -> Ability {
    let ability = |status, says: String| Ability::new(&["trace", "why"], status, says);
    match tracing {
        Tracing::Works(backends) => {
            let by = backends.first().map(|b| format!(", by {b}")).unwrap_or_default();
            ability(Status::Works, format!("sees which capabilities are used, for what, and which were missing{by}"))
        }
        Tracing::NoPrivilege(missing) => {
            ability(Status::Missing, format!("needs {}", join(*missing))).help("run as root")
        }
        Tracing::Missing(why) => ability(Status::Missing, why.clone()),
    }
}

fn demo(run: &Ability, trace: &Ability, privilege: &Privilege) -> Ability {
    let ability = |status, says: &str| Ability::new(&["demo"], status, says);
    let works = |ability: &Ability| ability.status != Status::Missing;
    if works(run) && works(trace) {
        return ability(Status::Works, "does the whole job");
    }
    if privilege.user_namespaces.is_ok() || works(run) {
        return ability(
            Status::Limited,
            "does without a trace: by leaving one capability out after another",
        )
        .help("run as root");
    }
    ability(Status::Missing, "needs root, or user namespaces").help("run as root")
}
