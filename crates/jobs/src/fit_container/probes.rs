//! The test that a manifest or an image says by itself.

use std::time::Duration;

use fit::container::Probe;
use fit::test::{Http, Tcp, Test, Tests};
use image::{Configured, Engine};
use manifest::{Container, ProbeAction};

use super::Remark;

/// How long one attempt of a command in the container may take: starting it takes the engine longer than
/// the second that the kubelet gives.
const ATTEMPT: Duration = Duration::from_secs(10);

/// The first probe that can be done here, and what is said of the others.
pub(super) fn of_container(
    container: &Container,
    _engine: Engine,
) -> (Option<(Probe, String)>, Vec<Remark>) {
    let mut remarks = Vec::new();
    for probe in &container.probes {
        let from = format!("{} of container {}", probe.kind.key(), container.name);
        let seconds = probe.timeout_seconds.map_or(0, |seconds| seconds.value);
        let limit = Duration::from_secs(u64::try_from(seconds).unwrap_or(0)).max(ATTEMPT);
        match as_test(&probe.action, limit) {
            Ok(test) => return (Some((test, from)), remarks),
            Err(why) => remarks.push(Remark::Warning(format!("the {from} is no test here: {why}"))),
        }
    }
    (None, remarks)
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
        ProbeAction::Unread => return Err("its action or its port cannot be read"),
    };
    Ok(Probe::Tests(Tests { each: vec![test], until_exit: false, timeout: limit }))
}

/// The image's HEALTHCHECK.
pub(super) fn of_image(image: &Configured) -> Option<(Probe, String)> {
    let command = manifest::health_command(&image.healthcheck)?;
    Some((Probe::Exec { command, limit: ATTEMPT }, "the image's HEALTHCHECK".to_owned()))
}
