//! Where the runtimes disagree about a container.

use std::io::{self, Write};

use caps::CapSet;
use resolve::{Outcome, Resolved};
use runtime::Engine;

use super::paragraph::Paragraph;
use super::subject::Subject;
use super::text::{head, line, names};
use super::{danger, phrases};
use crate::ui::{BOLD, DIM, RED, YELLOW};

/// Where the text behind a runtime's name starts.
const COLUMN: usize = 16;
/// More differences than this are counted, not named.
const NAMED: usize = 14;

/// Every container, one after the other.
pub fn print<'a>(
    out: &mut dyn Write,
    subjects: impl Iterator<Item = Subject<'a>>,
) -> io::Result<()> {
    for (index, subject) in subjects.enumerate() {
        let subject = &subject;
        if index > 0 {
            writeln!(out)?;
        }
        head(out, subject)?;
        let user = phrases::user(subject, &subject.answers[0].context);
        line(out, "user", &Paragraph::new(&user))?;
        let both = answers(subject).any(|(_, sets)| sets.len() > 1);
        table(out, subject, if both { "if root" } else { "" }, true)?;
        if both {
            table(out, subject, "if not root", false)?;
        }
    }
    Ok(())
}

/// Each runtime with the effective sets it comes to: one, or two with root's first.
fn answers<'a>(subject: &'a Subject) -> impl Iterator<Item = (&'a Resolved, Vec<CapSet>)> {
    subject.answers.iter().map(|answer| {
        let sets = answer.outcome.resolution().map_or_else(Vec::new, |resolution| {
            resolution.sets().map(|sets| sets.process.effective).collect()
        });
        (answer, sets)
    })
}

/// What each runtime makes of it.
fn table(out: &mut dyn Write, subject: &Subject, title: &str, first: bool) -> io::Result<()> {
    let held: Vec<(&Resolved, Option<CapSet>)> = answers(subject)
        .map(|(answer, sets)| (answer, if first { sets.first() } else { sets.last() }.copied()))
        .collect();
    let containers = || held.iter().filter(|(answer, _)| answer.runtime.engine != Engine::Linux);
    // A root process without a container is shown beside, and does not count as a difference.
    let common = containers().filter_map(|(_, set)| *set).reduce(|all, set| all & set);
    let common = common.unwrap_or_default();
    let same = containers().all(|(_, set)| *set == Some(common));
    if !title.is_empty() {
        writeln!(out, "  {BOLD}{title}{BOLD:#}")?;
    }
    let words = if common.is_empty() {
        Paragraph::new("none")
    } else if common == CapSet::all_known() {
        Paragraph::default().styled(&format!("all {}", common.len()), RED)
    } else {
        names(subject, &danger::sorted(common), common)
    };
    words.print(out, if same { "    all alike" } else { "    in common" }, COLUMN)?;
    for (answer, set) in &held {
        let engine = answer.runtime.engine;
        let plain = engine == Engine::Linux;
        if same && !plain {
            continue;
        }
        let mut text = match (&answer.outcome, set) {
            (Outcome::Refused(refusal), _) => Paragraph::default()
                .styled("does not start:", RED)
                .text(&phrases::clean(&refusal.to_string())),
            (_, Some(set)) => {
                let more = danger::sorted(*set - common);
                let text = Paragraph::new(&set.len().to_string());
                match more.len() {
                    0 => text,
                    _ if *set == CapSet::all_known() => text.styled("+ all the others", YELLOW),
                    count if count > NAMED => text.styled(&format!("+{count} more"), YELLOW),
                    _ => text.styled("+", YELLOW).then(names(subject, &more, *set)),
                }
            }
            (_, None) => Paragraph::new("nothing: Windows has no capabilities"),
        };
        if plain {
            text = text.styled("(a process without a container)", DIM);
        }
        text.print(out, &format!("    {}", engine.title()), COLUMN)?;
    }
    Ok(())
}
