//! What of a manifest's container an engine on this machine can do the same, and what it cannot.

use fit::zero::Words;
use image::{Engine, Image};
use launch::engine::{EmptyFolder, Volume};
use manifest::{Container, ContainerList, Format, Manifest, Mount, Workload};
use resolve::Resolved;

use super::{Error, Options, Remark, env_file};
use crate::expand::expand_in;
use crate::run_container::PlanError;

/// What was carried over.
pub(super) struct Carried {
    /// Options of the engine's `create`.
    pub(super) options: Vec<String>,
    /// Its volumes that are empty at first.
    pub(super) empty: Vec<EmptyFolder>,
    /// The container's command.
    pub(super) command: Vec<String>,
    pub(super) remarks: Vec<Remark>,
}

/// Everything but its capabilities and its image. `sysctls` are those of the runtime.
pub(super) fn over(
    manifest: &Manifest,
    workload: &Workload,
    container: &Container,
    resolved: &Resolved,
    own: &Options,
    sysctls: [(&str, &str); 2],
) -> Result<Carried, Error> {
    let mut options = Vec::new();
    let mut remarks = Vec::new();
    let mut warn = |text: String| remarks.push(Remark::Warning(text));
    let pod = &workload.pod;
    user(manifest, workload, container, resolved, &mut options)?;
    if resolved.request.no_new_privs {
        options.extend(["--security-opt".to_owned(), "no-new-privileges".to_owned()]);
    }
    if container.security.read_only_root.is_some_and(|flag| flag.value) {
        options.push("--read-only".to_owned());
        if own.engine == Engine::Podman {
            // Podman would make /tmp and others writable all the same.
            options.push("--read-only-tmpfs=false".to_owned());
        }
    }
    match container.security.seccomp.as_ref().or(pod.seccomp.as_ref()).map(|s| s.value.as_str()) {
        Some("Unconfined") => {
            options.extend(["--security-opt".to_owned(), "seccomp=unconfined".to_owned()]);
        }
        Some("Localhost") => {
            warn("its seccomp profile (Localhost): the engine's own is used".into())
        }
        _ => {}
    }
    environment(manifest, workload, container, &mut options, &mut warn);
    if let Some(folder) = &container.working_dir {
        options.extend(["--workdir".to_owned(), folder.value.clone()]);
    }
    for (name, value) in sysctls {
        options.extend(["--sysctl".to_owned(), format!("{name}={value}")]);
    }
    for sysctl in &pod.sysctls {
        let (name, value) = &sysctl.value;
        options.extend(["--sysctl".to_owned(), format!("{}={value}", name.replace('/', "."))]);
    }
    let empty = volumes(workload, container, &own.arguments, &mut warn);
    options.extend(tmpfs(workload, container, &own.arguments));
    for (set, what) in [
        (pod.host_network, "hostNetwork: it has a network of its own here"),
        (pod.host_pid, "hostPID: it sees its own processes only here"),
        (pod.host_ipc, "hostIPC: it has its own IPC here"),
        (pod.share_process_namespace, "shareProcessNamespace: it sees its own processes only here"),
    ] {
        if set.is_some_and(|flag| flag.value) {
            warn(what.to_owned());
        }
    }
    if pod.host_aliases {
        warn("hostAliases: these names are not known here".to_owned());
    }
    if resolved.context.user_namespace.is_some() {
        warn("hostUsers: false: it has no user namespace of its own here".to_owned());
    }
    let others = pod.containers.iter().filter(|other| {
        other.name != container.name && other.list != ContainerList::EphemeralContainers
    });
    let others: Vec<&str> = others.map(|other| other.name.as_str()).collect();
    if !others.is_empty() {
        warn(format!("the pod's other containers do not run here: {}", others.join(", ")));
    }
    for name in pod.group_names.iter().filter(|name| name.value.contains('$')) {
        warn(format!("group_add {}: it is not known here (a variable is in it)", name.value));
    }
    if container.command_unread {
        warn("its command is not known here (a variable is in it): the image's is used".to_owned());
    }
    let command = command(workload, container, &mut options);
    Ok(Carried { options, empty, command, remarks })
}

/// `--env` for what has a value; what has none is named.
fn environment(
    manifest: &Manifest,
    workload: &Workload,
    container: &Container,
    options: &mut Vec<String>,
    warn: &mut impl FnMut(String),
) {
    let (mut set, mut elsewhere) = (Vec::new(), Vec::new());
    for file in &container.env_files {
        match env_file::read(file, manifest.source.path()) {
            Ok(said) => {
                // The last file counts, and the manifest before all of them.
                let again = |name: &String| {
                    said.set.iter().any(|(known, _)| known == name) || said.elsewhere.contains(name)
                };
                set.retain(|(name, _)| !again(name));
                elsewhere.retain(|name| !again(name));
                set.extend(said.set);
                elsewhere.extend(said.elsewhere);
            }
            Err(why) => warn(why),
        }
    }
    let written = |name: &String| {
        container.env.iter().any(|(known, _)| known == name) || container.env_from.contains(name)
    };
    set.retain(|(name, _)| !written(name));
    elsewhere.retain(|name| !written(name));
    let (own, format) = (container.env.iter(), workload.pod.format);
    set.extend(own.map(|(name, value)| (name.clone(), expand_in(format, value, &container.env))));
    options.extend(
        set.iter().flat_map(|(name, value)| ["--env".to_owned(), format!("{name}={value}")]),
    );
    for name in container.env_from.iter().chain(&elsewhere) {
        warn(match name.as_str() {
            "envFrom" => "envFrom: these variables are not set here".to_owned(),
            name => format!("env {name}: its value is not in the manifest, it is not set here"),
        });
    }
}

/// `--user` and `--group-add`.
fn user(
    manifest: &Manifest,
    workload: &Workload,
    container: &Container,
    resolved: &Resolved,
    options: &mut Vec<String>,
) -> Result<(), Error> {
    let id = |field, span, value: i64| -> Result<i64, Error> {
        let wrong = || PlanError::Id { file: manifest.source.locate(span), field, value };
        Ok(i32::try_from(value).ok().filter(|id| *id >= 0).map(i64::from).ok_or_else(wrong)?)
    };
    let user = match (&container.security.user_name, resolved.context.run_as_user) {
        (Some(name), _) => name.value.clone(),
        (None, Some(user)) => id("runAsUser", user.span, user.value)?.to_string(),
        (None, None) => String::new(),
    };
    let group = match resolved.context.run_as_group {
        Some(group) => format!(":{}", id("runAsGroup", group.span, group.value)?),
        None => {
            let name = container.security.group_name.as_ref();
            name.map(|name| format!(":{}", name.value)).unwrap_or_default()
        }
    };
    match (user.as_str(), group.as_str()) {
        ("", "") => {}
        // Whoever the image says, in another group: engines want a name before it.
        ("", group) => {
            let user = resolved.context.uid().unwrap_or(0);
            options.extend(["--user".to_owned(), format!("{user}{group}")]);
        }
        (user, group) => options.extend(["--user".to_owned(), format!("{user}{group}")]),
    }
    let pod = &workload.pod;
    for group in &pod.supplemental_groups {
        let group = id("supplementalGroups", group.span, group.value)?;
        options.extend(["--group-add".to_owned(), group.to_string()]);
    }
    // The engine asks the image, as Compose has it done; what a variable stands for nobody knows.
    for name in pod.group_names.iter().filter(|name| !name.value.contains('$')) {
        options.extend(["--group-add".to_owned(), name.value.clone()]);
    }
    if let Some(group) = pod.fs_group {
        let group = id("fsGroup", group.span, group.value)?;
        options.extend(["--group-add".to_owned(), group.to_string()]);
    }
    Ok(())
}

/// An emptyDir is an empty folder that everybody may write to, a new volume claim one that root may; nothing
/// else can be had here. Where a person's own options mount something, that is there.
fn volumes(
    workload: &Workload,
    container: &Container,
    arguments: &[String],
    warn: &mut impl FnMut(String),
) -> Vec<EmptyFolder> {
    let pod = &workload.pod;
    let own = mounted(arguments);
    let group = pod.fs_group.and_then(|group| u32::try_from(group.value).ok());
    let mut empty = Vec::new();
    for mount in container.mounts.iter().filter(|mount| !own.contains(&mount.path.value)) {
        let (path, name) = (&mount.path.value, &mount.volume);
        let kind = kind(workload, mount);
        let mut folder = |volume| empty.push(EmptyFolder { path: path.clone(), group, volume });
        match kind {
            Some("emptyDir") => folder(Volume::EmptyDir),
            Some(CLAIM) => {
                folder(Volume::Claim);
                warn(format!(
                    "volume {name} at {path} is empty here, and root's, as one that is new; to have one with \
                     data: --engine-args '-v FOLDER:{path}:O'"
                ));
            }
            Some("") | None if pod.format == Format::Kubernetes => {
                warn(format!("volume {name} at {path} is not there here"));
            }
            Some(TMPFS) => {}
            Some(kind) => warn(format!("volume {name} ({kind}) at {path} is not there here")),
            None => warn(format!("the volume at {path} is not there here")),
        }
    }
    empty
}

/// A `tmpfs` of Compose: the engine has the same words for it.
const TMPFS: &str = "tmpfs";

/// `--tmpfs`, but where a person's own options mount something.
fn tmpfs(workload: &Workload, container: &Container, arguments: &[String]) -> Vec<String> {
    let own = mounted(arguments);
    let mounts = container.mounts.iter().filter(|mount| !own.contains(&mount.path.value));
    let option = |mount: &Mount| {
        let volume = workload.pod.volumes.iter().find(|volume| volume.name == mount.volume)?;
        let is_one = volume.kind == TMPFS;
        let path = &mount.path.value;
        is_one.then(|| match volume.options.as_str() {
            "" => path.clone(),
            options => format!("{path}:{options}"),
        })
    };
    mounts.filter_map(option).flat_map(|option| ["--tmpfs".to_owned(), option]).collect()
}

/// Volumes that somebody else makes, and that stay.
const CLAIM: &str = "persistentVolumeClaim";

/// What kind of volume is mounted there.
fn kind<'w>(workload: &'w Workload, mount: &Mount) -> Option<&'w str> {
    let known = workload.pod.volumes.iter().find(|volume| volume.name == mount.volume);
    let writable = !mount.read_only.is_some_and(|flag| flag.value);
    match known.map(|volume| volume.kind.as_str()) {
        // A claim that the pod makes itself, and one of a StatefulSet's `volumeClaimTemplates`.
        Some("ephemeral") if writable => Some(CLAIM),
        None if workload.kind == "StatefulSet" && writable => Some(CLAIM),
        // Who may only read it wants what is in it.
        Some(CLAIM) if !writable => Some("persistentVolumeClaim, read-only"),
        kind => kind,
    }
}

/// Where volume claims are mounted.
pub(super) fn claims(
    workload: &Workload,
    container: &Container,
    arguments: &[String],
) -> Vec<String> {
    let own = mounted(arguments);
    let mounts = container.mounts.iter().filter(|mount| !own.contains(&mount.path.value));
    let claims = mounts.filter(|mount| kind(workload, mount) == Some(CLAIM));
    claims.map(|mount| mount.path.value.clone()).collect()
}

/// Kubernetes' `command` stands for ENTRYPOINT and takes CMD away, `args` stands for CMD; Compose's
/// `entrypoint` and `command` do the same.
fn command(workload: &Workload, container: &Container, options: &mut Vec<String>) -> Vec<String> {
    let expanded = |word: &String| expand_in(workload.pod.format, word, &container.env);
    let args = container.args.iter().map(expanded);
    match container.command.split_first() {
        Some((first, rest)) => {
            options.extend(["--entrypoint".to_owned(), expanded(first)]);
            rest.iter().map(expanded).chain(args).collect()
        }
        None => args.collect(),
    }
}

/// A volume keeps what a run wrote, for the next one.
pub(super) fn remark_volumes(arguments: &[String], engine: Engine) -> Vec<Remark> {
    let mut volumes = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let value = match word.as_str() {
            "-v" | "--volume" | "--mount" => words.next().map(String::as_str),
            word => word.strip_prefix("--volume=").or_else(|| word.strip_prefix("--mount=")),
        };
        let Some(value) = value else { continue };
        let fresh = ["ro", "O", "readonly", "readonly=true", "type=tmpfs"];
        let is_fresh = value.split([',', ':']).any(|part| fresh.contains(&part));
        // Without a colon it is an anonymous volume, new for each container.
        if !is_fresh && (value.contains(':') || value.contains('=')) {
            volumes.push(value.to_owned());
        }
    }
    let how = if engine == Engine::Podman { "`:O` or `:ro`" } else { "`:ro`" };
    let remark = |volume| {
        Remark::Warning(format!(
            "volume {volume} keeps what a run wrote, so that what is done once (a chown at the first \
             start) is not needed in the next run, and is not found; write {how} behind it"
        ))
    };
    volumes.into_iter().map(remark).collect()
}

/// What it is started with: `command` stands for ENTRYPOINT and takes CMD away, `args` stands for CMD.
pub(super) fn words(image: &Image, container: Option<&Container>, options: &Options) -> Words {
    let (own, own_args) = container.map_or((&[][..], &[][..]), |one| (&one.command, &one.args));
    let either = |one: &[String], other: &[String]| match one.is_empty() {
        true => other.to_vec(),
        false => one.to_vec(),
    };
    let cmd: &[String] = if own.is_empty() { &image.cmd } else { &[] };
    Words {
        command: either(own, &image.entrypoint),
        args: either(&options.command, &either(own_args, cmd)),
        env: container.map(|one| one.env.clone()).unwrap_or_default(),
    }
}

/// Where a person's own options mount something.
pub(super) fn mounted(arguments: &[String]) -> Vec<String> {
    let of = |option: &str, value: &str| {
        if option == "--mount" {
            let keys = ["dst=", "destination=", "target="];
            let mut parts = value.split(',');
            return parts
                .find_map(|part| keys.iter().find_map(|key| part.strip_prefix(key)))
                .map(str::to_owned);
        }
        // `SOURCE:PATH:OPTIONS`, `PATH`; a tmpfs has no source.
        let mut parts = value.split(':');
        let first = parts.next()?;
        let path = if option == "--tmpfs" { first } else { parts.next().unwrap_or(first) };
        Some(path.to_owned())
    };
    let options = [
        ("-v", "--volume"),
        ("--volume", "--volume"),
        ("--mount", "--mount"),
        ("--tmpfs", "--tmpfs"),
    ];
    values(arguments, &options)
        .into_iter()
        .filter_map(|(option, value)| of(option, value))
        .collect()
}

/// Whether it has a network of its own, as far as a person's own options decide that.
pub(super) fn has_own_network(arguments: &[String]) -> bool {
    let options = [("--network", "--network"), ("--net", "--network")];
    let values = values(arguments, &options);
    values.last().is_none_or(|(_, value)| *value != "host" && !value.starts_with("container:"))
}

/// The values of options, `--name value` or `--name=value`, each under the name it has here.
fn values<'a>(
    arguments: &'a [String],
    options: &[(&str, &'static str)],
) -> Vec<(&'static str, &'a str)> {
    let mut found = Vec::new();
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        for (option, name) in options {
            let value = match word.strip_prefix(option) {
                Some("") => words.next(),
                Some(rest) => rest.strip_prefix('='),
                None => None,
            };
            if let Some(value) = value {
                found.push((*name, value));
                break;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_something_is_mounted_and_whose_network_it_is_options_say() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let text =
            "-v /srv:/a:ro --volume=/b --mount type=tmpfs,dst=/c --tmpfs /d:mode=0777 --tmpfs=/e";
        assert_eq!(mounted(&words(text)), ["/a", "/b", "/c", "/d", "/e"]);
        assert_eq!(mounted(&words("--network none --user 1:2")), Vec::<String>::new());
        assert!(has_own_network(&words("--network none")) && has_own_network(&[]));
        assert!(!has_own_network(&words("--net=host")));
        assert!(!has_own_network(&words("--network container:web")));
    }

    #[test]
    fn a_group_by_name_is_the_engines_to_look_up() {
        let text = "services:\n  web:\n    image: web\n    group_add: [33, video, '${G}']\n";
        let manifest = manifest::parse("compose.yaml", text);
        let (workload, container) = manifest.containers().next().expect("a service");
        let docker = runtime::Runtime::new(runtime::Engine::Docker);
        let resolved = resolve::container(&workload.pod, container, &docker);
        let mut options = Vec::new();
        user(&manifest, workload, container, &resolved, &mut options).expect("IDs of processes");
        assert_eq!(options, ["--group-add", "33", "--group-add", "video"]);
        let text = "services: { web: { image: web, user: '33:www-data' } }\n";
        let manifest = manifest::parse("compose.yaml", text);
        let (workload, container) = manifest.containers().next().expect("a service");
        let resolved = resolve::container(&workload.pod, container, &docker);
        let mut options = Vec::new();
        user(&manifest, workload, container, &resolved, &mut options).expect("IDs of processes");
        assert_eq!(options, ["--user", "33:www-data"]);
    }

    #[test]
    fn a_tmpfs_of_compose_is_one_of_the_engine() {
        let text = "services:\n  web:\n    image: web\n    volumes: [/data]\n    tmpfs: [/run, \
                    '/srv:mode=0777', /own]\n";
        let manifest = manifest::parse("compose.yaml", text);
        let (workload, container) = manifest.containers().next().expect("a service");
        let own = ["--tmpfs".to_owned(), "/own".to_owned()];
        let expected = ["--tmpfs", "/run", "--tmpfs", "/srv:mode=0777"];
        assert_eq!(tmpfs(workload, container, &own), expected);
        let mut said = Vec::new();
        let empty = volumes(workload, container, &own, &mut |text| said.push(text));
        assert_eq!(
            (empty, said),
            (Vec::new(), vec!["the volume at /data is not there here".to_owned()])
        );
    }

    #[test]
    fn a_volume_that_outlives_a_run_is_said() {
        let count = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            remark_volumes(&words, Engine::Podman).len()
        };
        assert_eq!(count(&["-v", "data:/data"]), 1);
        assert_eq!(count(&["--volume=/srv:/srv", "--mount", "type=bind,src=/a,dst=/b"]), 2);
        assert_eq!(count(&["-v", "/srv:/srv:ro", "-v", "/data", "-v", "data:/data:O"]), 0);
        assert_eq!(count(&["--mount", "type=tmpfs,dst=/x", "--network", "none"]), 0);
    }
}
