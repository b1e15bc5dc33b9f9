//! `dropcap fit --image` and `dropcap fit -f`: containers of the user's engine.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use caps::CapSet;
use check::{PatchOptions, Widen};
use fit::container::Containers;
use fit::{Outcome, Ran};
use jiff::Timestamp;
use jobs::fit_container::{self, Grant, Named, Options, Plan, Remark, Tested};
use jobs::fitted::{self, Made, Wanted};
use jobs::needs;
use jobs::patch;
use judge::{ProfileOptions, to_profile};
use launch::engine::{Engine, remove_leftovers};
use record::profile::Profile;
use record::search;

use super::basis::Basis;
use super::cannot::{cannot_ask, cannot_patch, cannot_plan, cannot_run};
use super::first::first;
use super::progress::Progress;
use super::resume::Kept;
use super::{
    Args, conclude, hints, outputs, rigour, side_by_side, state, tell, tests, write, zero,
};
use crate::commands::trace;
use crate::failure::{FOUND, Failure};
use crate::ui::{Ui, YELLOW};

/// How long a container has to pass its tests, if nothing else is said: it may have a database to make.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long one without a test is watched, if nothing else is said.
const WATCHED: Duration = Duration::from_secs(10);

/// What makes runs alike where a volume keeps what one wrote.
const ALIKE: &str = "make runs alike: write `:O` (podman) or `:ro` behind the volume";
/// Where the help has them.
const HEADING: &str = "Containers";
/// What only a command on this machine has.
const OF_COMMANDS: &[&str] = &["sandbox", "upper", "user", "setup", "teardown", "no_trace"];

/// What is fitted, if it is a container.
#[derive(Debug, clap::Args)]
pub struct ContainerArgs {
    /// Fit containers of this image; the engine must have it, nothing is pulled
    #[arg(long, value_name = "IMAGE", conflicts_with = "file", conflicts_with_all = OF_COMMANDS, help_heading = HEADING)]
    image: Option<String>,

    /// Fit a container of this manifest, and write the result into it
    #[arg(short, long, value_name = "MANIFEST", conflicts_with_all = OF_COMMANDS, help_heading = HEADING)]
    file: Option<PathBuf>,

    /// Which container of the manifest: its name, or WORKLOAD/CONTAINER
    #[arg(short, long, value_name = "CONTAINER", requires = "file", help_heading = HEADING)]
    container: Option<String>,

    /// The engine that runs the containers
    #[arg(long, value_enum, value_name = "ENGINE", default_value_t = EngineName::Podman, help_heading = HEADING)]
    engine: EngineName,

    /// Options of the engine's `create`, as one text: '--network none -v /srv:/srv:ro'
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true, help_heading = HEADING)]
    engine_args: Vec<String>,

    /// Let it hold these in trials beside what it would get today; `all` on a disposable machine
    #[arg(long, value_name = "CAP|all", value_delimiter = ',', help_heading = HEADING)]
    grant: Vec<String>,

    /// Show what would change in the manifest, and write nothing
    #[arg(long, requires = "file", help_heading = HEADING)]
    diff: bool,

    /// Do not run what the container's owner runs in it beside the tests that are named: `exec` probes of
    /// the manifest, the image's HEALTHCHECK
    #[arg(long, help_heading = HEADING)]
    no_probes: bool,

    /// Let the manifest's container have more than it has now
    #[arg(long, requires = "file", help_heading = HEADING)]
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

impl ContainerArgs {
    /// Whether a container is to be fitted.
    pub fn asked(&self) -> bool {
        self.image.is_some() || self.file.is_some()
    }

    /// An option that says nothing of a command.
    pub fn of_containers_only(&self) -> Option<&'static str> {
        let given = [
            ("--container", self.container.is_some()),
            ("--engine docker", self.engine == EngineName::Docker),
            ("--engine-args", !self.engine_args.is_empty()),
            ("--grant", !self.grant.is_empty()),
            ("--diff", self.diff),
            ("--no-probes", self.no_probes),
            ("--allow-widen", self.allow_widen),
        ];
        given.into_iter().find_map(|(option, given)| given.then_some(option))
    }

    /// The manifest, if there is one.
    pub fn manifest(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The manifest, if the answer is written into it.
    pub fn written(&self) -> Option<&Path> {
        self.manifest().filter(|file| !self.diff && file.exists())
    }

    fn engine(&self) -> Engine {
        match self.engine {
            EngineName::Podman => Engine::Podman,
            EngineName::Docker => Engine::Docker,
        }
    }

    fn options(&self, args: &Args) -> Result<Options, Failure> {
        let mut arguments = Vec::new();
        for text in &self.engine_args {
            let words = manifest::command_words(text);
            arguments.extend(words.ok_or_else(|| {
                Failure::new(format_args!("--engine-args {text:?} cannot be read as words"))
                    .help("quote as for a shell; no variables, pipes or substitutions")
            })?);
        }
        let words = args.command.iter().map(|word| word.to_string_lossy().into_owned());
        Ok(Options {
            engine: self.engine(),
            arguments,
            command: words.collect(),
            runtime: args.runtime.clone(),
            grant: self.grant()?,
        })
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

    /// Writes the answer into the manifest, or shows what would change.
    fn patch(&self, profile: &Profile, ui: &Ui) -> Result<(), Failure> {
        let Some(file) = &self.file else { return Ok(()) };
        let widen = if self.allow_widen { Widen::Allow } else { Widen::Refuse };
        let options = PatchOptions { widen, ..PatchOptions::default() };
        let name = self.container.as_deref();
        // What the trace lacks, the runs have shown.
        let incomplete = patch::Incomplete::Accept;
        if self.diff {
            let manifest = manifest::read(file).map_err(Failure::new)?;
            let patched = patch::patch(&manifest, name, profile, incomplete, &options)
                .map_err(cannot_patch)?;
            return crate::commands::fix::diff(&manifest, patched.source.text(), ui);
        }
        let patched =
            patch::patch_file(file, name, profile, incomplete, &options).map_err(cannot_patch)?;
        trace::save::wrote(file, &patched, ui);
        Ok(())
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

/// Runs it: the first run, given more where a denial matters; the search; the report; the manifest.
pub(super) fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let asked = &args.container;
    let options = asked.options(args)?;
    let tests = tests(args);
    if asked.no_probes && !tests.until_exit && tests.each.is_empty() {
        return Err(Failure::new("--no-probes leaves no test")
            .help("name one: --http, --tcp, --log, --test or --until-exit"));
    }
    side_by_side::may_of(args.jobs, &options)?;
    outputs::may_write(args)?;
    may_run(options.engine)?;
    for name in remove_leftovers(options.engine).map_err(cannot_ask)? {
        ui.note(&format!("removed {name}, which a dropcap that was killed had left"));
    }
    let plan = asked.plan(&options)?;
    remark(&plan.remarks, ui);
    let watched = args.timeout.unwrap_or(WATCHED);
    let by = Named { tests, probes: !asked.no_probes, watched };
    let Tested { probe, words: test, remarks } = fit_container::tested(&plan, &by);
    remark(&remarks, ui);
    let limit = match (args.timeout, &test) {
        (Some(limit), Some(_)) => limit,
        (None, Some(_)) => TIMEOUT,
        // To have run for all its time is no failure.
        (limit, None) => limit.unwrap_or(WATCHED) * 2,
    };
    let runner =
        Containers::new(plan.recipe.clone(), probe, limit, &plan.title).map_err(cannot_run)?;
    let mut runner = runner.watched_for(by.tests.settle).with_retries(args.retries);
    let stopped = runner.when_stopped();
    runner.load().map_err(cannot_run)?;
    let begun = Instant::now();
    let (start, ran) = first(&mut runner, &plan, &stopped, args.zero.try_zero, ui)?;
    let Some(test) = test else { return unproven(args, &plan, &ran, ui) };
    if ran.outcome.passed() && args.timeout.is_none() {
        runner.hasten(ran.took);
    }
    let mut kept = {
        let basis = || Basis::of_containers(args, &plan).map_err(cannot_ask);
        Kept::open(args.resume.as_ref(), start, basis, ui)?
    };
    let options = fit::Options {
        rigour: rigour(args),
        first: Some(ran.clone()),
        alternatives: args.alternatives,
        alike: !plan.keeps,
        earlier: kept.earlier(),
        ..fit::Options::default()
    };
    let mut progress = Progress::new(start, ui);
    let watch = |event: fit::Event<'_>| {
        if stopped.is_set() {
            return ControlFlow::Break(());
        }
        if let fit::Event::First(ran) = &event {
            kept.used(ran.observed.as_ref());
        }
        if let fit::Event::Ended(trial) = &event {
            kept.keep(trial);
        }
        progress.show(&event);
        ControlFlow::Continue(())
    };
    let answer = match args.jobs {
        1 => fit::fit(&mut runner, start, options, watch),
        jobs => side_by_side::fit(runner.hands(jobs), start, options, watch, ui),
    };
    progress.clear();
    let took = begun.elapsed();
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            kept.broken_off(ui);
            return Err(cannot_run(error));
        }
    };
    let needs = kept.needs().to_vec();
    kept.close(&answer, ui);
    if plan.keeps {
        let runs = state::Runs { prepared: false, help: ALIKE };
        state::hold(&mut answer, Some(&needs), runs, ui);
    } else {
        state::hold_alike(&mut answer, Some(&needs), ui);
    }
    let made = Made {
        command: named(asked, &plan),
        // Who it is in a container that is not root, no engine says as a number.
        user: 0,
        test,
        place: search::Place::Container,
        start,
        undecided: CapSet::EMPTY,
        first: ran.observed.as_ref(),
        took,
        recorded: Some(Timestamp::now()),
    };
    let wanted = if args.minimum { Wanted::Minimum } else { Wanted::NoNewDenials };
    let mut profile = fitted::profile(&answer, &made, wanted);
    plan.said.write(&mut profile);
    // An engine that fails now takes nothing away of what was found before.
    let (way, failed) = match zero::run(args, &plan, (&answer, &made), &mut runner, ui) {
        Ok(way) => (way, None),
        Err(failure) => (zero::Way::NotTried, Some(failure)),
    };
    profile.status.zero.extend(way.zero().cloned());
    // Nor does a reader who has gone, or a report that cannot be written.
    let told = tell(args, &answer, &made, &profile, ui);
    hints::give(&answer, &made, ui);
    if plan.root {
        hints::give_more(&answer, &made, ui);
    }
    let told = told.and(zero::tell(args, &plan, &way, ui));
    let code = conclude(args, &answer, &made)?;
    if code == ExitCode::SUCCESS {
        asked.patch(&profile, ui)?;
    } else if asked.file.is_some() {
        ui.note("the manifest is as it was");
    }
    told?;
    match failed {
        Some(failure) => Err(failure),
        None => Ok(way.code(code, &answer)),
    }
}

/// Podman as another user than root, or as root with less, works in a user namespace, where nothing is as
/// it will be.
fn may_run(engine: Engine) -> Result<(), Failure> {
    if engine == Engine::Docker {
        return Ok(());
    }
    if sys::credentials::own_user().0 != 0 {
        return Err(Failure::new(
            "fit of containers takes root: podman runs those of another user in a user namespace, where \
             capabilities decide less, and runs are traced by BPF",
        )
        .help("sudo dropcap fit … (root's podman has images of its own: sudo podman images)"));
    }
    let takes = needs::of("fit.container").map_or(CapSet::EMPTY, |mode| mode.takes());
    let own = sys::credentials::own_state().map_or(CapSet::EMPTY, |own| own.effective);
    let lacks = takes - own;
    if lacks.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format_args!("podman as root takes {takes}; this process lacks {lacks}"))
        .help("docs/privileges.md says what each is for"))
}

/// What was run, for a person.
fn named(asked: &ContainerArgs, plan: &Plan) -> Vec<String> {
    let what = match &asked.image {
        Some(image) => image.clone(),
        None => format!("{} ({})", plan.title, plan.recipe.image),
    };
    std::iter::once(what).chain(plan.recipe.words()).collect()
}

/// There is no test: what was seen is all there is.
fn unproven(args: &Args, plan: &Plan, ran: &Ran, ui: &Ui) -> Result<ExitCode, Failure> {
    let Some(observed) = &ran.observed else {
        let said = match &ran.outcome {
            Outcome::Failed(said) => said.as_str(),
            Outcome::Passed => "it ran",
        };
        return Err(Failure::new(format_args!("nothing was traced: {said}"))
            .help("name a program that the image can execute, after `--`"));
    };
    let options = ProfileOptions { recorded: Some(Timestamp::now()), ..ProfileOptions::default() };
    let mut profile = to_profile(&observed.recording, &observed.judgement, &options);
    plan.said.write(&mut profile);
    let written = write(args, &profile, ui);
    if args.json {
        writeln!(ui.out(), "{}", profile.to_json().map_err(Failure::new)?.trim_end())?;
    } else {
        trace::report::print(observed, ui)?;
        writeln!(
            ui.out(),
            "\n{YELLOW}traced, unproven:{YELLOW:#} neither the command line nor the manifest nor the \
             image\nsays what tells that it works; name a test: --http, --tcp, --log, --test,\n--until-exit"
        )?;
    }
    if let Outcome::Failed(said) = &ran.outcome {
        ui.warning(&format!("it failed: {said}"));
    }
    written?;
    Ok(ExitCode::from(FOUND))
}

/// What was assumed, and what is not as it will be.
fn remark(remarks: &[Remark], ui: &Ui) {
    for remark in remarks {
        match remark {
            Remark::Note(text) => ui.note(text),
            Remark::Warning(text) => ui.warning(text),
        }
    }
}
