//! `dropcap why`: which refusal made a program fail, who took the capability away, and the least that
//! mends it.

mod text;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use image::Images;
use jobs::run_container;
use jobs::why::{Answer, Report, Tie, answer};
use judge::why::{End, Known, diagnose};
use manifest::Manifest;
use record::observation::{Recording, Target};
use runtime::{Engine, Request, Runtime};
use trace::{Backend, FindError, Options, TargetName};

use super::trace::{cannot_observe, cannot_trace, duration, warn_of_left, warn_of_unread};
use crate::failure::{FOUND, Failure};
use crate::images::ImageArgs;
use crate::ui::Ui;

/// Say which missing capability made a program or a container fail, who took it away, and the least
/// that mends it; or that no capability was refused, and where else to look.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "dropcap why [OPTIONS] -- CMD [ARGS]…\n       dropcap why [OPTIONS] TARGET",
    after_help = "\
TARGET is ctr/NAME or ctr/ID, pod/NAMESPACE/NAME, image/NAME, pid/4711, or cgroup/PATH. A container need \
not be there yet: it is followed from its entrypoint on, however short it lives, and start by start if it \
restarts. Without --for the watch ends when a start of it has ended.

Only what made a call fail is reported; a program that ended well minded nothing of it.

With -f every missing capability is tied to the line of the manifest that took it away, and the least \
edit is tried on the runtime before it is shown. A command is then run as that container would be \
(its sets, its user; not its image).

Exit status: 0 if no capability was wanting, 1 if one was, 2 if the target could not be watched.

Examples:
  dropcap why ctr/web                     what makes it fail, as soon as it fails
  dropcap why pod/default/web -f web.yaml -c web
  dropcap why image/nginx --for 5m --json
  dropcap why -- ping -c 1 127.0.0.1
  dropcap why --replay failed.json -f web.yaml"
)]
pub struct Args {
    /// What to follow: ctr/NAME, pod/NAMESPACE/NAME, image/NAME, pid/4711, cgroup/PATH
    #[arg(value_name = "TARGET", conflicts_with_all = ["command", "replay"])]
    target: Option<TargetName>,

    /// Stop after so long: 30s, 5m; a command then gets SIGTERM
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    limit: Option<Duration>,

    /// See checks in this way only: fexit, tp_btf, raw_tp, kprobe; else the first that works here
    #[arg(long, value_name = "BACKEND", conflicts_with = "replay")]
    backend: Option<Backend>,

    /// The manifest that decided
    #[arg(short, long, value_name = "MANIFEST")]
    file: Option<PathBuf>,

    /// Which container of the manifest; not needed if there is only one, or one of the target's name
    #[arg(short, long, value_name = "CONTAINER", requires = "file")]
    container: Option<String>,

    #[command(flatten)]
    images: ImageArgs,

    /// The runtime that reads the manifest: containerd@2.0, docker, podman@4.9, … (the target's own
    /// if not given, else containerd@2.0); a command without a manifest is run as it starts root
    #[arg(long, value_name = "RUNTIME")]
    runtime: Option<Runtime>,

    /// Write what was seen, before it was judged, to this file
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Judge what was recorded earlier; needs no kernel and no privilege
    #[arg(long, value_name = "FILE", conflicts_with_all = ["command", "record"])]
    replay: Option<PathBuf>,

    /// Print JSON (docs/schema/why-v1.json)
    #[arg(long)]
    json: bool,

    /// The command and its arguments
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// What was seen of one target.
struct Seen {
    /// All of it.
    recording: Recording,
    /// Start by start, the latest last.
    starts: Vec<Recording>,
    known: Known,
}

impl Seen {
    fn new(recording: Recording, starts: Vec<Recording>) -> Self {
        let known = Known { root: recording.root, end: None };
        Self { recording, starts, known }
    }

    fn once(recording: Recording) -> Self {
        let starts = vec![recording.clone()];
        Self::new(recording, starts)
    }
}

impl Args {
    fn options(&self) -> Options {
        Options { backend: self.backend, ..observe::failing() }
    }
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let manifest = args.file.as_deref().map(manifest::read).transpose().map_err(Failure::new)?;
    let seen = see(args, manifest.as_ref(), ui)?;
    record(args, &seen)?;
    let answers: Result<Vec<Answer>, Failure> =
        seen.iter().map(|seen| explain(args, manifest.as_ref(), seen)).collect();
    let report = Report::new(answers?);
    if args.json {
        let mut out = ui.out();
        serde_json::to_writer_pretty(&mut out, &report).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        text::print(&report, ui)?;
    }
    Ok(if report.wants_capability() { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}

fn explain(args: &Args, manifest: Option<&Manifest>, seen: &Seen) -> Result<Answer, Failure> {
    let target = &seen.recording.target;
    let tie = manifest
        .map(|m| Tie::new(m, args.container.as_deref(), target, args.runtime.clone()))
        .transpose()
        .map_err(|error| match &error {
            jobs::patch::Error::Several { .. } if args.container.is_none() => {
                Failure::new(error).help("name one: -c CONTAINER")
            }
            _ => Failure::new(error),
        })?;
    let diagnoses: Vec<_> = seen.starts.iter().map(|start| diagnose(start, &seen.known)).collect();
    Ok(answer(target.clone(), &diagnoses, tie.as_ref()))
}

fn see(args: &Args, manifest: Option<&Manifest>, ui: &Ui) -> Result<Vec<Seen>, Failure> {
    if let Some(file) = &args.replay {
        return replay(file).map(|seen| vec![seen]);
    }
    if !args.command.is_empty() {
        return command(args, manifest, ui).map(|seen| vec![seen]);
    }
    let Some(name) = &args.target else {
        return Err(Failure::new("nothing to follow")
            .help("name a target (ctr/NAME) or give a command: dropcap why -- CMD"));
    };
    let until = if args.limit.is_some() { "" } else { ", until it has failed or Ctrl-C" };
    let watching = |tracer: &trace::Tracer| {
        ui.note(&format!("following {name} by {}{until}", tracer.backend().name()));
    };
    if let TargetName::Process(_) | TargetName::Cgroup(_) = name {
        let scopes = name.find().map_err(|error| match error {
            FindError::Trace(error) => cannot_trace(error),
            error => Failure::new(error).help("`dropcap ps` lists what runs"),
        })?;
        let observed = observe::targets(scopes, args.options(), args.limit, watching)
            .map_err(cannot_observe)?;
        return Ok(observed.into_iter().map(|o| Seen::once(o.recording)).collect());
    }
    let wanted = |container: &sys::container::Container| name.names(container) == Some(true);
    let following = |tracer: &trace::Tracer, unread: &[String]| {
        warn_of_unread(unread, ui);
        watching(tracer);
    };
    let followed =
        observe::follow(wanted, args.options(), args.limit, following).map_err(cannot_observe)?;
    if followed.is_empty() {
        return Err(Failure::new(format_args!("nothing ran in {name} while it was watched"))
            .help("`dropcap ps` lists the containers that run; --for waits longer for one that is to come"));
    }
    let seen = |followed: observe::Followed| Seen::new(followed.recording, followed.starts);
    Ok(followed.into_iter().map(seen).collect())
}

fn replay(file: &Path) -> Result<Seen, Failure> {
    let recording = Recording::read(file)
        .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    if !matches!(recording.target, Target::Container(_)) {
        return Ok(Seen::once(recording));
    }
    let starts = observe::starts(&recording);
    Ok(Seen::new(recording, starts))
}

/// Runs the command as it is, as a runtime would start a container's root, or as the container of the
/// manifest.
fn command(args: &Args, manifest: Option<&Manifest>, ui: &Ui) -> Result<Seen, Failure> {
    let runtime = match manifest {
        None => Some(args.runtime.clone().unwrap_or_else(|| Runtime::new(Engine::Linux))),
        Some(_) => args.runtime.clone(),
    };
    let images = match (manifest, &args.file) {
        (Some(manifest), Some(file)) => args.images.load_for(manifest, file, ui)?,
        _ => Images::default(),
    };
    let options =
        run_container::Options { runtime, user: None, command: args.command.clone(), images };
    let plan = match manifest {
        None => run_container::plain(&Request::default(), &options),
        Some(manifest) => run_container::container(manifest, args.container.as_deref(), &options),
    }
    .map_err(Failure::new)?;
    for remark in plan.remarks.iter().filter(|remark| remark.is_warning()) {
        ui.warning(&remark.to_string());
    }
    let mut spec = plan.spec;
    spec.die_with_parent = true;
    let (observed, ended) =
        observe::command(spec, args.options(), args.limit).map_err(cannot_observe)?;
    warn_of_left(&ended, ui);
    let mut seen = Seen::once(observed.recording);
    // What was ended because its time was up did not fail.
    seen.known.end = ended.time_up.then_some(End::Running);
    Ok(seen)
}

fn record(args: &Args, seen: &[Seen]) -> Result<(), Failure> {
    let Some(file) = &args.record else { return Ok(()) };
    let [one] = seen else {
        return Err(Failure::new("--record takes one container, and there were several")
            .help("name the container: ctr/NAME"));
    };
    let text = one.recording.to_json().map_err(Failure::new)? + "\n";
    manifest::write_whole(file, &text).map(drop).map_err(Failure::from)
}
