//! From the diagnoses of a target's starts to one answer.

use judge::why::{Cause as Reason, Diagnosis, Finding, Likelihood};
use record::observation::Target;

use super::{Answer, Call, Cause, Tie, words};

/// One answer for a target that was started as often as there are diagnoses, the latest last; `tie`
/// is the container of the manifest, if one was given.
#[must_use]
pub fn answer(target: Target, starts: &[Diagnosis], tie: Option<&Tie<'_>>) -> Answer {
    let end = starts.last().map_or(judge::why::End::Unknown, |start| start.end);
    let causes = gather(starts, |diagnosis| &diagnosis.findings);
    let mut went_on = gather(starts, |diagnosis| &diagnosis.went_on);
    // What was a cause in one start is not what the target minded nothing of in another.
    went_on.retain(|(finding, _)| !causes.iter().any(|(cause, _)| cause.cause == finding.cause));
    let mut incomplete: Vec<String> =
        starts.iter().flat_map(|start| &start.incomplete).cloned().collect();
    incomplete.sort();
    incomplete.dedup();
    let all = |found: Vec<(Finding, usize)>| {
        found.into_iter().map(|(finding, seen)| cause(&finding, seen, tie)).collect()
    };
    Answer {
        target,
        starts: starts.len(),
        end: words::ended(end),
        ended: end.words(),
        wants_capability: starts.iter().any(Diagnosis::wants_capability),
        manifest: tie.map(Tie::place),
        causes: all(causes),
        went_on: all(went_on),
        unseen: starts.iter().map(|start| start.unseen).sum(),
        incomplete,
    }
}

/// The findings of all starts with the number of starts in which each was seen, those seen in most
/// first; among equals those of the latest start, in its order.
fn gather(starts: &[Diagnosis], of: impl Fn(&Diagnosis) -> &Vec<Finding>) -> Vec<(Finding, usize)> {
    let mut all: Vec<(Finding, usize)> = Vec::new();
    for finding in starts.iter().rev().flat_map(&of) {
        match all.iter_mut().find(|(known, _)| known.cause == finding.cause) {
            Some((known, seen)) => {
                *seen += 1;
                for call in &finding.calls {
                    let same = known.calls.iter_mut().find(|c| {
                        (&c.what, &c.by, &c.returned) == (&call.what, &call.by, &call.returned)
                    });
                    match same {
                        Some(same) => {
                            same.count += call.count;
                            same.first_ns = same.first_ns.min(call.first_ns);
                        }
                        None => known.calls.push(call.clone()),
                    }
                }
            }
            None => all.push((finding.clone(), 1)),
        }
    }
    // What keeps a container from starting does so each time.
    all.sort_by_key(|(finding, seen)| {
        (finding.likelihood == Likelihood::Possible, std::cmp::Reverse(*seen))
    });
    all
}

fn cause(finding: &Finding, seen: usize, tie: Option<&Tie<'_>>) -> Cause {
    let calls: Vec<Call> = finding.calls.iter().map(call).collect();
    let lead = words::lead(&finding.cause);
    let answer = match calls.first() {
        Some(call) => format!("{lead}: {}", call.line()),
        None => lead,
    };
    let (edit, no_edit) = tie.map_or((None, None), |tie| tie.edit(finding));
    let capabilities = match &finding.cause {
        Reason::Capability { any_of, .. } => any_of.clone(),
        Reason::NoNewPrivileges { refused, .. } => refused.iter().collect(),
        Reason::Elsewhere { .. } => Vec::new(),
    };
    let mut remedies = finding.remedies.clone();
    if let Some(tie) = tie {
        remedies.extend(tie.instead(finding));
    }
    Cause {
        kind: words::kind(&finding.cause),
        capabilities,
        answer,
        why: words::why(&finding.cause),
        likelihood: words::likelihood(finding.likelihood),
        seen,
        calls,
        taken_by: tie.and_then(|tie| tie.taken_by(finding)),
        remedies,
        edit,
        no_edit,
    }
}

fn call(call: &judge::why::Call) -> Call {
    Call {
        what: call.what.clone(),
        by: call.by.clone(),
        returned: call.returned.clone(),
        count: call.count,
        first_ms: call.first_ns / 1_000_000,
        last_ms: call.last_ns / 1_000_000,
    }
}
