//! A child process that stops before its `execve`: forked, given its credentials, read back, held,
//! and released or killed. Also waiting, and signals to it.

use std::ffi::{CStr, CString, c_char};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::ptr;
use std::sync::{Mutex, PoisonError};

use caps::Capability;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions};

use crate::credentials::{Change, Prepared, Refused, Step, last_errno};

/// Everything a child needs, as C wants it.
#[derive(Debug)]
pub struct Command {
    /// Files to try in turn, as execvp(3) does with `PATH`; the first that is there is executed.
    pub candidates: Vec<CString>,
    /// The arguments, the program's own name first.
    pub argv: Vec<CString>,
    /// The environment, `NAME=value`.
    pub envp: Vec<CString>,
    /// Working directory, entered before the credentials change; `None` keeps it.
    pub working_directory: Option<CString>,
    /// What to put in place of standard input, output and error; `None` keeps each.
    pub stdio: [Option<OwnedFd>; 3],
    /// Whether it leads a process group of its own.
    pub process_group: bool,
    /// Whether it is killed when the thread that forked it ends, `PR_SET_PDEATHSIG`.
    pub die_with_parent: bool,
    /// The credentials to execute with.
    pub change: Change,
}

/// Why there is no child, or why it did not execute.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The kernel refused a step in the child.
    #[error("cannot {step}{}: {source}", capability.map(|c| format!(" ({c})")).unwrap_or_default())]
    Step {
        /// Which one.
        step: Step,
        /// The capability it was about.
        capability: Option<Capability>,
        /// For [`Step::Exec`]: the index in [`Command::candidates`] of the file it was about.
        candidate: usize,
        /// What the kernel said.
        source: io::Error,
    },
    /// fork(2) or the channel to the child failed.
    #[error("cannot start a process: {0}")]
    Fork(#[source] io::Error),
    /// The child ended without a word: killed from outside.
    #[error("the process ended before it could execute the program")]
    Gone,
}

/// One message of the child is a kind, then for a refusal the step, the detail and the errno, for a
/// read-back the length of the text and the text. Native byte order: both ends are this program.
const REFUSED: u8 = 1;
const READY: u8 = 2;
const HEADER: usize = 10;
/// What the parent answers.
const GO: u8 = 3;
/// How a child ends that was not released or could not execute. Nobody sees it: the parent knows
/// from the channel.
const NOT_EXECUTED: i32 = 127;

/// A child that has its credentials and waits before `execve`. Dropped, it is killed and reaped.
#[derive(Debug)]
pub struct Held {
    pid: Pid,
    channel: UnixStream,
    status: String,
    released: bool,
}

/// Between the making of a channel and the closing of the child's end here, no other child may be
/// forked: it would inherit that end and keep it open while held.
static FORKING: Mutex<()> = Mutex::new(());

/// Forks, changes the child's credentials, and returns when it has read its status back.
///
/// # Errors
/// [`ChildError`]: which step the kernel refused and why. No process is left behind.
pub fn fork_held(command: &Command) -> Result<Held, ChildError> {
    let change = Prepared::from(&command.change);
    let argv = pointers(&command.argv);
    let envp = pointers(&command.envp);
    // Room for the whole of /proc/thread-self/status; a group takes at most 11 bytes.
    let groups = match &command.change.groups {
        Some(groups) => groups.len(),
        None => rustix::process::getgroups().map_err(|e| ChildError::Fork(e.into()))?.len(),
    };
    let mut buffer = vec![0; 8192 + 11 * groups];
    let parent = rustix::process::getpid();

    let lock = FORKING.lock().unwrap_or_else(PoisonError::into_inner);
    let (channel, far) = UnixStream::pair().map_err(ChildError::Fork)?;
    // SAFETY: the child runs `child_main` only, which keeps to what signal-safety(7) allows between
    // fork and exec: system calls on memory prepared above, no allocation, no lock, no unwinding
    // into the parent's frames (it never returns).
    let forked = unsafe { libc::fork() };
    if forked == 0 {
        // The parent's end: while the child has it, too, it would not see that the parent is gone.
        drop(channel);
        let outcome = child_main(command, &change, &argv, &envp, &mut buffer, far.as_fd(), parent);
        let Err(refused) = outcome;
        report(far.as_fd(), refused);
        // SAFETY: ends the child at once, without running the parent's exit handlers a second time.
        unsafe { libc::_exit(NOT_EXECUTED) }
    }
    drop(far);
    drop(lock);
    let pid = Pid::from_raw(forked).filter(|_| forked > 0);
    let pid = pid.ok_or_else(|| ChildError::Fork(io::Error::last_os_error()))?;
    let mut held = Held { pid, channel, status: String::new(), released: false };
    // An error drops `held`, which kills and reaps.
    held.status = held.receive()?.ok_or(ChildError::Gone)?;
    Ok(held)
}

impl Held {
    /// Its process ID.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// `/proc/thread-self/status` as the child read it with its final credentials.
    #[must_use]
    pub fn status(&self) -> &str {
        &self.status
    }

    /// Lets it execute, and returns its process ID when it has. The caller waits for it.
    ///
    /// # Errors
    /// [`ChildError::Step`] with [`Step::Exec`]; the child is reaped then.
    pub fn release(mut self) -> Result<Pid, ChildError> {
        self.channel.write_all(&[GO]).map_err(|_| ChildError::Gone)?;
        // The channel closes at exec; before that only a refusal can come.
        match self.receive()? {
            None => {
                self.released = true;
                Ok(self.pid)
            }
            Some(_) => Err(ChildError::Gone),
        }
    }

    /// The next message: a status, a refusal as an error, or `None` at the end.
    fn receive(&mut self) -> Result<Option<String>, ChildError> {
        let mut header = [0; HEADER];
        match self.channel.read_exact(&mut header) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(ChildError::Fork(error)),
        }
        let [kind, step, d0, d1, d2, d3, e0, e1, e2, e3] = header;
        let detail = u32::from_ne_bytes([d0, d1, d2, d3]);
        let errno = i32::from_ne_bytes([e0, e1, e2, e3]);
        if kind == READY {
            let mut text = vec![0; detail as usize];
            self.channel.read_exact(&mut text).map_err(ChildError::Fork)?;
            return Ok(Some(String::from_utf8_lossy(&text).into_owned()));
        }
        let step = Step::from_number(step).ok_or(ChildError::Gone)?;
        Err(ChildError::Step {
            step,
            capability: matches!(step, Step::AmbientRaise | Step::BoundingDrop)
                .then(|| Capability::from_number(detail as u8))
                .flatten(),
            candidate: if step == Step::Exec { detail as usize } else { 0 },
            source: io::Error::from_raw_os_error(errno),
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.released {
            // The child is ours and not reaped: its ID cannot have gone to another process.
            let _ = rustix::process::kill_process(self.pid, Signal::KILL);
            let _ = wait(self.pid);
        }
    }
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|s| s.as_ptr()).chain([ptr::null()]).collect()
}

/// What cannot be returned: after a successful exec there is nobody to return to.
enum Never {}

/// The child between fork and exec. Allocates nothing.
fn child_main(
    command: &Command,
    change: &Prepared,
    argv: &[*const c_char],
    envp: &[*const c_char],
    buffer: &mut [u8],
    channel: BorrowedFd<'_>,
    parent: Pid,
) -> Result<Never, Refused> {
    reset_signals();
    for (target, source) in (0..).zip(&command.stdio) {
        if let Some(source) = source {
            connect(source, target)?;
        }
    }
    if command.process_group {
        rustix::process::setpgid(None, None).map_err(Refused::at(Step::ProcessGroup))?;
    }
    if let Some(directory) = &command.working_directory {
        rustix::process::chdir(directory.as_c_str())
            .map_err(Refused::at(Step::WorkingDirectory))?;
    }
    change.apply()?;
    if command.die_with_parent {
        // After the change of user, which clears it, prctl(2).
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .map_err(Refused::at(Step::DeathSignal))?;
        // A parent outside of the child's PID namespace has no number in it; one that ended meanwhile
        // has left the child to process 1 there.
        if rustix::process::getppid().is_some_and(|now| now != parent) {
            return Err(Refused::at(Step::DeathSignal)(Errno::SRCH));
        }
    }
    let length = read_status(buffer)?;
    send(channel, &message(READY, 0, length as u32, 0));
    send(channel, buffer.get(..length).unwrap_or_default());
    wait_for_go(channel);
    Err(execute(&command.candidates, argv, envp))
}

/// No signal blocked; SIGPIPE, which Rust's runtime ignores, as it was. Both survive execve(2).
fn reset_signals() {
    // SAFETY: `none` is filled by sigemptyset before it is read; both calls are async-signal-safe.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
    }
}

fn connect(source: &OwnedFd, target: i32) -> Result<(), Refused> {
    let done = if source.as_raw_fd() == target {
        // SAFETY: clears close-on-exec of a descriptor that is open; no pointer is involved.
        unsafe { libc::fcntl(target, libc::F_SETFD, 0) }
    } else {
        // SAFETY: dup2 onto 0, 1 or 2, which nothing in the child owns.
        unsafe { libc::dup2(source.as_raw_fd(), target) }
    };
    if done < 0 { Err(Refused::at(Step::Stdio)(last_errno())) } else { Ok(()) }
}

/// Fills the buffer from `/proc/thread-self/status` and returns how much there was.
fn read_status(buffer: &mut [u8]) -> Result<usize, Refused> {
    let refused = Refused::at(Step::ReadBack);
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file =
        rustix::fs::open(c"/proc/thread-self/status", flags, Mode::empty()).map_err(&refused)?;
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match rustix::io::read(&file, rest).map_err(&refused)? {
            0 => return Ok(length),
            read => length += read,
        }
    }
    Err(refused(Errno::OVERFLOW))
}

/// Blocks until the parent says go. A parent that went away never will: then the child ends.
fn wait_for_go(channel: BorrowedFd<'_>) {
    let mut answer = [0];
    loop {
        match rustix::io::read(channel, &mut answer) {
            Ok(1) if answer == [GO] => return,
            Err(Errno::INTR) => {}
            // SAFETY: ends the child at once; see `fork_held`.
            _ => unsafe { libc::_exit(NOT_EXECUTED) },
        }
    }
}

/// execve(2) of the first candidate that is there. As execvp(3), a file that may not be executed
/// does not end the search, but is what is reported if nothing else is found.
fn execute(candidates: &[CString], argv: &[*const c_char], envp: &[*const c_char]) -> Refused {
    let mut refused = Refused::at(Step::Exec)(Errno::NOENT);
    for (index, candidate) in (0..).zip(candidates) {
        let errno = execve(candidate, argv, envp);
        let this = Refused { detail: index, ..Refused::at(Step::Exec)(errno) };
        match errno {
            Errno::NOENT | Errno::NOTDIR if candidates.len() > 1 => {}
            Errno::ACCESS => refused = this,
            _ => return this,
        }
    }
    refused
}

fn execve(file: &CStr, argv: &[*const c_char], envp: &[*const c_char]) -> Errno {
    // SAFETY: `file` and every pointer but the last of both lists are NUL-terminated strings that
    // live in the caller's `Command`; both lists end with a null pointer (`pointers`).
    unsafe { libc::execve(file.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    last_errno()
}

fn message(kind: u8, step: u8, detail: u32, errno: i32) -> [u8; HEADER] {
    let [d0, d1, d2, d3] = detail.to_ne_bytes();
    let [e0, e1, e2, e3] = errno.to_ne_bytes();
    [kind, step, d0, d1, d2, d3, e0, e1, e2, e3]
}

fn report(channel: BorrowedFd<'_>, refused: Refused) {
    send(channel, &message(REFUSED, refused.step as u8, refused.detail, refused.errno));
}

/// Writes all of it. If the parent is gone there is nobody to tell; SIGPIPE then ends the child.
fn send(channel: BorrowedFd<'_>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(channel, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// How a process ended, wait(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// exit(2) with this status, 0 to 255.
    Code(i32),
    /// Killed by this signal.
    Signal(i32),
}

impl Exit {
    /// The status a shell and `docker run` give for it: the code itself, or 128 plus the signal.
    #[must_use]
    pub fn status(self) -> u8 {
        match self {
            Exit::Code(code) => code as u8,
            Exit::Signal(signal) => (128 + signal) as u8,
        }
    }

    /// Whether it is exit(0).
    #[must_use]
    pub fn success(self) -> bool {
        self == Exit::Code(0)
    }
}

/// In words: `status 3`, `signal 9`.
impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "status {code}"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// Waits for a child to end and reaps it.
///
/// # Errors
/// ECHILD if it is not ours, or was reaped.
pub fn wait(pid: Pid) -> io::Result<Exit> {
    loop {
        if let Some(exit) = waitpid(pid, WaitOptions::empty())? {
            return Ok(exit);
        }
    }
}

/// Reaps a child if it has ended.
///
/// # Errors
/// ECHILD if it is not ours, or was reaped.
pub fn try_wait(pid: Pid) -> io::Result<Option<Exit>> {
    waitpid(pid, WaitOptions::NOHANG)
}

fn waitpid(pid: Pid, options: WaitOptions) -> io::Result<Option<Exit>> {
    loop {
        match rustix::process::waitpid(Some(pid), options) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(None) => return Ok(None),
            Ok(Some((_, status))) => {
                let code = status.exit_status().map(Exit::Code);
                return Ok(code.or_else(|| status.terminating_signal().map(Exit::Signal)));
            }
        }
    }
}
