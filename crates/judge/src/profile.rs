//! From a judgement to a profile.

use jiff::Timestamp;
use record::observation::{Container, Recording, Target as Watched};
use record::profile::{Profile, Run, START_NOT_SEEN, Target};

use crate::judgement::Judgement;

/// What a profile says that neither the recording nor the judgement knows.
#[derive(Debug, Clone, Default)]
pub struct ProfileOptions {
    /// `metadata.name`; taken from the target if empty.
    pub name: String,
    /// When the run was recorded.
    pub recorded: Option<Timestamp>,
    /// The workload as `Kind/name`, where somebody knows it.
    pub workload: Option<String>,
}

/// The profile of one run.
#[must_use]
pub fn to_profile(
    recording: &Recording,
    judgement: &Judgement,
    options: &ProfileOptions,
) -> Profile {
    let mut target = target(&recording.target);
    if options.workload.is_some() {
        target.workload.clone_from(&options.workload);
    }
    let name = if options.name.is_empty() { name(&recording.target) } else { options.name.clone() };
    let incomplete =
        judgement.incomplete.iter().filter(|r| *r != START_NOT_SEEN).cloned().collect();
    let run = Run {
        id: recording.id(),
        recorded: options.recorded,
        kernel: recording.machine.kernel.clone(),
        architecture: recording.machine.architecture.clone(),
        backend: recording.machine.backend.clone(),
        target: recording.target.clone(),
        start_seen: recording.start_seen,
        as_root: as_root(recording),
        duration_ms: recording.duration_ns / 1_000_000,
        exit: recording.exit,
        lost: recording.lost,
        incomplete,
        helpers: judgement.helpers.clone(),
    };
    let mut profile = Profile::new(name, target, judgement.requirements.clone(), vec![run]);
    profile.status.unknown_sites = judgement.unknown_sites.iter().map(|s| s.line()).collect();
    profile
}

/// Processes are numbered in the order of their first `execve`.
fn as_root(recording: &Recording) -> Option<bool> {
    let (_, first) = recording.processes.first_key_value().filter(|_| recording.start_seen)?;
    Some(first.uid? == recording.root)
}

fn target(watched: &Watched) -> Target {
    match watched {
        Watched::Command { argv } => Target { command: argv.clone(), ..Target::default() },
        Watched::Process { .. } | Watched::Cgroup { .. } => Target::default(),
        Watched::Container(Container {
            name, pod, namespace, image, image_digest, argv, ..
        }) => Target {
            argv: argv.clone(),
            image: image.clone(),
            image_digest: image_digest.clone(),
            container: name.clone(),
            workload: pod.as_ref().map(|pod| format!("Pod/{pod}")),
            namespace: namespace.clone(),
            ..Target::default()
        },
    }
}

/// A name that Kubernetes would accept (RFC 1123): the program's, the container's, or the number.
fn name(watched: &Watched) -> String {
    let word = match watched {
        Watched::Command { argv } => {
            argv.first().and_then(|p| p.rsplit('/').next()).unwrap_or_default().to_owned()
        }
        Watched::Process { pid } => format!("pid-{pid}"),
        Watched::Cgroup { path } => path.rsplit('/').next().unwrap_or_default().to_owned(),
        Watched::Container(c) => match (&c.pod, &c.name) {
            (Some(pod), Some(name)) => format!("{pod}-{name}"),
            (None, Some(name)) => name.clone(),
            _ => c.id.chars().take(12).collect(),
        },
    };
    let mut name: String = word
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '-' })
        .take(253)
        .collect();
    name = name.trim_matches(['-', '.']).to_owned();
    if name.is_empty() { "profile".to_owned() } else { name }
}
