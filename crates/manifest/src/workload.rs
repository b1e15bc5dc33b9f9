//! The workloads a manifest holds, as far as capabilities are concerned, each value with its span.

use std::ops::Range;

use crate::probe::Probe;

/// A range of bytes in the source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// As a range, to index the text with.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Spanned<T> {
    /// The value as Kubernetes reads it.
    pub value: T,
    /// Where it is written.
    pub span: Span,
}

/// Whose description of containers it is, which decides what its words mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Format {
    /// A Kubernetes object with pods in it.
    Kubernetes,
    /// A service of a Compose file (compose-spec, `05-services.md`).
    Compose,
    /// The `config.json` of a bundle (OCI runtime specification 1.2, `config.md`), in which the sets
    /// are written as they are to be.
    Oci,
}

/// A pod of a Kubernetes object, or what other formats have in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// `kind`, as written: `Pod`, `Deployment`, …; `ComposeService` and `OciBundle` for the others.
    pub kind: String,
    /// `apiVersion`, as written; `ociVersion`; empty for Compose.
    pub api_version: String,
    /// `metadata.name`; `metadata.generateName` with a `*` behind it; empty if neither is there. An
    /// object with many pods has a `/` and what the list item is called behind it. Of Compose the
    /// service, of OCI the host name.
    pub name: String,
    /// `metadata.namespace`, if written.
    pub namespace: Option<String>,
    /// Index of the YAML document in the file, from 0.
    pub document: usize,
    /// The whole object.
    pub span: Span,
    /// Its pod spec.
    pub pod: Pod,
}

/// The parts of a pod spec that decide what its containers hold or how dangerous that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Whose description it is.
    pub format: Format,
    /// The pod spec's mapping.
    pub span: Span,
    /// `securityContext` of the pod, or the one that counts for it.
    pub security: Option<Span>,
    /// `securityContext.runAsUser` of the pod.
    pub run_as_user: Option<Spanned<i64>>,
    /// `securityContext.runAsGroup` of the pod.
    pub run_as_group: Option<Spanned<i64>>,
    /// `securityContext.supplementalGroups` of the pod; `group_add` of a Compose service, but for names.
    pub supplemental_groups: Vec<Spanned<i64>>,
    /// `group_add` of a Compose service as far as it is no number, as written: names that only the image
    /// knows, and variables.
    pub group_names: Vec<Spanned<String>>,
    /// `securityContext.fsGroup` of the pod.
    pub fs_group: Option<Spanned<i64>>,
    /// `securityContext.runAsNonRoot` of the pod.
    pub run_as_non_root: Option<Spanned<bool>>,
    /// `securityContext.seccompProfile.type` of the pod.
    pub seccomp: Option<Spanned<String>>,
    /// `securityContext.sysctls`, name and value.
    pub sysctls: Vec<Spanned<(String, String)>>,
    /// `securityContext.capabilities` of the pod: no such field exists, the API server refuses or prunes it.
    pub misplaced_capabilities: Option<Span>,
    /// `hostNetwork`.
    pub host_network: Option<Spanned<bool>>,
    /// `hostPID`.
    pub host_pid: Option<Spanned<bool>>,
    /// `hostIPC`.
    pub host_ipc: Option<Spanned<bool>>,
    /// `hostUsers`.
    pub host_users: Option<Spanned<bool>>,
    /// `shareProcessNamespace`.
    pub share_process_namespace: Option<Spanned<bool>>,
    /// Whether there are `hostAliases`.
    pub host_aliases: bool,
    /// `runtimeClassName`.
    pub runtime_class: Option<Spanned<String>>,
    /// `os.name`.
    pub os: Option<Spanned<String>>,
    /// Volumes of type `hostPath`.
    pub host_paths: Vec<HostPath>,
    /// All volumes of a Kubernetes pod, with what each is; of a Compose service each tmpfs.
    pub volumes: Vec<Volume>,
    /// All containers of the three lists, in the order init, regular, ephemeral, and as written within each.
    pub containers: Vec<Container>,
}

/// One entry of `volumes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name, which mounts refer to.
    pub name: String,
    /// What it is: `emptyDir`, `configMap`, `persistentVolumeClaim`, …, as written; empty if nothing is.
    /// Of Compose `tmpfs` alone is one.
    pub kind: String,
    /// Of a tmpfs of Compose its options, as written: `mode=0777,gid=33`.
    pub options: String,
}

/// A `hostPath` volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPath {
    /// The volume's name, which mounts refer to.
    pub volume: String,
    /// The path on the node.
    pub path: Spanned<String>,
}

/// Which of the pod's three container lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ContainerList {
    /// `initContainers` (sidecars among them).
    InitContainers,
    /// `containers`.
    Containers,
    /// `ephemeralContainers`.
    EphemeralContainers,
}

impl ContainerList {
    /// The list's key in the pod spec.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::InitContainers => "initContainers",
            Self::Containers => "containers",
            Self::EphemeralContainers => "ephemeralContainers",
        }
    }
}

/// A file that holds a part of a Compose service's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFile {
    /// As it is written: relative to the manifest's folder.
    pub path: String,
    /// Whether values are taken as they stand, without quotes and variables (`format: raw`).
    pub is_raw: bool,
    /// Whether it must be there (`required`).
    pub is_required: bool,
    /// The path, unless a variable is in it.
    pub filled_in: Option<String>,
}

/// One container of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its list.
    pub list: ContainerList,
    /// Its index in that list, from 0.
    pub index: usize,
    /// `name`; empty if missing.
    pub name: String,
    /// Where the name is written, else the container's start.
    pub name_span: Span,
    /// The container's mapping.
    pub span: Span,
    /// `image`.
    pub image: Option<Spanned<String>>,
    /// `command`.
    pub command: Vec<String>,
    /// `args`.
    pub args: Vec<String>,
    /// Whether there is a `command` or `args` that could not be read as words.
    pub command_unread: bool,
    /// `workingDir`.
    pub working_dir: Option<Spanned<String>>,
    /// `restartPolicy`; `Always` on an init container makes it a sidecar.
    pub restart_policy: Option<Spanned<String>>,
    /// `env`, name and value; those with `valueFrom` are left out, their value is not in the manifest.
    pub env: Vec<(String, String)>,
    /// What of the environment comes from elsewhere: names of `env` with `valueFrom`, and `envFrom`; of
    /// Compose names whose value whoever calls it fills in.
    pub env_from: Vec<String>,
    /// Compose's `env_file`: what the files say of names that are not written here counts, too; the last
    /// file counts first.
    pub env_files: Vec<EnvFile>,
    /// `ports`.
    pub ports: Vec<Port>,
    /// What tells whether it works; readiness, liveness, startup, or Compose's health check.
    pub probes: Vec<Probe>,
    /// Whether the image's HEALTHCHECK counts for nothing: Compose's `healthcheck` switches it off, or has a
    /// test of its own.
    pub without_image_check: bool,
    /// `lifecycle` of Kubernetes: what is done at its start and before its end.
    pub hooks: Vec<Probe>,
    /// Names of volumes it mounts writable, with the mount's span.
    pub writable_mounts: Vec<Spanned<String>>,
    /// Where it mounts volumes: `mountPath`, and `readOnly` if it is written.
    pub mounts: Vec<Mount>,
    /// `securityContext`.
    pub security: SecurityContext,
    /// The other four sets, where the format has sets and not `add` and `drop`: of OCI.
    pub sets: Option<SetLists>,
}

/// `process.capabilities` of an OCI configuration, name by name, as written, but for the bounding
/// set: that one is the `add` of [`SecurityContext::capabilities`], because nothing is in it that is
/// not written there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SetLists {
    /// `effective`.
    pub effective: Vec<Spanned<String>>,
    /// `permitted`.
    pub permitted: Vec<Spanned<String>>,
    /// `inheritable`.
    pub inheritable: Vec<Spanned<String>>,
    /// `ambient`.
    pub ambient: Vec<Spanned<String>>,
}

/// One entry of `volumeMounts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The volume's name; empty where volumes have none.
    pub volume: String,
    /// `mountPath`.
    pub path: Spanned<String>,
    /// `readOnly`.
    pub read_only: Option<Spanned<bool>>,
}

/// One entry of `ports`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// `name`, which probes may refer to.
    pub name: Option<String>,
    /// `containerPort`.
    pub container_port: Spanned<i64>,
    /// `protocol`, `TCP` if not written.
    pub protocol: String,
}

/// A container's `securityContext`; everything `None` when it is not there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecurityContext {
    /// Where it is written; `None` if it is not there.
    pub span: Option<Span>,
    /// `privileged`.
    pub privileged: Option<Spanned<bool>>,
    /// `allowPrivilegeEscalation`; `false` sets no_new_privs.
    pub allow_privilege_escalation: Option<Spanned<bool>>,
    /// `runAsUser`.
    pub run_as_user: Option<Spanned<i64>>,
    /// The user by name, where the format has that: Compose's `user`. Who it is the image's
    /// `/etc/passwd` says.
    pub user_name: Option<Spanned<String>>,
    /// `runAsGroup`.
    pub run_as_group: Option<Spanned<i64>>,
    /// The group by name, likewise.
    pub group_name: Option<Spanned<String>>,
    /// `runAsNonRoot`.
    pub run_as_non_root: Option<Spanned<bool>>,
    /// `readOnlyRootFilesystem`.
    pub read_only_root: Option<Spanned<bool>>,
    /// `seccompProfile.type`: `RuntimeDefault`, `Unconfined`, `Localhost`.
    pub seccomp: Option<Spanned<String>>,
    /// `capabilities`.
    pub capabilities: Option<Capabilities>,
}

/// `securityContext.capabilities`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Where it is written.
    pub span: Span,
    /// `add`.
    pub add: Option<CapList>,
    /// `drop`.
    pub drop: Option<CapList>,
}

/// A list of capability names, verbatim: what they mean is the runtime's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapList {
    /// Where the list is written.
    pub span: Span,
    /// Its items, verbatim.
    pub items: Vec<Spanned<String>>,
}

impl SecurityContext {
    /// The words under `add`, verbatim.
    pub fn add(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.capabilities.iter().flat_map(|c| &c.add).flat_map(|l| &l.items)
    }

    /// The words under `drop`, verbatim.
    pub fn drop(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.capabilities.iter().flat_map(|c| &c.drop).flat_map(|l| &l.items)
    }
}
