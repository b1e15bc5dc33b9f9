//! An OCI configuration as it is written: no engine, only the OCI runtime that reads the names.
//!
//! Source: OCI runtime-spec 1.2 `config.md`, `process.capabilities`; without it all sets are empty
//! (runc 1.1.5, run).

use caps::{CapSet, Capability};

use crate::ledger::{Ledger, Plan};
use crate::name::Runtime;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::request::{List, Request, SpecSets};
use crate::void::{NameReading, suggestion};

/// See the module.
pub(crate) fn plan(runtime: &Runtime, request: &Request, sets: &SpecSets) -> Result<Plan, Refusal> {
    let mut bounding = Ledger::written();
    for word in request.words(List::Add) {
        if let Some(capability) = name(runtime, &word.text)? {
            bounding.grant(capability, &Reason::Added { word });
        }
    }
    let set = |names: &[String]| {
        names.iter().try_fold(CapSet::EMPTY, |mut set, text| {
            if let Some(capability) = name(runtime, text)? {
                set.insert(capability);
            }
            Ok::<_, Refusal>(set)
        })
    };
    Ok(Plan {
        permitted: set(&sets.permitted)?,
        effective: Some(set(&sets.effective)?),
        inheritable: set(&sets.inheritable)?,
        ambient: set(&sets.ambient)?,
        ..Plan::plain(bounding)
    })
}

/// What the OCI runtime reads in a name; `None` where it leaves it out with a warning.
fn name(runtime: &Runtime, text: &str) -> Result<Option<Capability>, Refusal> {
    match NameReading::of(runtime.oci, text) {
        NameReading::Read(capability) => Ok(Some(capability)),
        NameReading::LeftOut => Ok(None),
        NameReading::Refused => Err(Refusal::UnknownInSpec {
            oci: runtime.oci,
            name: text.to_owned(),
            suggestion: suggestion(text),
        }),
    }
}
