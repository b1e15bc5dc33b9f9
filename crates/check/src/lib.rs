//! Rules over what `resolve` found; findings; edits and what they cost; renderers.
//!
//! A rule never looks at strings alone: it asks what the container holds on the runtime in
//! question, in which way, and why. An edit is tried on every runtime before it is offered. One
//! rule, one file, in `rules/`.

mod absorb;
pub mod alone;
mod announced;
pub mod assess;
pub mod baseline;
mod checked;
mod danger;
mod dialect;
mod engines;
mod exactly;
mod exposure;
mod finding;
pub mod fix;
mod holding;
mod inline;
pub mod learnt;
mod options;
mod panel;
pub mod parallel;
mod patch;
mod reading;
pub mod render;
mod repair;
mod report;
mod rule;
mod rules;
mod severity;
mod standing;
mod subject;
pub mod waiver;
pub mod words;

pub use announced::Announced;
pub use checked::{Checked, CheckedContainer, Checker, check};
pub use danger::{Danger, demands_waiver, is_big_four};
pub use engines::engines;
pub use exactly::KeptWord;
pub use exposure::Exposure;
pub use finding::{Finding, Label};
pub use holding::{BareSets, Entrypoint, Held, Holding};
pub use learnt::Need;
pub use options::Options;
pub use panel::{Answer, BareAnswer, Panel, panel};
pub use patch::{
    LeftOut, PatchError, PatchOptions, Patched, Wanted, Widen, set_all, set_capabilities,
};
pub use repair::{Applied, Consent, Foreseen, Repaired, repair};
pub use report::{About, CheckedFile, Found, Report, Sum, Totals};
pub use rule::{Fixes, Rule, Selection, Topic, UnknownRule};
pub use rules::{RULES, instead};
pub use severity::{Confidence, Severity};
pub use standing::{Answered, Cover, Standing};
pub use subject::Subject;
