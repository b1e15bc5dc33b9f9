//! A pod spec and its containers.

use crate::indentation;
use crate::problem::ProblemKind;
use crate::reader::{At, Reader};
use crate::tree::{NodeId, NodeKind};
use crate::workload::{
    CapList, Capabilities, Container, ContainerList, HostPath, Mount, Pod, Port, SecurityContext,
    Spanned,
};

/// Reads the pod spec `node`.
pub(crate) fn read(reader: &mut Reader<'_, '_>, node: NodeId, at: &At<'_>) -> Pod {
    indentation::in_pod_spec(reader, node, at);
    let security_at = at.key("securityContext");
    let security = reader.map(node, "securityContext", at);
    let s = security.as_ref();
    let mut host_paths = Vec::new();
    for volume in reader.maps(node, "volumes", at) {
        let at = at.key("volumes");
        let name = reader.string(volume, "name", &at);
        if let Some(host_path) = reader.map(volume, "hostPath", &at)
            && let Some(path) = reader.string(host_path, "path", &at.key("hostPath"))
        {
            let volume = name.map(|name| name.value).unwrap_or_default();
            host_paths.push(HostPath { volume, path });
        }
    }
    let os = reader.map(node, "os", at).and_then(|os| reader.string(os, "name", &at.key("os")));
    let pod = Pod {
        span: reader.tree.span(node),
        run_as_user: s.and_then(|&s| reader.integer(s, "runAsUser", &security_at)),
        run_as_group: s.and_then(|&s| reader.integer(s, "runAsGroup", &security_at)),
        supplemental_groups: s
            .map(|&s| integers(reader, s, "supplementalGroups", &security_at))
            .unwrap_or_default(),
        fs_group: s.and_then(|&s| reader.integer(s, "fsGroup", &security_at)),
        run_as_non_root: s.and_then(|&s| reader.boolean(s, "runAsNonRoot", &security_at)),
        seccomp: s.and_then(|&s| seccomp(reader, s, &security_at)),
        sysctls: s.map(|&s| sysctls(reader, s, &security_at)).unwrap_or_default(),
        misplaced_capabilities: s
            .and_then(|&s| reader.tree.get(s, "capabilities"))
            .map(|entry| reader.tree.span(entry.key)),
        host_network: reader.boolean(node, "hostNetwork", at),
        host_pid: reader.boolean(node, "hostPID", at),
        host_ipc: reader.boolean(node, "hostIPC", at),
        host_users: reader.boolean(node, "hostUsers", at),
        share_process_namespace: reader.boolean(node, "shareProcessNamespace", at),
        runtime_class: reader.string(node, "runtimeClassName", at),
        os,
        host_paths,
        containers: containers(reader, node, at),
    };
    let regular = reader.tree.get(node, "containers");
    let list = regular.map(|entry| reader.tree.resolve(entry.value));
    let is_empty = |list| match &reader.tree.node(list).kind {
        NodeKind::Seq(items) => items.is_empty(),
        _ => reader.tree.is_null(list),
    };
    if list.is_none_or(is_empty) {
        let place = regular.map_or(node, |entry| entry.key);
        reader.problem(place, ProblemKind::NoContainers { path: at.to_string() });
    }
    pod
}

fn integers(reader: &mut Reader<'_, '_>, map: NodeId, key: &str, at: &At<'_>) -> Vec<Spanned<i64>> {
    let items = reader.list(map, key, at);
    let at = at.key(key);
    let mut numbers = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        numbers.extend(reader.number(item, &at.index(index)));
    }
    numbers
}

fn sysctls(
    reader: &mut Reader<'_, '_>,
    security: NodeId,
    at: &At<'_>,
) -> Vec<Spanned<(String, String)>> {
    let maps = reader.maps(security, "sysctls", at);
    let at = at.key("sysctls");
    let mut sysctls = Vec::with_capacity(maps.len());
    for (index, map) in maps.into_iter().enumerate() {
        let at = at.index(index);
        if let (Some(name), Some(value)) =
            (reader.string(map, "name", &at), reader.string(map, "value", &at))
        {
            let span = reader.tree.span(map);
            sysctls.push(Spanned { value: (name.value, value.value), span });
        }
    }
    sysctls
}

/// The three lists in the order init, regular, ephemeral.
const LISTS: [ContainerList; 3] =
    [ContainerList::InitContainers, ContainerList::Containers, ContainerList::EphemeralContainers];

fn containers(reader: &mut Reader<'_, '_>, pod: NodeId, at: &At<'_>) -> Vec<Container> {
    let mut containers = Vec::new();
    for list in LISTS {
        let at = at.key(list.key());
        let maps = container_nodes(reader, pod, list, &at);
        for (index, node) in maps {
            containers.push(container(reader, node, list, index, &at.index(index)));
        }
    }
    containers
}

/// The mappings of one list and their indexes in it.
fn container_nodes(
    reader: &mut Reader<'_, '_>,
    pod: NodeId,
    list: ContainerList,
    at: &At<'_>,
) -> Vec<(usize, NodeId)> {
    let Some(value) = reader.field(pod, list.key()) else { return Vec::new() };
    let items = reader.items(value, at);
    let mut nodes = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        nodes.extend(reader.mapping(item, &at.index(index)).map(|node| (index, node)));
    }
    nodes
}

fn container(
    reader: &mut Reader<'_, '_>,
    node: NodeId,
    list: ContainerList,
    index: usize,
    at: &At<'_>,
) -> Container {
    indentation::in_container(reader, node, at);
    let name = reader.string(node, "name", at);
    let words = |words: Vec<Spanned<String>>| words.into_iter().map(|word| word.value).collect();
    let span = reader.tree.span(node);
    let (writable_mounts, mounts) = mounts(reader, node, at);
    Container {
        list,
        index,
        name_span: name.as_ref().map_or(span, |name| name.span),
        name: name.map(|name| name.value).unwrap_or_default(),
        span,
        image: reader.string(node, "image", at),
        command: words(reader.strings(node, "command", at)),
        args: words(reader.strings(node, "args", at)),
        working_dir: reader.string(node, "workingDir", at),
        restart_policy: reader.string(node, "restartPolicy", at),
        env: environment(reader, node, at),
        ports: ports(reader, node, at),
        writable_mounts,
        mounts,
        security: security(reader, node, at),
    }
}

fn environment(
    reader: &mut Reader<'_, '_>,
    container: NodeId,
    at: &At<'_>,
) -> Vec<(String, String)> {
    let maps = reader.maps(container, "env", at);
    let at = at.key("env");
    let mut environment = Vec::with_capacity(maps.len());
    for (index, map) in maps.into_iter().enumerate() {
        let at = at.index(index);
        if let Some(name) = reader.string(map, "name", &at)
            && reader.field(map, "valueFrom").is_none()
        {
            let value = reader.string(map, "value", &at).map(|value| value.value);
            environment.push((name.value, value.unwrap_or_default()));
        }
    }
    environment
}

fn ports(reader: &mut Reader<'_, '_>, container: NodeId, at: &At<'_>) -> Vec<Port> {
    let maps = reader.maps(container, "ports", at);
    let at = at.key("ports");
    let mut ports = Vec::with_capacity(maps.len());
    for (index, map) in maps.into_iter().enumerate() {
        let at = at.index(index);
        let protocol = reader.string(map, "protocol", &at);
        let protocol = protocol.map_or_else(|| "TCP".to_owned(), |protocol| protocol.value);
        if let Some(container_port) = reader.integer(map, "containerPort", &at) {
            ports.push(Port { container_port, protocol });
        }
    }
    ports
}

/// The volumes mounted writable, by name, and where each volume is mounted.
fn mounts(
    reader: &mut Reader<'_, '_>,
    container: NodeId,
    at: &At<'_>,
) -> (Vec<Spanned<String>>, Vec<Mount>) {
    let maps = reader.maps(container, "volumeMounts", at);
    let at = at.key("volumeMounts");
    let (mut writable, mut mounts) = (Vec::new(), Vec::new());
    for (index, map) in maps.into_iter().enumerate() {
        let at = at.index(index);
        let read_only = reader.boolean(map, "readOnly", &at);
        if let Some(name) = reader.string(map, "name", &at)
            && !read_only.is_some_and(|flag| flag.value)
        {
            writable.push(Spanned { value: name.value, span: reader.tree.span(map) });
        }
        if let Some(path) = reader.string(map, "mountPath", &at) {
            mounts.push(Mount { path, read_only });
        }
    }
    (writable, mounts)
}

fn seccomp(reader: &mut Reader<'_, '_>, security: NodeId, at: &At<'_>) -> Option<Spanned<String>> {
    let profile = reader.map(security, "seccompProfile", at)?;
    reader.string(profile, "type", &at.key("seccompProfile"))
}

fn security(reader: &mut Reader<'_, '_>, container: NodeId, at: &At<'_>) -> SecurityContext {
    let Some(node) = reader.map(container, "securityContext", at) else {
        return SecurityContext::default();
    };
    let at = at.key("securityContext");
    indentation::in_security_context(reader, node, &at);
    SecurityContext {
        span: Some(reader.tree.span(node)),
        privileged: reader.boolean(node, "privileged", &at),
        allow_privilege_escalation: reader.boolean(node, "allowPrivilegeEscalation", &at),
        run_as_user: reader.integer(node, "runAsUser", &at),
        run_as_group: reader.integer(node, "runAsGroup", &at),
        run_as_non_root: reader.boolean(node, "runAsNonRoot", &at),
        read_only_root: reader.boolean(node, "readOnlyRootFilesystem", &at),
        seccomp: seccomp(reader, node, &at),
        capabilities: capabilities(reader, node, &at),
    }
}

fn capabilities(
    reader: &mut Reader<'_, '_>,
    security: NodeId,
    at: &At<'_>,
) -> Option<Capabilities> {
    let node = reader.map(security, "capabilities", at)?;
    let at = at.key("capabilities");
    let mut list = |key| {
        let value = reader.field(node, key)?;
        let span = reader.tree.span(value);
        Some(CapList { span, items: reader.texts(value, &at.key(key)) })
    };
    let (add, drop) = (list("add"), list("drop"));
    Some(Capabilities { span: reader.tree.span(node), add, drop })
}
