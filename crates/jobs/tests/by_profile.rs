//! Profiles written into manifests: whatever is in either, what comes out is what was learnt.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

#[path = "by_profile/everywhere.rs"]
mod everywhere;
mod made;
#[path = "by_profile/user.rs"]
mod user;
#[path = "by_profile/ways.rs"]
mod ways;
#[path = "by_profile/words.rs"]
mod words;

use caps::{CapSet, Capability};
use check::learnt::{Accepted, Basis, Library, MAX_AGE_DAYS, Ran};
use check::{Checked, Checker, Consent, Options, PatchError, Selection, panel};
use dropcap_jobs::by_profile::{self, Outcome, Treated, write};
use dropcap_jobs::learnt::learnt;
use jiff::Timestamp;
use manifest::Manifest;
use proptest::prelude::*;
use record::observation;
use record::profile::{Profile, Proof, Run, Target};
use record::requirement::{Requirement, Verdict};
use record::search::{Found, Place, Search};
use runtime::{Request, Runtime, User, resolve};

const NOW: &str = "2026-06-01T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn needs(any_of: &[Capability], verdict: Verdict, what: &str) -> Requirement {
    Requirement {
        any_of: any_of.to_vec(),
        uses: vec![made::used(what, verdict)],
        stated: None,
        remedies: Vec::new(),
    }
}

/// A run of a command, recorded then.
fn run(recorded: &str) -> Run {
    let target = observation::Target::Command { argv: vec!["web".to_owned()] };
    Run { id: recorded.to_owned(), recorded: recorded.parse().ok(), ..made::run(target) }
}

/// A complete profile of the image `web:1`.
fn profile(evidence: Vec<Requirement>) -> Profile {
    let target = Target { image: Some("web:1".to_owned()), ..Target::default() };
    Profile::new("web", target, evidence, vec![run("2026-05-20T00:00:00Z")])
}

fn checker(profiles: &[Profile], accepted: Accepted) -> Checker {
    let files = ["a.yaml", "b.yaml", "c.yaml"];
    let all = profiles.iter().zip(files).map(|(one, file)| learnt(file, one, now())).collect();
    let learnt = Library::new(all, MAX_AGE_DAYS).accepting(accepted);
    let selection = Selection::new(&["over-granted", "missing-capability"], &[]).unwrap();
    Checker::new(Options { learnt, selection, ..Options::default() })
}

/// A pod whose second container runs `web:1`, with this in its security context.
fn pod(security: &str) -> Manifest {
    let text = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{ name: web }}\nspec:\n  containers:\n    - name: log\n      \
         image: log\n    - name: web # the page\n      image: web:1\n      securityContext: {security}\n"
    );
    let manifest = manifest::parse("web.yaml", text.as_str());
    assert_eq!(manifest.problems, [], "{text}");
    manifest
}

fn nobody(_: &mut Checked) {}

/// The request of the second container.
fn request(manifest: &Manifest) -> Request {
    let pod = &manifest.workloads[0].pod;
    resolve::Context::of(pod, &pod.containers[1]).request(&pod.containers[1])
}

fn cri() -> impl Iterator<Item = &'static Runtime> {
    panel().iter().filter(|runtime| runtime.engine.is_cri())
}

fn bounding(runtime: &Runtime, request: &Request) -> CapSet {
    resolve(runtime, request).unwrap().most().process.bounding
}

fn only<'t, 'l>(treated: &'t [Treated<'l>]) -> &'t Outcome<'l> {
    let [one] = treated else { panic!("{treated:?}") };
    &one.outcome
}

const NET_RAW: CapSet = CapSet::of(&[Capability::NET_RAW]);

const POOL: [Capability; 10] = [
    Capability::CHOWN,
    Capability::DAC_OVERRIDE,
    Capability::SETUID,
    Capability::SETGID,
    Capability::NET_RAW,
    Capability::NET_BIND_SERVICE,
    Capability::KILL,
    Capability::SYS_TIME,
    Capability::SYS_ADMIN,
    Capability::MKNOD,
];

fn set() -> impl Strategy<Value = Vec<Capability>> {
    prop::sample::subsequence(POOL.to_vec(), 0..6)
}

fn names(set: &[Capability]) -> String {
    set.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: testkit::rounds(48, 128), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_exactly_what_was_learnt_and_never_more_than_it_had(
        needed in set(), doubtful in set(), add in set(), drop in set(), all in any::<bool>(),
        user in prop::sample::select(vec![Some(0), Some(1000), None]), sealed in any::<bool>(),
        allow_widen in any::<bool>(), proven in any::<bool>(), explain in any::<bool>(),
    ) {
        let evidence = needed.iter().map(|c| needs(&[*c], Verdict::Needed, "this"));
        let evidence = evidence.chain(doubtful.iter().map(|c| needs(&[*c], Verdict::Doubtful, "that")));
        let mut profile = profile(evidence.collect());
        if proven {
            let (capabilities, test) = (profile.add(), "it serves".to_owned());
            profile.status.proofs.push(Proof { capabilities, test, trials: 3, recorded: None });
            profile.settle();
        }
        let wanted = profile.add();
        let drop = if all { "ALL".to_owned() } else { names(&drop) };
        let user = user.map(|uid| format!("runAsUser: {uid}, ")).unwrap_or_default();
        let manifest = pod(&format!(
            "{{ {user}allowPrivilegeEscalation: {}, capabilities: {{ drop: [{drop}], add: [{}] }} }}",
            !sealed, names(&add)
        ));
        let before = request(&manifest);
        let checker = checker(&[profile], Accepted::default());
        let how = by_profile::Options { allow_widen, explain, ..by_profile::Options::default() };
        let (written, treated) = write(&checker, &manifest, how, &nobody);
        prop_assert_eq!(&written.workloads[0].pod.containers[0], &manifest.workloads[0].pod.containers[0]);
        if proven && before.user == User::NonRoot {
            // A proof as the image's own user is none for another one.
            let doubted = matches!(only(&treated), Outcome::Doubted { .. });
            prop_assert!(doubted, "{treated:?}");
            return Ok(());
        }
        let patched = match only(&treated) {
            Outcome::Written { patched, .. } => patched,
            Outcome::HeldBack { .. } => {
                prop_assert!(wanted.is_empty() && !proven, "{treated:?}");
                prop_assert_eq!(written.source.text(), manifest.source.text());
                return Ok(());
            }
            Outcome::Refused { error: PatchError::Widens { gained, .. }, .. } => {
                // Held on the runtime of the run, and not on another.
                prop_assert!(!allow_widen);
                let here = bounding(&checker.options.runtime, &before);
                prop_assert!(gained.is_subset(here & wanted), "{gained}");
                prop_assert!(cri().any(|runtime| !gained.is_subset(bounding(runtime, &before))));
                prop_assert_eq!(written.source.text(), manifest.source.text());
                return Ok(());
            }
            other => panic!("{other:?}"),
        };
        let after = request(&written);
        prop_assert_eq!(&after.drop, &["ALL"]);
        let left_out: CapSet = patched.left_out.iter().map(|left| left.capability).collect();
        let rest = wanted - left_out - patched.withheld;
        for runtime in cri() {
            let (was, now) = (resolve(runtime, &before), resolve(runtime, &after).unwrap());
            // gVisor never gives NET_RAW, whatever is asked.
            let gives = CapSet::all_known()
                - if runtime.to_string().contains("gvisor") { NET_RAW } else { CapSet::EMPTY };
            let rest = rest & gives;
            for sets in now.sets() {
                prop_assert_eq!(sets.process.bounding, rest, "{}", runtime);
                let root = if before.user == User::NonRoot { CapSet::EMPTY } else { rest };
                prop_assert!(sets.process.effective.is_subset(root), "{}", runtime);
            }
            if before.user == User::Root {
                prop_assert_eq!(now.most().process.effective, rest, "{}", runtime);
            }
            if let Ok(was) = was {
                let gained = now.most().process.bounding - was.most().process.bounding;
                prop_assert!(allow_widen || gained.is_empty(), "{}: {}", runtime, gained);
                prop_assert!(gained.is_subset(patched.gained));
            }
        }
        if before.user == User::NonRoot {
            // A file may carry what is in the bounding set, and nothing else.
            let here = cri().fold(CapSet::EMPTY, |all, one| all | bounding(one, &before));
            prop_assert!(rest.is_subset(here), "{} of {}", rest, here);
        } else {
            prop_assert_eq!(left_out, CapSet::EMPTY);
        }
        prop_assert!(!allow_widen || patched.withheld.is_empty());
        // A second run changes nothing.
        let (again, treated) = write(&checker, &written, how, &nobody);
        prop_assert_eq!(again.source.text(), written.source.text());
        let same = matches!(only(&treated), Outcome::Written { patched, .. } if !patched.changed);
        prop_assert!(same, "{treated:?}");
        // Nor is anything left to say.
        let checked = checker.check(&written);
        let found: Vec<&str> = checked.findings.iter().map(|finding| finding.rule.id).collect();
        prop_assert!(!found.contains(&"over-granted"), "{:?}", checked.findings);
        let missing = found.contains(&"missing-capability");
        let whole = left_out.is_empty() && patched.withheld.is_empty() && before.user != User::NonRoot;
        prop_assert!(!(missing && whole), "{:?}", checked.findings);
    }

    #[test]
    fn what_is_too_much_is_never_worse_for_being_less(
        needed in set(), add in set(), keep in any::<[bool; 6]>(), drop in set(), more in set(),
        user in prop::sample::select(vec!["runAsUser: 0, ", "runAsUser: 1000, ", ""]),
    ) {
        let evidence = needed.iter().map(|c| needs(&[*c], Verdict::Needed, "this"));
        let checker = checker(&[profile(evidence.collect())], Accepted::default());
        let worst = |drop: &[Capability], add: &[Capability]| {
            let manifest = pod(&format!(
                "{{ {user}capabilities: {{ drop: [{}], add: [{}] }} }}", names(drop), names(add)
            ));
            let checked = checker.check(&manifest);
            let all = checked.findings.iter().filter(|finding| finding.rule.id == "over-granted");
            (all.map(|finding| finding.severity).max(), request(&manifest))
        };
        let fewer: Vec<Capability> =
            add.iter().zip(keep).filter(|(_, keep)| *keep).map(|(one, _)| *one).collect();
        let dropped: Vec<Capability> = drop.iter().chain(&more).copied().collect();
        let ((was, large), (is, small)) = (worst(&drop, &add), worst(&dropped, &fewer));
        let runtime = &checker.options.runtime;
        if bounding(runtime, &small).is_subset(bounding(runtime, &large)) {
            prop_assert!(is <= was, "{was:?} -> {is:?}: {large:?} -> {small:?}");
        }
    }
}

fn web() -> Profile {
    profile(vec![
        needs(&[Capability::SETUID], Verdict::Needed, "setuid to 33"),
        needs(&[Capability::KILL], Verdict::Doubtful, "kill 1"),
    ])
}

fn treat<'l>(checker: &'l Checker, security: &str) -> (String, Outcome<'l>) {
    let (written, mut treated) =
        write(checker, &pod(security), by_profile::Options::default(), &nobody);
    assert_eq!(treated.len(), 1, "{treated:?}");
    (written.source.text().to_owned(), treated.pop().unwrap().outcome)
}

#[test]
fn what_may_not_hold_is_not_written_unless_a_person_takes_it() {
    let mut incomplete = web();
    incomplete.status.runs[0].start_seen = false;
    incomplete.settle();
    let mut old = web();
    old.status.runs[0].recorded = "2025-06-01T00:00:00Z".parse().ok();
    let mut other = web();
    other.spec.target.image = Some("web:0".to_owned());
    other.spec.target.workload = Some("Pod/web".to_owned());
    other.spec.target.container = Some("web".to_owned());
    let take = |incomplete, other_image| Accepted { incomplete, other_image };
    for (profile, says, accepted) in [
        (incomplete, "it is incomplete: start not seen", Some(take(true, false))),
        (old, "it is 365 days old, and 180 are allowed", None),
        (other, "it was learnt from web:0, and this is web:1", Some(take(false, true))),
    ] {
        let refusing = checker(std::slice::from_ref(&profile), Accepted::default());
        let (text, outcome) = treat(&refusing, "{ runAsUser: 0 }");
        assert_eq!(text, pod("{ runAsUser: 0 }").source.text());
        let Outcome::Doubted { objections, .. } = outcome else { panic!("{outcome:?}") };
        assert!(objections[0].to_string().starts_with(says), "{}", objections[0]);
        let Some(accepted) = accepted else { continue };
        let taking = checker(&[profile], accepted);
        let (text, outcome) = treat(&taking, "{ runAsUser: 0 }");
        assert!(text.contains("drop: [ALL]"), "{text}");
        let Outcome::Written { accepted, .. } = outcome else { panic!("{outcome:?}") };
        assert!(accepted[0].to_string().starts_with(says));
    }
}

#[test]
fn the_newest_of_runs_and_trials_is_the_age() {
    let mut profile = web();
    profile.status.runs.push(run("2025-01-01T00:00:00Z"));
    assert_eq!(learnt("a", &profile, now()).age, Some(12));
    let proof = |capabilities, recorded: &str| Proof {
        capabilities,
        test: "it serves".to_owned(),
        trials: 1,
        recorded: recorded.parse().ok(),
    };
    profile.status.proofs.push(proof(CapSet::EMPTY, NOW));
    profile.settle();
    let unproven = learnt("a", &profile, now());
    assert_eq!((unproven.age, unproven.basis), (Some(12), Basis::Traced), "it is of another set");
    profile.status.proofs.push(proof(profile.add(), "2026-05-31T12:00:00Z"));
    profile.settle();
    let proven = learnt("a", &profile, now());
    let by = Basis::Proven { test: "it serves".to_owned() };
    assert_eq!((proven.age, proven.basis), (Some(1), by));
    profile.status.runs.clear();
    profile.status.proofs.clear();
    assert_eq!(learnt("a", &profile, now()).age, None);
}

#[test]
fn two_of_one_kind_are_too_many_and_a_comment_keeps_what_it_is_about() {
    let both = checker(&[web(), web()], Accepted::default());
    let (text, outcome) = treat(&both, "{ runAsUser: 0 }");
    assert_eq!(text, pod("{ runAsUser: 0 }").source.text());
    assert!(matches!(outcome, Outcome::Ambiguous(all) if all.len() == 2));
    let one = checker(&[web()], Accepted::default());
    // Nothing of the Big Four: those take a waiver.
    let more = "{ runAsUser: 0, capabilities: { drop: [ALL], add: [SETUID, KILL, NET_RAW] } }";
    let ignored = pod(more)
        .source
        .text()
        .replace("# the page", "# dropcap: ignore[over-granted] a plugin needs more");
    let manifest = manifest::parse("web.yaml", ignored.as_str());
    let (written, treated) = write(&one, &manifest, by_profile::Options::default(), &nobody);
    assert_eq!(written.source.text(), ignored);
    assert!(
        matches!(only(&treated), Outcome::Kept { why, .. } if why == "ignored: a plugin needs more"),
        "{treated:?}"
    );
}

#[test]
fn what_serves_as_well_stays_and_ports_are_known() {
    let evidence = vec![
        needs(
            &[Capability::DAC_OVERRIDE, Capability::DAC_READ_SEARCH],
            Verdict::Needed,
            "open /etc/shadow",
        ),
        needs(&[Capability::NET_BIND_SERVICE], Verdict::Needed, "bind [::]:443"),
        needs(&[Capability::NET_BIND_SERVICE], Verdict::Needed, "bind 0.0.0.0:80"),
    ];
    let profile = profile(evidence);
    let known = learnt("a", &profile, now());
    let ports: Vec<Option<u16>> = known.needs.iter().map(|need| need.port).collect();
    assert_eq!(ports, [None, Some(80)]);
    assert_eq!(known.needs[0].alternatives, [Capability::DAC_READ_SEARCH]);
    let checker = checker(&[profile], Accepted::default());
    let security = "{ runAsUser: 0, capabilities: { drop: [ALL], add: [DAC_READ_SEARCH, SYS_TIME, NET_BIND_SERVICE] } }";
    let (text, outcome) = treat(&checker, security);
    assert!(text.contains("add: [DAC_READ_SEARCH, NET_BIND_SERVICE]"), "{text}");
    let Outcome::Written { patched, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(patched.lost, CapSet::from(Capability::SYS_TIME));
}

#[test]
fn a_search_in_a_container_is_about_what_it_ran_and_as_whom() {
    let mut one = web();
    one.status.searches.push(search());
    assert_eq!(learnt("a", &one, now()).about.ran, Ran::Own);
    one.spec.target.args = vec!["true".to_owned()];
    one.spec.target.user = Some(33);
    let about = learnt("a", &one, now()).about;
    let args = vec!["true".to_owned()];
    assert_eq!((about.ran, about.user), (Ran::Words { command: Vec::new(), args }, Some(33)));
    assert_eq!(learnt("a", &web(), now()).about.ran, Ran::Unknown);

    // A proof as a user is none for root, by whatever it is met.
    for workload in [None, Some("Pod/web".to_owned())] {
        let mut profile = proven();
        profile.spec.target.user = Some(33);
        profile.spec.target.workload = workload;
        let checker = checker(&[profile], Accepted { incomplete: true, other_image: true });
        for (security, here) in [
            ("{ runAsUser: 0 }", "user 0"),
            ("{ runAsUser: 1000 }", "user 1000"),
            ("{ privileged: false }", "the image's own user"),
        ] {
            let (text, outcome) = treat(&checker, security);
            assert_eq!(text, pod(security).source.text());
            let Outcome::Doubted { objections, .. } = outcome else { panic!("{outcome:?}") };
            let said: Vec<String> = objections.iter().map(ToString::to_string).collect();
            assert_eq!(
                said,
                [format!("it was learnt as user 33, and this container runs as {here}")]
            );
        }
        let (text, outcome) = treat(&checker, "{ runAsUser: 33 }");
        assert!(matches!(outcome, Outcome::Written { .. }), "{outcome:?}");
        assert!(text.contains("drop: [ALL]"), "{text}");
    }
}

fn search() -> Search {
    Search {
        test: "it serves".to_owned(),
        place: Place::Container,
        found: Found::Proven,
        undecided: CapSet::EMPTY,
        start: CapSet::EMPTY,
        minimum: CapSet::EMPTY,
        without_new_denials: None,
        recorded: None,
        runs: Vec::new(),
    }
}

fn proven() -> Profile {
    let mut profile = web();
    let (capabilities, test) = (profile.add(), "it serves".to_owned());
    profile.status.proofs.push(Proof { capabilities, test, trials: 3, recorded: None });
    profile.settle();
    profile
}

#[test]
fn nobody_asked_for_what_is_not_proven() {
    let how = by_profile::Options { safe_only: true, ..by_profile::Options::default() };
    let root = pod("{ runAsUser: 0 }");
    let traced = checker(&[web()], Accepted::default());
    let (written, treated) = write(&traced, &root, how, &nobody);
    assert_eq!(written.source.text(), root.source.text());
    let Outcome::HeldBack { lost, .. } = only(&treated) else { panic!("{treated:?}") };
    assert!(lost.contains(Capability::NET_RAW) && (*lost & web().add()).is_empty(), "{lost}");
    let proven = checker(&[proven()], Accepted::default());
    let (written, treated) = write(&proven, &root, how, &nobody);
    assert!(matches!(only(&treated), Outcome::Written { .. }), "{treated:?}");
    assert_ne!(written.source.text(), root.source.text());
    // What takes nothing away takes no consent.
    let (_, treated) = write(&traced, &written, how, &nobody);
    assert!(matches!(only(&treated), Outcome::Written { .. }), "{treated:?}");
}

#[test]
fn what_a_user_namespace_cannot_give_is_missing_whatever_the_lists_say() {
    let profile = profile(vec![
        needs(&[Capability::SYS_TIME], Verdict::Needed, "set the clock"),
        needs(&[Capability::CHOWN], Verdict::Needed, "chown /x to 7"),
    ]);
    let checker = checker(&[profile], Accepted::default());
    let plain = pod("{ runAsUser: 0, capabilities: { drop: [ALL], add: [SYS_TIME, CHOWN] } }");
    let said = |text: &str| {
        let manifest = manifest::parse("web.yaml", text);
        let found = checker.check(&manifest).findings;
        found.iter().map(|one| format!("{}: {}", one.rule.id, one.message)).collect::<Vec<_>>()
    };
    let text = plain.source.text();
    assert_eq!(said(text), [""; 0]);
    let own = text.replace("spec:\n", "spec:\n  hostUsers: false\n");
    let expected = "missing-capability: SYS_TIME takes no effect in container `web`, which will break \
                    at set the clock";
    let found = said(&own);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with(expected), "{found:?}");
}

/// The profile's edit is refused at first: what extends the service would have another word, too. When
/// both are spelt right nothing is left to be written.
#[test]
fn what_an_edit_makes_possible_for_a_profile_is_done_in_the_same_run() {
    let text = "services:\n  web:\n    image: web:1\n    cap_drop: [all]\n  other:\n    image: other\n    \
                extends: web\n";
    let learnt = checker(&[profile(Vec::new())], Accepted::default());
    let ordinary = Selection::default().without(check::Topic::Profile);
    let ordinary = Checker::new(Options { selection: ordinary, ..learnt.options.clone() });
    let fix = |text: &str| {
        let manifest = manifest::parse("compose.yaml", text);
        let options = by_profile::Options::default();
        let (repaired, treated) =
            by_profile::fix(&learnt, &ordinary, &manifest, options, Consent::Safe, &nobody);
        let [Treated { outcome: Outcome::Written { .. }, .. }] = treated.as_slice() else {
            panic!("{treated:?}")
        };
        repaired
    };
    let first = fix(text);
    assert_eq!(first.source.text(), text.replace("all", "ALL"));
    let second = fix(first.source.text());
    assert_eq!((second.applied.len(), second.source.text()), (0, first.source.text()));
}
