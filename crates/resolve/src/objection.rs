//! Why Kubernetes itself does not let the container start, before any runtime is asked.

use std::fmt;

use manifest::{Container, Format, Pod, Span, Spanned};

use crate::context::Context;

/// Who objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum By {
    /// The API server, when the object is created (pkg/apis/core/validation).
    ApiServer,
    /// The kubelet, when the container is started.
    Kubelet,
}

/// What is objected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ObjectionKind {
    /// `capabilities` in the pod's securityContext: no such field. Strict validation refuses it,
    /// else it is dropped without a word; it has no effect either way.
    PodCapabilities,
    /// `privileged: true` with `allowPrivilegeEscalation: false`.
    PrivilegedWithoutEscalation,
    /// `add: [CAP_SYS_ADMIN]`, spelt exactly so, with `allowPrivilegeEscalation: false`.
    SysAdminWithoutEscalation,
    /// A field that a Windows pod may not have.
    Windows,
    /// `runAsUser` outside 0 to 2147483647.
    UserOutOfRange,
    /// `runAsNonRoot: true` with `runAsUser: 0`.
    RootThoughNonRoot,
    /// `runAsNonRoot: true`, no `runAsUser`, and the image's `USER` is root.
    ImageRootThoughNonRoot,
    /// `runAsNonRoot: true`, no `runAsUser`, and the image's `USER` is a name: the kubelet looks no
    /// name up (pkg/kubelet/kuberuntime/security_context.go `verifyRunAsNonRoot`).
    ImageUserIsName,
    /// `hostUsers: false` with a namespace of the node (pkg/apis/core/validation
    /// `validateHostUsers`).
    NodeNamespaceWithOwnUsers,
    /// A sysctl of a namespace that is the node's (pkg/kubelet/sysctl/allowlist.go
    /// `validateSysctl`).
    SysctlOfNode,
}

/// One objection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Objection {
    /// What is objected to.
    pub kind: ObjectionKind,
    /// Who objects.
    pub by: By,
    /// Where it is written.
    pub span: Span,
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ObjectionKind::PodCapabilities => {
                "capabilities in the pod's securityContext has no effect: the field exists on \
                 containers only, and the API server refuses or drops it"
            }
            ObjectionKind::PrivilegedWithoutEscalation => {
                "the API server refuses the pod: privileged with allowPrivilegeEscalation: false"
            }
            ObjectionKind::SysAdminWithoutEscalation => {
                "the API server refuses the pod: add CAP_SYS_ADMIN with \
                 allowPrivilegeEscalation: false"
            }
            ObjectionKind::Windows => {
                "the API server refuses the pod: os.name is windows, which has no capabilities"
            }
            ObjectionKind::UserOutOfRange => {
                "the API server refuses the pod: runAsUser must be 0 to 2147483647"
            }
            ObjectionKind::ImageRootThoughNonRoot => {
                "the kubelet does not start the container: runAsNonRoot is true, and the image's \
                 USER is root"
            }
            ObjectionKind::ImageUserIsName => {
                "the kubelet does not start the container: runAsNonRoot is true, and the image's \
                 USER is a name, which it does not look up; set runAsUser"
            }
            ObjectionKind::NodeNamespaceWithOwnUsers => {
                "the API server refuses the pod: hostUsers is false, and with it hostPID and hostIPC \
                 have to be"
            }
            ObjectionKind::SysctlOfNode => {
                "the kubelet refuses the pod: the sysctl is of a namespace that it shares with the node"
            }
            ObjectionKind::RootThoughNonRoot => {
                "the kubelet does not start the container: runAsNonRoot is true and runAsUser is 0"
            }
        })
    }
}

/// All objections to `container`; only Kubernetes has any.
pub(crate) fn objections(pod: &Pod, container: &Container, context: &Context) -> Vec<Objection> {
    let mut found = Vec::new();
    if pod.format != Format::Kubernetes {
        return found;
    }
    let mut object = |kind, by, span: Option<Span>| {
        if let Some(span) = span {
            found.push(Objection { kind, by, span });
        }
    };
    object(ObjectionKind::PodCapabilities, By::ApiServer, pod.misplaced_capabilities);
    let privileged = context.privileged.filter(|privileged| privileged.value);
    if context.no_new_privs() {
        object(
            ObjectionKind::PrivilegedWithoutEscalation,
            By::ApiServer,
            privileged.map(|privileged| privileged.span),
        );
        object(
            ObjectionKind::SysAdminWithoutEscalation,
            By::ApiServer,
            container
                .security
                .add()
                .find(|word| word.value == "CAP_SYS_ADMIN")
                .map(|word| word.span),
        );
    }
    if context.windows.is_some() {
        let security = &container.security;
        object(
            ObjectionKind::Windows,
            By::ApiServer,
            security
                .capabilities
                .as_ref()
                .map(|capabilities| capabilities.span)
                .or(context.privileged.map(|setting| setting.span))
                .or(context.allow_privilege_escalation.map(|setting| setting.span))
                .or(context.run_as_user.map(|setting| setting.span)),
        );
    }
    if context.user_namespace.is_some() {
        let shared = [&pod.host_pid, &pod.host_ipc];
        let shared = shared.into_iter().flatten().find(|setting| setting.value);
        object(
            ObjectionKind::NodeNamespaceWithOwnUsers,
            By::ApiServer,
            shared.map(|setting| setting.span),
        );
    }
    let is_on = |setting: &Option<Spanned<bool>>| setting.is_some_and(|setting| setting.value);
    let of_node = pod.sysctls.iter().find(|sysctl| {
        let name = sysctl.value.0.replace('/', ".");
        let of_ipc = ["kernel.shm", "kernel.msg", "fs.mqueue."];
        is_on(&pod.host_network) && name.starts_with("net.")
            || is_on(&pod.host_ipc)
                && (name == "kernel.sem" || of_ipc.iter().any(|start| name.starts_with(start)))
    });
    object(ObjectionKind::SysctlOfNode, By::Kubelet, of_node.map(|sysctl| sysctl.span));
    let uid = context.run_as_user;
    object(
        ObjectionKind::UserOutOfRange,
        By::ApiServer,
        uid.filter(|uid| i32::try_from(uid.value).map_or(true, |uid| uid < 0)).map(|uid| uid.span),
    );
    if uid.is_some_and(|uid| uid.value == 0) {
        object(
            ObjectionKind::RootThoughNonRoot,
            By::Kubelet,
            context.run_as_non_root.filter(|non_root| non_root.value).map(|setting| setting.span),
        );
    }
    let non_root = context.run_as_non_root.filter(|non_root| non_root.value);
    if uid.is_none()
        && let Some(image) = &context.image
    {
        let word = image.user.word.split(':').next().unwrap_or_default();
        let kind = match word.parse::<i64>() {
            Ok(0) => Some(ObjectionKind::ImageRootThoughNonRoot),
            Ok(_) => None,
            Err(_) if word.is_empty() => Some(ObjectionKind::ImageRootThoughNonRoot),
            Err(_) => Some(ObjectionKind::ImageUserIsName),
        };
        if let Some(kind) = kind {
            object(kind, By::Kubelet, non_root.map(|setting| setting.span));
        }
    }
    found
}
