//! A judged trace for a person, and as JSON.

use std::io::{self, Write};

use caps::CapSet;
use check::words;
use judge::{Judgement, Need, Observed, Verdict};
use record::observation::{Recording, Target};
use serde::Serialize;

use crate::failure::Failure;
use crate::ui::{BOLD, DIM, GREEN, RED, Ui, YELLOW};

/// How many uses of a need are shown without `-v`.
const USES: usize = 3;

/// Prints what a target needs, for what, and what to write.
pub fn print(observed: &Observed, ui: &Ui) -> io::Result<()> {
    let Observed { recording, judgement } = observed;
    let mut out = ui.out();
    header(&mut out, recording, judgement)?;
    needs(judgement, ui)?;
    ask_for_a_report(&mut out, judgement)?;
    writeln!(out)?;
    suggestion(&mut out, judgement)
}

/// Prints the needs, and what was asked for and is none.
pub fn needs(judgement: &Judgement, ui: &Ui) -> io::Result<()> {
    let mut out = ui.out();
    for need in &judgement.needs {
        print_need(&mut out, need, ui)?;
    }
    dismissed(&mut out, judgement, ui)?;
    for site in &judgement.unknown_sites {
        let (line, times) = (site.line(), times(site.count));
        writeln!(out, "  {YELLOW}unknown call site:{YELLOW:#} {line} ({times})")?;
    }
    for helper in judgement.helpers.iter().filter(|h| !judgement.incomplete.contains(h)) {
        writeln!(out, "  {YELLOW}outside:{YELLOW:#} {helper}")?;
    }
    for reason in &judgement.incomplete {
        writeln!(out, "  {RED}incomplete:{RED:#} {reason}")?;
    }
    Ok(())
}

/// What the table does not know, it can learn from a recording.
fn ask_for_a_report(out: &mut impl Write, judgement: &Judgement) -> io::Result<()> {
    if judgement.unknown_sites.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "  {DIM}please report an unknown call site at {}/issues, with what --record FILE writes (it holds \
         command lines, paths and addresses: look it through){DIM:#}",
        env!("CARGO_PKG_REPOSITORY")
    )
}

/// `once`, `2 times`.
fn times(number: u64) -> String {
    if number == 1 { "once".to_owned() } else { format!("{number} times") }
}

fn header(out: &mut impl Write, recording: &Recording, judgement: &Judgement) -> io::Result<()> {
    let solution = judgement.solution();
    let (needed, doubtful) = (solution.needed.len(), solution.doubtful.len());
    let seconds = recording.duration_ns as f64 / 1e9;
    let from = if recording.start_seen { "from its start" } else { "start not seen" };
    writeln!(
        out,
        "{BOLD}{}{BOLD:#}: {needed} needed, {doubtful} doubtful  {DIM}watched {seconds:.1} s {from}, {}, {} on Linux {}{DIM:#}\n",
        name(&recording.target),
        words::count(recording.processes.len(), "program"),
        recording.machine.backend,
        recording.machine.kernel,
    )
}

fn name(target: &Target) -> String {
    match target {
        Target::Command { argv } => argv.join(" "),
        Target::Process { pid } => format!("pid/{pid}"),
        Target::Cgroup { path } => format!("cgroup{path}"),
        Target::Container(c) => match (&c.namespace, &c.pod, &c.name) {
            (Some(namespace), Some(pod), Some(name)) => format!("{namespace}/{pod}/{name}"),
            (_, _, Some(name)) => name.clone(),
            _ => c.id.clone(),
        },
    }
}

fn print_need(out: &mut impl Write, need: &Need, ui: &Ui) -> io::Result<()> {
    let (style, word) = match need.verdict {
        Verdict::Needed => (BOLD, "needed"),
        Verdict::Doubtful => (YELLOW, "doubtful"),
    };
    let shown = if ui.verbosity() > 0 { need.uses.len() } else { USES.min(need.uses.len()) };
    for (index, used) in need.uses.iter().take(shown).enumerate() {
        if index == 0 {
            write!(out, "  {style}{:<18}{style:#} {word:<9} ", need.capability.to_string())?;
        } else {
            write!(out, "  {:<18} {:<9} ", "", "")?;
        }
        writeln!(out, "{}", used.line())?;
        if ui.verbosity() > 0 {
            writeln!(out, "  {:<28} {DIM}{}: {}{DIM:#}", "", used.site, used.why)?;
        }
    }
    if need.uses.len() > shown {
        writeln!(out, "  {:<28} {DIM}and {} more (-v){DIM:#}", "", need.uses.len() - shown)?;
    }
    let others = need.alternatives.without(need.capability);
    if !others.is_empty() {
        writeln!(out, "  {:<28} {DIM}or instead: {others}{DIM:#}", "")?;
    }
    let remedies = if ui.verbosity() > 0 { need.remedies.len() } else { 1 };
    for remedy in need.remedies.iter().take(remedies) {
        writeln!(out, "  {:<28} {GREEN}without it:{GREEN:#} {}", "", remedy.how)?;
    }
    Ok(())
}

fn dismissed(out: &mut impl Write, judgement: &Judgement, ui: &Ui) -> io::Result<()> {
    if judgement.dismissed.is_empty() {
        return Ok(());
    }
    let checks: u64 = judgement.dismissed.iter().map(|d| d.count).sum();
    let set: CapSet = judgement.dismissed.iter().map(|d| d.capability).collect();
    let only = set - judgement.add();
    if ui.verbosity() == 0 {
        let asked = if only.is_empty() {
            String::new()
        } else {
            format!(", asked for and not needed: {only}")
        };
        return writeln!(
            out,
            "  {DIM}{}{asked} (-v says why){DIM:#}",
            words::count(checks as usize, "check") + " without need"
        );
    }
    writeln!(out, "  {DIM}asked for and no need:{DIM:#}")?;
    for no in &judgement.dismissed {
        writeln!(
            out,
            "  {:<18} {:>6} times at {}: {}",
            no.capability.to_string(),
            no.count,
            no.site,
            no.why
        )?;
    }
    writeln!(out)
}

/// The `securityContext` to write, the doubtful ones marked.
fn suggestion(out: &mut impl Write, judgement: &Judgement) -> io::Result<()> {
    let solution = judgement.solution();
    context(out, solution.needed, solution.doubtful, "doubtful: try without")?;
    if solution.add().is_empty() && !judgement.complete {
        writeln!(out, "    {DIM}# nothing seen is not nothing needed: see above{DIM:#}")?;
    }
    Ok(())
}

/// A `securityContext` with these, and a remark behind the doubtful.
pub fn context(
    out: &mut impl Write,
    needed: CapSet,
    doubtful: CapSet,
    remark: &str,
) -> io::Result<()> {
    writeln!(out, "securityContext:\n  capabilities:\n    drop: [\"ALL\"]")?;
    let all = needed | doubtful;
    if !all.is_empty() {
        writeln!(out, "    add:")?;
    }
    for capability in all {
        if needed.contains(capability) {
            writeln!(out, "    - {capability}")?;
        } else {
            writeln!(out, "    - {capability} {DIM}# {remark}{DIM:#}")?;
        }
    }
    Ok(())
}

/// The same for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    version: u32,
    targets: Vec<Watched<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Watched<'a> {
    target: &'a Target,
    start_seen: bool,
    needed: CapSet,
    doubtful: CapSet,
    judgement: &'a Judgement,
}

/// All targets, as one document.
pub fn json(observed: &[Observed]) -> Result<String, Failure> {
    let targets = observed.iter().map(|o| Watched {
        target: &o.recording.target,
        start_seen: o.recording.start_seen,
        needed: o.judgement.solution().needed,
        doubtful: o.judgement.solution().doubtful,
        judgement: &o.judgement,
    });
    let report = Report { version: 1, targets: targets.collect() };
    serde_json::to_string_pretty(&report).map_err(Failure::new)
}
