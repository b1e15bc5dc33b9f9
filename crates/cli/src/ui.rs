//! Where commands print: colour only on a terminal (`NO_COLOR` respected), quiet and verbose.

use std::io::{self, BufWriter, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice, StripStream};

/// Options every command has.
#[derive(Debug, clap::Args)]
pub struct UiArgs {
    /// Print only what was asked for: no notes, no next steps
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Print more of the reasons; twice for all
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// The command's standard output and standard error.
#[derive(Debug)]
pub struct Ui {
    quiet: bool,
    verbose: u8,
}

/// The width of text.
pub const WIDTH: usize = 80;

/// Text in lines of [`WIDTH`], those behind the first `indent` columns in. No word is broken, so that
/// a long path or option stays one.
pub fn wrapped(text: &str, indent: usize) -> String {
    textwrap::fill(text, options(WIDTH, &" ".repeat(indent)))
}

/// The same behind a label, `error:` or `warning:`, that is printed in front of it.
pub fn wrapped_behind(label: &str, text: &str, indent: usize) -> String {
    let whole = wrapped(&format!("{label} {text}"), indent);
    whole.get(label.len()..).unwrap_or_default().trim_start().to_owned()
}

/// A remark for a terminal: what is too wide is wrapped behind `label`, which is printed in front of it.
/// Elsewhere a line stays whole, for whoever searches a log.
fn remark(label: &str, text: &str, on_terminal: bool) -> String {
    let mut lines = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let label = if index == 0 { label } else { "" };
        let columns = textwrap::core::display_width(&format!("{label} {line}"));
        match on_terminal && columns > WIDTH {
            true if index == 0 => lines.push(wrapped_behind(label, line, 2)),
            true => lines.push(wrapped(line, 4)),
            false => lines.push(line.to_owned()),
        }
    }
    lines.join("\n")
}

/// A next step: `label`, what it is for, and a command. Where that does not fit into a line, the
/// command has its own, in a form that a shell still reads as one.
pub fn next_step(label: &str, what: &str, command: &str) -> String {
    let parts = [label, what, command].into_iter().filter(|part| !part.is_empty());
    let whole = parts.collect::<Vec<_>>().join(" ");
    if textwrap::core::display_width(&whole) <= WIDTH {
        return whole;
    }
    let head = wrapped(&format!("{label} {what}"), 4);
    let lines = textwrap::wrap(command, options(WIDTH - 4 - " \\".len(), "  "));
    format!("{}\n    {}", head.trim_end(), lines.join(" \\\n    "))
}

fn options(width: usize, indent: &str) -> textwrap::Options<'_> {
    textwrap::Options::new(width)
        .subsequent_indent(indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
}

/// Bold.
pub const BOLD: anstyle::Style = anstyle::Style::new().bold();
/// Faint, for what may be skipped.
pub const DIM: anstyle::Style = anstyle::Style::new().dimmed();
/// Something wrong or dangerous.
pub const RED: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();
/// Something to look at.
pub const YELLOW: anstyle::Style = anstyle::AnsiColor::Yellow.on_default().bold();
/// Something good.
pub const GREEN: anstyle::Style = anstyle::AnsiColor::Green.on_default().bold();

impl Ui {
    /// From the command line.
    pub fn new(args: &UiArgs) -> Self {
        Self { quiet: args.quiet, verbose: args.verbose }
    }

    /// Whether notes and next steps are to be left out.
    pub fn quiet(&self) -> bool {
        self.quiet
    }

    /// 0, 1 (`-v`) or 2 and more (`-vv`).
    pub fn verbosity(&self) -> u8 {
        self.verbose
    }

    /// Standard output; styles written to it are stripped unless it is a terminal that wants them.
    pub fn out(&self) -> AutoStream<io::StdoutLock<'static>> {
        AutoStream::auto(io::stdout().lock())
    }

    /// The same for what is long: it comes out in large pieces, and what is left of it with `flush`, which is to
    /// be called at its end: only that says whether it could be written.
    pub fn long_out(&self) -> Box<dyn Write> {
        if self.colour() {
            return Box::new(BufWriter::new(self.out()));
        }
        // Behind what strips styles, too: it writes what stands between two of them by itself, and standard output
        // each line.
        let out: Box<dyn Write> = Box::new(BufWriter::with_capacity(1 << 16, io::stdout().lock()));
        Box::new(BufWriter::new(StripStream::new(out)))
    }

    /// Standard error, as [`Ui::out`].
    pub fn err(&self) -> AutoStream<io::StderrLock<'static>> {
        AutoStream::auto(io::stderr().lock())
    }

    /// Whether a person reads standard error as it is written.
    fn talks(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Whether standard output takes colour.
    pub fn colour(&self) -> bool {
        AutoStream::choice(&io::stdout()) != ColorChoice::Never
    }

    /// A remark on standard error, unless quiet.
    pub fn note(&self, message: &str) {
        if !self.quiet {
            let message = remark("note:", message, self.talks());
            let _ = writeln!(self.err(), "{DIM}note:{DIM:#} {message}");
        }
    }

    /// A warning on standard error.
    pub fn warning(&self, message: &str) {
        let message = remark("warning:", message, self.talks());
        let _ = writeln!(self.err(), "{YELLOW}warning:{YELLOW:#} {message}");
    }

    /// An error on standard error. If standard error is gone too, there is nobody left to tell.
    pub fn error(&self, message: &str, help: Option<&str>) {
        let mut err = self.err();
        let message = remark("error:", message, self.talks());
        let _ = writeln!(err, "{RED}error:{RED:#} {message}");
        if let Some(help) = help {
            let help = remark("  help:", help, self.talks());
            let _ = writeln!(err, "  {BOLD}help:{BOLD:#} {help}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_between_words() {
        let path = format!("{}/web.yaml", "long-folder/".repeat(9));
        let text =
            wrapped(&format!("fixed {path}:1:1: container `web`: drop `ALL` --unsafe-fixes"), 4);
        assert_eq!(
            text,
            format!("fixed\n    {path}:1:1:\n    container `web`: drop `ALL` --unsafe-fixes")
        );
        assert_eq!(wrapped("short", 4), "short");
    }

    #[test]
    fn a_remark_is_wrapped_on_a_terminal_and_whole_in_a_log() {
        let text = "given what containerd@2.0 gives, but for low ports and ping, which stay closed\nit is short";
        assert_eq!(remark("note:", text, false), text);
        assert_eq!(
            remark("note:", text, true),
            "given what containerd@2.0 gives, but for low ports and ping, which stay\n  closed\nit is short"
        );
        assert_eq!(remark("warning:", "short", true), "short");
        // What was wrapped before stays as it is.
        let twice = remark("error:", &remark("error:", &"word ".repeat(40), true), true);
        assert_eq!(twice, remark("error:", &"word ".repeat(40), true));
    }

    #[test]
    fn a_command_that_does_not_fit_is_still_one() {
        let step = |command: &str| next_step("  next:", "look at it:", command);
        assert_eq!(step("dropcap fix a.yaml"), "  next: look at it: dropcap fix a.yaml");
        let (long, other) = ("l".repeat(50), "m".repeat(40));
        assert_eq!(
            step(&format!("dropcap fix {long} {other}")),
            format!("  next: look at it:\n    dropcap fix {long} \\\n      {other}")
        );
    }
}
