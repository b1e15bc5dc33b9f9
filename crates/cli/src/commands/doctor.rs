//! `dropcap doctor`.

use std::io::{self, Write};
use std::process::ExitCode;

use anstyle::Style;
use jobs::doctor::{Area, Fact, Report, Status, examine};

use crate::failure::{FOUND, Failure};
use crate::ui::{BOLD, DIM, GREEN, RED, Ui, YELLOW};

const EXIT: &str = "\
It changes nothing: BPF programs are loaded and let go of again, engines are asked for their version.

Exit status: 0 if every command can do its work here, be it in part; 1 if one cannot.";

/// Arguments of `dropcap doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT)]
pub struct Args {
    /// Print JSON (docs/schema/doctor-v1.json)
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
            line(out, *status, says, help.as_deref())?;
        }
        writeln!(out)?;
    }
    writeln!(out, "{BOLD}what dropcap {} can do here{BOLD:#}", report.dropcap)?;
    let names: Vec<String> =
        report.abilities.iter().map(|ability| ability.commands.join(" ")).collect();
    for (ability, names) in report.abilities.iter().zip(&names) {
        let says = format!("{names}: {}", ability.says);
        line(out, ability.status, &says, ability.help.as_deref())?;
    }
    Ok(())
}

fn line(out: &mut impl Write, status: Status, says: &str, help: Option<&str>) -> io::Result<()> {
    let (mark, style): (char, Style) = match status {
        Status::Works => ('✓', GREEN),
        Status::Limited => ('!', YELLOW),
        Status::Missing => ('✗', RED),
        Status::Absent => ('-', DIM),
    };
    let text = if status == Status::Absent { DIM } else { Style::new() };
    writeln!(out, "  {style}{mark}{style:#} {text}{says}{text:#}")?;
    if let Some(help) = help {
        writeln!(out, "    {DIM}{help}{DIM:#}")?;
    }
    Ok(())
}
