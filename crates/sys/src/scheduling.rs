//! The scheduler, asked not to give this thread's CPU to an ordinary task for a moment, sched(7).

use std::io;
use std::marker::PhantomData;

/// The lowest real-time priority: an ordinary task (SCHED_OTHER) never preempts it, and other real-time
/// tasks, the kernel's own among them, still do.
const PRIORITY: libc::c_int = 1;

/// As long as it lives, no ordinary task takes the CPU from this thread (SCHED_FIFO). Dropped, the thread
/// is scheduled as before.
///
/// For a few milliseconds at a time: nothing ordinary runs on that CPU meanwhile.
#[derive(Debug)]
pub struct Undisturbed {
    before: libc::c_int,
    /// It is the thread that made it that is scheduled so.
    thread: PhantomData<*const ()>,
}

impl Undisturbed {
    /// From now on. `None` if the thread has a real-time policy already.
    ///
    /// # Errors
    /// EPERM without `SYS_NICE` or an RLIMIT_RTPRIO of at least 1, or in a cgroup that may run nothing in
    /// real time (`__sched_setscheduler` of `kernel/sched/syscalls.c`).
    pub fn begin() -> io::Result<Option<Self>> {
        let before = policy()?;
        if ![libc::SCHED_OTHER, libc::SCHED_BATCH, libc::SCHED_IDLE].contains(&before) {
            return Ok(None);
        }
        schedule(libc::SCHED_FIFO, PRIORITY)?;
        Ok(Some(Self { before, thread: PhantomData }))
    }
}

impl Drop for Undisturbed {
    fn drop(&mut self) {
        // To an ordinary policy anybody may change (`user_check_sched_setscheduler`); the nice value is kept.
        let _ = schedule(self.before, 0);
    }
}

/// The policy of the calling thread. By syscall(2), as in [`schedule`]: musl's functions always fail.
fn policy() -> io::Result<libc::c_int> {
    // SAFETY: takes the number of a thread, 0 for the calling one, and touches no memory.
    let policy = unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) };
    if policy < 0 {
        return Err(io::Error::last_os_error());
    }
    libc::c_int::try_from(policy).map_err(io::Error::other)
}

/// Sets the policy of the calling thread, and its priority.
fn schedule(policy: libc::c_int, priority: libc::c_int) -> io::Result<()> {
    /// The kernel's `struct sched_param`: musl's has more.
    #[repr(C)]
    struct Parameters {
        priority: libc::c_int,
    }
    let parameters = Parameters { priority };
    // SAFETY: the kernel reads one `struct sched_param` from the pointer, which is valid for it, and writes
    // nothing.
    let result =
        unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, policy, &raw const parameters) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_undisturbed_as_long_as_the_guard_lives() {
        let policy = || policy().expect("everybody may ask");
        let ordinary = libc::SCHED_OTHER;
        assert_eq!(policy(), ordinary);
        let outer = match Undisturbed::begin() {
            Ok(outer) => outer.expect("it was ordinary"),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(libc::EPERM), "{error}");
                assert_eq!(policy(), ordinary);
                return testkit::skip("needs SYS_NICE, or an RLIMIT_RTPRIO");
            }
        };
        assert_eq!(policy(), libc::SCHED_FIFO);
        // Within it there is nothing more to be had, and nothing to be given back too early.
        drop(Undisturbed::begin().expect("asked for nothing"));
        assert_eq!(policy(), libc::SCHED_FIFO);
        drop(outer);
        assert_eq!(policy(), ordinary);
    }
}
