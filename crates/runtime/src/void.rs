//! What an OCI configuration names in its five sets and no process gets.
//!
//! Sources:
//! - names: see `oci.rs`.
//! - beyond the bounding set: `execve` gives a program what its file permits within the bounding
//!   set and what is ambient, and an ambient capability is inheritable, which `capset` refuses beyond
//!   the bounding set (capabilities(7); security/commoncap.c `cap_bprm_creds_from_file`, `cap_capset`).
//! - ambient: only what is both permitted and inheritable is raised (prctl(2) `PR_CAP_AMBIENT`).
//!   runc 1.5 `libcontainer/capabilities/capabilities.go` `ApplyCaps` warns of the rest, crun 1.28
//!   `src/libcrun/linux.c` `set_required_caps` says nothing.

use std::fmt;

use caps::{CapSet, CapState, Capability};

use crate::ledger::exact;
use crate::name::{OciRuntime, Runtime};
use crate::oci;
use crate::request::Request;

/// One of the five sets of an OCI configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SpecSet {
    /// `bounding`.
    Bounding,
    /// `effective`.
    Effective,
    /// `permitted`.
    Permitted,
    /// `inheritable`.
    Inheritable,
    /// `ambient`.
    Ambient,
}

impl SpecSet {
    /// All of them.
    pub const ALL: [SpecSet; 5] = [
        SpecSet::Bounding,
        SpecSet::Effective,
        SpecSet::Permitted,
        SpecSet::Inheritable,
        SpecSet::Ambient,
    ];

    /// What a request has in it; nothing where it is no OCI configuration's.
    #[must_use]
    pub fn names(self, request: &Request) -> &[String] {
        match (self, &request.spec) {
            (_, None) => &[],
            (SpecSet::Bounding, _) => &request.add,
            (SpecSet::Effective, Some(spec)) => &spec.effective,
            (SpecSet::Permitted, Some(spec)) => &spec.permitted,
            (SpecSet::Inheritable, Some(spec)) => &spec.inheritable,
            (SpecSet::Ambient, Some(spec)) => &spec.ambient,
        }
    }
}

/// As the specification calls it.
impl fmt::Display for SpecSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            SpecSet::Bounding => "bounding",
            SpecSet::Effective => "effective",
            SpecSet::Permitted => "permitted",
            SpecSet::Inheritable => "inheritable",
            SpecSet::Ambient => "ambient",
        })
    }
}

/// A name in an OCI configuration that has no effect in some of its sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Void {
    /// The name.
    pub name: String,
    /// Where it has none: the sets, with its index there. Never empty.
    pub places: Vec<(SpecSet, usize)>,
    /// Why.
    pub why: VoidReason,
}

/// Why a name has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VoidReason {
    /// The OCI runtime knows no capability of exactly this name and leaves it out.
    Unread {
        /// The one that was probably meant.
        suggestion: Option<Capability>,
    },
    /// It is not in the bounding set, so that `execve` leaves nothing of it.
    BeyondBounding,
    /// The kernel does not raise it in the ambient set: for that it has to be in these, too.
    NotRaised {
        /// `permitted`, `inheritable`, or both.
        missing: Vec<SpecSet>,
    },
}

impl Void {
    /// The sets, in words: `permitted and effective`.
    #[must_use]
    pub fn sets(&self) -> String {
        list(self.places.iter().map(|(set, _)| *set))
    }

    /// What becomes of it, in a sentence without a full stop.
    #[must_use]
    pub fn sentence(&self, oci: OciRuntime) -> String {
        let Self { name, why, .. } = self;
        let sets = self.sets();
        match why {
            VoidReason::Unread { suggestion: None } => {
                format!("{oci} leaves `{name}` out of {sets}: no capability is called so")
            }
            VoidReason::Unread { suggestion: Some(near) } => {
                format!("{oci} leaves `{name}` out of {sets}: did you mean CAP_{near}?")
            }
            VoidReason::BeyondBounding => format!(
                "`{name}` has no effect in {sets}: it is not in the bounding set, and execve \
                 leaves nothing of it"
            ),
            VoidReason::NotRaised { missing } => format!(
                "`{name}` is not raised in {sets}: the kernel wants it in {}, too",
                list(missing.iter().copied())
            ),
        }
    }
}

/// `a`, `a and b`, `a, b and c`.
fn list(sets: impl Iterator<Item = SpecSet>) -> String {
    let mut names: Vec<String> = sets.map(|set| set.to_string()).collect();
    match names.pop() {
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} and {last}", names.join(", ")),
        None => String::new(),
    }
}

/// What an OCI runtime makes of a name in an OCI configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameReading {
    /// It takes it for this.
    Read(Capability),
    /// It leaves it out.
    LeftOut,
    /// It refuses the container.
    Refused,
}

impl NameReading {
    /// What `oci` makes of `name`.
    #[must_use]
    pub fn of(oci: OciRuntime, name: &str) -> Self {
        match exact(name).or_else(|| oci::lenient(oci, name)) {
            Some(capability) => NameReading::Read(capability),
            None if oci::refuses(oci) => NameReading::Refused,
            None => NameReading::LeftOut,
        }
    }
}

/// All names of `request` without effect, in the order of the sets; `spec` is what was read of them.
pub(crate) fn find(runtime: &Runtime, request: &Request, spec: &CapState) -> Vec<Void> {
    let mut found: Vec<Void> = Vec::new();
    let raised = spec.ambient & spec.permitted & spec.inheritable;
    for set in SpecSet::ALL {
        for (index, name) in set.names(request).iter().enumerate() {
            let why = match NameReading::of(runtime.oci, name) {
                NameReading::Read(capability) => match void(set, capability, spec, raised) {
                    Some(why) => why,
                    None => continue,
                },
                NameReading::LeftOut | NameReading::Refused => {
                    VoidReason::Unread { suggestion: suggestion(name) }
                }
            };
            match found.iter_mut().find(|void| void.name == *name && void.why == why) {
                Some(void) => {
                    if void.places.iter().all(|(there, _)| *there != set) {
                        void.places.push((set, index));
                    }
                }
                None => {
                    found.push(Void { name: name.clone(), places: vec![(set, index)], why });
                }
            }
        }
    }
    found
}

fn void(
    set: SpecSet,
    capability: Capability,
    spec: &CapState,
    raised: CapSet,
) -> Option<VoidReason> {
    if !spec.bounding.contains(capability) {
        return Some(VoidReason::BeyondBounding);
    }
    if set != SpecSet::Ambient || raised.contains(capability) {
        return None;
    }
    let needed = [(SpecSet::Permitted, spec.permitted), (SpecSet::Inheritable, spec.inheritable)];
    let missing = needed.into_iter().filter(|(_, there)| !there.contains(capability));
    Some(VoidReason::NotRaised { missing: missing.map(|(set, _)| set).collect() })
}

/// The capability that a name that is not read was probably meant to be.
pub(crate) fn suggestion(name: &str) -> Option<Capability> {
    match name.parse::<Capability>() {
        Ok(capability) => Some(capability).filter(|capability| capability.name().is_some()),
        Err(error) => error.suggestion(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{SpecSets, User};
    use crate::sets::resolve;

    /// `bounding=A,B permitted=A`: the capabilities of each set.
    fn request(words: &str, user: User) -> Request {
        let of = |set: &str| -> Vec<String> {
            let lists = words.split(' ').filter_map(|word| word.split_once('='));
            let list = lists.filter(|(name, _)| *name == set).flat_map(|(_, all)| all.split(','));
            list.map(|name| format!("CAP_{name}")).collect()
        };
        let spec = SpecSets {
            effective: of("effective"),
            permitted: of("permitted"),
            inheritable: of("inheritable"),
            ambient: of("ambient"),
        };
        Request { add: of("bounding"), spec: Some(spec), user, ..Request::default() }
    }

    fn said(words: &str) -> Vec<String> {
        let runtime = Runtime::new(crate::Engine::Containerd);
        let resolution = resolve(&runtime, &request(words, User::Root)).unwrap();
        let sets = resolution.most();
        sets.void.iter().map(|void| void.sentence(runtime.oci)).collect()
    }

    #[test]
    fn what_no_process_gets_is_told_with_the_reason() {
        let beyond = "it is not in the bounding set, and execve leaves nothing of it";
        for (words, expected) in [
            ("bounding=KILL effective=KILL permitted=KILL", vec![]),
            ("bounding=KILL permitted=KILL inheritable=KILL ambient=KILL", vec![]),
            (
                "bounding=KILL,FOO permitted=KILL,FOO",
                vec!["runc leaves `CAP_FOO` out of bounding and permitted: no capability is called so"
                    .to_owned()],
            ),
            (
                "bounding=SYS_ADMINN",
                vec!["runc leaves `CAP_SYS_ADMINN` out of bounding: did you mean CAP_SYS_ADMIN?"
                    .to_owned()],
            ),
            (
                "effective=SYS_ADMIN permitted=SYS_ADMIN",
                vec![format!("`CAP_SYS_ADMIN` has no effect in effective and permitted: {beyond}")],
            ),
            ("ambient=KILL", vec![format!("`CAP_KILL` has no effect in ambient: {beyond}")]),
            (
                "bounding=KILL permitted=KILL ambient=KILL",
                vec!["`CAP_KILL` is not raised in ambient: the kernel wants it in inheritable, too"
                    .to_owned()],
            ),
            (
                "bounding=KILL ambient=KILL",
                vec!["`CAP_KILL` is not raised in ambient: the kernel wants it in permitted and \
                      inheritable, too"
                    .to_owned()],
            ),
        ] {
            assert_eq!(said(words), expected, "{words}");
        }
    }

    /// Whatever is in the sets: taking out what is called void changes nothing of what the process has.
    #[test]
    fn without_what_is_void_the_process_has_the_same() {
        let runtime = Runtime::new(crate::Engine::Containerd);
        let (mut started, mut void) = (0, 0);
        for bits in 0..1u32 << 5 {
            for user in [User::Root, User::NonRoot] {
                for no_new_privs in [false, true] {
                    let words: Vec<String> = SpecSet::ALL
                        .iter()
                        .enumerate()
                        .filter(|(at, _)| bits & (1 << at) != 0)
                        .map(|(_, set)| format!("{set}=KILL"))
                        .collect();
                    let request = Request { no_new_privs, ..request(&words.join(" "), user) };
                    let Ok(before) = resolve(&runtime, &request) else { continue };
                    let mut without = request.clone();
                    for found in &before.most().void {
                        void += 1;
                        for (set, _) in &found.places {
                            let spec = without.spec.as_mut().unwrap();
                            let list = match set {
                                SpecSet::Bounding => &mut without.add,
                                SpecSet::Effective => &mut spec.effective,
                                SpecSet::Permitted => &mut spec.permitted,
                                SpecSet::Inheritable => &mut spec.inheritable,
                                SpecSet::Ambient => &mut spec.ambient,
                            };
                            list.clear();
                        }
                    }
                    let after = resolve(&runtime, &without).unwrap();
                    assert_eq!(before.most().process, after.most().process, "{words:?} {user:?}");
                    assert_eq!(after.most().void, [], "{words:?}");
                    started += 1;
                }
            }
        }
        assert_eq!((started, void), (72, 36));
    }
}
