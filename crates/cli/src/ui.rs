//! Where commands print: colour only on a terminal (`NO_COLOR` respected), quiet and verbose.

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};

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

    /// Standard error, likewise.
    pub fn err(&self) -> AutoStream<io::StderrLock<'static>> {
        AutoStream::auto(io::stderr().lock())
    }

    /// Whether standard output takes colour.
    pub fn colour(&self) -> bool {
        AutoStream::choice(&io::stdout()) != ColorChoice::Never
    }

    /// A remark on standard error, unless quiet.
    pub fn note(&self, message: &str) {
        if !self.quiet {
            let _ = writeln!(self.err(), "{DIM}note:{DIM:#} {message}");
        }
    }

    /// A warning on standard error.
    pub fn warning(&self, message: &str) {
        let _ = writeln!(self.err(), "{YELLOW}warning:{YELLOW:#} {message}");
    }

    /// An error on standard error. If standard error is gone too, there is nobody left to tell.
    pub fn error(&self, message: &str, help: Option<&str>) {
        let mut err = self.err();
        let _ = writeln!(err, "{RED}error:{RED:#} {message}");
        if let Some(help) = help {
            let _ = writeln!(err, "  {BOLD}help:{BOLD:#} {help}");
        }
    }
}
