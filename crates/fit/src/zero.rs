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
//! A user that is not root holds nothing, whatever is added: what fails as it is may still do with a sysctl
//! or a folder, and then the plan is made of what was refused.
//!
//! A change holds only if a run without any capability passed with exactly those that are named.

mod evidence;
mod folder;
mod port;
mod search;

pub use folder::Ground;
pub use port::{Words, renamed};
pub use record::zero::{Change, Held, Tried, Zero, ZeroRun};
pub use search::{Asked, Event, Today, Trials, search};

use caps::CapSet;
use record::observation::Recording;

/// The sysctls of the pod that would let a program through that was refused ports or ping, each with what was
/// refused to it and for what; none where its network is not its own.
#[must_use]
pub fn sysctls(refused: &Recording, ground: &Ground) -> Vec<(Change, CapSet, String)> {
    let all = match ground.own_network {
        true => evidence::refused_sysctls(refused),
        false => Vec::new(),
    };
    all.into_iter().map(|planned| (planned.change, planned.removes, planned.why)).collect()
}
