//! `dropcap fit --image` and `dropcap fit -f`: containers of the user's engine.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use caps::CapSet;
use fit::container::{ContainerError, Containers, Probe};
use fit::test::Tests;
use fit::{Answer, Event, Ran, Rigour, Runner};
use jobs::fit_container::{self, Asked, Error, Grant, Options, Plan, Remark, grow};
use jobs::run_container::PlanError;
use launch::engine::{Engine, remove_leftovers};
use runtime::Runtime;

use crate::failure::Failure;
use crate::ui::Ui;

/// How long a container is watched without a test.
const WATCHED: Duration = Duration::from_secs(10);
/// So often a failing first run is given what it was refused.
const ROUNDS: usize = 4;

/// What is fitted, if it is a container.
#[derive(Debug, clap::Args)]
pub struct ContainerArgs {
    /// Fit containers of this image; the engine must have it, nothing is pulled
    #[arg(long, value_name = "IMAGE", conflicts_with = "file")]
    image: Option<String>,

    /// Fit a container of this manifest, and write the result into it
    #[arg(short, long, value_name = "MANIFEST")]
    file: Option<PathBuf>,

    /// Which container of the manifest: its name, or WORKLOAD/CONTAINER
    #[arg(short, long, value_name = "CONTAINER", requires = "file")]
    container: Option<String>,

    /// The engine that runs the containers
    #[arg(long, value_enum, value_name = "ENGINE", default_value_t = EngineName::Podman)]
    engine: EngineName,

    /// Options of the engine's `create`, as one text: '--network none -v /srv:/srv:ro'
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    engine_args: Vec<String>,

    /// Start the manifest's container as this runtime does: containerd, crio, docker, podman@4.9, …
    #[arg(long, value_name = "RUNTIME", requires = "file")]
    runtime: Option<Runtime>,

    /// Let it hold these in trials beside what it would get today; `all` on a disposable machine
    #[arg(long, value_name = "CAP|all", value_delimiter = ',')]
    grant: Vec<String>,

    /// Show what would change in the manifest, and write nothing
    #[arg(long, requires = "file")]
    diff: bool,

    /// Let the manifest's container have more than it has now
    #[arg(long, requires = "file")]
    allow_widen: bool,
}

/// `--engine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum EngineName {
    /// Podman
    Podman,
    /// Docker
    Docker,
}

/// What the search is to be, whatever is fitted.
#[derive(Debug)]
pub struct Ask {
    /// The test; else the manifest's or the image's.
    pub tests: Option<Tests>,
    /// How long a test may take.
    pub limit: Duration,
    /// How much is to be shown.
    pub rigour: Rigour,
    /// Whether alternatives are tried.
    pub alternatives: bool,
}

/// What was found, for the report.
#[derive(Debug)]
pub struct Fitted {
    /// What was decided beforehand.
    pub plan: Plan,
    /// The test in words, and where it is from; `None` if there was none.
    pub test: Option<String>,
    /// What the first run showed.
    pub first: Ran,
    /// What the search found; `None` without a test.
    pub answer: Option<Answer>,
}

impl ContainerArgs {
    /// Whether a container is to be fitted.
    pub fn asked(&self) -> bool {
        self.image.is_some() || self.file.is_some()
    }

    fn engine(&self) -> Engine {
        match self.engine {
            EngineName::Podman => Engine::Podman,
            EngineName::Docker => Engine::Docker,
        }
    }

    fn options(&self, command: &[String]) -> Result<Options, Failure> {
        let mut arguments = Vec::new();
        for text in &self.engine_args {
            let words = manifest::command_words(text);
            arguments.extend(words.ok_or_else(|| {
                Failure::new(format_args!("--engine-args {text:?} cannot be read as words"))
                    .help("quote as for a shell; no variables, pipes or substitutions")
            })?);
        }
        let command = command.to_vec();
        let (engine, runtime) = (self.engine(), self.runtime.clone());
        Ok(Options { engine, arguments, command, runtime, grant: self.grant()? })
    }

    fn grant(&self) -> Result<Grant, Failure> {
        let mut set = CapSet::EMPTY;
        for word in &self.grant {
            if word.eq_ignore_ascii_case("all") {
                return Ok(Grant::All);
            }
            set.insert(word.parse().map_err(|error| {
                Failure::new(format_args!("--grant: {error}"))
                    .help("name capabilities, or `all` on a disposable machine")
            })?);
        }
        Ok(Grant::Named(set))
    }

    /// Runs it: the first run, given more where a denial matters, then the search.
    pub fn fit(
        &self,
        command: &[String],
        ask: Ask,
        ui: &Ui,
        watch: impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Fitted, Failure> {
        let options = self.options(command)?;
        let plan = self.plan(&options)?;
        for remark in &plan.remarks {
            match remark {
                Remark::Note(text) => ui.note(text),
                Remark::Warning(text) => ui.warning(text),
            }
        }
        for name in remove_leftovers(options.engine).map_err(Failure::new)? {
            ui.note(&format!("removed {name}, which a dropcap that was killed had left"));
        }
        let (probe, test) = match (ask.tests, &plan.test) {
            (Some(tests), _) => (Probe::Tests(tests.clone()), Some(tests.to_string())),
            (None, Some((probe, from))) => (probe.clone(), Some(format!("{probe} ({from})"))),
            (None, None) => (Probe::Runs(WATCHED), None),
        };
        // The container's making is not the test's time.
        let limit = ask.limit.max(if test.is_none() { WATCHED * 2 } else { ask.limit });
        let mut runner =
            Containers::new(plan.recipe.clone(), probe, limit, &plan.title).map_err(cannot_run)?;
        let backend = runner.load().map_err(cannot_run)?.backend();
        ui.note(&format!(
            "{} runs {}, traced by {}; test: {}",
            options.engine,
            plan.recipe.image,
            backend.name(),
            test.as_deref().unwrap_or("none")
        ));
        let (start, first) = first(&mut runner, &plan, ui)?;
        let plan = Plan { start, ..plan };
        let answer = match test {
            None => None,
            Some(_) => {
                let options = fit::Options {
                    rigour: ask.rigour,
                    alternatives: ask.alternatives,
                    first: Some(first.clone()),
                    ..fit::Options::default()
                };
                Some(fit::fit(&mut runner, start, options, watch).map_err(cannot_run)?)
            }
        };
        Ok(Fitted { plan, test, first, answer })
    }

    fn plan(&self, options: &Options) -> Result<Plan, Failure> {
        if let Some(image) = &self.image {
            return fit_container::of_image(image, options).map_err(cannot_plan);
        }
        let Some(file) = &self.file else {
            return Err(Failure::new("nothing to fit").help("name --image IMAGE or -f MANIFEST"));
        };
        let manifest = manifest::read(file).map_err(Failure::new)?;
        fit_container::of_manifest(&manifest, self.container.as_deref(), options)
            .map_err(cannot_plan)
    }
}

/// The first run; a failing one is made again with what it was refused, as far as that stays within the
/// container or somebody agreed.
fn first(runner: &mut Containers, plan: &Plan, ui: &Ui) -> Result<(CapSet, Ran), Failure> {
    let mut held = plan.start;
    for _ in 0..ROUNDS {
        let ran = runner.run(held, true).map_err(cannot_run)?;
        let growth = match (&ran.observed, ran.outcome.passed()) {
            (Some(observed), false) => grow(observed, held),
            _ => return Ok((held, ran)),
        };
        if growth.given.is_empty() {
            if !growth.to_agree.is_empty() {
                return Err(not_agreed(&growth.to_agree, &ran));
            }
            return Ok((held, ran));
        }
        if !plan.root {
            ui.warning(&format!(
                "it was refused {}, which no `add` gives to a user that is not root",
                asked(&growth.given)
            ));
            return Ok((held, ran));
        }
        ui.note(&format!("it fails with {held}, and was refused {}: given", asked(&growth.given)));
        held = held | growth.set();
    }
    let ran = runner.run(held, true).map_err(cannot_run)?;
    Ok((held, ran))
}

/// `NET_ADMIN (set a route), CHOWN (chown /x)`.
fn asked(list: &[Asked]) -> String {
    let one = |asked: &Asked| format!("{} ({})", asked.capability, asked.what);
    list.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn not_agreed(list: &[Asked], ran: &Ran) -> Failure {
    let said = match &ran.outcome {
        fit::Outcome::Failed(said) => said.as_str(),
        fit::Outcome::Passed => "",
    };
    let names: CapSet = list.iter().map(|asked| asked.capability).collect();
    let names = names.iter().map(|c| c.to_string()).collect::<Vec<_>>().join(",");
    Failure::new(format_args!(
        "it fails ({said}) and was refused {}, which reaches beyond the container: it is given to an \
         unknown program only if you say so",
        asked(list)
    ))
    .help(format_args!("if you trust the image with this machine: --grant {names}"))
}

fn cannot_plan(error: Error) -> Failure {
    let failure = Failure::new(&error);
    match &error {
        Error::NoImage { engine, image } => failure.help(format_args!("{engine} pull {image}")),
        Error::Plan(PlanError::Ambiguous { .. }) => failure.help("name one: -c WORKLOAD/CONTAINER"),
        _ => failure,
    }
}

fn cannot_run(error: ContainerError) -> Failure {
    match error {
        ContainerError::Trace(error) => super::super::trace::cannot_trace(error),
        ContainerError::Stopped { .. } => Failure::new(error).code(130),
        error => Failure::new(error),
    }
}
