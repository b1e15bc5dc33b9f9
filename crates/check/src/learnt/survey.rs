//! What of a library a run has used: nothing is left out in silence.

use manifest::{ContainerList, Manifest};

use super::Library;
use super::matching::{Here, may_be_pod_of};
use super::ran::runs;

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
        // A regular container is meant rather than one of another list.
        let mut near: Vec<Option<(bool, String)>> = vec![None; self.all.len()];
        let workloads = manifests.into_iter().flat_map(|manifest| &manifest.workloads);
        for workload in workloads {
            for container in &workload.pod.containers {
                match self.best(workload, container).len() {
                    0 => survey.unknown += 1,
                    1 => survey.known += 1,
                    _ => survey.ambiguous += 1,
                }
                let here = Here::new(workload, container);
                let is_regular = container.list == ContainerList::Containers;
                for (at, entry) in self.all.iter().enumerate() {
                    let about = &entry.learnt.about;
                    if about.fits(entry.image.as_ref(), &here).is_some() {
                        used[at] = true;
                    } else if near[at].as_ref().is_none_or(|(regular, _)| is_regular && !regular)
                        && let Some(hint) = self.hint(at, &here)
                    {
                        near[at] = Some((is_regular, hint));
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
                hint: hint.map(|(_, hint)| hint),
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
        let name = &container.name;
        let said = |why: &str, but: &str| {
            Some(format!(
                "{why} {place}, container {name}{but}: if that is meant, write `workload: {place}` and \
                 `container: {name}` into its spec.target"
            ))
        };
        let say = |why: &str| said(why, "");
        let like = |but: &str| said("the same image is in", &format!(", {but}"));
        let init = container.list != ContainerList::Containers;
        let by_pod = |name: &str| may_be_pod_of(name, workload);
        match about.workload.as_deref().and_then(|named| named.split_once('/')) {
            Some(("Pod", pod)) if by_pod(pod) => {
                let named = about.container.as_ref().is_none_or(|name| *name == container.name);
                if named { say("its pod may be one of") } else { None }
            }
            Some((kind, name)) if kind == workload.kind && name == workload.name => {
                if let (Some(learnt), Some(here)) = (&about.namespace, &workload.namespace)
                    && learnt != here
                {
                    return Some(format!(
                        "{place} is in namespace {here}, and it was learnt in {learnt}: if it holds \
                         there, too, write `namespace: {here}` into its spec.target"
                    ));
                }
                let open = about.container.is_none();
                if open { say("it does not say which container of") } else { None }
            }
            None if same_image && init => {
                like("which is no regular one and may do something else with it")
            }
            None if same_image && !about.ran.is_of(container) => {
                let here = runs(&container.command, &container.args);
                like(&format!("which {here}, and what was watched {}", about.ran.words()))
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

#[cfg(test)]
mod tests {
    use super::super::{About, Learnt, MAX_AGE_DAYS, Ran};
    use super::*;

    /// The hint about a profile of this, at a Deployment in the namespace `stage`.
    fn hint(about: About, pod: &str) -> Option<String> {
        let text = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: web, namespace: stage }}\nspec:\n  \
             template:\n    spec:\n      {pod}\n"
        );
        let manifest = manifest::parse("web.yaml", text);
        assert_eq!(manifest.problems, []);
        let learnt = Learnt { about, ..Learnt::default() };
        let survey = Library::new(vec![learnt], MAX_AGE_DAYS).survey([&manifest]);
        assert_eq!((survey.known, survey.unused.len()), (0, 1));
        survey.unused.into_iter().next().and_then(|unused| unused.hint)
    }

    const WRITE: &str = ": if that is meant, write `workload: Deployment/web` and `container: web` into its spec.target";

    #[test]
    fn another_namespace_is_said() {
        let about = About {
            workload: Some("Deployment/web".to_owned()),
            namespace: Some("prod".to_owned()),
            container: Some("web".to_owned()),
            ..About::default()
        };
        let hint = hint(about, "containers: [{ name: web, image: web }]").unwrap_or_default();
        assert_eq!(
            hint,
            "Deployment/web is in namespace stage, and it was learnt in prod: if it holds there, too, \
             write `namespace: stage` into its spec.target"
        );
    }

    #[test]
    fn why_an_image_is_not_enough_is_said() {
        let words = vec!["true".to_owned()];
        let about = |ran| About { image: Some("web".to_owned()), ran, ..About::default() };
        let init = "initContainers: [{ name: web, image: web, command: [chown, x] }]\n      \
                    containers: [{ name: main, image: other }]";
        let said = "the same image is in Deployment/web, container web, which";
        assert_eq!(
            hint(about(Ran::Own), init),
            Some(format!("{said} is no regular one and may do something else with it{WRITE}"))
        );
        let both = "initContainers: [{ name: init, image: web }]\n      \
                    containers: [{ name: web, image: web }]";
        let plain = "the same image is in Deployment/web, container web";
        assert_eq!(hint(about(Ran::Unknown), both), Some(format!("{plain}{WRITE}")));
        let other = "containers: [{ name: web, image: web, command: [chown, x] }]";
        for (ran, words) in [
            (Ran::Own, "runs what the image says"),
            (Ran::Words { command: words.clone(), args: Vec::new() }, "runs \"true\""),
            (
                Ran::Words { command: Vec::new(), args: words },
                "calls the image's entrypoint with \"true\"",
            ),
        ] {
            assert_eq!(
                hint(about(ran), other),
                Some(format!("{said} runs \"chown x\", and what was watched {words}{WRITE}"))
            );
        }
    }
}
