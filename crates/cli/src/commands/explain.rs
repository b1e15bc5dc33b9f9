//! `dropcap explain`: what a capability allows, how dangerous it is, who has it by default, how to
//! live without it.

mod card;
mod holders;
mod table;

use std::io::Write as _;
use std::process::ExitCode;

use caps::{Capability, Knowledge};

use crate::failure::Failure;
use crate::ui::Ui;
use holders::Holder;

/// Arguments of `dropcap explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Capabilities in any spelling; without one, all are listed by danger
    #[arg(value_name = "CAPABILITY", value_delimiter = ',')]
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
  dropcap explain --json NET_ADMIN BPF   for a program";

/// The version of the JSON form: `docs/schema/explain-v1.json`.
const JSON_VERSION: u32 = 1;

/// The JSON form.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    version: u32,
    capabilities: Vec<Entry>,
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
    let asked: Vec<&'static Knowledge> =
        args.names.iter().map(|name| known(name)).collect::<Result<_, _>>()?;
    // Written at once: standard output would pass on every line by itself.
    let mut page = Vec::new();
    if args.json {
        let all = if asked.is_empty() { caps::all_knowledge().iter().collect() } else { asked };
        let capabilities = all.into_iter().map(entry).collect();
        let document = Document { version: JSON_VERSION, capabilities };
        serde_json::to_writer_pretty(&mut page, &document).map_err(std::io::Error::from)?;
        page.push(b'\n');
    } else if asked.is_empty() {
        table::write(&mut page, ui)?;
    } else {
        for (index, knowledge) in asked.into_iter().enumerate() {
            if index > 0 {
                writeln!(page)?;
            }
            card::write(&mut page, knowledge, ui.verbosity() > 0)?;
        }
    }
    let mut out = ui.out();
    out.write_all(&page)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
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

/// What is known of the capability named, or an error that says what was meant.
fn known(name: &str) -> Result<&'static Knowledge, Failure> {
    let capability = name.parse::<Capability>().map_err(|error| {
        let failure = Failure::new(&error);
        match error.suggestion {
            Some(_) => failure,
            None => failure.help("`dropcap explain` lists all capabilities"),
        }
    })?;
    caps::knowledge(capability).ok_or_else(|| {
        Failure::new(format_args!(
            "capability {capability} is newer than this program, which knows 0 to {}",
            Capability::LAST_KNOWN.number()
        ))
    })
}
