//! On every runtime that reads such a file: nothing is given, nothing that is needed and held is taken, a
//! second run changes nothing, and `check` finds nothing that `fix` could do.

use caps::{CapSet, Capability};
use check::learnt::{Accepted, Library, MAX_AGE_DAYS};
use check::{Answer, Checker, Consent, Options, Selection, Topic, panel};
use dropcap_jobs::by_profile::{self, Outcome, fix};
use dropcap_jobs::learnt::learnt;
use manifest::{Format, Manifest};
use proptest::prelude::*;
use record::profile::{Profile, Proof};
use record::requirement::{Requirement, Verdict};
use runtime::{Request, Runtime, Sets};

use super::{made, nobody, now, profile};

/// Words of a list: capabilities that some runtimes hold by default and others not, as people write them.
const WORDS: [&str; 16] = [
    "CHOWN",
    "SETUID",
    "NET_RAW",
    "SYS_ADMIN",
    "MKNOD",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "CAP_NET_RAW",
    "CAP_SYS_ADMIN",
    "cap_setuid",
    "net_raw",
    "sys_admin",
    "chown",
    "ALL",
    "all",
    "KILL",
];

/// What is needed: one of these, where the kernel takes any of them.
const NEEDS: [&[Capability]; 7] = [
    &[Capability::CHOWN],
    &[Capability::SETUID],
    &[Capability::NET_RAW],
    &[Capability::SYS_ADMIN],
    &[Capability::MKNOD],
    &[Capability::DAC_OVERRIDE, Capability::DAC_READ_SEARCH],
    &[Capability::DAC_READ_SEARCH, Capability::DAC_OVERRIDE],
];

#[derive(Debug, Clone)]
struct Case {
    compose: bool,
    add: Vec<&'static str>,
    drop: Vec<&'static str>,
    /// As the manifest says it.
    user: Option<u32>,
    no_new_privs: bool,
    needs: Vec<&'static [Capability]>,
    proven: bool,
    /// Whom the profile was learnt as.
    learnt_as: Option<u32>,
}

fn case() -> impl Strategy<Value = Case> {
    let words = || prop::sample::subsequence(WORDS.to_vec(), 0..4);
    let users = || prop::sample::select(vec![None, None, Some(0), Some(33), Some(1000)]);
    let needs = prop::sample::subsequence(NEEDS.to_vec(), 0..4);
    let flags = (any::<bool>(), prop::bool::weighted(0.2), any::<bool>());
    (words(), words(), users(), users(), needs, flags).prop_map(
        |(add, drop, user, learnt_as, needs, (compose, no_new_privs, proven))| Case {
            compose,
            add,
            drop,
            user,
            no_new_privs,
            needs,
            proven,
            learnt_as,
        },
    )
}

impl Case {
    fn manifest(&self) -> Manifest {
        let list = |words: &[&str]| words.join(", ");
        let (add, drop) = (list(&self.add), list(&self.drop));
        let text = if self.compose {
            let user = self.user.map(|uid| format!("    user: \"{uid}\"\n")).unwrap_or_default();
            let sealed = match self.no_new_privs {
                true => "    security_opt: [\"no-new-privileges:true\"]\n",
                false => "",
            };
            format!(
                "services:\n  web:\n    image: web:1\n{user}{sealed}    cap_add: [{add}]\n    cap_drop: [{drop}]\n"
            )
        } else {
            let user = self.user.map(|uid| format!("runAsUser: {uid}, ")).unwrap_or_default();
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{ name: web }}\nspec:\n  containers:\n    - name: web\n      \
                 image: web:1\n      securityContext: {{ {user}allowPrivilegeEscalation: {}, \
                 capabilities: {{ add: [{add}], drop: [{drop}] }} }}\n",
                !self.no_new_privs
            )
        };
        let manifest = manifest::parse("web.yaml", text.as_str());
        assert_eq!(manifest.problems, [], "{text}");
        manifest
    }

    fn profile(&self) -> Profile {
        let need = |any_of: &&[Capability]| Requirement {
            any_of: any_of.to_vec(),
            uses: vec![made::used("this", Verdict::Needed)],
            stated: None,
            remedies: Vec::new(),
        };
        let mut profile = profile(self.needs.iter().map(need).collect());
        profile.spec.target.user = self.learnt_as;
        if self.proven {
            let (capabilities, test) = (profile.add(), "it serves".to_owned());
            profile.status.proofs.push(Proof { capabilities, test, trials: 3, recorded: None });
            profile.settle();
        }
        profile
    }

    fn runtimes(&self) -> impl Iterator<Item = &'static Runtime> {
        let compose = self.compose;
        panel().iter().filter(move |runtime| runtime.engine.is_cri() != compose)
    }
}

fn request(manifest: &Manifest) -> Request {
    let pod = &manifest.workloads[0].pod;
    resolve::Context::of(pod, &pod.containers[0]).request(&pod.containers[0])
}

/// What a runtime makes of it: as root, and as another user where nobody says which.
fn sets(runtime: &Runtime, request: &Request) -> Vec<Sets> {
    let resolution = Answer::of(runtime, request).resolution;
    resolution.iter().flat_map(|resolution| resolution.sets()).cloned().collect()
}

fn five(sets: &Sets) -> [CapSet; 5] {
    let all = &sets.process;
    [all.bounding, all.permitted, all.effective, all.inheritable, all.ambient]
}

fn is_empty(one: CapSet, other: CapSet) -> bool {
    (one & other).is_empty()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: testkit::rounds(64, 192), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_given_and_nothing_needed_is_taken(case in case()) {
        let (manifest, profile) = (case.manifest(), case.profile());
        let library = Library::new(vec![learnt("a.yaml", &profile, now())], MAX_AGE_DAYS)
            .accepting(Accepted::default());
        let only = Selection::new(&["over-granted", "missing-capability"], &[]).unwrap();
        let options = Options { learnt: library, selection: only, ..Options::default() };
        let writer = Checker::new(options.clone());
        let selection = Selection::default().without(Topic::Profile);
        let checker = Checker::new(Options { selection, ..options });
        let how = by_profile::Options::default();
        let (repaired, treated) = fix(&writer, &checker, &manifest, how, Consent::Safe, &nobody);
        let fixed = &repaired.manifest;
        let (before, after) = (request(&manifest), request(fixed));
        let text = repaired.source.text();
        prop_assert_eq!(manifest.workloads[0].pod.format == Format::Compose, case.compose);
        for runtime in case.runtimes() {
            for (was, is) in sets(runtime, &before).iter().zip(&sets(runtime, &after)) {
                for (was, is) in five(was).into_iter().zip(five(is)) {
                    prop_assert!(is.is_subset(was), "{}: {} -> {}\n{}", runtime, was, is, text);
                }
                if case.learnt_as.is_some() && case.learnt_as != case.user {
                    // It is not about this one.
                    continue;
                }
                for need in &case.needs {
                    let serving: CapSet = need.iter().copied().collect();
                    let (old, new) = (&was.process, &is.process);
                    let gone = !is_empty(old.effective, serving) && is_empty(new.effective, serving)
                        || !case.no_new_privs
                            && !is_empty(old.bounding, serving)
                            && is_empty(new.bounding, serving);
                    prop_assert!(!gone, "{}: {} is gone\n{}", runtime, serving, text);
                }
            }
        }
        let (again, _) = fix(&writer, &checker, fixed, how, Consent::Safe, &nobody);
        prop_assert_eq!(again.source.text(), text);
        let found = writer.check(fixed).findings;
        let left = found.iter().any(|finding| finding.remedy.fix().is_some());
        // Nothing seen is not nothing needed.
        let held_back = treated.iter().any(|one| matches!(one.outcome, Outcome::HeldBack { .. }));
        prop_assert!(!left || held_back && case.needs.is_empty() && !case.proven, "{found:?}");
    }
}
