//! What a container could do before an edit and after, on every runtime: told by `resolve`'s answers,
//! and not by the code that classes edits.

use caps::{CapSet, CapState};
use check::{Consent, Entrypoint, panel};
use manifest::Format;
use runtime::{Request, Resolution, Runtime, Sets, User, resolve};

/// All that a process has or could get, by any of the five sets.
fn sets_of(sets: &Sets) -> impl Iterator<Item = CapSet> {
    let five = |s: &CapState| [s.bounding, s.permitted, s.effective, s.inheritable, s.ambient];
    [&sets.spec, &sets.process].into_iter().flat_map(five).collect::<Vec<_>>().into_iter()
}

/// Whether no set is wider.
pub fn within(after: &Resolution, before: &Resolution) -> bool {
    after
        .sets()
        .zip(before.sets())
        .all(|(after, before)| sets_of(after).zip(sets_of(before)).all(|(a, b)| a.is_subset(b)))
}

/// What could take effect of it.
fn could_take_effect(sets: &Sets, request: &Request, entrypoint: Entrypoint) -> CapSet {
    let process = sets.process;
    let mut could = process.effective | process.permitted | process.ambient | process.inheritable;
    if !request.no_new_privs {
        // sudo, or a file with capabilities.
        could = could | process.bounding;
    } else if entrypoint == Entrypoint::Unknown {
        could = could | (sets.spec.permitted & sets.spec.bounding);
    }
    could
}

/// The runtimes that read files of this format: no engine of Kubernetes reads Compose files.
fn reading(format: Format) -> impl Iterator<Item = &'static Runtime> {
    panel().iter().filter(move |runtime| format != Format::Compose || !runtime.engine.is_cri())
}

/// On every runtime that reads the file: nothing is wider, no container stops, and with safe edits nothing is lost.
pub fn holds(
    format: Format,
    before: &Request,
    after: &Request,
    consent: Consent,
    entrypoint: Entrypoint,
) {
    // Each kind of user by itself: a runtime may start the one and not the other.
    if before.user == User::Unknown {
        for user in [User::Root, User::NonRoot] {
            let [before, after] = [before, after].map(|one| Request { user, ..one.clone() });
            holds(format, &before, &after, consent, entrypoint);
        }
        return;
    }
    for runtime in reading(format) {
        match (resolve(runtime, before), resolve(runtime, after)) {
            (Ok(old), Ok(new)) => {
                assert_eq!(old.sets().count(), new.sets().count(), "{runtime}");
                assert!(within(&new, &old), "{runtime}: wider: {before:?} -> {after:?}");
                if consent == Consent::Safe {
                    for (old, new) in old.sets().zip(new.sets()) {
                        let lost = could_take_effect(old, before, entrypoint)
                            - could_take_effect(new, after, entrypoint);
                        assert_eq!(lost, CapSet::EMPTY, "{runtime}: {before:?} -> {after:?}");
                    }
                }
            }
            (Ok(_), Err(refusal)) => panic!("{runtime}: {refusal}: {before:?} -> {after:?}"),
            (Err(_), Ok(_)) => assert_eq!(consent, Consent::Unsafe, "{runtime}: it starts"),
            (Err(_), Err(_)) => {}
        }
    }
}
