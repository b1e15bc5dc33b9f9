//! The runtimes that an edit is tried on, and what each makes of a request that it refuses.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use caps::FileCaps;
use runtime::{List, Refusal, Request, Resolution, Runtime, SpecSets, User, Word, resolve};

use crate::engines::engines;
use crate::holding::BareSets;
use crate::reading::Readings;

/// Every engine, with each release and OCI runtime that treats a request differently from the
/// rest. An edit is safe only if it is on all of them.
#[must_use]
pub fn panel() -> &'static [Runtime] {
    static PANEL: LazyLock<Vec<Runtime>> = LazyLock::new(|| {
        const OTHERS: [&str; 12] = [
            "containerd@1.6",
            "containerd+crun",
            "containerd+crun@1.28",
            "containerd+youki",
            "containerd+gvisor",
            "crio@1.17",
            "crio@1.18",
            "docker+gvisor",
            "podman@4.3",
            "podman@4.4",
            "nerdctl+crun",
            "nerdctl+youki",
        ];
        let others = OTHERS.iter().filter_map(|name| name.parse().ok());
        engines().iter().cloned().chain(others).collect()
    });
    &PANEL
}

/// A number of runtimes to ask, from any thread. It remembers their answers: most containers of a
/// repository ask for the same.
#[derive(Debug)]
pub struct Panel {
    runtimes: Vec<Runtime>,
    answers: Mutex<HashMap<Key, Arc<[BareAnswer]>>>,
    whole: Mutex<HashMap<Key, Arc<Answer>>>,
    readings: Mutex<HashMap<(List, String), Arc<Readings>>>,
}

/// All of a request that decides.
type Key = (Vec<String>, Vec<String>, bool, bool, Execve, Option<SpecSets>);

/// As whom, and what the file carries and whose it is if it is set-uid.
type Execve = (User, Option<FileCaps>, Option<u32>);

/// More answers than any repository needs; a generated one with more of them is asked again.
const MEMORY: usize = 1024;

/// The [`panel`].
impl Default for Panel {
    fn default() -> Self {
        Self::new(panel().to_vec())
    }
}

impl Panel {
    /// Of these.
    #[must_use]
    pub fn new(runtimes: Vec<Runtime>) -> Self {
        Self {
            runtimes,
            answers: Mutex::default(),
            whole: Mutex::default(),
            readings: Mutex::default(),
        }
    }

    /// The [`panel`] with one more, if that is not in it: the runtime that a person named.
    #[must_use]
    pub fn with(runtime: &Runtime) -> Self {
        let mut runtimes = panel().to_vec();
        if !runtimes.contains(runtime) {
            runtimes.push(runtime.clone());
        }
        Self::new(runtimes)
    }

    /// Those of the [`panel`] that read Compose files, which no engine of Kubernetes does: Docker
    /// (compose `pkg/compose/create.go`), Podman (podman-compose `container_to_args`) and nerdctl
    /// (`pkg/composer/serviceparser`); and `runtime`, if that is not in it.
    #[must_use]
    pub fn for_compose(runtime: &Runtime) -> Self {
        let mut all = Self::with(runtime);
        all.runtimes.retain(|one| one == runtime || !one.engine.is_cri());
        all
    }

    /// Of those of its runtimes that are wanted.
    #[must_use]
    pub fn some(&self, wanted: impl Fn(&Runtime) -> bool) -> Self {
        Self::new(self.runtimes.iter().filter(|one| wanted(one)).cloned().collect())
    }

    /// Who is asked.
    #[must_use]
    pub fn runtimes(&self) -> &[Runtime] {
        &self.runtimes
    }

    /// What each makes of `request`, in the order of [`Panel::runtimes`].
    #[must_use]
    pub fn ask(&self, request: &Request) -> Arc<[BareAnswer]> {
        remembered(&self.answers, key(request), || {
            self.runtimes.iter().map(|runtime| Answer::of(runtime, request).into()).collect()
        })
    }

    /// What `runtime` makes of `request`, with the reasons; always the same runtime.
    #[must_use]
    pub(crate) fn ask_one(&self, runtime: &Runtime, request: &Request) -> Arc<Answer> {
        remembered(&self.whole, key(request), || Arc::new(Answer::of(runtime, request)))
    }

    /// What the engines make of a word.
    #[must_use]
    pub(crate) fn readings(&self, word: &Word) -> Arc<Readings> {
        let key = (word.list, word.text.clone());
        remembered(&self.readings, key, || Arc::new(Readings::of(word)))
    }
}

fn key(request: &Request) -> Key {
    let Request { add, drop, privileged, no_new_privs, user, entrypoint, set_uid, spec } = request;
    let execve = (*user, *entrypoint, *set_uid);
    (add.clone(), drop.clone(), *privileged, *no_new_privs, execve, spec.clone())
}

/// What is remembered under `key`, or `made` now.
fn remembered<K: Eq + Hash, V: ?Sized>(
    memory: &Mutex<HashMap<K, Arc<V>>>,
    key: K,
    made: impl FnOnce() -> Arc<V>,
) -> Arc<V> {
    // Whoever panicked left answers that are whole.
    let memory = || memory.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = memory().get(&key) {
        return Arc::clone(known);
    }
    // Nobody waits for it; two that ask for the same at once work it out twice.
    let value = made();
    let mut memory = memory();
    if memory.len() >= MEMORY {
        memory.clear();
    }
    memory.insert(key, Arc::clone(&value));
    value
}

/// An [`Answer`] without the reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BareAnswer {
    /// Why the container does not start, if it does not, or not as one kind of user.
    pub refusal: Option<Refusal>,
    /// One answer, or two (root first) where nobody knows the user; none where it is no word that
    /// is refused, nor for a user as whom it does not start.
    pub sets: Vec<BareSets>,
}

impl From<Answer> for BareAnswer {
    fn from(answer: Answer) -> Self {
        let sets = answer.resolution.iter().flat_map(Resolution::sets);
        Self { sets: sets.map(BareSets::from).collect(), refusal: answer.refusal }
    }
}

/// What a runtime makes of a request, and of what is left of it without the words that it refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Why the container does not start, if it does not, or not as one kind of user.
    pub refusal: Option<Refusal>,
    /// The sets, as if the refused words were not there; `None` where it is no word that is
    /// refused.
    pub resolution: Option<Resolution>,
    /// For each list, where the words that are left stand in the whole request.
    kept: [Vec<usize>; 2],
}

impl Answer {
    /// That of nobody: there is no runtime that knows capabilities.
    #[must_use]
    pub const fn none() -> Self {
        Self { refusal: None, resolution: None, kept: [Vec::new(), Vec::new()] }
    }

    /// Asks `runtime`.
    #[must_use]
    pub fn of(runtime: &Runtime, request: &Request) -> Self {
        let mut left = request.clone();
        let mut kept = [(0..request.add.len()).collect(), (0..request.drop.len()).collect()];
        let mut first = None;
        loop {
            let refusal = match resolve(runtime, &left) {
                Ok(resolution) => {
                    let refusal = first.or_else(|| resolution.refusal().cloned());
                    return Self { refusal, resolution: Some(resolution), kept };
                }
                Err(refusal) => refusal,
            };
            let word = refusal.word().map(|word| (word.list, word.index));
            first.get_or_insert(refusal);
            let Some((list, index)) = word else {
                return Self { refusal: first, resolution: None, kept };
            };
            match list {
                List::Add => drop(left.add.remove(index)),
                List::Drop => drop(left.drop.remove(index)),
            }
            kept[place(list)].remove(index);
        }
    }

    /// Where a word of [`Answer::resolution`] stands in the request.
    #[must_use]
    pub fn index(&self, list: List, index: usize) -> usize {
        self.kept[place(list)].get(index).copied().unwrap_or(index)
    }
}

const fn place(list: List) -> usize {
    match list {
        List::Add => 0,
        List::Drop => 1,
    }
}

#[cfg(test)]
mod tests {
    use caps::{CapSet, Capability};
    use runtime::Engine;

    use super::*;

    fn request(add: &[&str], drop: &[&str]) -> Request {
        let words = |list: &[&str]| list.iter().map(|&word| word.to_owned()).collect();
        Request { add: words(add), drop: words(drop), ..Request::default() }
    }

    #[test]
    fn the_panel_has_every_member() {
        assert_eq!(panel().len(), 5 + 12);
        assert_eq!(engines().len(), 5);
        let docker = Runtime::new(Engine::Docker);
        let compose = Panel::for_compose(&docker);
        let engines: std::collections::BTreeSet<_> =
            compose.runtimes().iter().map(|runtime| runtime.engine.title()).collect();
        assert_eq!(Vec::from_iter(engines), ["Docker", "Podman", "nerdctl"]);
        assert_eq!(compose.runtimes().len(), 2 + 3 + 3);
        let named = Runtime::new(Engine::Containerd);
        assert!(Panel::for_compose(&named).runtimes().contains(&named));
    }

    #[test]
    fn refused_words_are_set_aside_and_the_rest_is_resolved() {
        let crio = Runtime::new(Engine::Crio);
        let answer =
            Answer::of(&crio, &request(&["FOO", "BAR", "KILL", "SYS_TIME"], &["ALL", "BAZ"]));
        assert!(matches!(answer.refusal, Some(Refusal::UnknownName { .. })));
        let resolution = answer.resolution.as_ref().unwrap();
        let expected = CapSet::of(&[Capability::KILL, Capability::SYS_TIME]);
        assert_eq!(resolution.bounding(), expected);
        let fate = resolution.most().fate(Capability::SYS_TIME);
        let word = fate.reason.word().unwrap();
        assert_eq!((word.index, answer.index(word.list, word.index)), (1, 3));
    }

    #[test]
    fn a_contradiction_on_podman_is_read_as_a_drop() {
        let podman = Runtime::new(Engine::Podman);
        let answer = Answer::of(&podman, &request(&["KILL"], &["KILL"]));
        assert!(answer.refusal.is_some());
        assert!(!answer.resolution.unwrap().bounding().contains(Capability::KILL));
    }
}
