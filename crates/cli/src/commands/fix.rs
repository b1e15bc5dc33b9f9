//! `dropcap fix`: writes the edits that `check` proposes.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use check::fix::{Class, Fix};
use check::render::text;
use check::{Applied, CheckedContainer, Checker, Consent, Finding, Options, Repaired, words};
use manifest::{Loaded, Manifest};

use super::check::RuleArgs;
use crate::failure::{ERROR, FOUND, Failure};
use crate::manifests;
use crate::ui::{BOLD, DIM, GREEN, RED, Ui, YELLOW};
use crate::waivers::{self, Waivers};

/// Arguments of `dropcap fix`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Manifests, folders of them, or `-` for standard input (the result goes to standard output)
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    rules: RuleArgs,
    /// Show what would change, and write nothing
    #[arg(long)]
    diff: bool,
    /// Write nothing; exit with 1 if something would change
    #[arg(long)]
    check: bool,
    /// Make unsafe edits too: what they take away may be needed
    #[arg(long)]
    unsafe_fixes: bool,
}

const EXAMPLES: &str = "\
Examples:
  dropcap fix web.yaml                          the safe edits, and what is held back
  dropcap fix --diff --unsafe-fixes k8s/        everything it could do, shown and not written
  dropcap fix --check k8s/                      for CI: exit 1 if a safe edit is to be made
  helm template chart | dropcap fix - | kubectl apply -f -

A safe edit takes nothing away that could take effect, on any runtime. No edit ever grants anything,
and only `capabilities` is edited; every other byte stays as it is.

Exit status: 0 done, 1 with --check something would change, 2 something could not be read or edited.";

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let config = args.rules.config.read(&args.paths)?;
    let (mut options, _) = args.rules.options(&config)?;
    let consent = if args.unsafe_fixes { Consent::Unsafe } else { Consent::Safe };
    let mut loaded = manifests::load_with(&args.paths, &args.rules.kinds, &config.kinds())?;
    config.exclude(&mut loaded)?;
    options.images = args.rules.images.load(&args.paths, &loaded, ui)?;
    let mut whole = manifests::report(&loaded, ui);
    if loaded.counts().containers == 0 {
        return Err(manifests::no_containers(&loaded));
    }
    let checker = Checker::new(options.clone());
    let named = args.rules.waivers.clone().or_else(|| config.waivers());
    let when = (waivers::today(), false);
    let waivers = Waivers::of(&loaded, &args.paths, named.as_deref(), &config.policy(), when)?;
    let mut done = Done::default();
    for (manifest, waivers_of) in loaded.manifests.iter().zip(&waivers.files) {
        let untouchable = manifest.errors().next().is_some();
        if untouchable {
            let name = manifest.source.name();
            ui.warning(&format!("{name}: left as it is until the error above is mended"));
            echo(manifest, args, ui)?;
            continue;
        }
        let judged = waivers_of.and_then(|at| waivers.judged.get(at));
        let repaired = checker.repair_but(manifest, consent, &|checked| {
            if let Some(judged) = judged {
                judged.clone().answer(checked);
            }
        });
        whole &= repaired.refused.is_empty();
        file(manifest, &repaired, args, ui)?;
        done.count(&repaired, consent);
    }
    done.report(&loaded, args, &options, ui)?;
    Ok(if !whole {
        ExitCode::from(ERROR)
    } else if args.check && done.applied > 0 {
        ExitCode::from(FOUND)
    } else {
        ExitCode::SUCCESS
    })
}

/// Writes one manifest, or shows what would be written, and says what was done and what not.
fn file(manifest: &Manifest, repaired: &Repaired, args: &Args, ui: &Ui) -> Result<(), Failure> {
    let (before, after) = (manifest.source.text(), repaired.source.text());
    let writes = !args.diff && !args.check;
    if args.diff && before != after {
        diff(manifest, after, ui)?;
    }
    match manifest.source.path() {
        Some(path) if writes => {
            manifest::replace_whole(path, before, after).map_err(Failure::new)?;
        }
        None if writes => write!(ui.out(), "{after}")?,
        _ => {}
    }
    if !ui.quiet() {
        for applied in &repaired.applied {
            did(manifest, applied, writes, ui)?;
        }
    }
    for refused in &repaired.refused {
        let container = &manifest.workloads[refused.container.workload].pod.containers
            [refused.container.container];
        let at = manifest.source.locate(container.name_span);
        let message =
            format!("{at}: container `{}`: {}", text::clean(&container.name), refused.reason);
        let help = format!("put this there by hand:\n{}", indented(&refused.snippet));
        ui.error(&message, (!refused.snippet.is_empty()).then_some(help.as_str()));
    }
    Ok(())
}

/// Standard input that is not touched still has to come out.
fn echo(manifest: &Manifest, args: &Args, ui: &Ui) -> Result<(), Failure> {
    if manifest.source.path().is_none() && !args.diff && !args.check {
        write!(ui.out(), "{}", manifest.source.text())?;
    }
    Ok(())
}

fn indented(snippet: &str) -> String {
    snippet.trim_end().lines().map(|line| format!("    {line}\n")).collect::<String>()
}

/// A unified diff of a manifest and what it would become, as `git apply` takes it.
pub(super) fn diff(manifest: &Manifest, after: &str, ui: &Ui) -> Result<(), Failure> {
    let name = manifest.source.name();
    let lines = similar::TextDiff::from_lines(manifest.source.text(), after);
    let mut unified = lines.unified_diff();
    unified.context_radius(3).header(&format!("a/{name}"), &format!("b/{name}"));
    let mut out = ui.out();
    for line in unified.to_string().split_inclusive('\n') {
        let style = match line.as_bytes() {
            [b'+', b'+', ..] | [b'-', b'-', ..] => BOLD,
            [b'+', ..] => GREEN,
            [b'-', ..] => RED,
            [b'@', ..] => DIM,
            _ => anstyle::Style::new(),
        };
        write!(out, "{style}{line}{style:#}")?;
    }
    Ok(())
}

/// One edit that was made, on standard error: standard output may be the manifest.
fn did(manifest: &Manifest, applied: &Applied, writes: bool, ui: &Ui) -> Result<(), Failure> {
    let id = applied.container;
    let container = &manifest.workloads[id.workload].pod.containers[id.container];
    let at = manifest.source.locate(container.name_span);
    let verb = if writes { "fixed" } else { "would fix" };
    let cost = match applied.class {
        Class::Safe => String::new(),
        Class::Unsafe if applied.lost.is_empty() => " (unsafe)".to_owned(),
        Class::Unsafe => format!(" (unsafe: takes away {})", applied.lost),
    };
    writeln!(
        ui.err(),
        "{GREEN}{verb}{GREEN:#} {at}: container `{}`: {}{cost} {DIM}[{}]{DIM:#}",
        text::clean(&container.name),
        text::clean(&applied.title),
        applied.rule
    )?;
    Ok(())
}

/// What came of all files.
#[derive(Debug, Default)]
struct Done {
    applied: usize,
    files: usize,
    held_back: Vec<HeldBack>,
}

/// An edit that waits for consent.
#[derive(Debug)]
struct HeldBack {
    at: String,
    file: String,
    container: String,
    fix: Fix,
}

impl Done {
    fn count(&mut self, repaired: &Repaired, consent: Consent) {
        self.applied += repaired.applied.len();
        self.files += usize::from(!repaired.applied.is_empty());
        if consent == Consent::Unsafe {
            return;
        }
        for finding in &repaired.checked.findings {
            let Some(container) = finding.container.map(|at| &repaired.checked.containers[at])
            else {
                continue;
            };
            self.held_back.extend(held_back(repaired, finding, container));
        }
    }

    /// What is held back and what to do about it, then one line for all.
    fn report(
        &self,
        loaded: &Loaded,
        args: &Args,
        options: &Options,
        ui: &Ui,
    ) -> Result<(), Failure> {
        if ui.quiet() {
            return Ok(());
        }
        let mut err = ui.err();
        let mut said: Vec<(&str, &str)> = Vec::new();
        for held in &self.held_back {
            let costs = held.fix.costs.join("; ");
            writeln!(
                err,
                "{YELLOW}held back{YELLOW:#} {}: container `{}`: {}: {costs}",
                held.at,
                text::clean(&held.container),
                text::clean(&held.fix.title)
            )?;
            // One next step for a container, not one for each edit.
            if !said.contains(&(&held.file, &held.container)) {
                said.push((&held.file, &held.container));
                writeln!(err, "  {BOLD}next:{BOLD:#} {}", held.next(options))?;
            }
        }
        let verb = if args.diff || args.check { "to make" } else { "made" };
        let edits = words::count(self.applied, "edit");
        let files = words::count(self.files, "file");
        let mut line = format!("{edits} {verb} in {files}");
        if !self.held_back.is_empty() {
            line.push_str(&format!(
                "; {} held back, --unsafe-fixes makes them",
                words::count(self.held_back.len(), "unsafe edit")
            ));
        }
        let templates = loaded.counts().templates;
        if templates > 0 {
            let templates = words::count(templates, "template");
            line.push_str(&format!("; {templates} not rendered, left out"));
        }
        writeln!(err, "{BOLD}{line}{BOLD:#}")?;
        Ok(())
    }
}

fn held_back(
    repaired: &Repaired,
    finding: &Finding,
    container: &CheckedContainer,
) -> Option<HeldBack> {
    let open = Some(finding).filter(|finding| finding.standing.is_open())?;
    let fix = open.remedy.fix().filter(|fix| fix.class == Class::Unsafe && !fix.by_hand)?;
    Some(HeldBack {
        at: repaired.source.locate(finding.primary.span),
        file: repaired.source.name().to_owned(),
        container: container.name.clone(),
        fix: fix.clone(),
    })
}

impl HeldBack {
    /// The command that tells whether the edit may be made.
    fn next(&self, options: &Options) -> String {
        let Self { file, container, fix, .. } = self;
        let (file, container) = (text::clean(file), text::clean(container));
        if fix.safe_if_plain && options.entrypoint == check::Entrypoint::Unknown {
            return format!(
                "`getcap` of the image's entrypoint; if it prints nothing, dropcap fix \
                 --no-file-caps {file}"
            );
        }
        if fix.lost.is_empty() {
            return format!("look at the change: dropcap fix --diff --unsafe-fixes {file}");
        }
        format!(
            "see what it needs: dropcap trace ctr/{container} --for 60s --patch {file} -c {container}"
        )
    }
}
