//! `dropcap man`: the manual pages, made of the same text as `--help`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::failure::Failure;
use crate::ui::Ui;

/// Arguments of `dropcap man`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The command whose page is printed: `check`, `waiver new`; without one that of dropcap itself
    #[arg(value_name = "COMMAND", conflicts_with = "output")]
    command: Vec<String>,
    /// Write all pages into this folder
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  dropcap man check | man -l -
  dropcap man -o /usr/local/share/man/man1";

/// One page, and what it is called without its section.
struct Page {
    name: String,
    text: String,
}

/// Runs it. `line` is the whole command line.
pub fn run(args: &Args, mut line: clap::Command, ui: &Ui) -> Result<ExitCode, Failure> {
    line.build();
    if let Some(folder) = &args.output {
        return write_all(&line, folder, ui);
    }
    let mut command = &line;
    for (at, word) in args.command.iter().enumerate() {
        command = visible(command).find(|c| c.get_name() == word).ok_or_else(|| {
            let above = [&["dropcap".to_owned()], &args.command[..at]].concat().join(" ");
            let there: Vec<&str> = visible(command).map(clap::Command::get_name).collect();
            let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
            Failure::new(format_args!("{above} has no command {word}"))
                .help(format_args!("expected one of its commands: {there}"))
        })?;
    }
    write!(ui.out(), "{}", page(command)?.text)?;
    Ok(ExitCode::SUCCESS)
}

/// The commands below that a person is told of.
fn visible(command: &clap::Command) -> impl Iterator<Item = &clap::Command> {
    command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help")
}

/// The page of one command, named as git names its own: `dropcap-waiver-new`.
fn page(command: &clap::Command) -> Result<Page, Failure> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let mut text = Vec::new();
    let man = Man::new(command.clone())
        .title(name.to_uppercase())
        .source(concat!("dropcap ", env!("CARGO_PKG_VERSION")));
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    if let Some(notes) = command.get_after_long_help().or_else(|| command.get_after_help()) {
        notes_section(&notes.to_string()).to_writer(&mut text)?;
    }
    Ok(Page { name, text: String::from_utf8_lossy(&text).into_owned() })
}

/// What stands below `--help`. Paragraphs are filled; where a line is indented, as examples are, lines
/// stay as they are.
fn notes_section(notes: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["NOTES"]);
    for (at, paragraph) in notes.split("\n\n").enumerate() {
        if at > 0 {
            roff.control("PP", []);
        }
        let as_is = paragraph.lines().any(|line| line.starts_with(' '));
        if as_is {
            roff.control("nf", []);
        }
        for line in paragraph.lines() {
            roff.text([roman(line)]);
        }
        if as_is {
            roff.control("fi", []);
        }
    }
    roff
}

/// This command's page and those below, the command itself first.
fn pages(command: &clap::Command, into: &mut Vec<Page>) -> Result<(), Failure> {
    into.push(page(command)?);
    visible(command).try_for_each(|below| pages(below, into))
}

fn write_all(line: &clap::Command, folder: &Path, ui: &Ui) -> Result<ExitCode, Failure> {
    let mut all = Vec::new();
    pages(line, &mut all)?;
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::new(format_args!("{}: cannot make the folder: {error}", folder.display()))
    })?;
    for page in &all {
        let file = folder.join(format!("{}.1", page.name));
        manifest::write_whole(&file, &page.text).map_err(Failure::from)?;
    }
    ui.note(&format!("{}: {} pages, dropcap(1) first", folder.display(), all.len()));
    Ok(ExitCode::SUCCESS)
}
