//! The test that a manifest or an image says by itself.

use std::time::Duration;

use fit::container::Probe;
use fit::test::{Http, Tcp, Test, Tests};
use image::Configured;
use manifest::{Container, ProbeAction, ProbeKind};

use super::Remark;

/// How long one attempt of a command in the container may take: starting it takes the engine longer than
/// the second that the kubelet gives.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How long a hook may take, which the kubelet waits for as long as it takes.
const HOOK: Duration = Duration::from_secs(30);

/// What a manifest says tells that its container works.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// All probes that can be done here, and where they are from.
    pub(super) test: Option<(Probe, String)>,
    /// Those of them that are executed in it, which whoever runs it executes whatever its test is.
    pub(super) executed: Option<(Probe, String)>,
    /// What is done in it at its start.
    pub(super) hook: Option<Probe>,
    /// What is said of the others.
    pub(super) remarks: Vec<Remark>,
}

/// All probes that can be done here, in the order in which the kubelet waits for them: what any of them
/// needs the container needs, or it is called ill.
pub(super) fn of_container(container: &Container) -> Own {
    let mut own = Own::default();
    let name = &container.name;
    let mut warn = |text: String| own.remarks.push(Remark::Warning(text));
    let mut order: Vec<&manifest::Probe> = container.probes.iter().collect();
    order.sort_by_key(|probe| probe.kind != ProbeKind::Startup);
    let mut each: Vec<(Probe, &str)> = Vec::new();
    for probe in order {
        match as_test(&probe.action, limit(probe)) {
            Ok(test) => each.push((test, probe.kind.key())),
            Err(why) => {
                let kind = probe.kind.key();
                warn(format!("the {kind} of container {name} is no test here: {why}"));
            }
        }
    }
    for hook in &container.hooks {
        match (hook.kind, &hook.action) {
            (ProbeKind::PostStart, ProbeAction::Exec { command }) => {
                own.hook = Some(Probe::Hook { command: command.clone(), limit: HOOK });
            }
            (kind, action) => {
                let what = match action {
                    ProbeAction::Exec { command } => format!(" exec {}", command.join(" ")),
                    _ => String::new(),
                };
                let kind = kind.key();
                warn(format!("{kind}{what} is not run: what it needs is not in the answer"));
            }
        }
    }
    let executed = each.iter().filter(|(probe, _)| probe.executes()).cloned().collect();
    own.executed = together(executed, name);
    own.test = together(each, name);
    own
}

/// All of these as one, with where they are from.
fn together(each: Vec<(Probe, &str)>, container: &str) -> Option<(Probe, String)> {
    let kinds: Vec<&str> = each.iter().map(|(_, kind)| *kind).collect();
    let from = format!("{} of container {container}", kinds.join(" and "));
    let mut probes: Vec<Probe> = each.into_iter().map(|(probe, _)| probe).collect();
    match probes.len() {
        0 => None,
        1 => probes.pop().map(|probe| (probe, from)),
        _ => Some((Probe::All(probes), from)),
    }
}

/// How long one attempt may take.
fn limit(probe: &manifest::Probe) -> Duration {
    let seconds = probe.timeout_seconds.map_or(0, |seconds| seconds.value);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0)).max(ATTEMPT)
}

/// The kubelet asks the pod's address; in the container's own network that is this one, too.
const OWN: &str = "127.0.0.1";

fn as_test(action: &ProbeAction, limit: Duration) -> Result<Probe, &'static str> {
    let own = |host: &Option<String>| host.clone().unwrap_or_else(|| OWN.to_owned());
    let test = match action {
        ProbeAction::Exec { command } => {
            return Ok(Probe::Exec { command: command.clone(), limit });
        }
        ProbeAction::HttpGet { https: true, .. } => return Err("HTTPS; give a command: --test"),
        ProbeAction::HttpGet { host, port, path, headers, .. } => Test::Http(Http {
            host: own(host),
            port: *port,
            path: path.clone(),
            headers: headers.clone(),
        }),
        ProbeAction::TcpSocket { host, port } => Test::Tcp(Tcp { host: own(host), port: *port }),
        ProbeAction::Grpc { .. } => return Err("gRPC; give a command: --test"),
        ProbeAction::Unread => {
            return Err(
                "its action cannot be read here, or its port, or no port of the container has that name",
            );
        }
    };
    let (each, settle) = (vec![test], Duration::ZERO);
    Ok(Probe::Tests(Tests { each, until_exit: false, timeout: limit, settle }))
}

/// The image's HEALTHCHECK.
pub(super) fn of_image(image: &Configured) -> Option<(Probe, String)> {
    let command = manifest::health_command(&image.healthcheck)?;
    Some((Probe::Exec { command, limit: ATTEMPT }, "the image's HEALTHCHECK".to_owned()))
}
