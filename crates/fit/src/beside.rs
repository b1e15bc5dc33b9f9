//! Runs side by side, asked for one by one.
//!
//! A search asks for one run after the other, and says which it will most likely ask for next: these
//! begin meanwhile. What it then asks for is there, or waited for. What it does not ask for is ended at
//! once and thrown away: it is among no trials, and in no answer.
//!
//! Two things hold as if one run were made after the other. A failure and its repeat follow each other,
//! whatever counts runs from outside and wherever in them: the two may go on side by side, but no third
//! one goes on beside either of them, also none that is thrown away ([`crate::proof`]). And what shares
//! the machine may only have been slow: a run whose time was up while others went on is made again
//! alone, if whoever asked for it wants that ([`Runner::alone`]).

use std::collections::BTreeSet;
use std::time::Duration;

use caps::CapSet;

use crate::trial::{Next, Ran, Runner};

/// Who makes several runs at a time.
pub trait Crew {
    /// Why a run could not be made.
    type Error;

    /// How many at a time.
    fn jobs(&self) -> usize;

    /// Begins one, under a number by which it is known from now on. Called only while fewer than
    /// [`Crew::jobs`] go on.
    fn begin(&mut self, number: u64, set: CapSet, traced: bool);

    /// Ends one early. [`Crew::wait`] still tells of it, and what it came to says nothing.
    fn end(&mut self, number: u64);

    /// Waits until one of those that go on is over. Called only while one does.
    fn wait(&mut self) -> (u64, Result<Done, Self::Error>);

    /// [`Runner::patience`].
    fn patience(&self) -> Option<Duration> {
        None
    }

    /// [`Runner::overhead`].
    fn overhead(&self) -> Duration {
        Duration::ZERO
    }
}

/// A run that is over.
#[derive(Debug, Clone)]
pub struct Done {
    /// What it showed.
    pub ran: Ran,
    /// Whether it failed because its time was up.
    pub late: bool,
}

/// A [`Runner`] that makes several runs at a time, by a crew.
#[derive(Debug)]
pub struct SideBySide<C: Crew> {
    crew: C,
    /// What will be asked for, the first at once.
    next: Vec<Next>,
    /// What goes on, and what is over and not asked for yet.
    runs: Vec<Begun<C::Error>>,
    /// How many were begun: the number of the last.
    begun: u64,
    thrown: usize,
    last: Option<Last>,
}

#[derive(Debug)]
struct Begun<E> {
    number: u64,
    set: CapSet,
    traced: bool,
    /// Which others went on beside it, at any time.
    beside: BTreeSet<u64>,
    /// Whether it and one of the same set are to follow each other.
    paired: bool,
    /// Whether anybody may still ask for it.
    wanted: bool,
    over: Option<Result<Done, E>>,
}

/// The run that was asked for last.
#[derive(Debug, Clone)]
struct Last {
    number: u64,
    set: CapSet,
    traced: bool,
    again: bool,
    /// Which others went on beside it.
    beside: BTreeSet<u64>,
    /// Its time was up, and others went on beside it.
    hindered: bool,
    /// It was made alone for that reason.
    alone: bool,
}

impl<C: Crew> SideBySide<C> {
    /// With this crew.
    pub fn new(crew: C) -> Self {
        Self { crew, next: Vec::new(), runs: Vec::new(), begun: 0, thrown: 0, last: None }
    }

    /// How many runs were begun for nothing so far.
    #[must_use]
    pub fn thrown(&self) -> usize {
        let kept = self.runs.iter().filter(|run| run.wanted).count();
        self.thrown + kept
    }

    fn busy(&self) -> usize {
        self.runs.iter().filter(|run| run.over.is_none()).count()
    }

    /// Begins one, once there is room: beside none but `before`, if it is one of two that follow each other.
    fn begin(&mut self, set: CapSet, traced: bool, paired: bool, before: Option<u64>) -> u64 {
        while self.busy() >= self.crew.jobs().max(1) || !self.may_begin(paired, before) {
            self.wait();
        }
        self.begun += 1;
        let number = self.begun;
        let mut beside = BTreeSet::new();
        for run in self.runs.iter_mut().filter(|run| run.over.is_none()) {
            run.beside.insert(number);
            beside.insert(run.number);
        }
        self.runs.push(Begun { number, set, traced, beside, paired, wanted: true, over: None });
        self.crew.begin(number, set, traced);
        number
    }

    /// Whether one may begin beside those that go on. `before` is what it is to follow.
    fn may_begin(&self, paired: bool, before: Option<u64>) -> bool {
        let mut going = self.runs.iter().filter(|run| run.over.is_none());
        going.all(|run| Some(run.number) == before || !(paired || run.paired))
    }

    fn wait(&mut self) {
        let (number, result) = self.crew.wait();
        if let Some(at) = self.runs.iter().position(|run| run.number == number) {
            if self.runs[at].wanted {
                self.runs[at].over = Some(result);
            } else {
                self.runs.swap_remove(at);
            }
        }
    }

    /// Nobody will ask for it.
    fn throw_away(&mut self, at: usize) {
        self.thrown += 1;
        self.runs[at].wanted = false;
        if self.runs[at].over.is_some() {
            self.runs.swap_remove(at);
        } else {
            self.crew.end(self.runs[at].number);
        }
    }

    /// Which of the runs that were begun is each of those that will be asked for. Others are thrown away.
    fn claim(&mut self, next: &[Next], traced: bool, last: Option<&Last>) -> Vec<Option<u64>> {
        let mut claims: Vec<Option<u64>> = Vec::new();
        for one in next {
            let before = match claims.last() {
                Some(before) => before.and_then(|number| self.beside(number)),
                None => last.map(|last| (last.number, &last.beside)),
            };
            let serves = |run: &&Begun<C::Error>| {
                run.wanted
                    && (run.set, run.traced) == (one.set, traced)
                    && !claims.contains(&Some(run.number))
                    && (!one.again || before.is_some_and(|before| follows(run, before)))
            };
            let found = self.runs.iter().filter(serves).map(|run| run.number).min();
            claims.push(found);
        }
        let unclaimed = |run: &Begun<C::Error>| run.wanted && !claims.contains(&Some(run.number));
        while let Some(at) = self.runs.iter().position(unclaimed) {
            self.throw_away(at);
        }
        claims
    }

    /// A run that was begun, and those beside it.
    fn beside(&self, number: u64) -> Option<(u64, &BTreeSet<u64>)> {
        let run = self.runs.iter().find(|run| run.number == number)?;
        Some((number, &run.beside))
    }

    /// Begins what will be asked for later, in its order, as long as there is room.
    fn fill(&mut self, next: &[Next], claims: &mut [Option<u64>], traced: bool) {
        for at in 0..next.len() {
            if self.busy() >= self.crew.jobs() {
                return;
            }
            if claims[at].is_some() {
                continue;
            }
            let before = at.checked_sub(1).and_then(|at| claims[at]).filter(|_| next[at].again);
            if next[at].again && before != Some(self.begun) {
                // Another has begun in between: made when it is asked for.
                continue;
            }
            let paired = is_paired(next, at);
            if !self.may_begin(paired, before) {
                return;
            }
            claims[at] = Some(self.begin(next[at].set, traced, paired, before));
        }
    }

    fn take(&mut self, number: u64) -> Option<Begun<C::Error>> {
        let over = |run: &Begun<C::Error>| run.number == number && run.over.is_some();
        self.runs.iter().position(over).map(|at| self.runs.swap_remove(at))
    }

    /// Begins a run once no other goes on, and waits for its end; none begins meanwhile.
    fn one(&mut self, set: CapSet, traced: bool) -> Begun<C::Error> {
        self.until_idle();
        let number = self.begin(set, traced, true, None);
        loop {
            match self.take(number) {
                Some(run) => return run,
                None => self.wait(),
            }
        }
    }

    /// One that begins right after another of the same set, which fails, too: unless that one passes.
    fn two_in_a_row(&mut self, set: CapSet, traced: bool) -> Begun<C::Error> {
        let one = self.one(set, traced);
        if !matches!(&one.over, Some(Ok(done)) if !done.ran.outcome.passed()) {
            return one;
        }
        self.thrown += 1;
        self.one(set, traced)
    }

    fn until_idle(&mut self) {
        while self.busy() > 0 {
            self.wait();
        }
    }

    /// This one it is.
    fn tell(
        &mut self,
        run: Begun<C::Error>,
        again: bool,
        alone: bool,
    ) -> Option<Result<Ran, C::Error>> {
        let Begun { number, set, traced, beside, over, .. } = run;
        let over = over?;
        let late = over.as_ref().is_ok_and(|done| done.late);
        let hindered = late && !beside.is_empty();
        self.last = Some(Last { number, set, traced, again, beside, hindered, alone });
        Some(over.map(|done| done.ran))
    }
}

/// Whether one follows another, which ran beside these: no third one was beside either of them.
fn follows<E>(run: &Begun<E>, (before, beside): (u64, &BTreeSet<u64>)) -> bool {
    run.number == before + 1
        && beside.iter().all(|other| *other == run.number)
        && run.beside.iter().all(|other| *other == before)
}

/// Whether that one, or the next, repeats the other of them.
fn is_paired(next: &[Next], at: usize) -> bool {
    next[at].again || next.get(at + 1).is_some_and(|next| next.again)
}

impl<C: Crew> Runner for SideBySide<C> {
    type Error = C::Error;

    fn run(&mut self, set: CapSet, traced: bool) -> Result<Ran, C::Error> {
        let mut next = std::mem::take(&mut self.next);
        if next.first().is_none_or(|next| next.set != set) {
            next = vec![Next { set, again: false }];
        }
        let last = self.last.clone().filter(|last| next[0].again && last.set == set);
        next[0].again = last.is_some();
        let mut claims = self.claim(&next, traced, last.as_ref());
        loop {
            let run = match (claims[0], &last) {
                (Some(number), _) => self.take(number),
                (None, Some(last)) => {
                    Some(match last.number == self.begun && last.beside.is_empty() {
                        true => self.one(set, traced),
                        false => self.two_in_a_row(set, traced),
                    })
                }
                (None, None) => {
                    claims[0] = Some(self.begin(set, traced, is_paired(&next, 0), None));
                    None
                }
            };
            let alone = last.as_ref().is_some_and(|last| last.alone);
            if let Some(result) = run.and_then(|run| self.tell(run, next[0].again, alone)) {
                return result;
            }
            self.fill(&next, &mut claims, traced);
            self.wait();
        }
    }

    fn ahead(&mut self, next: &[Next], _traced: bool) {
        self.next = next.to_vec();
    }

    fn alone(&mut self) -> Result<Option<Ran>, C::Error> {
        let Some(last) = self.last.clone().filter(|last| last.hindered) else { return Ok(None) };
        self.thrown += 1;
        let run = match last.again {
            true => self.two_in_a_row(last.set, last.traced),
            false => self.one(last.set, last.traced),
        };
        self.tell(run, last.again, true).transpose()
    }

    fn patience(&self) -> Option<Duration> {
        self.crew.patience()
    }

    fn overhead(&self) -> Duration {
        self.crew.overhead()
    }

    fn jobs(&self) -> usize {
        self.crew.jobs()
    }
}
