//! `dropcap show`: the sets every container really gets, and why.

mod abilities;
mod compare;
mod danger;
mod holders;
mod json;
mod paragraph;
mod phrases;
mod subject;
mod text;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use caps::{CapSet, Capability, FileCaps};
use manifest::Format;
use runtime::{Engine, Runtime};

use super::check::file_caps;
use crate::failure::{ERROR, Failure};
use crate::images::ImageArgs;
use crate::manifests::{self, KindArgs};
use crate::ui::Ui;
use subject::{Found, Resolver};

/// Arguments of `dropcap show`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Manifests, folders of them, or `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The container runtime, with its version if it matters, or `all` to compare them:
    /// containerd@2.0, crio@1.28, docker, podman@4.3+crun@1.8, nerdctl, linux, all
    /// (assumed if not given: containerd@2.0, for Compose docker)
    #[arg(short, long, value_name = "RUNTIME")]
    runtime: Option<Runtimes>,
    /// The runtime's default set, where it is configured and not the compiled-in one
    #[arg(long, value_name = "CAPS")]
    default_set: Option<CapSet>,
    /// What the daemon itself holds, where that is not everything (in a container, on a restricted
    /// host): ALL and privileged grant no more
    #[arg(long, value_name = "CAPS")]
    daemon_set: Option<CapSet>,
    /// What the entrypoint of every image carries, as getcap prints it: cap_net_bind_service=ep
    #[arg(long, value_name = "CAPS", value_parser = file_caps)]
    file_caps: Option<FileCaps>,
    /// List only the containers that hold this capability, or can come to hold it
    #[arg(long, value_name = "CAP")]
    holds: Option<Capability>,
    /// Print one JSON document instead of text (docs/schema/show-v1.json)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    images: ImageArgs,
    #[command(flatten)]
    kinds: KindArgs,
}

const EXAMPLES: &str = "\
Examples:
  dropcap show web.yaml                        what each container holds, and why
  dropcap show -v web.yaml                     and why it does not hold the rest
  dropcap show --runtime all web.yaml          where the runtimes disagree
  dropcap show --holds SYS_ADMIN k8s/          who holds it, in a whole repository
  helm template chart | dropcap show -         what a chart would get

The sets are those after the entrypoint's execve. A seccomp profile or an LSM may refuse what a
capability allows. Of an image nothing is known unless --image-info, --images or --file-caps says it.";

/// One runtime, or all.
#[derive(Debug, Clone)]
enum Runtimes {
    One(Box<Runtime>),
    All,
}

impl FromStr for Runtimes {
    type Err = runtime::ParseRuntimeError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        if word.eq_ignore_ascii_case("all") {
            return Ok(Self::All);
        }
        word.parse().map(|runtime| Self::One(Box::new(runtime)))
    }
}

impl Args {
    /// The runtimes to resolve for, and whether nobody named one.
    fn runtimes(&self) -> (Vec<Runtime>, bool) {
        let (runtimes, assumed) = match &self.runtime {
            Some(Runtimes::One(runtime)) => (vec![(**runtime).clone()], false),
            Some(Runtimes::All) => (Engine::ALL.into_iter().map(Runtime::new).collect(), false),
            None => (vec![Runtime::assumed_for_kubernetes()], true),
        };
        (runtimes.into_iter().map(|runtime| self.configured(runtime)).collect(), assumed)
    }

    /// The same for Compose files.
    fn for_compose(&self, runtimes: &[Runtime], assumed: bool) -> Vec<Runtime> {
        if !assumed {
            return runtimes.to_vec();
        }
        vec![self.configured(Runtime::new(Engine::Docker))]
    }

    /// With the sets that were given.
    fn configured(&self, runtime: Runtime) -> Runtime {
        let own = self.daemon_set.unwrap_or(runtime.own);
        Runtime { configured_default: self.default_set, own, ..runtime }
    }
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let (runtimes, assumed) = args.runtimes();
    let compose = args.for_compose(&runtimes, assumed);
    let loaded = manifests::load(&args.paths, &args.kinds)?;
    let whole = manifests::report(&loaded, ui);
    let images = args.images.load(&args.paths, &loaded, ui)?;
    let resolver = Resolver { runtimes, compose, images, carried: args.file_caps };
    let mut found: Vec<Found> = loaded
        .manifests
        .iter()
        .flat_map(|manifest| {
            let all = manifest.containers();
            all.map(move |(workload, container)| Found { manifest, workload, container })
        })
        .collect();
    let looked_at = found.len();
    if looked_at == 0 {
        return Err(manifests::no_containers(&loaded));
    }
    if let Some(capability) = args.holds {
        found.retain(|found| resolver.resolve(found).may_hold(capability));
    }
    let subjects = || found.iter().map(|found| resolver.resolve(found));
    let Resolver { runtimes, compose, .. } = &resolver;
    let mut out = ui.long_out();
    if args.json {
        let report = json::report(&loaded, runtimes, assumed, args.holds, subjects);
        serde_json::to_writer_pretty(&mut out, &report).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        let formats = found.iter().map(|found| found.workload.pod.format);
        let (for_compose, others): (Vec<_>, Vec<_>) =
            formats.partition(|format| *format == Format::Compose);
        let compose = (!for_compose.is_empty()).then_some(compose.as_slice());
        let others = (!others.is_empty() || compose.is_none()).then_some(runtimes.as_slice());
        text::introduction(&mut out, others, compose, assumed)?;
        match args.holds {
            Some(capability) => holders::print(&mut out, subjects(), capability, looked_at)?,
            None if runtimes.len() > 1 => compare::print(&mut out, subjects())?,
            None => text::print(&mut out, subjects(), ui)?,
        }
    }
    out.flush()?;
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(ERROR) })
}
