//! When trials prove that a set is minimal.
//!
//! # What is taken for granted
//! 1. *A pass is conclusive.* A test that passes has seen the program work: there are no false passes.
//!    A failure is not: the test may be flaky, the machine may have been busy.
//! 2. *More never hurts.* A program that works with a set works with any larger one.
//! 3. *No two false failures in a row.* A test may fail by chance, or by a counter each k-th time
//!    (k ≥ 2), but where it is run twice in a row and fails twice, at least one of the two is true.
//!
//! "Twice in a row" is meant of when they began: where runs go side by side, none other began between
//! the two ([`crate::beside`]).
//!
//! # The argument
//! A set M is [`Proof::Proven`](crate::Proof::Proven) if it passed, and if for each member c there is
//! a set T with M \ {c} ⊆ T and c ∉ T that failed twice in a row. By 3 the program does not work with
//! T; by 2 it does not work with M \ {c}, nor with any subset of it. Every proper subset of M lacks
//! some c, so none works; and M works by 1. That holds whatever other runs showed, and in whatever
//! order they were made. So a flaky test costs runs, or the word "proven", but cannot make it wrong:
//! what fails falsely once and passes at the second try has passed, and is left out.
//!
//! Without 2 what is left is what was seen: M passed, and without c it failed, for the last c that was
//! left out; for those before, with some more that was left out later. A set that failed though it
//! holds one that passed contradicts 2 or shows a flaky test (`crate::flaky`): then nothing is
//! called proven, though by the argument above it would be if the test were the cause. A test that
//! fails by chance with probability p fails twice in a row with p², and 3 does not hold for it: the
//! sooner it is noticed, the better.
//!
//! What breaks on the way and stays broken (a service that the test asks is gone) is no false failure
//! by chance: all that comes after it fails. So a proof ends with a run that passes.
//!
//! # Explained failures
//! A failing run whose own trace shows that c was refused, at a place that the judge calls a need, in
//! a call that failed, is explained. That is strong and no proof: programs shrug off refusals at such
//! places (a `chown` of a log), and if the test fails falsely in just that run, the explanation is
//! there and is wrong. No number of *other* runs helps: with a counter, each of the |M| failures
//! needs a second one of its own. So a search that counts explained failures once ends with
//! [`Proof::Explained`](crate::Proof::Explained), after about |M| + 2 runs, and only one that repeats
//! every failure, with about 2·|M| + 2, with `Proven`.

use caps::{CapSet, Capability};

use crate::trial::Trial;

/// How well it is known that a set does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Evidence {
    /// Not at all.
    None,
    /// It failed once, and the trace says why.
    Explained,
    /// It failed twice in a row.
    Twice,
}

/// What the trials say of `smaller`, a set without `capability`: that a set which holds all of it,
/// and not `capability`, failed.
pub(crate) fn evidence(trials: &[Trial], capability: Capability, smaller: CapSet) -> Evidence {
    let of = |(index, trial): (usize, &Trial)| {
        let about = smaller.is_subset(trial.set) && !trial.set.contains(capability);
        if trial.outcome.passed() || !about {
            return Evidence::None;
        }
        let repeated = trials
            .get(index + 1)
            .is_some_and(|next| next.again && next.set == trial.set && !next.outcome.passed());
        let explained =
            || trial.sight.as_ref().is_some_and(|sight| sight.explains(capability, trial.set));
        match repeated {
            true => Evidence::Twice,
            false if !has_passed(trials, trial.set) && explained() => Evidence::Explained,
            false => Evidence::None,
        }
    };
    trials.iter().enumerate().map(of).max().unwrap_or(Evidence::None)
}

/// Whether the set, or a part of it, passed.
pub(crate) fn has_passed(trials: &[Trial], set: CapSet) -> bool {
    trials.iter().any(|trial| trial.outcome.passed() && trial.set.is_subset(set))
}

/// The worst evidence of all members of `set`, and those members of which there is any.
pub(crate) fn of_all(trials: &[Trial], set: CapSet) -> (Evidence, CapSet) {
    let known = |c: Capability| evidence(trials, c, set.without(c));
    let worst = set.iter().map(known).min().unwrap_or(Evidence::Twice);
    (worst, set.iter().filter(|c| known(*c) > Evidence::None).collect())
}
