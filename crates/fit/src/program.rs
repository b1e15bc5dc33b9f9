//! What is run: the command, as whom, where, with which environment.

use std::ffi::OsString;
use std::path::PathBuf;

use caps::{CapSet, CapState};
use launch::{Spec, Stdio};

use crate::output::Ends;

/// The program that is fitted.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its name or path, and its arguments; not empty.
    pub command: Vec<OsString>,
    /// User, group, supplementary groups; those of this process without.
    pub user: Option<(u32, u32, Vec<u32>)>,
    /// Its environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Its working directory.
    pub folder: PathBuf,
}

impl Program {
    /// The command in words, for the recording.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        self.command.iter().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    /// Exactly `set`: bounding, permitted, effective; and for who is not root inheritable and ambient,
    /// as nothing would be left of it after `execve` else (capabilities(7)).
    pub(crate) fn spec(&self, set: CapSet, [out, err]: Ends) -> Spec {
        let uid = self.user.as_ref().map_or_else(|| sys::credentials::own_user().0, |user| user.0);
        let ambient = if uid == 0 { CapSet::EMPTY } else { set };
        let state = CapState {
            bounding: set,
            permitted: set,
            effective: set,
            inheritable: ambient,
            ambient,
        };
        let (program, args) = match self.command.split_first() {
            Some((program, args)) => (program.clone(), args.to_vec()),
            None => (OsString::new(), Vec::new()),
        };
        let mut spec = Spec::new(program, state).args(args);
        if let Some((uid, gid, groups)) = self.user.clone() {
            spec = spec.user(uid, gid, groups);
        }
        spec.env = Some(self.environment.clone());
        spec.working_directory = Some(self.folder.clone());
        spec.stdin = Stdio::Null;
        spec.stdout = Stdio::File(out);
        spec.stderr = Stdio::File(err);
        // Ctrl-C is for whoever measures; and what it starts can be ended with it.
        spec.process_group = true;
        spec.die_with_parent = true;
        spec
    }
}
