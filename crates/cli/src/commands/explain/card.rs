//! One capability on half a screen.

use std::io::{self, Write};

use anstyle::Style;
use caps::{Amplifier, Knowledge, Reach, Tier};
use textwrap::Options;

use super::holders::{self, Holder};
use crate::ui::{BOLD, DIM, RED, YELLOW};

/// The column of the text behind the labels.
const COLUMN: usize = 20;
/// Narrower than this, lines run over.
const MIN_WIDTH: usize = 50;
/// Wider lines are hard to read.
const MAX_WIDTH: usize = 100;

/// Prints it; `verbose` adds where the default sets were read.
pub fn write(out: &mut impl Write, known: &Knowledge, verbose: bool) -> io::Result<()> {
    let page = Page { width: textwrap::termwidth().clamp(MIN_WIDTH, MAX_WIDTH) };
    let capability = known.capability;
    write!(out, "{BOLD}{capability}{BOLD:#}")?;
    let mark = if known.big_four { ", one of the Big Four" } else { "" };
    let number = capability.number();
    writeln!(out, "  {DIM}capability {number}, since Linux {}{mark}{DIM:#}", known.since)?;
    page.wrapped(out, "", "", &known.summary)?;

    heading(out, "Allows")?;
    for operation in &known.allows {
        page.item(out, &format!("{}: {}", operation.does, operation.calls.join(", ")))?;
    }

    let tier = known.tier();
    let style = style(tier);
    writeln!(out, "\n{style}Danger: {}{style:#}", headline(known))?;
    page.labelled(out, "by itself", &format!("{} {}", reach(known.reach), known.why))?;
    for amplified in &known.amplified {
        let text = format!("{} {}.", reach(amplified.reach), capitalised(&amplified.why));
        page.labelled(out, &format!("+ {}", short(amplified.by)), &text)?;
    }
    if !known.seccomp.is_empty() {
        let text = format!("The default profile opens with it: {}.", known.seccomp.join(", "));
        page.labelled(out, "seccomp", &text)?;
    }
    page.labelled(out, "hostUsers: false", &known.user_namespace)?;

    heading(out, "Held by default")?;
    let holders = holders::of(capability);
    write_holders(out, &page, &holders)?;
    if verbose {
        for (runtime, source) in holders.iter().filter_map(|h| Some((h.runtime, h.source?))) {
            page.labelled(out, &runtime.to_string(), source)?;
        }
    }

    heading(out, "Live without it")?;
    for remedy in known.without.iter().chain(&known.no_remedy) {
        page.item(out, remedy)?;
    }
    writeln!(out)?;
    write!(out, "{DIM}")?;
    page.wrapped(out, "Sources: ", "", &known.sources.join("; "))?;
    write!(out, "{DIM:#}")
}

/// `yes` and `no` are about what a container gets that asks for nothing.
fn write_holders(out: &mut impl Write, page: &Page, holders: &[Holder]) -> io::Result<()> {
    let side = |held: bool| -> Vec<String> {
        let on_side = holders.iter().filter(|h| h.is_container() && h.held == held);
        on_side.map(Holder::phrase).collect()
    };
    let (yes, no) = (side(true), side(false));
    if !yes.is_empty() {
        let text = format!("{}; other users than root only by a set-uid program", yes.join(", "));
        page.labelled(out, "yes", &text)?;
    }
    if !no.is_empty() {
        let any = if yes.is_empty() { "any container: " } else { "" };
        page.labelled(out, "no", &format!("{any}{}", no.join(", ")))?;
    }
    page.labelled(out, "always", "a privileged container as root; root itself on plain Linux")
}

/// `a, b and c`.
fn list(words: &[String], last: &str) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., tail] => format!("{} {last} {tail}", head.join(", ")),
    }
}

/// The colour of a tier.
pub fn style(tier: Tier) -> Style {
    match tier {
        Tier::Escape => RED,
        Tier::EscapeWith | Tier::Node => YELLOW,
        Tier::Pod | Tier::Low => BOLD,
    }
}

fn headline(known: &Knowledge) -> String {
    let worst: Vec<String> = known
        .amplified
        .iter()
        .filter(|a| a.reach == known.worst())
        .map(|a| a.by.to_string())
        .collect();
    match (known.tier(), known.reach) {
        (Tier::Escape, _) => "escapes the container by itself".to_owned(),
        (Tier::EscapeWith, _) => format!("escapes the container, given {}", list(&worst, "or")),
        (Tier::Node, Reach::Node) => "reaches the whole node".to_owned(),
        (Tier::Node, _) => format!("reaches the whole node, given {}", list(&worst, "or")),
        (Tier::Pod, _) => "stays inside the pod".to_owned(),
        (Tier::Low, _) => "low".to_owned(),
    }
}

fn reach(reach: Reach) -> &'static str {
    match reach {
        Reach::Itself => "Only itself.",
        Reach::Pod => "Its pod.",
        Reach::Node => "The node.",
        Reach::Escape => "Escape.",
    }
}

/// An amplifier as a label.
fn short(by: Amplifier) -> String {
    match by {
        Amplifier::HostPath => "hostPath".to_owned(),
        Amplifier::Devices => "devices".to_owned(),
        Amplifier::KernelBug => "kernel bug".to_owned(),
        Amplifier::SeccompUnconfined => "no seccomp".to_owned(),
        other => other.to_string(),
    }
}

/// With its first letter a capital; phrases of the table become sentences by it.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn heading(out: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(out, "\n{BOLD}{text}{BOLD:#}")
}

/// A space at which no line is broken.
const NO_BREAK: char = '\u{a0}';

/// With words in backticks on one line: a command or a value is copied whole.
fn held_together(text: &str) -> String {
    let mut inside = false;
    let hold = |letter| match letter {
        '`' => {
            inside = !inside;
            letter
        }
        ' ' if inside => NO_BREAK,
        _ => letter,
    };
    text.chars().map(hold).collect()
}

/// Text wrapped to the terminal, or to 80 columns where there is none.
struct Page {
    width: usize,
}

impl Page {
    fn wrapped(&self, out: &mut impl Write, first: &str, rest: &str, text: &str) -> io::Result<()> {
        let options = Options::new(self.width)
            .initial_indent(first)
            .subsequent_indent(rest)
            .break_words(false)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        for line in textwrap::wrap(&held_together(text), options) {
            writeln!(out, "{}", line.replace(NO_BREAK, " "))?;
        }
        Ok(())
    }

    fn item(&self, out: &mut impl Write, text: &str) -> io::Result<()> {
        self.wrapped(out, "  - ", "    ", text)
    }

    fn labelled(&self, out: &mut impl Write, label: &str, text: &str) -> io::Result<()> {
        let first = format!("  {label:<width$}", width = COLUMN - 2);
        self.wrapped(out, &first, &" ".repeat(COLUMN), text)
    }
}
