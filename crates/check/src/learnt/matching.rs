//! Which container a profile is about: docs/profiles.md has this in words.

use manifest::{Container, ContainerList, Workload};

use super::image_name::ImageName;
use super::ran::Ran;

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
    /// What the image was made to run.
    pub ran: Ran,
    /// As which user it ran, where somebody chose another one than the image's.
    pub user: Option<u32>,
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
        // An init or ephemeral container of the same image does something else, and so does one that
        // is told what to run.
        if here.container.list != ContainerList::Containers
            || !here.runs(image)
            || !self.ran.is_of(here.container)
        {
            return None;
        }
        match &self.container {
            Some(name) if here.running(image).any(|other| other.name == *name) => {
                (here.container.name == *name).then_some(By::ImageAndName)
            }
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
    behind(pod, workload).is_some_and(|rest| is_made_for(&workload.kind, rest))
}

/// Whether a pod of this workload may be called so, for a hint: what is made for another kind is not.
pub(super) fn may_be_pod_of(pod: &str, workload: &Workload) -> bool {
    let Some(rest) = behind(pod, workload) else { return false };
    let of = |kind: &str| is_made_for(kind, rest);
    match workload.kind.as_str() {
        // One without an owner, and what has no pods.
        "Pod" | "ComposeService" | "OciBundle" => false,
        // Its pods have numbers, and only its.
        "StatefulSet" => of("StatefulSet"),
        kind if of(kind) => true,
        kind => !of("StatefulSet") && (kind == "Deployment" || !of("Deployment")),
    }
}

/// What a pod's name has behind that of this workload.
fn behind<'n>(pod: &'n str, workload: &Workload) -> Option<&'n str> {
    pod.strip_prefix(&workload.name)?.strip_prefix('-')
}

/// Whether Kubernetes puts this behind the dash for a pod of such a workload.
fn is_made_for(kind: &str, rest: &str) -> bool {
    let suffix = |word: &str| word.len() == SUFFIX && of_alphabet(word);
    let number = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    match kind {
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
            let (text, value) = (value, Some(value.to_owned()));
            match key {
                "image" => about.image = value,
                "container" => about.container = value,
                "workload" => about.workload = value,
                "namespace" => about.namespace = value,
                "ran" => about.ran = ran(text),
                _ => panic!("{key}"),
            }
        }
        about
    }

    /// `own`, `sh+-c` in place of the entrypoint, `:-g` in place of the image's words, `=sh+-c` in all.
    fn ran(words: &str) -> Ran {
        let list = |text: &str| {
            text.split('+').filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        match words.split_once(':') {
            _ if words == "own" => Ran::Own,
            _ if words.starts_with('=') => Ran::Whole(list(&words[1..])),
            Some((command, args)) => Ran::Words { command: list(command), args: list(args) },
            None => Ran::Words { command: list(words), args: Vec::new() },
        }
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
        assert_eq!(fits(&both, "image=nginx:1.27 container=init"), [None; 2]);
        let alone = both.source.text().replace("docker.io/library/nginx:1.27", "other");
        let alone = manifest::parse("web.yaml", alone.as_str());
        for (words, expected) in [
            ("image=nginx:1.27", None),
            ("image=nginx:1.27 container=init", None),
            ("workload=Deployment/web container=init image=nginx:1.27", Some(By::Workload)),
        ] {
            assert_eq!(fits(&alone, words), [expected, None], "{words}");
        }
    }

    #[test]
    fn an_image_that_was_told_what_to_run_is_about_what_is_told_the_same() {
        for (lines, matching, other) in [
            // Of the image's own words nothing is known here.
            ("", "own =sh+-c+id", "true :true sh+-c"),
            (
                "\n  command: [sh, -c, id]",
                "sh+-c+id sh+-c:id =sh+-c+id",
                "own true sh+-c :sh+-c+id =sh+-c",
            ),
            (
                "\n  command: [sh]\n  args: [-c, id]",
                "sh+-c+id sh:-c+id =sh+-c+id",
                "own sh :-c+id :sh+-c+id =sh",
            ),
            (
                "\n  args: [-c, id]",
                ":-c+id =sh+-c+id =-c+id",
                "own -c+id sh+-c+id sh:-c+id :id =sh+-c",
            ),
            ("\n  command: [sh, $(X)]", "=sh+-c", "own sh"),
        ] {
            let manifest =
                pod("Deployment", &format!("containers:\n- name: web\n  image: web{lines}"));
            let by = |ran: &str| fits(&manifest, &format!("image=web ran={ran}"));
            for ran in matching.split(' ') {
                assert_eq!(by(ran), [Some(By::Image)], "{lines} {ran}");
            }
            for ran in other.split(' ') {
                assert_eq!(by(ran), [None], "{lines} {ran}");
                let named = format!("workload=Deployment/web image=web ran={ran}");
                assert_eq!(fits(&manifest, &named), [Some(By::Workload)], "{lines} {ran}");
            }
            assert_eq!(fits(&manifest, "image=web"), [Some(By::Image)], "nobody wrote it down");
        }
    }

    #[test]
    fn a_hint_says_of_a_pod_only_what_may_be() {
        for (kind, pod_name, may_be) in [
            ("Deployment", "web-7d4b9c5f6-x2x4c", true),
            ("StatefulSet", "web-7d4b9c5f6-x2x4c", false),
            ("DaemonSet", "web-7d4b9c5f6-x2x4c", false),
            ("Deployment", "web-7d4b9c-x2x", true),
            ("DaemonSet", "web-7d4b9c-x2x", true),
            ("StatefulSet", "web-7d4b9c-x2x", false),
            ("StatefulSet", "web-0", true),
            ("Deployment", "web-0", false),
            ("Deployment", "webb-0", false),
        ] {
            let manifest = pod(kind, TWO);
            assert_eq!(
                may_be_pod_of(pod_name, &manifest.workloads[0]),
                may_be,
                "{kind} {pod_name}"
            );
        }
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
