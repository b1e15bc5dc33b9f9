//! `dropcap check`: what is wrong with the capabilities of a manifest's containers.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use caps::{Capability, FileCaps, LibcapText};
use check::baseline::{Baseline, Compared};
use check::learnt::Accepted;
use check::render::{github, json, junit, sarif, text};
use check::{Entrypoint, Options, Report, Selection, Severity, UnknownRule};
use resolve::Policy;
use runtime::Runtime;

use crate::config::{Config, ConfigArgs};
use crate::failure::{ERROR, FOUND, Failure};
use crate::images::ImageArgs;
use crate::manifests::{self, KindArgs};
use crate::profiles::ProfileArgs;
use crate::ui::{BOLD, DIM, GREEN, Ui};
use crate::waivers::{self, Waivers};

/// Arguments of `dropcap check`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Manifests, folders of them, or `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    rules: RuleArgs,
    /// How to print
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    format: Format,
    /// Write a SARIF 2.1.0 log to this file, too
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
    /// Exit with 1 from this severity on [default: warning]
    #[arg(long, value_enum, value_name = "SEVERITY")]
    fail_on: Option<FailOn>,
    /// Only findings about this capability
    #[arg(long, value_name = "CAP", conflicts_with = "write_baseline")]
    holds: Option<Capability>,
    /// Only what is not in this baseline counts
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write what counts now to this baseline; run again, it shrinks by what was mended
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    write_baseline: Option<PathBuf>,
}

/// What `check` and `fix` have in common.
#[derive(Debug, clap::Args)]
pub struct RuleArgs {
    /// The container runtime, with its version if it matters: containerd@2.0, crio@1.28, docker,
    /// podman@4.3+crun@1.8, nerdctl (assumed if not given: containerd@2.0, for Compose docker)
    #[arg(short, long, value_name = "RUNTIME")]
    runtime: Option<Runtime>,
    /// Only these rules
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    select: Vec<String>,
    /// Not these rules
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    ignore: Vec<String>,
    /// You have looked: no image's entrypoint carries file capabilities (getcap prints nothing)
    #[arg(long)]
    no_file_caps: bool,
    /// What the entrypoint of every image carries, as getcap prints it: cap_net_bind_service=ep
    #[arg(long, value_name = "CAPS", conflicts_with = "no_file_caps", value_parser = file_caps)]
    file_caps: Option<FileCaps>,
    /// Report what this Pod Security level refuses, in the API server's words: restricted@1.30,
    /// baseline (the newest rules)
    #[arg(long, value_name = "LEVEL[@VERSION]")]
    pod_security: Option<Policy>,
    #[command(flatten)]
    pub profiles: ProfileArgs,
    #[command(flatten)]
    pub images: ImageArgs,
    #[command(flatten)]
    pub kinds: KindArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The waiver file, whatever stands beside the manifests (docs/waivers.md)
    #[arg(long, value_name = "FILE")]
    pub waivers: Option<PathBuf>,
}

impl RuleArgs {
    /// The options, and whether the runtime was assumed. The command line wins over `config`.
    pub fn options(&self, config: &Config) -> Result<(Options, bool), Failure> {
        let in_config = |error: UnknownRule| match config.name() {
            Some(name) => Failure::new(format_args!("{name}: {error}")),
            None => Failure::new(error),
        };
        Selection::new(&self.select, &self.ignore).map_err(Failure::new)?;
        let select = if self.select.is_empty() { config.select() } else { &self.select };
        let ignore: Vec<String> = self.ignore.iter().cloned().chain(config.ignored()).collect();
        let mut options = Options {
            selection: Selection::new(select, &ignore).map_err(in_config)?,
            ..Options::default()
        };
        let runtime = match &self.runtime {
            Some(runtime) => Some(runtime.clone()),
            None => config.runtime()?,
        };
        if let Some(runtime) = &runtime {
            options.runtime = runtime.clone();
            options.compose_runtime = runtime.clone();
            options.assumed = false;
        }
        if self.no_file_caps {
            options.entrypoint = Entrypoint::Plain;
        }
        if let Some(carried) = self.file_caps {
            options.entrypoint = Entrypoint::Carries(carried);
        }
        options.pod_security = match self.pod_security {
            Some(policy) => Some(policy),
            None => config.pod_security()?,
        };
        Ok((options, runtime.is_none()))
    }
}

/// Reads what getcap(8) prints behind the file's name.
pub fn file_caps(text: &str) -> Result<FileCaps, String> {
    let text = text.parse::<LibcapText>().map_err(|error| error.to_string())?;
    text.to_file_caps().map_err(|error| error.to_string())
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a person: excerpts and a summary
    Text,
    /// For a program: one versioned document (docs/schema/check-v1.json)
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML: a test a container
    Junit,
    /// Annotations of GitHub Actions
    Github,
}

/// From which severity on `check` exits with 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
    /// A way out of the container
    Error,
    /// Dangerous, or a list that does not do what it says
    Warning,
    /// Anything found
    Note,
    /// Never
    Never,
}

impl FailOn {
    fn is_reached(self, worst: Option<Severity>) -> bool {
        let least = match self {
            FailOn::Error => Severity::Error,
            FailOn::Warning => Severity::Warning,
            FailOn::Note => Severity::Note,
            FailOn::Never => return false,
        };
        worst.is_some_and(|worst| worst >= least)
    }
}

const EXAMPLES: &str = "\
Examples:
  dropcap check web.yaml                        what is wrong with it
  dropcap check k8s/ --fail-on error            gate a repository on ways out of a container
  dropcap check --runtime crio web.yaml         as CRI-O would run it
  dropcap check --pod-security restricted k8s/  what a restricted namespace would refuse, too
  helm template chart | dropcap check -         what a chart comes to
  dropcap check --format json k8s/ > found.json
  dropcap check --sarif found.sarif k8s/        for code scanning, beside the text
  dropcap check --profile profiles/ k8s/        against what was learnt: what is too much, what will break
  dropcap check --write-baseline known.json k8s/   the first day; then --baseline known.json

A finding counts unless a waiver, a comment `# dropcap: ignore[RULE] why` or the baseline answers for
it (docs/waivers.md); how many do not is said, and which with -v.

Exit status: 0 nothing that counts from --fail-on on, 1 something, 2 something could not be read (the
configuration, a waiver file and the baseline among it), or there are no containers at all. `dropcap explain RULE` tells what a rule is about.";

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let config = args.rules.config.read(&args.paths)?;
    let (mut options, assumed) = args.rules.options(&config)?;
    let mut loaded = manifests::load_with(&args.paths, &args.rules.kinds, &config.kinds())?;
    let excluded = config.exclude(&mut loaded)?;
    options.images = args.rules.images.load(&args.paths, &loaded, ui)?;
    options.learnt =
        args.rules.profiles.load(&config, Accepted::default())?.among(&loaded.manifests);
    let whole = manifests::report(&loaded, ui);
    if loaded.counts().containers == 0 {
        return Err(manifests::no_containers(&loaded));
    }
    args.rules.profiles.report(&options.learnt, &loaded, ui)?;
    let mut report = Report::new(&loaded, &options, assumed);
    if let Some(name) = config.name() {
        says(&config, name, excluded, ui);
    }
    let named = args.rules.waivers.clone().or_else(|| config.waivers());
    let everything = whole && options.selection == Selection::default() && excluded == 0;
    let when = (waivers::today(), everything);
    let mut waivers = Waivers::of(&loaded, &args.paths, named.as_deref(), &config.policy(), when)?;
    report.waive(&mut waivers.judged, &waivers.files);
    if let Some(path) = &args.write_baseline {
        return write_baseline(&mut report, path, whole, ui);
    }
    if let Some(path) = args.baseline.clone().or_else(|| config.baseline()) {
        compare(&mut report, &path, ui)?;
    }
    if let Some(capability) = args.holds {
        report.only_about(capability);
    }
    let fail_on = match args.fail_on {
        Some(fail_on) => fail_on,
        None => config.fail_on()?.unwrap_or(FailOn::Warning),
    };
    if let Some(path) = &args.sarif {
        let log = pretty(&sarif::document(&report))?;
        manifest::write_whole(path, &log).map_err(Failure::from)?;
    }
    match args.format {
        Format::Json => {
            write!(ui.out(), "{}", pretty(&json::document(&report))?)?;
        }
        Format::Sarif => write!(ui.out(), "{}", pretty(&sarif::document(&report))?)?,
        Format::Junit => write!(ui.out(), "{}", junit::document(&report))?,
        Format::Github => write!(ui.out(), "{}", github::lines(&report))?,
        Format::Text => print(&report, whole, ui)?,
    }
    Ok(if !whole {
        ExitCode::from(ERROR)
    } else if fail_on.is_reached(report.worst()) {
        ExitCode::from(FOUND)
    } else {
        ExitCode::SUCCESS
    })
}

/// What a configuration does to the run: a rule that it turns off and a file that it leaves out are
/// said, the rest with `-v`.
fn says(config: &Config, name: &str, excluded: usize, ui: &Ui) {
    let ignored = config.ignored();
    if !ignored.is_empty() {
        ui.note(&format!("{name} turns off {}", check::words::list(&ignored)));
    }
    if excluded > 0 {
        let files = check::words::count(excluded, "file");
        ui.note(&format!("{name} leaves out {files}"));
    }
    if ui.verbosity() > 0 {
        ui.note(&format!("configured by {name} (--no-config for none)"));
    }
}

/// Writes what counts, and what an old baseline at that place has of it.
fn write_baseline(
    report: &mut Report<'_>,
    path: &Path,
    whole: bool,
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    let baseline = Baseline::of(report, path);
    manifest::write_whole(path, &baseline.text()).map_err(Failure::from)?;
    let findings = check::words::count(baseline.findings.len(), "finding");
    ui.note(&format!("{findings} written to {}", path.display()));
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(ERROR) })
}

/// Sets aside what a baseline has, and says what of it is no longer found.
fn compare(report: &mut Report<'_>, path: &Path, ui: &Ui) -> Result<(), Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format_args!("{name}: cannot read it: {error}")))?;
    let baseline = Baseline::parse(&name, &text).map_err(Failure::new)?;
    let runtime = report.options.runtime.to_string();
    if baseline.runtime != runtime {
        let written = &baseline.runtime;
        ui.warning(&format!("{name} was written for {written}, and this run is for {runtime}"));
    }
    let Compared { fixed } = report.compare(&baseline, path);
    if !fixed.is_empty() {
        let entries = check::words::count(fixed.len(), "finding");
        ui.note(&format!(
            "{entries} of {name} no longer found: --write-baseline {name} takes them out"
        ));
    }
    Ok(())
}

/// The runtimes that the run was about: `containerd 2.0`, `containerd 2.0, Docker for Compose`.
fn runtimes(report: &Report<'_>) -> String {
    let options = report.options;
    let workloads = report.files.iter().flat_map(|file| &file.manifest.workloads);
    let (compose, others): (Vec<_>, Vec<_>) =
        workloads.partition(|workload| workload.pod.format == manifest::Format::Compose);
    let for_compose = Options::name_of(&options.compose_runtime);
    match (compose.is_empty() || options.compose_runtime == options.runtime, others.is_empty()) {
        (true, _) => options.runtime_name(),
        (false, true) => for_compose,
        (false, false) => format!("{}, {for_compose} for Compose", options.runtime_name()),
    }
}

/// JSON that ends with a newline.
fn pretty(document: &impl serde::Serialize) -> Result<String, Failure> {
    let json = serde_json::to_string_pretty(document).map_err(std::io::Error::from)?;
    Ok(json + "\n")
}

fn print(report: &Report<'_>, whole: bool, ui: &Ui) -> Result<(), Failure> {
    let mut out = ui.out();
    let runtime = runtimes(report);
    let mut found = false;
    for check::Found { source, finding, format, .. } in report.findings() {
        if let Some(why) = finding.standing.why() {
            if ui.verbosity() > 0 {
                let at = source.locate(finding.primary.span);
                let (id, message) = (finding.rule.id, text::clean(&finding.message));
                writeln!(out, "{DIM}{at}: {message} [{id}]: {}{DIM:#}\n", text::clean(&why))?;
            }
            continue;
        }
        found = true;
        let runtime = format.map(|format| Options::name_of(report.options.runtime_for(format)));
        let runtime = runtime.unwrap_or_default();
        writeln!(out, "{}\n", text::finding(source, finding, &runtime, ui.colour()))?;
    }
    let skipped = report.loaded.counts().templates;
    let skipped = match skipped {
        0 => String::new(),
        n => format!("; {} not rendered, left out", check::words::count(n, "template")),
    };
    let assumed = match report.assumed {
        true => " (assumed, see --runtime)",
        false => "",
    };
    if found {
        for (index, line) in
            text::summary(report, &format!("{runtime}{assumed}")).iter().enumerate()
        {
            if index == 0 {
                writeln!(out, "{BOLD}{line}{skipped}{BOLD:#}")?;
            } else {
                writeln!(out, "{line}")?;
            }
        }
    } else if !ui.quiet() {
        let containers = check::words::count(report.loaded.counts().containers, "container");
        let files = check::words::count(report.files.len(), "file");
        let answered = text::answered(&report.totals());
        let answered = answered.map(|answered| format!("; {answered}")).unwrap_or_default();
        let clean = if whole { "clean" } else { "clean, as far as it could be read" };
        writeln!(
            ui.err(),
            "{GREEN}{clean}:{GREEN:#} {containers} in {files} for {runtime}{assumed}{answered}{skipped}"
        )?;
    }
    Ok(())
}
