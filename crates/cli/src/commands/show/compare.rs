//! Where the runtimes disagree about a container.

use std::io::{self, Write};

use caps::CapSet;
use resolve::{Outcome, Resolved};
use runtime::{Engine, Resolution};

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
        let mut found = subject.answers.iter().filter_map(|answer| answer.outcome.resolution());
        let both = found.any(|found| !matches!(found, Resolution::Known(_)));
        table(out, subject, if both { "if root" } else { "" }, true)?;
        if both {
            table(out, subject, "if not root", false)?;
        }
    }
    Ok(())
}

/// What is held there by root, or by others; whoever it is, if that is known. None if it is not started.
fn held(answer: &Resolved, root: bool) -> Option<CapSet> {
    let resolution = answer.outcome.resolution()?;
    let known = matches!(resolution, Resolution::Known(_));
    let sets = resolution.sets().find(|sets| known || sets.root == root)?;
    Some(sets.process.effective)
}

/// What each runtime makes of it.
fn table(out: &mut dyn Write, subject: &Subject, title: &str, root: bool) -> io::Result<()> {
    let held: Vec<(&Resolved, Option<CapSet>)> =
        subject.answers.iter().map(|answer| (answer, held(answer, root))).collect();
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
            (Outcome::Starts(resolution), None) => {
                let why = resolution.refusal().map(ToString::to_string).unwrap_or_default();
                Paragraph::default().styled("does not start:", RED).text(&phrases::clean(&why))
            }
            (Outcome::Windows, None) => Paragraph::new("nothing: Windows has no capabilities"),
        };
        if plain {
            text = text.styled("(a process without a container)", DIM);
        }
        text.print(out, &format!("    {}", engine.title()), COLUMN)?;
    }
    Ok(())
}
