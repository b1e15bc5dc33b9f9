//! Manifests from the command line: read, and everything that could not be read said aloud.

use std::path::PathBuf;

use manifest::{Kinds, Loaded, ProblemKind};

use crate::failure::Failure;
use crate::kubectl::ClusterArgs;
use crate::ui::Ui;

/// Which objects have pods in them, beside those that are known.
#[derive(Debug, clap::Args)]
pub struct KindArgs {
    /// Kinds of your own with pods in them: a file with `[[kinds]]` (docs/kinds.md)
    #[arg(long, value_name = "FILE")]
    kinds: Vec<PathBuf>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Reads every manifest the paths lead to; as a plug-in of kubectl, objects of the cluster, too.
pub fn load(paths: &[PathBuf], args: &KindArgs) -> Result<Loaded, Failure> {
    load_with(paths, args, &[])
}

/// As [`load`], with the kinds that a configuration names.
pub fn load_with(paths: &[PathBuf], args: &KindArgs, more: &[PathBuf]) -> Result<Loaded, Failure> {
    let mut kinds = Kinds::default();
    for file in more.iter().chain(&args.kinds) {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::new(format_args!("{name}: cannot read it: {error}")))?;
        kinds = kinds.with_file(&name, &text).map_err(Failure::new)?;
    }
    let mut paths = paths.to_vec();
    let answer = args.cluster.ask(&mut paths)?;
    let mut loaded = manifest::load_with(&paths, &kinds);
    if let Some(answer) = answer {
        let source = manifest::Source::new(&answer.name, answer.text).with_kinds(kinds);
        loaded.manifests.push(manifest::parse_source(source));
    }
    Ok(loaded)
}

/// Says what could not be read, on standard error, each with file, line and column. Returns
/// whether everything could be: a template that nobody rendered is a warning, as is what only
/// kubectl refuses; the rest is an error.
pub fn report(loaded: &Loaded, ui: &Ui) -> bool {
    for error in &loaded.failed {
        ui.error(&error.to_string(), None);
    }
    let mut errors = loaded.failed.len();
    for skipped in &loaded.skipped {
        ui.warning(&format!("{}: left out: {}", skipped.path.display(), skipped.reason));
    }
    for manifest in &loaded.manifests {
        for problem in &manifest.problems {
            let message = format!("{}: {}", manifest.source.locate(problem.span), problem.kind);
            if problem.kind.is_warning() {
                ui.warning(&message);
            } else {
                errors += 1;
                ui.error(&message, help(&problem.kind).as_deref());
            }
        }
    }
    errors == 0
}

/// What to do about a problem, where that can be said.
fn help(kind: &ProblemKind) -> Option<String> {
    match kind {
        ProblemKind::Misplaced { suggestion: Some(text), .. } => {
            Some(format!("this may be what was meant:\n{}", indented(text)))
        }
        _ => None,
    }
}

fn indented(text: &str) -> String {
    text.trim_end().lines().map(|line| format!("    {line}\n")).collect::<String>()
}

/// The error for "nothing to look at", which is never a pass.
pub fn no_containers(loaded: &Loaded) -> Failure {
    let counts = loaded.counts();
    let mut looked = vec![format!("{} read", plural(counts.files, "file"))];
    for (count, noun, what) in [
        (counts.failed, "file", "not readable"),
        (counts.broken, "document", "with problems"),
        (counts.templates, "document", "not rendered (Go templates)"),
        (counts.other_documents, "document", "without a pod spec"),
    ] {
        if count > 0 {
            looked.push(format!("{} {what}", plural(count, noun)));
        }
    }
    let failure = Failure::new(format_args!("found no containers: {}", looked.join(", ")));
    if counts.broken + counts.failed + counts.templates == 0 {
        return failure.help(
            "expected Kubernetes objects with a pod spec: Pod, Deployment, StatefulSet, DaemonSet, \
             Job, CronJob, …; a Compose file; or an OCI config.json. For kinds of your own there \
             is --kinds",
        );
    }
    failure
}

/// `1 file`, `2 files`.
fn plural(count: usize, noun: &str) -> String {
    check::words::count(count, noun)
}
