//! What tells whether a container works: the kubelet's probes, and Compose's health check.

use crate::reader::{At, Reader};
use crate::scalar::{self, Value};
use crate::tree::{NodeId, Tree};
use crate::workload::{Port, Span, Spanned};

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ProbeKind {
    /// `readinessProbe`: whether it serves.
    Readiness,
    /// `livenessProbe`: whether it is to be started again.
    Liveness,
    /// `startupProbe`: whether it has come up.
    Startup,
    /// `healthcheck` of a Compose service.
    Healthcheck,
    /// `lifecycle.postStart`: done once at its start; if it fails, the container is ended.
    PostStart,
    /// `lifecycle.preStop`: done before it is ended.
    PreStop,
}

impl ProbeKind {
    /// Its key in a manifest.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Readiness => "readinessProbe",
            Self::Liveness => "livenessProbe",
            Self::Startup => "startupProbe",
            Self::Healthcheck => "healthcheck",
            Self::PostStart => "postStart",
            Self::PreStop => "preStop",
        }
    }
}

/// One probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Which.
    pub kind: ProbeKind,
    /// Where it is written.
    pub span: Span,
    /// What is done.
    pub action: ProbeAction,
    /// `timeoutSeconds`, if written: 1 else, as the API server has it.
    pub timeout_seconds: Option<Spanned<i64>>,
}

/// What a probe does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeAction {
    /// `httpGet`: any status from 200 to 399 is good.
    HttpGet {
        /// `host`; the pod's own address if not written.
        host: Option<String>,
        /// The port's number.
        port: u16,
        /// `path`, `/` if not written.
        path: String,
        /// Whether `scheme` is `HTTPS`; certificates are not looked at.
        https: bool,
        /// `httpHeaders`.
        headers: Vec<(String, String)>,
    },
    /// `tcpSocket`: a connection is good.
    TcpSocket {
        /// `host`; the pod's own address if not written.
        host: Option<String>,
        /// The port's number.
        port: u16,
    },
    /// `exec`: executed in the container; status 0 is good.
    Exec {
        /// The words.
        command: Vec<String>,
    },
    /// `grpc`: the health service.
    Grpc {
        /// The port's number.
        port: u16,
    },
    /// None that is known, or a port of a name that no port of the container has.
    Unread,
}

/// The probes of a Kubernetes container, in the order in which they say most of whether it works.
pub(crate) fn of_container(
    reader: &mut Reader<'_, '_>,
    container: NodeId,
    at: &At<'_>,
    ports: &[Port],
) -> Vec<Probe> {
    let kinds = [ProbeKind::Readiness, ProbeKind::Liveness, ProbeKind::Startup];
    of_kinds(kinds, reader, container, at, ports)
}

/// Its `lifecycle` hooks; one that only sleeps is none.
pub(crate) fn hooks(
    reader: &mut Reader<'_, '_>,
    container: NodeId,
    at: &At<'_>,
    ports: &[Port],
) -> Vec<Probe> {
    let Some(lifecycle) = reader.map(container, "lifecycle", at) else { return Vec::new() };
    let at = at.key("lifecycle");
    of_kinds([ProbeKind::PostStart, ProbeKind::PreStop], reader, lifecycle, &at, ports)
}

fn of_kinds(
    kinds: impl IntoIterator<Item = ProbeKind>,
    reader: &mut Reader<'_, '_>,
    holder: NodeId,
    at: &At<'_>,
    ports: &[Port],
) -> Vec<Probe> {
    let mut probes = Vec::new();
    for kind in kinds {
        let Some(node) = reader.map(holder, kind.key(), at) else { continue };
        if reader.field(node, "sleep").is_some() {
            continue;
        }
        let at = at.key(kind.key());
        let action = action(reader, node, &at, ports).unwrap_or(ProbeAction::Unread);
        let timeout_seconds = reader.integer(node, "timeoutSeconds", &at);
        probes.push(Probe { kind, span: reader.tree.span(node), action, timeout_seconds });
    }
    probes
}

fn action(
    reader: &mut Reader<'_, '_>,
    probe: NodeId,
    at: &At<'_>,
    ports: &[Port],
) -> Option<ProbeAction> {
    if let Some(exec) = reader.map(probe, "exec", at) {
        let command = reader.strings(exec, "command", &at.key("exec"));
        let command: Vec<String> = command.into_iter().map(|word| word.value).collect();
        return (!command.is_empty()).then_some(ProbeAction::Exec { command });
    }
    if let Some(get) = reader.map(probe, "httpGet", at) {
        let at = at.key("httpGet");
        let port = port(reader, get, ports)?;
        let word = |reader: &mut Reader<'_, '_>, key| Some(reader.string(get, key, &at)?.value);
        let (host, path) = (word(reader, "host"), word(reader, "path"));
        let https = word(reader, "scheme").is_some_and(|scheme| scheme == "HTTPS");
        let mut headers = Vec::new();
        let maps = reader.maps(get, "httpHeaders", &at);
        let at = at.key("httpHeaders");
        for (index, map) in maps.into_iter().enumerate() {
            let at = at.index(index);
            if let Some(name) = reader.string(map, "name", &at) {
                let value = reader.string(map, "value", &at).map(|value| value.value);
                headers.push((name.value, value.unwrap_or_default()));
            }
        }
        let path = path.filter(|path| !path.is_empty()).unwrap_or_else(|| "/".to_owned());
        return Some(ProbeAction::HttpGet { host, port, path, https, headers });
    }
    if let Some(socket) = reader.map(probe, "tcpSocket", at) {
        let at = at.key("tcpSocket");
        let host = reader.string(socket, "host", &at).map(|host| host.value);
        return Some(ProbeAction::TcpSocket { host, port: port(reader, socket, ports)? });
    }
    let grpc = reader.map(probe, "grpc", at)?;
    Some(ProbeAction::Grpc { port: port(reader, grpc, ports)? })
}

/// A number, or the name of one of the container's ports.
fn port(reader: &mut Reader<'_, '_>, map: NodeId, ports: &[Port]) -> Option<u16> {
    let node = reader.field(map, "port")?;
    let text = reader.tree.text(node).unwrap_or_default();
    let named = || ports.iter().find(|port| port.name.as_deref() == Some(text));
    let number = match text.parse::<i64>() {
        Ok(number) => number,
        Err(_) => match named() {
            Some(port) => port.container_port.value,
            None => return None,
        },
    };
    u16::try_from(number).ok().filter(|number| *number != 0)
}

/// What `healthcheck` of a Compose service comes to.
#[derive(Debug)]
pub(crate) enum HealthCheck {
    /// It has no test: the image's counts.
    Image,
    /// It is switched off, the image's with it.
    Off,
    /// A test in the place of the image's.
    Own(Probe),
}

/// The health check of a Compose service: each key as the first of `layers` has it, which are the service's
/// own and those of what it extends. `filled_in` is the text unless the environment fills something in: then
/// it is not to be read.
pub(crate) fn of_compose(
    tree: &Tree<'_>,
    layers: &[NodeId],
    filled_in: fn(&str) -> Option<String>,
) -> HealthCheck {
    let is_true = |text| scalar::resolve(text) == Value::Bool(true);
    let first = |key| layers.iter().find_map(|&layer| tree.get_own_first(layer, key));
    if first("disable").is_some_and(|entry| tree.text(entry.value).is_some_and(is_true)) {
        return HealthCheck::Off;
    }
    let Some(entry) = first("test") else { return HealthCheck::Image };
    let test = tree.resolve(entry.value);
    let words: Option<Vec<String>> = match tree.text(test) {
        Some(text) => filled_in(text).map(|text| vec!["CMD-SHELL".to_owned(), text]),
        None => {
            let word = |&item: &NodeId| tree.text(tree.resolve(item)).and_then(filled_in);
            tree.items(test).iter().map(word).collect()
        }
    };
    match words.as_ref().map(|words| words.first().map(String::as_str)) {
        // An empty list is none (Docker's `HealthConfig`: "inherit healthcheck").
        Some(None) => return HealthCheck::Image,
        Some(Some("NONE")) => return HealthCheck::Off,
        _ => {}
    }
    let command = words.and_then(|words| health_command(&words));
    let action = command.map_or(ProbeAction::Unread, |command| ProbeAction::Exec { command });
    let span = tree.span(entry.value);
    let kind = ProbeKind::Healthcheck;
    HealthCheck::Own(Probe { kind, span, action, timeout_seconds: None })
}

/// The command of a health check as Compose and images write it: `CMD` and words, or `CMD-SHELL` and a
/// text for the shell (compose-spec `05-services.md` "healthcheck"; Docker's `HealthConfig`). `None` for
/// `NONE`, and for what is neither.
#[must_use]
pub fn health_command(words: &[String]) -> Option<Vec<String>> {
    let (first, rest) = words.split_first()?;
    match first.as_str() {
        "CMD" if !rest.is_empty() => Some(rest.to_vec()),
        "CMD-SHELL" => Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), rest.join(" ")]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn probes(text: &str) -> Vec<Probe> {
        let manifest = parse("test.yaml", text);
        assert!(manifest.errors().next().is_none(), "{:?}", manifest.problems);
        manifest.workloads[0].pod.containers[0].probes.clone()
    }

    #[test]
    fn hooks_are_read_and_one_that_sleeps_is_none() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  hostAliases: []\n  \
                    containers:\n  - name: web\n    lifecycle:\n      postStart: {exec: {command: \
                    [a, b]}}\n      preStop: {sleep: {seconds: 5}}\n";
        let manifest = parse("pod.yaml", text);
        let pod = &manifest.workloads[0].pod;
        assert!(pod.host_aliases);
        let hooks: Vec<_> = pod.containers[0].hooks.iter().map(|h| (h.kind, &h.action)).collect();
        let command = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(hooks, [(ProbeKind::PostStart, &ProbeAction::Exec { command })]);
    }

    #[test]
    fn probes_are_read_with_their_ports_by_name() {
        let found = probes(
            "apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: web
    ports: [{name: http, containerPort: 8080}, {containerPort: 9}]
    startupProbe: {grpc: {port: 9}}
    livenessProbe: {exec: {command: [cat, /ok]}, timeoutSeconds: 5}
    readinessProbe:
      httpGet: {path: /ready, port: http, httpHeaders: [{name: Host, value: a.b}]}
",
        );
        let actions: Vec<_> = found.iter().map(|p| (p.kind, p.action.clone())).collect();
        let get = ProbeAction::HttpGet {
            host: None,
            port: 8080,
            path: "/ready".to_owned(),
            https: false,
            headers: vec![("Host".to_owned(), "a.b".to_owned())],
        };
        let exec = ProbeAction::Exec { command: vec!["cat".to_owned(), "/ok".to_owned()] };
        assert_eq!(
            actions,
            [
                (ProbeKind::Readiness, get),
                (ProbeKind::Liveness, exec),
                (ProbeKind::Startup, ProbeAction::Grpc { port: 9 })
            ]
        );
        assert_eq!(found[1].timeout_seconds.map(|seconds| seconds.value), Some(5));
    }

    #[test]
    fn what_is_wrong_with_a_probe_is_no_problem_of_the_manifest() {
        let found = probes(
            "apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: web
    readinessProbe: {httpGet: {port: none}}
    livenessProbe: {tcpSocket: {port: [1]}}
    startupProbe: 3
",
        );
        let actions: Vec<_> = found.into_iter().map(|p| p.action).collect();
        assert_eq!(actions, [ProbeAction::Unread, ProbeAction::Unread]);
    }

    #[test]
    fn a_service_has_its_health_check() {
        let service = |check: &str| {
            probes(&format!("services:\n  web:\n    image: web\n    healthcheck: {check}\n"))
        };
        let words = |check| match service(check).pop().map(|probe| probe.action) {
            Some(ProbeAction::Exec { command }) => command.join("|"),
            other => format!("{other:?}"),
        };
        assert_eq!(words("{test: [CMD, curl, -f, localhost]}"), "curl|-f|localhost");
        assert_eq!(words("{test: curl -f localhost}"), "/bin/sh|-c|curl -f localhost");
        assert_eq!(words("{test: [CMD-SHELL, exit 1]}"), "/bin/sh|-c|exit 1");
        let without_image_check = |check: &str| {
            let text = format!("services:\n  web:\n    image: web\n    healthcheck: {check}\n");
            let manifest = parse("compose.yaml", text);
            manifest.workloads[0].pod.containers[0].without_image_check
        };
        for (none, off) in [
            ("{test: [NONE]}", true),
            ("{test: [CMD, a], disable: true}", true),
            ("{disable: true}", true),
            ("{disable: false}", false),
            ("{interval: 5s}", false),
            ("{test: []}", false),
        ] {
            assert_eq!(words(none), "None", "{none}");
            assert_eq!(without_image_check(none), off, "{none}");
        }
        assert!(without_image_check("{test: 'curl $URL'}"));
        for odd in ["{test: [CMD]}", "{test: [curl, x]}", "{test: 'curl $URL'}"] {
            assert_eq!(words(odd), "Some(Unread)", "{odd}");
        }
    }

    #[test]
    fn a_health_check_is_merged_with_what_is_extended() {
        let service = |own: &str, base: &str| {
            let text = format!(
                "services:\n  base:\n    image: web\n    healthcheck: {base}\n  web:\n    extends: \
                 {{service: base}}\n    healthcheck: {own}\n"
            );
            let manifest = parse("compose.yaml", text);
            let container = &manifest.workloads[1].pod.containers[0];
            (container.probes.len(), container.without_image_check)
        };
        assert_eq!(service("{interval: 5s}", "{test: [CMD, a]}"), (1, true));
        assert_eq!(service("{disable: true}", "{test: [CMD, a]}"), (0, true));
        assert_eq!(service("{test: [CMD, b]}", "{disable: true}"), (0, true));
        assert_eq!(service("{interval: 5s}", "{retries: 3}"), (0, false));
    }
}
