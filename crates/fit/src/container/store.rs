//! Whether what a container writes still finds room.

use std::path::{Path, PathBuf};

use launch::engine::{self, Engine};

/// How many bytes left to be written are next to nothing.
const FULL: u64 = 64 * 1024;

/// Where an engine keeps what containers write, once somebody has asked.
#[derive(Debug, Clone)]
pub(super) struct Store {
    engine: Engine,
    /// None if the engine does not tell.
    folder: Option<Option<PathBuf>>,
}

impl Store {
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine, folder: None }
    }

    /// The folder, if its file system takes no more writes. One that is not on this machine (a virtual
    /// machine runs the engine) is never full.
    pub(super) fn full(&mut self) -> Option<PathBuf> {
        let engine = self.engine;
        let folder =
            self.folder.get_or_insert_with(|| engine::store(engine).ok().map(PathBuf::from));
        folder.clone().filter(|folder| is_full(folder))
    }
}

fn is_full(folder: &Path) -> bool {
    rustix::fs::statvfs(folder).is_ok_and(|room| {
        let left = room.f_bavail.saturating_mul(room.f_frsize);
        // Some file systems count no files: then there are none in all.
        left < FULL || (room.f_files > 0 && room.f_favail == 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_here_is_not_full() {
        assert!(!is_full(Path::new("/no/such/folder")));
        assert!(!is_full(Path::new("/dev")));
    }
}
