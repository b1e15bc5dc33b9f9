//! Which of the reasons is likely to be why the target failed.

use record::observation::Recording;

use super::{Cause, End, Finding, Kind, Likelihood};

/// What failed so long before the latest of the likely reasons did not end the target: it went on.
const BURST_NS: u64 = 2_000_000_000;

/// The causes, the most likely first, and what is hardly one.
///
/// A target that ended well minded nothing. One that failed did so right after what it could not do:
/// the latest failure comes first, one of the main program before those of its helpers.
pub(super) fn split(
    findings: Vec<Finding>,
    recording: &Recording,
    end: End,
) -> (Vec<Finding>, Vec<Finding>) {
    let mut findings: Vec<Finding> = findings.into_iter().filter(|f| !is_idle(f, end)).collect();
    findings.sort_by_key(|finding| {
        let by_main = finding.calls.iter().any(|call| call.by.ends_with(" (main)"));
        (
            finding.likelihood == Likelihood::Possible,
            finding.calls.is_empty(),
            !by_main || recording.exit.is_none(),
            std::cmp::Reverse(last(finding)),
        )
    });
    if end == End::Well {
        return (Vec::new(), findings);
    }
    let open = |finding: &Finding| finding.likelihood != Likelihood::Possible;
    let any_open = findings.iter().any(open);
    let latest = findings.iter().filter(|f| open(f)).map(last).max().unwrap_or_default();
    findings.into_iter().partition(|finding| match end {
        End::Running => open(finding),
        _ if !any_open => true,
        _ => {
            let unmet = finding.calls.is_empty();
            open(finding) && (unmet || last(finding).saturating_add(BURST_NS) >= latest)
        }
    })
}

fn last(finding: &Finding) -> u64 {
    finding.calls.iter().map(|call| call.last_ns).max().unwrap_or_default()
}

/// A set-uid program that gained nothing, asked for nothing, and whose target did not fail.
fn is_idle(finding: &Finding, end: End) -> bool {
    let quiet = matches!(finding.cause, Cause::NoNewPrivileges { .. }) && finding.calls.is_empty();
    let noise = matches!(finding.cause, Cause::Elsewhere { kind: Kind::Noise, .. });
    noise || (quiet && matches!(end, End::Running | End::Well))
}
