//! A crew of threads, each with a runner of its own.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Scope;
use std::time::Duration;

use caps::CapSet;

use crate::beside::{Crew, Done};
use crate::trial::Runner;

/// A runner that makes its runs in a thread of its own, while others make theirs.
pub trait Hand: Runner {
    /// What ends the run that goes on, once it is set. Whoever begins a run has unset it.
    fn enough(&self) -> Arc<AtomicBool>;

    /// Whether the last run failed because its time was up.
    fn was_late(&self) -> bool;
}

/// [`Runner::patience`] and [`Runner::overhead`].
type Pace = (Option<Duration>, Duration);

type Said<E> = Result<Result<Done, E>, Box<dyn Any + Send>>;

/// Threads, a hand in each. They end once this is dropped, and what they run with them.
#[derive(Debug)]
pub struct Hands<E> {
    each: Vec<Thread>,
    over: Receiver<(usize, Said<E>, Pace)>,
    pace: Pace,
}

#[derive(Debug)]
struct Thread {
    orders: Sender<(CapSet, bool)>,
    enough: Arc<AtomicBool>,
    /// Which run it makes.
    number: Option<u64>,
}

impl<E: Send> Hands<E> {
    /// Starts the threads.
    pub fn new<'scope, H>(scope: &'scope Scope<'scope, '_>, hands: Vec<H>) -> Self
    where
        H: Hand<Error = E> + Send + 'scope,
        E: 'scope,
    {
        let (say, over) = channel();
        let start = |(index, mut hand): (usize, H)| {
            let (orders, hear) = channel();
            let (enough, say) = (hand.enough(), say.clone());
            scope.spawn(move || {
                while let Ok((set, traced)) = hear.recv() {
                    let said = catch_unwind(AssertUnwindSafe(|| {
                        let ran = hand.run(set, traced)?;
                        let late = !ran.outcome.passed() && hand.was_late();
                        Ok(Done { ran, late })
                    }));
                    let pace = (hand.patience(), hand.overhead());
                    if say.send((index, said, pace)).is_err() {
                        return;
                    }
                }
            });
            Thread { orders, enough, number: None }
        };
        let each = hands.into_iter().enumerate().map(start).collect();
        Self { each, over, pace: Pace::default() }
    }
}

impl<E> Crew for Hands<E> {
    type Error = E;

    fn jobs(&self) -> usize {
        self.each.len()
    }

    fn begin(&mut self, number: u64, set: CapSet, traced: bool) {
        if let Some(idle) = self.each.iter_mut().find(|thread| thread.number.is_none()) {
            idle.number = Some(number);
            idle.enough.store(false, Ordering::Relaxed);
            // One that is gone has panicked, and that was told.
            let _ = idle.orders.send((set, traced));
        }
    }

    fn end(&mut self, number: u64) {
        for thread in self.each.iter().filter(|thread| thread.number == Some(number)) {
            thread.enough.store(true, Ordering::Relaxed);
        }
    }

    fn wait(&mut self) -> (u64, Result<Done, E>) {
        loop {
            let Ok((index, said, (patience, overhead))) = self.over.recv() else {
                // They end when this is dropped, not before.
                unreachable!("all threads have ended");
            };
            self.pace = (patience.or(self.pace.0), overhead);
            let result = said.unwrap_or_else(|panic| resume_unwind(panic));
            if let Some(number) = self.each[index].number.take() {
                return (number, result);
            }
        }
    }

    fn patience(&self) -> Option<Duration> {
        self.pace.0
    }

    fn overhead(&self) -> Duration {
        self.pace.1
    }
}

impl<E> Drop for Hands<E> {
    fn drop(&mut self) {
        for thread in &self.each {
            thread.enough.store(true, Ordering::Relaxed);
        }
    }
}
