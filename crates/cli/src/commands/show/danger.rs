//! How dangerous a capability is where this container holds it.

use caps::{Amplifier, CapSet, Capability, Reach, Tier, knowledge};
use check::Exposure;

/// The members of `set`, the most dangerous first.
pub fn sorted(set: CapSet) -> Vec<Capability> {
    let mut members: Vec<Capability> = set.iter().collect();
    members.sort_by_key(|capability| {
        // One that this program has no name for may be anything.
        let danger =
            knowledge(*capability).map_or((Tier::Escape, true, Reach::Escape), |k| k.danger());
        (std::cmp::Reverse(danger), *capability)
    });
    members
}

/// How far the harm goes, given what the pod opens and what else is held.
pub fn reach(capability: Capability, held: CapSet, exposure: &Exposure) -> Reach {
    knowledge(capability)
        .map_or(Reach::Escape, |known| known.reach_given(|a| present(a, held, exposure)))
}

/// Whether the pod, or another capability, makes it worse in this way.
fn present(amplifier: Amplifier, held: CapSet, exposure: &Exposure) -> bool {
    match amplifier {
        Amplifier::HostPath => exposure.writable_host_path.is_some(),
        Amplifier::HostPid => exposure.host_pid.is_some(),
        Amplifier::HostNetwork => exposure.host_network.is_some(),
        Amplifier::HostIpc => exposure.host_ipc.is_some(),
        // A privileged container has no seccomp profile either.
        Amplifier::Devices | Amplifier::SeccompUnconfined => exposure.devices.is_some(),
        Amplifier::KernelBug => false,
        Amplifier::With(other) => held.contains(other),
    }
}

/// Those of `held` that lead out of this container, the most dangerous first.
pub fn escapes(held: CapSet, exposure: &Exposure) -> Vec<Capability> {
    let mut found = sorted(held);
    found.retain(|capability| reach(*capability, held, exposure) == Reach::Escape);
    found
}

/// Whether it leads out without any help.
pub fn escapes_alone(capability: Capability) -> bool {
    knowledge(capability).is_none_or(|known| known.reach == Reach::Escape)
}

/// What helps those out that do not escape by themselves: `with a writable hostPath`.
pub fn help(escaping: &[Capability], held: CapSet, exposure: &Exposure) -> Option<String> {
    let mut helpers: Vec<String> = Vec::new();
    for known in escaping.iter().filter_map(|capability| knowledge(*capability)) {
        if known.reach == Reach::Escape {
            continue;
        }
        let help = known
            .amplified
            .iter()
            .find(|a| a.reach == Reach::Escape && present(a.by, held, exposure));
        let words = help.map(|amplified| amplified.by.to_string());
        helpers.extend(words.filter(|words| !helpers.contains(words)));
    }
    (!helpers.is_empty()).then(|| format!("with {}", check::words::list(&helpers)))
}
