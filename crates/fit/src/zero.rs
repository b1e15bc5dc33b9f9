//! The way to zero: changes of how a container is started with which it needs no capability at all.
//!
//! What a program does by capability at its start it often does only because it starts as root: as the
//! user that it would step down to it skips that. So the first plan is made of what was seen
//! (`evidence`): that user, and the sysctls that open low ports and ping. It is run without any
//! capability; what is refused then says what is wanting, a folder that the new user may write to
//! before all; a few rounds of that. If it passes, each change is left out once, and those without
//! which it passes, too, go. If it does not, those changes that leave the user alone are tried by
//! themselves: what they make needless is gone at least.
//!
//! A change holds only if a run without any capability passed with exactly those that are named.

mod evidence;
mod folder;
mod port;
mod search;

pub use folder::Ground;
pub use port::{Words, renamed};
pub use record::zero::{Change, Held, Tried, Zero, ZeroRun};
pub use search::{Asked, Event, Trials, search};
