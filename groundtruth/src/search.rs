//! All minimal sets of a program, by brute force.
//!
//! Everything less one, for each; then a minimal set among what was not decided by that, by
//! QuickXplain (Junker, AAAI 2004); then the others: whatever hits every set known so far is taken
//! away, and if the program still works there is another set in the rest. When every such hitting
//! set makes it fail, there is none (the duality of Reiter's theory of diagnosis, 1987). It rests on
//! one assumption: what works with a set works with any larger one.

use std::collections::{BTreeMap, BTreeSet};

use caps::CapSet;

use crate::Result;

/// How often the search starts again when a check contradicts it.
const RESTARTS: u32 = 2;

/// What one run showed: nothing if it passed, or why it failed.
pub type Answer = Option<String>;

/// What the search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Every minimal set, the smallest first.
    pub minimal: Vec<CapSet>,
    /// Every set that failed, in the order it was tried, and why.
    pub failed: Vec<(CapSet, String)>,
    /// Sets that gave both answers: how often they passed and failed.
    pub flaky: Vec<(CapSet, u32, u32)>,
    /// How many runs it took.
    pub runs: u32,
}

/// Finds every minimal set within `all`.
///
/// # Errors
/// What `run` says; that the program fails even with everything; that its answers contradict each
/// other again and again.
pub fn all_minimal(all: CapSet, run: impl FnMut(CapSet) -> Result<Answer>) -> Result<Found> {
    let mut runs = Runs {
        run,
        all,
        known: BTreeMap::new(),
        failed: Vec::new(),
        flaky: BTreeMap::new(),
        count: 0,
    };
    for _ in 0..=RESTARTS {
        let sets = runs.search()?;
        if runs.hold(&sets)? {
            let Runs { failed, flaky, count, .. } = runs;
            let flaky = flaky.into_iter().map(|(set, (p, f))| (CapSet::from_bits(set), p, f));
            return Ok(Found { minimal: sets, failed, flaky: flaky.collect(), runs: count });
        }
        runs.known.clear();
    }
    let sets: Vec<String> = runs.flaky.keys().map(|s| CapSet::from_bits(*s).to_string()).collect();
    Err(format!("its answers contradict each other: {}", sets.join("; ")))
}

struct Runs<F> {
    run: F,
    all: CapSet,
    known: BTreeMap<u64, bool>,
    failed: Vec<(CapSet, String)>,
    flaky: BTreeMap<u64, (u32, u32)>,
    count: u32,
}

impl<F: FnMut(CapSet) -> Result<Answer>> Runs<F> {
    fn search(&mut self) -> Result<Vec<CapSet>> {
        if !self.passes(self.all)? {
            let why = self.failed.last().map(|(_, why)| why.clone()).unwrap_or_default();
            return Err(format!("fails even with everything: {why}"));
        }
        let mut core = CapSet::EMPTY;
        for capability in self.all {
            if !self.passes(self.all.without(capability))? {
                core.insert(capability);
            }
        }
        let mut sets = vec![self.minimal_within(core, self.all)?];
        while let Some(others) = self.unhit(core, &sets)? {
            sets.push(self.minimal_within(core, others)?);
        }
        sets.sort_by_key(|set| (set.len(), set.bits()));
        Ok(sets)
    }

    /// Everything less a set that hits all of `sets` beyond the core, if it passes: a place with
    /// another minimal set in it.
    fn unhit(&mut self, core: CapSet, sets: &[CapSet]) -> Result<Option<CapSet>> {
        let beyond: Vec<CapSet> = sets.iter().map(|set| *set - core).collect();
        for hitting in hitting_sets(&beyond) {
            if self.passes(self.all - hitting)? {
                return Ok(Some(self.all - hitting));
            }
        }
        Ok(None)
    }

    /// A minimal set within `within`, which passes, with all of `core` in it.
    fn minimal_within(&mut self, core: CapSet, within: CapSet) -> Result<CapSet> {
        if self.passes(core)? {
            return Ok(core);
        }
        let rest: Vec<CapSet> = (within - core).iter().map(CapSet::from).collect();
        Ok(core | explain(&mut |set| self.passes(set), core, false, &rest)?)
    }

    /// Runs every set and every removal from it again, whatever was seen before.
    fn hold(&mut self, sets: &[CapSet]) -> Result<bool> {
        let mut holds = true;
        for set in sets {
            holds &= self.settle(*set)?;
            for capability in *set {
                holds &= !self.settle(set.without(capability))?;
            }
        }
        Ok(holds)
    }

    fn passes(&mut self, set: CapSet) -> Result<bool> {
        if let Some(known) = self.known.get(&set.bits()) {
            return Ok(*known);
        }
        self.settle(set)
    }

    /// Runs it: once if it passes, twice if it fails both times, else until one answer has come
    /// three times.
    fn settle(&mut self, set: CapSet) -> Result<bool> {
        let (mut passed, mut failed) = (0, 0);
        let passes = loop {
            self.count += 1;
            match (self.run)(set)? {
                None => passed += 1,
                Some(why) => {
                    failed += 1;
                    if !self.failed.iter().any(|(known, _)| *known == set) {
                        self.failed.push((set, why));
                    }
                }
            }
            match (passed, failed) {
                (_, 0) | (3, _) => break true,
                (0, 2) | (_, 3) => break false,
                _ => {}
            }
        };
        let before = self.known.insert(set.bits(), passes);
        if passed > 0 && failed > 0 || before.is_some_and(|before| before != passes) {
            let counts = self.flaky.entry(set.bits()).or_default();
            *counts = (counts.0 + passed, counts.1 + failed);
        }
        Ok(passes)
    }
}

/// QuickXplain: what of `candidates` must be added to `base`, which fails without unless it is to be
/// asked.
fn explain(
    passes: &mut dyn FnMut(CapSet) -> Result<bool>,
    base: CapSet,
    ask: bool,
    candidates: &[CapSet],
) -> Result<CapSet> {
    if candidates.is_empty() || ask && passes(base)? {
        return Ok(CapSet::EMPTY);
    }
    if let [one] = candidates {
        return Ok(*one);
    }
    let (left, right) = candidates.split_at(candidates.len() / 2);
    let union = |sets: &[CapSet]| sets.iter().fold(CapSet::EMPTY, |all, one| all | *one);
    let from_right = explain(passes, base | union(left), true, right)?;
    let from_left = explain(passes, base | from_right, !from_right.is_empty(), left)?;
    Ok(from_left | from_right)
}

/// A minimal set within `within`, which passes, by QuickXplain alone.
pub fn quickxplain(
    within: CapSet,
    mut passes: impl FnMut(CapSet) -> Result<bool>,
) -> Result<CapSet> {
    let all: Vec<CapSet> = within.iter().map(CapSet::from).collect();
    explain(&mut passes, CapSet::EMPTY, true, &all)
}

/// Every minimal set that has something in common with each of `sets`; none if one of them is empty.
fn hitting_sets(sets: &[CapSet]) -> Vec<CapSet> {
    let mut hitting: BTreeSet<u64> = BTreeSet::from([0]);
    for set in sets {
        let extended: BTreeSet<u64> = hitting
            .iter()
            .flat_map(|bits| {
                let hit = CapSet::from_bits(*bits);
                if (hit & *set).is_empty() {
                    set.iter().map(|c| hit.with(c).bits()).collect()
                } else {
                    vec![*bits]
                }
            })
            .collect();
        let minimal = |bits: &u64| {
            !extended
                .iter()
                .any(|o| o != bits && CapSet::from_bits(*o).is_subset(CapSet::from_bits(*bits)))
        };
        hitting = extended.iter().copied().filter(minimal).collect();
    }
    hitting.into_iter().map(CapSet::from_bits).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bits(bits: u64) -> CapSet {
        CapSet::from_bits(bits)
    }

    fn found(all: CapSet, works: impl Fn(CapSet) -> bool) -> Found {
        all_minimal(all, |set| Ok((!works(set)).then(|| "no".to_owned()))).unwrap()
    }

    #[test]
    fn one_set_costs_a_run_for_each_capability_and_two_more_for_each_member() {
        let (all, set) = (bits(0xffff), bits(0b1010));
        let found = found(all, |given| set.is_subset(given));
        assert_eq!(found.minimal, [set]);
        // All, 14 that pass, 2 that fail twice, the set; the set again, 2 removals that fail twice.
        assert_eq!(found.runs, 1 + 14 + 2 * 2 + 1 + 1 + 2 * 2);
        assert_eq!(found.failed.len(), 4);
        assert_eq!(found.flaky, []);
    }

    #[test]
    fn a_program_that_never_works_is_an_error() {
        let why = all_minimal(bits(3), |_| Ok(Some("broken".to_owned()))).unwrap_err();
        assert_eq!(why, "fails even with everything: broken");
    }

    #[test]
    fn an_answer_that_changes_is_told_and_settled() {
        let mut runs = 0;
        let found = all_minimal(bits(1), |set| {
            runs += 1;
            // The first run without it fails by chance.
            Ok((set.is_empty() && runs == 2).then(|| "chance".to_owned()))
        })
        .unwrap();
        assert_eq!(found.minimal, [CapSet::EMPTY]);
        assert_eq!(found.flaky, [(CapSet::EMPTY, 3, 1)]);
    }

    #[test]
    fn nothing_hits_an_empty_set() {
        assert_eq!(hitting_sets(&[CapSet::EMPTY]), []);
        assert_eq!(hitting_sets(&[bits(0b11), bits(0b101)]), [bits(0b1), bits(0b110)]);
    }

    proptest! {
        /// For any monotone program, exactly the minimal ones of its alternatives are found.
        #[test]
        fn every_minimal_set_is_found(sets in prop::collection::vec(0u64..1 << 8, 1..5)) {
            let found = found(bits(0xff), |given| sets.iter().any(|s| bits(*s).is_subset(given)));
            let mut minimal: Vec<CapSet> = sets
                .iter()
                .filter(|s| !sets.iter().any(|o| o != *s && bits(*o).is_subset(bits(**s))))
                .map(|s| bits(*s))
                .collect();
            minimal.sort_by_key(|set| (set.len(), set.bits()));
            minimal.dedup();
            prop_assert_eq!(found.minimal, minimal);
        }
    }
}
