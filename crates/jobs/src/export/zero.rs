//! The changes with which a container needs no capability, in the form that a person applies: a strategic
//! merge patch of its workload, a pod spec where there is none, an override file of Compose.
//!
//! In a strategic merge containers and volumes are found by their names and mounts by their paths; sysctls
//! are replaced whole (k8s.io/api core/v1 types.go: `listType=atomic`), so that those of the pod stand in it
//! again.

mod compose;
mod pod;
mod port;

use caps::CapSet;
use manifest::{Container, Format, Workload};
use record::zero::{Change, Tried, Zero};

use super::comments::{comment, scalar};
use super::k8s::built_in;

/// The longest name of a volume: a DNS label, RFC 1123.
const NAME: usize = 63;

/// Where a patch goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZeroPlace {
    form: Form,
    /// The container, or the service of Compose.
    container: String,
    /// The list it is in.
    list: &'static str,
    /// Sysctls that its pod has.
    sysctls: Vec<(String, String)>,
    /// Names of volumes that its pod has.
    volumes: Vec<String>,
    /// Whether other containers are in the pod.
    shared: bool,
    /// The container as its manifest has it.
    own: Option<Container>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// A workload of Kubernetes itself.
    Patch {
        api_version: String,
        kind: String,
        name: String,
        namespace: Option<String>,
        /// The keys down to the pod spec.
        path: Vec<String>,
    },
    /// Nobody knows which workload it will be, or it is of a kind that is not merged by name.
    PodSpec,
    Compose,
}

impl ZeroPlace {
    /// For an image: a pod spec of one container.
    #[must_use]
    pub fn of_image(title: &str) -> Self {
        Self {
            form: Form::PodSpec,
            container: title.to_owned(),
            list: "containers",
            sysctls: Vec::new(),
            volumes: Vec::new(),
            shared: false,
            own: None,
        }
    }

    /// For a container of a manifest.
    #[must_use]
    pub fn of_container(workload: &Workload, container: &Container) -> Self {
        let pod = &workload.pod;
        let form = match (pod.format, built_in(&workload.kind)) {
            (Format::Compose, _) => Form::Compose,
            (Format::Kubernetes, Some((api_version, path))) if is_name(&workload.name) => {
                Form::Patch {
                    api_version,
                    kind: workload.kind.clone(),
                    name: workload.name.clone(),
                    namespace: workload.namespace.clone(),
                    path,
                }
            }
            _ => Form::PodSpec,
        };
        Self {
            form,
            container: container.name.clone(),
            list: container.list.key(),
            sysctls: pod.sysctls.iter().map(|sysctl| sysctl.value.clone()).collect(),
            volumes: pod.volumes.iter().map(|volume| volume.name.clone()).collect(),
            shared: pod.containers.len() > 1,
            own: Some(container.clone()),
        }
    }
}

/// Whether the API server knows it by this: not what it is to make a name of, nor one of many in a list.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['*', '/'])
}

/// The changes that hold, and the capabilities that remain, as a patch; `engine` are the same as options of
/// the engine's `create`. `None` if no change holds.
#[must_use]
pub fn zero_patch(place: &ZeroPlace, zero: &Zero, engine: &[String]) -> Option<String> {
    zero.holding().next()?;
    let mut text = comment(0, &head(place, zero));
    text += &comment(0, &format!("Test: {}.", zero.test));
    match &place.form {
        Form::Patch { api_version, kind, name, namespace, path } => {
            let of = namespace.as_ref().map(|name| format!(" -n {name}")).unwrap_or_default();
            let lower = kind.to_ascii_lowercase();
            // Pods and the templates of Jobs are immutable (kubernetes `pkg/apis/core/validation`,
            // `pkg/apis/batch/validation`).
            text += &match kind.as_str() {
                "Pod" | "Job" => comment(
                    0,
                    &format!(
                        "Apply: kubectl patch --local -f MANIFEST --patch-file THIS -o yaml, and make it \
                         anew: the API server changes no spec of a {lower} that is there"
                    ),
                ),
                _ => comment(
                    0,
                    &format!("Apply: kubectl patch {lower} {name}{of} --patch-file THIS"),
                ),
            };
            text += &format!("apiVersion: {api_version}\nkind: {kind}\nmetadata:\n");
            text += &format!("  name: {}\n", scalar(name));
            if let Some(namespace) = namespace {
                text += &format!("  namespace: {}\n", scalar(namespace));
            }
            for (depth, key) in path.iter().enumerate() {
                text += &format!("{}{key}:\n", "  ".repeat(depth));
            }
            text += &pod::pod_spec(place, zero, 2 * path.len());
        }
        Form::PodSpec => {
            text += &comment(0, "Of a pod's spec:");
            text += &pod::pod_spec(place, zero, 0);
            text += &as_options(engine);
        }
        Form::Compose => {
            text += &comment(
                0,
                "For Docker Compose 2.24.4 or newer: docker compose -f compose.yaml -f THIS up",
            );
            if folders(zero).next().is_some() {
                text += &comment(0, &format!("Beware: {OF_RUNC}."));
            }
            text += &compose::service(place, zero);
        }
    }
    Some(text)
}

fn head(place: &ZeroPlace, zero: &Zero) -> String {
    let container = &place.container;
    match zero.reached {
        true if zero.is_clear() => format!(
            "dropcap: with this {container} needs no capability at all, as runs have shown."
        ),
        true => format!(
            "dropcap: with this {container} passes its test without any capability, but does otherwise \
             than before: {}.",
            zero.doubts.join("; ")
        ),
        false => format!(
            "dropcap: with this {container} needs {} only, as runs have shown.",
            zero.remains
        ),
    }
}

/// What an older runtime makes of it (libcontainer/rootfs_linux.go, `case "tmpfs"`).
const OF_RUNC: &str = "runc 1.1 gives a tmpfs the mode of the image's folder: make that 0777 there";

/// The same for who has no Kubernetes.
fn as_options(engine: &[String]) -> String {
    let words: Vec<String> = engine.iter().map(|word| crate::shell::quoted(word)).collect();
    let tmpfs = match engine.iter().any(|word| word.starts_with("--tmpfs")) {
        true => format!(" ({OF_RUNC})"),
        false => String::new(),
    };
    comment(0, &format!("The same as options of the engine{tmpfs}: {}", words.join(" ")))
}

/// What is written for a kind of change.
fn held<'z, T: 'z>(
    zero: &'z Zero,
    pick: impl Fn(&'z Change) -> Option<T> + 'z,
) -> impl Iterator<Item = (&'z Tried, T)> {
    let holds = zero.changes.iter().filter(|one| one.result == record::zero::Held::Holds);
    holds.filter_map(move |one| Some((one, pick(&one.change)?)))
}

fn users(zero: &Zero) -> impl Iterator<Item = (&Tried, (u32, Option<u32>))> {
    held(zero, |change| match change {
        Change::User { user, group } => Some((*user, *group)),
        _ => None,
    })
}

fn sysctls(zero: &Zero) -> impl Iterator<Item = (&Tried, (&str, &str))> {
    held(zero, |change| match change {
        Change::Sysctl { name, value } => Some((name.as_str(), value.as_str())),
        _ => None,
    })
}

fn folders(zero: &Zero) -> impl Iterator<Item = (&Tried, (&str, Option<u32>))> {
    held(zero, |change| match change {
        Change::EmptyDir { path, fs_group } => Some((path.as_str(), *fs_group)),
        _ => None,
    })
}

fn ports(zero: &Zero) -> impl Iterator<Item = (&Tried, &Change)> {
    held(zero, |change| matches!(change, Change::Port { .. }).then_some(change))
}

fn fs_group(zero: &Zero) -> Option<u32> {
    let own = held(zero, |change| match change {
        Change::FsGroup { group } => Some(*group),
        _ => None,
    });
    own.map(|(_, group)| group).next().or_else(|| folders(zero).find_map(|(_, (_, group))| group))
}

fn list(set: CapSet) -> String {
    set.iter().map(|capability| capability.to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
