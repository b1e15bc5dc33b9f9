//! What the OCI runtime makes of the names in the spec.
//!
//! Sources:
//! - runc `libcontainer/capabilities/capabilities.go`: names are matched exactly; since 1.0-rc94
//!   one it does not know is left out with a warning.
//! - crun `src/libcrun/linux.c` `read_caps`: libcap's `cap_from_name(3)` (`lookupname` in
//!   `libcap/cap_text.c`) reads letters of either case and `_` and stops at the first other
//!   character, so that `CAP_NET_RAW,CAP_KILL` is NET_RAW, or a number; what it does not know is
//!   left out with a warning before 1.29, and an error since.
//! - gVisor `runsc/specutils/specutils.go`: an unknown name is an error; `NET_RAW` is taken away
//!   unless the sandbox runs with `--net-raw`.
//! - youki's oci-spec-rs 0.9.0 `src/runtime/capability.rs`: every leading `CAP_` is stripped; an
//!   unknown name is an error.

use caps::{CapSet, Capability};

use crate::ledger::{Plan, exact};
use crate::name::{OciRuntime, Runtime, Version};
use crate::odd::{Became, Meaning};
use crate::reason::Reason;
use crate::refusal::Refusal;

/// Reads `plan` as the OCI runtime does.
pub(crate) fn read(runtime: &Runtime, mut plan: Plan) -> Result<Plan, Refusal> {
    for (word, becomes) in std::mem::take(&mut plan.passed_on) {
        if let Some(capability) = lenient(runtime.oci, &becomes) {
            for odd in plan.odd.iter_mut().filter(|odd| odd.word == word) {
                odd.became = match odd.meant {
                    Some(Meaning::One(meant)) if meant == capability => Became::Read,
                    _ => Became::ReadAs { capability },
                };
            }
            plan.bounding.grant(capability, &Reason::Added { word });
            plan.permitted.insert(capability);
        } else if refuses(runtime.oci) {
            let (engine, oci, suggestion) = (runtime.engine, runtime.oci, word.suggestion());
            return Err(Refusal::UnknownToOci { engine, oci, word, becomes, suggestion });
        }
    }
    if runtime.oci == OciRuntime::Gvisor {
        let taken = CapSet::from(Capability::NET_RAW);
        plan.bounding.take(taken, &Reason::taken_by(runtime.oci));
        plan.permitted = plan.permitted - taken;
        plan.effective = plan.effective.map(|effective| effective - taken);
        plan.inheritable = plan.inheritable - taken;
        plan.ambient = plan.ambient - taken;
    }
    Ok(plan)
}

/// What an OCI runtime reads in a name that is not exactly one of the kernel's.
pub(crate) fn lenient(oci: OciRuntime, name: &str) -> Option<Capability> {
    match oci {
        OciRuntime::Runc(_) | OciRuntime::Gvisor => None,
        OciRuntime::Crun(_) => {
            if name.starts_with(|c: char| c.is_ascii_digit()) {
                return number(name);
            }
            let end = name.find(|c: char| !c.is_ascii_alphabetic() && c != '_');
            exact(&name[..end.unwrap_or(name.len())].to_ascii_uppercase())
        }
        OciRuntime::Youki => {
            let mut rest = name;
            while let Some(shorter) = rest.strip_prefix("CAP_") {
                rest = shorter;
            }
            exact(&format!("CAP_{rest}"))
        }
    }
}

/// The number at the start of a word, strtoul(3) with base 0; what follows is not looked at.
fn number(word: &str) -> Option<Capability> {
    let hexadecimal = ["0x", "0X"].iter().find_map(|prefix| word.strip_prefix(prefix));
    let (digits, radix) = match hexadecimal {
        Some(digits) => (digits, 16),
        None if word.starts_with('0') => (word, 8),
        None => (word, 10),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let number = u8::from_str_radix(&digits[..end], radix).ok()?;
    Capability::known().find(|capability| capability.number() == number)
}

/// Whether an OCI runtime refuses a container over a name it does not know.
pub(crate) fn refuses(oci: OciRuntime) -> bool {
    match oci {
        OciRuntime::Runc(version) => version.is_some_and(|v| v < Version::new(1, 0)),
        OciRuntime::Crun(version) => version.is_none_or(|v| v >= Version::new(1, 29)),
        OciRuntime::Gvisor | OciRuntime::Youki => true,
    }
}
