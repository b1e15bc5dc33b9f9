//! Which of the reasons is likely to be why the target failed.

use record::observation::Recording;

use super::{Call, Cause, End, Finding, Kind, Likelihood};
use crate::judgement::failed;

/// What failed so long before the latest of the likely reasons did not end the target: it went on.
const BURST_NS: u64 = 2_000_000_000;

/// The causes, the most likely first, and what is hardly one.
///
/// A target that ended well minded nothing. One that failed did so right after what it could not do:
/// what a program could not do that then ended with an error comes first, the main program's before
/// its helpers', the latest first. While the target runs, a program that ended well minded nothing.
pub(super) fn split(
    findings: Vec<Finding>,
    recording: &Recording,
    end: End,
) -> (Vec<Finding>, Vec<Finding>) {
    let mut findings: Vec<Finding> = findings.into_iter().filter(|f| !is_idle(f, end)).collect();
    findings.sort_by_key(|finding| {
        (
            finding.likelihood == Likelihood::Possible,
            finding.calls.is_empty(),
            !finding.calls.iter().any(|call| left_behind(call, recording) == Left::Badly),
            !finding.calls.iter().any(|call| call.by.ends_with(" (main)")),
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
        End::Running => {
            let all_well =
                finding.calls.iter().all(|call| left_behind(call, recording) == Left::Well);
            open(finding) && !all_well
        }
        _ if !any_open => true,
        _ => {
            let unmet = finding.calls.is_empty();
            open(finding) && (unmet || last(finding).saturating_add(BURST_NS) >= latest)
        }
    })
}

/// How the process ended that made a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// With an error, soon after the call.
    Badly,
    /// Without one.
    Well,
    /// It still runs, or ended later, or nobody knows.
    Neither,
}

fn left_behind(call: &Call, recording: &Recording) -> Left {
    let process = recording.processes.get(&call.process);
    let ended = process.and_then(|process| Some((process.exit?, process.ended_ns?)));
    match ended {
        Some((exit, _)) if failed(Some(exit)).is_none() => Left::Well,
        Some((_, at)) if at <= call.last_ns.saturating_add(BURST_NS) => Left::Badly,
        _ => Left::Neither,
    }
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
