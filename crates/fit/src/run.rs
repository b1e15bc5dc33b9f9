//! Runs of a program under a set: who looks after them from outside.
//!
//! A thread of its own makes each run, in the place where it happens ([`crate::attempt`]); this side
//! stays where it is, attaches the tracer, listens to signals, and has the last word.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use caps::CapSet;
use observe::Observed;
use record::observation::Recording;
use sys::signal::{self, Blocked};
use trace::{Options, Scope, TraceError, Tracer};

use crate::attempt::{Around, Attempt, Orders, Said};
use crate::clock::{Going, Limit};
use crate::error::RunError;
use crate::hands::Hand;
use crate::output::Output;
use crate::overhead::Overhead;
use crate::place::Place;
use crate::program::Program;
use crate::test::{Asking, Tests};
use crate::trial::{Outcome, Ran, Runner};

/// How often the tracer and signals are looked after.
const TICK: Duration = Duration::from_millis(20);

/// The least that a hurried run gets, and how many times as long as one that passed.
const HURRY: (Duration, u32) = (Duration::from_secs(3), 10);

/// A failing run and its repeat go on beside each other, and no third one beside them ([`crate::beside`]).
pub(crate) const PAIR: u32 = 2;

/// What is run, how often, and what it must show.
#[derive(Debug)]
pub struct Job {
    /// The program.
    pub program: Program,
    /// What it must show.
    pub tests: Tests,
    /// What is done around each run.
    pub around: Around,
    /// A run has failed if it fails this many times more.
    pub retries: u32,
    /// Whether runs after one that passed get less time than [`Tests::timeout`]: ten times what the
    /// slowest that passed has taken of the machine's time, three seconds at least.
    pub hurry: bool,
}

/// Whether somebody has asked to stop.
#[derive(Debug, Clone)]
pub struct Stopped(pub(crate) Arc<AtomicBool>);

impl Stopped {
    /// Whether that is so.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs of one program, one at a time. While it is there, the signals that ask to stop are held back in
/// the thread that made it: they end the run that goes on, and [`Runs::when_stopped`] tells.
#[derive(Debug)]
pub struct Runs {
    job: Arc<Job>,
    place: Arc<Place>,
    tracer: Option<Tracer>,
    traces: bool,
    used: bool,
    signals: Arc<Blocked>,
    /// Ends the run that goes on.
    enough: Arc<AtomicBool>,
    /// How many make runs at a time, this one among them.
    jobs: u32,
    /// Whether the time of the last run was up.
    late: bool,
    overhead: Overhead,
    shared: Arc<Shared>,
}

/// What is known to all that make runs at a time.
#[derive(Debug, Default)]
struct Shared {
    stop: Arc<AtomicBool>,
    going: Going,
    /// The most of the machine's time that a run took that passed.
    slowest: Mutex<Option<Duration>>,
    read_only: Mutex<Vec<PathBuf>>,
    /// Whether one ended, as it is to, and left something that went on.
    left: AtomicBool,
}

impl Shared {
    fn slowest(&self) -> Option<Duration> {
        *self.slowest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_passed(&self, time: Duration) {
        let mut slowest = self.slowest.lock().unwrap_or_else(PoisonError::into_inner);
        *slowest = slowest.max(Some(time));
    }

    fn could_only_read(&self, points: Vec<PathBuf>) {
        let mut known = self.read_only.lock().unwrap_or_else(PoisonError::into_inner);
        for point in points {
            if !known.contains(&point) {
                known.push(point);
            }
        }
    }
}

impl Runs {
    /// Gets ready. To be made before any thread is started, in the thread that will use it. `tracer`
    /// sees what the program asks for; without one nothing is traced.
    ///
    /// # Errors
    /// If signals cannot be held back, which no kernel refuses.
    pub fn new(job: Job, place: Place, tracer: Option<Tracer>) -> io::Result<Self> {
        signal::default_child_signal();
        let signals = Arc::new(Blocked::new(signal::STOP)?);
        let traces = tracer.is_some();
        Ok(Self {
            job: Arc::new(job),
            place: Arc::new(place),
            tracer,
            traces,
            used: false,
            signals,
            enough: Arc::default(),
            jobs: 1,
            late: false,
            overhead: Overhead::default(),
            shared: Arc::default(),
        })
    }

    /// So many that make runs at a time, each with a tracer of its own, which it loads when it makes its
    /// first: for sandboxes, as runs on the machine as it is have the same files, ports and processes.
    /// This one makes no more: it tells of all of them.
    pub fn hands(&mut self, jobs: u8) -> Vec<Self> {
        let mut tracer = self.tracer.take();
        let hand = |_| Self {
            job: Arc::clone(&self.job),
            place: Arc::clone(&self.place),
            tracer: tracer.take(),
            traces: self.traces,
            used: false,
            signals: Arc::clone(&self.signals),
            enough: Arc::default(),
            jobs: jobs.into(),
            late: false,
            overhead: self.overhead,
            shared: Arc::clone(&self.shared),
        };
        (0..jobs).map(hand).collect()
    }

    /// What is run.
    #[must_use]
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// Whether what the program asks for is seen.
    #[must_use]
    pub fn traces(&self) -> bool {
        self.traces
    }

    /// Tells whether somebody has asked to stop: the last run may have been cut short then.
    #[must_use]
    pub fn when_stopped(&self) -> Stopped {
        Stopped(Arc::clone(&self.shared.stop))
    }

    fn stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed) || self.enough.load(Ordering::Relaxed)
    }

    /// Where nothing could be written in the sandboxes so far, though it can outside.
    #[must_use]
    pub fn read_only(&self) -> Vec<PathBuf> {
        self.shared.read_only.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the program, which is to end by itself, has done so and left something that went on where
    /// nothing did before, and was ended then: nothing is known of what that needs.
    #[must_use]
    pub fn left_something(&self) -> bool {
        self.shared.left.load(Ordering::Relaxed)
    }

    /// Asks the tests once while the program does not run.
    ///
    /// # Errors
    /// [`RunError::PassesWithout`] if they pass all the same; else as for a run.
    pub fn check_tests(&mut self) -> Result<(), RunError> {
        if !self.job.tests.tell_of_runs() {
            return Ok(());
        }
        let (output, _) = Output::new()?;
        let ground = self.place.fresh()?;
        let orders = self.orders(CapSet::EMPTY, &output, self.limit(), false);
        let (_say, said) = channel();
        let passed = thread::scope(|scope| {
            let worker = scope.spawn(move || {
                let _say = _say;
                orders.pass_without(&ground)
            });
            self.listen(&said);
            worker.join().map_err(|_| RunError::Panicked)?
        })?;
        if passed && !self.stopped() {
            return Err(RunError::PassesWithout { tests: self.job.tests.to_string() });
        }
        Ok(())
    }

    fn orders<'a>(
        &'a self,
        set: CapSet,
        output: &'a Output,
        limit: Limit,
        watched: bool,
    ) -> Orders<'a> {
        let Program { environment, folder, .. } = &self.job.program;
        let asking = Asking { environment, folder: folder.clone(), stop: &self.enough };
        Orders {
            program: &self.job.program,
            tests: Tests { timeout: limit.among(1), ..self.job.tests.clone() },
            around: &self.job.around,
            asking,
            output,
            set,
            limit,
            going: &self.shared.going,
            watched,
        }
    }

    /// How long a run has.
    fn limit(&self) -> Limit {
        let most = self.job.tests.timeout;
        match self.shared.slowest().filter(|_| self.job.hurry) {
            Some(slowest) => {
                Limit { least: HURRY.0.min(most), share: (slowest * HURRY.1).min(most) }
            }
            None => Limit::fixed(most),
        }
    }

    /// Waits until the other side says nothing more.
    fn listen(&self, said: &Receiver<Said>) {
        loop {
            match said.recv_timeout(TICK) {
                Err(RecvTimeoutError::Timeout) => self.hear_signals(),
                Err(RecvTimeoutError::Disconnected) => return,
                Ok(_) => {}
            }
        }
    }

    fn hear_signals(&self) {
        if matches!(self.signals.next(Some(Duration::ZERO)), Ok(Some(_))) {
            self.shared.stop.store(true, Ordering::Relaxed);
        }
        if self.stopped() {
            self.enough.store(true, Ordering::Relaxed);
        }
    }

    /// One run; with a tracer what it saw.
    fn once(
        &self,
        set: CapSet,
        limit: Limit,
        tracer: Option<&mut Tracer>,
    ) -> Result<(Attempt, Option<Recording>), RunError> {
        let _one = self.shared.going.one_more();
        let (output, ends) = Output::new()?;
        // Closed, it tells the reader that the run is over.
        let (until, running) = io::pipe()?;
        let ground = self.place.fresh()?;
        let orders = self.orders(set, &output, limit, tracer.is_some());
        let (say, said) = channel();
        let (go, hear) = channel();
        let (attempt, recording) = thread::scope(|scope| {
            scope.spawn(|| output.collect(&until));
            let ground = &ground;
            let worker = scope.spawn(move || orders.carry_out(ground, ends, &say, &hear));
            let recording = match tracer {
                Some(tracer) => self.watch(tracer, &said, go),
                None => {
                    self.listen(&said);
                    Ok(None)
                }
            };
            let attempt = worker.join().map_err(|_| RunError::Panicked);
            drop(running);
            (attempt, recording)
        });
        // What kept it from being traced is why the run ended.
        let recording = recording?;
        Ok((attempt??, recording))
    }

    /// Attaches the tracer to the program before its `execve` and looks after it until the tests have
    /// their answer. On an error `go` is dropped, upon which the run ends.
    fn watch(
        &self,
        tracer: &mut Tracer,
        said: &Receiver<Said>,
        go: Sender<()>,
    ) -> Result<Option<Recording>, TraceError> {
        let mut recording = None;
        let mut watching = false;
        loop {
            match said.recv_timeout(TICK) {
                Ok(Said::Held(pid)) => {
                    tracer.watch(Scope::held(pid, self.job.program.words()))?;
                    watching = true;
                }
                Ok(Said::Tested) => {
                    recording = Some(tracer.snapshot()?);
                    watching = false;
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.hear_signals();
                    if watching {
                        tracer.poll()?;
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(recording),
            }
            // If the other side is gone, its end is why.
            let _ = go.send(());
        }
    }
}

impl Runs {
    fn make(&mut self, set: CapSet, traced: bool) -> Result<Ran, RunError> {
        let mut tracer = match self.tracer.take() {
            None if traced && self.traces => Some(Tracer::load(options())?),
            tracer => tracer,
        };
        let mut ran = Err(RunError::Panicked);
        for attempt in 0..=self.job.retries {
            if let Some(tracer) = tracer.as_mut().filter(|_| traced) {
                if self.used {
                    tracer.again(options())?;
                }
                self.used = true;
            }
            let limit = self.limit();
            ran = self.once(set, limit, tracer.as_mut().filter(|_| traced));
            self.late = matches!(&ran, Ok((attempt, _)) if attempt.late);
            let over = !matches!(&ran, Ok((attempt, _)) if !attempt.outcome.passed());
            if over || attempt == self.job.retries || self.stopped() {
                break;
            }
        }
        self.tracer = tracer;
        let (attempt, recording) = ran?;
        self.shared.could_only_read(attempt.read_only);
        self.shared.left.fetch_or(attempt.left, Ordering::Relaxed);
        if attempt.outcome.passed() {
            // Nobody waits for what it was watched for.
            let tested = attempt.took.saturating_sub(self.job.tests.settle).as_secs_f64();
            let part = tested / attempt.took.as_secs_f64().max(f64::MIN_POSITIVE);
            self.shared.has_passed(attempt.share.mul_f64(part.clamp(0.0, 1.0)));
        }
        let outcome = match attempt.outcome {
            Outcome::Failed(_) if self.stopped() => Outcome::Failed("stopped".to_owned()),
            outcome => outcome,
        };
        let observed = recording.map(|recording| {
            // The stretch that the tests speak of is over; what still ran was ended. What it would have
            // done next is no gap in it.
            Observed::of(Recording { still_running: 0, ..recording })
        });
        Ok(Ran { outcome, observed, took: attempt.took })
    }
}

impl Runner for Runs {
    type Error = RunError;

    fn run(&mut self, set: CapSet, traced: bool) -> Result<Ran, RunError> {
        let begun = Instant::now();
        let ran = self.make(set, traced);
        self.overhead.count(begun, ran)
    }

    fn overhead(&self) -> Duration {
        self.overhead.of_one()
    }

    /// What is to end by itself fails by that, if nothing else is seen; what serves is waited for.
    fn patience(&self) -> Option<Duration> {
        (!self.job.tests.until_exit).then(|| self.limit().among(self.jobs.min(PAIR)))
    }
}

impl Hand for Runs {
    fn enough(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.enough)
    }

    fn was_late(&self) -> bool {
        self.late
    }
}

/// How runs are traced. Nobody judges meanwhile, so nothing is settled.
#[must_use]
pub fn options() -> Options {
    Options { settle: false, ..Options::default() }
}
