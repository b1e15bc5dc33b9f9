//! What holds for every manifest: edits never widen, safe ones never take away what could take
//! effect, a second run changes nothing, and a smaller set is never judged worse.

extern crate dropcap_check as check;

#[path = "properties/pods.rs"]
mod pods;
#[path = "fixes/sets.rs"]
mod sets;

use std::collections::{BTreeMap, BTreeSet};

use caps::Capability;
use dropcap_check::fix::Class;
use dropcap_check::{
    Checked, Checker, Consent, Entrypoint, Finding, Options, Repaired, Report, Severity, Totals,
    check, panel, repair,
};
use manifest::{Edit, Loaded, Manifest};
use pods::{Pod, WELL, any_pod, pods};
use proptest::prelude::*;
use runtime::{Request, Runtime, resolve};
use sets::{holds, within};

/// The middle container's request.
fn request(manifest: &Manifest) -> Request {
    let workload = &manifest.workloads[0];
    let container = &workload.pod.containers[1];
    resolve::Context::of(&workload.pod, container).request(container)
}

fn repaired(pod: &Pod, consent: Consent, entrypoint: Entrypoint) -> (Manifest, Repaired) {
    let manifest = pod.manifest();
    let options = Options { entrypoint, ..Options::default() };
    let repaired = repair(&manifest, &options, consent);
    assert_eq!(repaired.refused, [], "{}", pod.yaml());
    (manifest, repaired)
}

fn entrypoints() -> impl Strategy<Value = Entrypoint> {
    prop::sample::select(vec![Entrypoint::Unknown, Entrypoint::Plain])
}

fn consents() -> impl Strategy<Value = Consent> {
    prop::sample::select(vec![Consent::Safe, Consent::Unsafe])
}

/// Everything is asked for: the newest restricted level, too.
fn options(runtime: &Runtime) -> Options {
    Options {
        runtime: runtime.clone(),
        assumed: false,
        pod_security: "restricted".parse().ok(),
        ..Options::default()
    }
}

/// The rules that find something at the middle container, each with how bad the worst is and how
/// often that is.
fn verdicts(checked: &Checked) -> BTreeMap<&'static str, Vec<Severity>> {
    let mut verdicts: BTreeMap<&'static str, Vec<Severity>> = BTreeMap::new();
    for finding in &checked.findings {
        if finding.container == Some(1) {
            verdicts.entry(finding.rule.id).or_default().push(finding.severity);
        }
    }
    verdicts
}

fn worst(pod: &Pod, runtime: &Runtime) -> Severity {
    let options = Options { runtime: runtime.clone(), ..Options::default() };
    let all = verdicts(&check(&pod.manifest(), &options));
    // A note is a remark and no verdict.
    all.into_values().flatten().max().unwrap_or(Severity::Note)
}

/// How bad the worst is that is said of a capability, by itself or among others.
fn judged(checked: &Checked, alone: bool) -> BTreeMap<Capability, Severity> {
    let mut judged = BTreeMap::new();
    let findings = checked.findings.iter().filter(|finding| finding.container == Some(1));
    for finding in findings.filter(|finding| !alone || finding.capabilities.len() == 1) {
        for capability in finding.capabilities {
            let worst = judged.entry(capability).or_insert(finding.severity);
            *worst = finding.severity.max(*worst);
        }
    }
    judged
}

/// Rules that speak of everything a container holds with one finding. What they said of all of it
/// others say of what is left.
const UMBRELLAS: [&str; 2] = ["privileged", "add-all"];

/// Findings that count against a container, by how many are at least so bad.
fn counted(verdicts: &BTreeMap<&'static str, Vec<Severity>>) -> [usize; 2] {
    [Severity::Warning, Severity::Error]
        .map(|least| verdicts.values().flatten().filter(|severity| **severity >= least).count())
}

/// Ways to hold less, each by one change of what is written.
fn smaller(pod: &Pod, less: &[&'static str], without: prop::sample::Index) -> Vec<Pod> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut Pod)| {
        let mut other = pod.clone();
        change(&mut other);
        all.push(other);
    };
    with(&|pod| pod.drop.get_or_insert_default().extend(less));
    with(&|pod| pod.drop.get_or_insert_default().push("ALL"));
    with(&|pod| pod.drop = Some(vec!["ALL"]));
    with(&|pod| {
        if let Some(add) = pod.add.as_mut().filter(|add| !add.is_empty()) {
            add.remove(without.index(add.len()));
        }
    });
    with(&|pod| pod.add = None);
    with(&|pod| pod.privileged = false);
    with(&|pod| (pod.add, pod.drop, pod.privileged) = (None, Some(vec!["ALL"]), false));
    all
}

/// So many random pods for each property; more by hand, with `PROPTEST_CASES`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or_else(|| testkit::rounds(32, 96))
}

proptest! {
    // Each tries five runs of edits.
    #![proptest_config(ProptestConfig { cases: cases() / 4, failure_persistence: None, ..ProptestConfig::default() })]

    /// What `check` announces is what `fix` makes and holds back, to the number.
    #[test]
    fn what_is_announced_is_done(
        pod in any_pod(), entrypoint in entrypoints(), runtime in prop::sample::select(panel().to_vec()),
    ) {
        let manifest = pod.manifest();
        let options = Options { entrypoint, ..options(&runtime) };
        let loaded = Loaded { manifests: vec![manifest.clone()], ..Loaded::default() };
        let Totals { safe, not_safe, by_profile, .. } = Report::new(&loaded, &options, false).totals();
        let checker = Checker::new(options);
        let without = checker.repair(&manifest, Consent::Safe);
        let with = checker.repair(&manifest, Consent::Unsafe);
        prop_assert_eq!((without.applied.len(), by_profile), (safe, 0));
        let left = checker.foresee(&without.manifest, &without.checked);
        prop_assert_eq!((left.safe.len(), left.not_safe.len()), (0, not_safe));
        // Whoever consents afterwards comes to the same.
        let later = checker.repair(&without.manifest, Consent::Unsafe);
        prop_assert_eq!(later.applied.len(), not_safe);
        // At once, words that were spelt another way may have gone by what is not safe.
        let others = |applied: &[check::Applied]| -> usize {
            let is_other = |one: &&check::Applied| !matches!(one.change, check::fix::Change::Respell { .. });
            applied.iter().filter(is_other).count()
        };
        prop_assert_eq!(others(&with.applied), others(&without.applied) + others(&later.applied));
        prop_assert!(with.applied.len() <= safe + not_safe);
        prop_assert_eq!(request(&later.manifest), request(&with.manifest));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edits_never_widen_and_safe_ones_never_take(
        pod in any_pod(), consent in consents(), entrypoint in entrypoints(),
    ) {
        let (before, after) = repaired(&pod, consent, entrypoint);
        let format = manifest::Format::Kubernetes;
        holds(format, &request(&before), &request(&after.manifest), consent, entrypoint);
        if consent == Consent::Unsafe {
            let checker = Checker::new(Options { entrypoint, ..Options::default() });
            let foreseen = checker.foresee(&before, &checker.check(&before));
            let held = |checked: &Checked| checked.containers.iter().map(|c| c.held).collect::<Vec<_>>();
            prop_assert_eq!(foreseen.after, held(&after.checked));
        } else {
            prop_assert!(after.applied.iter().all(|applied| applied.class == Class::Safe));
        }
    }

    #[test]
    fn the_other_bytes_stay_and_a_second_run_changes_nothing(
        pod in any_pod(), consent in consents(), entrypoint in entrypoints(),
    ) {
        let (before, after) = repaired(&pod, consent, entrypoint);
        let (old, new) = (before.source.text(), after.source.text());
        let containers = &before.workloads[0].pod.containers;
        let tail = old.len() - containers[2].span.start;
        prop_assert!(new.starts_with(&old[..containers[1].span.start]), "{new}");
        prop_assert!(new.ends_with(&old[old.len() - tail..]), "{new}");
        // Outside the lists every line is there again, in the same order.
        let kept = |text: &str| -> Vec<String> {
            let lists = ["          ", "        capabilities:"];
            text.lines().filter(|l| !lists.iter().any(|p| l.starts_with(p))).map(str::to_owned).collect()
        };
        prop_assert_eq!(kept(new), kept(old));
        prop_assert_eq!(after.applied.is_empty(), old == new);

        let options = Options { entrypoint, ..Options::default() };
        let again = repair(&manifest::parse("pod.yaml", new), &options, consent);
        prop_assert_eq!(again.applied.len(), 0, "{:?}", again.applied);
        prop_assert_eq!(again.source.text(), new);
    }

    #[test]
    fn a_smaller_set_is_never_judged_worse(
        pod in pods(WELL.to_vec()),
        less in prop::collection::vec(prop::sample::select(WELL.to_vec()), 1..4),
        without in any::<prop::sample::Index>(),
        runtime in prop::sample::select(panel().to_vec()),
    ) {
        let sets = |pod: &Pod| resolve(&runtime, &request(&pod.manifest()));
        let Ok(large) = sets(&pod) else { return Ok(()) };
        let checker = Checker::new(options(&runtime));
        let checked = checker.check(&pod.manifest());
        let (was, before) = (verdicts(&checked), judged(&checked, false));
        for smaller in smaller(&pod, &less, without) {
            let Ok(small) = sets(&smaller) else { continue };
            if !within(&small, &large) {
                continue;
            }
            let checked = checker.check(&smaller.manifest());
            let (is, after) = (verdicts(&checked), judged(&checked, true));
            for (capability, severity) in &after {
                let before = before.get(capability);
                prop_assert!(
                    before >= Some(severity), "{capability}: {before:?} -> {severity}\n{}{}",
                    pod.yaml(), smaller.yaml()
                );
            }
            let said = format!("{runtime}: {was:?} -> {is:?}\n{}{}", pod.yaml(), smaller.yaml());
            let worst = |verdicts: &BTreeMap<&str, Vec<Severity>>| {
                verdicts.values().flatten().max().copied().unwrap_or(Severity::Note)
            };
            prop_assert!(worst(&is) <= worst(&was), "{said}");
            if UMBRELLAS.iter().any(|rule| was.contains_key(rule) && !is.contains_key(rule)) {
                // One finding about everything gives way to those about what is still held.
                continue;
            }
            // Nothing new that counts: not one warning more, not one error more, and no rule that
            // is stricter than it was.
            for (is, was) in counted(&is).iter().zip(counted(&was)) {
                prop_assert!(*is <= was, "{said}");
            }
            for (rule, severities) in &is {
                let now = severities.iter().max().unwrap();
                // A rule that is new speaks in place of a worse one that is silent now.
                let worse = was.iter().filter(|(rule, _)| !is.contains_key(*rule));
                let worse = worse.flat_map(|(_, all)| all).any(|was| was > now);
                let before = was.get(rule).and_then(|all| all.iter().max());
                let allowed = *now == Severity::Note || before >= Some(now) || worse;
                prop_assert!(allowed, "{rule}: {said}");
            }
        }
    }

    #[test]
    fn advice_that_is_followed_triggers_no_other_rule(
        pod in any_pod(), entrypoint in entrypoints(),
        runtime in prop::sample::select(panel().to_vec()),
    ) {
        let manifest = pod.manifest();
        let checker = Checker::new(Options { entrypoint, ..options(&runtime) });
        let rules = |checked: &Checked| -> BTreeSet<(Option<usize>, &'static str)> {
            checked.findings.iter().map(|finding| (finding.container, finding.rule.id)).collect()
        };
        let checked = checker.check(&manifest);
        let was = rules(&checked);
        for finding in &checked.findings {
            // An edit, by itself.
            let Some(fix) = finding.remedy.fix() else { continue };
            let id = checked.containers[finding.container.unwrap()].id;
            let edits = fix.change.edits().into_iter();
            let edits: Vec<Edit> = edits.map(|change| Edit { container: id, change }).collect();
            let edited = manifest::apply(&manifest, &edits);
            prop_assert_eq!(edited.refused.len(), 0);
            let edited = manifest::parse_source(edited.source);
            let after = checker.check(&edited);
            let now = rules(&after);
            let umbrella = checked.findings.iter().find(|finding| {
                let of = (finding.container, finding.rule.id);
                UMBRELLAS.contains(&finding.rule.id) && !now.contains(&of)
            });
            let left = |finding: &&Finding| {
                umbrella.is_some_and(|umbrella| {
                    !finding.capabilities.is_empty()
                        && finding.capabilities.is_subset(umbrella.capabilities)
                        && finding.severity <= umbrella.severity
                })
            };
            let new: Vec<&str> = after
                .findings
                .iter()
                .filter(|finding| !was.contains(&(finding.container, finding.rule.id)))
                .filter(|finding| !left(finding))
                // It says what a lost NET_BIND_SERVICE was for: the edit is unsafe, and the finding
                // told to add it back.
                .filter(|after| after.rule.id != "low-port" || fix.class == Class::Safe)
                .map(|finding| finding.rule.id)
                .collect();
            prop_assert!(
                new.is_empty(), "{} -> {new:?}\n{}{}", finding.rule.id, pod.yaml(), edited.source.text()
            );
        }
    }

    /// What is said in words, done by hand.
    #[test]
    fn help_that_is_followed_triggers_no_other_rule(
        pod in any_pod(), runtime in prop::sample::select(panel().to_vec()),
    ) {
        let checker = Checker::new(options(&runtime));
        let was = verdicts(&checker.check(&pod.manifest()));
        let mut followed = pod.clone();
        // Fields that a manifest has once; each is changed only if a rule says so.
        if was.contains_key("set-uid-regain") {
            followed.no_new_privs = true;
            let admin = |word: &&str| word.parse() == Ok(Capability::SYS_ADMIN);
            followed.add.iter_mut().for_each(|add| add.retain(|word| !admin(word)));
        }
        if was.contains_key("privileged") {
            (followed.privileged, followed.add, followed.drop) = (false, None, Some(vec!["ALL"]));
        }
        if was.contains_key("low-port") {
            followed.open_ports = true;
        }
        let now = verdicts(&checker.check(&followed.manifest()));
        for gone in ["set-uid-regain", "privileged", "low-port"] {
            // A port below 1024 that nobody opens is a matter of its own once `privileged` went.
            let port = gone == "low-port" && !was.contains_key("low-port");
            prop_assert!(port || !now.contains_key(gone), "{gone}: {}", followed.yaml());
        }
        let new: Vec<_> =
            now.keys().filter(|rule| !was.contains_key(*rule) && **rule != "low-port").collect();
        prop_assert!(new.is_empty(), "{was:?} -> {now:?}\n{}{}", pod.yaml(), followed.yaml());
    }

    #[test]
    fn what_pod_security_restricted_accepts_is_no_error(
        mut pod in any_pod(), bind in any::<bool>(),
        runtime in prop::sample::select(panel().to_vec()),
    ) {
        pod.drop.get_or_insert_default().push("ALL");
        pod.add = bind.then(|| vec!["NET_BIND_SERVICE"]);
        (pod.privileged, pod.host_pid, pod.host_path) = (false, false, false);
        pod.no_new_privs = true;
        pod.user = "        runAsNonRoot: true\n";
        prop_assert!(worst(&pod, &runtime) < Severity::Error, "{}", pod.yaml());
    }
}

/// The same by the numbers, for every pair of sets that a list of single drops can leave.
#[test]
fn each_capability_taken_away_makes_it_better_or_leaves_it() {
    let runtime: Runtime = "containerd".parse().unwrap();
    let default = runtime.default_set();
    let names: Vec<&'static str> = default.iter().filter_map(Capability::name).collect();
    let pod = |drop: Vec<&'static str>| Pod {
        add: None,
        drop: Some(drop),
        user: "        runAsUser: 0\n",
        no_new_privs: false,
        privileged: false,
        host_pid: true,
        host_path: true,
        user_namespace: false,
        flow: true,
        port: None,
        open_ports: false,
        ping: false,
    };
    assert_eq!(worst(&pod(Vec::new()), &runtime), Severity::Error);
    let mut last = Severity::Error;
    for count in 0..=names.len() {
        let now = worst(&pod(names[..count].to_vec()), &runtime);
        assert!(now <= last, "{count}: {last} -> {now}");
        last = now;
    }
    assert_eq!(last, Severity::Note);
}
