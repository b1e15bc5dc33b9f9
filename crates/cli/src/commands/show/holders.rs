//! Who holds one capability.

use std::io::{self, Write};

use caps::Capability;
use runtime::{Resolution, Sets};

use super::paragraph::Paragraph;
use super::phrases;
use super::subject::Subject;
use super::text::{head, phrase};
use crate::ui::{RED, YELLOW};

/// The containers that hold one capability, one line each.
pub fn print<'a>(
    out: &mut dyn Write,
    subjects: impl Iterator<Item = Subject<'a>>,
    capability: Capability,
    looked_at: usize,
) -> io::Result<()> {
    let mut holders = 0;
    for subject in subjects {
        let subject = &subject;
        holders += 1;
        head(out, subject)?;
        for answer in &subject.answers {
            let Some(resolution) = answer.outcome.resolution() else { continue };
            let ways: Vec<_> = resolution
                .sets()
                .filter_map(|sets| Some((holding(sets, capability)?, sets.root)))
                .collect();
            let Some(((first, style), _)) = ways.first() else { continue };
            let mut text = Paragraph::default();
            if subject.answers.len() > 1 {
                text = text.text(&phrases::runtime(&answer.runtime)).close(":");
            }
            text = text.styled(first, *style);
            if !matches!(resolution, Resolution::Known(_)) {
                match ways.as_slice() {
                    [(one, _), (two, _)] if one == two => {}
                    [_, ((second, style), _)] => {
                        text = text.text("if root,").styled(second, *style).text("if not");
                    }
                    [(_, true)] => text = text.text("if root"),
                    _ => text = text.text("if not root"),
                }
            }
            let fate = resolution.most().fate(capability);
            let reason = phrase(subject, answer, &fate.bounding_reason);
            text.close(":").text(&reason).print_hanging(out, 4)?;
        }
    }
    if holders > 0 {
        writeln!(out)?;
    }
    let all = check::words::count(looked_at, "container");
    writeln!(out, "{capability} is held, or within reach, in {holders} of {all}")
}

/// In which way it is held.
fn holding(sets: &Sets, capability: Capability) -> Option<(&'static str, anstyle::Style)> {
    if sets.process.effective.contains(capability) {
        Some(("held", RED))
    } else if sets.process.permitted.contains(capability) {
        Some(("permitted", YELLOW))
    } else if sets.regainable.contains(capability) {
        Some(("within reach of a set-uid program", YELLOW))
    } else {
        None
    }
}
