//! Edits that wait for consent, and what tells whether they may be made.

use std::io::{self, Write as _};

use check::render::text;
use check::{Applied, Foreseen, Options, Repaired};
use jobs::by_profile::{Outcome, Treated};
use jobs::shell;
use manifest::{ContainerList, Format, Refused};

use super::place::{Places, called};
use crate::ui::{BOLD, Ui, YELLOW, next_step, wrapped};

/// An edit that waits for consent.
#[derive(Debug)]
pub(super) struct HeldBack {
    at: String,
    /// As a command takes it.
    file: String,
    container: String,
    /// Its place among the containers of its list.
    index: usize,
    format: Format,
    /// Whether it ends by itself, and is most often not there when somebody looks.
    ends: bool,
    edit: Applied,
}

/// What is held back, each with what to do about it.
pub(super) fn report(all: &[HeldBack], options: &Options, ui: &Ui) -> io::Result<()> {
    let mut err = ui.err();
    let mut said: Vec<(&str, &str)> = Vec::new();
    for held in all {
        let costs = match held.edit.costs.as_slice() {
            [] => "what is left when the others are made".to_owned(),
            costs => costs.join("; "),
        };
        let line = format!(
            "{YELLOW}held back{YELLOW:#} {}: {}: {}: {costs}",
            held.at,
            called(&held.container, held.index),
            text::clean(&held.edit.title)
        );
        writeln!(err, "{}", wrapped(&line, 4))?;
        // One next step for a container, not one for each edit.
        if !said.contains(&(&held.file, &held.container)) {
            said.push((&held.file, &held.container));
            let (what, command) = held.next(options);
            let step = next_step(&format!("  {BOLD}next:{BOLD:#}"), &what, &command);
            writeln!(err, "{step}")?;
        }
    }
    Ok(())
}

/// Of what is left what no other line tells: an edit by profile that waits for consent stands for all of
/// its container, and what the text does not allow has been told if it was tried.
pub(super) fn untold(mut left: Foreseen, repaired: &Repaired, treated: &[Treated<'_>]) -> Foreseen {
    let of = |id, is: &dyn Fn(&Outcome<'_>) -> bool| {
        treated.iter().any(|treated| treated.id == id && is(&treated.outcome))
    };
    let waits = |outcome: &Outcome<'_>| matches!(outcome, Outcome::HeldBack { .. });
    let refused = |outcome: &Outcome<'_>| matches!(outcome, Outcome::Refused { .. });
    left.not_safe.retain(|edit| !of(edit.container, &waits));
    left.refused.retain(|one| {
        let told = repaired.refused.iter().any(|known| known.container == one.container);
        !told && !of(one.container, &refused)
    });
    left
}

/// A line about a container of which the text does not allow what is unsafe; `in_part` if something of it
/// was edited.
pub(super) fn not_edited(places: &Places<'_>, refused: &Refused, in_part: bool) -> String {
    // Whoever reads that it is fixed is not to read behind it that it is not.
    let (label, rest) = match (in_part, places.writes) {
        (false, _) => ("not edited", ""),
        (true, true) => ("fixed in part", "the rest cannot be edited: "),
        (true, false) => ("would fix in part", "the rest cannot be edited: "),
    };
    format!(
        "{YELLOW}{label}{YELLOW:#} {}: {rest}{}",
        places.called(refused.container),
        text::clean(&places.why(refused))
    )
}

impl HeldBack {
    /// An edit of what the edits before it came to.
    pub(super) fn new(places: &Places<'_>, repaired: &Repaired, edit: Applied) -> Self {
        let workload = &repaired.manifest.workloads[edit.container.workload];
        let container = &workload.pod.containers[edit.container.container];
        let path = repaired.source.path();
        let is_init = container.list == ContainerList::InitContainers;
        let always =
            container.restart_policy.as_ref().is_some_and(|policy| policy.value == "Always");
        Self {
            at: places.of(edit.span),
            file: path.map_or("-".to_owned(), |path| path.display().to_string()),
            container: container.name.clone(),
            index: container.index,
            format: workload.pod.format,
            ends: is_init && !always || matches!(workload.kind.as_str(), "Job" | "CronJob"),
            edit,
        }
    }

    /// What tells whether the edit may be made: what for, and the command.
    fn next(&self, options: &Options) -> (String, String) {
        let Self { file, container, edit, .. } = self;
        let [file, container] = [file, container].map(|word| shell::quoted(&text::clean(word)));
        if edit.safe_if_plain && options.entrypoint == check::Entrypoint::Unknown {
            return (
                "`getcap` of the image's entrypoint; if it prints nothing,".to_owned(),
                format!("dropcap fix --no-file-caps {file}"),
            );
        }
        if edit.lost.is_empty() {
            return (
                "look at the change:".to_owned(),
                format!("dropcap fix --diff --unsafe-fixes {file}"),
            );
        }
        let see = "see what it needs:".to_owned();
        let target = match self.format {
            Format::Kubernetes => format!("ctr/{container}"),
            // The engine calls it PROJECT-SERVICE-1, or as `container_name` says.
            Format::Compose if file == "-" => format!("ctr/$(docker compose ps -q {container})"),
            Format::Compose => format!("ctr/$(docker compose -f {file} ps -q {container})"),
            // Nothing is put into its lists, so that there is nothing to patch.
            Format::Oci => {
                return (
                    see,
                    "dropcap trace ctr/ID --for 60s (`dropcap ps` has the ID)".to_owned(),
                );
            }
        };
        let how = if self.ends { "--wait" } else { "--for 60s" };
        let trace =
            |file: &str| format!("dropcap trace {target} {how} --patch {file} -c {container}");
        if file == "-" {
            return (
                "see what it needs; save what came in as FILE, then:".to_owned(),
                trace("FILE"),
            );
        }
        (see, trace(&file))
    }
}
