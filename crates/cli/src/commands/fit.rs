//! `dropcap fit`: run a program again and again with less, until nothing more can be left out.

mod basis;
mod cannot;
mod container;
mod engine_says;
mod first;
mod held;
mod hints;
mod markdown;
mod outputs;
mod progress;
mod report;
mod resume;
mod side_by_side;
mod state;
mod user_namespace;
mod zero;

use std::ffi::OsString;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use caps::CapSet;
use fit::test::{
    Command, Http, Log, ParseHttpError, ParseLogError, ParseTcpError, Tcp, Test, Tests,
};
use fit::{Answer, Around, Event, Job, Place, Program, Proof, Rigour, RunError, Runs};
use jiff::Timestamp;
use jobs::accounts::UserArgument;
use jobs::fitted::{self, Made, Wanted};
use jobs::needs;
use launch::{Sandbox, Within};
use observe::Observed;
use record::profile::Profile;
use record::search;
use runtime::Runtime;
use trace::Tracer;

use super::trace::duration;
use crate::failure::{FOUND, Failure};
use crate::ui::Ui;
use basis::Basis;
pub use held::held;
use hints::cannot_run;
use progress::Progress;
use resume::Kept;

/// How long one that passed is watched, if nothing else is said.
const SETTLE: Duration = Duration::from_secs(2);
/// How long a run has, if nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What makes runs on this machine alike.
const ALIKE: &str = "make runs alike with --sandbox, or with --setup or --teardown";

/// Run a program again and again with less, until nothing more can be left out.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "dropcap fit [OPTIONS] -- CMD [ARGS]…\n       \
                      dropcap fit [OPTIONS] --image IMAGE [-- CMD [ARGS]…]\n       \
                      dropcap fit [OPTIONS] -f MANIFEST [-c CONTAINER]",
    after_help = "\
The command is run with everything it may have, and traced; then with what the trace calls needed; then \
without each of these. What passes its tests without a capability does not need it; what fails without it, \
twice in a row, does.

Tests run with the privileges of this shell, outside of what is traced, in the sandbox if there is one. They \
are asked again and again until all have passed, the time is up, or the command has ended; then once more, \
with its exit status in STATUS. A command that ends with another status than 0 has failed. Without a test the \
command must end with status 0.

With --sandbox every run has the machine's files under a layer of its own, and processes, a loopback network, \
/dev and /tmp of its own: no file, process or connection is left; the clock and most sysctls are the machine's. \
Whoever is not root gets that in a user namespace, which decides a part of the answer only. Without, runs are \
made on this machine as it is.

An image or a container of a manifest is run by podman or docker, each time in a new container; tests are asked \
in its network. It starts with what it would get today, and is given more only where a call that failed asks \
for it; what reaches beyond the container only with --grant. Without a test the manifest's probe or the image's \
HEALTHCHECK serves. What is found is written into the manifest. With --try-zero it is then run without any \
capability, as another user, with emptyDirs and sysctls that make them needless; what holds is a patch.

Exit status: 0 if the list is proven (with --quick: explained), with --try-zero also that none is needed; 1 if \
the test never passes, gives two answers, the search was stopped, zero was not reached, or a user namespace \
does not decide all of it; 2 if it could not be made. A container that is not root, and fails as it is, gets no \
list: with --try-zero 0 if it works with what was tried.

Examples:
  dropcap fit --sandbox --http http://localhost -- nginx -g 'daemon off;'
  dropcap fit --sandbox --test 'test -s /var/backups/db' -o backup.profile.yaml -- /usr/local/bin/backup
  dropcap fit -- ping -c 1 127.0.0.1
  dropcap fit --image nginx --http http://localhost
  dropcap fit -f web.yaml -c nginx --diff
  dropcap fit -f web.yaml --try-zero --zero-patch zero.yaml
  dropcap fit -f web.yaml --report web.md --resume web.runs.json"
)]
pub struct Args {
    /// It works if this command exits with 0 (for /bin/sh); may be repeated, as all tests: all must pass
    #[arg(long, value_name = "CMD", help_heading = "Tests")]
    test: Vec<String>,

    /// It works if it answers this URL with a status from 200 to 399
    #[arg(long, value_name = "URL", value_parser = http, help_heading = "Tests")]
    http: Vec<Http>,

    /// It works if it takes connections there; a port alone is one of localhost
    #[arg(long, value_name = "[HOST:]PORT", value_parser = tcp, help_heading = "Tests")]
    tcp: Vec<Tcp>,

    /// It works if it prints something that matches this regular expression
    #[arg(long, value_name = "PATTERN", value_parser = log, help_heading = "Tests")]
    log: Vec<Log>,

    /// It works if it ends with status 0; the other tests are asked after that
    #[arg(long, help_heading = "Tests")]
    until_exit: bool,

    /// How long it has to pass its tests; without this 10s, and less (ten times what the slowest took) for
    /// runs after one that passed
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Tests")]
    timeout: Option<Duration>,

    /// How long it is watched after its tests have passed, unless it is to end: one that ends with a failure
    /// meanwhile has failed; 0s does not watch [default: 2s]
    #[arg(long, value_name = "TIME", value_parser = watch, help_heading = "Tests")]
    watch: Option<Duration>,

    /// Count a run as failed only if it fails so many times more
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Tests")]
    retries: u32,

    /// Run this command before every run
    #[arg(long, value_name = "CMD", help_heading = "Runs")]
    setup: Option<String>,

    /// Run this command after every run
    #[arg(long, value_name = "CMD", help_heading = "Runs")]
    teardown: Option<String>,

    /// Make every run in a sandbox of its own, which leaves nothing behind
    #[arg(long, help_heading = "Runs")]
    sandbox: bool,

    /// Keep what a run writes in a folder in this one, not in memory
    #[arg(long, value_name = "FOLDER", requires = "sandbox", help_heading = "Runs")]
    upper: Option<PathBuf>,

    /// Make so many runs at a time: each in a sandbox (--sandbox) or container of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64), help_heading = "Runs")]
    jobs: u8,

    /// Run as this user (and group), each a name or a number; not root: with the set as ambient
    #[arg(short, long, value_name = "USER[:GROUP]", help_heading = "Runs")]
    user: Option<UserArgument>,

    /// Start from what this runtime gives by default, not from what this shell holds: docker, containerd, …
    #[arg(long, value_name = "RUNTIME", help_heading = "Runs")]
    runtime: Option<Runtime>,

    /// Do not trace: more runs, and what was refused is not known
    #[arg(long, help_heading = "Runs")]
    no_trace: bool,

    /// Do not repeat a failing run whose own trace says why it failed: half the runs, no proof
    #[arg(long, conflicts_with = "no_trace", overrides_with = "_prove", help_heading = "Answer")]
    quick: bool,

    /// Repeat every failing run, as is done without --quick, too; of the two the last one counts
    #[arg(long = "prove", overrides_with = "quick", help_heading = "Answer")]
    _prove: bool,

    /// Leave out also what was refused without the test's noticing
    #[arg(long, help_heading = "Answer")]
    minimum: bool,

    /// Try whatever else would serve by the trace, too, a run each; else only what is less dangerous
    #[arg(long, help_heading = "Answer")]
    alternatives: bool,

    /// Write the profile to this file: the answer, its proof, every run
    #[arg(short, long, value_name = "FILE", help_heading = "Answer")]
    output: Option<PathBuf>,

    /// Write a short report in Markdown to this file, for a pull request
    #[arg(long, value_name = "FILE", help_heading = "Answer")]
    report: Option<PathBuf>,

    /// Print the profile as JSON
    #[arg(long, help_heading = "Answer")]
    json: bool,

    /// Keep the runs in this file while the search goes on, and go on from those that are in it; gone
    /// once there is an answer
    #[arg(long, value_name = "FILE", help_heading = "Runs")]
    resume: Option<PathBuf>,

    #[command(flatten)]
    container: container::ContainerArgs,

    #[command(flatten)]
    zero: zero::ZeroArgs,

    /// The command and its arguments; of a container: in place of its own
    #[arg(last = true, required_unless_present_any = ["image", "file"], value_name = "CMD")]
    command: Vec<OsString>,
}

fn http(text: &str) -> Result<Http, ParseHttpError> {
    Http::parse(text)
}

fn tcp(text: &str) -> Result<Tcp, ParseTcpError> {
    Tcp::parse(text)
}

fn watch(text: &str) -> Result<Duration, String> {
    match text {
        "0" | "0s" => Ok(Duration::ZERO),
        _ => duration(text).map_err(|error| error.to_string()),
    }
}

fn log(text: &str) -> Result<Log, ParseLogError> {
    Log::parse(text)
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    if args.container.asked() {
        return container::run(args, ui);
    }
    side_by_side::may(args)?;
    if args.zero.try_zero {
        return Err(Failure::new("--try-zero is for containers: its changes are those of a pod")
            .help("name --image IMAGE or -f MANIFEST"));
    }
    if let Some(option) = args.container.of_containers_only() {
        return Err(Failure::new(format_args!("{option} is for containers"))
            .help("name --image IMAGE or -f MANIFEST"));
    }
    let within = user_namespace::enter(args, ui)?;
    outputs::may_write(args)?;
    let numbers = user_namespace::numbers(within.is_some(), ui)?;
    let start = start(args)?;
    let job = job(args)?;
    let place = place(args, within, ui)?;
    let tracer = if numbers.is_some() { None } else { tracer(args, ui) };
    let mut runs = Runs::new(job, place, tracer)
        .map_err(|error| Failure::new(format!("cannot hold signals back: {error}")))?;
    runs.check_tests().map_err(|error| cannot_run(args, error))?;
    let begun = Instant::now();
    let mut found = search(args, &mut runs, start, ui)?;
    let took = begun.elapsed();
    if args.sandbox {
        state::hold_alike(&mut found.answer, found.needs.as_deref(), ui);
    } else {
        let alike = state::Runs { prepared: args.is_prepared(), help: ALIKE };
        state::hold(&mut found.answer, found.needs.as_deref(), alike, ui);
    }
    if runs.left_something() && runs.job().tests.each.is_empty() {
        state::hold_background(&mut found.answer, ui);
    }
    for point in runs.read_only() {
        ui.warning(&format!(
            "{} could only be read in the sandbox: the kernel lays no layer over it",
            point.display()
        ));
    }
    let made = Made {
        command: runs.job().program.words(),
        user: runs.job().program.user.as_ref().map_or(0, |user| user.0),
        test: runs.job().tests.to_string(),
        place: if args.sandbox { search::Place::Sandbox } else { search::Place::Here },
        start,
        undecided: numbers
            .map_or(CapSet::EMPTY, |numbers| fitted::undecided(&found.answer, start, numbers)),
        first: found.first.as_ref(),
        took,
        recorded: Some(Timestamp::now()),
    };
    let wanted = if args.minimum { Wanted::Minimum } else { Wanted::NoNewDenials };
    let profile = fitted::profile(&found.answer, &made, wanted);
    tell(args, &found.answer, &made, &profile, ui)?;
    hints::give(&found.answer, &made, ui);
    conclude(args, &found.answer, &made)
}

/// Prints and writes what was asked for. What fails takes nothing of the rest away.
fn tell(
    args: &Args,
    answer: &Answer,
    made: &Made<'_>,
    profile: &Profile,
    ui: &Ui,
) -> Result<(), Failure> {
    let printed = if args.json {
        let text = profile.to_json().map_err(Failure::new)?;
        writeln!(ui.out(), "{}", text.trim_end())
    } else {
        report::print(answer, made, profile, args.jobs, ui)
    };
    let written = write(args, profile, ui);
    if let Some(file) = &args.report {
        let text = markdown::report(answer, made, profile);
        manifest::write_whole(file, &text).map_err(Failure::from)?;
        ui.note(&format!("wrote {}", file.display()));
    }
    written?;
    Ok(printed?)
}

/// What a search has found, and what was seen in its first run.
struct Found {
    answer: Answer,
    first: Option<Observed>,
    /// What first runs used, where they were traced.
    needs: Option<Vec<CapSet>>,
}

impl Args {
    /// Whether something is done around each run.
    fn is_prepared(&self) -> bool {
        self.setup.is_some() || self.teardown.is_some()
    }
}

fn search(args: &Args, runs: &mut Runs, start: CapSet, ui: &Ui) -> Result<Found, Failure> {
    let mut kept = Kept::open(args.resume.as_ref(), start, || Ok(Basis::of_command(args)), ui)?;
    let options = fit::Options {
        rigour: rigour(args),
        traced: runs.traces(),
        alternatives: args.alternatives,
        alike: args.sandbox,
        earlier: kept.earlier(),
        ..fit::Options::default()
    };
    let mut progress = Progress::new(start, ui);
    let mut first = None;
    let stopped = runs.when_stopped();
    let watch = |event: Event<'_>| {
        if let Event::First(ran) = &event {
            first.clone_from(&ran.observed);
            kept.used(ran.observed.as_ref());
        }
        if stopped.is_set() {
            return ControlFlow::Break(());
        }
        if let Event::Ended(trial) = &event {
            kept.keep(trial);
        }
        progress.show(&event);
        ControlFlow::Continue(())
    };
    let answer = match args.jobs {
        1 => fit::fit(runs, start, options, watch),
        jobs => side_by_side::fit(runs.hands(jobs), start, options, watch, ui),
    };
    progress.clear();
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            kept.broken_off(ui);
            return Err(match error {
                // The first one was loaded before.
                RunError::Trace(error) if args.jobs > 1 => side_by_side::no_room(&error),
                error => cannot_run(args, error),
            });
        }
    };
    let needs = first.is_some().then(|| kept.needs().to_vec());
    kept.close(&answer, ui);
    Ok(Found { answer, first, needs })
}

/// What it may have at most.
fn start(args: &Args) -> Result<CapSet, Failure> {
    let own = sys::credentials::own_state()
        .map_err(|error| Failure::new(format!("cannot read this process's own sets: {error}")))?;
    let own = own.permitted & own.bounding;
    let start = args.runtime.as_ref().map_or(own, |runtime| runtime.default_set() & own);
    if start.is_empty() {
        return Err(Failure::new(
            "there is nothing to leave out: this process holds no capability",
        )
        .help("run it as root (sudo dropcap fit …), or with --sandbox, in a user namespace"));
    }
    Ok(start)
}

fn job(args: &Args) -> Result<Job, Failure> {
    let user = args.user.as_ref().map(UserArgument::resolve).transpose().map_err(Failure::new)?;
    let folder = std::env::current_dir()
        .map_err(|error| Failure::new(format!("cannot tell the working directory: {error}")))?;
    let program = Program {
        command: args.command.clone(),
        user: user.map(|account| (account.uid, account.gid, account.groups)),
        environment: std::env::vars_os().collect(),
        folder,
    };
    let mut tests = tests(args);
    tests.until_exit |= tests.each.is_empty();
    let command = |text: &Option<String>| text.as_ref().map(Command::new);
    let around = Around { setup: command(&args.setup), teardown: command(&args.teardown) };
    Ok(Job { program, tests, around, retries: args.retries, hurry: args.timeout.is_none() })
}

/// The tests that are named.
fn tests(args: &Args) -> Tests {
    let commands = args.test.iter().map(|text| Test::Command(Command::new(text)));
    let each: Vec<Test> = (args.tcp.iter().cloned().map(Test::Tcp))
        .chain(args.http.iter().cloned().map(Test::Http))
        .chain(args.log.iter().cloned().map(Test::Log))
        .chain(commands)
        .collect();
    Tests {
        each,
        until_exit: args.until_exit,
        timeout: args.timeout.unwrap_or(TIMEOUT),
        settle: args.watch.unwrap_or(SETTLE),
    }
}

/// How much is to be shown.
fn rigour(args: &Args) -> Rigour {
    if args.quick { Rigour::Explained } else { Rigour::Proven }
}

fn place(args: &Args, within: Option<Within>, ui: &Ui) -> Result<Place, Failure> {
    if args.sandbox {
        let (upper, folder) = (args.upper.clone(), std::env::current_dir().ok());
        let sandbox = match within {
            Some(within) => Sandbox::prepare_within(within, upper, folder.as_deref()),
            None => {
                may_make_sandboxes()?;
                Sandbox::prepare(upper, folder.as_deref())
            }
        };
        return sandbox.map(Place::Sandbox).map_err(|error| cannot_run(args, error.into()));
    }
    ui.note(
        "runs are made on this machine as it is: what one changes stays, and the next one finds \
         it; --sandbox gives each its own",
    );
    Place::here().map_err(Failure::new)
}

/// Whether root has what a sandbox takes.
fn may_make_sandboxes() -> Result<(), Failure> {
    let takes = needs::of("fit.sandbox").map_or(CapSet::EMPTY, |mode| mode.takes());
    let own = sys::credentials::own_state().map_or(CapSet::EMPTY, |own| own.effective);
    let lacks = takes - own;
    if lacks.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("a sandbox takes root with {takes}; this process lacks {lacks}"))
        .help("run it with all of root's capabilities, or as an ordinary user"))
}

/// Where nothing can be traced, runs alone find the answer.
fn tracer(args: &Args, ui: &Ui) -> Option<Tracer> {
    if args.no_trace {
        return None;
    }
    match Tracer::load(fit::options()) {
        Ok(tracer) => Some(tracer),
        Err(error) => {
            ui.warning(&format!("not traced, found by runs alone: {error}"));
            None
        }
    }
}

fn write(args: &Args, profile: &Profile, ui: &Ui) -> Result<(), Failure> {
    let Some(file) = &args.output else { return Ok(()) };
    let text = profile.to_yaml().map_err(Failure::new)?;
    manifest::write_whole(file, &text).map_err(Failure::from)?;
    ui.note(&format!("wrote {}", file.display()));
    Ok(())
}

fn conclude(args: &Args, answer: &Answer, made: &Made<'_>) -> Result<ExitCode, Failure> {
    let shown = match answer.proof {
        _ if !made.undecided.is_empty() => false,
        Proof::Proven => true,
        Proof::Explained => args.quick,
        Proof::Passed | Proof::NeverPasses | Proof::Flaky { .. } | Proof::Stopped => false,
    };
    Ok(if shown { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}
