//! Process 1 of a PID namespace: it starts nothing, reaps whatever loses its parent, and takes all of
//! its namespace along when it ends, pid_namespaces(7).

use std::convert::Infallible;
use std::ffi::CStr;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};
use rustix::process::{Pid, Signal};

use crate::process::{Exit, wait};

/// Process 1. Dropped, it is killed with all of its namespace and reaped.
///
/// The kernel lets it end only once every process of the namespace has been reaped
/// (`zap_pid_ns_processes` of `kernel/pid_namespace.c`), also those whose parent is outside: whoever
/// started one of those reaps it first.
#[derive(Debug)]
pub struct Init {
    pid: Pid,
    ended: bool,
}

impl Init {
    /// Forks it. The calling thread must have made a PID namespace in which nothing has run yet
    /// ([`crate::isolate::own_namespaces`]), and a mount namespace, where `/proc` is mounted for it. It
    /// is killed when the calling thread ends, also with the whole process.
    ///
    /// # Errors
    /// What fork(2) or mount(2) say; nothing is left then.
    pub fn start() -> io::Result<Self> {
        let (mut near, far) = UnixStream::pair()?;
        // SAFETY: the child runs `child` only, which keeps to what signal-safety(7) allows after a
        // fork of a process with threads (system calls on the stack, no allocation, no lock) and never
        // returns.
        let forked = unsafe { libc::fork() };
        if forked == 0 {
            let Err(errno) = child(far.as_fd());
            let _ = rustix::io::write(&far, &errno.raw_os_error().to_ne_bytes());
            // SAFETY: ends the child at once, without the parent's exit handlers.
            unsafe { libc::_exit(1) }
        }
        drop(far);
        let pid = Pid::from_raw(forked).filter(|_| forked > 0);
        let pid = pid.ok_or_else(io::Error::last_os_error)?;
        // An error drops it, which kills and reaps.
        let init = Self { pid, ended: false };
        let mut errno = [0; 4];
        near.read_exact(&mut errno)?;
        match i32::from_ne_bytes(errno) {
            0 => Ok(init),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    /// Its process ID, in the PID namespace of this process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// Kills all of its namespace, whoever the processes belong to, and does not wait for them.
    ///
    /// # Errors
    /// What kill(2) says of a process of one's own: nothing.
    pub fn kill_all(&self) -> io::Result<()> {
        // Not reaped yet: its ID is nobody else's.
        Ok(rustix::process::kill_process(self.pid, Signal::KILL)?)
    }

    /// Kills all of its namespace; when this returns, no process of it is left.
    ///
    /// # Errors
    /// ECHILD if somebody else reaped it.
    pub fn end(mut self) -> io::Result<Exit> {
        self.kill()
    }

    fn kill(&mut self) -> io::Result<Exit> {
        self.ended = true;
        self.kill_all()?;
        wait(self.pid)
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.kill();
        }
    }
}

const PROC: &CStr = c"proc";

/// What process 1 does: nothing, until it is killed.
fn child(channel: BorrowedFd<'_>) -> Result<Infallible, Errno> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // It would keep open what others wait to see closed.
    close_all_but(channel.as_raw_fd());
    // Here and not by who started it: /proc shows the namespace of whoever mounts it.
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount(PROC, c"/proc", PROC, flags, None)?;
    // The kernel then reaps what ends here, wait(2).
    // SAFETY: sets a disposition of this process, which has no handlers.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    // Nobody is there to hear it: the parent died before it could be told of.
    rustix::io::write(channel, &0_i32.to_ne_bytes())?;
    loop {
        // SAFETY: no pointer is involved.
        unsafe { libc::pause() };
    }
}

/// Closes every descriptor from 3 on but one.
fn close_all_but(kept: i32) {
    let close = |first: i32, last: u32| {
        if u32::try_from(first).is_ok_and(|first| first <= last) {
            // SAFETY: closes descriptors of this process, none of which is used again: it runs on with
            // nothing but its own code. Through syscall(2), for C libraries without the function.
            unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        }
    };
    close(3, kept.cast_unsigned().saturating_sub(1));
    close(kept + 1, u32::MAX);
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::*;

    /// In a thread of its own with namespaces of its own: the other tests stay where they are.
    fn inside<T: Send + 'static>(work: impl FnOnce(Init) -> T + Send + 'static) -> T {
        std::thread::spawn(|| {
            crate::isolate::own_namespaces().unwrap();
            work(Init::start().unwrap())
        })
        .join()
        .unwrap()
    }

    #[test]
    fn what_loses_its_parent_is_reaped_and_nothing_outlives_it() {
        testkit::needs!(root);
        inside(|init| {
            // Two levels below: its parent ends, and it goes on in the background.
            let script = "(sh -c 'echo $PPID; sleep 600' </dev/null & ) ; sleep 0.1; cat /proc/1/comm; echo $$";
            let file = tempfile::tempfile().unwrap();
            let status = Command::new("sh")
                .args(["-c", script])
                .stderr(std::process::Stdio::null())
                .stdout(file.try_clone().unwrap())
                .status()
                .unwrap();
            assert!(status.success());
            let mut text = String::new();
            std::io::Seek::rewind(&mut &file).unwrap();
            (&file).read_to_string(&mut text).unwrap();
            // The program's own ID is small: it is in the new namespace.
            let own: u32 = text.lines().last().unwrap().parse().unwrap();
            assert!((2..100).contains(&own), "{text}");
            let pid = init.pid();
            assert_eq!(init.end().unwrap(), Exit::Signal(9));
            assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
        });
    }

    #[test]
    fn it_ends_with_the_thread_that_started_it() {
        testkit::needs!(root);
        let init = inside(|init| {
            let pid = init.pid;
            std::mem::forget(init);
            pid
        });
        let since = Instant::now();
        while crate::process::try_wait(init).unwrap() != Some(Exit::Signal(9)) {
            assert!(since.elapsed() < Duration::from_secs(20), "it goes on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
