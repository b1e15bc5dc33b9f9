//! What a search has found, in Markdown: what, why, the proof, before and after; for a pull request.

use std::fmt::Write as _;

use caps::{CapSet, Capability, Reach};
use check::words;
use fit::{Answer, Outcome, Trial};
use jobs::fitted::{Made, has_passed};
use record::profile::Profile;
use record::requirement::for_reading;
use record::search::Place;
use record::zero::{Held, Zero};

use super::report::{NOT_TRACED, came_to};
use crate::commands::trace::report::context;
use crate::ui::wrapped;

/// So many uses of a capability are told.
const USES: usize = 3;

/// The report.
pub(super) fn report(answer: &Answer, made: &Made<'_>, profile: &Profile) -> String {
    let list = &profile.spec.capabilities;
    let mut text = String::new();
    let add = words::capabilities(list.add().len());
    let title = match list.add() {
        _ if !has_passed(answer) => "no answer".to_owned(),
        none if none.is_empty() => "drop ALL, add nothing".to_owned(),
        _ => format!("drop ALL, add {add}"),
    };
    let _ = writeln!(text, "# {}: {title}\n", code(&made.command.join(" ")));
    let place = match made.place {
        Place::Here => "on one machine, one after the other",
        Place::Sandbox => "each in a sandbox",
        Place::Container => "each in a new container",
    };
    let runs = words::count(answer.trials.len(), "run");
    let seconds = made.took.as_secs_f64();
    paragraph(&mut text, &format!("**{}**\\", proof(answer, profile)));
    let test = code(&made.test);
    paragraph(&mut text, &format!("{runs}, {seconds:.1} s, {place}. Test: {test}.\\"));
    if has_passed(answer) && made.first.is_none() {
        paragraph(&mut text, &format!("{}.\\", sentence(NOT_TRACED)));
    }
    if !made.undecided.is_empty() {
        let open = made.undecided;
        paragraph(
            &mut text,
            &format!("Undecided, as runs were made in a user namespace: {open}.\\"),
        );
    }
    if has_passed(answer) {
        let (before, after) = (made.start, list.add());
        let _ = writeln!(
            text,
            "Held {} -> {}; escape class: {} -> {}.",
            before.len(),
            after.len(),
            escape(before),
            escape(after)
        );
        let _ = writeln!(text, "\n```yaml\n{}```\n", yaml(list.needed, list.doubtful));
        table(&mut text, answer, profile);
    }
    for zero in &profile.status.zero {
        to_zero(&mut text, zero);
    }
    all_runs(&mut text, &answer.trials, made.start);
    text
}

/// In the words of the report on a terminal.
fn proof(answer: &Answer, profile: &Profile) -> String {
    let (word, meaning) = came_to(answer, profile);
    format!("{}: {}.", sentence(word), escaped(&meaning))
}

/// With a large first letter.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    format!("{}{}", first.unwrap_or_default(), letters.as_str())
}

/// Those that reach the host by themselves.
fn escape(set: CapSet) -> CapSet {
    let of_host = |c: &Capability| caps::knowledge(*c).is_some_and(|k| k.reach == Reach::Escape);
    set.iter().filter(of_host).collect()
}

fn yaml(needed: CapSet, doubtful: CapSet) -> String {
    let mut text = Vec::new();
    // A vector takes everything.
    let _ = context(&mut text, needed, doubtful, "refused without, the test passes");
    anstream::adapter::strip_str(&String::from_utf8_lossy(&text)).to_string()
}

fn table(text: &mut String, answer: &Answer, profile: &Profile) {
    let list = &profile.spec.capabilities;
    if list.add().is_empty() {
        return;
    }
    text.push_str("| capability | what for | without it | to do without |\n|---|---|---|---|\n");
    for capability in list.add() {
        let requirements: Vec<_> = profile.why(capability).collect();
        let uses = for_reading(requirements.iter().flat_map(|r| &r.uses));
        let mut what: Vec<String> =
            uses.iter().take(USES).map(|seen| escaped(&seen.line())).collect();
        if uses.len() > USES {
            what.push(format!("and {} more", uses.len() - USES));
        }
        if what.is_empty() {
            let because = answer.safer.iter().flat_map(|safer| &safer.because);
            let seen = because.filter(|(c, _)| *c == capability).map(|(_, denial)| denial).next();
            let unseen = super::report::unseen(profile);
            what.push(seen.map_or_else(|| unseen.to_owned(), |d| escaped(&d.what)));
        }
        let without = match answer.failure_without(capability) {
            _ if list.doubtful.contains(capability) => {
                "the test passes; something is refused".to_owned()
            }
            Some(said) => format!("fails: {}", escaped(said)),
            None => "not tried".to_owned(),
        };
        let mut ways: Vec<_> = requirements.iter().flat_map(|r| &r.remedies).collect();
        ways.sort_by_key(|remedy| remedy.place);
        let way = ways.first().map(|remedy| escaped(&remedy.how)).unwrap_or_default();
        let _ = writeln!(text, "| {capability} | {} | {without} | {way} |", what.join("<br>"));
    }
    text.push('\n');
}

fn to_zero(text: &mut String, zero: &Zero) {
    let came = match zero.reached {
        true if zero.is_clear() => {
            "reached: the test passes with `add: []` and the changes that hold".to_owned()
        }
        true => {
            "reached for the test alone: it passes with `add: []` and the changes that hold, and \
                 the program does something otherwise than in its first run"
                .to_owned()
        }
        false => format!("not reached: {} needed", zero.remains),
    };
    let runs = words::count(zero.runs.len(), "run");
    paragraph(text, &format!("**To zero**, {came} ({runs})."));
    text.push_str("\n| change | | for | |\n|---|---|---|---|\n");
    for one in &zero.changes {
        let (word, said) = match one.result {
            Held::Holds => ("holds", "without it: "),
            Held::NotNeeded => ("needless", ""),
            Held::Fails => ("fails", "with it: "),
        };
        let said = one.said.as_ref().map(|text| format!("{said}{}", escaped(text)));
        let _ = writeln!(
            text,
            "| {} | {word} | {} | {} |",
            escaped(&one.change.to_string()),
            escaped(&one.why),
            said.unwrap_or_default()
        );
    }
    for doubt in &zero.doubts {
        text.push('\n');
        paragraph(text, &format!("otherwise: {}", escaped(doubt)));
    }
    for remark in &zero.remarks {
        text.push('\n');
        paragraph(text, &escaped(remark));
    }
    text.push('\n');
}

fn all_runs(text: &mut String, trials: &[Trial], start: CapSet) {
    let _ = writeln!(
        text,
        "<details><summary>All runs</summary>\n\n| | run | with | test | seconds |\n|--:|---|---|---|--:|"
    );
    for (number, trial) in trials.iter().enumerate() {
        let with = match trial.set {
            all if all == start => "everything".to_owned(),
            set => set.to_string(),
        };
        let said = match &trial.outcome {
            Outcome::Passed => "passes".to_owned(),
            Outcome::Failed(said) => format!("fails: {}", escaped(said)),
        };
        let again = if trial.again { ", again" } else { "" };
        let seconds = trial.took_ms as f64 / 1e3;
        let number = number + 1;
        let _ = writeln!(
            text,
            "| {number} | {}{again} | {with} | {said} | {seconds:.2} |",
            trial.purpose
        );
    }
    text.push_str("\n</details>\n");
}

/// A paragraph in lines of eighty columns: a line break in it is a blank (CommonMark 0.31, 6.8). In one
/// line, where another would begin with what is the beginning of a list, a heading or a fence.
fn paragraph(text: &mut String, words: &str) {
    let lines = wrapped(words, 0);
    let goes_on = |line: &str| {
        let plain = |c: char| c.is_alphabetic() || "`(/\\&".contains(c);
        line.starts_with(plain) && !line.starts_with("``")
    };
    let whole = if lines.lines().skip(1).all(goes_on) { lines.as_str() } else { words };
    let _ = writeln!(text, "{whole}");
}

/// A code span, whatever is in it (CommonMark 0.31, 6.1): its fence is longer than any run of
/// backticks inside.
fn code(words: &str) -> String {
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let longest = line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    format!("{fence}{pad}{line}{pad}{fence}")
}

/// Text that a program or the kernel said, as plain text in a table.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.trim().chars() {
        match c {
            c if c.is_control() => out.push(' '),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_wrapped_unless_a_line_would_begin_something_else() {
        let text = |words: &str| {
            let mut text = String::new();
            paragraph(&mut text, words);
            text
        };
        let long = "open /srv/data/config ".repeat(6);
        let lines = text(long.trim());
        assert!(
            lines.lines().count() == 2 && lines.lines().all(|line| line.len() <= 80),
            "{lines}"
        );
        for word in ["- x", "1. x", "> x", "=== x", "``` x", "# x", "+ x"] {
            let words = format!("{} {word}", "x".repeat(79));
            assert_eq!(text(&words), words.clone() + "\n");
        }
    }

    #[test]
    fn what_a_program_says_cannot_leave_its_cell() {
        assert_eq!(escaped("a|b\n<img> `x` *y*"), "a\\|b &lt;img> \\`x\\` \\*y\\*");
        assert_eq!(code("echo `id` ``x``"), "``` echo `id` ``x`` ```");
        assert_eq!(code("nginx  -g\n'daemon off;'"), "`nginx -g 'daemon off;'`");
    }
}
