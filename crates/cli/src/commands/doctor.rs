//! `dropcap doctor`.

use std::io::{self, Write};
use std::process::ExitCode;

use anstyle::Style;
use jobs::doctor::{Area, BackendState, CommandState, Fact, Report, Status, examine};

use crate::failure::{FOUND, Failure};
use crate::ui::{BOLD, DIM, GREEN, RED, Ui, YELLOW};

/// Columns of the text.
const WIDTH: usize = 80;

const EXIT: &str = "\
It changes nothing: BPF programs are loaded and let go of again, engines are asked for their version.

Exit status: 0 if every command can do its work here, be it in part; 1 if one cannot.";

/// Arguments of `dropcap doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT)]
pub struct Args {
    /// Print JSON (docs/schema/doctor-v2.json)
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let report = examine(env!("CARGO_PKG_VERSION"));
    let mut out = ui.out();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        print(&mut out, &report)?;
    }
    Ok(ExitCode::from(if report.is_fit() { 0 } else { FOUND }))
}

fn print(out: &mut impl Write, report: &Report) -> io::Result<()> {
    for (area, title) in
        [(Area::Kernel, "kernel"), (Area::Privilege, "privilege"), (Area::Containers, "containers")]
    {
        writeln!(out, "{BOLD}{title}{BOLD:#}")?;
        for fact in report.facts.iter().filter(|fact| fact.area == area) {
            let Fact { status, says, help, .. } = fact;
            line(out, *status, says)?;
            help.iter().try_for_each(|help| below(out, help))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "{BOLD}ways to see capability checks, the preferred first{BOLD:#}")?;
    for BackendState { name, status, says, .. } in &report.backends {
        line(out, *status, &format!("{name}: {says}"))?;
    }
    writeln!(out, "\n{BOLD}what dropcap {} takes here{BOLD:#}", report.dropcap)?;
    report.commands.iter().try_for_each(|command| print_command(out, command))
}

fn print_command(out: &mut impl Write, command: &CommandState) -> io::Result<()> {
    line(out, command.status, &command.usage.join(", "))?;
    let mut takes = Vec::new();
    if !command.needs.is_empty() {
        takes.push(command.needs.to_string());
    }
    takes.extend(command.given.clone());
    let mut takes = if takes.is_empty() { "nothing".to_owned() } else { takes.join(", and ") };
    if command.lacks == command.needs && !command.lacks.is_empty() {
        takes += "; this process has none of it";
    } else if !command.lacks.is_empty() {
        takes += &format!("; this process lacks {}", command.lacks);
    }
    below(out, &format!("takes {takes}"))?;
    command.says.iter().try_for_each(|says| below(out, says))?;
    let lesser = command.better.iter().filter(|better| !better.held);
    for better in lesser.filter(|_| command.status != Status::Missing) {
        below(out, &format!("without {}: {}", better.capability, better.without))?;
    }
    // As it is to be typed: in one line.
    command.get.iter().try_for_each(|get| writeln!(out, "      {GREEN}{get}{GREEN:#}"))
}

fn line(out: &mut impl Write, status: Status, says: &str) -> io::Result<()> {
    let (mark, style): (char, Style) = match status {
        Status::Works => ('✓', GREEN),
        Status::Limited => ('!', YELLOW),
        Status::Missing => ('✗', RED),
        Status::Absent => ('-', DIM),
    };
    let text = if status == Status::Absent { DIM } else { Style::new() };
    for (number, says) in wrap(says, 4).iter().enumerate() {
        match number {
            0 => writeln!(out, "  {style}{mark}{style:#} {text}{says}{text:#}")?,
            _ => writeln!(out, "    {text}{says}{text:#}")?,
        }
    }
    Ok(())
}

/// What belongs to the line above.
fn below(out: &mut impl Write, says: &str) -> io::Result<()> {
    wrap(says, 6).iter().try_for_each(|says| writeln!(out, "      {DIM}{says}{DIM:#}"))
}

/// Lines that fit behind an indentation.
fn wrap(says: &str, indentation: usize) -> Vec<String> {
    let options = textwrap::Options::new(WIDTH - indentation).break_words(false);
    textwrap::wrap(says, options).into_iter().map(|line| line.into_owned()).collect()
}
