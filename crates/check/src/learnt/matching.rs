//! Which container a profile is about: docs/profiles.md has this in words.

use manifest::{Container, Workload};

use super::image_name::ImageName;

/// What a profile says it is about. What it does not say does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// The image's name.
    pub image: Option<String>,
    /// The image's digest, as the engine had it.
    pub image_digest: Option<String>,
    /// The container's name.
    pub container: Option<String>,
    /// The workload, `Kind/name`.
    pub workload: Option<String>,
    /// Its namespace.
    pub namespace: Option<String>,
}

/// By what a profile is about a container, the surest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// The image.
    Image,
    /// The image, and the container is called so.
    ImageAndName,
    /// A pod whose name is one that Kubernetes makes for the workload's pods.
    Pod,
    /// The workload.
    Workload,
}

impl By {
    /// In words: `by its image`.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Image => "by its image",
            Self::ImageAndName => "by its image and name",
            Self::Pod => "by the name of its pod",
            Self::Workload => "by its workload",
        }
    }
}

/// A container, its pod's images taken apart.
pub(super) struct Here<'a> {
    pub workload: &'a Workload,
    pub container: &'a Container,
    /// Each container of the pod with its image.
    all: Vec<(&'a Container, Option<ImageName>)>,
}

impl<'a> Here<'a> {
    pub fn new(workload: &'a Workload, container: &'a Container) -> Self {
        let image = |one: &Container| one.image.as_ref().map(|name| ImageName::new(&name.value));
        let all = workload.pod.containers.iter().map(|one| (one, image(one))).collect();
        Self { workload, container, all }
    }

    /// Its image.
    pub fn image(&self) -> Option<&ImageName> {
        self.all.iter().find(|(one, _)| std::ptr::eq(*one, self.container))?.1.as_ref()
    }

    /// Whether it runs this image.
    fn runs(&self, image: &ImageName) -> bool {
        self.image().is_some_and(|here| here.same(image))
    }

    /// The containers of its pod that run this image.
    fn running(&self, image: &ImageName) -> impl Iterator<Item = &'a Container> {
        let same =
            self.all.iter().filter(|(_, here)| here.as_ref().is_some_and(|here| here.same(image)));
        same.map(|(one, _)| *one)
    }

    /// Whether nothing else in its pod could be meant.
    fn is_the_only_one(&self, image: Option<&ImageName>) -> bool {
        match image {
            Some(image) if self.all.len() > 1 => {
                self.runs(image) && self.running(image).count() == 1
            }
            _ => self.all.len() == 1,
        }
    }
}

impl About {
    /// By what it is about this container, if it is. `image` is [`About::image`], taken apart.
    ///
    /// A profile of a workload is about that one only, whatever else runs the same image. A
    /// container's name alone is no match.
    pub(super) fn fits(&self, image: Option<&ImageName>, here: &Here<'_>) -> Option<By> {
        match &self.workload {
            Some(named) => self.by_workload(named, image, here),
            None => self.by_image(image?, here),
        }
    }

    fn by_workload(&self, named: &str, image: Option<&ImageName>, here: &Here<'_>) -> Option<By> {
        let Here { workload, container, .. } = here;
        let (kind, name) = named.split_once('/')?;
        if let (Some(a), Some(b)) = (&self.namespace, &workload.namespace)
            && a != b
        {
            return None;
        }
        let by = if kind == workload.kind && name == workload.name {
            By::Workload
        } else if kind == "Pod" && is_pod_of(name, workload) {
            // Of the guesses that a name allows, only one whose image fits, too.
            if let (Some(a), Some(b)) = (image, here.image())
                && !a.same_repository(b)
            {
                return None;
            }
            By::Pod
        } else {
            return None;
        };
        let is_it = match &self.container {
            // Podman calls it by its pod, too (podman 4.3, `pkg/specgen/generate/kube/kube.go`).
            Some(own) => *own == container.name || *own == format!("{name}-{}", container.name),
            None => here.is_the_only_one(image),
        };
        is_it.then_some(by)
    }

    fn by_image(&self, image: &ImageName, here: &Here<'_>) -> Option<By> {
        if !here.runs(image) {
            return None;
        }
        match &self.container {
            Some(name) if here.running(image).any(|other| other.name == *name) => {
                (here.container.name == *name).then_some(By::ImageAndName)
            }
            // An init container of the same image does something else.
            _ => (here.running(image).count() == 1).then_some(By::Image),
        }
    }
}

/// The characters of names that Kubernetes makes: no vowels, and nothing that looks like one
/// (`alphanums` in k8s.io/apimachinery `pkg/util/rand/rand.go`).
const ALPHABET: &str = "bcdfghjklmnpqrstvwxz2456789";

/// What the ten digits become where such a name is made of a number (`SafeEncodeString`, likewise,
/// by `ComputeHash` in kubernetes `pkg/controller/controller_utils.go`).
const DIGITS: &str = "456789bcdf";

/// So many characters of [`ALPHABET`] stand behind the last dash (`randomLength` in k8s.io/apiserver
/// `pkg/storage/names/generate.go`).
const SUFFIX: usize = 5;

/// Whether Kubernetes would call a pod of this workload so, and hardly anything else.
fn is_pod_of(pod: &str, workload: &Workload) -> bool {
    let Some(rest) = pod.strip_prefix(&workload.name).and_then(|rest| rest.strip_prefix('-'))
    else {
        return false;
    };
    let suffix = |word: &str| word.len() == SUFFIX && of_alphabet(word);
    let number = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    match workload.kind.as_str() {
        // Its ReplicaSet's name ends in a hash of 32 bits; one of less than five digits is as good as
        // never, and could be anything.
        "Deployment" => rest.split_once('-').is_some_and(|(hash, end)| {
            let digits = |word: &str| word.chars().all(|c| DIGITS.contains(c));
            (5..=10).contains(&hash.len()) && digits(hash) && suffix(end)
        }),
        "ReplicaSet" | "ReplicationController" | "DaemonSet" => suffix(rest),
        // One of an indexed Job has its index in front.
        "Job" => {
            suffix(rest)
                || rest.split_once('-').is_some_and(|(index, end)| number(index) && suffix(end))
        }
        "StatefulSet" => number(rest),
        // Its Job's name ends in the minute it was due, since 1970.
        "CronJob" => rest
            .split_once('-')
            .is_some_and(|(minute, end)| minute.len() == 8 && number(minute) && suffix(end)),
        _ => false,
    }
}

fn of_alphabet(word: &str) -> bool {
    word.chars().all(|c| ALPHABET.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(kind: &str, containers: &str) -> manifest::Manifest {
        let indented: String = containers.lines().map(|line| format!("      {line}\n")).collect();
        let group = if kind == "Job" { "batch" } else { "apps" };
        let text = format!(
            "apiVersion: {group}/v1\nkind: {kind}\nmetadata: {{ name: web, namespace: shop }}\nspec:\n  \
             template:\n    spec:\n{indented}"
        );
        let manifest = manifest::parse("web.yaml", text.as_str());
        assert_eq!(manifest.problems, [], "{text}");
        manifest
    }

    const TWO: &str =
        "containers:\n- { name: web, image: 'nginx:1.27' }\n- { name: log, image: log }";
    const INIT: &str = "initContainers:\n- { name: init, image: 'nginx:1.27' }\ncontainers:\n- { name: web, \
                        image: 'docker.io/library/nginx:1.27' }";

    fn about(words: &str) -> About {
        let mut about = About::default();
        for (key, value) in words.split_whitespace().filter_map(|word| word.split_once('=')) {
            let value = Some(value.to_owned());
            match key {
                "image" => about.image = value,
                "container" => about.container = value,
                "workload" => about.workload = value,
                "namespace" => about.namespace = value,
                _ => panic!("{key}"),
            }
        }
        about
    }

    /// By what it is about each container.
    fn fits(manifest: &manifest::Manifest, words: &str) -> Vec<Option<By>> {
        let about = about(words);
        let image = about.image.as_deref().map(ImageName::new);
        let all = manifest.workloads[0].pod.containers.iter();
        let here = |one| Here::new(&manifest.workloads[0], one);
        all.map(|one| about.fits(image.as_ref(), &here(one))).collect()
    }

    #[test]
    fn a_workload_is_met_by_kind_name_namespace_and_container() {
        let manifest = pod("Deployment", TWO);
        let first = [Some(By::Workload), None];
        for (words, expected) in [
            ("workload=Deployment/web container=web", first),
            ("workload=Deployment/web namespace=shop container=web", first),
            ("workload=Deployment/web namespace=other container=web", [None; 2]),
            ("workload=StatefulSet/web container=web", [None; 2]),
            ("workload=Deployment/api container=web image=nginx:1.27", [None; 2]),
            // Which of the two, the image says, or nobody.
            ("workload=Deployment/web image=nginx:1.27", first),
            ("workload=Deployment/web", [None; 2]),
            ("workload=Deployment/web image=other", [None; 2]),
            ("workload=web container=web", [None; 2]),
            ("container=web", [None; 2]),
            ("namespace=shop container=web", [None; 2]),
        ] {
            assert_eq!(fits(&manifest, words), expected, "{words}");
        }
    }

    #[test]
    fn an_image_is_met_whatever_it_is_called_unless_two_of_a_pod_have_it() {
        let manifest = pod("Deployment", TWO);
        let first = [Some(By::Image), None];
        assert_eq!(fits(&manifest, "image=nginx:1.27"), first);
        assert_eq!(fits(&manifest, "image=nginx:1.27 container=some"), first);
        assert_eq!(fits(&manifest, "image=nginx:1.27 container=log"), first);
        assert_eq!(
            fits(&manifest, "image=nginx:1.27 container=web"),
            [Some(By::ImageAndName), None]
        );
        assert_eq!(fits(&manifest, "image=nginx"), [None; 2]);
        let both = pod("Deployment", INIT);
        assert_eq!(fits(&both, "image=nginx:1.27"), [None; 2]);
        assert_eq!(fits(&both, "image=nginx:1.27 container=web"), [None, Some(By::ImageAndName)]);
        assert_eq!(fits(&both, "image=nginx:1.27 container=other"), [None; 2]);
    }

    #[test]
    fn a_pod_is_its_owners_where_its_name_can_be_nothing_else() {
        for (kind, pod_name, expected) in [
            ("Deployment", "web-7d4b9c5f6-x2x4c", true),
            ("Deployment", "web-7d4b9c5f68-x2x4c", true),
            ("Deployment", "web-7d4b9c-x2x", false),
            ("Deployment", "web-api-x2x4c", false),
            ("Deployment", "web-7d4b9c5f6-x2a4c", false),
            ("Deployment", "web-7d4b9c5fx-x2x4c", false),
            ("Deployment", "web-x2x4c", false),
            ("Deployment", "web", false),
            ("Deployment", "webb-7d4b9c5f6-x2x4c", false),
            ("DaemonSet", "web-x2x4c", true),
            ("DaemonSet", "web-7d4b9c5f6-x2x4c", false),
            ("StatefulSet", "web-0", true),
            ("StatefulSet", "web-x2x4c", false),
            ("Job", "web-x2x4c", true),
            ("Job", "web-12-x2x4c", true),
        ] {
            let manifest = pod(kind, TWO);
            let words = format!("workload=Pod/{pod_name} namespace=shop container=web");
            let by = expected.then_some(By::Pod);
            assert_eq!(fits(&manifest, &words), [by, None], "{kind} {pod_name}");
            let other = format!("{words} image=api");
            assert_eq!(fits(&manifest, &other), [None; 2], "another image: {kind} {pod_name}");
        }
    }

    #[test]
    fn a_cron_jobs_pod_has_the_minute_in_its_name() {
        let text = "apiVersion: batch/v1\nkind: CronJob\nmetadata: { name: web }\nspec:\n  jobTemplate:\n    \
                    spec:\n      template:\n        spec:\n          containers: [{ name: web, image: a }]\n";
        let manifest = manifest::parse("web.yaml", text);
        assert_eq!(manifest.problems, []);
        assert_eq!(fits(&manifest, "workload=Pod/web-29345678-x2x4c"), [Some(By::Pod)]);
        assert_eq!(fits(&manifest, "workload=Pod/web-2934-x2x4c"), [None]);
        assert_eq!(fits(&manifest, "workload=Pod/web-x2x4c"), [None]);
    }

    #[test]
    fn podman_calls_a_container_by_its_pod_too() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: { name: web }\nspec:\n  containers:\n    - { name: \
                    main, image: nginx }\n    - { name: log, image: log }\n";
        let manifest = manifest::parse("web.yaml", text);
        let by = [Some(By::Workload), None];
        assert_eq!(fits(&manifest, "workload=Pod/web container=web-main"), by);
    }
}
