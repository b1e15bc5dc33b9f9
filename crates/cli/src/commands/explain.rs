//! `dropcap explain`: what a capability allows, how dangerous it is, who has it by default, how to
//! live without it; and what a rule of `dropcap check` looks for.

mod card;
mod holders;
mod page;
mod table;

use std::io::Write as _;
use std::process::ExitCode;

use caps::{Capability, Knowledge};
use check::Rule;

use crate::failure::Failure;
use crate::ui::Ui;
use holders::Holder;

/// Arguments of `dropcap explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Capabilities in any spelling, or rules of `dropcap check`; without one, all capabilities are
    /// listed by danger
    #[arg(value_name = "CAPABILITY|RULE", value_delimiter = ',')]
    names: Vec<String>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  dropcap explain                        all of them in one table, the most dangerous first
  dropcap explain NET_RAW                net_raw, CAP_NET_RAW and 13 mean the same
  dropcap explain SYS_MODULE             is it in a container's default set?
  dropcap explain add-all                a rule, as `dropcap check` names it
  dropcap explain --json NET_ADMIN BPF   for a program";

/// The version of the JSON form: `docs/schema/explain-v1.json`.
const JSON_VERSION: u32 = 1;

/// The JSON form.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    version: u32,
    capabilities: Vec<Entry>,
    rules: Vec<RulePage>,
}

/// One rule in it.
#[derive(serde::Serialize)]
struct RulePage {
    name: &'static str,
    page: String,
}

/// What a word on the command line names.
#[derive(Debug, Clone, Copy)]
enum Subject {
    Capability(&'static Knowledge),
    Rule(&'static Rule),
}

/// One capability in it.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(flatten)]
    knowledge: &'static Knowledge,
    number: u8,
    tier: caps::Tier,
    default: Vec<Holder>,
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let asked: Vec<Subject> =
        args.names.iter().map(|name| subject(name)).collect::<Result<_, _>>()?;
    // Written at once: standard output would pass on every line by itself.
    let mut page = Vec::new();
    if args.json {
        serde_json::to_writer_pretty(&mut page, &document(&asked)).map_err(std::io::Error::from)?;
        page.push(b'\n');
    } else if asked.is_empty() {
        table::write(&mut page, ui)?;
    }
    for (index, subject) in asked.iter().enumerate().filter(|_| !args.json) {
        if index > 0 {
            writeln!(page)?;
        }
        match subject {
            Subject::Capability(known) => card::write(&mut page, known, ui.verbosity() > 0)?,
            Subject::Rule(rule) => page::write(&mut page, rule)?,
        }
    }
    let mut out = ui.out();
    out.write_all(&page)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What was asked for, or all capabilities.
fn document(asked: &[Subject]) -> Document {
    let mut document =
        Document { version: JSON_VERSION, capabilities: Vec::new(), rules: Vec::new() };
    for subject in asked {
        match subject {
            Subject::Capability(known) => document.capabilities.push(entry(known)),
            Subject::Rule(rule) => {
                document.rules.push(RulePage { name: rule.id, page: rule.markdown() });
            }
        }
    }
    if asked.is_empty() {
        document.capabilities.extend(caps::all_knowledge().iter().map(entry));
    }
    document
}

fn entry(knowledge: &'static Knowledge) -> Entry {
    let capability = knowledge.capability;
    Entry {
        knowledge,
        number: capability.number(),
        tier: knowledge.tier(),
        default: holders::of(capability),
    }
}

/// What the word names, or an error that says what was meant.
fn subject(word: &str) -> Result<Subject, Failure> {
    if let Some(rule) = Rule::find(word) {
        return Ok(Subject::Rule(rule));
    }
    let capability = word.parse::<Capability>().map_err(|error| {
        let failure = Failure::new(&error);
        match error.suggestion() {
            Some(_) => failure,
            None => failure.help(format_args!(
                "`dropcap explain` lists all capabilities; the rules of `dropcap check` are {}",
                check::RULES.map(|rule| rule.id).join(", ")
            )),
        }
    })?;
    caps::knowledge(capability).map(Subject::Capability).ok_or_else(|| {
        Failure::new(format_args!(
            "capability {capability} is newer than this program, which knows 0 to {}",
            Capability::LAST_KNOWN.number()
        ))
    })
}
