//! Which run goes on, and how each has ended.

use std::io::{IsTerminal, Write};

use caps::CapSet;
use fit::{Event, Trial};

use crate::ui::{DIM, GREEN, RED, Ui};

/// A line for each run on standard error; on a terminal also while it goes on.
pub(super) struct Progress<'a> {
    ui: &'a Ui,
    start: CapSet,
    number: usize,
    about: usize,
    live: bool,
}

impl<'a> Progress<'a> {
    pub(super) fn new(start: CapSet, ui: &'a Ui) -> Self {
        let live = std::io::stderr().is_terminal();
        Self { ui, start, number: 1, about: 1, live }
    }

    pub(super) fn show(&mut self, event: &Event<'_>) {
        if self.ui.quiet() {
            return;
        }
        match event {
            Event::Starting { number, about, purpose, again, .. } => {
                (self.number, self.about) = (*number, *about);
                if self.live {
                    let again = if *again { ", again" } else { "" };
                    let run = self.run();
                    let _ = write!(self.ui.err(), "\r{DIM}{run}{DIM:#}  {purpose}{again} …\x1b[K");
                }
            }
            Event::First(_) => {}
            Event::Ended(trial) => self.ended(trial),
        }
    }

    /// Nothing is left of a run that goes on no more.
    pub(super) fn clear(&self) {
        if self.live && !self.ui.quiet() {
            let _ = write!(self.ui.err(), "\r\x1b[K");
        }
    }

    /// `run  3 of about 12`; how many there will be is not known before the first.
    fn run(&self) -> String {
        let about = match self.about {
            0 | 1 => String::new(),
            about => format!(" of about {about}"),
        };
        format!("{:<18}", format!("run {:>2}{about}", self.number))
    }

    fn ended(&self, trial: &Trial) {
        self.clear();
        let mut what = trial.purpose.to_string();
        if self.ui.verbosity() > 0 && trial.set != self.start {
            what = format!("{what}: {}", trial.set);
        }
        let (style, word) = if trial.outcome.passed() { (GREEN, "works") } else { (RED, "fails") };
        let how = match (trial.again, trial.explained) {
            (true, _) => "again",
            (false, true) => "explained",
            _ => "",
        };
        let seconds = trial.took_ms as f64 / 1e3;
        let run = self.run();
        let line =
            format!("{DIM}{run}{DIM:#}  {what:<32} {style}{word}{style:#} {seconds:>5.2} s  {how}");
        let _ = writeln!(self.ui.err(), "{}", line.trim_end());
    }
}
