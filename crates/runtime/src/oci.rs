//! What the OCI runtime makes of the names in the spec.
//!
//! Sources: runc `libcontainer/capabilities/capabilities.go` (since 1.0-rc94 a name it does not
//! know is left out with a warning, matched exactly); crun `src/libcrun/linux.c` (a warning
//! before 1.29, an error since); gVisor `runsc/specutils/specutils.go` (an error; `NET_RAW` is
//! taken away unless the sandbox runs with `--net-raw`); youki's oci-spec-rs
//! `src/runtime/capability.rs` (every leading `CAP_` is stripped; an unknown name is an error).

use caps::{CapSet, Capability};

use crate::ledger::{Plan, exact};
use crate::name::{OciRuntime, Runtime, Version};
use crate::odd::Became;
use crate::reason::Reason;
use crate::refusal::Refusal;

/// Reads `plan` as the OCI runtime does.
pub(crate) fn read(runtime: &Runtime, mut plan: Plan) -> Result<Plan, Refusal> {
    for (word, becomes) in std::mem::take(&mut plan.passed_on) {
        let refuse = match runtime.oci {
            OciRuntime::Runc(version) => version.is_some_and(|v| v < Version::new(1, 0)),
            OciRuntime::Crun(version) => version.is_none_or(|v| v >= Version::new(1, 29)),
            OciRuntime::Gvisor => true,
            OciRuntime::Youki => {
                if let Some(capability) = exact(&format!("CAP_{}", stripped(&becomes))) {
                    for odd in plan.odd.iter_mut().filter(|odd| odd.word == word) {
                        odd.became = Became::Read;
                    }
                    plan.bounding.grant(capability, &Reason::Added { word });
                    plan.permitted.insert(capability);
                    continue;
                }
                true
            }
        };
        if refuse {
            let (engine, oci, suggestion) = (runtime.engine, runtime.oci, word.suggestion());
            return Err(Refusal::UnknownToOci { engine, oci, word, becomes, suggestion });
        }
    }
    if runtime.oci == OciRuntime::Gvisor {
        let taken = CapSet::from(Capability::NET_RAW);
        plan.bounding.take(taken, &Reason::taken_by(runtime.oci));
        plan.permitted = plan.permitted - taken;
        plan.inheritable = plan.inheritable - taken;
        plan.ambient = plan.ambient - taken;
    }
    Ok(plan)
}

/// Without any leading `CAP_`.
fn stripped(mut name: &str) -> &str {
    while let Some(rest) = name.strip_prefix("CAP_") {
        name = rest;
    }
    name
}
