//! The sets of containers, for a person.

use std::io::{self, Write};

use caps::{CapSet, CapState, Capability, Reach};
use resolve::{Outcome, Resolved};
use runtime::{Became, Fate, Reason, Refusal, Resolution, Runtime, Sets};

use super::abilities::{self, Abilities};
use super::paragraph::Paragraph;
use super::subject::Subject;
use super::{danger, phrases};
use crate::ui::{BOLD, DIM, GREEN, RED, Ui, YELLOW};

/// Where the text behind a label starts.
const COLUMN: usize = 16;

/// Why a bounding set matters to a process that holds nothing.
const REACH: &str = "within reach of a set-uid program or a file with capabilities";

/// Which runtimes the answer is for, those of Compose files apart if they are others, and whether
/// anybody said so.
pub fn introduction(
    out: &mut dyn Write,
    runtimes: Option<&[Runtime]>,
    compose: Option<&[Runtime]>,
    assumed: bool,
) -> io::Result<()> {
    let names = |runtimes: &[Runtime]| {
        check::words::list(&runtimes.iter().map(phrases::runtime).collect::<Vec<_>>())
    };
    let names = match (runtimes, compose) {
        (Some(runtimes), Some(compose)) if runtimes != compose => {
            format!("{}, {} for Compose", names(runtimes), names(compose))
        }
        (Some(runtimes), _) | (None, Some(runtimes)) => names(runtimes),
        (None, None) => return Ok(()),
    };
    let note = if assumed { ", which is assumed: --runtime names another" } else { "" };
    writeln!(out, "{DIM}For {names}{note}.{DIM:#}\n")
}

/// Every container, one after the other.
pub fn print<'a>(
    out: &mut dyn Write,
    subjects: impl Iterator<Item = Subject<'a>>,
    ui: &Ui,
) -> io::Result<()> {
    let mut total = Total::default();
    for subject in subjects {
        if total.containers > 0 {
            writeln!(out)?;
        }
        head(out, &subject)?;
        for answer in &subject.answers {
            container(out, &subject, answer, ui)?;
        }
        total.count(&subject);
    }
    total.print(out)
}

/// Where it is and what it is called.
pub fn head(out: &mut dyn Write, subject: &Subject) -> io::Result<()> {
    let at = subject.position(subject.container.name_span);
    let name = phrases::clean(subject.manifest.source.name());
    writeln!(out, "{DIM}{name}:{at}{DIM:#}  {BOLD}{}{BOLD:#}", phrases::subject(subject))
}

/// Under the head: what comes of it on one runtime.
fn container(out: &mut dyn Write, subject: &Subject, answer: &Resolved, ui: &Ui) -> io::Result<()> {
    match &answer.outcome {
        Outcome::Windows => {
            line(out, "holds", &Paragraph::new("nothing: Windows has no capabilities"))?;
        }
        Outcome::Refused(refusal) => {
            line(out, "holds", &not_started(subject, refusal))?;
        }
        Outcome::Starts(resolution) => starts(out, subject, answer, resolution, ui)?,
    }
    for objection in &answer.objections {
        let at = subject.position(objection.span).line;
        let text = Paragraph::default().styled(&format!("line {at}: {objection}"), YELLOW);
        line(out, "but", &text)?;
    }
    Ok(())
}

fn not_started(subject: &Subject, refusal: &Refusal) -> Paragraph {
    let text = Paragraph::default().styled("nothing, it does not start:", RED);
    let text = text.text(&phrases::clean(&refusal.to_string()));
    match refusal.word().and_then(|word| subject.word_line(word)) {
        Some(line) => text.text(&format!("(line {line})")),
        None => text,
    }
}

fn starts(
    out: &mut dyn Write,
    subject: &Subject,
    answer: &Resolved,
    resolution: &Resolution,
    ui: &Ui,
) -> io::Result<()> {
    line(out, "user", &Paragraph::new(&phrases::user(subject, &answer.context)))?;
    if let Some(files) = phrases::files(&answer.context) {
        line(out, "files", &Paragraph::new(&files))?;
    }
    line(out, "holds", &balance(answer, resolution))?;
    line(out, "escape class", &escape(subject, answer, resolution))?;
    let (most, least) = (resolution.most(), resolution.least());
    if let Some(refusal) = resolution.refusal() {
        let (user, other) = phrases::as_whom(resolution);
        writeln!(out, "  {BOLD}{user}{BOLD:#}")?;
        five_sets(out, subject, most)?;
        why(out, subject, answer, most, true)?;
        writeln!(out, "  {BOLD}{other}{BOLD:#}")?;
        not_started(subject, refusal).print_hanging(out, 4)?;
    } else if most.process == least.process {
        five_sets(out, subject, most)?;
        why(out, subject, answer, most, true)?;
    } else {
        writeln!(out, "  {BOLD}if root{BOLD:#}")?;
        five_sets(out, subject, most)?;
        why(out, subject, answer, most, true)?;
        writeln!(out, "  {BOLD}if not root{BOLD:#}")?;
        let bounding = most.process.bounding;
        if least.process == (CapState { bounding, ..CapState::default() }) {
            nothing_but_bounding(out, least)?;
        } else {
            five_sets(out, subject, least)?;
            why(out, subject, answer, least, false)?;
        }
    }
    if ui.verbosity() > 0 {
        why_not(out, subject, answer, most)?;
    }
    let odd_words = most.odd.iter().filter(|odd| {
        // Nothing comes of it here; `check` says where else something would.
        ui.verbosity() > 0 || odd.became != Became::Read
    });
    for odd in odd_words {
        let mut text = Paragraph::default();
        if let Some(line) = subject.word_line(&odd.word) {
            text = text.styled(&format!("line {line}:"), YELLOW);
        }
        line(out, "note", &text.styled(&phrases::odd(odd, answer), YELLOW))?;
    }
    for void in &most.void {
        let mut text = Paragraph::default();
        if let Some(line) = subject.set_line(void) {
            text = text.styled(&format!("line {line}:"), YELLOW);
        }
        let said = phrases::clean(&void.sentence(answer.runtime.oci));
        line(out, "note", &text.styled(&said, YELLOW))?;
    }
    if matches!(
        most.fate(Capability::NET_BIND_SERVICE).bounding_reason,
        Reason::Added { .. } | Reason::AddedByAll { .. }
    ) && let Some(why) = abilities::low_ports(answer)
    {
        line(out, "note", &Paragraph::new(&format!("NET_BIND_SERVICE is not needed: {why}")))?;
    }
    able(out, answer, resolution)
}

/// How much is held, before and after: `14 by default -> 1`.
fn balance(answer: &Resolved, resolution: &Resolution) -> Paragraph {
    let default = answer.runtime.default_set() & answer.runtime.own;
    let count = |sets: &Sets| sets.process.effective.len();
    let (most, least) = (count(resolution.most()), count(resolution.least()));
    let now = match resolution.refusal() {
        Some(_) => format!("{most} {}", phrases::as_whom(resolution).0),
        None if most == least => most.to_string(),
        None => format!("{most} if root, {least} if not"),
    };
    let style = if most == 0 { GREEN } else { BOLD };
    Paragraph::new(&format!("{} by default ->", default.len())).styled(&now, style)
}

/// What of it leads out of the container, and by what help.
fn escape(subject: &Subject, answer: &Resolved, resolution: &Resolution) -> Paragraph {
    let held = subject.could_hold(resolution);
    let found = danger::escapes(held, &subject.exposure);
    if found.is_empty() {
        return Paragraph::default().styled("none", GREEN);
    }
    let (alone, helped): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|capability| danger::escapes_alone(*capability));
    let mut text = names(subject, &alone, held);
    match (alone.len(), helped.len()) {
        (_, 0) => {}
        (0, _) => {
            text = names(subject, &helped, held);
            if let Some(help) = danger::help(&helped, held, &subject.exposure) {
                text = text.text(&format!("({help})"));
            }
        }
        (_, more) => text = text.text(&format!("and {more} more as things stand")),
    }
    if answer.context.user_namespace.is_some() {
        text = text.text("(but within the pod's own user namespace only)");
    }
    text
}

/// The five sets by name, equal ones together, and what a set-uid program could have.
fn five_sets(out: &mut dyn Write, subject: &Subject, sets: &Sets) -> io::Result<()> {
    let CapState { bounding, permitted, effective, inheritable, ambient } = sets.process;
    let five = [
        ("effective", effective),
        ("permitted", permitted),
        ("bounding", bounding),
        ("inheritable", inheritable),
        ("ambient", ambient),
    ];
    let mut groups: Vec<(CapSet, Vec<&str>)> = Vec::new();
    for (name, set) in five {
        match groups.iter_mut().find(|(known, _)| *known == set) {
            Some((_, names)) => names.push(name),
            None => groups.push((set, vec![name])),
        }
    }
    for (set, labels) in groups {
        let label = if labels.len() == 5 { "all five sets".to_owned() } else { labels.join(", ") };
        let text = Paragraph::new(&label).close(":");
        let text = if set.is_empty() {
            text.styled("none", DIM)
        } else if set == CapSet::all_known() {
            text.styled(&format!("all {}", set.len()), RED)
        } else {
            text.then(names(subject, &danger::sorted(set), set))
        };
        text.print_hanging(out, 4)?;
    }
    if !sets.regainable.is_empty() {
        let what = if sets.regainable == bounding {
            "all of the bounding set".to_owned()
        } else {
            sets.regainable.to_string()
        };
        let text = format!("{REACH}: {what}");
        Paragraph::default().styled(&text, YELLOW).print_hanging(out, 4)?;
    }
    Ok(())
}

/// The usual answer for a process that is not root, in one sentence.
fn nothing_but_bounding(out: &mut dyn Write, sets: &Sets) -> io::Result<()> {
    let reason = sets.process.bounding.iter().next().map(|capability| sets.fate(capability).reason);
    let reason = reason.unwrap_or(Reason::LostNonRoot);
    let text = Paragraph::new(&format!("the same bounding set; the other four: none ({reason})"));
    text.print_hanging(out, 4)?;
    if !sets.regainable.is_empty() {
        let text = format!("{REACH}: all of the bounding set");
        Paragraph::default().styled(&text, YELLOW).print_hanging(out, 4)?;
    }
    Ok(())
}

/// Why each member is there, those with the same reason together; `from` says whether also how it
/// came into the bounding set.
fn why(
    out: &mut dyn Write,
    subject: &Subject,
    answer: &Resolved,
    sets: &Sets,
    from: bool,
) -> io::Result<()> {
    let members = sets.process.bounding | sets.process.permitted;
    let mut lines = Vec::new();
    if from {
        lines.push(group(subject, answer, sets, members, |fate| Some(fate.bounding_reason)));
    }
    lines.push(group(subject, answer, sets, members, |fate| {
        (fate.reason != fate.bounding_reason).then_some(fate.reason)
    }));
    for text in lines.into_iter().filter(|text| !text.is_empty()) {
        Paragraph::default().styled("why", DIM).then(text).print_hanging(out, 4)?;
    }
    Ok(())
}

/// Why each absentee is not there.
fn why_not(
    out: &mut dyn Write,
    subject: &Subject,
    answer: &Resolved,
    sets: &Sets,
) -> io::Result<()> {
    let absent = CapSet::all_known() - sets.process.bounding - sets.process.permitted;
    let mut groups: Vec<(String, Vec<Capability>)> = Vec::new();
    for capability in danger::sorted(absent) {
        let reason = phrase(subject, answer, &sets.fate(capability).bounding_reason);
        match groups.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, members)) => members.push(capability),
            None => groups.push((reason, vec![capability])),
        }
    }
    for (reason, members) in groups {
        let text = Paragraph::new(&reason).close(":");
        let text = text.styled(&members.into_iter().collect::<CapSet>().to_string(), DIM);
        line(out, "not held", &text)?;
    }
    Ok(())
}

/// `NET_RAW SYS_TIME added (line 12); the other 13 default of containerd`.
fn group(
    subject: &Subject,
    answer: &Resolved,
    sets: &Sets,
    of: CapSet,
    reason: impl Fn(Fate) -> Option<Reason>,
) -> Paragraph {
    let mut groups: Vec<(String, Vec<Capability>)> = Vec::new();
    for capability in danger::sorted(of) {
        let Some(reason) = reason(sets.fate(capability)) else { continue };
        let reason = phrase(subject, answer, &reason);
        match groups.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, members)) => members.push(capability),
            None => groups.push((reason, vec![capability])),
        }
    }
    // The largest comes last: its members are those that are not named.
    groups.sort_by_key(|(_, members)| members.len());
    let last = groups.len().saturating_sub(1);
    let mut text = Paragraph::default();
    for (index, (reason, members)) in groups.iter().enumerate() {
        let whole = members.len() == of.len();
        let who = match members.len() {
            1 => names(subject, members, sets.process.effective),
            count if whole => Paragraph::new(&format!("all {count}")),
            count if index == last && count > 3 => Paragraph::new(&format!("the other {count}")),
            _ => names(subject, members, sets.process.effective),
        };
        text = text.then(who).close(":").text(reason);
        if index < last {
            text = text.close(";");
        }
    }
    text
}

/// A reason, with the line that decided: `added (line 12)`.
pub fn phrase(subject: &Subject, answer: &Resolved, reason: &Reason) -> String {
    let mut words = phrases::clean(&reason.to_string());
    if let Some(line) = subject.line(answer, reason) {
        words.push_str(&format!(" (line {line})"));
    }
    words
}

/// What it can and cannot do.
fn able(out: &mut dyn Write, answer: &Resolved, resolution: &Resolution) -> io::Result<()> {
    let most = Abilities::of(answer, resolution.most());
    let least = Abilities::of(answer, resolution.least());
    let only: Vec<_> =
        most.can.iter().filter(|words| !least.can.contains(words)).copied().collect();
    let can = match resolution.refusal() {
        Some(_) if resolution.most().root => "can if root",
        Some(_) | None => "can",
    };
    for (label, style, words) in
        [(can, GREEN, &least.can), ("can if root", GREEN, &only), ("cannot", RED, &most.cannot)]
    {
        if !words.is_empty() {
            let label = format!("  {style}{label}{style:#}{:1$}", "", COLUMN - 2 - label.len());
            Paragraph::new(&words.join(", ")).print_after(out, &label, COLUMN)?;
        }
    }
    Ok(())
}

/// What is counted on the way.
#[derive(Default)]
struct Total {
    containers: usize,
    /// Those that hold nothing.
    nothing: usize,
    /// Those that hold something of the escape class.
    escaping: usize,
}

impl Total {
    fn count(&mut self, subject: &Subject) {
        let resolutions =
            || subject.answers.iter().filter_map(|answer| answer.outcome.resolution());
        let escapes = |resolution| {
            !danger::escapes(subject.could_hold(resolution), &subject.exposure).is_empty()
        };
        self.containers += 1;
        self.nothing += usize::from(resolutions().all(|r| r.possibly_effective().is_empty()));
        self.escaping += usize::from(resolutions().any(escapes));
    }

    /// One line at the end, when there is more than one container.
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.containers < 2 {
            return Ok(());
        }
        let containers = check::words::count(self.containers, "container");
        let (nothing, escaping) = (self.nothing, self.escaping);
        writeln!(out, "\n{containers}: {nothing} with nothing, {escaping} in the escape class")
    }
}

/// Names with their colours.
pub fn names(subject: &Subject, members: &[Capability], held: CapSet) -> Paragraph {
    members.iter().fold(Paragraph::default(), |text, capability| {
        let style = match danger::reach(*capability, held, &subject.exposure) {
            Reach::Escape => RED,
            Reach::Node => YELLOW,
            Reach::Pod | Reach::Itself => anstyle::Style::new(),
        };
        text.styled(&capability.to_string(), style)
    })
}

/// A labelled line.
pub fn line(out: &mut dyn Write, label: &str, text: &Paragraph) -> io::Result<()> {
    text.print(out, &format!("  {label}"), COLUMN)
}
