//! The first run of a container: what it would get today, and more where a call that failed asks for it.

use caps::CapSet;
use fit::container::Containers;
use fit::{Outcome, Ran, Runner, Stopped};
use jobs::fit_container::{Asked, Plan, grow};

use super::cannot::cannot_run;
use super::zero;
use crate::failure::{FOUND, Failure};
use crate::ui::Ui;

/// So often a failing first run is given what it was refused.
const ROUNDS: usize = 4;

/// The first run; a failing one is made again with what it was refused, as far as that stays within the
/// container or somebody agreed. `tries` is whether what else helps is tried afterwards.
pub(super) fn first(
    runner: &mut Containers,
    plan: &Plan,
    stopped: &Stopped,
    tries: bool,
    ui: &Ui,
) -> Result<(CapSet, Ran), Failure> {
    let mut run = |held| {
        let ran = runner.run(held, true).map_err(cannot_run)?;
        // What was cut short says nothing, not even that it fails.
        if stopped.is_set() {
            let none = "stopped before any run had passed: there is no answer";
            return Err(Failure::new(none).code(FOUND));
        }
        Ok(ran)
    };
    let mut held = plan.start;
    for _ in 0..ROUNDS {
        let ran = run(held)?;
        let growth = match (&ran.observed, ran.outcome.passed()) {
            (Some(observed), false) if plan.root => grow(observed, held),
            (Some(observed), false) => {
                let helped = zero::tell_instead(&observed.recording, plan, tries, ui);
                let growth = grow(observed, held | helped);
                let others = [growth.given, growth.to_agree].concat();
                if !others.is_empty() {
                    ui.warning(&format!(
                        "it was refused {}, which no `add` gives to a user that is not root",
                        asked(&others)
                    ));
                }
                return Ok((held, ran));
            }
            _ => return Ok((held, ran)),
        };
        if growth.given.is_empty() {
            if !growth.to_agree.is_empty() {
                return Err(not_agreed(&growth.to_agree, &ran));
            }
            return Ok((held, ran));
        }
        ui.note(&format!("it fails with {held}, and was refused {}: given", asked(&growth.given)));
        held = held | growth.set();
    }
    Ok((held, run(held)?))
}

/// `NET_ADMIN (set a route), CHOWN (chown /x)`.
fn asked(list: &[Asked]) -> String {
    let one = |asked: &Asked| format!("{} ({})", asked.capability, asked.what);
    list.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn not_agreed(list: &[Asked], ran: &Ran) -> Failure {
    let said = match &ran.outcome {
        Outcome::Failed(said) => said.as_str(),
        Outcome::Passed => "",
    };
    let names: CapSet = list.iter().map(|asked| asked.capability).collect();
    let names = names.iter().map(|c| c.to_string()).collect::<Vec<_>>().join(",");
    Failure::new(format_args!(
        "it fails ({said}) and was refused {}, which reaches beyond the container: it is given to an \
         unknown program only if you say so",
        asked(list)
    ))
    .help(format_args!("if you trust the image with this machine: --grant {names}"))
}
