//! The answer for a person: first the one line that is wanted at three in the morning, then who took it
//! away, then what to do.

use std::io::{self, Write};

use check::words;
use jobs::why::{Answer, Cause, Ended, Kind, Likelihood, Report};
use record::observation::Target;
use textwrap::{Options, WordSplitter, wrap};

use crate::ui::{BOLD, DIM, GREEN, RED, Ui, YELLOW};

/// Lines are filled up to this width; the first of an answer is left whole.
const WIDTH: usize = 80;
/// Where what stands behind a label begins.
const COLUMN: usize = 12;
/// How many calls and remedies are shown without `-v`.
const SHOWN: usize = 3;

/// Prints all answers.
pub fn print(report: &Report, ui: &Ui) -> io::Result<()> {
    let mut out = ui.out();
    for (index, answer) in report.targets.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        if report.targets.len() > 1 {
            writeln!(out, "{DIM}== {}{DIM:#}", name(&answer.target))?;
        }
        one(&mut out, answer, ui)?;
    }
    out.flush()
}

fn one(out: &mut impl Write, answer: &Answer, ui: &Ui) -> io::Result<()> {
    if answer.causes.is_empty() {
        let style = if answer.end == Ended::Badly { YELLOW } else { GREEN };
        writeln!(out, "{style}{}{style:#}", nothing(answer))?;
        if answer.end == Ended::Badly {
            let look = "look at its own output: it failed over something that is no system call's error, or one that programs meet with every day";
            line(out, "next", look)?;
        }
    }
    for (index, found) in answer.causes.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        cause(out, answer, found, ui)?;
    }
    if !answer.causes.is_empty() {
        writeln!(out)?;
    }
    went_on(out, answer, ui)?;
    footer(out, answer)
}

/// The answer where there is no cause.
fn nothing(answer: &Answer) -> String {
    let name = name(&answer.target);
    if answer.unseen > 0 || (answer.end != Ended::Running && !answer.incomplete.is_empty()) {
        let ended = &answer.ended;
        return format!("no call was seen to fail for want of a capability: {name} {ended}");
    }
    match answer.end {
        Ended::Well => format!("nothing is missing: {name} {}", answer.ended),
        Ended::Running => {
            format!("nothing is missing so far: {name} {}", answer.ended)
        }
        Ended::Badly | Ended::Unknown => {
            format!("no capability was refused: {name} {}", answer.ended)
        }
    }
}

fn cause(out: &mut impl Write, answer: &Answer, cause: &Cause, ui: &Ui) -> io::Result<()> {
    let about_files = matches!(cause.kind, Kind::NoNewPrivileges | Kind::FileCapabilities);
    let style = if cause.capabilities.is_empty() && !about_files { YELLOW } else { RED };
    // The lead in colour; what behind it shows it is the call.
    let lead = cause.answer.split(": ").next().unwrap_or_default();
    let rest = &cause.answer[lead.len()..];
    writeln!(out, "{style}{lead}{style:#}{BOLD}{rest}{BOLD:#}")?;
    let all = ui.verbosity() > 0;
    let shown = if all { cause.calls.len() } else { SHOWN.min(cause.calls.len()) };
    for call in cause.calls.iter().take(shown).skip(1) {
        line(out, "also", &call.line())?;
    }
    if cause.calls.len() > shown {
        line(out, "", &format!("and {} more (-v)", cause.calls.len() - shown))?;
    }
    let sure = match cause.likelihood {
        Likelihood::Sure => "",
        Likelihood::Likely => " (likely, not sure)",
        Likelihood::Possible => " (possible: programs meet with it every day)",
    };
    line(out, "why", &format!("{}{sure}", cause.why))?;
    if answer.starts > 1 {
        line(out, "seen", &format!("in {} of {} starts", cause.seen, answer.starts))?;
    }
    if let (Some(taken), Some(place)) = (&cause.taken_by, &answer.manifest) {
        let at = taken.line.map(|line| format!(" ({}:{line})", place.file)).unwrap_or_default();
        line(out, "by", &format!("{}{at}", taken.words))?;
    }
    let shown = if all { cause.remedies.len() } else { SHOWN.min(cause.remedies.len()) };
    for (index, remedy) in cause.remedies.iter().take(shown).enumerate() {
        line(out, if index == 0 { "instead" } else { "or" }, &remedy.how)?;
        if all {
            line(out, "", &remedy.why)?;
        }
    }
    if cause.remedies.len() > shown {
        line(out, "", &format!("and {} more (-v)", cause.remedies.len() - shown))?;
    }
    mend(out, answer, cause)
}

/// The edit, or why there is none.
fn mend(out: &mut impl Write, answer: &Answer, cause: &Cause) -> io::Result<()> {
    if let (Some(edit), Some(place)) = (&cause.edit, &answer.manifest) {
        let label = if cause.remedies.is_empty() { "do" } else { "or else" };
        line(out, label, &format!("{}, {}:{}:", edit.title, place.file, edit.line))?;
        for gone in &edit.removed {
            writeln!(out, "{:COLUMN$}{RED}-{gone}{RED:#}", "")?;
        }
        for new in &edit.added {
            writeln!(out, "{:COLUMN$}{GREEN}+{new}{GREEN:#}", "")?;
        }
        return Ok(());
    }
    if let Some(why) = &cause.no_edit {
        return line(out, "no add", why);
    }
    let wanted = match cause.kind {
        Kind::Missing | Kind::MissingForSeccomp => cause.capabilities.first(),
        _ => None,
    };
    if let (Some(capability), None) = (wanted, &answer.manifest) {
        let label = if cause.remedies.is_empty() { "do" } else { "or else" };
        let add = format!("add {capability} to capabilities.add (-f MANIFEST shows where)");
        return line(out, label, &add);
    }
    Ok(())
}

/// What was refused or failed as well.
fn went_on(out: &mut impl Write, answer: &Answer, ui: &Ui) -> io::Result<()> {
    if answer.went_on.is_empty() {
        return Ok(());
    }
    if ui.verbosity() == 0 {
        let what = words::count(answer.went_on.len(), "more reason");
        return writeln!(out, "{DIM}{what} why calls failed, and it went on (-v){DIM:#}");
    }
    writeln!(out, "{DIM}failed as well, and it went on:{DIM:#}")?;
    for cause in &answer.went_on {
        line(out, "", &cause.answer)?;
    }
    Ok(())
}

/// What was followed, and what may be missing.
fn footer(out: &mut impl Write, answer: &Answer) -> io::Result<()> {
    let starts = if answer.starts > 1 {
        format!("{} starts, the last ", answer.starts)
    } else {
        String::new()
    };
    if !answer.causes.is_empty() {
        writeln!(out, "{DIM}{}: {starts}{}{DIM:#}", name(&answer.target), answer.ended)?;
    }
    if answer.unseen > 0 {
        let what = words::count(answer.unseen as usize, "refused check");
        writeln!(out, "{YELLOW}{what} whose call was not seen to return{YELLOW:#}")?;
    }
    for reason in &answer.incomplete {
        let reason = format!("incomplete: {reason}");
        for part in wrap(&reason, Options::new(WIDTH).subsequent_indent("  ")) {
            writeln!(out, "{YELLOW}{part}{YELLOW:#}")?;
        }
    }
    Ok(())
}

/// A labelled paragraph.
fn line(out: &mut impl Write, label: &str, text: &str) -> io::Result<()> {
    let options =
        Options::new(WIDTH - COLUMN).break_words(false).word_splitter(WordSplitter::NoHyphenation);
    let column = COLUMN - 2;
    for (index, part) in wrap(text, options).iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        writeln!(out, "  {DIM}{label:<column$}{DIM:#}{part}")?;
    }
    Ok(())
}

fn name(target: &Target) -> String {
    match target {
        Target::Command { argv } => argv.join(" "),
        Target::Process { pid } => format!("pid/{pid}"),
        Target::Cgroup { path } => format!("cgroup{path}"),
        Target::Container(c) => match (&c.namespace, &c.pod, &c.name) {
            (Some(namespace), Some(pod), Some(name)) => format!("{namespace}/{pod}/{name}"),
            (_, _, Some(name)) => name.clone(),
            _ => c.id.chars().take(12).collect(),
        },
    }
}
