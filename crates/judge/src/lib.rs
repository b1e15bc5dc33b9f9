//! From observations to needs: call sites judged, alternatives, evidence in words, remedies. Pure.
//!
//! [`judge`] is the way in. It never goes by a flag alone, always by the call site: the kernel
//! function that asked, within the system call that the program made. The table of call sites is
//! `data/sites.toml`, in the order it is tried.

mod access;
mod coverage;
mod gained;
mod given;
mod judgement;
mod observed;
mod outside;
mod profile;
mod refusal;
mod remedy;
mod role;
mod settled;
mod site;
mod table;
mod twins;
pub mod why;
mod words;

pub use access::written;
pub use coverage::{Coverage, Place as SitePlace};
pub use judgement::{Dismissal, Dismissed, Judgement, Need, UnknownSite, judge, judge_with};
pub use observed::Observed;
pub use profile::{ProfileOptions, to_profile};
pub use record::requirement::{Place, Remedy, Requirement, Use, Verdict};
pub use remedy::ids;
pub use site::normalise;
pub use table::{DecidingArgument, Decision, SiteTable, TableError, deciding_arguments};
