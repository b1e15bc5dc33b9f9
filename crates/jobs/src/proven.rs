//! The outcome of trials written into a profile.

use fit::{Answer, Proof};
use record::profile::{self, Profile};

/// Settles every use by what the trials showed: one whose capabilities are not in the proven set has
/// passed without, the others have failed without. Does nothing unless the answer is proven.
pub fn settle(profile: &mut Profile, answer: &Answer, test: &str) {
    if answer.proof != Proof::Proven {
        return;
    }
    let proof = profile::Proof {
        capabilities: answer.set,
        test: test.to_owned(),
        trials: u32::try_from(answer.trials.len()).unwrap_or(u32::MAX),
        recorded: None,
    };
    // Proven means that leaving out any one of them failed.
    profile.tried(proof, answer.set);
}

#[cfg(test)]
mod tests {
    use caps::{CapSet, Capability};
    use fit::{Outcome, Purpose, Trial as Run};
    use record::profile::{ProofState, Target};
    use record::requirement::{Requirement, Verdict};

    use super::*;

    #[test]
    fn what_passed_without_goes_and_what_no_trace_saw_comes() {
        let used = |what: &str| record::requirement::Use {
            what: what.to_owned(),
            by: "web (main)".to_owned(),
            site: String::new(),
            verdict: Verdict::Needed,
            why: String::new(),
            at_start: false,
            count: 1,
            refused: 0,
            returned: None,
            first_ms: 0,
            last_ms: 0,
            trial: None,
        };
        let require = |capability, what| Requirement {
            uses: vec![used(what)],
            stated: None,
            ..Requirement::stated(capability, Verdict::Needed)
        };
        let evidence = vec![
            require(Capability::NET_RAW, "open a raw socket"),
            require(Capability::CHOWN, "chown /cache"),
        ];
        let mut profile = Profile::new("web", Target::default(), evidence, Vec::new());
        let set = CapSet::of(&[Capability::CHOWN, Capability::SETUID]);
        let answer = Answer {
            set,
            required: set,
            proof: Proof::Proven,
            safer: None,
            alternatives: Vec::new(),
            first: None,
            trials: vec![Run {
                set,
                purpose: Purpose::Needed,
                again: false,
                outcome: Outcome::Passed,
                explained: false,
                took_ms: 1,
                sight: None,
            }],
        };

        settle(&mut profile, &answer, "it serves");

        assert_eq!(profile.add(), set);
        assert_eq!(profile.status.proof, ProofState::Proven);
    }
}
