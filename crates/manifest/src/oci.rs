//! The `config.json` of an OCI bundle (runtime-spec 1.2, `config.md` and `config-linux.md`): the
//! five sets are written out, and `add` and `drop` do not exist.

use crate::pod;
use crate::reader::{At, Reader};
use crate::tree::{NodeId, Tree};
use crate::workload::{
    CapList, Capabilities, Container, ContainerList, Format, HostPath, Mount, Pod, SecurityContext,
    SetLists, Spanned, Workload,
};

/// What a bundle is called as a kind.
const KIND: &str = "OciBundle";
/// Where containerd's CRI and CRI-O write the container's name.
const NAMES: [&str; 2] = ["io.kubernetes.cri.container-name", "io.kubernetes.container.name"];

/// Whether this is such a file: it has to say which version of the specification it follows.
pub(crate) fn is_one(tree: &Tree<'_>, root: NodeId) -> bool {
    tree.get(root, "ociVersion").is_some_and(|entry| tree.text(entry.value).is_some())
}

/// Reads it; without `process` there is nothing to start.
pub(crate) fn read(reader: &mut Reader<'_, '_>, root: NodeId, workloads: &mut Vec<Workload>) {
    let top = &At::ROOT;
    let Some(process) = reader.map(root, "process", top) else { return };
    let at = top.key("process");
    let before = reader.problems.len();
    let version = reader.string(root, "ociVersion", top).map(|version| version.value);
    let host = reader.string(root, "hostname", top);
    let annotations = reader.map(root, "annotations", top);
    let name =
        NAMES.iter().find_map(|key| reader.string(annotations?, key, &top.key("annotations")));
    let span = reader.tree.span(root);
    let mut pod = Pod { format: Format::Oci, ..pod::empty(span) };
    linux(reader, root, &mut pod);
    let (host_paths, writable_mounts, mounts) = mounts(reader, root);
    pod.host_paths = host_paths;
    let process_span = reader.tree.span(process);
    let words = |words: Vec<Spanned<String>>| words.into_iter().map(|word| word.value).collect();
    let no_new_privs = reader.boolean(process, "noNewPrivileges", &at);
    let user = reader.map(process, "user", &at);
    let user_at = at.key("user");
    // Go's zero value: a user that is not written is root.
    let uid = user.and_then(|user| reader.integer(user, "uid", &user_at));
    let uid = uid.unwrap_or(Spanned {
        value: 0,
        span: user.map_or(process_span, |user| reader.tree.span(user)),
    });
    let root_fs = reader.map(root, "root", top);
    let container = Container {
        list: ContainerList::Containers,
        index: 0,
        name_span: name.as_ref().map_or(process_span, |name| name.span),
        name: name.map(|name| name.value).unwrap_or_default(),
        span: process_span,
        image: None,
        command: words(reader.strings(process, "args", &at)),
        args: Vec::new(),
        command_unread: false,
        working_dir: reader.string(process, "cwd", &at),
        restart_policy: None,
        env: environment(reader, process, &at),
        env_from: Vec::new(),
        env_files: Vec::new(),
        ports: Vec::new(),
        probes: Vec::new(),
        without_image_check: false,
        hooks: Vec::new(),
        writable_mounts,
        mounts,
        security: SecurityContext {
            allow_privilege_escalation: no_new_privs
                .map(|flag| Spanned { value: !flag.value, span: flag.span }),
            run_as_user: Some(uid),
            run_as_group: user.and_then(|user| reader.integer(user, "gid", &user_at)),
            read_only_root: root_fs.and_then(|fs| reader.boolean(fs, "readonly", &top.key("root"))),
            ..SecurityContext::default()
        },
        sets: None,
    };
    let mut container = container;
    (container.security.capabilities, container.sets) = sets(reader, process, &at);
    pod.containers.push(container);
    if reader.problems[before..].iter().all(|problem| problem.kind.is_readable()) {
        workloads.push(Workload {
            kind: KIND.to_owned(),
            api_version: version.unwrap_or_default(),
            name: host.map(|host| host.value).unwrap_or_default(),
            namespace: None,
            document: reader.document,
            span,
            pod,
        });
    }
}

/// The bounding set as a list, and the four others. Without `capabilities` all are empty.
fn sets(
    reader: &mut Reader<'_, '_>,
    process: NodeId,
    at: &At<'_>,
) -> (Option<Capabilities>, Option<SetLists>) {
    let Some(node) = reader.map(process, "capabilities", at) else {
        return (None, Some(SetLists::default()));
    };
    let at = at.key("capabilities");
    let span = reader.tree.span(node);
    let add = reader.field(node, "bounding").map(|list| CapList {
        span: reader.tree.span(list),
        items: reader.texts(list, &at.key("bounding")),
    });
    let sets = SetLists {
        effective: reader.strings(node, "effective", &at),
        permitted: reader.strings(node, "permitted", &at),
        inheritable: reader.strings(node, "inheritable", &at),
        ambient: reader.strings(node, "ambient", &at),
    };
    (Some(Capabilities { span, add, drop: None }), Some(sets))
}

fn environment(reader: &mut Reader<'_, '_>, process: NodeId, at: &At<'_>) -> Vec<(String, String)> {
    let variables = reader.strings(process, "env", at).into_iter();
    let pairs = variables.filter_map(|variable| {
        let (name, value) = variable.value.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    pairs.collect()
}

/// Namespaces, sysctls, and whether it is a container of Linux at all.
fn linux(reader: &mut Reader<'_, '_>, root: NodeId, pod: &mut Pod) {
    let top = &At::ROOT;
    let Some(linux) = reader.map(root, "linux", top) else {
        if let Some(windows) = reader.tree.get(root, "windows") {
            let span = reader.tree.span(windows.key);
            pod.os = Some(Spanned { value: "windows".to_owned(), span });
        }
        return;
    };
    let at = top.key("linux");
    let span = reader.tree.get(linux, "namespaces").map_or(linux, |entry| entry.key);
    let span = reader.tree.span(span);
    let mut kinds = Vec::new();
    for namespace in reader.maps(linux, "namespaces", &at) {
        kinds.extend(reader.string(namespace, "type", &at.key("namespaces")));
    }
    // A type that is not in the list is the runtime's own, which is the host's.
    let shared = |kind: &str| {
        let value = kinds.iter().all(|known| known.value != kind);
        value.then_some(Spanned { value, span })
    };
    (pod.host_network, pod.host_pid, pod.host_ipc) =
        (shared("network"), shared("pid"), shared("ipc"));
    let user = kinds.iter().find(|known| known.value == "user");
    pod.host_users = user.map(|user| Spanned { value: false, span: user.span });
    if let Some(sysctls) = reader.map(linux, "sysctl", &at) {
        let at = at.key("sysctl");
        for &(key, _) in reader.tree.entries(sysctls) {
            let Some(name) = reader.tree.text(key) else { continue };
            if let Some(value) = reader.string(sysctls, name, &at) {
                let value = (name.to_owned(), value.value);
                pod.sysctls.push(Spanned { value, span: reader.tree.span(key) });
            }
        }
    }
}

/// Folders of the host, where they are mounted writable, and all mounts.
fn mounts(
    reader: &mut Reader<'_, '_>,
    root: NodeId,
) -> (Vec<HostPath>, Vec<Spanned<String>>, Vec<Mount>) {
    let (mut host_paths, mut writable, mut mounts) = (Vec::new(), Vec::new(), Vec::new());
    let at = At::ROOT.key("mounts");
    for (index, mount) in reader.maps(root, "mounts", &At::ROOT).into_iter().enumerate() {
        let at = at.index(index);
        let span = reader.tree.span(mount);
        let options = reader.strings(mount, "options", &at);
        let has = |words: &[&str]| options.iter().any(|o| words.contains(&o.value.as_str()));
        let read_only = has(&["ro", "rro"]);
        if let Some(path) = reader.string(mount, "destination", &at) {
            mounts.push(Mount {
                volume: String::new(),
                path,
                read_only: Some(Spanned { value: read_only, span }),
            });
        }
        let kind = reader.string(mount, "type", &at);
        let is_bind = kind.is_some_and(|kind| kind.value == "bind") || has(&["bind", "rbind"]);
        if let Some(path) = reader.string(mount, "source", &at).filter(|_| is_bind) {
            let volume = index.to_string();
            if !read_only {
                writable.push(Spanned { value: volume.clone(), span });
            }
            host_paths.push(HostPath { volume, path });
        }
    }
    (host_paths, writable, mounts)
}
