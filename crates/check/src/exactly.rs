//! What is written of a learnt set: `drop: [ALL]`, and of what is needed all that is held now, in
//! whatever way and on any runtime, so that nothing needed is taken and nothing is given.

use caps::{CapSet, Capability};
use runtime::{List, Request, Runtime, User, Word};

use crate::assess::Assessment;
use crate::fix::{Change, KeptWords, names};
use crate::holding::{Entrypoint, Held};
use crate::learnt::Need;
use crate::patch::{LeftOut, Widen};
use crate::rules::instead;
use crate::standing::Answered;
use crate::subject::Subject;

/// A word that stays as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptWord {
    /// The word.
    pub word: String,
    /// Why, in a sentence.
    pub why: String,
}

/// What is written, and what is not.
pub(crate) struct Exactly {
    pub change: Change,
    /// What serves what is needed, added or not.
    pub serving: CapSet,
    pub left_out: Vec<LeftOut>,
    pub withheld: CapSet,
    pub kept: Vec<KeptWord>,
}

/// `drop: [ALL]` and what is needed of `needs`; and what it does not bring.
///
/// A need is met by what the container has, where the kernel takes one of several; unless it may get more
/// than it has. What it has on one runtime and not on another, because a word is written as only some
/// read it, stays written so. What `answered` names stays, too.
pub(crate) fn exactly(
    subject: &Subject<'_>,
    needs: &[Need],
    answered: &[Answered],
    widen: Widen,
) -> Exactly {
    let tried = Tried::new(subject);
    let (mut words, mut kept) = tried.answered(answered);
    let picked: Vec<Capability> = needs.iter().map(|need| tried.pick(need, widen)).collect();
    let effective = tried.effective(&picked);
    let mut add: Vec<(Capability, Option<String>)> = Vec::new();
    let (mut left_out, mut withheld) = (Vec::new(), CapSet::EMPTY);
    let stays = tried.meant_by(&words.add);
    for (need, capability) in needs.iter().zip(&picked) {
        let capability = *capability;
        if stays.contains(capability) {
            continue;
        }
        let carried = need.seen_granted && tried.request.user == User::NonRoot;
        // What somebody wrote down and the program uses stays: a file of the image may carry it, and
        // could not be executed without it.
        let written = tried.asked.contains(capability);
        let held = tried.reach.contains(capability);
        if !(effective.contains(capability) || carried || written || held) {
            let mut ways = need.remedies.clone();
            ways.extend(instead(subject, capability));
            left_out.push(LeftOut { capability, instead: ways });
            continue;
        }
        let gives = widen != Widen::Allow && tried.gives(capability);
        if gives && !held && widen == Widen::LeaveOut {
            withheld.insert(capability);
        } else if let Some(mine) = tried.as_written(need).filter(|_| gives && held) {
            let why = format!(
                "{capability} is needed, and as it is written it is held on {} only; --allow-widen \
                 writes what every runtime reads",
                names(&tried.on(capability))
            );
            kept.extend(mine.iter().map(|word| KeptWord { word: word.clone(), why: why.clone() }));
            words.add.extend(mine);
        } else if !add.iter().any(|(there, _)| *there == capability) {
            add.push((capability, need.comment.clone()));
        }
    }
    let serving = picked.iter().copied().collect::<CapSet>() | tried.meant_by(&words.add);
    Exactly { change: Change::Exactly { add, kept: words }, serving, left_out, withheld, kept }
}

/// A container, and what would come of sets written into it.
struct Tried<'a> {
    subject: &'a Subject<'a>,
    request: &'a Request,
    /// In the bounding set on the runtime of the run.
    now: CapSet,
    /// Of that, what stands under `add` in whatever spelling.
    asked: CapSet,
    /// Held in whatever way on any of the runtimes.
    reach: CapSet,
}

impl<'a> Tried<'a> {
    fn new(subject: &'a Subject<'a>) -> Self {
        let request = subject.request();
        let now = subject.most().map_or(CapSet::EMPTY, |sets| sets.process.bounding);
        let asked = subject.words(List::Add).filter_map(|(word, _)| Subject::one(&word));
        let asked = asked.collect::<CapSet>() & now;
        let mut tried = Self { subject, request, now, asked, reach: CapSet::EMPTY };
        tried.reach = tried.held().fold(CapSet::EMPTY, |all, (_, held)| all | held);
        tried
    }

    /// What is held in whatever way on each of the runtimes.
    fn held(&self) -> impl Iterator<Item = (&'a Runtime, CapSet)> {
        let Self { subject, request, .. } = self;
        let (entrypoint, no_new_privs) = (subject.entrypoint, request.no_new_privs);
        let answers = subject.own.ask(request);
        let runtimes = subject.own.runtimes().iter().enumerate();
        runtimes.map(move |(index, runtime)| {
            let each = answers[index].sets.iter();
            let each = each.map(|sets| Held::of_sets(sets, no_new_privs, entrypoint).reach());
            (runtime, each.fold(CapSet::EMPTY, |all, held| all | held))
        })
    }

    /// Where a capability is held.
    fn on(&self, capability: Capability) -> Vec<Runtime> {
        let there = self.held().filter(|(_, held)| held.contains(capability));
        there.map(|(runtime, _)| runtime.clone()).collect()
    }

    /// What the change comes to on all runtimes.
    fn assess(&self, add: Vec<Capability>, kept: Vec<String>) -> Assessment {
        let add = add.into_iter().map(|capability| (capability, None)).collect();
        let kept = KeptWords { add: kept, drop: Vec::new() };
        let after = Change::Exactly { add, kept }.apply(self.request);
        Assessment::new(self.subject.own, self.request, &after, self.subject.entrypoint)
    }

    /// Whether to add it would give it to the container on any runtime.
    fn gives(&self, capability: Capability) -> bool {
        self.assess(vec![capability], Vec::new()).gained().contains(capability)
    }

    /// What is to serve a need: what is held and can be written without giving it to anybody who lacks
    /// it, else what is held.
    fn pick(&self, need: &Need, widen: Widen) -> Capability {
        if widen == Widen::Allow {
            return need.capability;
        }
        let all = || std::iter::once(need.capability).chain(need.alternatives.iter().copied());
        let free = |held: CapSet| all().find(|one| held.contains(*one) && !self.gives(*one));
        free(self.now)
            .or_else(|| free(self.reach))
            .or_else(|| all().find(|one| self.now.contains(*one)))
            .or_else(|| all().find(|one| self.reach.contains(*one)))
            .unwrap_or(need.capability)
    }

    /// What of these would be effective on the runtime of the run.
    fn effective(&self, picked: &[Capability]) -> CapSet {
        let add = picked.iter().map(|capability| (*capability, None)).collect();
        let request = Change::Exactly { add, kept: KeptWords::default() }.apply(self.request);
        runtime::resolve(&self.subject.options.runtime, &request)
            .map_or(CapSet::EMPTY, |resolution| {
                Held::of(&resolution, request.no_new_privs, Entrypoint::Plain).effective
            })
    }

    /// The words under `add` that serve a need, if with them as they are written nothing of it is taken
    /// and nothing given.
    fn as_written(&self, need: &Need) -> Option<Vec<String>> {
        let serving = need.served_by();
        let words = self.subject.words(List::Add).map(|(word, _)| word);
        let serves = |word: &Word| Subject::one(word).is_some_and(|one| serving.contains(one));
        let words: Vec<String> = words.filter(serves).map(|word| word.text).collect();
        let assessment = self.assess(Vec::new(), words.clone());
        let is_it = !words.is_empty()
            && assessment.gained().is_empty()
            && assessment.taken(std::slice::from_ref(need)).is_none();
        is_it.then_some(words)
    }

    /// The words that somebody answers for.
    fn answered(&self, answered: &[Answered]) -> (KeptWords, Vec<KeptWord>) {
        let (mut words, mut kept) = (KeptWords::default(), Vec::new());
        for list in [List::Add, List::Drop] {
            for (word, span) in self.subject.words(list) {
                let Some(by) = answered.iter().find(|one| one.span == span) else { continue };
                kept.push(KeptWord { word: word.text.clone(), why: by.why.clone() });
                match list {
                    List::Add => words.add.push(word.text),
                    List::Drop => words.drop.push(word.text),
                }
            }
        }
        let is_all = |text: &String| text.eq_ignore_ascii_case("ALL");
        if !words.drop.is_empty() && !words.drop.iter().any(is_all) {
            words.drop.push("ALL".to_owned());
        }
        (words, kept)
    }

    /// The capabilities that these words under `add` mean.
    fn meant_by(&self, words: &[String]) -> CapSet {
        let all = self.subject.words(List::Add).map(|(word, _)| word);
        all.filter(|word| words.contains(&word.text))
            .filter_map(|word| Subject::one(&word))
            .collect()
    }
}
