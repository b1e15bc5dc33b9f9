//! Which documents have containers, and where.

use dropcap_manifest::{Content, parse};

use crate::{problems, workloads};

#[test]
fn every_kind_with_a_pod_spec_is_read() {
    let spec = "containers: [{name: c, image: i}]";
    let template = format!("spec: {{template: {{spec: {{{spec}}}}}}}");
    let cron = format!("spec: {{jobTemplate: {{{template}}}}}");
    for (api, kind, body) in [
        ("v1", "Pod", &format!("spec: {{{spec}}}")),
        ("v1", "PodTemplate", &format!("template: {{spec: {{{spec}}}}}")),
        ("v1", "ReplicationController", &template),
        ("apps/v1", "ReplicaSet", &template),
        ("apps/v1", "Deployment", &template),
        ("extensions/v1beta1", "Deployment", &template),
        ("apps/v1", "DaemonSet", &template),
        ("apps/v1", "StatefulSet", &template),
        ("batch/v1", "Job", &template),
        ("batch/v1", "CronJob", &cron),
    ] {
        let text =
            format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{generateName: n-}}\n{body}");
        let manifest = parse("t", text);
        assert_eq!(manifest.problems, []);
        assert_eq!(workloads(&manifest), [format!("{kind}/n-*: containers/c")]);
    }
    // Another project's Job, and kinds without a pod spec.
    for text in [
        "apiVersion: batch.volcano.sh/v1alpha1\nkind: Job\nspec: {tasks: []}",
        "apiVersion: v1\nkind: Service\nspec: {ports: []}",
    ] {
        let manifest = parse("t", text);
        assert_eq!((&manifest.workloads[..], &manifest.problems[..]), (&[][..], &[][..]));
        assert_eq!(manifest.documents[0].content, Content::Other);
    }
}

/// As written in the projects' types; the table in `data/kinds.toml` says in which release.
#[test]
fn kinds_of_other_projects_are_read_where_their_types_have_the_pod() {
    let pod = "spec: {containers: [{name: c, image: i}]}";
    let job = format!("spec: {{template: {{{pod}}}}}");
    let template = format!("template: {{{pod}}}");
    for (api, kind, body, pods) in [
        ("argoproj.io/v1alpha1", "Rollout", template.clone(), 1),
        (
            "argoproj.io/v1alpha1",
            "AnalysisTemplate",
            format!("metrics: [{{provider: {{web: {{}}}}}}, {{provider: {{job: {{{job}}}}}}}]"),
            1,
        ),
        (
            "apps.kruise.io/v1alpha1",
            "AdvancedCronJob",
            format!("template: {{jobTemplate: {{{job}}}, broadcastJobTemplate: {{{job}}}}}"),
            2,
        ),
        (
            "apps.kruise.io/v1beta1",
            "UnitedDeployment",
            format!("template: {{cloneSetTemplate: {{{job}}}, deploymentTemplate: {{{job}}}}}"),
            2,
        ),
        (
            "batch.volcano.sh/v1alpha1",
            "CronJob",
            format!("jobTemplate: {{spec: {{tasks: [{{{template}}}, {{{template}}}]}}}}"),
            2,
        ),
        ("flow.volcano.sh/v1alpha1", "JobTemplate", format!("tasks: [{{{template}}}]"), 1),
        (
            "training.volcano.sh/v1alpha1",
            "HyperJob",
            format!("replicatedJobs: [{{templateSpec: {{tasks: [{{{template}}}]}}}}]"),
            1,
        ),
        (
            "kubeflow.org/v1",
            "PyTorchJob",
            format!("pytorchReplicaSpecs: {{Master: {{{template}}}, Worker: {{{template}}}}}"),
            2,
        ),
        (
            "kubeflow.org/v2beta1",
            "MPIJob",
            format!("mpiReplicaSpecs: {{Worker: {{{template}}}}}"),
            1,
        ),
        (
            "trainer.kubeflow.org/v1alpha1",
            "TrainingRuntime",
            format!("template: {{spec: {{replicatedJobs: [{{template: {{{job}}}}}]}}}}"),
            1,
        ),
        (
            "ray.io/v1",
            "RayCluster",
            format!("headGroupSpec: {{{template}}}, workerGroupSpecs: [{{{template}}}]"),
            2,
        ),
        (
            "ray.io/v1",
            "RayService",
            format!("rayClusterConfig: {{headGroupSpec: {{{template}}}}}"),
            1,
        ),
        ("ray.io/v1", "RayJob", format!("submitterPodTemplate: {{{pod}}}"), 1),
        (
            "jobset.x-k8s.io/v1alpha2",
            "JobSet",
            format!("replicatedJobs: [{{template: {{{job}}}}}]"),
            1,
        ),
    ] {
        let text = format!(
            "apiVersion: {api}\nkind: {kind}\nmetadata: {{name: owner}}\nspec: {{{body}}}\n"
        );
        let manifest = parse("t", text);
        assert_eq!(manifest.problems, [], "{kind}");
        let read = workloads(&manifest);
        // Where there may be several, what tells them apart is behind the name.
        let whole = |one: &&String| {
            one.starts_with(&format!("{kind}/owner")) && one.ends_with(": containers/c")
        };
        assert_eq!(
            (read.len(), read.iter().filter(whole).count()),
            (pods, pods),
            "{kind} {read:?}"
        );
    }
}

#[test]
fn lists_and_documents_are_opened() {
    let text = "\u{feff}# head\r\n---\r\napiVersion: v1\r\nkind: List\r\nitems:\r\n\
        - {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {initContainers: [{name: i}], containers: [{name: c}], ephemeralContainers: [{name: e}]}}\r\n\
        - {apiVersion: v1, kind: ConfigMap}\r\n\
        - {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, metadata: {name: b}, spec: {containers: [{name: d}]}}]}\r\n\
        ---\r\n# nothing\r\n---\r\nfoo: bar\r\n---\r\n\
        {\"apiVersion\":\"v1\",\"kind\":\"PodList\",\"items\":[{\"metadata\":{\"name\":\"x\"},\"spec\":{\"containers\":[{\"name\":\"y\"}]}}]}\r\n";
    let manifest = parse("t", text);
    assert_eq!(problems(text), [] as [&str; 0]);
    assert_eq!(
        workloads(&manifest),
        [
            "Pod/a: initContainers/i containers/c ephemeralContainers/e",
            "Pod/b: containers/d",
            "Pod/x: containers/y"
        ]
    );
    let contents: Vec<_> = manifest.documents.iter().map(|d| d.content).collect();
    assert_eq!(
        contents,
        [Content::Workloads(2), Content::Empty, Content::NotKubernetes, Content::Workloads(1)]
    );
}
