//! What holds of every request on every runtime.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod cases;

use caps::CapSet;
use dropcap_runtime::{Engine, List, Request, Runtime, Sets, User, Word, resolve};
use proptest::prelude::*;

use cases::{request, requests, word};

/// The engines, and containerd over each OCI runtime.
fn runtimes() -> Vec<Runtime> {
    let over = ["containerd+crun@1.8", "containerd+youki", "containerd+gvisor", "crio@1.17"];
    let over = over.into_iter().map(|name| name.parse().unwrap());
    Engine::ALL.into_iter().map(Runtime::new).chain(over).collect()
}

/// The answer for a known user, or `None` if the container does not start.
fn sets(runtime: &Runtime, request: &Request) -> Option<Sets> {
    Some(resolve(runtime, request).ok()?.most().clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_and_repetition_do_not_matter(request in requests(), seed in any::<u64>()) {
        let mut shuffled = request.clone();
        for list in [&mut shuffled.add, &mut shuffled.drop] {
            let turn = if list.is_empty() { 0 } else { seed as usize % list.len() };
            list.rotate_left(turn);
            if seed & 1 == 1 {
                list.reverse();
            }
            list.extend(list.first().cloned());
        }
        for runtime in runtimes() {
            let (one, two) = (sets(&runtime, &request), sets(&runtime, &shuffled));
            prop_assert_eq!(one.map(|s| (s.spec, s.process)), two.map(|s| (s.spec, s.process)));
        }
    }

    /// nerdctl is the exception: with `drop: [ALL]` it forgets the names under `drop`.
    #[test]
    fn one_more_word_under_drop_never_gives(request in requests(), word in word()) {
        let mut more = request.clone();
        more.drop.push(word);
        let names_forgotten = more.drop.iter().any(|w| w.eq_ignore_ascii_case("ALL"));
        for runtime in runtimes() {
            if runtime.engine == Engine::Nerdctl && names_forgotten {
                continue;
            }
            if let (Some(one), Some(two)) = (sets(&runtime, &request), sets(&runtime, &more)) {
                prop_assert!(two.process.bounding.is_subset(one.process.bounding), "{}", runtime);
                prop_assert!(two.process.effective.is_subset(one.process.effective), "{}", runtime);
            }
        }
    }

    /// Docker is the exception: what is added by name survives a drop by name, what is added by
    /// `ALL` does not.
    #[test]
    fn one_more_word_under_add_never_takes(request in requests(), word in word()) {
        let mut more = request.clone();
        more.add.push(word);
        let by_all = more.add.iter().any(|w| w.eq_ignore_ascii_case("ALL"));
        for runtime in runtimes() {
            if runtime.engine == Engine::Docker && by_all {
                continue;
            }
            if let (Some(one), Some(two)) = (sets(&runtime, &request), sets(&runtime, &more)) {
                prop_assert!(one.process.bounding.is_subset(two.process.bounding), "{}", runtime);
                prop_assert!(one.process.effective.is_subset(two.process.effective), "{}", runtime);
            }
        }
    }

    #[test]
    fn the_sets_fit_together(request in requests()) {
        for runtime in runtimes() {
            let Some(sets) = sets(&runtime, &request) else { continue };
            let process = sets.process;
            prop_assert!(process.effective.is_subset(process.permitted));
            prop_assert!(process.ambient.is_subset(process.permitted & process.inheritable));
            prop_assert_eq!(process.bounding, sets.spec.bounding);
            prop_assert!(sets.regainable.is_subset(process.bounding | process.inheritable));
            prop_assert!((sets.regainable & process.permitted).is_empty());
            if request.no_new_privs {
                prop_assert!(sets.regainable.is_empty());
            }
            if request.user == User::Root {
                prop_assert_eq!(process.effective, process.bounding);
            } else if !matches!(runtime.engine, Engine::Podman | Engine::Crio) {
                prop_assert_eq!(process.permitted, CapSet::EMPTY);
            }
        }
    }

    #[test]
    fn privileged_is_everything_whatever_the_lists_say(request in requests()) {
        let request = Request { privileged: true, ..request };
        for runtime in runtimes() {
            if let Some(sets) = sets(&runtime, &request)
                && runtime.oci != dropcap_runtime::OciRuntime::Gvisor
            {
                prop_assert_eq!(sets.process.bounding, CapSet::all_known());
            }
        }
    }

    #[test]
    fn every_fate_agrees_with_the_sets_and_names_a_word_that_is_there(request in requests()) {
        for runtime in runtimes() {
            let Some(sets) = sets(&runtime, &request) else { continue };
            prop_assert_eq!(sets.fates().count(), 41);
            for fate in sets.fates() {
                prop_assert_eq!(fate.effective, sets.process.effective.contains(fate.capability));
                prop_assert_eq!(fate.bounding, sets.process.bounding.contains(fate.capability));
                for reason in [&fate.reason, &fate.bounding_reason] {
                    if let Some(Word { list, index, text }) = reason.word() {
                        let list = match list {
                            List::Add => &request.add,
                            List::Drop => &request.drop,
                        };
                        prop_assert_eq!(&list[*index], text);
                    }
                }
            }
        }
    }

    #[test]
    fn an_unknown_user_is_both_answers(request in requests()) {
        for runtime in runtimes() {
            let of = |user| resolve(&runtime, &Request { user, ..request.clone() });
            match (of(User::Unknown), of(User::Root), of(User::NonRoot)) {
                (Ok(both), Ok(root), Ok(non_root)) => {
                    prop_assert_eq!(both.refusal(), None);
                    prop_assert_eq!(both.most(), root.most());
                    prop_assert_eq!(both.least(), non_root.most());
                    prop_assert_eq!(
                        both.surely_effective() | both.possibly_effective(),
                        both.most().process.effective
                    );
                }
                (Ok(both), Ok(one), Err(refusal)) | (Ok(both), Err(refusal), Ok(one)) => {
                    prop_assert_eq!(both.refusal(), Some(&refusal));
                    prop_assert_eq!([both.most(), both.least()], [one.most(), one.most()]);
                    prop_assert_eq!(both.surely_effective(), CapSet::EMPTY);
                    prop_assert_eq!(both.possibly_effective(), one.most().process.effective);
                }
                (both, root, non_root) => {
                    prop_assert!(both.is_err() && root.is_err() && non_root.is_err());
                }
            }
        }
    }

    #[test]
    fn any_text_is_answered(words in prop::collection::vec(any::<String>(), 0..4)) {
        let request = Request { add: words.clone(), drop: words, ..Request::default() };
        for runtime in runtimes() {
            if let Err(refusal) = resolve(&runtime, &request) {
                prop_assert!(!refusal.to_string().is_empty());
            }
        }
    }
}

/// The table of disagreements, runtime by runtime.
#[test]
fn the_runtimes_disagree_as_they_do() {
    let held = |runtime: &str, add: &[&str], drop: &[&str], what: &str| {
        let runtime: Runtime = runtime.parse().unwrap();
        match resolve(&runtime, &request(add, drop)) {
            Ok(resolution) => {
                let held = resolution.most().process.effective;
                if what == "*" {
                    if held.is_empty() {
                        "none"
                    } else if held == CapSet::all_known() {
                        "all"
                    } else {
                        "some"
                    }
                } else if held.contains(what.parse().unwrap()) {
                    "present"
                } else {
                    "absent"
                }
            }
            Err(_) => "error",
        }
    };
    let engines = ["containerd", "crio", "docker", "podman", "nerdctl"];
    let row = |add, drop, what| engines.map(|engine| held(engine, add, drop, what));
    assert_eq!(
        row(&["CHOWN"], &["CHOWN"], "CHOWN"),
        ["absent", "absent", "present", "error", "absent"]
    );
    assert_eq!(row(&["ALL"], &["ALL"], "*"), ["none", "none", "all", "error", "all"]);
    assert_eq!(
        row(&["CHOWN"], &["ALL", "CHOWN"], "CHOWN"),
        ["absent", "absent", "present", "present", "present"]
    );
    assert_eq!(
        row(&[], &["CAP_CHOWN"], "CHOWN"),
        ["present", "absent", "absent", "absent", "absent"]
    );
    assert_eq!(
        row(&["CAP_SYS_ADMIN"], &[], "SYS_ADMIN"),
        ["absent", "present", "present", "present", "present"]
    );
    assert_eq!(
        row(&["SYS_ADMINN"], &[], "SYS_ADMIN"),
        ["absent", "error", "error", "error", "absent"]
    );
    assert_eq!(held("containerd+youki", &["CAP_SYS_ADMIN"], &[], "SYS_ADMIN"), "present");
    assert_eq!(held("containerd+crun", &["CAP_SYS_ADMIN"], &[], "SYS_ADMIN"), "error");
    assert_eq!(held("containerd+crun@1.28", &["CAP_SYS_ADMIN"], &[], "SYS_ADMIN"), "absent");
    assert_eq!(held("containerd+gvisor", &[], &[], "NET_RAW"), "absent");
}
