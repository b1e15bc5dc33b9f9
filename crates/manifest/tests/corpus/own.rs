//! The corpus of our own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use dropcap_manifest::{Content, Format, Manifest, Spanned, Workload, load, read};

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus")
}

/// File by file, what `expected.txt` says.
fn expected() -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(folder().join("expected.txt")).unwrap();
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut last = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(row) = line.strip_prefix("  ") {
            files.get_mut(&last).unwrap().push(row.to_owned());
        } else {
            let (name, head) = line.split_once(':').unwrap();
            last = name.to_owned();
            let known = files.insert(last.clone(), vec![head.trim().to_owned()]);
            assert_eq!(known, None, "{name} is there twice");
        }
    }
    files
}

/// Every file below a folder, by its path from there.
pub fn files(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path(), &format!("{name}/"), found);
        } else {
            found.push(name);
        }
    }
}

#[test]
fn every_file_is_read_as_the_table_says() {
    let expected = expected();
    let mut names = Vec::new();
    files(&folder(), "", &mut names);
    names.retain(|name| name != "expected.txt");
    names.sort();
    assert!(names.len() >= 100, "{} files", names.len());
    assert_eq!(names, expected.keys().cloned().collect::<Vec<_>>());
    let mut wrong = Vec::new();
    for (name, rows) in &expected {
        let read = match read(folder().join(name)) {
            Ok(manifest) => rows_of(&manifest),
            Err(_) => vec!["unreadable".to_owned()],
        };
        if read != *rows {
            wrong.push(format!("{name}\n  read:     {read:#?}\n  expected: {rows:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_folder_comes_out_in_the_same_order_each_time() {
    let names = || -> Vec<String> {
        let loaded = load([folder()]);
        let mut all: Vec<_> = loaded.manifests.iter().map(|m| m.source.name().to_owned()).collect();
        all.extend(loaded.failed.iter().map(|error| error.name().to_owned()));
        all
    };
    let first = names();
    let mut sorted = first[..first.len() - 3].to_vec();
    sorted.sort_by(|a, b| Path::new(a).cmp(Path::new(b)));
    assert_eq!(first.len(), expected().len());
    assert_eq!(first[..first.len() - 3], sorted);
    for _ in 0..5 {
        assert_eq!(names(), first);
    }
}

/// As the table has it.
fn rows_of(manifest: &Manifest) -> Vec<String> {
    let mut head: Vec<String> = manifest
        .documents
        .iter()
        .map(|document| match document.content {
            Content::Empty => "empty",
            Content::Workloads(_) => "workloads",
            Content::Other => "other",
            Content::NotKubernetes => "nothing",
            Content::Template => "template",
            Content::Broken => "broken",
        })
        .map(str::to_owned)
        .collect();
    head.extend(
        manifest
            .problems
            .iter()
            .map(|problem| format!("!{}", manifest.source.position(problem.span.start).line)),
    );
    let mut rows = vec![head.join(" ")];
    rows.extend(manifest.workloads.iter().flat_map(containers));
    rows
}

fn containers(workload: &Workload) -> Vec<String> {
    let pod = &workload.pod;
    let on = |flag: &Option<Spanned<bool>>| flag.is_some_and(|flag| flag.value);
    let row = |container: &dropcap_manifest::Container| {
        let security = &container.security;
        let mut words = vec![
            format!("{}/{}", workload.kind, workload.name),
            format!("{}/{}", container.list.key(), container.name),
        ];
        let mut push = |yes: bool, word: &str| words.extend(yes.then(|| word.to_owned()));
        let uid = security.run_as_user.or(pod.run_as_user);
        if let Some(uid) = uid {
            push(true, &format!("uid={}", uid.value));
        } else {
            push(on(&security.run_as_non_root.or(pod.run_as_non_root)), "not_root");
        }
        let allow = security.allow_privilege_escalation;
        push(allow.is_some_and(|allow| !allow.value), "no_new_privs");
        push(on(&security.privileged), "privileged");
        push(container.restart_policy.as_ref().is_some_and(|p| p.value == "Always"), "sidecar");
        push(on(&pod.host_network), "host_network");
        push(on(&pod.host_pid), "host_pid");
        push(on(&pod.host_ipc), "host_ipc");
        push(pod.host_users.is_some_and(|host| !host.value), "own_users");
        for mount in &container.writable_mounts {
            let path = pod.host_paths.iter().find(|path| path.volume == mount.value);
            push(path.is_some(), &format!("host_path={}", path.map_or("", |p| &p.path.value)));
        }
        for sysctl in &pod.sysctls {
            push(true, &format!("sysctl={}:{}", sysctl.value.0, sysctl.value.1));
        }
        push(pod.os.as_ref().is_some_and(|os| os.value == "windows"), "windows");
        let seccomp = security.seccomp.as_ref().or(pod.seccomp.as_ref());
        push(seccomp.is_some(), &format!("seccomp={}", seccomp.map_or("", |s| &s.value)));
        push(pod.misplaced_capabilities.is_some(), "pod_capabilities");
        let sets = container.sets.iter().flat_map(|sets| {
            [
                ("effective", &sets.effective),
                ("permitted", &sets.permitted),
                ("inheritable", &sets.inheritable),
                ("ambient", &sets.ambient),
            ]
        });
        let sets: Vec<_> = sets.filter(|(_, names)| !names.is_empty()).collect();
        push(container.sets.is_some() && sets.is_empty(), "sets");
        assert_eq!(container.sets.is_some(), pod.format == Format::Oci);
        let mut list = |key: &str, items: &[Spanned<String>]| {
            let names: Vec<_> = items.iter().map(|item| item.value.as_str()).collect();
            words.push(format!("{key}={}", names.join(",")));
        };
        if let Some(capabilities) = &security.capabilities {
            capabilities.drop.iter().for_each(|drop| list("drop", &drop.items));
            capabilities.add.iter().for_each(|add| list("add", &add.items));
        }
        sets.iter().for_each(|(key, names)| list(key, names));
        words.join(" ")
    };
    pod.containers.iter().map(row).collect()
}
