//! `dropcap trace`: watch a command, a process, a cgroup or a container, and say what it needs.

pub mod report;
pub mod save;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use jobs::patch::Incomplete;
use jobs::run_container;
use observe::{Ended, ObserveError, Observed};
use record::observation::Recording;
use runtime::{Request, Runtime};
use trace::{Backend, FindError, Options, TargetName, TraceError};

use crate::failure::Failure;
use crate::images::ImageArgs;
use crate::ui::Ui;

/// Watch a program or a container and say which capabilities it uses, and for what.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "dropcap trace [OPTIONS] -- CMD [ARGS]…\n       dropcap trace [OPTIONS] TARGET",
    after_help = "\
TARGET is pid/4711, ctr/ID or ctr/NAME, pod/NAMESPACE/NAME, image/NAME, or cgroup/PATH. A container that its engine \
has created but not started (podman init) is watched from its entrypoint on; one that runs already is \
watched from now on, and the result says that its start was not seen. One that is not there yet is waited \
for with --wait, and watched from its entrypoint on.

A command is run with the capabilities of this shell, or with those a runtime would give (--runtime).

Needed: the kernel refuses the call without it. Doubtful: only a trial can tell. Both are in the list.

Exit status: 0 if the target was watched, whatever it did; 2 if not.

Examples:
  dropcap trace -- nginx -g 'daemon off;'
  dropcap trace ctr/web --for 30s --output web.profile.yaml
  dropcap trace ctr/web --for 30s --patch web.yaml -c web"
)]
pub struct Args {
    /// What to watch: pid/4711, ctr/NAME, pod/NAMESPACE/NAME, image/NAME, cgroup/PATH
    #[arg(value_name = "TARGET", conflicts_with_all = ["command", "replay", "pid"])]
    target: Option<TargetName>,

    /// Watch this process and its descendants (the same as pid/PID)
    #[arg(long, value_name = "PID", conflicts_with_all = ["command", "replay"])]
    pid: Option<u32>,

    /// Wait for a container that is not there yet
    #[arg(long, requires = "target")]
    wait: bool,

    /// Stop after so long: 30s, 5m; a command then gets SIGTERM
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    limit: Option<Duration>,

    /// See checks in this way only: fexit, tp_btf, raw_tp, kprobe; else the first that works here
    #[arg(long, value_name = "BACKEND", conflicts_with = "replay")]
    backend: Option<Backend>,

    /// Run the command as this runtime would start a container's root: containerd, docker, podman@4.9, …
    #[arg(long, value_name = "RUNTIME", requires = "command")]
    runtime: Option<Runtime>,

    /// Write the profile to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write what was seen, before it was judged, to this file
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Judge what was recorded earlier; needs no kernel and no privilege
    #[arg(long, value_name = "FILE", conflicts_with_all = ["command", "record"])]
    replay: Option<PathBuf>,

    /// Write the result into this manifest: drop ALL, add what is needed
    #[arg(long, value_name = "MANIFEST")]
    patch: Option<PathBuf>,

    /// Which container of the manifest; not needed if there is only one
    #[arg(short, long, value_name = "CONTAINER", requires = "patch")]
    container: Option<String>,

    #[command(flatten)]
    images: ImageArgs,

    /// Let --patch give the container more than it has now
    #[arg(long, requires = "patch")]
    allow_widen: bool,

    /// Leave the doubtful out of the --patch; then try whether the program works
    #[arg(long, requires = "patch")]
    needed_only: bool,

    /// Let --patch write a result that is incomplete: a start that was not seen, something lost
    #[arg(long = "incomplete", requires = "patch")]
    accept_incomplete: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// The command and its arguments
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

impl Args {
    fn incomplete(&self) -> Incomplete {
        if self.accept_incomplete { Incomplete::Accept } else { Incomplete::Refuse }
    }

    fn options(&self) -> Options {
        Options { backend: self.backend, ..Options::default() }
    }
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    save::may(args)?;
    let observed = observe(args, ui)?;
    save::recording(args, &observed)?;
    if args.json {
        writeln!(ui.out(), "{}", report::json(&observed)?)?;
    } else {
        for observed in &observed {
            report::print(observed, ui)?;
        }
    }
    save::profile(args, &observed, ui)?;
    save::patched(args, &observed, ui)?;
    Ok(ExitCode::SUCCESS)
}

fn observe(args: &Args, ui: &Ui) -> Result<Vec<Observed>, Failure> {
    if let Some(file) = &args.replay {
        let recording = Recording::read(file)
            .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        return Ok(vec![Observed::of(recording)]);
    }
    if !args.command.is_empty() {
        return Ok(vec![command(args, ui)?]);
    }
    let name = match (&args.target, args.pid) {
        (Some(name), _) => name.clone(),
        (None, Some(pid)) => TargetName::Process(pid),
        (None, None) => {
            return Err(Failure::new("nothing to watch")
                .help("name a target (ctr/NAME) or give a command: dropcap trace -- CMD"));
        }
    };
    let until = if args.limit.is_some() { "" } else { ", until it ends or Ctrl-C" };
    let watching = |tracer: &trace::Tracer| {
        ui.note(&format!("watching {name} by {}{until}", tracer.backend().name()))
    };
    let scopes = match name.find() {
        Ok(scopes) => scopes,
        Err(FindError::NotFound { .. }) if args.wait => {
            return wait_for(args, &name, |tracer, unread| {
                warn_of_unread(unread, ui);
                watching(tracer);
            });
        }
        Err(FindError::Trace(error)) => return Err(cannot_trace(error)),
        Err(error @ FindError::NotFound { .. }) => {
            return Err(
                Failure::new(error).help("--wait waits for it; `dropcap ps` lists what runs")
            );
        }
        Err(error) => return Err(Failure::new(error).help("`dropcap ps` lists what runs")),
    };
    save::may_of(args, scopes.len())?;
    observe::targets(scopes, args.options(), args.limit, watching).map_err(cannot_observe)
}

/// A container that is not there yet, from its entrypoint on; all its starts together.
fn wait_for(
    args: &Args,
    name: &TargetName,
    watching: impl FnOnce(&trace::Tracer, &[String]),
) -> Result<Vec<Observed>, Failure> {
    let wanted = |container: &sys::container::Container| name.names(container) == Some(true);
    // Nobody judges while it is watched, so nothing is settled.
    let options = Options { settle: false, ..args.options() };
    let followed =
        observe::follow(wanted, options, args.limit, watching).map_err(cannot_observe)?;
    if followed.is_empty() {
        return Err(Failure::new(format_args!("nothing ran in {name} while it was watched")));
    }
    Ok(followed.into_iter().map(|followed| Observed::of(followed.recording)).collect())
}

fn command(args: &Args, ui: &Ui) -> Result<Observed, Failure> {
    let options = run_container::Options {
        // As it is, unless a runtime is named.
        runtime: Some(args.runtime.clone().unwrap_or_else(|| Runtime::new(runtime::Engine::Linux))),
        user: None,
        command: args.command.clone(),
        ..run_container::Options::default()
    };
    let plan = run_container::plain(&Request::default(), &options).map_err(Failure::new)?;
    let mut spec = plan.spec;
    spec.die_with_parent = true;
    let (observed, ended) =
        observe::command(spec, args.options(), args.limit).map_err(cannot_observe)?;
    if let Some(warning) = cut_short(&ended) {
        ui.warning(&warning);
    }
    warn_of_left(&ended, ui);
    Ok(observed)
}

/// What was to be ended and could not be.
pub(super) fn warn_of_left(ended: &Ended, ui: &Ui) {
    let left: Vec<String> = ended.run_on.iter().map(u32::to_string).collect();
    if !left.is_empty() {
        ui.warning(&format!(
            "still running: {}, of another user now; to end it when its time is up, this process \
             would need KILL",
            left.join(" ")
        ));
    }
}

/// A command that failed may not have come to what it needs.
fn cut_short(ended: &Ended) -> Option<String> {
    let status = ended.exit?.status();
    (status != 0 && !ended.time_up)
        .then(|| format!("the command ended with status {status}: what it would have done after that was not seen"))
}

/// A container is told by its name, which is in files that not everybody may read.
pub(super) fn warn_of_unread(unread: &[String], ui: &Ui) {
    if let Some(first) = unread.first() {
        let count = unread.len();
        let (files, them) = if count == 1 { ("file", "it") } else { ("files", "one of them") };
        ui.warning(&format!(
            "{count} {files} that may name containers could not be read, so a container that only \
             {them} names is not found; the first: {first}"
        ));
    }
}

pub(super) fn cannot_observe(error: ObserveError) -> Failure {
    match error {
        ObserveError::Trace(error) => cannot_trace(error),
        error @ (ObserveError::Launch(_) | ObserveError::Signal(_)) => Failure::new(error),
    }
}

pub(super) fn cannot_trace(error: TraceError) -> Failure {
    Failure::new(error).help("`dropcap doctor` says what this machine can do and what is missing")
}

/// `30s`, `5m`, `1h30m`, or seconds.
pub(super) fn duration(word: &str) -> Result<Duration, String> {
    let seconds = word.parse::<f64>().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
    let parsed = seconds.or_else(|| {
        let span: jiff::SignedDuration = word.parse().ok()?;
        Duration::try_from(span).ok()
    });
    parsed
        .filter(|d| !d.is_zero())
        .ok_or_else(|| "expected a time such as 30s, 5m or 1h30m".to_owned())
}
