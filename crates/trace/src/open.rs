//! A map in use, without losing what other tasks ask meanwhile.

use std::ops::{Deref, DerefMut};

use sys::scheduling::Undisturbed;

/// A map. Where an operation on it would cost checks if another task came to run in its midst
/// (`preemption.rs`), none does that this process can keep from it: with `SYS_NICE` all ordinary ones. What
/// is skipped all the same is counted.
#[derive(Debug)]
pub(crate) struct Open<M> {
    map: M,
    _undisturbed: Option<Undisturbed>,
}

impl<M> Open<M> {
    /// A map that is used at once, and not for long.
    pub fn new(map: M, may_be_preempted: bool) -> Self {
        let undisturbed = may_be_preempted.then(Undisturbed::begin);
        Self { map, _undisturbed: undisturbed.and_then(Result::ok).flatten() }
    }
}

impl<M> Deref for Open<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.map
    }
}

impl<M> DerefMut for Open<M> {
    fn deref_mut(&mut self) -> &mut M {
        &mut self.map
    }
}
