//! What a search has found, for a person.

use std::collections::BTreeSet;
use std::io::{self, Write};

use caps::{CapSet, Capability};
use check::words;
use fit::{Answer, Denial, Outcome, Proof, Trial};
use jobs::fitted::{Made, has_passed};
use record::profile::Profile;
use record::requirement::{Remedy, for_reading};
use record::search::Place;

use super::user_namespace;
use crate::commands::trace::report::context;
use crate::ui::{BOLD, DIM, GREEN, RED, Ui, YELLOW};

/// How many lines of a kind are shown without `-v`.
const LINES: usize = 3;
/// The columns before what is said of a capability, and after it.
const INDENT: usize = 21;
const WIDTH: usize = 80;
/// What runs alone do not tell.
pub(super) const NOT_TRACED: &str = "not traced: what was refused meanwhile is not known, nor whether each \
     run did the same: what it does by chance only may be missing";

/// Prints it.
pub(super) fn print(
    answer: &Answer,
    made: &Made<'_>,
    profile: &Profile,
    jobs: u8,
    ui: &Ui,
) -> io::Result<()> {
    let mut out = ui.out();
    header(&mut out, answer, made, profile, jobs)?;
    if !has_passed(answer) {
        nothing(&mut out, answer)?;
        return user_namespace::tell_of_none(&mut out, made.undecided, answer);
    }
    let list = profile.spec.capabilities.clone();
    let untried = untried(answer, profile);
    for capability in list.needed - untried {
        needed(&mut out, capability, answer, profile, ui)?;
    }
    if !untried.is_empty() {
        user_namespace::line(&mut out, "not left out yet", &untried.to_string())?;
    }
    for capability in list.doubtful {
        doubtful(&mut out, capability, answer)?;
    }
    alternatives(&mut out, answer)?;
    user_namespace::tell(&mut out, made.undecided, made.start - list.add(), ui)?;
    did_not_matter(&mut out, answer, list.add(), ui)?;
    if made.first.is_none() {
        let text = textwrap::fill(NOT_TRACED, after_name("  "));
        writeln!(out, "{DIM}{text}{DIM:#}")?;
    }
    for reason in made.first.into_iter().flat_map(|first| &first.judgement.incomplete) {
        let reason = textwrap::fill(&format!("incomplete: {reason}"), after_name("  "));
        writeln!(out, "{RED}{reason}{RED:#}")?;
    }
    writeln!(out)?;
    context(&mut out, list.needed, list.doubtful, "refused without, the test passes")?;
    if !made.undecided.is_empty() {
        writeln!(
            out,
            "{YELLOW}# not the whole answer: what is undecided may be needed, too{YELLOW:#}"
        )?;
    }
    let uid = made.user;
    if uid != 0 && !list.add().is_empty() {
        writeln!(
            out,
            "{YELLOW}# user {uid} holds them only where the runtime raises ambient capabilities \
             (Podman){YELLOW:#}"
        )?;
    }
    Ok(())
}

fn header(
    out: &mut impl Write,
    answer: &Answer,
    made: &Made<'_>,
    profile: &Profile,
    jobs: u8,
) -> io::Result<()> {
    let runs = words::count(answer.trials.len(), "run");
    let seconds = made.took.as_secs_f64();
    let beside = if jobs > 1 { format!(", {jobs} at a time") } else { String::new() };
    let place = match made.place {
        Place::Here => "on this machine as it is",
        Place::Sandbox if !made.undecided.is_empty() => "each in a sandbox without privilege",
        Place::Sandbox => "each in a sandbox",
        Place::Container => "each in a new container",
    };
    let command = made.command.join(" ");
    let lists = &profile.spec.capabilities;
    let list = match (lists.needed.len(), lists.doubtful.len()) {
        _ if !has_passed(answer) => "no answer".to_owned(),
        (needed, _) if answer.proof == Proof::Stopped => format!("passes with {needed}"),
        (needed, 0) if !made.undecided.is_empty() => {
            format!("{needed} needed, {} undecided", made.undecided.len())
        }
        (needed, 0) => format!("{needed} needed"),
        (needed, doubtful) => format!("{needed} needed, {doubtful} doubtful"),
    };
    let command = textwrap::fill(&command, textwrap::Options::new(WIDTH).subsequent_indent("  "));
    writeln!(out, "{BOLD}{command}{BOLD:#}")?;
    writeln!(out, "  {BOLD}{list}{BOLD:#}  {DIM}{runs}, {seconds:.1} s, {place}{beside}{DIM:#}")?;
    let test = format!("  {:<9} {}", "test", made.test);
    let width = textwrap::Options::new(WIDTH).subsequent_indent("            ").break_words(false);
    writeln!(out, "{}", textwrap::fill(&test, width))?;
    let (word, why) = came_to(answer, profile);
    let style = match word {
        "proven" => GREEN,
        "flaky" => RED,
        "unproven" | "undecided" if !has_passed(answer) => RED,
        _ => YELLOW,
    };
    let indent = " ".repeat(12);
    let options = textwrap::Options::new(WIDTH - 12);
    let why = textwrap::wrap(&why, options).join(&format!("\n{indent}"));
    writeln!(out, "  {style}{word:<9}{style:#} {why}\n")
}

/// What it came to, in a word, and what that means. A profile has it in the same words.
pub(super) fn came_to(answer: &Answer, profile: &Profile) -> (&'static str, String) {
    let search = profile.status.searches.last();
    let (word, meaning) = search.map_or(("unproven", ""), |one| (one.word(), one.meaning()));
    let said = match &answer.proof {
        Proof::Flaky { set, passed } => contradiction(answer, *set, *passed),
        _ => meaning.to_owned(),
    };
    (word, said)
}

/// What was seen that cannot be, if the test tells the truth and more never hurts.
fn contradiction(answer: &Answer, failed: CapSet, passed: CapSet) -> String {
    if failed == passed {
        return format!("passes and fails with {failed}: nothing is proven");
    }
    let times = match answer.trials.iter().filter(|trial| trial.set == failed).count() {
        1 => String::new(),
        times => format!(" ({times} times of {times})"),
    };
    let less = match passed.is_empty() {
        true => "none".to_owned(),
        false => format!("less, {passed}"),
    };
    format!("fails with {failed}{times}, and passes with {less}: nothing is proven")
}

/// No run passed.
fn nothing(out: &mut impl Write, answer: &Answer) -> io::Result<()> {
    let said = answer.trials.iter().find_map(|trial| match &trial.outcome {
        Outcome::Failed(said) => Some(said),
        Outcome::Passed => None,
    });
    let Some(said) = said else { return Ok(()) };
    let below =
        textwrap::Options::new(WIDTH).initial_indent("  ").subsequent_indent("            ");
    writeln!(out, "{}", textwrap::fill(&format!("it says   {said}"), below))
}

/// What a search that was stopped has not come to: neither seen in use, nor missed in a run.
fn untried(answer: &Answer, profile: &Profile) -> CapSet {
    if answer.proof != Proof::Stopped {
        return CapSet::EMPTY;
    }
    let is_untried = |capability: &Capability| {
        profile.why(*capability).all(|requirement| requirement.uses.is_empty())
            && answer.failure_without(*capability).is_none()
    };
    profile.spec.capabilities.needed.iter().filter(is_untried).collect()
}

/// What is said of one without a use.
pub(super) fn unseen(profile: &Profile) -> &'static str {
    if profile.status.runs.is_empty() { "found by runs alone" } else { "no use was seen" }
}

fn needed(
    out: &mut impl Write,
    capability: Capability,
    answer: &Answer,
    profile: &Profile,
    ui: &Ui,
) -> io::Result<()> {
    let requirements: Vec<_> = profile.why(capability).collect();
    let uses = for_reading(requirements.iter().flat_map(|r| &r.uses));
    let shown = if ui.verbosity() > 0 { uses.len() } else { LINES };
    let mut lines: Vec<String> = uses.iter().take(shown).map(|seen| seen.line()).collect();
    if lines.is_empty() {
        lines.push(unseen(profile).to_owned());
    }
    if uses.len() > shown {
        lines.push(format!("and {} more (-v)", uses.len() - shown));
    }
    for (index, line) in lines.iter().enumerate() {
        let name = if index == 0 { capability.to_string() } else { String::new() };
        let line = textwrap::fill(line, after_name(&" ".repeat(INDENT)));
        writeln!(out, "  {BOLD}{name:<18}{BOLD:#} {}", line.trim_start())?;
    }
    if answer.required.contains(capability)
        && let Some(said) = answer.failure_without(capability)
    {
        wrapped(out, &format!("without it: {said}"))?;
    }
    let mut remedies: Vec<&Remedy> = requirements.iter().flat_map(|r| &r.remedies).collect();
    remedies.sort_by_key(|remedy| remedy.place);
    remedies.dedup();
    let shown = if ui.verbosity() > 0 { remedies.len() } else { 1 };
    for remedy in remedies.into_iter().take(shown) {
        wrapped(out, &format!("to do without: {}", remedy.how))?;
    }
    Ok(())
}

/// What was refused, and the test passed.
fn doubtful(out: &mut impl Write, capability: Capability, answer: &Answer) -> io::Result<()> {
    let because = answer.safer.iter().flat_map(|safer| &safer.because);
    let why = because.filter(|(c, _)| *c == capability).map(|(_, denial)| refused(denial)).next();
    let why = why.unwrap_or_else(|| "refused without it".to_owned());
    let why = textwrap::fill(&why, after_name(&" ".repeat(INDENT)));
    writeln!(out, "  {YELLOW}{:<18}{YELLOW:#} {}", capability.to_string(), why.trim_start())?;
    wrapped(out, "doubtful: the test passes without it (--minimum leaves it out)")
}

fn refused(denial: &Denial) -> String {
    let returned = denial.returned.as_deref().map(|r| format!(": {r}")).unwrap_or_default();
    format!("{} by {}, refused{returned}", denial.what, denial.by)
}

fn alternatives(out: &mut impl Write, answer: &Answer) -> io::Result<()> {
    for other in &answer.alternatives {
        let tried = match other.passed {
            Some(true) => "tried",
            Some(false) => "tried, fails",
            None => "not tried: --alternatives does",
        };
        writeln!(
            out,
            "  {DIM}{} would serve for {} ({tried}){DIM:#}",
            other.with, other.instead_of
        )?;
    }
    Ok(())
}

/// What was refused in runs that passed with the list, and is not in it.
fn did_not_matter(out: &mut impl Write, answer: &Answer, list: CapSet, ui: &Ui) -> io::Result<()> {
    let passed = |t: &&Trial| t.outcome.passed() && t.set == list;
    let sights = answer.trials.iter().filter(passed).filter_map(|trial| trial.sight.as_ref());
    let mut lines = BTreeSet::new();
    for sight in sights {
        for denial in &sight.denied {
            let names: Vec<String> = denial.any_of.iter().map(ToString::to_string).collect();
            lines.insert(format!("{} for {}", names.join(" or "), refused(denial)));
        }
        // Nothing depends on these anywhere: for who wants to know all.
        for exempt in sight.exempt.iter().filter(|_| ui.verbosity() > 0) {
            let site = exempt.site.split(" < ").next().unwrap_or_default();
            lines.insert(format!("{} at {site}: {}", exempt.capability, exempt.why));
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    let shown = if ui.verbosity() > 0 { lines.len() } else { LINES };
    writeln!(out, "  {DIM}refused, and the test passed:{DIM:#}")?;
    for line in lines.iter().take(shown) {
        let options =
            textwrap::Options::new(WIDTH).initial_indent("    ").subsequent_indent("      ");
        writeln!(out, "{DIM}{}{DIM:#}", textwrap::fill(line, options))?;
    }
    if lines.len() > shown {
        writeln!(out, "    {DIM}and {} more (-v){DIM:#}", lines.len() - shown)?;
    }
    Ok(())
}

fn wrapped(out: &mut impl Write, text: &str) -> io::Result<()> {
    let text = textwrap::fill(text, after_name(&" ".repeat(INDENT)));
    writeln!(out, "{DIM}{text}{DIM:#}")
}

/// Text that begins at `first`, its other lines behind the names of capabilities.
fn after_name(first: &str) -> textwrap::Options<'_> {
    const INDENTED: &str = "                     ";
    textwrap::Options::new(WIDTH).initial_indent(first).subsequent_indent(INDENTED)
}
