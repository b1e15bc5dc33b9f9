//! The sets in `/proc` of what `run` started, for every runtime: the 41 single ones and, where everything is tried,
//! 500 random.

use caps::{CapSet, CapState, Capability};
use runtime::{Engine, Request, Runtime, User};

use crate::{field, run, sets_of, stderr, stdout};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.bits().is_multiple_of(many)
    }

    /// Few, half, or most of all capabilities.
    fn set(&mut self) -> CapSet {
        let bits = match self.bits() % 3 {
            0 => self.bits() & self.bits() & self.bits(),
            1 => self.bits(),
            _ => self.bits() | self.bits() | self.bits(),
        };
        CapSet::from_bits(bits) & CapSet::all_known()
    }
}

/// What a root process gets, and one of user 1000, from nothing but `added`: said here once more,
/// without the code that is tested.
fn from_nothing(engine: Engine, root: bool, added: CapSet) -> CapState {
    let state = CapState { bounding: added, ..CapState::default() };
    match (root, engine) {
        (true, _) => CapState { permitted: added, effective: added, ..state },
        // Podman alone raises what is added in the ambient set.
        (false, Engine::Podman) => CapState {
            permitted: added,
            effective: added,
            inheritable: added,
            ambient: added,
            ..state
        },
        (false, _) => state,
    }
}

struct Case {
    engine: Engine,
    root: bool,
    no_new_privs: bool,
    add: CapSet,
    drop: Option<CapSet>,
}

impl Case {
    /// Runs it; the five sets, or what was said.
    fn run(&self) -> Result<CapState, String> {
        let list = |set: CapSet| set.iter().map(|c| c.to_string()).collect::<Vec<_>>().join(",");
        let (add, drop) = (list(self.add), self.drop.map_or("ALL".to_owned(), list));
        let mut words = vec!["-q", "run", "--runtime", self.engine.word()];
        for (flag, list) in [("--cap-add", &add), ("--cap-drop", &drop)] {
            if !list.is_empty() {
                words.extend([flag, list]);
            }
        }
        words.extend(if self.root { ["--user", "0:0"] } else { ["--user", "1000:1001"] });
        if self.no_new_privs {
            words.push("--no-new-privs");
        }
        words.extend(["cat", "/proc/self/status"]);
        let output = run(&words);
        if output.status.code() != Some(0) {
            assert_eq!(output.status.code(), Some(125), "{words:?}");
            return Err(stderr(&output).to_owned());
        }
        let status = stdout(&output);
        let (uid, gid) = if self.root { (0, 0) } else { (1000, 1001) };
        assert_eq!(field(status, "Uid"), format!("{uid} {uid} {uid} {uid}"));
        assert_eq!(field(status, "Gid"), format!("{gid} {gid} {gid} {gid}"));
        assert_eq!(field(status, "Groups"), gid.to_string());
        assert_eq!(field(status, "NoNewPrivs"), u8::from(self.no_new_privs).to_string());
        Ok(sets_of(status))
    }

    /// What `runtime` says of it, on a machine where everything can be had.
    fn resolved(&self) -> Result<runtime::Sets, runtime::Refusal> {
        let words = |set: CapSet| set.iter().map(|c| c.to_string()).collect::<Vec<_>>();
        let request = Request {
            add: words(self.add),
            drop: self.drop.map_or(vec!["ALL".to_owned()], words),
            no_new_privs: self.no_new_privs,
            user: if self.root { User::Root } else { User::NonRoot },
            ..Request::default()
        };
        runtime::resolve(&Runtime::new(self.engine), &request).map(|r| r.most().clone())
    }
}

/// An error that names exactly what this machine does not have of what was asked for.
fn names(said: &str, missing: CapSet) -> bool {
    said.starts_with(&format!("error: cannot have {missing}: not in this process's bounding set"))
}

#[test]
fn each_of_the_forty_one_alone_for_every_runtime() {
    testkit::needs!(root, capability(6), capability(7), capability(8));
    let own = sys::credentials::own_state().unwrap().bounding;
    let (mut had, mut missing) = (0, CapSet::EMPTY);
    let engines: Vec<Engine> = testkit::sample(&Engine::ALL).copied().collect();
    for &engine in &engines {
        for capability in Capability::known() {
            for root in [true, false] {
                let add = CapSet::from(capability);
                let case = Case { engine, root, no_new_privs: false, add, drop: None };
                match case.run() {
                    Ok(state) => {
                        assert_eq!(state, from_nothing(engine, root, add), "{engine} {add}");
                        had += 1;
                    }
                    Err(said) => {
                        assert!(!own.contains(capability) && names(&said, add), "{said}");
                        missing.insert(capability);
                    }
                }
            }
        }
    }
    assert_eq!(missing, CapSet::all_known() - own);
    assert_eq!(had, engines.len() * 2 * (41 - missing.len()));
}

#[test]
fn random_sets_for_every_runtime() {
    testkit::needs!(root, capability(6), capability(7), capability(8));
    let own = sys::credentials::own_state().unwrap().bounding;
    let seed = std::env::var("DROPCAP_SEED").ok().map(|seed| seed.parse().expect("a number"));
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    let mut random = Random(seed);
    let count = testkit::rounds(50, 500);
    for engine in Engine::ALL {
        let (mut had, mut refused, mut missing) = (0, 0, 0);
        for index in 0..count {
            let what = format!("{engine}, case {index}, DROPCAP_SEED={seed}");
            let mut case = Case {
                engine,
                root: random.one_in(2),
                no_new_privs: random.one_in(4),
                add: random.set(),
                drop: random.one_in(2).then(|| random.set()),
            };
            // What the machine cannot give is asked for now and then only.
            if !random.one_in(8) {
                case.add = case.add & own;
            }
            let expected = case.resolved();
            let got = case.run();
            match (expected, got) {
                (Ok(sets), Ok(state)) => {
                    // What is only there because a whole set is (plain Linux) is less here.
                    let own = |set: CapSet| set & own;
                    let CapState { bounding, permitted, effective, inheritable, ambient } =
                        sets.process;
                    let expected = CapState {
                        bounding: own(bounding),
                        permitted: own(permitted),
                        effective: own(effective),
                        inheritable: own(inheritable),
                        ambient: own(ambient),
                    };
                    assert_eq!(state, expected, "{what}");
                    if case.drop.is_none() {
                        let alone = from_nothing(engine, case.root, case.add);
                        assert_eq!(state, alone, "{what}");
                    }
                    had += 1;
                }
                (Ok(sets), Err(said)) => {
                    let lacking = sets.spec.bounding - own;
                    assert!(!lacking.is_empty() && names(&said, lacking), "{what}: {said}");
                    missing += 1;
                }
                (Err(refusal), Err(said)) => {
                    assert_eq!(said.lines().next(), Some(&*format!("error: {refusal}")), "{what}");
                    refused += 1;
                }
                (Err(refusal), Ok(_)) => panic!("{what}: runs although {refusal}"),
            }
        }
        assert_eq!(had + refused + missing, count);
        assert!(had * 10 > count * 3, "{engine}: {had} had, {refused} refused, {missing} missing");
        // Podman alone refuses what is both added and dropped.
        assert_eq!(refused > 0, engine == Engine::Podman, "{engine}: {refused}");
    }
}

#[test]
fn without_a_word_it_is_what_docker_gives() {
    testkit::needs!(root, capability(8), capability(27));
    let output = run(&["run", "cat", "/proc/self/status"]);
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
    let set = CapSet::from_bits(0xa804_25fb);
    let state = CapState { bounding: set, permitted: set, effective: set, ..CapState::default() };
    assert_eq!(sets_of(stdout(&output)), state);
}
