//! `dropcap waiver new`: a waiver written behind those that are there.

use std::path::PathBuf;
use std::process::ExitCode;

use caps::Capability;
use check::waiver::entry::Entry;
use check::waiver::{FILE_NAME, find};
use jiff::civil::Date;
use manifest::Source;

use crate::failure::Failure;
use crate::ui::Ui;

/// Arguments of `dropcap waiver new`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What may be held: names, or ALL alone
    #[arg(required = true, value_name = "CAP", value_parser = capability)]
    capabilities: Vec<String>,
    /// The workload: KIND/NAME, or KIND/NAMESPACE/NAME if it writes one
    #[arg(long, value_name = "WORKLOAD", value_parser = workload)]
    workload: Workload,
    /// The container
    #[arg(short, long, value_name = "NAME")]
    container: String,
    /// Why it may be held
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Mail address of one who answers for it, as commits have it (repeatable)
    #[arg(long, required = true, value_name = "ADDRESS")]
    approver: Vec<String>,
    /// The last day on which it counts (UTC): 2027-03-31
    #[arg(long, value_name = "DATE")]
    expires: Date,
    /// The waiver file (if not given: the nearest dropcap-waivers.toml above, else a new one here)
    #[arg(long, value_name = "FILE")]
    waivers: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Example:
  dropcap waiver new SYS_ADMIN --workload DaemonSet/monitoring/agent -c agent \\
    --reason 'mounts the debugfs of the node' --expires 2027-03-31 \\
    --approver alice@example.com --approver bob@example.com

Then commit it; each approver commits, or signs a commit off, that brought it into its present form.";

/// A workload on the command line.
#[derive(Debug, Clone)]
struct Workload {
    kind: String,
    namespace: Option<String>,
    name: String,
}

fn workload(text: &str) -> Result<Workload, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let (kind, namespace, name) = match parts.as_slice() {
        [kind, name] => (*kind, None, *name),
        [kind, namespace, name] => (*kind, Some((*namespace).to_owned()), *name),
        _ => return Err("expected KIND/NAME or KIND/NAMESPACE/NAME".to_owned()),
    };
    if kind.is_empty() || name.is_empty() {
        return Err("expected KIND/NAME or KIND/NAMESPACE/NAME".to_owned());
    }
    Ok(Workload { kind: kind.to_owned(), namespace, name: name.to_owned() })
}

/// In the spelling of the file.
fn capability(text: &str) -> Result<String, String> {
    if text.eq_ignore_ascii_case("all") {
        return Ok("ALL".to_owned());
    }
    text.parse::<Capability>().map(|found| found.to_string()).map_err(|error| error.to_string())
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let found = || find(std::path::Path::new(".")).unwrap_or_else(|| PathBuf::from(FILE_NAME));
    let path = args.waivers.clone().unwrap_or_else(found);
    let exists = path.exists();
    let before = if exists {
        Source::read(&path).map_err(Failure::new)?
    } else {
        Source::file(path.clone(), "")
    };
    let Workload { kind, namespace, name } = args.workload.clone();
    let entry = Entry {
        kind,
        namespace,
        name,
        container: args.container.clone(),
        capabilities: args.capabilities.clone(),
        reason: args.reason.clone(),
        approvers: args.approver.clone(),
        expires: args.expires,
    };
    let file = entry.append_to(&before).map_err(Failure::new)?;
    let text = file.source.text();
    if exists {
        manifest::replace_whole(&path, before.text(), text).map_err(Failure::from)?;
    } else {
        manifest::write_whole(&path, text).map_err(Failure::from)?;
    }
    if let Some(waiver) = file.waivers.last() {
        let line = file.line(waiver);
        let (held, scope) = (waiver.held(), waiver.scope());
        ui.note(&format!("{}:{line}: a waiver for {held} of {scope}", path.display()));
        if let Some(why) = waiver.too_wide() {
            ui.warning(&format!("it is too wide, and waives nothing: {why}"));
        }
        if waiver.expires < crate::waivers::today() {
            ui.warning("its last day is over, and it waives nothing");
        }
    }
    ui.note(
        "it counts once it is committed and approved: `dropcap waiver list` says who is missing",
    );
    Ok(ExitCode::SUCCESS)
}
