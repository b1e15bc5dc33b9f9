//! Compose files: each service is a container of its own (compose-spec `05-services.md`).
//!
//! What Docker makes of the fields: compose `pkg/compose/create.go`; of `security_opt`: moby
//! `daemon/daemon_unix.go` `parseSecurityOpt`.

pub(crate) mod command_line;
mod environment;
mod volumes;

use std::collections::HashSet;

use crate::kinds::Kinds;
use crate::pod;
use crate::probe::{self, HealthCheck};
use crate::problem::ProblemKind;
use crate::reader::{At, Reader};
use crate::scalar::Value;
use crate::tree::{Mark, NodeId, NodeKind, Tree};
use crate::workload::{
    CapList, Capabilities, Container, ContainerList, Format, Pod, Port, SecurityContext, Spanned,
    Workload,
};

/// What a service is called as a kind.
const KIND: &str = "ComposeService";
/// Keys at the top of a Compose file (compose-spec `schema/compose-spec.json`), beside `x-…`.
const TOP: &[&str] = &[
    "version", "name", "include", "services", "models", "networks", "volumes", "secrets", "configs",
];
/// At least one service has one of these; other files with `services` do not.
const OF_A_SERVICE: &[&str] = &["image", "build", "extends", "provider"];
/// The most ports that a range adds.
const MAX_RANGE: u16 = 256;

/// Whether this is a Compose file. One that only changes services of another file has to be named
/// as such.
pub(crate) fn is_one(tree: &Tree<'_>, root: NodeId, file_name: Option<&str>) -> bool {
    let known = |&(key, _): &(NodeId, NodeId)| {
        tree.is_merge_key(key)
            || tree.text(key).is_some_and(|key| TOP.contains(&key) || key.starts_with("x-"))
    };
    if !tree.entries(root).iter().all(known) {
        return false;
    }
    let Some(services) = tree.get_own_first(root, "services") else { return false };
    let services = tree.entries_own_first(tree.resolve(services.value));
    let is_map = |&(_, value): &(NodeId, NodeId)| {
        matches!(tree.node(tree.resolve(value)).kind, NodeKind::Map(_))
            || tree.mark(value) == Some(Mark::Reset)
    };
    let of_a_service = |&(_, value): &(NodeId, NodeId)| {
        let value = tree.resolve(value);
        OF_A_SERVICE.iter().any(|key| tree.get_own_first(value, key).is_some())
    };
    let named = file_name.is_some_and(|name| {
        ["compose", "docker-compose"].iter().any(|start| name.starts_with(start))
    });
    // One that is no mapping is an error of the file's, not another kind of file.
    services.iter().any(is_map) && (named || services.iter().any(of_a_service))
}

/// Reads the services. One that cannot be read as Compose does is left out, the others are not.
pub(crate) fn read(reader: &mut Reader<'_, '_>, root: NodeId, workloads: &mut Vec<Workload>) {
    reader.own_first = true;
    let Some(services) = reader.map(root, "services", &At::ROOT) else { return };
    for (key, value) in reader.tree.entries_own_first(services) {
        let Some(name) = reader.tree.text(key) else { continue };
        // As if it were not written (compose-go `loader/reset.go`).
        if reader.tree.mark(value) == Some(Mark::Reset) {
            continue;
        }
        let before = reader.problems.len();
        let service = Service::new(reader, services, name, reader.tree.resolve(value));
        let service = service.filter(|service| service.first(reader, "provider").is_none());
        let service = service.map(|service| service.with_keys(reader.tree));
        let workload = service.map(|service| service.workload(reader, key));
        let readable = reader.problems[before..].iter().all(|p| p.kind.is_readable());
        workloads.extend(workload.filter(|_| readable));
    }
}

/// The mappings that a service's fields are put together from: its own, then those of what it
/// extends, the nearest first. `None` where that cannot be followed.
pub(crate) fn layers(
    tree: &Tree<'_>,
    kinds: &Kinds,
    document: usize,
    (name, service): (&str, NodeId),
) -> Option<Vec<NodeId>> {
    let root = (*tree.documents.get(document)?.root.as_ref().ok()?)?;
    let mut reader = Reader::new(tree, kinds, document);
    reader.own_first = true;
    let services = reader.map(root, "services", &At::ROOT)?;
    Some(Service::new(&mut reader, services, name, service)?.maps)
}

/// A service and, behind it, what it `extends`.
struct Service<'a> {
    name: &'a str,
    /// Mappings, the one that counts first in front.
    maps: Vec<NodeId>,
    /// The keys of all of them, if they were looked up: most keys are in none, and a chain may be long.
    keys: Option<HashSet<&'a str>>,
}

impl<'a> Service<'a> {
    fn new(
        reader: &mut Reader<'_, '_>,
        services: NodeId,
        name: &'a str,
        node: NodeId,
    ) -> Option<Self> {
        let at = At::ROOT.key("services").key(name).to_string();
        let at = At::way(&at);
        let mut last = reader.mapping(node, &at)?;
        let mut maps = vec![last];
        let mut seen = HashSet::from([last]);
        while let Some(extends) = reader.field(last, "extends") {
            let (base, file) = match reader.tree.value(extends) {
                Some(Value::Text(base)) => (base.to_owned(), None),
                _ => {
                    let map = reader.mapping(extends, &at.key("extends"))?;
                    let at = at.key("extends");
                    let base = reader.string(map, "service", &at)?.value;
                    (base, reader.string(map, "file", &at))
                }
            };
            let service = name.to_owned();
            if let Some(file) = file {
                let file = file.value;
                reader.problem(extends, ProblemKind::ExtendsElsewhere { service, file });
                return None;
            }
            let Some(entry) = reader.entry(services, &base) else {
                reader.problem(extends, ProblemKind::ExtendsUnknown { service, base });
                return None;
            };
            let next = reader.mapping(entry.value, &at.key("extends"))?;
            if !seen.insert(next) {
                reader.problem(extends, ProblemKind::ExtendsItself { service });
                return None;
            }
            maps.push(next);
            last = next;
        }
        Some(Self { name, maps, keys: None })
    }

    /// With its keys, to be asked for many.
    fn with_keys(self, tree: &'a Tree<'_>) -> Self {
        let each = self.maps.iter().flat_map(|&map| tree.entries_own_first(map));
        let keys = each.filter_map(|(key, _)| tree.text(key)).collect();
        Self { keys: Some(keys), ..self }
    }

    /// The values of a key, so many at most, that of the service itself first. `!reset` takes away what is there and
    /// what is extended, `!override` only the latter (compose-go `loader/extends.go`: tags go before
    /// the merge).
    fn layers(&self, reader: &mut Reader<'_, '_>, key: &str, most: usize) -> Vec<NodeId> {
        let mut values = Vec::new();
        if self.keys.as_ref().is_some_and(|keys| !keys.contains(key)) {
            return values;
        }
        for &map in &self.maps {
            let written = reader.entry(map, key).map(|entry| entry.value);
            let mark = written.and_then(|value| reader.tree.mark(value));
            if mark == Some(Mark::Reset) {
                break;
            }
            values.extend(reader.field(map, key));
            if mark == Some(Mark::Override) || values.len() >= most {
                break;
            }
        }
        values
    }

    /// The value of a key that counts.
    fn first(&self, reader: &mut Reader<'_, '_>, key: &str) -> Option<NodeId> {
        self.layers(reader, key, 1).first().copied()
    }

    /// The items of a list, those of what is extended first (compose-spec `13-merge.md`).
    fn all(&self, reader: &mut Reader<'_, '_>, key: &str) -> Vec<NodeId> {
        let at = self.path(key);
        let mut items = Vec::new();
        for list in self.layers(reader, key, usize::MAX).into_iter().rev() {
            items.extend(reader.items(list, &At::way(&at)));
        }
        items
    }

    fn path(&self, key: &str) -> String {
        format!("services.{}.{key}", self.name)
    }

    /// A scalar as text, whatever its type; what the environment fills in is a problem.
    fn text(
        &self,
        reader: &mut Reader<'_, '_>,
        node: NodeId,
        key: &str,
    ) -> Option<Spanned<String>> {
        let path = self.path(key);
        let Some(text) = reader.tree.text(node) else {
            reader.wrong_type(node, &At::way(&path), "text");
            return None;
        };
        let Some(value) = filled_in(text) else {
            reader.problem(node, ProblemKind::Interpolated { path });
            return None;
        };
        Some(Spanned { value, span: reader.tree.span(node) })
    }

    fn word(&self, reader: &mut Reader<'_, '_>, key: &str) -> Option<Spanned<String>> {
        let node = self.first(reader, key)?;
        self.text(reader, node, key)
    }

    /// As compose-go `interpolation` `toBoolean`.
    fn boolean(&self, reader: &mut Reader<'_, '_>, key: &str) -> Option<Spanned<bool>> {
        let node = self.first(reader, key)?;
        let word = self.text(reader, node, key)?;
        let value = match word.value.to_ascii_lowercase().as_str() {
            "true" | "t" | "y" | "yes" | "on" | "1" => true,
            "false" | "f" | "n" | "no" | "off" | "0" => false,
            _ => {
                reader.wrong_type(node, &At::way(&self.path(key)), "true or false");
                return None;
            }
        };
        Some(Spanned { value, span: word.span })
    }

    fn workload(&self, reader: &mut Reader<'_, '_>, key: NodeId) -> Workload {
        let span = reader.tree.span(self.maps[0]);
        let name_span = reader.tree.span(key);
        let is = |word: Option<Spanned<String>>, value: &str| {
            word.filter(|word| word.value == value)
                .map(|word| Spanned { value: true, span: word.span })
        };
        let mounted = volumes::of(self, reader);
        let (supplemental_groups, group_names) = self.groups(reader);
        let mut pod = Pod {
            sysctls: self.sysctls(reader),
            host_network: is(self.word(reader, "network_mode"), "host"),
            host_pid: is(self.word(reader, "pid"), "host"),
            host_ipc: is(self.word(reader, "ipc"), "host"),
            host_users: is(self.word(reader, "userns_mode"), "host"),
            runtime_class: self.word(reader, "runtime"),
            os: self.first(reader, "platform").and_then(|node| {
                let text = reader.tree.text(node)?;
                Some(Spanned {
                    value: text.split('/').next()?.to_owned(),
                    span: reader.tree.span(node),
                })
            }),
            format: Format::Compose,
            host_paths: mounted.host_paths,
            volumes: mounted.volumes,
            supplemental_groups,
            group_names,
            ..pod::empty(span)
        };
        let image = self.first(reader, "image").and_then(|node| {
            let value = reader.tree.text(node)?.to_owned();
            Some(Spanned { value, span: reader.tree.span(node) })
        });
        let working_dir = self.first(reader, "working_dir").and_then(|node| {
            let value = reader.tree.text(node)?.to_owned();
            Some(Spanned { value, span: reader.tree.span(node) })
        });
        let entrypoint = self.command(reader, "entrypoint");
        let command = self.command(reader, "command");
        let command_unread = entrypoint.is_none() || command.is_none();
        let environment = environment::of(self, reader);
        let (without_image_check, probes) = match self.healthcheck(reader) {
            HealthCheck::Image => (false, Vec::new()),
            HealthCheck::Off => (true, Vec::new()),
            HealthCheck::Own(probe) => (true, vec![probe]),
        };
        pod.containers.push(Container {
            list: ContainerList::Containers,
            index: 0,
            name: self.name.to_owned(),
            name_span,
            span,
            image,
            command: entrypoint.unwrap_or_default(),
            args: command.unwrap_or_default(),
            command_unread,
            working_dir,
            restart_policy: None,
            env: environment.set,
            env_from: environment.elsewhere,
            env_files: environment.files,
            ports: self.ports(reader),
            probes,
            without_image_check,
            hooks: Vec::new(),
            writable_mounts: mounted.writable,
            mounts: mounted.mounts,
            security: self.security(reader),
            sets: None,
        });
        Workload {
            kind: KIND.to_owned(),
            api_version: String::new(),
            name: self.name.to_owned(),
            namespace: None,
            document: reader.document,
            span,
            pod,
        }
    }

    fn security(&self, reader: &mut Reader<'_, '_>) -> SecurityContext {
        let mut security = SecurityContext {
            privileged: self.boolean(reader, "privileged"),
            read_only_root: self.boolean(reader, "read_only"),
            ..SecurityContext::default()
        };
        for item in self.all(reader, "security_opt") {
            let Some(option) = self.text(reader, item, "security_opt") else { continue };
            let (name, value) = option
                .value
                .split_once('=')
                .or_else(|| option.value.split_once(':'))
                .unwrap_or((option.value.as_str(), "true"));
            let span = option.span;
            match name {
                "no-new-privileges" => {
                    let set = matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True");
                    security.allow_privilege_escalation = Some(Spanned { value: !set, span });
                }
                "seccomp" => {
                    let profile = match value {
                        "unconfined" => "Unconfined",
                        "builtin" => "RuntimeDefault",
                        _ => "Localhost",
                    };
                    security.seccomp = Some(Spanned { value: profile.to_owned(), span });
                }
                _ => {}
            }
        }
        // The image's `/etc/passwd` says who a name is.
        if let Some(node) = self.first(reader, "user")
            && let Some(text) = reader.tree.text(node)
        {
            let span = reader.tree.span(node);
            // What the environment fills in may have colons of its own, and be anybody.
            let parts = text.split_once(':').filter(|_| !text.contains('$'));
            let (user, group) = parts.map_or((text, None), |(user, group)| (user, Some(group)));
            security.run_as_user = id(user).map(|value| Spanned { value, span });
            if security.run_as_user.is_none() && !user.is_empty() {
                security.user_name = Some(Spanned { value: user.to_owned(), span });
            }
            security.run_as_group = group.and_then(id).map(|value| Spanned { value, span });
            security.group_name = group
                .filter(|name| !name.is_empty() && id(name).is_none())
                .map(|name| Spanned { value: name.to_owned(), span });
        }
        let (add, drop) = (self.list(reader, "cap_add"), self.list(reader, "cap_drop"));
        let span = drop.as_ref().or(add.as_ref()).map(|list| list.span);
        security.capabilities = span.map(|span| Capabilities { span, add, drop });
        security
    }

    fn list(&self, reader: &mut Reader<'_, '_>, key: &str) -> Option<CapList> {
        let span = self.first(reader, key).map(|list| reader.tree.span(list))?;
        let mut items: Vec<Spanned<String>> = Vec::new();
        for item in self.all(reader, key) {
            // What is extended and what extends it may both have it.
            let word = self.text(reader, item, key);
            items.extend(word.filter(|word| items.iter().all(|known| known.value != word.value)));
        }
        Some(CapList { span, items })
    }

    fn sysctls(&self, reader: &mut Reader<'_, '_>) -> Vec<Spanned<(String, String)>> {
        let mut sysctls: Vec<Spanned<(String, String)>> = Vec::new();
        for node in self.layers(reader, "sysctls", usize::MAX).into_iter().rev() {
            let tree = reader.tree;
            for &(key, value) in tree.entries(node) {
                if let Some(name) = tree.text(key).filter(|_| !tree.is_merge_key(key))
                    && let Some(value) = self.text(reader, tree.resolve(value), "sysctls")
                {
                    let value = (name.to_owned(), value.value);
                    sysctls.push(Spanned { value, span: tree.span(key) });
                }
            }
            for &item in tree.items(node) {
                if let Some(word) = self.text(reader, tree.resolve(item), "sysctls") {
                    let (name, value) = word.value.split_once('=').unwrap_or((&word.value, ""));
                    let value = (name.to_owned(), value.to_owned());
                    sysctls.push(Spanned { value, span: word.span });
                }
            }
        }
        sysctls
    }

    /// `group_add`: the numbers, and what else is there.
    fn groups(&self, reader: &mut Reader<'_, '_>) -> (Vec<Spanned<i64>>, Vec<Spanned<String>>) {
        let (mut numbers, mut names) = (Vec::new(), Vec::new());
        for node in self.all(reader, "group_add") {
            let Some(text) = reader.tree.text(node) else { continue };
            let span = reader.tree.span(node);
            match id(text) {
                Some(value) => numbers.push(Spanned { value, span }),
                None => names.push(Spanned { value: text.to_owned(), span }),
            }
        }
        (numbers, names)
    }

    fn ports(&self, reader: &mut Reader<'_, '_>) -> Vec<Port> {
        let mut ports = Vec::new();
        let items = [self.all(reader, "ports"), self.all(reader, "expose")].concat();
        for item in items {
            let span = reader.tree.span(item);
            let tree = reader.tree;
            let field =
                |key| tree.get_own_first(item, key).and_then(|entry| tree.text(entry.value));
            // `127.0.0.1:8080-8081:80-81/udp`: the last part is the container's.
            let (target, protocol) = match tree.text(item) {
                Some(text) => {
                    let (numbers, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
                    (numbers.rsplit(':').next().unwrap_or_default(), protocol)
                }
                None => (field("target").unwrap_or_default(), field("protocol").unwrap_or("tcp")),
            };
            let (first, last) = target.split_once('-').unwrap_or((target, target));
            let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
                continue;
            };
            let last = last.min(first.saturating_add(MAX_RANGE));
            ports.extend((first..=last).map(|port| Port {
                name: None,
                container_port: Spanned { value: i64::from(port), span },
                protocol: protocol.to_uppercase(),
            }));
        }
        ports
    }

    fn healthcheck(&self, reader: &mut Reader<'_, '_>) -> HealthCheck {
        let layers = self.layers(reader, "healthcheck", usize::MAX);
        probe::of_compose(reader.tree, &layers, filled_in)
    }

    /// A list of words, or a text as words; `None` for what the environment fills in, what is no
    /// command line, and an empty one, which takes the image's away.
    fn command(&self, reader: &mut Reader<'_, '_>, key: &str) -> Option<Vec<String>> {
        let Some(node) = self.first(reader, key) else { return Some(Vec::new()) };
        let tree = reader.tree;
        let words: Option<Vec<String>> = match tree.text(node) {
            Some(text) => filled_in(text).and_then(|text| command_line::words(&text)),
            None => {
                let items = tree.items(node).iter();
                items.map(|&item| tree.text(tree.resolve(item)).and_then(filled_in)).collect()
            }
        };
        words.filter(|words| !words.is_empty())
    }
}

/// A number of a user or a group; of the names only root's is the same everywhere.
fn id(name: &str) -> Option<i64> {
    match name {
        "root" => Some(0),
        _ if name.bytes().all(|byte| byte.is_ascii_digit()) => name.parse().ok(),
        _ => None,
    }
}

/// The text with `$$` as `$`; `None` if a variable is to be filled in.
fn filled_in(text: &str) -> Option<String> {
    let plain = text.replace("$$", "\0");
    (!plain.contains('$')).then(|| plain.replace('\0', "$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_told_from_dollars() {
        assert_eq!(filled_in("a$$b").as_deref(), Some("a$b"));
        assert_eq!(filled_in("${A:-b}"), None);
        assert_eq!(filled_in("$A"), None);
    }
}
