//! Indentation that was lost in copying.

use dropcap_manifest::{ProblemKind, parse};

use crate::{pod, problems, workloads};

fn misplaced(text: &str) -> (Vec<(String, String)>, Option<String>) {
    let manifest = parse("t", text);
    assert_eq!(manifest.workloads, [], "{text}");
    let [problem] = &manifest.problems[..] else { panic!("{:?}", manifest.problems) };
    let ProblemKind::Misplaced { keys, indentation_lost, suggestion } = &problem.kind else {
        panic!("{problem:?}");
    };
    assert!(indentation_lost);
    assert!(problem.kind.to_string().starts_with("the indentation seems lost in copying: `"));
    for key in keys {
        assert_eq!(manifest.source.slice(key.span), key.key);
    }
    let keys = keys.iter().map(|key| (key.key.clone(), key.under.clone())).collect();
    (keys, suggestion.clone())
}

#[test]
fn lost_indentation_is_said_and_mended_in_the_message() {
    let (first, second) = (testkit::EXAMPLE_POD, testkit::NGINX_POD);
    let cron_job = "\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: tidy
  labels:
    app: tidy
spec:
  schedule: '* * * * *'
  jobTemplate:
    spec:
      template:
        metadata:
          labels:
            app: tidy
        spec:
          restartPolicy: Never
          initContainers:
          - name: first
            image: a
          containers:
          - name: second
            image: b
            env:
            - name: A
              value: x
          - name: third
            image: c
            resources:
              limits:
                cpu: 1
            securityContext:
              privileged: true
";
    let strip = |text: &str| -> String {
        text.lines().map(|line| format!("{}\n", line.trim_start())).collect()
    };
    for whole in [first, second, cron_job] {
        assert_eq!(problems(whole), [] as [&str; 0]);
        for (flat, note) in [
            (strip(whole), "stripped"),
            (strip(whole).replace('\n', "\r\n"), "with CR LF"),
            (format!("\u{feff}# a comment\n\n---\n{}", strip(whole)), "with a head"),
            (strip(whole).trim_end().to_owned(), "without a last line feed"),
        ] {
            let (keys, suggestion) = misplaced(&flat);
            assert!(keys.len() > 5, "{note}");
            assert_eq!(suggestion.as_deref(), Some(whole), "{note}");
        }
    }
    let (keys, _) = misplaced(&strip(first));
    let keys: Vec<_> = keys.iter().map(|(key, under)| (key.as_str(), under.as_str())).collect();
    assert_eq!(
        keys,
        [
            ("name", "metadata"),
            ("containers", "spec"),
            ("image", "spec.containers[0]"),
            ("securityContext", "spec.containers[0]"),
            ("capabilities", "spec.containers[0].securityContext"),
            ("drop", "spec.containers[0].securityContext.capabilities"),
        ]
    );
    // The good document behind it is read all the same.
    let manifest = parse("t", format!("{}---\n{first}", strip(second)));
    assert_eq!(workloads(&manifest), ["Pod/example-pod: containers/example-container"]);
    assert_eq!(manifest.problems.len(), 1);
}

#[test]
fn partly_lost_indentation_is_said_too() {
    // `containers` beside an empty `spec`, all else in its place.
    let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\ncontainers:\n- name: c\n  image: i\n";
    assert_eq!(
        problems(text),
        ["5:1 the indentation seems lost in copying: `containers` belongs under `spec`"]
    );
    // The pod spec beside an empty `spec` of the template.
    let text = "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n    containers:\n    - name: c\n";
    assert_eq!(
        problems(text),
        [
            "5:5 the indentation seems lost in copying: `containers` belongs under `spec.template.spec`"
        ]
    );
    // A container's keys beside the list.
    let text = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: c\n  image: i\n";
    assert_eq!(
        problems(text),
        ["6:3 the indentation seems lost in copying: `image` belongs under `spec.containers[]`"]
    );
    // A slip, not a loss.
    assert_eq!(
        problems(&pod("    capabilities: {drop: [ALL]}\n")),
        ["7:5 `capabilities` belongs under `spec.containers[0].securityContext`"]
    );
    assert_eq!(
        problems(&pod("    securityContext:\n      drop: [ALL]\n")),
        ["8:7 `drop` belongs under `spec.containers[0].securityContext.capabilities`"]
    );
}
