//! `dropcap fit --try-zero`: changes with which a container needs no capability at all.

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use caps::CapSet;
use check::words;
use fit::container::{Containers, flags};
use fit::zero::{Asked, Change, Event, Held, Today, Tried, Zero, ZeroRun, search, sysctls};
use fit::{Answer, Outcome, Proof};
use jobs::export::zero_patch;
use jobs::fit_container::Plan;
use jobs::fitted::Made;
use record::observation::Recording;
use record::zero::{LOW_PORTS, PING};

use super::{Args, rigour};
use crate::failure::{FOUND, Failure};
use crate::ui::{BOLD, DIM, GREEN, RED, Ui, YELLOW};

/// Where the help has them.
const HEADING: &str = "To zero";
/// How wide a line may be.
const WIDTH: usize = 80;
/// So many characters of what a failing run said are printed without `-v`.
const SAID: usize = 160;
/// So many lines of what was refused are printed without `-v`.
const LINES: usize = 3;

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct ZeroArgs {
    /// Try what makes capabilities needless (another user, emptyDirs, sysctls), and print what holds as a
    /// patch; of containers
    #[arg(long, help_heading = HEADING)]
    pub(super) try_zero: bool,

    /// Write the patch to this file instead of printing it; nothing applies it
    #[arg(long, value_name = "FILE", requires = "try_zero", help_heading = HEADING)]
    pub(super) zero_patch: Option<PathBuf>,
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Way {
    /// Nobody asked, or there is no answer to begin with.
    NotTried,
    /// It needs none as it is.
    AtZero,
    /// Somebody stopped it.
    Stopped,
    /// It was tried, and took so long.
    Tried(Box<Zero>, Duration),
}

impl Way {
    /// The exit status, where the list that was found would give `code`.
    pub(super) fn code(&self, code: ExitCode, answer: &Answer) -> ExitCode {
        match self {
            Self::NotTried | Self::AtZero => code,
            // No list helps it: that it works without one is the whole answer.
            Self::Tried(zero, _) if zero.is_clear() && answer.proof == Proof::NeverPasses => {
                ExitCode::SUCCESS
            }
            Self::Tried(zero, _) if zero.is_clear() => code,
            Self::Tried(..) | Self::Stopped => ExitCode::from(FOUND),
        }
    }

    /// What goes into the profile.
    pub(super) fn zero(&self) -> Option<&Zero> {
        match self {
            Self::Tried(zero, _) => Some(zero),
            Self::NotTried | Self::AtZero | Self::Stopped => None,
        }
    }
}

/// Says which sysctl helps a user that is not root, whom no list does, and for which capabilities; `tries` is
/// whether it is tried.
pub(super) fn tell_instead(refused: &Recording, plan: &Plan, tries: bool, ui: &Ui) -> CapSet {
    let mut helped = CapSet::EMPTY;
    for (change, removes, why) in sysctls(refused, &plan.ground) {
        ui.warning(&format!(
            "it was refused {removes} ({why}), which no `add` gives to a user that is not root"
        ));
        // kubernetes `pkg/kubelet/sysctl/safe_sysctls.go`.
        let safe = match &change {
            Change::Sysctl { name, .. } if name == PING => "1.18",
            _ => "1.22",
        };
        let more = if tries { "" } else { "; --try-zero tries it" };
        ui.note(&format!(
            "{change} of the pod does instead, alone{more} (safe since Kubernetes {safe}; containerd \
             2.0 and Docker 20.10 set it by themselves)"
        ));
        helped = helped | removes;
    }
    helped
}

/// Tries it, once there is a list that is shown.
pub(super) fn run(
    args: &Args,
    plan: &Plan,
    (answer, made): (&Answer, &Made<'_>),
    runner: &mut Containers,
    ui: &Ui,
) -> Result<Way, Failure> {
    if !args.zero.try_zero {
        return Ok(Way::NotTried);
    }
    let today = match answer.proof {
        Proof::Proven | Proof::Explained => Some(Today::Needs(answer.set)),
        Proof::NeverPasses if !plan.root => Some(Today::Fails),
        _ => None,
    };
    let (Some(today), Some(first)) = (today, made.first) else {
        ui.note("the way to zero is not tried: it begins with a list that is shown");
        return Ok(Way::NotTried);
    };
    if today == Today::Needs(CapSet::EMPTY) {
        return Ok(Way::AtZero);
    }
    let mut ground = plan.ground.clone();
    let container = plan.recipe.today().map_err(Failure::new)?;
    ground.folder = container.folder;
    // The image's own beside those of the manifest.
    let pair = |line: &String| line.split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned()));
    ground.words.env = container.environment.iter().filter_map(pair).collect();
    let without = match today {
        Today::Needs(_) => answer.required.iter().find_map(|one| answer.failure_without(one)),
        Today::Fails => answer.trials.iter().find_map(|trial| match &trial.outcome {
            Outcome::Failed(said) => Some(said.as_str()),
            Outcome::Passed => None,
        }),
    };
    let asked = Asked {
        first: &first.recording,
        today,
        start: made.start,
        without: without.map(str::to_owned),
        ground,
        test: made.test.clone(),
        rigour: rigour(args),
    };
    let stopped = runner.when_stopped();
    let mut progress = Progress::new(ui);
    let begun = Instant::now();
    let found = search(runner, &asked, &mut |event| {
        if stopped.is_set() {
            return ControlFlow::Break(());
        }
        progress.show(&event);
        ControlFlow::Continue(())
    });
    progress.clear();
    let Some(mut zero) = found.map_err(super::cannot::cannot_run)? else {
        return Ok(Way::Stopped);
    };
    zero.recorded = made.recorded;
    Ok(Way::Tried(Box::new(zero), begun.elapsed()))
}

/// Prints what came of it, and the patch, or writes that.
pub(super) fn tell(args: &Args, plan: &Plan, way: &Way, ui: &Ui) -> Result<(), Failure> {
    let (zero, took) = match way {
        Way::NotTried => return Ok(()),
        Way::AtZero => {
            if !args.json {
                writeln!(ui.out(), "\n{BOLD}to zero{BOLD:#}  it passes with `add: []` as it is")?;
            }
            return Ok(());
        }
        Way::Stopped => {
            ui.warning("the way to zero was stopped: nothing is known of it");
            return Ok(());
        }
        Way::Tried(zero, took) => (zero, *took),
    };
    if !args.json {
        print(zero, took, ui)?;
    }
    let holding: Vec<Change> = zero.holding().cloned().collect();
    let engine = flags(&plan.recipe, &holding, zero.remains);
    let Some(patch) = zero_patch(&plan.place, zero, &engine) else {
        if args.zero.zero_patch.is_some() {
            ui.note("no change holds: no patch is written");
        }
        return Ok(());
    };
    match &args.zero.zero_patch {
        Some(file) => {
            if let Err(error) = manifest::write_whole(file, &patch) {
                // It has cost runs to find.
                write!(ui.out(), "\n{patch}")?;
                return Err(error.into());
            }
            ui.note(&format!("wrote {}", file.display()));
        }
        None if !args.json => write!(ui.out(), "\n{patch}")?,
        None => {}
    }
    Ok(())
}

fn print(zero: &Zero, took: Duration, ui: &Ui) -> io::Result<()> {
    let mut out = ui.out();
    let runs = words::count(zero.runs.len(), "run");
    let seconds = took.as_secs_f64();
    let (style, word) = match zero.reached {
        true if zero.is_clear() => (GREEN, "reached".to_owned()),
        true => (YELLOW, "reached for the test alone".to_owned()),
        false if zero.holding().next().is_some() => {
            (YELLOW, format!("not reached, {} left", words::capabilities(zero.remains.len())))
        }
        false => (RED, "not reached".to_owned()),
    };
    writeln!(
        out,
        "\n{BOLD}to zero{BOLD:#}  {style}{word}{style:#}  {DIM}{runs}, {seconds:.1} s{DIM:#}"
    )?;
    let what = match zero.reached {
        true if zero.is_clear() => {
            "passes with `drop: [ALL]`, `add: []` and the changes that hold".to_owned()
        }
        true => {
            "its test passes with `drop: [ALL]`, `add: []` and the changes that hold, and it does \
                 something otherwise than in its first run: look whether that matters"
                .to_owned()
        }
        false if zero.holding().next().is_some() => {
            format!("needs {} with the changes that hold", zero.remains)
        }
        false => "no change that was tried helps".to_owned(),
    };
    wrapped(&mut out, 2, &what)?;
    writeln!(out)?;
    for one in &zero.changes {
        change(&mut out, one, ui)?;
    }
    let shown = if ui.verbosity() > 0 { zero.in_the_way.len() } else { LINES };
    if !zero.in_the_way.is_empty() {
        writeln!(out, "  in the way")?;
    }
    for line in zero.in_the_way.iter().take(shown) {
        wrapped(&mut out, 12, line)?;
    }
    if zero.in_the_way.len() > shown {
        writeln!(out, "            {DIM}and {} more (-v){DIM:#}", zero.in_the_way.len() - shown)?;
    }
    if !zero.doubts.is_empty() {
        writeln!(out, "  otherwise")?;
    }
    for line in &zero.doubts {
        wrapped(&mut out, 12, line)?;
    }
    for remark in &zero.remarks {
        wrapped(&mut out, 2, remark)?;
    }
    Ok(())
}

fn change(out: &mut impl Write, one: &Tried, ui: &Ui) -> io::Result<()> {
    let (style, word) = match one.result {
        Held::Holds => (GREEN, "holds"),
        Held::NotNeeded => (DIM, "needless"),
        Held::Fails => (RED, "fails"),
    };
    writeln!(out, "  {style}{word:<9}{style:#} {BOLD}{}{BOLD:#}", one.change)?;
    let why = match one.removes.is_empty() {
        true => one.why.clone(),
        false => format!("for {}: {}", one.removes, one.why),
    };
    wrapped(out, 12, &why)?;
    let said = one.said.as_deref().unwrap_or_default();
    let said = if ui.verbosity() > 0 { said.to_owned() } else { last(said) };
    let said = match one.result {
        _ if said.is_empty() => return Ok(()),
        Held::Holds => format!("without it: {said}"),
        Held::Fails => format!("with it: {said}"),
        Held::NotNeeded => return Ok(()),
    };
    wrapped(out, 12, &said)
}

/// What was said, or if that is long the last of it: that is why it failed.
fn last(said: &str) -> String {
    if said.chars().count() <= SAID {
        return said.to_owned();
    }
    let line = said.rsplit(" / ").next().unwrap_or(said);
    let from = line.char_indices().rev().nth(SAID).map_or(0, |(at, _)| at);
    format!("… {}", &line[from..])
}

fn wrapped(out: &mut impl Write, indent: usize, text: &str) -> io::Result<()> {
    let blank = " ".repeat(indent);
    let options = textwrap::Options::new(WIDTH).initial_indent(&blank).subsequent_indent(&blank);
    writeln!(out, "{DIM}{}{DIM:#}", textwrap::fill(text, options))
}

/// A line for each run on standard error; on a terminal also while it goes on.
struct Progress<'a> {
    ui: &'a Ui,
    number: usize,
    live: bool,
}

impl<'a> Progress<'a> {
    fn new(ui: &'a Ui) -> Self {
        Self { ui, number: 0, live: io::stderr().is_terminal() }
    }

    fn show(&mut self, event: &Event<'_>) {
        if self.ui.quiet() {
            return;
        }
        match event {
            Event::Starting(changes, set) => {
                self.number += 1;
                if self.live {
                    let (run, what) = (self.run(), in_short(changes, *set));
                    let _ = write!(self.ui.err(), "\r{DIM}{run}{DIM:#}  {what} …\x1b[K");
                }
            }
            Event::Ended(run) => self.ended(run),
        }
    }

    fn clear(&self) {
        if self.live && !self.ui.quiet() {
            let _ = write!(self.ui.err(), "\r\x1b[K");
        }
    }

    fn run(&self) -> String {
        format!("{:<18}", format!("run {:>2} to zero", self.number))
    }

    fn ended(&self, run: &ZeroRun) {
        self.clear();
        let (style, word) = if run.passed { (GREEN, "works") } else { (RED, "fails") };
        let (number, what) = (self.run(), in_short(&run.changes, run.capabilities));
        let seconds = run.duration_ms as f64 / 1e3;
        let _ = writeln!(
            self.ui.err(),
            "{DIM}{number}{DIM:#}  {what:<32} {style}{word}{style:#} {seconds:>5.2} s"
        );
    }
}

/// `as 33, ports, 2 emptyDirs`.
fn in_short(changes: &[Change], set: CapSet) -> String {
    let mut parts = Vec::new();
    let mut folders = 0;
    for change in changes {
        match change {
            Change::User { user, .. } => parts.push(format!("as {user}")),
            Change::Sysctl { name, .. } if name == LOW_PORTS => parts.push("ports".to_owned()),
            Change::Sysctl { name, .. } if name == PING => parts.push("ping".to_owned()),
            Change::Sysctl { name, .. } => parts.push(name.clone()),
            Change::Port { to, .. } => parts.push(format!("port {to}")),
            Change::FsGroup { group } => parts.push(format!("fsGroup {group}")),
            Change::EmptyDir { .. } => folders += 1,
        }
    }
    if folders > 0 {
        parts.push(words::count(folders, "emptyDir"));
    }
    if changes.is_empty() {
        parts.push("no change".to_owned());
    }
    if !set.is_empty() {
        parts.push(format!("{} held", set.len()));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use caps::Capability;

    use super::*;

    #[test]
    fn of_much_that_was_said_the_end_is_told() {
        assert_eq!(last("ended with status 1 | no / such"), "ended with status 1 | no / such");
        let long = format!("ended with status 1 | {} / bind() failed", "warning ".repeat(30));
        assert_eq!(last(&long), "… bind() failed");
        let line = last(&"ä".repeat(500));
        assert_eq!(line.chars().count(), SAID + 3);
    }

    #[test]
    fn a_run_is_told_in_a_few_words() {
        let folder = |path: &str| Change::EmptyDir { path: path.to_owned(), fs_group: None };
        let port = Change::Sysctl { name: LOW_PORTS.to_owned(), value: "80".to_owned() };
        let user = Change::User { user: 33, group: None };
        let all = [user, port.clone(), folder("/run"), folder("/tmp")];
        assert_eq!(in_short(&all, CapSet::EMPTY), "as 33, ports, 2 emptyDirs");
        assert_eq!(in_short(&[], CapSet::EMPTY), "no change");
        assert_eq!(in_short(&[port], Capability::SETUID.into()), "ports, 1 held");
    }
}
