//! Ways to need less, of which a manifest has some changes and a runtime's default makes others: what is
//! written breaks nothing on any runtime that reads such a file, and is what `check` announces.

use caps::{CapSet, Capability};
use check::learnt::{Library, MAX_AGE_DAYS};
use check::{Checker, Options, Selection, panel};
use dropcap_jobs::by_profile::{self, Outcome, write};
use dropcap_jobs::learnt::learnt;
use manifest::Manifest;
use proptest::prelude::*;
use record::profile::{Profile, Proof};
use record::requirement::Verdict;
use record::zero::{ALL_GROUPS, Change, Held, LOW_PORTS, PING, Tried, Zero};
use runtime::Runtime;

use super::{needs, nobody, now, profile};

/// What is needed without any change.
const NEEDS: [(Capability, &str); 4] = [
    (Capability::NET_BIND_SERVICE, "bind 0.0.0.0:80"),
    (Capability::NET_RAW, "socket AF_INET SOCK_RAW icmp"),
    (Capability::CHOWN, "chown /var/cache/web to 33"),
    (Capability::SETUID, "setuid to 33"),
];

/// The changes that are tried, each with what it is to make needless.
fn changes() -> [(Change, CapSet); 4] {
    let sysctl =
        |name: &str, value: &str| Change::Sysctl { name: name.to_owned(), value: value.to_owned() };
    [
        (sysctl(LOW_PORTS, "80"), Capability::NET_BIND_SERVICE.into()),
        (sysctl(PING, ALL_GROUPS), Capability::NET_RAW.into()),
        (Change::User { user: 33, group: None }, Capability::SETUID.into()),
        (
            Change::EmptyDir { path: "/var/cache/web".to_owned(), fs_group: None },
            Capability::CHOWN.into(),
        ),
    ]
}

#[derive(Debug, Clone)]
struct Case {
    compose: bool,
    needs: Vec<(Capability, &'static str)>,
    /// The changes of each way, and whether it came to need what they are to make needless all the same.
    ways: Vec<(Vec<(Change, CapSet)>, bool)>,
    /// What of [`changes`] the manifest has.
    has: [bool; 4],
    host_network: bool,
    /// Its two lists.
    lists: Option<&'static str>,
    proven: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let way = (prop::sample::subsequence(changes().to_vec(), 1..3), prop::bool::weighted(0.3));
    let lists = [None, Some("SETUID, KILL"), Some("NET_BIND_SERVICE, NET_RAW, CHOWN")];
    (
        any::<bool>(),
        prop::sample::subsequence(NEEDS.to_vec(), 0..4),
        prop::collection::vec(way, 0..3),
        any::<[bool; 4]>(),
        prop::bool::weighted(0.1),
        prop::sample::select(lists.to_vec()),
        any::<bool>(),
    )
        .prop_map(|(compose, needs, ways, has, host_network, lists, proven)| Case {
            compose,
            needs,
            ways,
            has,
            host_network,
            lists,
            proven,
        })
}

impl Case {
    fn manifest(&self) -> Manifest {
        let [ports, ping, user, empty] = self.has;
        let of = |is: bool, text: &str| if is { text.to_owned() } else { String::new() };
        let text = if self.compose {
            let lists =
                self.lists.map(|add| format!("    cap_drop: [ALL]\n    cap_add: [{add}]\n"));
            format!(
                "services:\n  web:\n    image: web:1\n    user: \"{}\"\n{}{}{}",
                if user { 33 } else { 0 },
                of(
                    ports || ping,
                    &format!(
                        "    sysctls:\n{}{}",
                        of(ports, "      net.ipv4.ip_unprivileged_port_start: 80\n"),
                        of(ping, "      net.ipv4.ping_group_range: \"0 2147483647\"\n")
                    )
                ),
                of(self.host_network, "    network_mode: host\n"),
                lists.unwrap_or_default()
            )
        } else {
            let lists =
                self.lists.map(|add| format!("capabilities: {{ drop: [ALL], add: [{add}] }}"));
            let sysctls = [
                of(ports, &format!("{{ name: {LOW_PORTS}, value: \"80\" }}, ")),
                of(ping, &format!("{{ name: {PING}, value: \"{ALL_GROUPS}\" }}")),
            ];
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{ name: web }}\nspec:\n  hostNetwork: {}\n  \
                 securityContext: {{ sysctls: [{}] }}\n  containers:\n    - name: web\n      image: web:1\n      \
                 securityContext: {{ {}{} }}\n{}  volumes: [{{ name: c, emptyDir: {{}} }}]\n",
                self.host_network,
                sysctls.concat(),
                of(user, "runAsUser: 33, "),
                lists.unwrap_or_default(),
                of(empty, "      volumeMounts: [{ name: c, mountPath: /var/cache/web }]\n"),
            )
        };
        let manifest = manifest::parse("web.yaml", text.as_str());
        assert_eq!(manifest.problems, [], "{text}");
        manifest
    }

    fn profile(&self) -> Profile {
        let need =
            |(capability, what): &(Capability, &str)| needs(&[*capability], Verdict::Needed, what);
        let mut profile = profile(self.needs.iter().map(need).collect());
        profile.spec.target.user = self.compose.then_some(0);
        if self.proven {
            let (capabilities, test) = (profile.add(), "it serves".to_owned());
            profile.status.proofs.push(Proof { capabilities, test, trials: 3, recorded: None });
        }
        let all = profile.add();
        for (changes, in_vain) in &self.ways {
            let gone = changes.iter().fold(CapSet::EMPTY, |all, (_, removes)| all | *removes);
            let gone = if *in_vain { CapSet::EMPTY } else { gone };
            let tried = changes.iter().map(|(change, removes)| Tried {
                change: change.clone(),
                removes: *removes,
                why: "it does".to_owned(),
                result: Held::Holds,
                said: None,
            });
            profile.status.zero.push(Zero {
                test: "it serves".to_owned(),
                reached: (all - gone).is_empty(),
                changes: tried.collect(),
                remains: all - gone,
                in_the_way: Vec::new(),
                doubts: Vec::new(),
                remarks: Vec::new(),
                recorded: None,
                runs: Vec::new(),
            });
        }
        profile.settle();
        profile
    }

    /// What of the needs a way that it goes by its own words came to need, too.
    fn remains(&self) -> CapSet {
        let (known, all) = (changes(), self.needs.iter().map(|(need, _)| *need).collect());
        let [_, _, as_user, _] = self.has;
        let has = |change: &Change| {
            known.iter().zip(self.has).any(|((one, _), has)| has && one == change)
        };
        let of = |(changes, in_vain): &(Vec<(Change, CapSet)>, bool)| {
            let changes_user = changes.iter().any(|(one, _)| matches!(one, Change::User { .. }));
            let goes = changes.iter().all(|(one, _)| has(one)) && changes_user == as_user;
            let gone = changes.iter().fold(CapSet::EMPTY, |all, (_, removes)| all | *removes);
            match (goes, in_vain) {
                (false, _) => CapSet::EMPTY,
                (true, true) => all,
                (true, false) => all - gone,
            }
        };
        self.ways.iter().fold(CapSet::EMPTY, |all, way| all | of(way))
    }

    /// All that read such a file, and a release that nobody is asked about by default.
    fn runtimes(&self) -> Vec<Runtime> {
        let more = if self.compose { "docker@19.3" } else { "containerd@1.7" };
        let reads = |runtime: &&Runtime| runtime.engine.is_cri() != self.compose;
        panel().iter().filter(reads).cloned().chain(more.parse().ok()).collect()
    }
}

fn on(runtime: &Runtime, library: &Library) -> Checker {
    let selection = Selection::new(&["over-granted", "missing-capability"], &[]).unwrap();
    let (learnt, runtime, compose_runtime) = (library.clone(), runtime.clone(), runtime.clone());
    Checker::new(Options { learnt, selection, runtime, compose_runtime, ..Options::default() })
}

/// What it is said to lack.
fn missing(checker: &Checker, manifest: &Manifest) -> CapSet {
    let found = checker.check(manifest).findings;
    let found = found.iter().filter(|finding| finding.rule.id == "missing-capability");
    found.fold(CapSet::EMPTY, |all, finding| all | finding.capabilities)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: testkit::rounds(24, 64), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_breaks_nothing_anywhere_and_is_what_was_announced(case in case()) {
        let manifest = case.manifest();
        let library = Library::new(vec![learnt("a.yaml", &case.profile(), now())], MAX_AGE_DAYS);
        let runtimes: Vec<Checker> =
            case.runtimes().iter().map(|runtime| on(runtime, &library)).collect();
        let assumed = Checker::new(Options { learnt: library, ..Options::default() });
        let how = by_profile::Options::default();
        let (written, _) = write(&assumed, &manifest, how, &nobody);
        let held = |manifest| {
            let found = assumed.check(manifest).containers;
            found[0].held.map_or(CapSet::EMPTY, |held| held.reach())
        };
        let taken = (held(&manifest) - held(&written)) & case.remains();
        // emptyDirs of a Compose file are not read.
        prop_assert!(case.compose || taken.is_empty(), "{}\n{}", taken, written.source.text());
        for checker in &runtimes {
            let name = checker.options.runtime.to_string();
            let more = missing(checker, &written) - missing(checker, &manifest);
            prop_assert!(more.is_empty(), "{}: {}\n{}", name, more, written.source.text());
            let announced = checker.announce(&manifest, &checker.check(&manifest), &nobody);
            let (done, treated) = write(checker, &manifest, how, &nobody);
            let more = missing(checker, &done) - missing(checker, &manifest);
            prop_assert!(more.is_empty(), "{}: {}\n{}", name, more, done.source.text());
            // Nothing seen is not nothing needed.
            if treated.iter().any(|one| matches!(one.outcome, Outcome::HeldBack { .. })) {
                continue;
            }
            let held: Vec<_> =
                checker.check(&done).containers.iter().map(|container| container.held).collect();
            prop_assert_eq!(announced.after, held, "{}\n{}", name, done.source.text());
        }
    }
}

/// containerd 2 and Docker open low ports by default, CRI-O and Podman do not.
#[test]
fn what_a_default_opens_on_some_counts_for_no_edit() {
    let [ports, ..] = changes();
    let case = |compose, has| Case {
        compose,
        needs: vec![NEEDS[0]],
        ways: vec![(vec![ports.clone()], false)],
        has: [has, false, false, false],
        host_network: false,
        lists: None,
        proven: true,
    };
    for (compose, on) in [(false, "not on CRI-O and containerd@1.6"), (true, "not on Podman")] {
        let of = |has| {
            let case = case(compose, has);
            let library =
                Library::new(vec![learnt("a.yaml", &case.profile(), now())], MAX_AGE_DAYS);
            let checker = Checker::new(Options { learnt: library, ..Options::default() });
            let how = by_profile::Options::default();
            let (_, treated) = write(&checker, &case.manifest(), how, &nobody);
            match super::only(&treated) {
                Outcome::Written { patched, way, .. } => (patched.add, way.clone()),
                other => panic!("{other:?}"),
            }
        };
        let (add, way) = of(false);
        assert_eq!(add, CapSet::from(Capability::NET_BIND_SERVICE));
        let way = way.unwrap();
        assert!(way.contains(&format!("it lacks: sysctl {LOW_PORTS} = \"80\" ({on}).")), "{way}");
        assert_eq!(of(true), (CapSet::EMPTY, None));
    }
}

/// One test passes with nothing, another one does not: what any of them needs is needed.
#[test]
fn of_several_ways_the_needs_of_all_count() {
    let [ports, ping, ..] = changes();
    let add = |ways: &[(&[&(Change, CapSet)], bool)]| {
        let own = |(changes, in_vain): &(&[&(Change, CapSet)], bool)| {
            (changes.iter().map(|one| (*one).clone()).collect(), *in_vain)
        };
        let case = Case {
            compose: false,
            needs: NEEDS[..2].to_vec(),
            ways: ways.iter().map(own).collect(),
            has: [true, true, false, false],
            host_network: false,
            lists: Some("NET_BIND_SERVICE, NET_RAW, KILL"),
            proven: true,
        };
        let library = Library::new(vec![learnt("a.yaml", &case.profile(), now())], MAX_AGE_DAYS);
        let checker = Checker::new(Options { learnt: library, ..Options::default() });
        let (written, _) =
            write(&checker, &case.manifest(), by_profile::Options::default(), &nobody);
        let words = written.workloads[0].pod.containers[0].security.add();
        words.map(|word| word.value.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(add(&[(&[&ports, &ping], false)]), "");
    assert_eq!(
        add(&[(&[&ports, &ping], false), (&[&ports, &ping], true)]),
        "NET_BIND_SERVICE NET_RAW"
    );
    // Each leaves what the other makes needless.
    assert_eq!(add(&[(&[&ports], false), (&[&ping], false)]), "NET_BIND_SERVICE NET_RAW");
    assert_eq!(add(&[(&[&ports, &ping], false), (&[&ping], false)]), "NET_BIND_SERVICE");
    assert_eq!(add(&[(&[&ping], false)]), "NET_BIND_SERVICE");
}
