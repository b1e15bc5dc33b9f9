//! A case as a person would write it down.

use serde_json::{Map, Value, json};

use crate::cases::{Case, Lists, User, entrypoint};

/// A Kubernetes pod; JSON is YAML.
fn pod(case: &Case) -> Value {
    let mut security = Map::new();
    let lists = [("add", &case.add), ("drop", &case.drop)];
    let lists =
        lists.iter().filter_map(|(name, list)| Some(((*name).to_owned(), json!(list.as_ref()?))));
    let lists: Map<String, Value> = lists.collect();
    if !lists.is_empty() {
        security.insert("capabilities".to_owned(), lists.into());
    }
    if case.privileged {
        security.insert("privileged".to_owned(), true.into());
    }
    if case.no_new_privs {
        security.insert("allowPrivilegeEscalation".to_owned(), false.into());
    }
    if let Some(uid) = case.user.uid() {
        security.insert("runAsUser".to_owned(), uid.into());
    }
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": case.name },
        "spec": { "containers": [{
            "name": "c",
            "image": "status",
            "command": [entrypoint(case.file.as_deref())],
            "securityContext": security,
        }] },
    })
}

/// All of them, a document each.
pub fn kubernetes(cases: &[&Case]) -> String {
    cases.iter().map(|case| format!("---\n{}\n", pod(case))).collect()
}

/// A Compose file with a service each.
pub fn compose(cases: &[&Case]) -> String {
    let service = |case: &&Case| {
        let mut service = Map::new();
        service.insert("image".to_owned(), "status".into());
        service.insert("entrypoint".to_owned(), json!([entrypoint(case.file.as_deref())]));
        for (name, list) in [("cap_add", &case.add), ("cap_drop", &case.drop)] {
            if let Some(list) = list {
                service.insert(name.to_owned(), json!(list));
            }
        }
        if case.privileged {
            service.insert("privileged".to_owned(), true.into());
        }
        if case.no_new_privs {
            service.insert("security_opt".to_owned(), json!(["no-new-privileges:true"]));
        }
        if let Some(uid) = case.user.uid() {
            service.insert("user".to_owned(), uid.to_string().into());
        }
        (case.name.clone(), Value::from(service))
    };
    json!({ "services": cases.iter().map(service).collect::<Map<_, _>>() }).to_string()
}

/// The `config.json` of a bundle.
pub fn config(
    name: &str,
    lists: &Lists,
    user: User,
    no_new_privs: bool,
    file: Option<&str>,
) -> Value {
    let uid = user.uid().unwrap_or_default();
    json!({
        "ociVersion": "1.0.2",
        "hostname": name,
        "process": {
            "user": { "uid": uid, "gid": uid },
            "args": [entrypoint(file)],
            "env": ["PATH=/bin"],
            "cwd": "/",
            "noNewPrivileges": no_new_privs,
            "capabilities": lists,
        },
        "root": { "path": "rootfs" },
        "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }],
        "linux": { "namespaces": [
            { "type": "pid" }, { "type": "mount" }, { "type": "network" }, { "type": "ipc" }, { "type": "uts" },
        ] },
    })
}
