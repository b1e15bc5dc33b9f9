//! Runs that are not made from the same state: what they do not show is not called proven.

use caps::CapSet;
use fit::{Answer, Proof, unasked};

use crate::ui::Ui;

/// What makes runs alike, where they are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Runs {
    /// Whether a person has said what is done around each run.
    pub(super) prepared: bool,
    /// What to do about it.
    pub(super) help: &'static str,
}

/// Takes the proof away where an earlier run may have served, and says so. `needs` is what first runs
/// used, by [`unasked::needs`]; `None` where nothing was traced.
pub(super) fn hold(answer: &mut Answer, needs: Option<&[CapSet]>, runs: Runs, ui: &Ui) {
    let help = runs.help;
    if let Proof::Flaky { .. } = answer.proof {
        ui.note(&format!("runs were not made alike, which may be why the test is flaky: {help}"));
    }
    if !matches!(answer.proof, Proof::Proven | Proof::Explained) {
        return;
    }
    let Some(needs) = needs else {
        if !runs.prepared {
            answer.not_exercised();
            ui.warning(&format!(
                "not traced, and each run found what the one before had left: whether that served \
                 in the place of a capability is not known, so nothing is proven; {help}"
            ));
        }
        return;
    };
    let unasked = unasked::never_asked(&answer.trials, needs, answer.set);
    if unasked.is_empty() {
        return;
    }
    answer.not_exercised();
    let used = used(&unasked);
    ui.warning(&format!(
        "{used} in the first run and never asked for again: what an earlier run left may \
         serve instead, so nothing is proven; {help}"
    ));
}

/// The same where each run starts from the same state: a program that asked for something once, and later
/// did not without having been refused anything, does so by chance, by the clock or by what it finds out
/// about itself. Which of these nobody sees, and in the next run it may ask again.
pub(super) fn hold_alike(answer: &mut Answer, needs: Option<&[CapSet]>, ui: &Ui) {
    if !matches!(answer.proof, Proof::Proven | Proof::Explained) {
        return;
    }
    let otherwise = unasked::went_otherwise(&answer.trials, needs.unwrap_or_default(), answer.set);
    if otherwise.is_empty() {
        return;
    }
    answer.not_exercised();
    let used = used(&otherwise);
    ui.warning(&format!(
        "{used} in the first run, and a run without did not ask for it though it was refused \
         nothing: by chance, by the clock, or because the program looks at what it holds; so nothing is \
         proven. A test in which it does the same each time decides"
    ));
}

/// What has ended, as far as anybody asked, and went on in the background has not shown what it needs there.
pub(super) fn hold_background(answer: &mut Answer, ui: &Ui) {
    if !matches!(answer.proof, Proof::Proven | Proof::Explained) {
        return;
    }
    answer.not_exercised();
    ui.warning(
        "it ends with status 0 and goes on in the background, where it was ended then: what it needs there \
         nobody has seen, so nothing is proven. Name a test (--http, --tcp, --log, --test), which is asked \
         while it goes on, or keep it in the foreground",
    );
}

/// `CHOWN, DAC_OVERRIDE or DAC_READ_SEARCH were used`.
fn used(needs: &[CapSet]) -> String {
    let either = |need: &CapSet| need.iter().map(|c| c.to_string()).collect::<Vec<_>>();
    let names: Vec<String> = needs.iter().map(|need| either(need).join(" or ")).collect();
    format!("{} {} used", names.join(", "), if names.len() == 1 { "was" } else { "were" })
}
