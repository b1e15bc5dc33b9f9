//! What of a library a run has used: nothing is left out in silence.

use manifest::Manifest;

use super::matching::Here;
use super::{Library, Match};

/// What came of a library in a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// Containers of which one thing was learnt.
    pub known: usize,
    /// Containers of which nothing was learnt.
    pub unknown: usize,
    /// Containers of which several things were learnt.
    pub ambiguous: usize,
    /// What is about no container here.
    pub unused: Vec<Unused>,
}

/// A profile that is about no container here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    /// Its name.
    pub name: String,
    /// The file that it was read from.
    pub file: String,
    /// What it says it is about.
    pub about: String,
    /// A container that may be meant, and what to write for it to be; `None` if none looks like it.
    pub hint: Option<String>,
}

impl Library {
    /// Asks for every container of these manifests.
    pub fn survey<'m>(&self, manifests: impl IntoIterator<Item = &'m Manifest>) -> Survey {
        let mut survey = Survey::default();
        let mut used = vec![false; self.all.len()];
        let mut near: Vec<Option<String>> = vec![None; self.all.len()];
        let workloads = manifests.into_iter().flat_map(|manifest| &manifest.workloads);
        for workload in workloads {
            for container in &workload.pod.containers {
                match self.of(workload, container) {
                    Match::None => survey.unknown += 1,
                    Match::One(_) => survey.known += 1,
                    Match::Several(_) => survey.ambiguous += 1,
                }
                let here = Here::new(workload, container);
                for (at, entry) in self.all.iter().enumerate() {
                    let about = &entry.learnt.about;
                    if about.fits(entry.image.as_ref(), &here).is_some() {
                        used[at] = true;
                    } else if near[at].is_none() {
                        near[at] = self.hint(at, &here);
                    }
                }
            }
        }
        for ((entry, _), hint) in self.all.iter().zip(used).zip(near).filter(|((_, used), _)| !used)
        {
            let learnt = &entry.learnt;
            survey.unused.push(Unused {
                name: learnt.name.clone(),
                file: learnt.file.clone(),
                about: learnt.about.words(),
                hint,
            });
        }
        survey
    }

    /// Why this container may be meant all the same, and what would make that certain.
    fn hint(&self, at: usize, here: &Here<'_>) -> Option<String> {
        let Here { workload, container, .. } = here;
        let entry = &self.all[at];
        let about = &entry.learnt.about;
        let same_image =
            matches!((&entry.image, here.image()), (Some(a), Some(b)) if a.same_repository(b));
        let place = format!("{}/{}", workload.kind, workload.name);
        let say = |why: &str| {
            Some(format!(
                "{why} {place}, container {}: if that is meant, write `workload: {place}` and \
                 `container: {}` into its spec.target",
                container.name, container.name
            ))
        };
        match about.workload.as_deref().and_then(|named| named.split_once('/')) {
            Some(("Pod", pod)) if pod.starts_with(&format!("{}-", workload.name)) => {
                let named = about.container.as_ref().is_none_or(|name| *name == container.name);
                if named { say("its pod may be one of") } else { None }
            }
            Some((kind, name)) if kind == workload.kind && name == workload.name => {
                let open = about.container.is_none();
                if open { say("it does not say which container of") } else { None }
            }
            _ if same_image => say("the same image is in"),
            None if about.image.is_none() && about.container.is_none() => {
                say("what was watched as a command may be")
            }
            None if about.image.is_none() && about.container.as_ref() == Some(&container.name) => {
                say("only the name is that of")
            }
            _ => None,
        }
    }
}

impl super::About {
    /// In words: `Deployment/web in shop, container web`; `image nginx:1.27`.
    #[must_use]
    pub fn words(&self) -> String {
        let mut parts = Vec::new();
        if let Some(workload) = &self.workload {
            let namespace = self.namespace.as_ref().map(|name| format!(" in {name}"));
            parts.push(format!("{workload}{}", namespace.unwrap_or_default()));
        }
        parts.extend(self.container.as_ref().map(|name| format!("container {name}")));
        parts.extend(self.image.as_ref().map(|name| format!("image {name}")));
        match parts.as_slice() {
            [] => "nothing: neither a workload nor an image".to_owned(),
            parts => parts.join(", "),
        }
    }
}
