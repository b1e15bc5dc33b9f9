//! The demo's service needs exactly what its documentation says, and the proof finds it without a trace.

use std::ops::ControlFlow;
use std::time::Duration;

use caps::{CapSet, Capability};
use dropcap_jobs::demo::harness::{Harness, HarnessError};
use dropcap_jobs::demo::verify::verify;
use fit::{Outcome, Proof, Ran, Rigour, Runner};

/// What it does: gives its cache away, binds port 80, steps down.
const NEEDED: CapSet = CapSet::of(&[
    Capability::CHOWN,
    Capability::NET_BIND_SERVICE,
    Capability::SETGID,
    Capability::SETUID,
]);

/// containerd's default set.
const DEFAULT: CapSet = CapSet::from_bits(0xa804_25fb);

struct Trials<'h>(&'h mut Harness);

impl Runner for Trials<'_> {
    type Error = HarnessError;

    fn run(&mut self, set: CapSet, _: bool) -> Result<Ran, HarnessError> {
        Ok(Ran { outcome: self.0.trial(set)?, observed: None, took: Duration::ZERO })
    }
}

#[test]
fn the_proof_finds_the_four_among_fourteen_and_the_running_service_holds_no_more() {
    testkit::needs!(root);
    let program = testkit::dropcap();
    // In a thread of its own: its network is its own, and so is that of what it starts.
    std::thread::spawn(move || {
        sys::isolate::own_network().unwrap();
        let mut harness = Harness::new(program, 33, 80).unwrap();

        let options =
            fit::Options { rigour: Rigour::Proven, traced: false, ..fit::Options::default() };
        let on = |_: fit::Event<'_>| ControlFlow::Continue(());
        let answer = fit::fit(&mut Trials(&mut harness), DEFAULT, options, on).unwrap();
        assert_eq!((answer.set, &answer.proof), (NEEDED, &Proof::Proven));
        let failure = answer.failure_without(Capability::NET_BIND_SERVICE).unwrap();
        assert_eq!(failure, "bind 0.0.0.0:80: Permission denied (os error 13)");

        let verified = verify(&mut harness, NEEDED).unwrap();
        assert!(verified.holds(NEEDED), "{verified:#?}");
        assert_eq!(verified.user, 33);
        let allowed: Vec<&str> = verified
            .operations
            .iter()
            .filter(|o| o.allowed == Some(true))
            .map(|o| o.what)
            .collect();
        assert_eq!(allowed, ["give a file away", "bind port 81"]);

        let without = harness.trial(NEEDED.without(Capability::CHOWN)).unwrap();
        let Outcome::Failed(why) = without else { panic!("it works without CHOWN") };
        assert_eq!(why, "chown cache to 33: Operation not permitted (os error 1)");
    })
    .join()
    .unwrap();
}
