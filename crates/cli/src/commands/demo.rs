//! `dropcap demo`: the whole job once, on a service and a manifest built into this program.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use caps::CapSet;
use check::{Options, PatchOptions};
use fit::{Answer, Proof, Purpose};
use jobs::demo::{Demo, DemoError, Means, TEST, untraced_profile};
use jobs::patch::{Incomplete, patch_file};
use jobs::proven;
use judge::{ProfileOptions, to_profile};
use manifest::Manifest;
use record::profile::Profile;

use super::trace::report;
use crate::failure::Failure;
use crate::ui::{BOLD, DIM, GREEN, RED, Ui, YELLOW};

/// Do the whole job once, on a service and a manifest built into this program.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The service gives a folder away, binds port 80, steps down to another user, and asks for things it can do \
without. The demo checks its manifest, traces it, proves by trials what it needs, writes that into the \
manifest, checks again, and runs it with exactly that.

It works in a network and a folder of its own and leaves nothing behind. Without root it shows what can be \
tried in a user namespace.")]
pub struct Args {
    /// Write the patched manifest to this file
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let program = std::env::current_exe()
        .map_err(|e| Failure::new(format!("cannot find this program's own file: {e}")))?;
    let mut demo = Demo::prepare(program).map_err(failed)?;
    let options = Options::default();
    introduce(&demo, ui)?;

    title(ui, "check", "what the manifest gives it today")?;
    let before = read(&demo)?;
    let held_before = findings(&before, &options, ui)?;

    let (profile, answer) = find_out(&mut demo, ui)?;

    title(ui, "patch", "the manifest, nothing else changed")?;
    patch(&demo, &profile, &answer, ui)?;
    let after = read(&demo)?;
    diff(before.source.text(), after.source.text(), ui)?;

    title(ui, "check again", "")?;
    let held_after = findings(&after, &options, ui)?;

    title(ui, "run", "the service and a probe, with exactly that")?;
    let verified = demo.verify(answer.set).map_err(Failure::new)?;
    let mut out = ui.out();
    writeln!(
        out,
        "  serving as user {}: can use {}, can regain no more than {}",
        verified.user, verified.serving.effective, verified.serving.bounding
    )?;
    for tried in &verified.operations {
        let (style, word) = match tried.allowed {
            Some(true) => (GREEN, "can      "),
            Some(false) => (DIM, "cannot   "),
            None => (YELLOW, "not tried"),
        };
        let wrong = if tried.as_expected() { "" } else { "   <- not as the set says" };
        writeln!(out, "  {style}{word}{style:#} {}{wrong}", tried.what)?;
    }
    if !verified.holds(answer.set) {
        return Err(Failure::new("the running process is not as the set says; please report this"));
    }
    if let Some(file) = &args.keep {
        manifest::write_whole(file, after.source.text()).map_err(Failure::from)?;
    }
    let escape = |set: CapSet| {
        let members = set
            .iter()
            .filter(|c| caps::knowledge(*c).is_some_and(|k| k.reach == caps::Reach::Escape));
        members.collect::<CapSet>()
    };
    let proof = if answer.proof == Proof::Proven && demo.undecided().is_empty() {
        "proven"
    } else {
        "not all decided"
    };
    writeln!(
        out,
        "\n{BOLD}held {} -> {}; escape class: {}; {proof} in {} runs{BOLD:#}",
        held_before.len(),
        held_after.len(),
        escape(held_after),
        answer.runs().0,
    )?;
    Ok(ExitCode::SUCCESS)
}

/// The manifest as it is now, under the name it would have in a user's folder.
fn read(demo: &Demo) -> Result<Manifest, Failure> {
    let manifest = manifest::read(&demo.manifest).map_err(Failure::new)?;
    Ok(manifest::parse("demo.yaml", manifest.source.text()))
}

fn introduce(demo: &Demo, ui: &Ui) -> io::Result<()> {
    let mut out = ui.out();
    writeln!(out, "A web service, run as root with what {} gives every container.", demo.runtime)?;
    match &demo.means {
        Means::Traced => Ok(()),
        Means::Tried(why) => writeln!(
            out,
            "{YELLOW}It cannot be traced here:{YELLOW:#} {why}\nTrials find the answer all the same, in more runs."
        ),
        Means::OneUser => writeln!(
            out,
            "{YELLOW}It cannot be traced here, nor run as root:{YELLOW:#} this is a user namespace with one user.\nWhat that can try is tried; the rest is undecided. As root the demo shows all: sudo dropcap demo"
        ),
    }
}

fn title(ui: &Ui, word: &str, about: &str) -> io::Result<()> {
    let about = if about.is_empty() { String::new() } else { format!(": {about}") };
    writeln!(ui.out(), "\n{BOLD}== {word}{BOLD:#}{about}")
}

/// Prints what `check` finds and returns what the container holds.
fn findings(manifest: &Manifest, options: &Options, ui: &Ui) -> Result<CapSet, Failure> {
    let checked = check::check(manifest, options);
    let mut out = ui.out();
    for finding in &checked.findings {
        writeln!(
            out,
            "{}",
            check::render::text::finding(
                &manifest.source,
                finding,
                &options.runtime.to_string(),
                ui.colour()
            )
        )?;
    }
    let held = checked.containers.iter().filter_map(|c| c.held.as_ref()).map(|h| h.effective);
    let held = held.fold(CapSet::EMPTY, |all, one| all | one);
    writeln!(out, "  holds {}: {held}", held.len())?;
    Ok(held)
}

/// Traces where that is possible, and proves by trials.
fn find_out(demo: &mut Demo, ui: &Ui) -> Result<(Profile, Answer), Failure> {
    let mut profile = None;
    let mut traced = None;
    if matches!(demo.means, Means::Traced) {
        title(ui, "trace", "what it uses, and for what")?;
        let observed = demo.trace().map_err(failed)?;
        report::needs(&observed.judgement, ui)?;
        let options = ProfileOptions { name: "demo".to_owned(), ..ProfileOptions::default() };
        profile = Some(to_profile(&observed.recording, &observed.judgement, &options));
        traced = Some(observed);
    }
    title(ui, "prove", &format!("run it without, and test for {TEST}"))?;
    let undecided = demo.undecided();
    let answer = demo.prove(traced.as_ref()).map_err(failed)?;
    trials(&answer, undecided, ui)?;
    let mut profile = profile.unwrap_or_else(|| untraced_profile(&answer, undecided));
    proven::settle(&mut profile, &answer, TEST);
    Ok((profile, answer))
}

fn trials(answer: &Answer, undecided: CapSet, ui: &Ui) -> Result<(), Failure> {
    let mut out = ui.out();
    for trial in answer.trials.iter().filter(|t| t.outcome.passed() && t.purpose != Purpose::Start)
    {
        writeln!(out, "  {GREEN}works{GREEN:#} with {}", trial.set)?;
    }
    for capability in answer.set - undecided {
        if let Some(why) = answer.failure_without(capability) {
            writeln!(
                out,
                "  {RED}fails{RED:#} without {:<17} {DIM}{why}{DIM:#}",
                capability.to_string()
            )?;
        }
    }
    if !undecided.is_empty() {
        writeln!(out, "  {YELLOW}undecided:{YELLOW:#} {undecided}")?;
    }
    match &answer.proof {
        Proof::Proven => Ok(()),
        Proof::NeverPasses => {
            Err(Failure::new("the service does not work here even with its whole default set"))
        }
        Proof::Flaky { set, passed } => Err(Failure::new(format!(
            "the service fails with {set} and works with {passed}: nothing is proven"
        ))),
        Proof::Explained | Proof::Passed | Proof::Stopped => {
            Err(Failure::new("the trials came to no proof; please report this"))
        }
    }
}

/// Drop ALL and add what is needed; while something is undecided, only what was tried is dropped.
fn patch(demo: &Demo, profile: &Profile, answer: &Answer, ui: &Ui) -> Result<(), Failure> {
    if !demo.undecided().is_empty() {
        return demo.drop_only(demo.start - answer.set).map_err(failed);
    }
    // The trials have decided, whatever the trace may have missed.
    let patched =
        patch_file(&demo.manifest, None, profile, Incomplete::Accept, &PatchOptions::default());
    for left_out in &patched.map_err(Failure::new)?.left_out {
        let instead = left_out.instead.join("; or ");
        ui.warning(&format!("{} would not take effect; instead: {instead}", left_out.capability));
    }
    Ok(())
}

fn diff(before: &str, after: &str, ui: &Ui) -> io::Result<()> {
    let mut out = ui.out();
    for change in similar::TextDiff::from_lines(before, after).iter_all_changes() {
        let (style, sign) = match change.tag() {
            similar::ChangeTag::Delete => (RED, '-'),
            similar::ChangeTag::Insert => (GREEN, '+'),
            similar::ChangeTag::Equal => continue,
        };
        write!(out, "  {style}{sign} {}{style:#}", change.value())?;
    }
    Ok(())
}

fn failed(error: DemoError) -> Failure {
    Failure::new(error).help("`dropcap doctor` says what this machine can do and what is missing")
}
