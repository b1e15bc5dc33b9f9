//! A child that runs: waiting with a limit, and reading what it prints meanwhile.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags};

use crate::process::{Exit, try_wait, wait};
use crate::signal;

/// A child of this process, not yet reaped as long as `exit` is `None`.
#[derive(Debug)]
pub struct Running {
    pid: Pid,
    leads_group: bool,
    exit: Option<Exit>,
}

/// A stream of a child, and what was read of it so far.
#[derive(Debug, Default)]
pub struct Stream {
    /// Our end; `None` at the end of the stream.
    pub from: Option<File>,
    /// What came.
    pub read: Vec<u8>,
}

impl Running {
    /// A child that was forked by this process; `leads_group` if it leads its own process group.
    #[must_use]
    pub fn new(pid: Pid, leads_group: bool) -> Self {
        Self { pid, leads_group, exit: None }
    }

    /// Its process ID.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// Whether it leads a process group of its own.
    #[must_use]
    pub fn leads_group(&self) -> bool {
        self.leads_group
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// ECHILD if somebody else reaped it.
    pub fn wait(&mut self) -> io::Result<Exit> {
        match self.exit {
            Some(exit) => Ok(exit),
            None => Ok(*self.exit.insert(wait(self.pid)?)),
        }
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// ECHILD if somebody else reaped it.
    pub fn try_wait(&mut self) -> io::Result<Option<Exit>> {
        if self.exit.is_none() {
            self.exit = try_wait(self.pid)?;
        }
        Ok(self.exit)
    }

    /// Sends a signal to it, or to its process group if it leads one. After its end: nothing to do.
    ///
    /// # Errors
    /// What kill(2) says.
    pub fn send(&self, number: i32) -> io::Result<()> {
        match (self.exit, self.leads_group) {
            // Reaped: the ID may belong to another process by now.
            (Some(_), _) => Ok(()),
            (None, true) => signal::send_to_group(self.pid, number),
            (None, false) => signal::send(self.pid, number),
        }
    }

    /// Reads both streams until it ends, then what is left in them; stops at the deadline with
    /// `None`. A descendant that keeps a stream open does not hold this up; with `whole_group`, what
    /// is left of the process group that it leads is killed at its end.
    ///
    /// # Errors
    /// What poll(2), pidfd_open(2) or read(2) say.
    pub fn read_to_end(
        &mut self,
        streams: &mut [Stream; 2],
        deadline: Option<Instant>,
        whole_group: bool,
    ) -> io::Result<Option<Exit>> {
        for stream in streams.iter().filter_map(|s| s.from.as_ref()) {
            rustix::io::ioctl_fionbio(stream, true)?;
        }
        if self.exit.is_some() {
            // Reaped by an earlier wait; what it printed is still in the pipes.
            streams.iter_mut().try_for_each(Stream::drain)?;
            return Ok(self.exit);
        }
        let ended = rustix::process::pidfd_open(self.pid, PidfdFlags::empty())?;
        loop {
            let left = deadline.map(|d| d.saturating_duration_since(Instant::now()));
            let over = ready(&ended, streams, left)?;
            for stream in &mut *streams {
                stream.drain()?;
            }
            if over {
                if self.leads_group && whole_group {
                    // Before reaping: until then the group's ID is nobody else's.
                    let _ = signal::send_to_group(self.pid, signal::KILL);
                }
                return self.wait().map(Some);
            }
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
        }
    }
}

/// Waits until the process has ended, a stream can be read, or the time is up; whether the first.
fn ready(ended: &OwnedFd, streams: &[Stream; 2], left: Option<Duration>) -> io::Result<bool> {
    let timeout = left.map(|left| Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    });
    let mut fds: Vec<PollFd<'_>> = std::iter::once(ended.as_fd())
        .chain(streams.iter().filter_map(|s| s.from.as_ref()).map(AsFd::as_fd))
        .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
        .collect();
    match rustix::event::poll(&mut fds, timeout.as_ref()) {
        Ok(_) => Ok(fds.first().is_some_and(|fd| !fd.revents().is_empty())),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl Stream {
    /// Reads what is there; at the end of the stream closes it.
    fn drain(&mut self) -> io::Result<()> {
        let Some(from) = &mut self.from else { return Ok(()) };
        match from.read_to_end(&mut self.read) {
            Ok(_) => self.from = None,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
