//! Which changes are tried, in which order, and what is left of them.

use std::ops::ControlFlow;

use caps::CapSet;
use record::observation::Recording;
use record::zero::{Change, Held, Tried, Zero, ZeroRun};

use super::evidence::{self, Planned};
use super::folder::{self, Ground};
use crate::answer::Proof;
use crate::search::{Options, Rigour, fit};
use crate::trial::{Outcome, Ran, Runner};

/// So often a failing run may add to the changes.
const ROUNDS: usize = 8;
/// `EPERM`.
const NOT_PERMITTED: i64 = -1;
/// So many files that an emptyDir hides are named.
const NAMED: usize = 3;

/// Who can run the program with changes. Every run starts from the same state, as with [`Runner`].
pub trait Trials {
    /// Why a run could not be made at all.
    type Error;

    /// Runs it once with these changes, under exactly `set`; traced, with every call that fails.
    ///
    /// # Errors
    /// [`Trials::Error`]. A test that fails is none.
    fn run(&mut self, changes: &[Change], set: CapSet) -> Result<Ran, Self::Error>;
}

/// How it goes without any change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Today {
    /// It works, and needs this, as runs have shown.
    Needs(CapSet),
    /// It fails whatever is added: it is not root, so that nothing of that takes effect.
    Fails,
}

impl Today {
    /// What of a list it needs.
    fn set(self) -> CapSet {
        match self {
            Self::Needs(set) => set,
            Self::Fails => CapSet::EMPTY,
        }
    }
}

/// What the way to zero begins with.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// What was seen in the first run.
    pub first: &'a Recording,
    /// What that came to.
    pub today: Today,
    /// What it was given in that run.
    pub start: CapSet,
    /// What the run without changes and without any capability would say; `None` if that is not known.
    pub without: Option<String>,
    /// The container.
    pub ground: Ground,
    /// The test in words.
    pub test: String,
    /// Whether what passes is run again at the end, and failures are repeated.
    pub rigour: Rigour,
}

/// What whoever watches is told. [`ControlFlow::Break`] stops it.
#[derive(Debug)]
pub enum Event<'e> {
    /// A run is about to begin, with these changes and this set.
    Starting(&'e [Change], CapSet),
    /// It has ended.
    Ended(&'e ZeroRun),
}

/// Why it does not go on.
enum Halt<E> {
    Stopped,
    Failed(E),
}

/// Looks for changes with which it needs no capability, as few as may be; `None` if it was stopped.
///
/// # Errors
/// Whatever could not be run.
pub fn search<T: Trials>(
    trials: &mut T,
    asked: &Asked<'_>,
    watch: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<Option<Zero>, T::Error> {
    let plan = evidence::plan(asked.first, asked.today, &asked.ground);
    let mut way = Way {
        trials,
        asked,
        watch,
        planned: plan.changes,
        zero: Zero {
            test: asked.test.clone(),
            reached: false,
            changes: Vec::new(),
            remains: match asked.today {
                Today::Needs(set) => set,
                Today::Fails => evidence::refused(asked.first),
            },
            in_the_way: Vec::new(),
            doubts: Vec::new(),
            remarks: plan.remarks,
            recorded: None,
            runs: Vec::new(),
        },
    };
    match way.go() {
        Ok(()) => {
            // Whom it is first, then what it is given.
            way.zero.changes.sort();
            Ok(Some(way.zero))
        }
        Err(Halt::Stopped) => Ok(None),
        Err(Halt::Failed(error)) => Err(error),
    }
}

struct Way<'a, T> {
    trials: &'a mut T,
    asked: &'a Asked<'a>,
    watch: &'a mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    planned: Vec<Planned>,
    zero: Zero,
}

impl<T: Trials> Way<'_, T> {
    fn go(&mut self) -> Result<(), Halt<T::Error>> {
        let mut last = None;
        for _ in 0..ROUNDS {
            // What nobody knows to fail is worth a run: it says what is refused.
            let ran = self.run(&self.changes(), CapSet::EMPTY)?;
            if ran.outcome.passed() {
                return self.reached(ran);
            }
            let added = self.add(&ran);
            last = Some(ran);
            if !added {
                break;
            }
        }
        match last {
            Some(ran) => self.not_reached(&ran),
            None => Ok(()),
        }
    }

    fn changes(&self) -> Vec<Change> {
        self.planned.iter().map(|one| one.change.clone()).collect()
    }

    fn run(&mut self, changes: &[Change], set: CapSet) -> Result<Ran, Halt<T::Error>> {
        if (self.watch)(Event::Starting(changes, set)).is_break() {
            return Err(Halt::Stopped);
        }
        let ran = self.trials.run(changes, set).map_err(Halt::Failed)?;
        let run = as_run(changes, set, &ran);
        // What is cut short because somebody stops it says nothing.
        if (self.watch)(Event::Ended(&run)).is_break() {
            return Err(Halt::Stopped);
        }
        self.zero.runs.push(run);
        Ok(ran)
    }

    /// What the failing run asks for beside what is planned.
    fn add(&mut self, ran: &Ran) -> bool {
        let Some(observed) = &ran.observed else { return false };
        let (recording, ground) = (&observed.recording, &self.asked.ground);
        let sysctls = match ground.own_network {
            true => evidence::refused_sysctls(recording),
            false => Vec::new(),
        };
        let mut added = false;
        for new in sysctls {
            let known = self.planned.iter_mut().find(|one| one.change.replaces(&new.change));
            match known {
                Some(known) if known.change == new.change => continue,
                Some(known) => *known = new,
                None => self.planned.push(new),
            }
            added = true;
        }
        if added {
            return true;
        }
        let Some(folder) = folder::wanted(recording, &self.changes(), ground) else { return false };
        let change = match folder.is_claim {
            true => match self.group().or_else(|| self.user()) {
                Some(group) => Change::FsGroup { group },
                None => return false,
            },
            false => {
                let fs_group = ground.fs_group.or_else(|| self.group());
                Change::EmptyDir { path: folder.path, fs_group }
            }
        };
        self.planned.push(Planned { change, removes: CapSet::EMPTY, why: folder.why });
        true
    }

    /// The group that it is to start in.
    fn group(&self) -> Option<u32> {
        self.planned.iter().find_map(|one| match one.change {
            Change::User { group, .. } => group,
            Change::FsGroup { group } => Some(group),
            _ => None,
        })
    }

    /// As whom it starts: as good a number of a group as any.
    fn user(&self) -> Option<u32> {
        let planned = self.planned.iter().find_map(|one| match one.change {
            Change::User { user, .. } => Some(user),
            _ => None,
        });
        planned.or(self.asked.ground.user)
    }

    /// Leaves each change out once, and for good if it passes without.
    fn reached(&mut self, mut passing: Ran) -> Result<(), Halt<T::Error>> {
        let mut order: Vec<Planned> = self.planned.clone();
        // What changes least goes last: of two that would do, the folders go first.
        order.sort_by_key(|one| match one.change {
            Change::EmptyDir { .. } | Change::FsGroup { .. } => 0,
            Change::User { .. } => 1,
            Change::Sysctl { .. } | Change::Port { .. } => 2,
        });
        let mut kept = self.changes();
        for one in order {
            let less: Vec<Change> = kept.iter().filter(|c| **c != one.change).cloned().collect();
            let said = match self.known_to_fail(&less) {
                Some(said) => Some(said),
                None => {
                    let ran = self.run(&less, CapSet::EMPTY)?;
                    match ran.outcome.clone() {
                        Outcome::Passed => {
                            passing = ran;
                            None
                        }
                        Outcome::Failed(said) => Some(said),
                    }
                }
            };
            let result = match said {
                Some(_) => Held::Holds,
                None => {
                    kept = less;
                    Held::NotNeeded
                }
            };
            self.tried(&one, result, said);
        }
        if self.asked.rigour == Rigour::Proven
            && let Outcome::Failed(said) = self.run(&kept, CapSet::EMPTY)?.outcome
        {
            self.flaky(&said);
            return Ok(());
        }
        self.doubt(&passing, &kept)?;
        self.zero.reached = true;
        self.zero.remains = CapSet::EMPTY;
        Ok(())
    }

    /// What the run that passed did otherwise than one as it was: the test does not notice.
    fn doubt(&mut self, passing: &Ran, kept: &[Change]) -> Result<(), Halt<T::Error>> {
        let Some(observed) = &passing.observed else { return Ok(()) };
        let (now, ground) = (&observed.recording, &self.asked.ground);
        let mut lines = folder::otherwise(self.asked.first, now, kept, ground);
        if self.asked.today == Today::Fails {
            // It has never gone so far: only what an emptyDir hides may be otherwise.
            let hidden = folder::not_found(now, kept, ground);
            lines.retain(|line| hidden.iter().any(|path| line.contains(path.as_str())));
        } else if !lines.is_empty() {
            // The first run need not have kept every call that fails: once more, for these.
            let whole = self.run(&[], self.asked.start)?;
            if let Some(whole) = &whole.observed {
                lines = folder::otherwise(&whole.recording, now, kept, ground);
            }
        }
        let is_new = |path: &String| {
            lines.iter().any(|line| line.contains(path.as_str()) && line.ends_with("emptyDir"))
        };
        let mut hidden = folder::not_found(now, kept, ground);
        hidden.retain(is_new);
        self.zero.remarks.extend(hides(&hidden));
        self.zero.doubts = lines;
        Ok(())
    }

    /// What passed fails now: nothing is claimed.
    fn flaky(&mut self, said: &str) {
        for one in &mut self.zero.changes {
            one.result = Held::Fails;
            one.said = Some(said.to_owned());
        }
        let remark = "it passed without any capability once, and failed with the same changes: the \
                      test gives two answers";
        self.zero.remarks.push(remark.to_owned());
    }

    /// What a run with exactly these changes said that failed without a capability.
    fn known_to_fail(&self, changes: &[Change]) -> Option<String> {
        if let (true, Some(said)) = (changes.is_empty(), &self.asked.without) {
            return Some(said.clone());
        }
        let same = |run: &&ZeroRun| {
            !run.passed && run.capabilities.is_empty() && is_same(&run.changes, changes)
        };
        self.zero.runs.iter().find(same).map(|run| run.said.clone().unwrap_or_default())
    }

    fn tried(&mut self, one: &Planned, result: Held, said: Option<String>) {
        let Planned { change, removes, why } = one.clone();
        self.zero.changes.push(Tried { change, removes, why, result, said });
    }

    /// All of them together fail: what is in the way, and what those do that leave its user alone.
    fn not_reached(&mut self, ran: &Ran) -> Result<(), Halt<T::Error>> {
        let said = match &ran.outcome {
            Outcome::Failed(said) => said.clone(),
            Outcome::Passed => String::new(),
        };
        let changes = self.changes();
        if let Some(observed) = &ran.observed {
            self.zero.in_the_way = refused(observed);
            let hidden = folder::not_found(&observed.recording, &changes, &self.asked.ground);
            self.zero.remarks.extend(hides(&hidden));
        }
        let is_alone =
            |one: &&Planned| matches!(one.change, Change::Sysctl { .. } | Change::Port { .. });
        let alone: Vec<Planned> = self.planned.iter().filter(is_alone).cloned().collect();
        let removed = alone.iter().fold(CapSet::EMPTY, |all, one| all | one.removes);
        let set = self.asked.today.set();
        let remains = match (removed & set).is_empty() {
            true => None,
            false => self.without(&alone, set - removed)?,
        };
        for one in self.planned.clone() {
            let holds = remains.is_some() && alone.contains(&one);
            let (result, said) = match holds {
                true => (Held::Holds, None),
                false => (Held::Fails, Some(said.clone())),
            };
            self.tried(&one, result, said);
        }
        if let Some(remains) = remains {
            self.zero.remains = remains;
        }
        Ok(())
    }

    /// What it needs with these changes alone, of `start`; `None` if that does not do.
    fn without(
        &mut self,
        changes: &[Planned],
        start: CapSet,
    ) -> Result<Option<CapSet>, Halt<T::Error>> {
        let changes: Vec<Change> = changes.iter().map(|one| one.change.clone()).collect();
        let options = Options { rigour: self.asked.rigour, ..Options::default() };
        let mut under = Under { way: self, changes: &changes };
        // Who watches is told of each run, and stops it there.
        let answer = fit(&mut under, start, options, |_| ControlFlow::Continue(()))?;
        let shown = matches!(answer.proof, Proof::Proven | Proof::Explained | Proof::Passed);
        Ok(shown.then_some(answer.set))
    }
}

/// Runs with some changes, as the search for a minimum makes them.
struct Under<'w, 'a, T> {
    way: &'w mut Way<'a, T>,
    changes: &'w [Change],
}

impl<T: Trials> Runner for Under<'_, '_, T> {
    type Error = Halt<T::Error>;

    fn run(&mut self, set: CapSet, _traced: bool) -> Result<Ran, Self::Error> {
        self.way.run(self.changes, set)
    }
}

fn as_run(changes: &[Change], set: CapSet, ran: &Ran) -> ZeroRun {
    ZeroRun {
        changes: changes.to_vec(),
        capabilities: set,
        passed: ran.outcome.passed(),
        said: match &ran.outcome {
            Outcome::Passed => None,
            Outcome::Failed(said) => Some(said.clone()),
        },
        duration_ms: u64::try_from(ran.took.as_millis()).unwrap_or(u64::MAX),
    }
}

fn is_same(one: &[Change], other: &[Change]) -> bool {
    one.len() == other.len() && one.iter().all(|change| other.contains(change))
}

/// What failed for want of a capability, in words; also what a seccomp profile refused in its place, as those
/// of engines do with calls for which the container has no capability.
fn refused(observed: &observe::Observed) -> Vec<String> {
    let uses = observed.judgement.requirements.iter().flat_map(|requirement| &requirement.uses);
    let failed = uses.filter(|seen| {
        seen.refused > 0 && matches!(seen.returned.as_deref(), Some("EPERM" | "EACCES"))
    });
    let mut lines: Vec<String> = failed.map(|seen| seen.line()).collect();
    let checked = |name: &str| {
        let mut calls = observed.recording.observations.iter().filter_map(|o| o.syscall.as_ref());
        calls.any(|call| evidence::name(call) == name)
    };
    for failure in &observed.recording.failures {
        let name = evidence::name(&failure.syscall);
        if failure.result == NOT_PERMITTED && !name.is_empty() && !checked(name) {
            let path = failure.syscall.path.as_ref().map(|path| format!(" {path}"));
            lines.push(format!(
                "{name}{}: EPERM, no capability asked for",
                path.unwrap_or_default()
            ));
        }
    }
    lines.dedup();
    lines
}

/// An emptyDir hides what the image has in that folder.
fn hides(files: &[String]) -> Option<String> {
    if files.is_empty() {
        return None;
    }
    let mut names = files.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if files.len() > NAMED {
        names.push_str(&format!(" and {} more", files.len() - NAMED));
    }
    Some(format!(
        "{names}: not there, and below an emptyDir that was tried, which hides what the image has: give \
         the folder to the user in the image (RUN chown) instead"
    ))
}

#[cfg(test)]
mod tests;
