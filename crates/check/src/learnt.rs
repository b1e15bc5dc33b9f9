//! What was learnt of containers by watching or trying them: which capabilities each needs, what
//! for, and how well that is known. Whoever writes it down (the profile of `record`) is turned into
//! this by `jobs`; the rules and the edits look at nothing else.

mod basis;
mod image_name;
mod joined;
mod matching;
mod ran;
mod survey;
mod user;
mod way;

use std::fmt;

use caps::{CapSet, Capability};
use manifest::{Container, Manifest, Workload};
use resolve::Context;
use runtime::Runtime;

pub use basis::Basis;
use image_name::ImageName;
use matching::Here;
pub use matching::{About, By};
pub use ran::Ran;
pub use survey::{Survey, Unused};
pub use user::other_user;
pub use way::Way;

/// A capability that a program needs, or may need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Which.
    pub capability: Capability,
    /// Whether only a trial can tell if it is needed.
    pub doubtful: bool,
    /// What it is for, to stand behind it as a comment.
    pub comment: Option<String>,
    /// What fails without it: `bind 0.0.0.0:80 by nginx (main)`.
    pub what: Option<String>,
    /// Capabilities that the kernel takes in its place, for all that it is for.
    pub alternatives: Vec<Capability>,
    /// The lowest port, if binding ports is all that it is for: where ports from there on are open
    /// to everybody, it is not needed.
    pub port: Option<u16>,
    /// How to do without it, the cheapest way first, an instruction each.
    pub remedies: Vec<String>,
    /// Whether a run without it passed its test, and was refused what it is for.
    pub passed_without: bool,
    /// Whether a process of this container was seen to have it, or trials as a user that is not root
    /// passed with it and failed without: then, though the container may not run as root, something in
    /// its image carries it, and the bounding set must have it.
    pub seen_granted: bool,
}

impl Need {
    /// Needed, and nothing more is known.
    #[must_use]
    pub fn of(capability: Capability) -> Self {
        Self {
            capability,
            doubtful: false,
            comment: None,
            what: None,
            alternatives: Vec::new(),
            port: None,
            remedies: Vec::new(),
            passed_without: false,
            seen_granted: false,
        }
    }

    /// All that serve it.
    #[must_use]
    pub fn served_by(&self) -> CapSet {
        self.alternatives.iter().copied().collect::<CapSet>() | CapSet::from(self.capability)
    }
}

/// What was learnt of one container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Learnt {
    /// What it is called.
    pub name: String,
    /// The file that it was read from.
    pub file: String,
    /// What it is about.
    pub about: About,
    /// What is needed, and what may be.
    pub needs: Vec<Need>,
    /// Why it does not say everything; empty if it does.
    pub incomplete: Vec<String>,
    /// What it rests on.
    pub basis: Basis,
    /// Changes of how it is started with which trials have shown that it needs less.
    pub ways: Vec<Way>,
    /// Whether it is about containers that are started with such changes ([`Way::with`]).
    pub changed: bool,
    /// Days since it was last watched; `None` where nobody wrote that down.
    pub age: Option<i64>,
    /// Whether it was watched in a container, and not as a command on some machine, where the user
    /// may have been another.
    pub in_container: bool,
    /// Whether the image's own user is known to be root: it was seen to start so, and nobody chose a user.
    pub as_root: bool,
    /// Whether it was seen to start as root, whoever chose that.
    pub was_root: bool,
    /// Whether it was seen to start as another user than root, whoever chose that.
    pub not_root: bool,
}

impl Learnt {
    /// All that is needed, the doubtful among it.
    #[must_use]
    pub fn needs(&self) -> CapSet {
        self.needs.iter().map(|need| need.capability).collect()
    }

    /// Whether nobody tried it, and nothing was seen: that is not nothing needed.
    #[must_use]
    pub fn saw_nothing(&self) -> bool {
        self.needs.is_empty() && matches!(self.basis, Basis::Traced | Basis::Written)
    }
}

/// Why what was learnt may not hold for a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objection {
    /// It does not say everything: nothing seen is not nothing needed.
    Incomplete(Vec<String>),
    /// Nobody has looked for a long time.
    TooOld {
        /// Days since.
        days: i64,
        /// So many are allowed.
        limit: i64,
    },
    /// It is of another image, or of the same name when that meant other bytes.
    OtherImage {
        /// The image that was watched.
        learnt: String,
        /// The image of the container.
        here: String,
    },
    /// It was learnt as a user that somebody chose, and the container runs as another.
    OtherUser {
        /// The user that was watched, in words.
        learnt: String,
        /// The user of the container, in words: `user 0`, `the image's own user`.
        here: String,
    },
    /// It was learnt of a container that ran something else.
    OtherCommand {
        /// What was watched, in words: `runs "true"`.
        learnt: String,
        /// What the container does.
        here: String,
    },
    /// It names no namespace, and its workload is in several.
    Namespaces(Vec<String>),
}

impl Objection {
    /// Whether what was watched is not this: what it needs says nothing of what this needs.
    #[must_use]
    pub const fn is_of_another(&self) -> bool {
        matches!(self, Self::OtherImage { .. } | Self::OtherUser { .. } | Self::OtherCommand { .. })
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete(why) => write!(f, "it is incomplete: {}", why.join("; ")),
            Self::TooOld { days, limit } => {
                write!(f, "it is {days} days old, and {limit} are allowed")
            }
            Self::OtherImage { learnt, here } => {
                write!(f, "it was learnt from {learnt}, and this is {here}")
            }
            Self::OtherUser { learnt, here } => {
                write!(f, "it was learnt as {learnt}, and this container runs as {here}")
            }
            Self::OtherCommand { learnt, here } => {
                write!(f, "what was watched {learnt}, and this container {here}")
            }
            Self::Namespaces(all) => write!(
                f,
                "it names no namespace, and its workload is in {}",
                crate::words::list(all)
            ),
        }
    }
}

/// So many days after it was last watched, a profile is too old, unless somebody says otherwise.
pub const MAX_AGE_DAYS: i64 = 180;

/// Everything that was learnt, to be asked for one container after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    all: Vec<Entry>,
    max_age: i64,
    accepted: Accepted,
}

/// What a person takes as it is, though it speaks against a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accepted {
    /// That it does not say everything.
    pub incomplete: bool,
    /// That it is of another image, or of another command of it.
    pub other_image: bool,
}

impl Accepted {
    fn covers(self, objection: &Objection) -> bool {
        match objection {
            Objection::Incomplete(_) => self.incomplete,
            Objection::OtherImage { .. } | Objection::OtherCommand { .. } => self.other_image,
            Objection::TooOld { .. } | Objection::OtherUser { .. } | Objection::Namespaces(_) => {
                false
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    learnt: Learnt,
    image: Option<ImageName>,
    /// The namespaces that what it is about is in, where it names a workload and no namespace.
    namespaces: Vec<String>,
}

/// Nothing was learnt.
impl Default for Library {
    fn default() -> Self {
        Self::new(Vec::new(), MAX_AGE_DAYS)
    }
}

/// What was learnt of one container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Match<'a> {
    /// Nothing.
    #[default]
    None,
    /// This.
    One(Known<'a>),
    /// Several things, none of which fits better than the others.
    Several(Vec<&'a Learnt>),
}

/// What was learnt of a container, and whether it may be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known<'a> {
    /// What.
    pub learnt: &'a Learnt,
    /// By what it was found to be about this container.
    pub by: By,
    /// Why it may not hold.
    pub objections: Vec<Objection>,
    /// Why it may not hold, and a person takes it all the same.
    pub accepted: Vec<Objection>,
    /// With which changes it would need less, and which of them are missing here, in a sentence; `None`
    /// if none were tried, or the container is started with all of them: then [`Known::learnt`] is what
    /// is needed with them.
    pub way: Option<String>,
}

impl<'a> Match<'a> {
    /// What was learnt, if it is one thing.
    #[must_use]
    pub fn known(&self) -> Option<&Known<'a>> {
        match self {
            Self::One(known) => Some(known),
            Self::None | Self::Several(_) => None,
        }
    }

    /// What was learnt, if nothing speaks against it.
    #[must_use]
    pub fn usable(&self) -> Option<&'a Learnt> {
        self.known().filter(|known| known.objections.is_empty()).map(|known| known.learnt)
    }
}

impl Library {
    /// All of these; they are too old after `max_age` days.
    #[must_use]
    pub fn new(all: Vec<Learnt>, max_age: i64) -> Self {
        let entry = |learnt: Learnt| {
            let learnt = Learnt { ways: joined::joined(learnt.ways), ..learnt };
            let About { image, image_digest, .. } = &learnt.about;
            let image = image.as_deref().map(ImageName::new);
            let image = image.map(|name| name.with_digest(image_digest.as_deref()));
            Entry { learnt, image, namespaces: Vec::new() }
        };
        let all = all.into_iter().map(entry).collect();
        Self { all, max_age, accepted: Accepted::default() }
    }

    /// For a run over these manifests: what names a workload and no namespace holds for none of them
    /// where there are several of that name.
    #[must_use]
    pub fn among<'m>(mut self, manifests: impl IntoIterator<Item = &'m Manifest>) -> Self {
        let open = |entry: &Entry| {
            entry.learnt.about.workload.is_some() && entry.learnt.about.namespace.is_none()
        };
        if !self.all.iter().any(open) {
            return self;
        }
        for workload in manifests.into_iter().flat_map(|manifest| &manifest.workloads) {
            let Some(namespace) = &workload.namespace else { continue };
            for container in &workload.pod.containers {
                let here = Here::new(workload, container);
                for entry in self.all.iter_mut().filter(|entry| open(entry)) {
                    if !entry.namespaces.contains(namespace)
                        && entry.learnt.about.fits(entry.image.as_ref(), &here).is_some()
                    {
                        entry.namespaces.push(namespace.clone());
                    }
                }
            }
        }
        self
    }

    /// With what a person takes as it is.
    #[must_use]
    pub fn accepting(self, accepted: Accepted) -> Self {
        Self { accepted, ..self }
    }

    /// Whether nothing was learnt.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Everything, in the order in which it was given.
    pub fn each(&self) -> impl Iterator<Item = &Learnt> {
        self.all.iter().map(|entry| &entry.learnt)
    }

    /// What was learnt of this container, whose context is `context`: what fits best. Where it is started with
    /// all changes of a way that trials have shown, on each of `runtimes`, what is needed with those.
    #[must_use]
    pub fn of(
        &self,
        workload: &Workload,
        container: &Container,
        context: &Context,
        runtimes: &[Runtime],
    ) -> Match<'_> {
        let best = self.best(workload, container);
        match best.as_slice() {
            [] => Match::None,
            [(entry, by)] => {
                let (learnt, way) =
                    way::of(&entry.learnt, workload, (container, context), runtimes);
                let all = self.objections(entry, learnt, container, context);
                let (accepted, objections) =
                    all.into_iter().partition(|objection| self.accepted.covers(objection));
                Match::One(Known { learnt, by: *by, objections, accepted, way })
            }
            several => Match::Several(several.iter().map(|(entry, _)| &entry.learnt).collect()),
        }
    }

    /// All that fits equally well, and better than the rest.
    fn best(&self, workload: &Workload, container: &Container) -> Vec<(&Entry, By)> {
        if self.all.is_empty() {
            return Vec::new();
        }
        let here = Here::new(workload, container);
        let mut best: Vec<(&Entry, By)> = Vec::new();
        for entry in &self.all {
            let about = &entry.learnt.about;
            let Some(by) = about.fits(entry.image.as_ref(), &here) else { continue };
            match best.first().map(|(_, known)| by.cmp(known)) {
                Some(std::cmp::Ordering::Less) => continue,
                Some(std::cmp::Ordering::Greater) => best.clear(),
                Some(std::cmp::Ordering::Equal) | None => {}
            }
            best.push((entry, by));
        }
        best
    }

    fn objections(
        &self,
        entry: &Entry,
        learnt: &Learnt,
        container: &Container,
        context: &Context,
    ) -> Vec<Objection> {
        let Entry { image, namespaces, .. } = entry;
        let mut objections = Vec::new();
        if namespaces.len() > 1 {
            objections.push(Objection::Namespaces(namespaces.clone()));
        }
        if !learnt.incomplete.is_empty() {
            objections.push(Objection::Incomplete(learnt.incomplete.clone()));
        }
        if let Some(days) = learnt.age.filter(|days| *days > self.max_age) {
            objections.push(Objection::TooOld { days, limit: self.max_age });
        }
        let digest = learnt.about.image_digest.as_deref();
        if let Some(here) = &container.image
            && let Some((learnt, here)) = image_name::differ(image.as_ref(), digest, &here.value)
        {
            objections.push(Objection::OtherImage { learnt, here });
        }
        let ran = &learnt.about.ran;
        let whole = context.image.as_ref().map(|image| image.argv.as_slice());
        let whole = whole.filter(|words| !words.is_empty());
        if ran.differs(container, whole) && !way::is_moved(&entry.learnt, container) {
            let here = match (ran, whole) {
                (Ran::Whole(_), Some(whole)) => ran::runs(whole, &[]),
                _ => ran::runs(&container.command, &container.args),
            };
            let learnt = ran.words();
            objections.push(Objection::OtherCommand { learnt, here });
        }
        objections.extend(other_user(learnt, container, context));
        objections
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What came of a profile of Deployment/web for each of two of that name.
    fn doubts(profile: Option<&str>, others: [&str; 2]) -> Vec<usize> {
        let one = |namespace: &str| {
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: web{namespace} }}\nspec:\n  template:\n    \
                 spec:\n      containers: [{{ name: web, image: web }}]\n"
            )
        };
        let manifest = manifest::parse("web.yaml", others.map(one).join("---\n"));
        let about = About {
            workload: Some("Deployment/web".to_owned()),
            namespace: profile.map(str::to_owned),
            ..About::default()
        };
        let library = Library::new(vec![Learnt { about, ..Learnt::default() }], MAX_AGE_DAYS);
        let library = library.among([&manifest]);
        let known = manifest.containers().filter_map(|(workload, container)| {
            let context = Context::of(&workload.pod, container);
            Some(
                library
                    .of(workload, container, &context, &[Runtime::assumed_for_kubernetes()])
                    .known()?
                    .objections
                    .len(),
            )
        });
        known.collect()
    }

    #[test]
    fn without_a_namespace_it_holds_for_none_of_several() {
        let (shop, blog) = (", namespace: shop", ", namespace: blog");
        assert_eq!(doubts(None, [shop, blog]), [1, 1]);
        assert_eq!(doubts(None, [shop, shop]), [0, 0]);
        assert_eq!(doubts(None, [shop, ""]), [0, 0]);
        assert_eq!(doubts(Some("shop"), [shop, blog]), [0]);
    }
}
