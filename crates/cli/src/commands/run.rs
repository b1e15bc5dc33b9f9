//! `dropcap run`.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use caps::CapState;
use jobs::accounts::UserArgument;
use jobs::run_container::{self, Options, Plan, PlanError};
use launch::{Forwarding, Held, LaunchError, SetName};
use runtime::{Request, Runtime};

use crate::failure::Failure;
use crate::images::ImageArgs;
use crate::ui::{BOLD, DIM, Ui};

/// Exit code when dropcap itself could not do it, as `docker run` has it.
pub const CANNOT: u8 = 125;

/// Arguments of `dropcap run`.
///
/// The command gets the sets that a container runtime would give it, and keeps everything else of
/// this machine: files, network, processes. No image is used; what --image-info and --images say of
/// a container's user and command counts.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "dropcap run [OPTIONS] [--] CMD [ARGS]…\n       \
                      dropcap run -f MANIFEST [-c CONTAINER] [OPTIONS] [-- CMD [ARGS]…]",
    after_long_help = "\
Without --runtime a plain command gets what `docker run` would give it: Docker's 14 capabilities, \
less what is dropped, plus what is added. A manifest's container gets what containerd 2.0 would \
give it, a Compose service what Docker would.

A container of a manifest is run with its runAsUser, runAsGroup, supplementalGroups, fsGroup, \
allowPrivilegeEscalation, privileged, capabilities and env, and with its command and args unless \
another command is given. Without runAsUser it is run as the image's user, where that is known, \
else as root.

Signals are passed on. Exit status: that of the command; 128 + N if signal N ended it; 125 if \
dropcap could not do what was asked, 126 if the command cannot be executed, 127 if it is not there.

Examples:
  dropcap run --cap-drop ALL --cap-add NET_BIND_SERVICE -- nginx -g 'daemon off;'
  dropcap run --user 1000:1000 --runtime podman --cap-add NET_RAW ping -c 1 localhost
  dropcap run -f web.yaml -c nginx
  dropcap -v run -f web.yaml -c nginx -- sh -c 'grep Cap /proc/self/status'"
)]
pub struct Args {
    /// Add a capability, or ALL; repeat it, or separate with commas
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    cap_add: Vec<String>,
    /// Drop a capability, or ALL; repeat it, or separate with commas
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    cap_drop: Vec<String>,
    /// Give all capabilities that this process holds
    #[arg(long)]
    privileged: bool,
    /// Set no_new_privs: no set-uid program can gain anything
    #[arg(long)]
    no_new_privs: bool,
    /// Do as this runtime would: containerd, crio, docker, podman, nerdctl, linux; containerd@1.7
    #[arg(long, value_name = "RUNTIME")]
    runtime: Option<Runtime>,
    /// Run as this user (and group), each a name or a number; names are those of this machine
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<UserArgument>,
    /// Take all of it from a container of this manifest (- for standard input)
    #[arg(
        short,
        long,
        value_name = "MANIFEST",
        conflicts_with_all = ["cap_add", "cap_drop", "privileged", "no_new_privs"]
    )]
    file: Option<PathBuf>,
    /// Which container: its name, or WORKLOAD/CONTAINER; not needed if there is only one
    #[arg(short, long, value_name = "CONTAINER", requires = "file")]
    container: Option<String>,
    #[command(flatten)]
    images: ImageArgs,
    /// The command and its arguments
    #[arg(trailing_var_arg = true, value_name = "CMD", required_unless_present = "file")]
    command: Vec<OsString>,
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let plan = plan(args, ui).map_err(explain)?;
    for remark in &plan.remarks {
        if remark.is_warning() {
            ui.warning(&remark.to_string());
        } else {
            ui.note(&remark.to_string());
        }
    }
    execute(plan, ui).map_err(|error| explain(Error::Plan(error.into())))
}

/// What can go wrong before there is anything to launch.
enum Error {
    Manifest(manifest::ReadError),
    Images(Failure),
    Plan(PlanError),
}

fn plan(args: &Args, ui: &Ui) -> Result<Plan, Error> {
    let mut options = Options {
        runtime: args.runtime.clone(),
        user: args.user.clone(),
        command: args.command.clone(),
        ..Options::default()
    };
    let Some(file) = &args.file else {
        let request = Request {
            add: args.cap_add.clone(),
            drop: args.cap_drop.clone(),
            privileged: args.privileged,
            no_new_privs: args.no_new_privs,
            ..Request::default()
        };
        return run_container::plain(&request, &options).map_err(Error::Plan);
    };
    let manifest = manifest::read(file).map_err(Error::Manifest)?;
    options.images = args.images.load_for(&manifest, file, ui).map_err(Error::Images)?;
    run_container::container(&manifest, args.container.as_deref(), &options).map_err(Error::Plan)
}

fn execute(plan: Plan, ui: &Ui) -> Result<ExitCode, LaunchError> {
    let forwarding = Forwarding::new()?;
    let mut spec = plan.spec;
    // A killed dropcap leaves nothing behind.
    spec.die_with_parent = true;
    let held = launch::spawn_held(spec)?;
    if ui.verbosity() > 0 {
        let _ = describe(&held, &plan.runtime, plan.sets.process, ui);
    }
    let mut child = held.release()?;
    let exit = forwarding.wait(&mut child)?;
    Ok(ExitCode::from(exit.status()))
}

/// What the process has right before `execve`, read back from it, and what comes of that.
fn describe(held: &Held, runtime: &Runtime, after: CapState, ui: &Ui) -> std::io::Result<()> {
    let mut err = ui.err();
    let field = |name: &str| {
        let line = held.status().lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    };
    let own = |name: &str| field(name).split(' ').nth(1).unwrap_or_default().to_owned();
    let privs = if field("NoNewPrivs") == "1" { ", no_new_privs" } else { "" };
    writeln!(
        err,
        "{BOLD}process {}{BOLD:#} {DIM}as {runtime} starts it:{DIM:#} user {}, group {}, groups {}{privs}",
        held.pid(),
        own("Uid"),
        own("Gid"),
        field("Groups"),
    )?;
    let state = held.state();
    for (name, set) in [
        (SetName::Bounding, state.bounding),
        (SetName::Permitted, state.permitted),
        (SetName::Effective, state.effective),
        (SetName::Inheritable, state.inheritable),
        (SetName::Ambient, state.ambient),
    ] {
        writeln!(err, "  {name:<12} {set}")?;
    }
    writeln!(
        err,
        "  {DIM}after execve of a program without file capabilities:{DIM:#} effective {}",
        after.effective
    )
}

/// In a person's words, with what to do, and with the exit code of `docker run`.
fn explain(error: Error) -> Failure {
    let error = match error {
        Error::Manifest(error) => return Failure::new(error).code(CANNOT),
        Error::Images(failure) => return failure.code(CANNOT),
        Error::Plan(error) => error,
    };
    let failure = Failure::new(&error);
    let root = sys::credentials::own_user().0 == 0;
    match &error {
        PlanError::Launch(launch) => {
            let failure = failure.code(launch.exit_code());
            match launch {
                LaunchError::CannotHave { .. } | LaunchError::Lacks { .. } if !root => {
                    failure.help("run it as root: sudo dropcap run …")
                }
                LaunchError::CannotHave { .. } => failure.help(
                    "whoever started this shell took it away (a container, a service manager); \
                     ask there, or do without it: --cap-drop",
                ),
                _ => failure,
            }
        }
        PlanError::NoCommand { .. } => failure
            .help(
                "give the command: dropcap run -f … -- CMD; or say what the image is: --image-info",
            )
            .code(CANNOT),
        PlanError::WhichUser | PlanError::NamedUser { .. } => failure
            .help("name one: --user 1000; or say what the image is: --image-info")
            .code(CANNOT),
        PlanError::Ambiguous { .. } => failure.help("name one: -c WORKLOAD/CONTAINER").code(CANNOT),
        _ => failure.code(CANNOT),
    }
}
