//! `dropcap profile show`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use caps::Capability;
use check::words;
use record::basis::Basis;
use record::merge::verdict_of;
use record::profile::{API_VERSION, Profile, Run, Target};
use record::requirement::{Place, Remedy, Verdict, for_reading};
use record::zero::Zero;

use crate::failure::Failure;
use crate::ui::{BOLD, DIM, GREEN, Ui, YELLOW, wrapped};

/// Arguments of `dropcap profile show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dropcap profile show web.yaml
  dropcap profile show --json web.yaml api.yaml | jq '.items[].spec.capabilities.add'")]
pub(super) struct Args {
    /// Profiles in YAML or JSON; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print a list of the profiles as JSON (`docs/schema/profile-v1.json` for each item)
    #[arg(long)]
    json: bool,
}

/// How many uses of one capability are shown without `-v`.
const USES: usize = 4;

/// As Kubernetes lists objects.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct List {
    api_version: &'static str,
    kind: &'static str,
    items: Vec<Profile>,
}

pub(super) fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let profiles = super::read_all(&args.files)?;
    let mut out = ui.out();
    if args.json {
        let list =
            List { api_version: API_VERSION, kind: "CapabilityProfileList", items: profiles };
        serde_json::to_writer_pretty(&mut out, &list).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        for (index, profile) in profiles.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            write(&mut out, profile, ui.verbosity() > 0)?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// One profile.
fn write(out: &mut impl Write, profile: &Profile, all: bool) -> io::Result<()> {
    let lists = &profile.spec.capabilities;
    let (name, about) = (&profile.metadata.name, subject(&profile.spec.target));
    writeln!(out, "{}", wrapped(&format!("{BOLD}{name}{BOLD:#}{about}"), 2))?;
    line(out, "needed", &format!("{GREEN}{}{GREEN:#}", lists.needed))?;
    line(out, "doubtful", &format!("{YELLOW}{}{YELLOW:#}", lists.doubtful))?;
    known(out, profile)?;
    for zero in &profile.status.zero {
        to_zero(out, zero)?;
    }
    for capability in profile.add() {
        let verdict = verdict_of(profile, capability).map_or("", Verdict::word);
        writeln!(out, "\n{BOLD}{capability}{BOLD:#}, {verdict}")?;
        let requirements: Vec<_> = profile.why(capability).collect();
        let uses = for_reading(requirements.iter().flat_map(|r| &r.uses));
        if uses.is_empty() {
            writeln!(out, "{}", wrapped(&format!("  {}", unseen(profile, capability)), 4))?;
        }
        let shown = if all { uses.len() } else { USES };
        for seen in uses.iter().take(shown) {
            writeln!(out, "{}", wrapped(&format!("  {}", seen.line()), 4))?;
            if all || seen.verdict == Verdict::Doubtful {
                writeln!(out, "{}", wrapped(&format!("    {DIM}{}{DIM:#}", seen.why), 4))?;
            }
        }
        if uses.len() > shown {
            writeln!(out, "  {DIM}and {} more (-v shows them){DIM:#}", uses.len() - shown)?;
        }
        let mut instead = requirements.iter().map(|r| r.set()).reduce(|a, b| a & b);
        if let Some(set) = &mut instead {
            set.remove(capability);
        }
        if let Some(set) = instead.filter(|set| !set.is_empty()) {
            writeln!(out, "  instead of it would serve: {set}")?;
        }
        let mut remedies: Vec<&Remedy> = requirements.iter().flat_map(|r| &r.remedies).collect();
        remedies.sort_by_key(|r| r.place);
        remedies.dedup();
        if !remedies.is_empty() {
            writeln!(out, "  to do without:")?;
        }
        for remedy in remedies {
            let how = format!("    {}: {}", place(remedy.place), remedy.how);
            writeln!(out, "{}", wrapped(&how, 6))?;
            if all {
                writeln!(out, "{}", wrapped(&format!("      {DIM}{}{DIM:#}", remedy.why), 6))?;
            }
        }
    }
    Ok(())
}

/// What the profile is about, behind its name.
fn subject(target: &Target) -> String {
    let mut parts = Vec::new();
    if let Some(workload) = &target.workload {
        parts.push(match &target.namespace {
            Some(namespace) => format!("{workload} in {namespace}"),
            None => workload.clone(),
        });
    }
    parts.extend(target.container.iter().map(|name| format!("container {name}")));
    parts.extend(target.image.iter().map(|image| format!("image {image}")));
    if !target.command.is_empty() {
        parts.push(format!("command {}", target.command.join(" ")));
    }
    if parts.is_empty() { String::new() } else { format!("  {}", parts.join(", ")) }
}

/// How the answer is known.
fn known(out: &mut impl Write, profile: &Profile) -> io::Result<()> {
    let status = &profile.status;
    match profile.basis() {
        Basis::Proven(_) => {
            for proof in profile.proofs() {
                let (test, trials) = (&proof.test, proof.trials);
                line(
                    out,
                    "proof",
                    &format!("{GREEN}proven{GREEN:#} in {trials} runs by `{test}`"),
                )?;
            }
        }
        Basis::Tried(search) => {
            let (runs, test) = (words::count(search.runs.len(), "run"), &search.test);
            let (word, meaning) = (search.words(), search.meaning());
            let text = format!("{YELLOW}{word}{YELLOW:#} in {runs} by `{test}`: {meaning}");
            line(out, "proof", &text)?;
        }
        Basis::Traced if !status.searches.is_empty() => {
            line(out, "proof", "none: traced; what was tried came to another list")?;
        }
        Basis::Traced => line(out, "proof", "none: traced, not tried")?,
        Basis::Written => line(out, "proof", "none: written by hand")?,
    }
    for run in &status.runs {
        line(out, "run", &one_run(run))?;
    }
    if status.complete {
        line(out, "complete", "yes")?;
    }
    for reason in &status.incomplete {
        line(out, "complete", &format!("{YELLOW}no{YELLOW:#}: {reason}"))?;
    }
    for site in &status.unknown_sites {
        line(out, "unknown", site)?;
    }
    Ok(())
}

/// What is known of one in the list that no use shows.
fn unseen(profile: &Profile, capability: Capability) -> String {
    let doubtful = !profile.spec.capabilities.needed.contains(capability);
    if doubtful && let Some(denied) = profile.refused_meanwhile(capability) {
        let returned = denied.returned.as_deref().map(|r| format!(" ({r})")).unwrap_or_default();
        return format!(
            "{} by {}, refused{returned} in a run that passed all the same",
            denied.what, denied.by
        );
    }
    if let Some(said) = profile.failure_without(capability) {
        return format!("no use was seen: runs showed that it takes it; without it: {said}");
    }
    match profile.basis() {
        Basis::Proven(_) => "no use was seen: runs showed that it takes it".to_owned(),
        Basis::Tried(_) => "no use was seen: it was in the set that passed".to_owned(),
        Basis::Traced | Basis::Written => {
            "written by hand: nothing shows what it is for".to_owned()
        }
    }
}

/// What `fit --try-zero` came to.
fn to_zero(out: &mut impl Write, zero: &Zero) -> io::Result<()> {
    let (runs, test) = (words::count(zero.runs.len(), "run"), &zero.test);
    let holds = zero.holding().next().is_some();
    let came = match zero.reached {
        true if zero.is_clear() => {
            format!("{GREEN}reached{GREEN:#} in {runs} by `{test}`: needs none with")
        }
        true => format!(
            "{YELLOW}reached for the test alone{YELLOW:#} in {runs} by `{test}`: it passes without any, \
             and does otherwise than before, with"
        ),
        false if holds => format!(
            "{YELLOW}not reached{YELLOW:#} in {runs} by `{test}`: needs {} only, with",
            zero.remains
        ),
        false => format!(
            "{YELLOW}not reached{YELLOW:#} in {runs} by `{test}`: no change that was tried helps"
        ),
    };
    line(out, "to zero", &came)?;
    for change in zero.holding() {
        line(out, "", &change.to_string())?;
    }
    for doubt in &zero.doubts {
        line(out, "otherwise", doubt)?;
    }
    for way in zero.in_the_way.iter().take(USES) {
        line(out, "refused", way)?;
    }
    for remark in &zero.remarks {
        line(out, "", remark)?;
    }
    Ok(())
}

/// A line of the head, the text behind its name in lines of the terminal's width.
fn line(out: &mut impl Write, name: &str, text: &str) -> io::Result<()> {
    writeln!(out, "{}", wrapped(&format!("  {name:<10}{text}"), 12))
}

fn one_run(run: &Run) -> String {
    let seconds = run.duration_ms as f64 / 1000.0;
    let when = run.recorded.map(|t| format!("{t}, ")).unwrap_or_default();
    format!("{when}{seconds:.1} s on kernel {} ({}, {})", run.kernel, run.architecture, run.backend)
}

fn place(place: Place) -> &'static str {
    match place {
        Place::Nothing => "nothing to change",
        Place::Manifest => "in the manifest",
        Place::Configuration => "in the program's configuration",
        Place::Image => "in the image",
        Place::Node => "on the node",
    }
}
