//! What a container of Podman prints, from its log. conmon writes there first, and to the client only once
//! it has seen the client attach, which it may not have when the first lines come (conmon 2.1.6,
//! `src/conmon.c`, `read_stdio`): a line that a test waits for would be missing.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::container::keep;

/// How often it is looked for more.
const PAUSE: Duration = Duration::from_millis(20);

/// Reads a log as it grows, in a thread of its own.
#[derive(Debug)]
pub(super) struct Follower {
    over: Arc<AtomicBool>,
    pub(super) printed: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Follower {
    /// Of a log that may not be there yet.
    pub(super) fn new(path: PathBuf) -> Self {
        let (over, printed) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (until, into) = (Arc::clone(&over), Arc::clone(&printed));
        let reader = std::thread::spawn(move || {
            let mut log = Log::new(path);
            loop {
                // Asked first: what was written before it was over is read behind it.
                let last = until.load(Ordering::Acquire);
                // A log that cannot be read says nothing, as one in which nothing is.
                let _ = log.read(&into);
                if last {
                    return;
                }
                std::thread::park_timeout(PAUSE);
            }
        });
        Self { over, printed, reader: Some(reader) }
    }

    /// Reads to the end of a log to which nothing is written any more.
    pub(super) fn finish(&mut self) {
        self.over.store(true, Ordering::Release);
        if let Some(reader) = self.reader.take() {
            reader.thread().unpark();
            let _ = reader.join();
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Where in the log it is.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    file: Option<File>,
    /// The beginning of a line whose end is not written yet.
    rest: Vec<u8>,
}

impl Log {
    fn new(path: PathBuf) -> Self {
        Self { path, file: None, rest: Vec::new() }
    }

    /// What is new in it.
    fn read(&mut self, into: &Mutex<Vec<u8>>) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            take(file, &mut self.rest, into)?;
            // At a limit of its size conmon puts a new file in its place (`ctr_logging.c`, `reopen_k8s_file`).
            if is_at(file, &self.path)? {
                return Ok(());
            }
            self.rest.clear();
        }
        let file = self.file.insert(File::open(&self.path)?);
        take(file, &mut self.rest, into)
    }
}

/// Whether this file is the one of this name.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let (open, named) = (file.metadata()?, std::fs::metadata(path)?);
    Ok((open.dev(), open.ino()) == (named.dev(), named.ino()))
}

/// Reads to the end of a file as it is now, and keeps what its whole lines say.
fn take(file: &mut File, rest: &mut Vec<u8>, into: &Mutex<Vec<u8>>) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 14];
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        rest.extend_from_slice(&buffer[..read]);
        let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let said: Vec<u8> =
            rest[..whole].split_inclusive(|byte| *byte == b'\n').flat_map(said).copied().collect();
        rest.drain(..whole);
        keep(into, &said);
    }
}

/// What a line says, both streams: `TIME STREAM F|P TEXT`, P where the printed line goes on in the next.
fn said(line: &[u8]) -> &[u8] {
    let mut parts = line.splitn(4, |byte| *byte == b' ').skip(2);
    match (parts.next(), parts.next()) {
        (Some(b"P"), Some(text)) => text.strip_suffix(b"\n").unwrap_or(text),
        (_, text) => text.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn printed(log: &mut Log, into: &Mutex<Vec<u8>>) -> String {
        log.read(into).unwrap();
        String::from_utf8(into.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn lines_are_joined_as_they_were_printed_and_wait_for_their_end() {
        let (mut file, into) = (tempfile::NamedTempFile::new().unwrap(), Mutex::default());
        let mut log = Log::new(file.path().to_owned());
        file.write_all(b"T stdout P re\nT stdout F ady to go\nT stderr F \nT std").unwrap();
        assert_eq!(printed(&mut log, &into), "ready to go\n\n");
        file.write_all(b"out F two").unwrap();
        assert_eq!(printed(&mut log, &into), "ready to go\n\n");
        file.write_all(b"\n").unwrap();
        assert_eq!(printed(&mut log, &into), "ready to go\n\ntwo\n");
    }

    #[test]
    fn a_log_that_another_takes_the_place_of_is_read_to_its_end_and_then_that_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, next) = (folder.path().join("ctr.log"), folder.path().join("next"));
        let into = Mutex::default();
        let mut log = Log::new(path.clone());
        assert!(log.read(&into).is_err());
        std::fs::write(&path, "T stdout F one\n").unwrap();
        assert_eq!(printed(&mut log, &into), "one\n");
        let mut old = File::options().append(true).open(&path).unwrap();
        old.write_all(b"T stdout F two\n").unwrap();
        std::fs::write(&next, "T stdout F three\n").unwrap();
        std::fs::rename(&next, &path).unwrap();
        assert_eq!(printed(&mut log, &into), "one\ntwo\nthree\n");
    }

    #[test]
    fn what_was_written_before_the_end_is_there_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ctr.log");
        let mut follower = Follower::new(path.clone());
        std::fs::write(&path, "T stdout F last words\n").unwrap();
        follower.finish();
        assert_eq!(*follower.printed.lock().unwrap(), b"last words\n");
    }
}
