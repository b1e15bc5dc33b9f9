//! `dropcap ps`.

mod table;

use std::io::Write;
use std::process::ExitCode;

use caps::{CapSet, ParseCapSetError};
use jobs::ps::{Listing, Query, list};
use sys::procfs::Procfs;

use crate::failure::Failure;
use crate::ui::Ui;

const EXAMPLES: &str = "\
Examples:
  dropcap ps                       every container's processes and what they hold
  dropcap ps --holds SYS_ADMIN     who holds it now
  dropcap ps -a --holds NET_RAW    the host's processes too
  dropcap ps --json | jq '.containers[].processes[] | {pid, holds}'

HOLDS is what is effective now. Behind it stands what a process *may raise* (permitted, not
effective) and what it *could regain*: what execve of a set-uid or file-capability program can
still give it, for the bounding set has it and no_new_privs is off.

Sets of a container with a user namespace of its own count inside only; its title says so.";

/// Arguments of `dropcap ps`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// List the host's processes and the pods' sandboxes too
    #[arg(short, long)]
    all: bool,
    /// List only processes that hold one of these, effective or permitted; repeat or separate by commas
    #[arg(long, value_name = "CAP", value_parser = capabilities)]
    holds: Vec<CapSet>,
    /// With --holds: list those too that could only regain one
    #[arg(long, requires = "holds")]
    regainable: bool,
    /// Print JSON with all five sets of every process (docs/schema/ps-v1.json)
    #[arg(long)]
    json: bool,
}

fn capabilities(words: &str) -> Result<CapSet, ParseCapSetError> {
    let set: CapSet = words.parse()?;
    // Everybody holds one of none: `--holds none` would list all, or nobody.
    if set.is_empty() { Err(ParseCapSetError::Empty) } else { Ok(set) }
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let holds = args.holds.iter().fold(CapSet::EMPTY, |all, set| all | *set);
    let query = Query { all: args.all, holds, regainable: args.regainable };
    let listing = list(&Procfs::new(), &query)
        .map_err(|error| Failure::new(error).help("dropcap ps needs a mounted /proc"))?;
    let mut out = ui.out();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &listing).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        let look = table::Look { width: width(), whole: ui.verbosity() > 0, asked: holds };
        table::print(&mut out, &listing, look)?;
        out.flush()?;
        drop(out);
        remarks(ui, &listing, &query);
    }
    Ok(ExitCode::SUCCESS)
}

/// The terminal's columns; `None` if standard output is none: whoever reads it there wants whole lines.
fn width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// What is not in the table, on standard error.
fn remarks(ui: &Ui, listing: &Listing, query: &Query) {
    let left = &listing.left_out;
    let listed = listing.containers.iter().map(|g| g.processes.len()).sum::<usize>()
        + listing.host.as_ref().map_or(0, Vec::len);
    if left.containers_seen == 0 && !query.all {
        ui.note(&format!(
            "no containers found; -a lists {} of the host",
            count(left.host_processes, "process", "processes")
        ));
    } else if listed == 0 && !query.holds.is_empty() {
        ui.note(&format!("nobody listed holds {}", query.holds));
    }
    if left.could_regain > 0 {
        ui.note(&format!(
            "{} not hold it and could regain it; --regainable lists them",
            count(left.could_regain, "process does", "processes do")
        ));
    }
    if left.sandboxes > 0 {
        ui.note(&format!(
            "{} not listed; -a lists them",
            count(left.sandboxes, "pod sandbox", "pod sandboxes")
        ));
    }
    if query.all && left.kernel_threads > 0 {
        ui.note(&format!(
            "{} not listed: the kernel itself",
            count(left.kernel_threads, "kernel thread", "kernel threads")
        ));
    }
    let unseen = &listing.unseen;
    for reason in &unseen.hidden {
        ui.warning(reason);
    }
    if unseen.namespaces > 0 {
        ui.warning(&format!(
            "the user namespace of {} could not be told: the sets may count inside it only; run as root",
            count(unseen.namespaces, "process", "processes")
        ));
    }
    if ui.verbosity() > 0 {
        unseen.unread.iter().for_each(|reason| ui.warning(reason));
    } else if let Some(first) = unseen.unread.first() {
        ui.warning(&format!(
            "{} not be read, so names or processes may be missing (run as root; -v names all); the first: {first}",
            count(unseen.unread.len(), "file could", "files could"),
        ));
    }
    if unseen.vanished > 0 && ui.verbosity() > 0 {
        ui.note(&format!(
            "{} ended while being read",
            count(unseen.vanished, "process", "processes")
        ));
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
