//! What the real `dropcap show` says.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use caps::{CapSet, CapState};
use serde_json::Value;

use crate::cases::{Case, Image, file};

/// What is to come of one container, for one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prediction {
    /// The five sets of its process.
    Starts(CapState),
    /// It does not start, and why.
    Refused(String),
}

/// A runtime as `show` is told of it.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// `podman@4.3+crun@1.8`.
    pub name: String,
    /// What its daemon holds.
    pub own: CapSet,
    /// Its default, if it is not the compiled-in one.
    pub default: Option<CapSet>,
}

/// What `show` says of one container.
#[derive(Debug, Clone)]
pub struct Shown {
    refused: Option<String>,
    refused_as: Option<RefusedAs>,
    answers: Vec<Answer>,
}

#[derive(Debug, Clone, serde::Deserialize)]
struct RefusedAs {
    root: bool,
    message: String,
}

#[derive(Debug, Clone, serde::Deserialize)]
struct Answer {
    root: bool,
    process: CapState,
    spec: CapState,
    regainable: CapSet,
}

impl Shown {
    /// For the user that it is, with what a set-uid root entrypoint regains.
    pub fn prediction(&self, root: bool, set_uid: bool, no_new_privs: bool) -> Prediction {
        if let Some(why) = self.refusal(root) {
            return Prediction::Refused(why.to_owned());
        }
        let answer = self.answer(root);
        let mut sets = answer.process;
        if set_uid {
            sets.permitted = sets.permitted | answer.regainable;
            if !no_new_privs {
                // capabilities(7): a set-uid program clears the ambient set.
                sets.effective = sets.permitted;
                sets.ambient = CapSet::EMPTY;
            }
        }
        Prediction::Starts(sets)
    }

    /// What the engine writes into the OCI spec; `None` if it refuses.
    pub fn spec(&self, root: bool) -> Option<CapState> {
        self.refusal(root).is_none().then(|| self.answer(root).spec)
    }

    fn refusal(&self, root: bool) -> Option<&str> {
        let of_this = self.refused_as.as_ref().filter(|refused| refused.root == root);
        self.refused.as_deref().or(of_this.map(|refused| refused.message.as_str()))
    }

    fn answer(&self, root: bool) -> &Answer {
        self.answers.iter().find(|answer| answer.root == root).expect("an answer for that user")
    }

    /// What a case comes to, in that image.
    pub fn of(&self, case: &Case, image: Image) -> Prediction {
        let set_uid = file(case.file.as_deref()).is_some_and(|file| file.set_uid);
        self.prediction(case.user.is_root(image), set_uid, case.no_new_privs)
    }
}

/// The cases that have a writer, by the manifest it writes; by name.
pub fn shown(
    runtime: &Runtime,
    cases: &[Case],
    write: fn(&[&Case]) -> String,
) -> BTreeMap<String, Shown> {
    let mut by_file: BTreeMap<Option<&str>, Vec<&Case>> = BTreeMap::new();
    for case in cases {
        by_file.entry(case.file.as_deref()).or_default().push(case);
    }
    let mut all = BTreeMap::new();
    for (carried, cases) in by_file {
        all.extend(show(runtime, carried, &[("manifest.yaml".to_owned(), write(&cases))]));
    }
    assert_eq!(all.len(), cases.len(), "an answer for each");
    all
}

/// One call of `dropcap show`, for files whose entrypoints carry that.
pub fn show(
    runtime: &Runtime,
    carried: Option<&str>,
    files: &[(String, String)],
) -> BTreeMap<String, Shown> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let mut command = Command::new(testkit::dropcap());
    command.args(["show", "--json", "--runtime", &runtime.name]);
    command.arg("--daemon-set").arg(format!("0x{:x}", runtime.own));
    if let Some(default) = runtime.default {
        command.arg("--default-set").arg(format!("0x{default:x}"));
    }
    if let Some(caps) = file(carried).and_then(|file| file.caps.as_ref()) {
        command.arg(format!("--file-caps={caps}"));
    }
    let output = command.arg(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{command:?}: {said}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let containers = document["containers"].as_array().unwrap();
    let shown = containers.iter().map(|container| {
        let answer = &container["runtimes"][0];
        let shown = Shown {
            refused: answer["refused"].as_str().map(str::to_owned),
            refused_as: serde_json::from_value(answer["refusedAs"].clone()).unwrap(),
            answers: serde_json::from_value(answer["answers"].clone()).unwrap(),
        };
        (container["workload"].as_str().unwrap().to_owned(), shown)
    });
    shown.collect()
}
