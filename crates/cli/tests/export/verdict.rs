//! What dropcap itself says of a pod under such a policy: worked out by the rules of the runtimes, word by
//! word, without a line of CEL.

use std::collections::BTreeMap;

use caps::CapSet;
use image::Reference;
use manifest::{Container, Workload};
use runtime::{Request, Runtime, User};

/// What may be added.
#[derive(Debug, Default)]
pub struct Allowed {
    /// By any container.
    pub any: CapSet,
    /// By containers of an image, besides.
    pub by_image: BTreeMap<String, CapSet>,
}

/// The containers that do not drop all, that are privileged, that add too much; by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub keeping: Vec<String>,
    pub privileged: Vec<String>,
    pub adding: Vec<String>,
}

impl Verdict {
    pub fn passes(&self) -> bool {
        *self == Self::default()
    }
}

/// The runtimes of Kubernetes: one that reads names exactly, one that reads every prefix away, CRI-O.
fn runtimes() -> [Runtime; 3] {
    ["containerd+runc", "containerd+youki", "crio"].map(|name| name.parse().unwrap())
}

/// The bounding set on each runtime that starts a container with these words.
fn given(add: &[String], drop: &[String], privileged: bool, default: CapSet) -> Vec<CapSet> {
    let request = Request {
        add: add.to_vec(),
        drop: drop.to_vec(),
        privileged,
        user: User::Root,
        ..Request::default()
    };
    let answers = runtimes().map(|runtime| {
        let runtime = runtime.with_default(default).with_own(!CapSet::EMPTY);
        runtime::resolve(&runtime, &request).ok().map(|resolution| resolution.bounding())
    });
    answers.into_iter().flatten().collect()
}

/// Judges a pod.
pub fn of(workload: &Workload, allowed: &Allowed) -> Verdict {
    let mut verdict = Verdict::default();
    for container in &workload.pod.containers {
        if resolve::Context::of(&workload.pod, container).windows.is_some() {
            continue;
        }
        let name = || container.name.clone();
        let privileged = container.security.privileged.as_ref().is_some_and(|p| p.value);
        if privileged {
            // Neither list counts: all is held whatever they say.
            assert!(
                given(&[], &["ALL".to_owned()], true, CapSet::EMPTY)
                    .iter()
                    .all(|s| *s == !CapSet::EMPTY)
            );
            verdict.privileged.push(name());
        }
        if !drops_all(container) {
            verdict.keeping.push(name());
        }
        if adds_too_much(container, allowed) {
            verdict.adding.push(name());
        }
    }
    verdict
}

/// Whether nothing is left of a default set of everything, on every runtime, by one of the words: those
/// that name one capability leave what the next kernel brings.
fn drops_all(container: &Container) -> bool {
    container.security.drop().any(|word| {
        let left = given(&[], std::slice::from_ref(&word.value), false, !CapSet::EMPTY);
        left.len() == runtimes().len() && left.iter().all(|set| *set == CapSet::EMPTY)
    })
}

/// Whether a word gives what is not allowed, on any runtime, or nothing on all.
fn adds_too_much(container: &Container, allowed: &Allowed) -> bool {
    let image = container.image.as_ref().map(|image| Reference::new(&image.value));
    let own = allowed.by_image.iter().find(|(known, _)| Some(Reference::new(known)) == image);
    let allowed = allowed.any | own.map_or(CapSet::EMPTY, |(_, set)| *set);
    container.security.add().any(|word| {
        let given = given(std::slice::from_ref(&word.value), &[], false, CapSet::EMPTY);
        let all = given.into_iter().fold(CapSet::EMPTY, |all, set| all | set);
        all == CapSet::EMPTY || !all.is_subset(allowed)
    })
}
