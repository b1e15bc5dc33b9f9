//! What the program prints: read all the time, so that it never waits for a reader, and the end of it
//! kept.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::Mode;
use rustix::io::Errno;

/// How much of the end is kept.
const KEPT: usize = 1024 * 1024;

/// What the program writes to, standard output and standard error: one pipe.
pub(crate) type Ends = [File; 2];

/// What one program prints.
#[derive(Debug)]
pub(crate) struct Output {
    from: PipeReader,
    read: Mutex<Vec<u8>>,
}

impl Output {
    /// A pipe that also who has stepped down to another user may open again, as `/dev/stderr`: what
    /// engines do for a container's (`fixStdioPermissions` of runc).
    pub(crate) fn new() -> io::Result<(Self, Ends)> {
        let (from, to) = io::pipe()?;
        rustix::io::ioctl_fionbio(&from, true)?;
        rustix::fs::fchmod(&to, Mode::from_raw_mode(0o666))?;
        let again = to.try_clone()?;
        let file = |end: PipeWriter| File::from(OwnedFd::from(end));
        Ok((Self { from, read: Mutex::default() }, [file(to), file(again)]))
    }

    /// What was printed last.
    pub(crate) fn end(&self) -> Vec<u8> {
        // What a program has printed is there once it has ended, whether or not the other thread has
        // come to it.
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.drain(&mut read);
        read.get(read.len().saturating_sub(KEPT)..).unwrap_or_default().to_vec()
    }

    /// Reads until nobody can write any more, or the other end of `until` is closed.
    pub(crate) fn collect(&self, until: &PipeReader) {
        loop {
            let mut fds = [self.from.as_fd(), until.as_fd()]
                .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
            match poll(&mut fds, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(_) => return,
            }
            let [readable, over] = fds.map(|fd| !fd.revents().is_empty());
            if readable {
                let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
                if !matches!(self.drain(&mut read), Ok(true)) {
                    return;
                }
            } else if over {
                return;
            }
        }
    }

    /// Reads what is there; whether more may come.
    fn drain(&self, read: &mut Vec<u8>) -> io::Result<bool> {
        let mut part = [0; 16 * 1024];
        // So many at once, so that a program that never stops does not keep the lock.
        for _ in 0..64 {
            match (&self.from).read(&mut part) {
                Ok(0) => return Ok(false),
                Ok(count) => read.extend_from_slice(part.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            // Not at every read: moving a megabyte takes its time.
            if read.len() > 2 * KEPT {
                let superfluous = read.len() - KEPT;
                read.drain(..superfluous);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_end_of_much_is_kept_and_nobody_waits() {
        let (output, [mut to, again]) = Output::new().unwrap();
        drop(again);
        let (until, _open) = io::pipe().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| output.collect(&until));
            for _ in 0..5000 {
                to.write_all(&[b'x'; 1000]).unwrap();
            }
            to.write_all(b"the end").unwrap();
            assert!(output.end().ends_with(b"xthe end"));
            drop(to);
        });
        assert_eq!(output.end().len(), KEPT);
    }

    #[test]
    fn a_reader_does_not_wait_for_a_writer_that_is_left() {
        let (output, [mut to, _again]) = Output::new().unwrap();
        let (until, open) = io::pipe().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| output.collect(&until));
            to.write_all(b"said").unwrap();
            drop(open);
        });
        assert_eq!(output.end(), b"said");
    }
}
