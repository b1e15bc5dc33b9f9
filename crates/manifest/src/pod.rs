//! A pod spec and its containers.

use crate::indentation;
use crate::kinds::{ContainerPlace, PodPlace, Step};
use crate::probe;
use crate::problem::ProblemKind;
use crate::reader::{At, Reader};
use crate::tree::{NodeId, NodeKind};
use crate::workload::{
    CapList, Capabilities, Container, ContainerList, Format, HostPath, Mount, Pod, Port,
    SecurityContext, Span, Spanned, Volume,
};

/// A pod of which nothing is known yet.
pub(crate) fn empty(span: Span) -> Pod {
    Pod {
        format: Format::Kubernetes,
        span,
        security: None,
        run_as_user: None,
        run_as_group: None,
        supplemental_groups: Vec::new(),
        group_names: Vec::new(),
        fs_group: None,
        run_as_non_root: None,
        seccomp: None,
        sysctls: Vec::new(),
        misplaced_capabilities: None,
        host_network: None,
        host_pid: None,
        host_ipc: None,
        host_users: None,
        share_process_namespace: None,
        host_aliases: false,
        runtime_class: None,
        os: None,
        host_paths: Vec::new(),
        volumes: Vec::new(),
        containers: Vec::new(),
    }
}

/// Reads what is at `node` as a pod; `object` is the object around it. `None` if it is no pod after
/// all: without containers in a kind that may be without.
pub(crate) fn read(
    reader: &mut Reader<'_, '_>,
    node: NodeId,
    at: &At<'_>,
    place: &PodPlace,
    (object, object_at): (NodeId, &At<'_>),
) -> Option<Pod> {
    let span = reader.tree.span(node);
    if place.is_pod_spec {
        indentation::in_pod_spec(reader, node, at);
        let mut pod = empty(span);
        fields(reader, node, at, &mut pod);
        pod.containers = containers(reader, node, at, place);
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
        return Some(pod);
    }
    let containers = containers(reader, node, at, place);
    if containers.is_empty() {
        return None;
    }
    let mut pod = Pod { containers, ..empty(span) };
    fields(reader, node, at, &mut pod);
    for way in &place.pod_fields {
        let mut more = empty(span);
        each(reader, object, object_at, way.steps(), 0, &mut |reader, node, _, at| {
            if let Some(node) = reader.mapping(node, at) {
                fields(reader, node, at, &mut more);
            }
        });
        inherit(&mut pod, more);
    }
    Some(pod)
}

/// The fields of a pod spec but for its containers.
fn fields(reader: &mut Reader<'_, '_>, node: NodeId, at: &At<'_>, pod: &mut Pod) {
    let volumes_at = at.key("volumes");
    for volume in reader.maps(node, "volumes", at) {
        let name = reader.string(volume, "name", &volumes_at);
        pod.volumes.push(Volume {
            name: name.as_ref().map(|name| name.value.clone()).unwrap_or_default(),
            kind: volume_kind(reader, volume),
            options: String::new(),
        });
        if let Some(host_path) = reader.map(volume, "hostPath", &volumes_at)
            && let Some(path) = reader.string(host_path, "path", &volumes_at.key("hostPath"))
        {
            let volume = name.map(|name| name.value).unwrap_or_default();
            pod.host_paths.push(HostPath { volume, path });
        }
    }
    pod.os = reader.map(node, "os", at).and_then(|os| reader.string(os, "name", &at.key("os")));
    pod.host_network = reader.boolean(node, "hostNetwork", at);
    pod.host_pid = reader.boolean(node, "hostPID", at);
    pod.host_ipc = reader.boolean(node, "hostIPC", at);
    pod.host_users = reader.boolean(node, "hostUsers", at);
    pod.share_process_namespace = reader.boolean(node, "shareProcessNamespace", at);
    pod.host_aliases = reader.tree.get(node, "hostAliases").is_some();
    pod.runtime_class = reader.string(node, "runtimeClassName", at);
    let Some(security) = reader.map(node, "securityContext", at) else { return };
    let at = at.key("securityContext");
    pod.security = Some(reader.tree.span(security));
    pod.run_as_user = reader.integer(security, "runAsUser", &at);
    pod.run_as_group = reader.integer(security, "runAsGroup", &at);
    pod.supplemental_groups = integers(reader, security, "supplementalGroups", &at);
    pod.fs_group = reader.integer(security, "fsGroup", &at);
    pod.run_as_non_root = reader.boolean(security, "runAsNonRoot", &at);
    pod.seccomp = seccomp(reader, security, &at);
    pod.sysctls = sysctls(reader, security, &at);
    let misplaced = reader.tree.get(security, "capabilities");
    pod.misplaced_capabilities = misplaced.map(|entry| reader.tree.span(entry.key));
}

/// Fields that the pod has none of, from around it; the security context as a whole.
fn inherit(pod: &mut Pod, more: Pod) {
    if pod.security.is_none() {
        pod.security = more.security;
        pod.run_as_user = more.run_as_user;
        pod.run_as_group = more.run_as_group;
        pod.supplemental_groups = more.supplemental_groups;
        pod.fs_group = more.fs_group;
        pod.run_as_non_root = more.run_as_non_root;
        pod.seccomp = more.seccomp;
        pod.sysctls = more.sysctls;
        pod.misplaced_capabilities = more.misplaced_capabilities;
    }
    pod.host_network = pod.host_network.or(more.host_network);
    pod.host_pid = pod.host_pid.or(more.host_pid);
    pod.host_ipc = pod.host_ipc.or(more.host_ipc);
    pod.host_users = pod.host_users.or(more.host_users);
    pod.share_process_namespace = pod.share_process_namespace.or(more.share_process_namespace);
    pod.runtime_class = pod.runtime_class.take().or(more.runtime_class);
    pod.os = pod.os.take().or(more.os);
    for volume in more.host_paths {
        if pod.host_paths.iter().all(|known| known.volume != volume.volume) {
            pod.host_paths.push(volume);
        }
    }
}

/// Calls `found` for everything that a way leads to: the value, and its index in the last list.
fn each(
    reader: &mut Reader<'_, '_>,
    node: NodeId,
    at: &At<'_>,
    steps: &[Step],
    index: usize,
    found: &mut dyn FnMut(&mut Reader<'_, '_>, NodeId, usize, &At<'_>),
) {
    let Some((step, rest)) = steps.split_first() else { return found(reader, node, index, at) };
    match step {
        Step::Key(key) => {
            let Some(map) = reader.mapping(node, at) else { return };
            if let Some(value) = reader.field(map, key) {
                each(reader, value, &at.key(key), rest, index, found);
            }
        }
        Step::Items => {
            for (index, item) in reader.items(node, at).into_iter().enumerate() {
                each(reader, item, &at.index(index), rest, index, found);
            }
        }
        Step::Values => {
            let Some(map) = reader.mapping(node, at) else { return };
            for (index, &(key, value)) in reader.tree.entries(map).iter().enumerate() {
                let name = reader.tree.text(key).unwrap_or_default();
                let value = reader.tree.resolve(value);
                each(reader, value, &at.key(name), rest, index, found);
            }
        }
    }
}

/// The key beside the volume's name.
fn volume_kind(reader: &Reader<'_, '_>, volume: NodeId) -> String {
    let keys = reader.tree.entries(volume).iter().filter_map(|&(key, _)| reader.tree.text(key));
    keys.filter(|key| *key != "name").map(str::to_owned).next().unwrap_or_default()
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
fn containers(
    reader: &mut Reader<'_, '_>,
    pod: NodeId,
    at: &At<'_>,
    place: &PodPlace,
) -> Vec<Container> {
    let mut containers = Vec::new();
    for (list, places) in [
        (ContainerList::InitContainers, &place.init_containers),
        (ContainerList::Containers, &place.containers),
        (ContainerList::EphemeralContainers, &place.ephemeral_containers),
    ] {
        for ContainerPlace { path, defaults } in places {
            let defaults = defaults.as_ref().and_then(|key| {
                let node = reader.map(pod, key, at)?;
                Some(container(reader, node, list, 0, &at.key(key)))
            });
            each(reader, pod, at, path.steps(), 0, &mut |reader, node, index, at| {
                let Some(node) = reader.mapping(node, at) else { return };
                let mut read = container(reader, node, list, index, at);
                if let Some(defaults) = &defaults {
                    complete(&mut read, defaults);
                }
                if read.name.is_empty() {
                    read.name.push_str(&place.unnamed);
                }
                containers.push(read);
            });
        }
    }
    // Most pods have one; room would be kept for four, of a kilobyte each.
    containers.shrink_to_fit();
    containers
}

/// Fields that a container has none of, from what stands for all of them; lists with names item by
/// item, all other lists as a whole, as a strategic merge patch does.
fn complete(container: &mut Container, defaults: &Container) {
    fn or<T: Clone>(own: &mut Option<T>, default: &Option<T>) {
        if own.is_none() {
            own.clone_from(default);
        }
    }
    or(&mut container.image, &defaults.image);
    or(&mut container.working_dir, &defaults.working_dir);
    for (own, default) in
        [(&mut container.command, &defaults.command), (&mut container.args, &defaults.args)]
    {
        if own.is_empty() {
            own.clone_from(default);
        }
    }
    for variable in &defaults.env {
        if container.env.iter().all(|(name, _)| *name != variable.0) {
            container.env.push(variable.clone());
        }
    }
    container.env_from.extend(defaults.env_from.iter().cloned());
    if container.hooks.is_empty() {
        container.hooks.clone_from(&defaults.hooks);
    }
    if container.probes.is_empty() {
        container.probes.clone_from(&defaults.probes);
    }
    container.ports.extend(defaults.ports.iter().cloned());
    container.writable_mounts.extend(defaults.writable_mounts.iter().cloned());
    container.mounts.extend(defaults.mounts.iter().cloned());
    let (own, default) = (&mut container.security, &defaults.security);
    or(&mut own.span, &default.span);
    or(&mut own.privileged, &default.privileged);
    or(&mut own.allow_privilege_escalation, &default.allow_privilege_escalation);
    or(&mut own.run_as_user, &default.run_as_user);
    or(&mut own.run_as_group, &default.run_as_group);
    or(&mut own.run_as_non_root, &default.run_as_non_root);
    or(&mut own.read_only_root, &default.read_only_root);
    or(&mut own.seccomp, &default.seccomp);
    match (&mut own.capabilities, &default.capabilities) {
        (Some(own), Some(default)) => {
            or(&mut own.add, &default.add);
            or(&mut own.drop, &default.drop);
        }
        (own, default) => or(own, default),
    }
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
    let ports = ports(reader, node, at);
    // What is wrong with these has nothing to do with capabilities.
    let problems = reader.problems.len();
    let probes = probe::of_container(reader, node, at, &ports);
    let hooks = probe::hooks(reader, node, at, &ports);
    let env_from = environment_from(reader, node, at);
    reader.problems.truncate(problems);
    Container {
        list,
        index,
        name_span: name.as_ref().map_or(span, |name| name.span),
        name: name.map(|name| name.value).unwrap_or_default(),
        span,
        image: reader.elsewhere(|r| r.string(node, "image", at)),
        command: words(reader.elsewhere(|r| r.strings(node, "command", at))),
        args: words(reader.elsewhere(|r| r.strings(node, "args", at))),
        command_unread: false,
        working_dir: reader.elsewhere(|r| r.string(node, "workingDir", at)),
        restart_policy: reader.string(node, "restartPolicy", at),
        env: reader.elsewhere(|reader| environment(reader, node, at)),
        env_from,
        env_files: Vec::new(),
        ports,
        probes,
        without_image_check: false,
        hooks,
        writable_mounts,
        mounts,
        security: security(reader, node, at),
        sets: None,
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

/// What of the environment is not in the manifest.
fn environment_from(reader: &mut Reader<'_, '_>, container: NodeId, at: &At<'_>) -> Vec<String> {
    let mut from = Vec::new();
    for map in reader.maps(container, "env", at) {
        if reader.field(map, "valueFrom").is_some()
            && let Some(name) = reader.string(map, "name", at)
        {
            from.push(name.value);
        }
    }
    if !reader.maps(container, "envFrom", at).is_empty() {
        from.push("envFrom".to_owned());
    }
    from
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
            // A name that is none is the API server's business.
            let name = reader.field(map, "name").and_then(|node| reader.tree.text(node));
            ports.push(Port { name: name.map(str::to_owned), container_port, protocol });
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
        let name = reader.string(map, "name", &at);
        let volume = name.as_ref().map(|name| name.value.clone()).unwrap_or_default();
        if let Some(name) = name
            && !read_only.is_some_and(|flag| flag.value)
        {
            writable.push(Spanned { value: name.value, span: reader.tree.span(map) });
        }
        if let Some(path) = reader.string(map, "mountPath", &at) {
            mounts.push(Mount { volume, path, read_only });
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
        user_name: None,
        group_name: None,
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
