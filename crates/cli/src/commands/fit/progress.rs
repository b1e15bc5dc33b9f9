//! Which run goes on, and how each has ended.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use caps::CapSet;
use fit::{Event, Trial};

use crate::ui::{DIM, GREEN, RED, Ui};

/// How long there must be left, and how long nothing have been said of it, where lines stay.
const WORTH: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(30));

/// A line for each run on standard error; on a terminal also while it goes on.
pub(super) struct Progress<'a> {
    ui: &'a Ui,
    start: CapSet,
    number: usize,
    about: usize,
    live: bool,
    /// When it was said last how long it takes.
    said: Option<Instant>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(start: CapSet, ui: &'a Ui) -> Self {
        let live = std::io::stderr().is_terminal();
        Self { ui, start, number: 1, about: 1, live, said: None }
    }

    pub(super) fn show(&mut self, event: &Event<'_>) {
        if self.ui.quiet() {
            return;
        }
        match event {
            Event::Starting { number, about, left, purpose, again, .. } => {
                (self.number, self.about) = (*number, *about);
                let left = left.unwrap_or_default();
                if self.live {
                    let again = if *again { ", again" } else { "" };
                    let run = self.run();
                    let left = remaining(left).map(|left| format!("  {left}")).unwrap_or_default();
                    let _ = write!(
                        self.ui.err(),
                        "\r{DIM}{run}{DIM:#}  {purpose}{again} …{DIM}{left}{DIM:#}\x1b[K"
                    );
                } else if left >= WORTH.0 && self.said.is_none_or(|at| at.elapsed() >= WORTH.1) {
                    self.said = Some(Instant::now());
                    let left = remaining(left).unwrap_or_default();
                    let _ = writeln!(self.ui.err(), "{DIM}{:<18}  {left}{DIM:#}", "");
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

/// `about 20 s left`: no more exactly than it can be known; `None` if that is next to nothing.
fn remaining(left: Duration) -> Option<String> {
    let seconds = left.as_secs_f64();
    let to = |unit: f64| ((seconds / unit).round() * unit) as u64;
    let (number, unit) = match seconds {
        s if s < 2.0 => return None,
        s if s < 19.5 => (to(1.0), "s"),
        s if s < 57.5 => (to(5.0), "s"),
        s if s < 570.0 => (to(60.0) / 60, "min"),
        s if s < 3300.0 => (to(600.0) / 60, "min"),
        _ => (to(3600.0) / 3600, "h"),
    };
    Some(format!("about {number} {unit} left"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_said_without_false_precision() {
        let said = |seconds: f64| remaining(Duration::from_secs_f64(seconds)).unwrap_or_default();
        for (seconds, expected) in [
            (1.9, ""),
            (2.0, "about 2 s left"),
            (7.4, "about 7 s left"),
            (14.9, "about 15 s left"),
            (23.0, "about 25 s left"),
            (57.4, "about 55 s left"),
            (57.5, "about 1 min left"),
            (89.0, "about 1 min left"),
            (569.0, "about 9 min left"),
            (570.0, "about 10 min left"),
            (1600.0, "about 30 min left"),
            (3300.0, "about 1 h left"),
            (9000.0, "about 3 h left"),
        ] {
            assert_eq!(said(seconds), expected, "{seconds}");
        }
    }
}
