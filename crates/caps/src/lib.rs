//! The ground everything else speaks: capabilities, sets of them, the five sets of a process,
//! the `execve` transition, file capabilities, and the knowledge table in `data/`.
//!
//! Pure: no I/O, no clock, no global state but tables parsed once.

mod capability;
mod decided;
mod exec;
mod file;
mod knowledge;
mod process;
mod securebits;
mod set;
mod spelling;
mod state;
mod text;

pub use capability::{Capability, ParseCapabilityError};
pub use decided::{Asks, Numbers, asked_at, asks, undecided};
pub use exec::{ExecError, ExecFile, Kernel, SetIdRule, exec, exec_on};
pub use file::{DecodeFileCapsError, EncodeFileCapsError, FileCaps, FileCapsVersion};
pub use knowledge::{
    Amplified, Amplifier, Knowledge, Operation, Reach, Tier, all_knowledge, knowledge,
};
pub use process::{Ids, Process, UserNamespace};
pub use securebits::Securebits;
pub use set::{CapSet, CapSetIter};
pub use spelling::ParseCapSetError;
pub use state::CapState;
pub use text::{LibcapText, NotFileCapsError, ParseLibcapTextError};
