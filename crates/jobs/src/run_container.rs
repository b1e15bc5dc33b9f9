//! A command with the sets that a runtime would give it: for flags as those of `docker run`, or for
//! a container of a manifest.

use std::ffi::OsString;
use std::fmt;

use caps::{CapSet, CapState};
use image::{Image, Images};
use launch::{LaunchError, SetName, Spec};
use manifest::{Container, Format, Manifest, Workload};
use resolve::{Context, FromImage, Outcome};
use runtime::{Engine, OddWord, Reason, Refusal, Request, Resolution, Runtime, Sets, User};

use crate::accounts::{Account, AccountError, UserArgument};
use crate::expand::expand_in;
use crate::fit_container::assumed;

/// What is asked for on the command line, whatever else.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The runtime to do as; without one Docker for a plain command and a Compose file, containerd 2.0 for
    /// another manifest.
    pub runtime: Option<Runtime>,
    /// Who to run as.
    pub user: Option<UserArgument>,
    /// The program and its arguments; may be empty for a container that has a command.
    pub command: Vec<OsString>,
    /// What is known of images: as whom a container of a manifest runs, and what, where that does not
    /// say it. Of their files nothing counts: none of them is executed.
    pub images: Images,
}

/// A command that is ready to be launched, and what was decided about it.
#[derive(Debug)]
pub struct Plan {
    /// What to launch: the sets as the runtime prepares them.
    pub spec: Spec,
    /// The runtime it is done as.
    pub runtime: Runtime,
    /// What comes of it, with reasons.
    pub sets: Sets,
    /// What was assumed or left out.
    pub remarks: Vec<Remark>,
}

/// Something a person should know before trusting the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// No runtime was named.
    AssumedRuntime(Runtime),
    /// Neither the manifest nor the command line says which user.
    AssumedRoot,
    /// The user has no entry in `/etc/passwd`, and no group was named.
    AssumedGroup {
        /// The user.
        uid: u32,
        /// The group.
        gid: u32,
    },
    /// `ALL` and `privileged` mean what this process holds, as for a runtime's daemon.
    AllIsLess {
        /// What the kernel knows and this process does not hold.
        without: CapSet,
    },
    /// The words ask for capabilities, and the process holds none of them.
    NothingEffective {
        /// The user.
        uid: u32,
        /// The runtime whose rule it is.
        engine: Engine,
    },
    /// A group by its name, which only the image knows.
    NamedGroup(String),
    /// A word that is not written as it should be, and had no effect.
    Ignored(OddWord),
    /// A name in an OCI configuration that has no effect, in a sentence.
    Void(String),
    /// `hostUsers: false`: here the command gets no user namespace.
    UserNamespace,
    /// Kubernetes itself would not let the container start.
    Objection(String),
}

impl Remark {
    /// Whether it tells of something wrong, not of something assumed.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        match self {
            Remark::AssumedRuntime(_)
            | Remark::AssumedRoot
            | Remark::AssumedGroup { .. }
            | Remark::AllIsLess { .. } => false,
            Remark::NothingEffective { .. }
            | Remark::NamedGroup(_)
            | Remark::Ignored(_)
            | Remark::Void(_)
            | Remark::UserNamespace
            | Remark::Objection(_) => true,
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remark::AssumedRuntime(runtime) => {
                write!(f, "done as {runtime} would; name another with --runtime")
            }
            Remark::AssumedRoot => f.write_str(
                "runs as root: the manifest has no runAsUser, and the image's USER is not known \
                 (--image-info); name another with --user",
            ),
            Remark::AssumedGroup { uid, gid } => write!(
                f,
                "user {uid} runs in group {gid}: no group is named, and /etc/passwd of the image \
                 is not consulted"
            ),
            Remark::AllIsLess { without } => {
                write!(f, "ALL is what this process holds: all but {without}")
            }
            Remark::NothingEffective { uid, engine } => write!(
                f,
                "user {uid} is not root and will hold nothing: {engine} raises no ambient \
                 capabilities, so what is added stays in the bounding set"
            ),
            Remark::NamedGroup(name) => {
                write!(f, "it is not in group {name} here: only the image knows its number")
            }
            Remark::Ignored(odd) => {
                write!(f, "{:?} in {} has no effect", odd.word.text, odd.word.list)?;
                match (odd.meant, odd.suggestion) {
                    (Some(meant), _) => write!(f, "; write {meant}"),
                    (None, Some(suggestion)) => write!(f, "; did you mean {suggestion}?"),
                    (None, None) => f.write_str(": no capability is called so"),
                }
            }
            Remark::UserNamespace => f.write_str(
                "hostUsers is false: the pod would have a user namespace of its own, this \
                 command holds its capabilities in the one of this process",
            ),
            Remark::Objection(said) | Remark::Void(said) => f.write_str(said),
        }
    }
}

/// Why there is nothing to launch.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No command was given, and the container has none.
    #[error(
        "container {container} has no command in the manifest, and of its image nothing is known"
    )]
    NoCommand {
        /// Which.
        container: String,
    },
    /// No command was given.
    #[error("no command given")]
    NothingToRun,
    /// No container at all, for a reason that the manifest knows.
    #[error("{0}")]
    Manifest(String),
    /// No container of that name.
    #[error("{file}: no container {name:?}; there {}", listed(.there))]
    NoSuchContainer {
        /// The manifest.
        file: String,
        /// The name asked for.
        name: String,
        /// Those there are.
        there: Vec<String>,
    },
    /// More than one that may be meant.
    #[error("{file}: which container? There {}", listed(.there))]
    Ambiguous {
        /// The manifest.
        file: String,
        /// Those that may be meant.
        there: Vec<String>,
    },
    /// `os.name: windows`.
    #[error("{container} is a Windows container: it has no capabilities")]
    Windows {
        /// Which.
        container: String,
    },
    /// Not root, and nobody says who.
    #[error(
        "runAsNonRoot is true and there is no runAsUser: the image decides which user it is, and nothing is known of it"
    )]
    WhichUser,
    /// A Compose service's user, by a name.
    #[error("the user is {name:?}, a name that only the image knows")]
    NamedUser {
        /// The name.
        name: String,
    },
    /// A user or group ID that no process can have.
    #[error("{file}: {field} is {value}, expected 0 to 2147483647")]
    Id {
        /// Where: file, line and column.
        file: String,
        /// The field.
        field: &'static str,
        /// The value.
        value: i64,
    },
    /// No such user.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The runtime would not start it.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// This process cannot give it.
    #[error(transparent)]
    Launch(#[from] LaunchError),
}

fn listed(names: &[String]) -> String {
    let is = if names.len() == 1 { "is" } else { "are" };
    format!("{is} {}", names.join(", "))
}

/// A plain command, with words as `docker run --cap-add … --cap-drop …` takes them. `request.user`
/// is not looked at: it follows from [`Options::user`].
///
/// # Errors
/// [`PlanError`].
pub fn plain(request: &Request, options: &Options) -> Result<Plan, PlanError> {
    let mut remarks = Vec::new();
    let runtime = options.runtime.clone().unwrap_or_else(|| Runtime::new(Engine::Docker));
    let account = options.user.as_ref().map(UserArgument::resolve).transpose()?;
    let uid = account.as_ref().map_or_else(|| sys::credentials::own_user().0, |a| a.uid);
    let request = Request { user: User::from(uid), ..request.clone() };
    let (runtime, sets) = decide(runtime, &request, uid, &mut remarks)?;
    let mut spec = spec(&options.command, &sets, request.no_new_privs)?;
    match account {
        Some(account) => spec = spec.user(account.uid, account.gid, account.groups),
        None if runtime.engine == Engine::Linux && nothing_asked(&request) => {
            // No runtime, no user, no word: nothing changes, which anybody may have.
            spec.state = sys::credentials::own_state().map_err(unreadable)?;
        }
        None => {}
    }
    Ok(Plan { spec, runtime, sets, remarks })
}

/// A container of a manifest: its user, groups, no_new_privs, capabilities, environment and command,
/// the latter two as far as they are written there. Not its image, folders, limits or namespaces.
///
/// `name` is a container's name, or `WORKLOAD/CONTAINER` where several have it; not needed where
/// there is only one.
///
/// # Errors
/// [`PlanError`].
pub fn container(
    manifest: &Manifest,
    name: Option<&str>,
    options: &Options,
) -> Result<Plan, PlanError> {
    let (workload, container) = select(manifest, name)?;
    let mut remarks = Vec::new();
    let runtime = options.runtime.clone().unwrap_or_else(|| {
        let runtime = assumed(workload);
        remarks.push(Remark::AssumedRuntime(runtime.clone()));
        runtime
    });
    let image = container.image.as_ref().and_then(|image| options.images.get(&image.value));
    let known = image.and_then(|image| FromImage::of(&workload.pod, container, image));
    let context = Context::of(&workload.pod, container).with(known);
    let account = account(manifest, (workload, container), &context, options, &mut remarks)?;
    let resolved = resolve::container(&workload.pod, container, &runtime);
    if resolved.outcome == Outcome::Windows {
        return Err(PlanError::Windows { container: container.name.clone() });
    }
    remarks.extend(resolved.objections.iter().map(|o| Remark::Objection(o.to_string())));
    if context.user_namespace.is_some() {
        remarks.push(Remark::UserNamespace);
    }
    let request = Request { user: User::from(account.uid), ..resolved.request };
    let (runtime, sets) = decide(runtime, &request, account.uid, &mut remarks)?;
    let format = workload.pod.format;
    let command = match options.command.is_empty() {
        true => own_command(format, container, image)?,
        false => options.command.clone(),
    };
    let mut spec = spec(&command, &sets, request.no_new_privs)?;
    spec.env = (!container.env.is_empty()).then(|| {
        let written = |name: &OsString| container.env.iter().any(|(n, _)| name == n.as_str());
        let kept = std::env::vars_os().filter(|(name, _)| !written(name));
        let value = |value| expand_in(format, value, &container.env);
        let own = container.env.iter().map(|(name, text)| (name.into(), value(text).into()));
        kept.chain(own).collect()
    });
    let spec = spec.user(account.uid, account.gid, account.groups);
    Ok(Plan { spec, runtime, sets, remarks })
}

fn spec(command: &[OsString], sets: &Sets, no_new_privs: bool) -> Result<Spec, PlanError> {
    let (program, args) = command.split_first().ok_or(PlanError::NothingToRun)?;
    let CapState { permitted, inheritable, ambient, .. } = sets.spec;
    // What cannot be raised the OCI runtime leaves out with a warning, runc
    // `libcontainer/capabilities/capabilities.go` `ApplyCaps`.
    let state = CapState { ambient: ambient & permitted & inheritable, ..sets.spec };
    Ok(Spec::new(program, state).args(args).no_new_privs(no_new_privs))
}

/// Resolves for a runtime whose daemon holds what this process holds. What is asked for by name,
/// or is in the runtime's default set, and cannot be had is an error, also where the runtime would
/// leave it out without a word.
fn decide(
    runtime: Runtime,
    request: &Request,
    uid: u32,
    remarks: &mut Vec<Remark>,
) -> Result<(Runtime, Sets), PlanError> {
    let own = sys::credentials::own_state().map_err(unreadable)?;
    let known = CapSet::up_to(sys::credentials::last_capability());
    let ideal = resolve_for(&runtime.clone().with_own(known), request)?;
    let (mut named, mut all) = (CapSet::EMPTY, CapSet::EMPTY);
    for capability in ideal.spec.bounding {
        match ideal.fate(capability).bounding_reason {
            Reason::AddedByAll { .. } | Reason::Privileged => all.insert(capability),
            // What a process without a container inherits was not asked for.
            Reason::PlainRoot => {}
            _ => named.insert(capability),
        }
    }
    for (limit, own) in [(own.bounding, SetName::Bounding), (own.permitted, SetName::Permitted)] {
        let capabilities = named - limit;
        if !capabilities.is_empty() {
            let wanted = own;
            return Err(LaunchError::CannotHave { capabilities, wanted, own }.into());
        }
    }
    let held = own.bounding & own.permitted;
    if !all.is_subset(held) {
        remarks.push(Remark::AllIsLess { without: all - held });
    }
    // If all of it can be had, a daemon that refuses a name it need not grant (Docker, under drop)
    // is no reason to refuse here.
    let runtime = runtime.with_own(held);
    let sets =
        if ideal.spec.bounding.is_subset(held) { ideal } else { resolve_for(&runtime, request)? };
    remarks.extend(sets.odd.iter().filter(|o| ignored(o)).cloned().map(Remark::Ignored));
    remarks.extend(sets.void.iter().map(|void| Remark::Void(void.sentence(runtime.oci))));
    let asked = request.privileged || !request.add.is_empty();
    if uid != 0 && asked && !sets.spec.bounding.is_empty() && sets.process.effective.is_empty() {
        remarks.push(Remark::NothingEffective { uid, engine: runtime.engine });
    }
    Ok((runtime, sets))
}

fn nothing_asked(request: &Request) -> bool {
    request.add.is_empty() && request.drop.is_empty() && !request.privileged
}

fn unreadable(source: std::io::Error) -> LaunchError {
    LaunchError::Io { what: "read this process's own capabilities", source }
}

fn resolve_for(runtime: &Runtime, request: &Request) -> Result<Sets, PlanError> {
    match runtime::resolve(runtime, request)? {
        Resolution::Known(sets)
        | Resolution::ByUser { root: sets, .. }
        | Resolution::OneStarts { starts: sets, .. } => Ok(*sets),
    }
}

fn ignored(odd: &OddWord) -> bool {
    matches!(odd.became, runtime::Became::Ignored { .. })
}

/// The container that is meant.
pub(crate) fn select<'a>(
    manifest: &'a Manifest,
    name: Option<&str>,
) -> Result<(&'a Workload, &'a Container), PlanError> {
    let file = || manifest.source.name().to_owned();
    let full = |(w, c): &(&Workload, &Container)| format!("{}/{}", w.name, c.name);
    let all: Vec<_> = manifest.containers().collect();
    let meant: Vec<_> = match name {
        None => all.clone(),
        Some(name) => {
            all.iter().filter(|pair| pair.1.name == name || full(pair) == name).copied().collect()
        }
    };
    match (&meant[..], name) {
        ([one], _) => Ok(*one),
        ([], _) if all.is_empty() => Err(PlanError::Manifest(match manifest.errors().next() {
            Some(problem) => {
                format!("{}: {}", manifest.source.locate(problem.span), problem.kind)
            }
            None => format!("{}: no containers in it", file()),
        })),
        ([], Some(name)) => {
            let there = all.iter().map(|(_, c)| c.name.clone()).collect();
            Err(PlanError::NoSuchContainer { file: file(), name: name.to_owned(), there })
        }
        _ => Err(PlanError::Ambiguous { file: file(), there: meant.iter().map(full).collect() }),
    }
}

/// Who the container runs as, and what had to be assumed for it.
fn account(
    manifest: &Manifest,
    (workload, container): (&Workload, &Container),
    context: &Context,
    options: &Options,
    remarks: &mut Vec<Remark>,
) -> Result<Account, PlanError> {
    let pod = &workload.pod;
    let id = |field, span, value: i64| {
        let file = || manifest.source.locate(span);
        u32::try_from(value)
            .ok()
            .filter(|id| i32::try_from(*id).is_ok())
            .ok_or_else(|| PlanError::Id { file: file(), field, value })
    };
    let mut account = match (&options.user, context.run_as_user) {
        (Some(user), _) => user.resolve()?,
        (None, Some(user)) => {
            let uid = id("runAsUser", user.span, user.value)?;
            Account { uid, gid: 0, groups: Vec::new(), known: false }
        }
        (None, None) if context.uid().is_some_and(|uid| uid >= 0) => {
            let uid = context.uid().and_then(|uid| u32::try_from(uid).ok()).unwrap_or_default();
            Account { uid, gid: 0, groups: Vec::new(), known: false }
        }
        (None, None) if context.run_as_non_root.is_some_and(|non_root| non_root.value) => {
            return Err(PlanError::WhichUser);
        }
        (None, None) if let Some(name) = &container.security.user_name => {
            return Err(PlanError::NamedUser { name: name.value.clone() });
        }
        (None, None) => {
            remarks.push(Remark::AssumedRoot);
            Account { uid: 0, gid: 0, groups: Vec::new(), known: false }
        }
    };
    if options.user.is_none() {
        match context.run_as_group {
            Some(group) => account.gid = id("runAsGroup", group.span, group.value)?,
            None if account.uid != 0 && container.security.group_name.is_none() => {
                remarks.push(Remark::AssumedGroup { uid: account.uid, gid: account.gid });
            }
            None => {}
        }
        account.groups.push(account.gid);
    }
    for group in &pod.supplemental_groups {
        account.groups.push(id("supplementalGroups", group.span, group.value)?);
    }
    let own = container.security.group_name.iter().filter(|_| options.user.is_none());
    let names = pod.group_names.iter().chain(own);
    let names = names.map(|name| Remark::NamedGroup(name.value.clone()));
    remarks.extend(names);
    if let Some(group) = pod.fs_group {
        account.groups.push(id("fsGroup", group.span, group.value)?);
    }
    account.groups.sort_unstable();
    account.groups.dedup();
    Ok(account)
}

/// `command` and `args`, with `$(NAME)` replaced; what is not written is the image's: its CMD counts
/// where neither is (kubernetes `pkg/kubelet/kuberuntime`, moby `daemon/commit.go` `merge`).
fn own_command(
    format: Format,
    container: &Container,
    image: Option<&Image>,
) -> Result<Vec<OsString>, PlanError> {
    let Container { command, args, env, .. } = container;
    let own = command.iter().chain(args).map(|word| expand_in(format, word, env).into());
    if !command.is_empty() {
        return Ok(own.collect());
    }
    let none = || PlanError::NoCommand { container: container.name.clone() };
    let image = image.ok_or_else(none)?;
    let cmd = image.cmd.iter().filter(|_| args.is_empty()).map(OsString::from);
    let words: Vec<_> = image.entrypoint.iter().map(OsString::from).chain(own).chain(cmd).collect();
    if words.is_empty() { Err(none()) } else { Ok(words) }
}
