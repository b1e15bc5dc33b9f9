//! Our Pod Security against verdicts of Kubernetes' own code, for every policy version.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::collections::BTreeMap;

use dropcap_resolve::{Policy, PolicyLevel, PolicyVersion};
use manifest::ContainerList;
use serde_json::{Value, json};

/// How they were recorded is told on the first line.
const RECORDED: &str = include_str!("recorded.jsonl");

/// Every version that was asked, the newest last.
fn versions() -> impl Iterator<Item = PolicyVersion> {
    (0..=37).map(PolicyVersion::Minor).chain([PolicyVersion::Latest])
}

fn expected(recorded: &Value, version: PolicyVersion) -> Option<&str> {
    let runs = recorded.as_array().unwrap().iter().map(|run| {
        let from = run[0].as_str().unwrap().strip_prefix("v1.").unwrap();
        (PolicyVersion::Minor(from.parse().unwrap()), &run[1])
    });
    let (_, said) = runs.take_while(|(from, _)| *from <= version).last().unwrap();
    said.as_str()
}

#[test]
fn verdicts_and_messages_are_those_of_kubernetes() {
    let mut lines = RECORDED.lines();
    let about: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert!(about["about"].as_str().unwrap().contains("k8s.io/pod-security-admission"));
    let (mut pods, mut said) = (0, BTreeMap::new());
    let mut lists = BTreeMap::new();
    for line in lines {
        let recorded: Value = serde_json::from_str(line).unwrap();
        let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p" },
            "spec": recorded["spec"] });
        let manifest = manifest::parse("pod.json", pod.to_string());
        assert_eq!(manifest.problems, [], "{line}");
        let [workload] = manifest.workloads.as_slice() else { panic!("{line}") };
        pods += 1;
        for level in [PolicyLevel::Baseline, PolicyLevel::Restricted] {
            for version in versions() {
                let policy = Policy { level, version };
                let violation = policy.capabilities(&workload.pod);
                let ours = violation.as_ref().map(ToString::to_string);
                let real = expected(&recorded[level.word()], version);
                assert_eq!(ours.as_deref(), real, "{policy}: {line}");
                *said.entry((level, real.is_some())).or_insert(0) += 1;
                for fault in violation.iter().flat_map(|violation| &violation.faults) {
                    let list = workload.pod.containers[fault.container].list;
                    *lists.entry(ContainerList::key(list)).or_insert(0) += 1;
                }
            }
        }
    }
    assert!(pods >= 500, "{pods} pods");
    assert_eq!(said.len(), 4, "both verdicts at both levels: {said:?}");
    assert!(said.values().all(|count| *count > 1000), "{said:?}");
    assert_eq!(lists.len(), 3, "a fault in each of the three lists: {lists:?}");
}

/// What is said of one container is what is said of a pod that has no other.
#[test]
fn each_container_can_be_judged_by_itself() {
    let manifest = manifest::parse(
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec:\n  containers:\n    - name: a\n    - \
         name: b\n      securityContext: { capabilities: { drop: [ALL], add: [KILL, SYS_TIME] } }\n",
    );
    let pod = &manifest.workloads[0].pod;
    let policy: Policy = "restricted@1.30".parse().unwrap();
    let said = |index| policy.capabilities_of(pod, index).map(|v| v.to_string());
    assert_eq!(
        said(0).unwrap(),
        "unrestricted capabilities (container \"a\" must set securityContext.capabilities.drop=[\"ALL\"])"
    );
    assert_eq!(
        said(1).unwrap(),
        "unrestricted capabilities (container \"b\" must not include \"KILL\", \"SYS_TIME\" in \
         securityContext.capabilities.add)"
    );
    assert_eq!(said(2), None);
    let baseline: Policy = "baseline".parse().unwrap();
    assert_eq!(baseline.capabilities_of(pod, 1).unwrap().faults[0].adds, [1]);
}
