//! `dropcap fix`: writes the edits that `check` proposes, and what profiles say.

mod diff;
mod held_back;
mod place;
mod profile;
mod told;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use check::learnt::Accepted;
use check::{
    Checked, Checker, Consent, Foreseen, Options, RULES, Repaired, Selection, Topic, parallel,
    words,
};
use jobs::by_profile;
use manifest::{Loaded, Manifest, ReadError, WriteError};

use self::held_back::HeldBack;
use self::place::Places;
use super::check::RuleArgs;
use crate::failure::{ERROR, FOUND, Failure};
use crate::manifests;
use crate::ui::{BOLD, Ui, wrapped, wrapped_behind};
use crate::waivers::{self, Waivers};

pub(super) use self::diff::diff;
#[cfg(target_os = "linux")]
pub(super) use self::profile::next;

/// So many manifests are worked out together before the first of them is written; what they come to is
/// in memory until then.
const AT_ONCE: usize = 256;

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
    /// Let a profile give a container what it needs and does not have now
    #[arg(long)]
    allow_widen: bool,
    /// Take a profile as it is though it is incomplete: what it did not see may be needed
    #[arg(long)]
    incomplete: bool,
    /// Take a profile as it is though it is of another image, or of another command of it
    #[arg(long)]
    other_image: bool,
    /// Put behind each word that a profile adds what it is for, as a comment
    #[arg(long)]
    explain: bool,
}

const EXAMPLES: &str = "\
Examples:
  dropcap fix web.yaml                          the safe edits, and what is held back
  dropcap fix --diff --unsafe-fixes k8s/        everything it could do, shown and not written
  dropcap fix --check k8s/                      for CI: exit 1 if a safe edit is to be made
  helm template chart | dropcap fix - | kubectl apply -f -
  dropcap fix --profile web.profile.yaml web.yaml   drop ALL, add exactly what was learnt
  dropcap fix --profile profiles/ --explain k8s/    the same for all of them, with what each is for

A safe edit takes nothing away that could take effect, on any runtime, or what
trials proved to be needless. No edit grants anything without --allow-widen, and
only the lists of capabilities are edited, of Kubernetes objects, Compose files
(cap_add and cap_drop) and OCI configurations, YAML and JSON; every other byte
stays as it is. What several containers share by anchors, merge keys or
`extends` is changed if all of them are to have it. A profile is met by workload
or image (docs/profiles.md), and its edit is made because you name it, proven or
traced only; named in dropcap.toml alone, only a safe one is made.

Exit status: 0 done, 1 with --check something would change, 2 something could
not be read, edited or written (the other files are), or a profile of --profile
could not be written.";

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let mut loaded = Loaded::default();
    let prepared = prepare(args, &mut loaded, ui);
    // A pipe loses nothing of what cannot be edited, whatever the reason.
    echo_unread(args, &loaded, &prepared)?;
    match prepared {
        Ok(prepared) => edit(args, &loaded, prepared, ui),
        Err(why) => {
            loaded.manifests.iter().try_for_each(|manifest| echo(manifest, args))?;
            Err(why)
        }
    }
}

/// What is known before the first edit.
struct Prepared {
    options: Options,
    /// Whether everything could be read.
    whole: bool,
    waivers: Waivers,
}

/// Reads everything.
fn prepare(args: &Args, loaded: &mut Loaded, ui: &Ui) -> Result<Prepared, Failure> {
    let config = args.rules.config.read(&args.paths)?;
    let (mut options, _) = args.rules.options(&config)?;
    *loaded = manifests::load_with(&args.paths, &args.rules.kinds, &config.kinds())?;
    config.exclude(loaded)?;
    options.images = args.rules.images.load(&args.paths, loaded, ui)?;
    let accepted = Accepted { incomplete: args.incomplete, other_image: args.other_image };
    options.learnt = args.rules.profiles.load(&config, accepted)?.among(&loaded.manifests);
    let whole = manifests::report(loaded, ui);
    match loaded.counts().containers {
        0 => return Err(manifests::no_containers(loaded)),
        _ => args.rules.profiles.report(&options.learnt, loaded, ui)?,
    }
    let named = args.rules.waivers.clone().or_else(|| config.waivers());
    let when = (waivers::today(), false);
    let waivers = Waivers::of(loaded, &args.paths, named.as_deref(), &config.policy(), when)?;
    Ok(Prepared { options, whole, waivers })
}

/// Makes the edits of everything that was read.
fn edit(
    args: &Args,
    loaded: &Loaded,
    Prepared { mut options, mut whole, waivers }: Prepared,
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    let consent = if args.unsafe_fixes { Consent::Unsafe } else { Consent::Safe };
    // What the profiles say is written first, and by itself.
    let only: Vec<&str> =
        RULES.iter().filter(|rule| rule.writes_profile()).map(|rule| rule.id).collect();
    let only = Selection::new(&only, &[]).map_err(Failure::new)?;
    let learnt = Checker::new(Options { selection: only, ..options.clone() });
    let how = by_profile::Options {
        allow_widen: args.allow_widen,
        explain: args.explain,
        // That a configuration names it is no consent to what is not proven.
        safe_only: !args.unsafe_fixes && !args.rules.profiles.is_named(),
        unseen: args.unsafe_fixes,
    };
    options.selection = options.selection.without(Topic::Profile);
    let checker = Checker::new(options.clone());
    let edit = |(manifest, waivers_of): &(&Manifest, &Option<usize>)| {
        // Nothing of a manifest with an error is touched.
        if manifest.errors().next().is_some() {
            return None;
        }
        let judged = waivers_of.and_then(|at| waivers.judged.get(at));
        let answer = |checked: &mut Checked| {
            if let Some(judged) = judged {
                judged.clone().answer(checked);
            }
        };
        let (repaired, treated) =
            by_profile::fix(&learnt, &checker, manifest, how, consent, &answer);
        let left = match consent {
            Consent::Safe => {
                let left = checker.announce(&repaired.manifest, &repaired.checked, &answer);
                held_back::untold(left, &repaired, &treated)
            }
            Consent::Unsafe => Foreseen::default(),
        };
        Some((repaired, treated, left))
    };
    let mut done = Done::default();
    let all: Vec<_> = loaded.manifests.iter().zip(&waivers.files).collect();
    for some in all.chunks(AT_ONCE) {
        for ((manifest, _), edited) in some.iter().zip(parallel::each(some, edit)) {
            let Some((repaired, treated, left)) = edited else {
                let name = manifest.source.shown_name();
                let message = format!("{name}: left as it is until the error above is mended");
                ui.warning(&wrapped_behind("warning:", &message, 2));
                echo(manifest, args)?;
                continue;
            };
            whole &= repaired.refused.is_empty();
            if let Err(error) = write(manifest, &repaired, args, ui)? {
                // The others are no worse for it.
                Failure::from(error).report(ui);
                whole = false;
                done.unwritten += 1;
                continue;
            }
            let places = Places::new(manifest, &repaired, !args.diff && !args.check);
            done.by_profile.say(&places, (&treated, &repaired.applied), ui)?;
            told::say(&places, &repaired, &treated, ui)?;
            let refused = left.refused.iter();
            done.not_edited.extend(refused.map(|one| {
                let in_part = told::in_part(one.container, &repaired, &treated);
                held_back::not_edited(&places, one, in_part)
            }));
            let left = left.not_safe.into_iter();
            done.held_back.extend(left.map(|edit| HeldBack::new(&places, &repaired, edit)));
            done.count(manifest, &repaired);
        }
    }
    whole &= done.by_profile.not_written == 0 || !args.rules.profiles.is_named();
    done.report(loaded, args, &options, ui)?;
    Ok(if !whole {
        ExitCode::from(ERROR)
    } else if args.check && done.edits() > 0 {
        ExitCode::from(FOUND)
    } else {
        ExitCode::SUCCESS
    })
}

/// Writes one manifest, or shows what would be written. The inner error is this file's alone.
fn write(
    manifest: &Manifest,
    repaired: &Repaired,
    args: &Args,
    ui: &Ui,
) -> Result<Result<(), WriteError>, Failure> {
    let (before, after) = (manifest.source.text(), repaired.source.text());
    let writes = !args.diff && !args.check;
    if args.diff && before != after {
        diff(manifest, after, ui)?;
    }
    match manifest.source.path() {
        Some(path) if writes => return Ok(manifest::replace_whole(path, before, after).map(drop)),
        None if writes => put(after.as_bytes())?,
        _ => {}
    }
    Ok(Ok(()))
}

/// Standard input that is not touched still has to come out.
fn echo(manifest: &Manifest, args: &Args) -> Result<(), Failure> {
    if manifest.source.path().is_none() && !args.diff && !args.check {
        put(manifest.source.text().as_bytes())?;
    }
    Ok(())
}

/// The same where it is no text, or where nobody came to read it.
fn echo_unread(
    args: &Args,
    loaded: &Loaded,
    prepared: &Result<Prepared, Failure>,
) -> Result<(), Failure> {
    let comes_in = args.paths.iter().any(|path| path == Path::new("-"));
    if !comes_in || args.diff || args.check {
        return Ok(());
    }
    put(&loaded.standard_input)?;
    let is_unread = prepared.is_err() && loaded.manifests.is_empty() && loaded.failed.is_empty();
    let too_large = |error: &ReadError| matches!(error, ReadError::TooLarge { .. });
    // At its end nobody asks again: a terminal would wait for more.
    if is_unread || loaded.failed.iter().any(too_large) {
        std::io::copy(&mut std::io::stdin().lock(), &mut std::io::stdout().lock())?;
    }
    Ok(())
}

/// Standard output as it is: [`Ui::out`] takes escape sequences out where nobody sees colours.
fn put(bytes: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// What came of all files.
#[derive(Debug, Default)]
struct Done {
    applied: usize,
    by_profile: profile::Count,
    files: usize,
    /// Files that could not be written.
    unwritten: usize,
    held_back: Vec<HeldBack>,
    /// Containers of which the text does not allow what is unsafe, in a line each.
    not_edited: Vec<String>,
}

impl Done {
    /// All edits, those by profile among them.
    fn edits(&self) -> usize {
        self.applied + self.by_profile.written
    }

    /// What was made of a manifest.
    fn count(&mut self, manifest: &Manifest, repaired: &Repaired) {
        self.applied += repaired.applied.len();
        self.files += usize::from(manifest.source.text() != repaired.source.text());
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
        held_back::report(&self.held_back, options, ui)?;
        for line in &self.not_edited {
            writeln!(ui.err(), "{}", wrapped(line, 4))?;
        }
        let verb = if args.diff || args.check { "to make" } else { "made" };
        let edits = words::count(self.edits(), "edit");
        let files = words::count(self.files, "file");
        let mut line = format!("{edits} {verb} in {files}");
        if let Some(words) = self.by_profile.words() {
            line.push_str(&format!(" ({words})"));
        }
        let held_back = self.held_back.len() + self.by_profile.held_back;
        if held_back > 0 {
            line.push_str(&format!(
                "; {} held back, --unsafe-fixes makes them",
                words::count(held_back, "unsafe edit")
            ));
        }
        if !self.not_edited.is_empty() {
            let containers = words::count(self.not_edited.len(), "container");
            line.push_str(&format!(
                "; {containers} cannot be edited, --unsafe-fixes says what to write by hand"
            ));
        }
        if self.unwritten > 0 {
            let files = words::count(self.unwritten, "file");
            line.push_str(&format!("; {files} could not be written"));
        }
        let templates = loaded.counts().templates;
        if templates > 0 {
            let templates = words::count(templates, "template");
            line.push_str(&format!("; {templates} not rendered, left out"));
        }
        writeln!(ui.err(), "{BOLD}{}{BOLD:#}", wrapped(&line, 2))?;
        Ok(())
    }
}
