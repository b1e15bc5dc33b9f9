//! Signals taken one by one instead of by handlers, so that they can be passed on to a child.

use std::io;
use std::time::Duration;

use rustix::process::{Pid, Signal};

/// The signals that a person or a supervisor sends to a program to tell it something. Not those
/// of job control, which a terminal sends to the whole group, and not those of a fault.
pub const FORWARDED: [i32; 8] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGTERM,
    libc::SIGCONT,
    libc::SIGWINCH,
];

/// Those that the terminal's driver sends to the whole foreground process group, termios(3).
pub const BY_KEY: [i32; 3] = [libc::SIGINT, libc::SIGQUIT, libc::SIGWINCH];

/// Those that ask a program to end.
pub const STOP: [i32; 4] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];

/// What a parent gets when a child ends.
pub const CHILD: i32 = libc::SIGCHLD;

/// Undoes an inherited `SIG_IGN` for SIGCHLD: with it the kernel reaps children itself, and how they
/// ended is lost, wait(2).
pub fn default_child_signal() {
    // SAFETY: sets the default disposition; no handler of this program is lost, it has none.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Signals that are blocked in this thread and taken with [`Blocked::next`]. Dropped, the mask is
/// as it was before.
#[derive(Debug)]
pub struct Blocked {
    set: libc::sigset_t,
    before: libc::sigset_t,
}

/// A signal that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Its number.
    pub signal: i32,
    /// Who sent it; `None` if the kernel did, as for a key on the terminal.
    pub sender: Option<u32>,
}

impl Blocked {
    /// Blocks these signals in the calling thread and, by inheritance, in threads it starts later.
    ///
    /// # Errors
    /// EINVAL for a number that is no signal.
    pub fn new(signals: impl IntoIterator<Item = i32>) -> io::Result<Self> {
        // SAFETY: sigset_t is plain data; sigemptyset fills `set` before it is used, and
        // pthread_sigmask fills `before`.
        unsafe {
            let mut set = std::mem::zeroed();
            let mut before = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            for signal in signals {
                if libc::sigaddset(&raw mut set, signal) != 0 {
                    return Err(io::Error::last_os_error());
                }
            }
            match libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, &raw mut before) {
                0 => Ok(Self { set, before }),
                errno => Err(io::Error::from_raw_os_error(errno)),
            }
        }
    }

    /// Waits for the next of them, at most so long; `None` if none came.
    ///
    /// # Errors
    /// None but those of a kernel without sigtimedwait(2).
    pub fn next(&self, limit: Option<Duration>) -> io::Result<Option<Received>> {
        let timeout = limit.map(|limit| libc::timespec {
            tv_sec: limit.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: libc::c_long::from(limit.subsec_nanos().cast_signed()),
        });
        let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        loop {
            // SAFETY: `set` was filled by `new`, `info` is plain data that the call fills, and
            // `timeout` is null or points to a timespec that outlives the call.
            let (signal, info) = unsafe {
                let mut info: libc::siginfo_t = std::mem::zeroed();
                let signal = libc::sigtimedwait(&raw const self.set, &raw mut info, timeout);
                (signal, info)
            };
            if signal > 0 {
                // Codes above 0 are the kernel's own, sigaction(2).
                // SAFETY: si_pid is filled for signals that a process sent.
                let sender = (info.si_code <= 0).then(|| unsafe { info.si_pid() });
                let sender = sender.map(i32::cast_unsigned);
                return Ok(Some(Received { signal, sender }));
            }
            match io::Error::last_os_error() {
                error if error.raw_os_error() == Some(libc::EAGAIN) => return Ok(None),
                error if error.raw_os_error() == Some(libc::EINTR) => {}
                error => return Err(error),
            }
        }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: `before` was filled by pthread_sigmask in `new`.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut());
        }
    }
}

/// Whether one of these waits to be taken, in a program that has blocked them ([`Blocked`]): sigpending(2).
/// It goes on waiting.
#[must_use]
pub fn is_pending(signals: &[i32]) -> bool {
    // SAFETY: sigset_t is plain data that sigpending fills before it is looked at.
    unsafe {
        let mut pending: libc::sigset_t = std::mem::zeroed();
        libc::sigpending(&raw mut pending) == 0
            && signals.iter().any(|signal| libc::sigismember(&raw const pending, *signal) == 1)
    }
}

/// kill(2).
///
/// # Errors
/// ESRCH if there is no such process, EPERM without the right to, EINVAL for no such signal.
pub fn send(pid: Pid, signal: i32) -> io::Result<()> {
    kill(pid.as_raw_nonzero().get(), signal)
}

/// [`send`] by number.
///
/// # Errors
/// As [`send`]; ESRCH for a number that no process can have.
pub fn send_to(pid: u32, signal: i32) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    send(pid.ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?, signal)
}

/// kill(2) of a whole process group.
///
/// # Errors
/// As [`send`].
pub fn send_to_group(leader: Pid, signal: i32) -> io::Result<()> {
    kill(-leader.as_raw_nonzero().get(), signal)
}

fn kill(target: i32, signal: i32) -> io::Result<()> {
    // SAFETY: no pointer is involved.
    if unsafe { libc::kill(target, signal) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// `SIGKILL`.
pub const KILL: i32 = Signal::KILL.as_raw();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocked_signal_is_taken_with_its_sender() {
        let blocked = Blocked::new([libc::SIGUSR2]).unwrap();
        assert_eq!(blocked.next(Some(Duration::ZERO)).unwrap(), None);
        let thread = std::thread::current().id();
        // To this thread alone: other tests' threads do not block it.
        // SAFETY: the calling thread is alive.
        unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGUSR2) };
        let received = blocked.next(Some(Duration::from_secs(5))).unwrap();
        let sender = Some(std::process::id());
        assert_eq!(received, Some(Received { signal: libc::SIGUSR2, sender }), "{thread:?}");
    }
}
