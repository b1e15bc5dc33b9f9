//! All capabilities in one table, the most dangerous first.

use std::cmp::Reverse;
use std::io::{self, IsTerminal, Write};

use caps::{Knowledge, Tier};

use super::card::style;
use super::holders::{self, Holder};
use crate::ui::{BOLD, DIM, Ui};

/// Prints it.
pub fn write(out: &mut impl Write, ui: &Ui) -> io::Result<()> {
    let mut all: Vec<&Knowledge> = caps::all_knowledge().iter().collect();
    all.sort_by_key(|known| (Reverse(known.danger()), known.capability));
    // A line that a terminal would break is cut there; a file or a pipe gets all of it.
    let width = if io::stdout().is_terminal() { textwrap::termwidth() } else { usize::MAX };
    let mut tier = None;
    for known in all {
        if tier.replace(known.tier()) != Some(known.tier()) {
            let (style, words) = (style(known.tier()), words(known.tier()));
            writeln!(out, "{style}{}  {words}{style:#}", known.tier().letter())?;
        }
        let name = known.capability.to_string();
        let mark = if known.big_four { "*" } else { " " };
        let default = default(&holders::of(known.capability));
        let summary: String = known.summary.chars().take(width.saturating_sub(44)).collect();
        writeln!(out, "   {BOLD}{name:<18}{BOLD:#} {mark} {DIM}{default:<18}{DIM:#}  {summary}")?;
    }
    if !ui.quiet() {
        writeln!(
            out,
            "\n* one of the Big Four. Second column: whose default set holds it, of containerd, CRI-O,\n\
             Docker, Podman and nerdctl. `dropcap explain NAME` says more."
        )?;
    }
    Ok(())
}

fn words(tier: Tier) -> &'static str {
    match tier {
        Tier::Escape => "escapes the container by itself",
        Tier::EscapeWith => {
            "escapes given something else: a hostPath, a host namespace, a kernel bug, …"
        }
        Tier::Node => {
            "reaches the node: disrupts or discloses, some only with a host namespace or path"
        }
        Tier::Pod => "stays inside the pod",
        Tier::Low => "low",
    }
}

/// `all`, `all but CRI-O`, or nothing.
fn default(holders: &[Holder]) -> String {
    let side = |held: bool| -> Vec<String> {
        let on_side = holders.iter().filter(|h| h.is_container() && h.held == held);
        on_side.map(|h| h.runtime.to_string()).collect()
    };
    match (side(true), side(false)) {
        (yes, _) if yes.is_empty() => "-".to_owned(),
        (_, no) if no.is_empty() => "all".to_owned(),
        (yes, no) if no.len() < yes.len() => format!("not {}", no.join(", ")),
        (yes, _) => yes.join(", "),
    }
}
