//! `dropcap check`: what is wrong with the capabilities of a manifest's containers.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use caps::{FileCaps, LibcapText};
use check::render::{github, json, junit, sarif, text};
use check::{Entrypoint, Options, Report, Selection, Severity};
use resolve::Policy;
use runtime::Runtime;

use crate::failure::{ERROR, FOUND, Failure};
use crate::manifests::{self, KindArgs};
use crate::ui::{BOLD, GREEN, Ui};

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
    /// Exit with 1 from this severity on
    #[arg(long, value_enum, value_name = "SEVERITY", default_value_t = FailOn::Warning)]
    fail_on: FailOn,
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
    pub kinds: KindArgs,
}

impl RuleArgs {
    /// The options, and whether the runtime was assumed.
    pub fn options(&self) -> Result<(Options, bool), Failure> {
        let mut options = Options {
            selection: Selection::new(&self.select, &self.ignore).map_err(Failure::new)?,
            ..Options::default()
        };
        if let Some(runtime) = &self.runtime {
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
        options.pod_security = self.pod_security;
        Ok((options, self.runtime.is_none()))
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

Exit status: 0 nothing from --fail-on on, 1 something, 2 something could not be read, or there are
no containers at all. `dropcap explain RULE` tells what a rule is about.";

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let (options, assumed) = args.rules.options()?;
    let loaded = manifests::load(&args.paths, &args.rules.kinds)?;
    let whole = manifests::report(&loaded, ui);
    if loaded.counts().containers == 0 {
        return Err(manifests::no_containers(&loaded));
    }
    let report = Report::new(&loaded, &options, assumed);
    if let Some(path) = &args.sarif {
        let log = pretty(&sarif::document(&report))?;
        manifest::write_whole(path, &log).map_err(Failure::new)?;
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
    } else if args.fail_on.is_reached(report.worst()) {
        ExitCode::from(FOUND)
    } else {
        ExitCode::SUCCESS
    })
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
    for file in &report.files {
        for finding in &file.checked.findings {
            found = true;
            let source = &file.manifest.source;
            let place = file.checked.containers[finding.container].id.workload;
            let format = file.manifest.workloads[place].pod.format;
            let runtime = Options::name_of(report.options.runtime_for(format));
            writeln!(out, "{}\n", text::finding(source, finding, &runtime, ui.colour()))?;
        }
    }
    let skipped = report.loaded.counts().templates;
    let skipped = match skipped {
        0 => String::new(),
        n => format!("; {} not rendered, left out", check::words::count(n, "template")),
    };
    let assumed = match report.assumed {
        true => " (assumed, --runtime names another)",
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
        let clean = if whole { "clean" } else { "clean, as far as it could be read" };
        writeln!(
            ui.err(),
            "{GREEN}{clean}:{GREEN:#} {containers} in {files} for {runtime}{assumed}{skipped}"
        )?;
    }
    Ok(())
}
