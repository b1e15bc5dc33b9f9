//! A container to be fitted: of an image as its engine runs it, or of a manifest as far as an engine on
//! this machine can do the same. What it is given to start with is what it would get today.

mod carry;
mod env_file;
mod grant;
mod probes;
mod said;
mod tested;

use std::fmt;

use caps::CapSet;
use fit::container::Probe;
use fit::zero::Ground;
use image::{Configured, Engine, EngineError};
use launch::engine::{self, ArgumentError, Holding, Recipe};
use manifest::{Container, Format, Manifest, Workload};
use resolve::{LowPorts, Outcome, Ping};
use runtime::{Request, Resolution, Runtime, User};

use crate::export::ZeroPlace;
use crate::run_container::{self, PlanError};

pub use said::Said;
pub use tested::{Named, Tested, tested};

pub use grant::{Asked, Grant, Growth, grow};

/// What is asked for, whatever is fitted.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whose containers.
    pub engine: Engine,
    /// A person's own options of the engine's `create`.
    pub arguments: Vec<String>,
    /// In place of the image's or the manifest's command.
    pub command: Vec<String>,
    /// The runtime that a manifest's container is started as; containerd 2.0 if none is named.
    pub runtime: Option<Runtime>,
    /// What it may hold beyond what it would get today.
    pub grant: Grant,
}

/// A container that is ready to be tried, and what was decided about it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is made for each run.
    pub recipe: Recipe,
    /// What it is called: the image's name, or the container's in its manifest.
    pub title: String,
    /// What it holds in the first run.
    pub start: CapSet,
    /// Whether its first process is root; else nothing of a set is effective where no runtime raises
    /// ambient capabilities.
    pub root: bool,
    /// The test that the manifest or the image says, and where it is from.
    pub test: Option<(Probe, String)>,
    /// What is executed in it by whoever runs it, whatever its test is: probes of the manifest, or the
    /// HEALTHCHECK of an image that is run as it is or by Compose.
    pub executed: Option<(Probe, String)>,
    /// What it is made to run and as whom, for its profile.
    pub said: Said,
    /// What is done in it at its start (`postStart`), whatever the test is.
    pub hook: Option<Probe>,
    /// Whether a volume keeps what a run wrote for the next one.
    pub keeps: bool,
    /// What has to be known of it to do without capabilities, but for its working directory.
    pub ground: Ground,
    /// Where changes go with which it needs none.
    pub place: ZeroPlace,
    /// What was assumed, and what could not be carried over: a line each.
    pub remarks: Vec<Remark>,
}

/// Something a person should know before trusting the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// Something assumed.
    Note(String),
    /// Something that is not as it will be, and may change the result.
    Warning(String),
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Note(text) | Self::Warning(text)) = self;
        f.write_str(text)
    }
}

/// Why there is nothing to try.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine does not have it, and nothing is pulled.
    #[error("{engine} has no image {image}, and nothing is pulled here")]
    NoImage {
        /// Which engine.
        engine: Engine,
        /// The image.
        image: String,
    },
    /// The engine does not tell about it.
    #[error(transparent)]
    Image(#[from] EngineError),
    /// The engine does not make a container of it.
    #[error(transparent)]
    Engine(#[from] engine::EngineError),
    /// An argument for the engine that contradicts.
    #[error("--engine-args: {0}")]
    Argument(#[from] ArgumentError),
    /// The manifest has no such container, or nothing that can be run.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The container has no image.
    #[error("{at}: container {container} has no image")]
    ImageUnsaid {
        /// File, line and column.
        at: String,
        /// Its name.
        container: String,
    },
}

/// An image, as the engine runs it with these arguments.
///
/// # Errors
/// [`Error`].
pub fn of_image(image: &str, options: &Options) -> Result<Plan, Error> {
    engine::check_arguments(&options.arguments)?;
    let configured = configured(image, options.engine)?;
    let recipe = Recipe {
        engine: options.engine,
        image: image.to_owned(),
        options: options.arguments.clone(),
        empty: Vec::new(),
        command: options.command.clone(),
        holding: Holding::AsTheEngine,
    };
    let today = recipe.today()?;
    let title = short(image).to_owned();
    let test = probes::of_image(&configured);
    let known = Known {
        start: today.bounding.unwrap_or_else(|| default_of(options.engine)),
        given: today.bounding,
        user: today.user,
        configured: &configured,
        container: None,
        recipe,
        executed: test.clone(),
        test,
        hook: None,
        ground: Ground {
            mounted: carry::mounted(&options.arguments),
            own_network: carry::has_own_network(&options.arguments),
            words: carry::words(&configured.image, None, options),
            ..Ground::default()
        },
        place: ZeroPlace::of_image(&title),
        title,
        remarks: Vec::new(),
    };
    Ok(known.plan(options))
}

/// A container of a manifest; `name` as in [`run_container::container`].
///
/// # Errors
/// [`Error`].
pub fn of_manifest(
    manifest: &Manifest,
    name: Option<&str>,
    options: &Options,
) -> Result<Plan, Error> {
    engine::check_arguments(&options.arguments)?;
    let (workload, container) = run_container::select(manifest, name)?;
    let Some(image) = &container.image else {
        let at = manifest.source.locate(container.name_span);
        return Err(Error::ImageUnsaid { at, container: container.name.clone() });
    };
    let configured = configured(&image.value, options.engine)?;
    let mut remarks = Vec::new();
    let runtime = options.runtime.clone().unwrap_or_else(|| assumed(workload));
    if options.runtime.is_none() {
        remarks.push(Remark::Note(format!(
            "given what {runtime} gives, but for low ports and ping, which stay closed as on every \
             runtime that does not open them; name one with --runtime"
        )));
    }
    let resolved =
        resolve::container_of_image(&workload.pod, container, &runtime, Some(&configured.image));
    if resolved.outcome == Outcome::Windows {
        return Err(PlanError::Windows { container: container.name.clone() }.into());
    }
    let objections = resolved.objections.iter().map(ToString::to_string);
    remarks.extend(objections.map(Remark::Warning));
    let opened = options.runtime.is_some();
    let sysctls = [
        (
            "net.ipv4.ip_unprivileged_port_start",
            match resolved.low_ports {
                LowPorts::OpenedByRuntime if opened => "0",
                _ => "1024",
            },
        ),
        (
            "net.ipv4.ping_group_range",
            match resolved.ping {
                Ping::OpenedByRuntime if opened => "0 2147483647",
                _ => "1 0",
            },
        ),
    ];
    let carried = carry::over(manifest, workload, container, &resolved, options, sysctls)?;
    remarks.extend(carried.remarks);
    if resolved.context.privileged.is_some_and(|flag| flag.value) {
        remarks.push(Remark::Warning(
            "privileged: only its capabilities are given; devices, and what it opens of /proc and /sys, \
             are not"
                .to_owned(),
        ));
    }
    let command =
        if options.command.is_empty() { carried.command } else { options.command.clone() };
    let recipe = Recipe {
        engine: options.engine,
        image: image.value.clone(),
        // A person's own come last, and win.
        options: [carried.options, options.arguments.clone()].concat(),
        empty: carried.empty,
        command,
        holding: Holding::AsTheEngine,
    };
    let user = container.security.user_name.as_ref().map_or_else(
        || match resolved.context.run_as_user {
            Some(user) => user.value.to_string(),
            None => configured.image.user.clone(),
        },
        |name| name.value.clone(),
    );
    // A person's own options may name another user.
    let (user, given) = match (is_root(&user), options.arguments.is_empty()) {
        (true, true) => (user, None),
        (false, true) => (user, recipe.today()?.bounding),
        (_, false) => recipe.today().map(|today| (today.user, today.bounding))?,
    };
    let own = probes::of_container(container);
    remarks.extend(own.remarks);
    let of_image =
        (!container.without_image_check).then(|| probes::of_image(&configured)).flatten();
    // Docker executes it beside any test; the kubelet knows none.
    let by_engine = of_image.clone().filter(|_| workload.pod.format == Format::Compose);
    let known = Known {
        start: start(&runtime, &resolved.request, is_root(&user))?,
        given,
        user,
        configured: &configured,
        container: Some(container),
        title: container.name.clone(),
        recipe,
        test: own.test.or(of_image),
        executed: own.executed.or(by_engine),
        hook: own.hook,
        ground: ground(workload, container, &configured.image, options),
        place: ZeroPlace::of_container(workload, container),
        remarks,
    };
    Ok(known.plan(options))
}

/// What is known of a container before it is decided what it holds.
struct Known<'a> {
    configured: &'a Configured,
    /// As a manifest has it.
    container: Option<&'a Container>,
    title: String,
    recipe: Recipe,
    /// As whom it starts.
    user: String,
    /// What it would get today, if that is root.
    start: CapSet,
    /// What its engine gives by itself, where that was asked.
    given: Option<CapSet>,
    test: Option<(Probe, String)>,
    executed: Option<(Probe, String)>,
    hook: Option<Probe>,
    ground: Ground,
    place: ZeroPlace,
    remarks: Vec<Remark>,
}

impl Known<'_> {
    fn plan(self, options: &Options) -> Plan {
        let root = is_root(&self.user);
        let holding = if root { Holding::AsTheEngine } else { Holding::BoundingOnly };
        let recipe = Recipe { holding, ..self.recipe };
        let mut remarks = self.remarks;
        if !root {
            remarks.push(not_root(&self.user));
        }
        remarks.extend(carry::remark_volumes(&options.arguments, options.engine));
        let wanted = options.grant.applied_to(self.start);
        let start = hold(&recipe, wanted, self.given, &mut remarks);
        let image = &self.configured.image;
        let chosen = (self.user != image.user).then_some(self.user.as_str());
        let said = Said::new(image, self.container, options, chosen);
        remarks.extend(said.remark());
        let name = self.user.split(':').next().unwrap_or_default();
        let ground = Ground { user: name.parse().ok(), ..self.ground };
        Plan {
            recipe,
            title: self.title,
            start,
            root,
            test: self.test,
            executed: self.executed,
            said,
            hook: self.hook,
            keeps: keeps(options),
            ground,
            place: self.place,
            remarks,
        }
    }
}

/// Whether a volume among a person's own options keeps what a run wrote for the next one: known before the
/// engine is asked for anything, which makes a volume that is named with the first container.
#[must_use]
pub fn keeps(options: &Options) -> bool {
    !carry::remark_volumes(&options.arguments, options.engine).is_empty()
}

/// What has to be known of a manifest's container to do without capabilities.
fn ground(
    workload: &Workload,
    container: &Container,
    image: &image::Image,
    options: &Options,
) -> Ground {
    let pod = &workload.pod;
    let mounts = container.mounts.iter().map(|mount| mount.path.value.clone());
    let claims = match pod.fs_group {
        Some(_) => Vec::new(),
        None => carry::claims(workload, container, &options.arguments),
    };
    Ground {
        folder: String::new(),
        mounted: mounts.chain(carry::mounted(&options.arguments)).collect(),
        claims,
        // Known with the image.
        user: None,
        fs_group: pod.fs_group.and_then(|group| u32::try_from(group.value).ok()),
        // The node's network has the node's sysctls: the API server refuses the pod's.
        own_network: !pod.host_network.is_some_and(|flag| flag.value)
            && carry::has_own_network(&options.arguments),
        words: carry::words(image, Some(container), options),
    }
}

/// What the engine can give of `start`: with Podman, what is added for a user that is not root is raised
/// as ambient, so that no more can be left in the bounding set than `given`, what it gives by itself.
fn hold(
    recipe: &Recipe,
    start: CapSet,
    given: Option<CapSet>,
    remarks: &mut Vec<Remark>,
) -> CapSet {
    let (Holding::BoundingOnly, Engine::Podman, Some(given)) =
        (recipe.holding, recipe.engine, given)
    else {
        return start;
    };
    let lacks = start - given;
    if !lacks.is_empty() {
        remarks.push(Remark::Note(format!(
            "tried without {lacks}, which podman cannot leave in the bounding set of a user that is \
             not root; only a set-uid program or one with file capabilities could tell"
        )));
    }
    start & given
}

fn configured(image: &str, engine: Engine) -> Result<Configured, Error> {
    let found = engine.configuration(image)?;
    found.ok_or_else(|| Error::NoImage { engine, image: image.to_owned() })
}

/// As the other commands assume.
pub(crate) fn assumed(workload: &Workload) -> Runtime {
    match workload.pod.format {
        Format::Compose => Runtime::new(runtime::Engine::Docker),
        Format::Kubernetes | Format::Oci => Runtime::assumed_for_kubernetes(),
    }
}

/// What the runtime puts into the bounding set, which root holds all of.
fn start(runtime: &Runtime, request: &Request, root: bool) -> Result<CapSet, Error> {
    let request = Request { user: User::from(u32::from(!root)), ..request.clone() };
    let known = CapSet::up_to(sys::credentials::last_capability());
    let resolution = runtime::resolve(&runtime.clone().with_own(known), &request);
    match resolution.map_err(PlanError::from)? {
        Resolution::Known(sets)
        | Resolution::ByUser { root: sets, .. }
        | Resolution::OneStarts { starts: sets, .. } => Ok(sets.spec.bounding & known),
    }
}

/// Docker does not say what a container was given; its default can not be changed.
fn default_of(engine: Engine) -> CapSet {
    let engine = match engine {
        Engine::Podman => runtime::Engine::Podman,
        Engine::Docker => runtime::Engine::Docker,
    };
    Runtime::new(engine).default_set()
}

/// `USER` as an image or an engine has it; empty is root.
fn is_root(user: &str) -> bool {
    matches!(user.split(':').next(), None | Some("" | "0" | "root"))
}

fn not_root(user: &str) -> Remark {
    Remark::Note(format!(
        "user {user} is not root: nothing of a set is effective but by set-uid programs and file \
         capabilities, as on containerd and Docker"
    ))
}

/// The last part of an image's name, without tag and digest.
fn short(image: &str) -> &str {
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split(['@', ':']).next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_called_by_the_last_part_of_its_name() {
        assert_eq!(short("docker.io/library/nginx:1.27"), "nginx");
        assert_eq!(short("localhost:5000/web@sha256:00"), "web");
        assert_eq!(short("redis"), "redis");
    }

    #[test]
    fn root_is_known_by_name_and_number() {
        assert!(["", "0", "root", "0:0", "root:web"].into_iter().all(is_root));
        assert!(!["1000", "web", "00web", "1000:0"].into_iter().any(is_root));
    }
}
