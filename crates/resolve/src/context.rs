//! The effective security context: the container's field where it is written, else the pod's.

use manifest::{Container, Pod, Span, Spanned};
use runtime::{Request, SpecSets, User};

use crate::from_image::FromImage;

/// Where a setting is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// In the container's own `securityContext`.
    Container,
    /// In the pod.
    Pod,
}

/// A value in effect, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where the value is written.
    pub span: Span,
    /// On which level.
    pub level: Level,
}

/// What is in effect for one container. Kubernetes overrides field by field
/// (pkg/securitycontext/util.go `DetermineEffectiveSecurityContext`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// `runAsUser`.
    pub run_as_user: Option<Setting<i64>>,
    /// `runAsGroup`.
    pub run_as_group: Option<Setting<i64>>,
    /// `runAsNonRoot`.
    pub run_as_non_root: Option<Setting<bool>>,
    /// `allowPrivilegeEscalation`; no_new_privs is set if and only if it is written and `false`
    /// (pkg/securitycontext/util.go `AddNoNewPrivileges`).
    pub allow_privilege_escalation: Option<Setting<bool>>,
    /// `privileged`.
    pub privileged: Option<Setting<bool>>,
    /// `hostUsers: false`: the sets hold within the pod's own user namespace only.
    pub user_namespace: Option<Span>,
    /// `hostNetwork: true`.
    pub host_network: Option<Span>,
    /// `os.name: windows`.
    pub windows: Option<Span>,
    /// What is known of the image, if anything.
    pub image: Option<FromImage>,
}

impl Context {
    /// What is in effect for `container` of `pod`.
    #[must_use]
    pub fn of(pod: &Pod, container: &Container) -> Self {
        let own = &container.security;
        Self {
            run_as_user: either(own.run_as_user, pod.run_as_user),
            run_as_group: either(own.run_as_group, pod.run_as_group),
            run_as_non_root: either(own.run_as_non_root, pod.run_as_non_root),
            allow_privilege_escalation: either(own.allow_privilege_escalation, None),
            privileged: either(own.privileged, None),
            user_namespace: pod.host_users.filter(|host| !host.value).map(|host| host.span),
            host_network: pod.host_network.filter(|host| host.value).map(|host| host.span),
            windows: pod.os.as_ref().filter(|os| os.value == "windows").map(|os| os.span),
            image: None,
        }
    }

    /// The same, with what is known of the container's image.
    #[must_use]
    pub fn with(self, image: Option<FromImage>) -> Self {
        Self { image, ..self }
    }

    /// The user ID, whoever says it: `runAsUser`, else the image.
    #[must_use]
    pub fn uid(&self) -> Option<i64> {
        let of_image = || self.image.as_ref()?.user.uid.map(i64::from);
        self.run_as_user.map(|uid| uid.value).or_else(of_image)
    }

    /// As whom the process starts. Unknown is a state: without `runAsUser` the image's `USER`
    /// decides, and where that is not known either only `runAsNonRoot` says that it will not be root.
    #[must_use]
    pub fn user(&self) -> User {
        match (self.uid(), self.run_as_non_root) {
            (Some(0), _) => User::Root,
            (Some(uid), _) if uid > 0 => User::NonRoot,
            (None, Some(non_root)) if non_root.value => User::NonRoot,
            _ => User::Unknown,
        }
    }

    /// Where it is written that the process is not root, if it is.
    #[must_use]
    pub fn user_span(&self) -> Option<Span> {
        let of_image = || self.image.as_ref().filter(|image| image.user.uid.is_some());
        match self.run_as_user {
            Some(uid) => Some(uid.span),
            None => self
                .run_as_non_root
                .filter(|setting| setting.value || of_image().is_none())
                .map(|setting| setting.span)
                .or_else(|| of_image().map(|image| image.span)),
        }
    }

    /// Whether no_new_privs is set, prctl(2).
    #[must_use]
    pub fn no_new_privs(&self) -> bool {
        self.allow_privilege_escalation.is_some_and(|allow| !allow.value)
    }

    /// What the runtime is asked for: the kubelet and Compose pass `add` and `drop` on verbatim; an
    /// OCI configuration has the sets as they are to be.
    #[must_use]
    pub fn request(&self, container: &Container) -> Request {
        Request {
            add: container.security.add().map(|word| word.value.clone()).collect(),
            drop: container.security.drop().map(|word| word.value.clone()).collect(),
            privileged: self.privileged.is_some_and(|privileged| privileged.value),
            no_new_privs: self.no_new_privs(),
            user: self.user(),
            entrypoint: self.image.as_ref().and_then(FromImage::carried),
            set_uid: self.image.as_ref().and_then(FromImage::set_uid),
            spec: container.sets.as_ref().map(|sets| {
                let names =
                    |list: &[Spanned<String>]| list.iter().map(|name| name.value.clone()).collect();
                SpecSets {
                    effective: names(&sets.effective),
                    permitted: names(&sets.permitted),
                    inheritable: names(&sets.inheritable),
                    ambient: names(&sets.ambient),
                }
            }),
        }
    }
}

/// The container's value, else the pod's.
fn either<T: Copy>(container: Option<Spanned<T>>, pod: Option<Spanned<T>>) -> Option<Setting<T>> {
    let setting = |level| move |s: Spanned<T>| Setting { value: s.value, span: s.span, level };
    container.map(setting(Level::Container)).or(pod.map(setting(Level::Pod)))
}
