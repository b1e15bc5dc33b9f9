//! Waiting for a command in place of whoever started us: signals go on to it, its end comes back.

use std::time::Duration;

use sys::process::Exit;
use sys::signal::{self, Blocked};

use crate::child::Child;
use crate::error::LaunchError;

/// Signals to this process are held back from now on, for [`Forwarding::wait`] to pass on. To be
/// made before the command is started, so that none is lost, in a program's main thread before
/// other threads are started: those would still take them.
#[derive(Debug)]
pub struct Forwarding {
    blocked: Blocked,
}

impl Forwarding {
    /// Holds back the signals of [`sys::signal::FORWARDED`].
    ///
    /// # Errors
    /// [`LaunchError::Io`] if the kernel refuses, which it does not.
    pub fn new() -> Result<Self, LaunchError> {
        signal::default_child_signal();
        let held_back = signal::FORWARDED.into_iter().chain([signal::CHILD]);
        let failed = |source| LaunchError::Io { what: "hold signals back", source };
        Ok(Self { blocked: Blocked::new(held_back).map_err(failed)? })
    }

    /// Waits for the command's end, and passes on to it every signal that comes meanwhile. What a
    /// key on the terminal sends (Ctrl-C, Ctrl-\, a change of size) the kernel has sent to the
    /// command too, if it shares our process group; it is not sent twice.
    ///
    /// # Errors
    /// [`LaunchError::Io`] if the command cannot be waited for.
    pub fn wait(&self, child: &mut Child) -> Result<Exit, LaunchError> {
        loop {
            if let Some(exit) = self.wait_for(child, None)? {
                return Ok(exit);
            }
        }
    }

    /// As [`Forwarding::wait`], until a signal came or at most so long: `None` if the command still
    /// runs. For a caller that has something else to look after; call it again.
    ///
    /// # Errors
    /// [`LaunchError::Io`] if the command cannot be waited for.
    pub fn wait_for(
        &self,
        child: &mut Child,
        limit: Option<Duration>,
    ) -> Result<Option<Exit>, LaunchError> {
        if let Some(exit) = child.try_wait()? {
            return Ok(Some(exit));
        }
        let failed = |source| LaunchError::Io { what: "wait for a signal", source };
        if let Some(received) = self.blocked.next(limit).map_err(failed)? {
            let by_key = received.sender.is_none() && signal::BY_KEY.contains(&received.signal);
            if received.signal != signal::CHILD && (!by_key || child.leads_group()) {
                // It may have ended meanwhile: then there is nobody to tell.
                let _ = child.signal(received.signal);
            }
        }
        child.try_wait()
    }

    /// Once there is no command left to pass signals on to: whether one came that asks us to stop,
    /// within this time.
    ///
    /// # Errors
    /// [`LaunchError::Io`] if signals cannot be waited for.
    pub fn stopped(&self, limit: Duration) -> Result<bool, LaunchError> {
        let failed = |source| LaunchError::Io { what: "wait for a signal", source };
        let received = self.blocked.next(Some(limit)).map_err(failed)?;
        Ok(received.is_some_and(|r| signal::STOP.contains(&r.signal)))
    }
}
