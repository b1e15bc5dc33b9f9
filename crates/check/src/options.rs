//! How a check is configured.

use image::{Images, Program};
use manifest::{Container, Format, Pod};
use resolve::{Context, FromImage, Policy};
use runtime::{Engine, Request, Runtime};

use crate::holding::Entrypoint;
use crate::learnt::{Learnt, Library};
use crate::rule::Selection;

/// How a check is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The runtime that findings are about. Edits are tried on all of them.
    pub runtime: Runtime,
    /// The same for Compose files.
    pub compose_runtime: Runtime,
    /// Whether nobody named those runtimes. What only these make needless is then not called so.
    pub assumed: bool,
    /// What is known of the images' entrypoints.
    pub entrypoint: Entrypoint,
    /// What is known of single images; what it says of an entrypoint goes before `entrypoint`.
    pub images: Images,
    /// Which rules run.
    pub selection: Selection,
    /// The Pod Security policy that pods are to pass; `None` asks for none.
    pub pod_security: Option<Policy>,
    /// What was learnt of containers. Without it no rule and no edit knows what is needed.
    pub learnt: Library,
}

/// The runtimes assumed for Kubernetes and for Compose, nothing known of the images, nothing learnt,
/// all rules.
impl Default for Options {
    fn default() -> Self {
        Self {
            runtime: Runtime::assumed_for_kubernetes(),
            compose_runtime: Runtime::new(Engine::Docker),
            assumed: true,
            entrypoint: Entrypoint::Unknown,
            images: Images::default(),
            selection: Selection::default(),
            pod_security: None,
            learnt: Library::default(),
        }
    }
}

impl Options {
    /// What the runtime is asked for, with what is known of the image. Who watched it knows its user, where
    /// nothing else says who that is.
    #[must_use]
    pub fn request(
        &self,
        context: &Context,
        container: &Container,
        learnt: Option<&Learnt>,
    ) -> Request {
        let entrypoint = self.entrypoint(context);
        let (entrypoint, set_uid) = (entrypoint.carried(), entrypoint.set_uid());
        let request = Request { entrypoint, set_uid, ..context.request(container) };
        match learnt {
            Some(learnt) if learnt.as_root => request.of_root(),
            Some(_) | None => request,
        }
    }

    /// The security context in effect, with what is known of the image.
    #[must_use]
    pub fn context(&self, pod: &Pod, container: &Container) -> Context {
        let name = container.image.as_ref().map(|image| image.value.as_str());
        let image = name.and_then(|name| self.images.get(name));
        let image = image.and_then(|image| FromImage::of(pod, container, image));
        Context::of(pod, container).with(image)
    }

    /// What is known of the entrypoint.
    #[must_use]
    pub fn entrypoint(&self, context: &Context) -> Entrypoint {
        match context.image.as_ref().map(|image| &image.program) {
            None | Some(Program::Unknown) => self.entrypoint,
            Some(Program::Plain) => Entrypoint::Plain,
            Some(Program::Privileged { privilege, .. }) => {
                match (privilege.set_uid, privilege.capabilities) {
                    (Some(owner), carries) => Entrypoint::SetUid { owner, carries },
                    (None, Some(carries)) => Entrypoint::Carries(carries),
                    (None, None) => Entrypoint::Plain,
                }
            }
        }
    }

    /// The runtime as a person calls it: `containerd 2.0`, `Podman`.
    #[must_use]
    pub fn runtime_name(&self) -> String {
        Self::name_of(&self.runtime)
    }

    /// A runtime as a person calls it.
    #[must_use]
    pub fn name_of(runtime: &Runtime) -> String {
        let name = runtime.engine.title();
        runtime.version.map_or_else(|| name.to_owned(), |version| format!("{name} {version}"))
    }

    /// The runtime for what is written in this format.
    #[must_use]
    pub fn runtime_for(&self, format: Format) -> &Runtime {
        match format {
            Format::Compose => &self.compose_runtime,
            Format::Kubernetes | Format::Oci => &self.runtime,
        }
    }
}
