//! The container of a manifest, and what in it decided.

use caps::Capability;
use check::{Checker, Options, Subject};
use judge::why::{Cause, Finding, Kind, Lack};
use manifest::{Container, ContainerId, Manifest, Span, Workload};
use record::observation::Target;
use record::requirement::{self, Remedy};
use resolve::Resolved;
use runtime::{Engine, Fate, Reason, Request, Runtime, User};
use schemars::JsonSchema;
use serde::Serialize;

use super::edit::{self, Wanted};
use super::{Edit, TakenBy};
use crate::patch;

/// Where a container stands in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The file.
    pub file: String,
    /// The line of the container's name.
    pub line: usize,
    /// `Pod/web`.
    pub workload: String,
    /// The container's name.
    pub container: String,
    /// The runtime for which it was resolved.
    pub runtime: String,
}

/// A container of a manifest, resolved for one runtime.
#[derive(Debug)]
pub struct Tie<'m> {
    manifest: &'m Manifest,
    id: ContainerId,
    workload: &'m Workload,
    container: &'m Container,
    runtime: Runtime,
    resolved: Resolved,
}

impl<'m> Tie<'m> {
    /// The container of this name; without a name that of the followed container, else the only one.
    ///
    /// # Errors
    /// [`patch::Error`]: no such container, or several that may be meant, or a document that cannot be
    /// read.
    pub fn new(
        manifest: &'m Manifest,
        name: Option<&str>,
        target: &Target,
        runtime: Option<Runtime>,
    ) -> Result<Self, patch::Error> {
        if let Some(problem) = manifest.errors().next() {
            let at = manifest.source.locate(problem.span);
            return Err(patch::Error::Problem { at, problem: problem.kind.clone() });
        }
        let id = match (name, followed(manifest, target)) {
            (None, Some(id)) => id,
            (name, _) => patch::find(manifest, name)?,
        };
        let workload = &manifest.workloads[id.workload];
        let container = &workload.pod.containers[id.container];
        let runtime = runtime.unwrap_or_else(|| assumed(target));
        let resolved = resolve::container(&workload.pod, container, &runtime);
        Ok(Self { manifest, id, workload, container, runtime, resolved })
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            file: self.manifest.source.name().to_owned(),
            line: self.line(self.container.name_span),
            workload: format!("{}/{}", self.workload.kind, self.workload.name),
            container: self.container.name.clone(),
            runtime: self.runtime.to_string(),
        }
    }

    /// The line, from 1.
    fn line(&self, span: Span) -> usize {
        self.manifest.source.position(span.start).line
    }

    fn taken(&self, words: &str, span: Option<Span>) -> TakenBy {
        TakenBy { words: words.to_owned(), line: span.map(|span| self.line(span)) }
    }

    /// What becomes of a capability for a process of this user.
    fn fate(&self, capability: Capability, user: User) -> Option<Fate> {
        let request = Request { user, ..self.resolved.request.clone() };
        Some(runtime::resolve(&self.runtime, &request).ok()?.most().fate(capability))
    }

    /// What in the manifest took the capability away, or refuses otherwise.
    pub(super) fn taken_by(&self, finding: &Finding) -> Option<TakenBy> {
        match &finding.cause {
            Cause::Capability { any_of, lack } => {
                let user = user(*lack);
                let fate = self.fate(*any_of.first()?, user)?;
                let reason = match lack {
                    Lack::Outer => {
                        let span = self.resolved.context.user_namespace?;
                        return Some(self.taken("hostUsers: false", Some(span)));
                    }
                    Lack::NonRoot { .. } | Lack::GivenUp { .. } => &fate.reason,
                    Lack::Missing | Lack::Seccomp => &fate.bounding_reason,
                };
                Some(self.by_reason(reason, &fate, *lack))
            }
            Cause::NoNewPrivileges { .. } => {
                let setting = self.resolved.context.allow_privilege_escalation;
                Some(match setting.filter(|allow| !allow.value) {
                    Some(setting) => {
                        self.taken("allowPrivilegeEscalation: false", Some(setting.span))
                    }
                    None => self.taken("not by this manifest: it leaves no_new_privs off", None),
                })
            }
            Cause::Elsewhere { kind, .. } => self.elsewhere(*kind, finding),
        }
    }

    fn by_reason(&self, reason: &Reason, fate: &Fate, lack: Lack) -> TakenBy {
        let has = match lack {
            Lack::Missing | Lack::Seccomp => fate.bounding,
            _ => fate.effective,
        };
        let given_up = matches!(lack, Lack::GivenUp { .. });
        if given_up && fate.bounding {
            return self.taken("not by this manifest: the process gave it up itself", None);
        }
        if has {
            let words = format!(
                "not by this manifest: it gives {} on {}; is it what runs there, on that runtime?",
                fate.capability,
                called(&self.runtime)
            );
            return self.taken(&words, None);
        }
        self.taken(&words(reason, &self.runtime), self.resolved.span(reason, self.container))
    }

    /// What else in the manifest says no.
    fn elsewhere(&self, kind: Kind, finding: &Finding) -> Option<TakenBy> {
        let security = &self.container.security;
        match kind {
            Kind::ReadOnly => {
                let path = finding.calls.first()?.path.as_deref()?;
                let below = |folder: &str| {
                    path.strip_prefix(folder.trim_end_matches('/'))
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                };
                let mounts = self.container.mounts.iter().filter(|m| below(&m.path.value));
                let mount = mounts.max_by_key(|mount| mount.path.value.len());
                match mount {
                    Some(mount) => {
                        let flag = mount.read_only.filter(|flag| flag.value)?;
                        let words = format!("readOnly: true of the volume at {}", mount.path.value);
                        Some(self.taken(&words, Some(flag.span)))
                    }
                    None => {
                        let flag = security.read_only_root.filter(|flag| flag.value)?;
                        Some(self.taken("readOnlyRootFilesystem: true", Some(flag.span)))
                    }
                }
            }
            Kind::Seccomp => {
                let profile = security.seccomp.as_ref().or(self.workload.pod.seccomp.as_ref())?;
                let words = format!("seccompProfile type: {}", profile.value);
                Some(self.taken(&words, Some(profile.span)))
            }
            Kind::FileMode => {
                let user = self.resolved.context.run_as_user.filter(|user| user.value != 0)?;
                let words = format!("runAsUser: {}", user.value);
                Some(self.taken(&words, Some(user.span)))
            }
            _ => None,
        }
    }

    /// The least edit that gives the capability, or why there is none.
    pub(super) fn edit(&self, finding: &Finding) -> (Option<Edit>, Option<String>) {
        let Cause::Capability { any_of, lack } = &finding.cause else { return (None, None) };
        let user = user(*lack);
        if let Lack::GivenUp { .. } | Lack::Outer = lack {
            return (None, Some("an add would change nothing".to_owned()));
        }
        let purpose = finding.calls.first().map(|call| call.what.as_str());
        for capability in any_of {
            let Some(fate) = self.fate(*capability, user) else { continue };
            let reason = if fate.bounding { &fate.reason } else { &fate.bounding_reason };
            let wanted = Wanted { capability: *capability, user, reason, purpose };
            if let Some(edit) = edit::least(self.manifest, self.id, &self.runtime, &wanted) {
                return (Some(edit), None);
            }
        }
        let why = match lack {
            Lack::NonRoot { uid, .. } => format!(
                "an add would not take effect: user {uid} is not root, and {} raises no ambient \
                 capabilities",
                self.runtime.engine.title()
            ),
            _ => "no edit of the lists gives it".to_owned(),
        };
        (None, Some(why))
    }

    /// What does help a process that is not root.
    pub(super) fn instead(&self, finding: &Finding) -> Vec<Remedy> {
        let Cause::Capability { any_of, lack: Lack::NonRoot { .. } } = &finding.cause else {
            return Vec::new();
        };
        let Some(capability) = any_of.first() else { return Vec::new() };
        let options = Options { runtime: self.runtime.clone(), ..Options::default() };
        let checker = Checker::new(options);
        let source = &self.manifest.source;
        let Some(subject) = Subject::new(source, self.workload, self.container, &checker) else {
            return Vec::new();
        };
        // What the runtime should have made unnecessary was refused all the same; and what else there
        // is to do about ports and ping is among the remedies of the call.
        let helps = |how: &String| {
            !how.starts_with("nothing is needed")
                && (finding.remedies.is_empty() || how.contains("setcap"))
        };
        let ways = check::instead(&subject, *capability).into_iter().filter(helps);
        ways.map(|how| Remedy {
            how,
            why: "an add takes no effect for a process that is not root".to_owned(),
            place: requirement::Place::Manifest,
        })
        .collect()
    }
}

/// The runtime as a person calls it: `containerd 2.0`, `Podman`.
fn called(runtime: &Runtime) -> String {
    Options { runtime: runtime.clone(), ..Options::default() }.runtime_name()
}

/// A reason in words that stand alone.
fn words(reason: &Reason, runtime: &Runtime) -> String {
    match reason {
        Reason::NotDefault { engine } if *engine != Engine::Linux => {
            format!("not in {}'s default set", called(runtime))
        }
        reason => reason.to_string(),
    }
}

/// As whom the process runs, as far as sets are concerned.
fn user(lack: Lack) -> User {
    match lack {
        Lack::NonRoot { .. } => User::NonRoot,
        Lack::GivenUp { uid } if uid != 0 => User::NonRoot,
        _ => User::Root,
    }
}

/// The container of the manifest that a followed container is, by name: podman puts the pod's before it.
fn followed(manifest: &Manifest, target: &Target) -> Option<ContainerId> {
    let Target::Container(followed) = target else { return None };
    let name = followed.name.as_deref()?;
    let all = manifest.workloads.iter().enumerate().flat_map(|(workload, object)| {
        let containers = object.pod.containers.iter().enumerate();
        containers.map(move |(container, found)| {
            let long = format!("{}-{}", object.name, found.name);
            (ContainerId { workload, container }, found.name == name || long == name)
        })
    });
    let mut matching = all.filter(|(_, matches)| *matches).map(|(id, _)| id);
    let first = matching.next()?;
    matching.next().is_none().then_some(first)
}

/// The runtime that the followed container's engine is; else the one that is assumed of Kubernetes.
fn assumed(target: &Target) -> Runtime {
    let Target::Container(followed) = target else { return Runtime::assumed_for_kubernetes() };
    match followed.engine.as_str() {
        "podman" => Runtime::new(Engine::Podman),
        "docker" => Runtime::new(Engine::Docker),
        "cri-o" => Runtime::new(Engine::Crio),
        _ => Runtime::assumed_for_kubernetes(),
    }
}
