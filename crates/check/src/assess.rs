//! What an edit does to the resolved sets, on every runtime: the one place that says whether it
//! is safe, unsafe, or not to be offered at all.

use caps::CapSet;
use runtime::{Refusal, Request, Runtime};

use crate::holding::{BareSets, Entrypoint, Held};
use crate::learnt::{Learnt, Need};
use crate::panel::{BareAnswer, Panel};

/// What becomes of a container on one runtime when its request changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Which runtime.
    pub runtime: Runtime,
    /// In a set afterwards and not before: bounding, or any other of the five.
    pub gained: CapSet,
    /// Could take effect before and cannot afterwards.
    pub lost: CapSet,
    /// The runtime refused the container and does so no longer.
    pub starts: bool,
    /// Why the runtime refuses the container that it accepted before.
    pub stops: Option<Refusal>,
    /// What is held before and afterwards: once, or as root and as another user where nobody knows which.
    held: Vec<(Held, Held)>,
}

impl Effect {
    /// Whether nothing changes that could matter.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.gained.is_empty() && self.lost.is_empty() && !self.starts && self.stops.is_none()
    }
}

/// What an edit does on a number of runtimes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Assessment {
    /// One for each runtime on which something changes.
    pub effects: Vec<Effect>,
}

/// How an edit is to be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing that could take effect is lost and nothing is gained, on every runtime.
    Safe,
    /// Something is lost that could take effect, or a container starts that did not.
    Unsafe,
    /// A set grows somewhere. Such an edit is never offered: a fix never widens.
    Widens,
    /// A container that starts would start no longer.
    Breaks,
    /// Something is needed, and had somewhere, and would be had no longer or in a weaker way. Such an
    /// edit is never offered either, whoever consents.
    Takes,
}

/// What is needed and would be taken away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// What would go of what serves a need.
    pub held: CapSet,
    /// The needs that it serves, by what they name first.
    pub needs: CapSet,
    /// Where.
    pub on: Vec<Runtime>,
}

impl Taken {
    /// Whether nothing needed goes.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.on.is_empty()
    }

    /// What goes, and what for if that is something else: `NET_RAW`, `DAC_READ_SEARCH, which serves for
    /// DAC_OVERRIDE`.
    #[must_use]
    pub fn words(&self) -> String {
        let others = self.needs - self.held;
        match others.is_empty() {
            true => self.held.to_string(),
            false => format!("{}, which serves for {others}", self.held),
        }
    }
}

impl Assessment {
    /// Compares the two requests on all runtimes of `panel`.
    #[must_use]
    pub fn new(panel: &Panel, before: &Request, after: &Request, entrypoint: Entrypoint) -> Self {
        let (old, new) = (panel.ask(before), panel.ask(after));
        let each = panel.runtimes().iter().zip(old.iter().zip(new.iter()));
        let effects = each.map(|(runtime, (old, new))| {
            effect(runtime, (old, before.no_new_privs), (new, after.no_new_privs), entrypoint)
        });
        Self { effects: effects.filter(|effect| !effect.is_none()).collect() }
    }

    /// How an edit with this effect is to be treated.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.effects.iter().any(|effect| !effect.gained.is_empty()) {
            Verdict::Widens
        } else if self.effects.iter().any(|effect| effect.stops.is_some()) {
            Verdict::Breaks
        } else if self.effects.is_empty() {
            Verdict::Safe
        } else {
            Verdict::Unsafe
        }
    }

    /// What of `needs` something serves before, and nothing as well afterwards, on any of the runtimes:
    /// the one place that says whether an edit takes away what is needed.
    #[must_use]
    pub fn taken(&self, needs: &[Need]) -> Taken {
        let mut taken = Taken::default();
        for effect in self.effects.iter().filter(|effect| !effect.lost.is_empty()) {
            let mut here = CapSet::EMPTY;
            for need in needs {
                let serving = need.served_by();
                for (was, is) in &effect.held {
                    if is.strongest(serving) < was.strongest(serving) {
                        let weaker = serving.iter().filter(|one| is.by(*one) < was.by(*one));
                        here = here | weaker.collect();
                        taken.needs.insert(need.capability);
                    }
                }
            }
            if !here.is_empty() {
                taken.held = taken.held | here;
                taken.on.push(effect.runtime.clone());
            }
        }
        taken
    }

    /// As [`Assessment::verdict`], where something is known of what is needed: that is never taken. Where
    /// trials proved it, to lose anything else is safe; what a trace alone did not see is not proven to be
    /// needless.
    #[must_use]
    pub fn verdict_with(&self, learnt: Option<&Learnt>) -> Verdict {
        let verdict = self.verdict();
        if verdict == Verdict::Unsafe
            && learnt.is_some_and(|learnt| !self.taken(&learnt.needs).is_none())
        {
            return Verdict::Takes;
        }
        let proven = learnt.filter(|learnt| learnt.is_proven());
        let only_lost = !self.effects.iter().any(|effect| effect.starts);
        match proven {
            Some(learnt) if verdict == Verdict::Unsafe && only_lost => {
                let needless = (self.lost() & learnt.needs()).is_empty();
                if needless { Verdict::Safe } else { verdict }
            }
            _ => verdict,
        }
    }

    /// Everything gained anywhere.
    #[must_use]
    pub fn gained(&self) -> CapSet {
        self.effects.iter().fold(CapSet::EMPTY, |all, effect| all | effect.gained)
    }

    /// What is gained, each with where.
    #[must_use]
    pub fn gained_on(&self) -> Vec<(CapSet, Vec<Runtime>)> {
        let mut all: Vec<(CapSet, Vec<Runtime>)> = Vec::new();
        for capability in self.gained() {
            let gains = self.effects.iter().filter(|effect| effect.gained.contains(capability));
            let on: Vec<Runtime> = gains.map(|effect| effect.runtime.clone()).collect();
            match all.iter_mut().find(|(_, there)| *there == on) {
                Some((set, _)) => set.insert(capability),
                None => all.push((capability.into(), on)),
            }
        }
        all
    }

    /// Everything lost anywhere that could take effect.
    #[must_use]
    pub fn lost(&self) -> CapSet {
        self.effects.iter().fold(CapSet::EMPTY, |all, effect| all | effect.lost)
    }
}

/// Each answer with whether no_new_privs is set.
fn effect(
    runtime: &Runtime,
    (old, old_no_new_privs): (&BareAnswer, bool),
    (new, new_no_new_privs): (&BareAnswer, bool),
    entrypoint: Entrypoint,
) -> Effect {
    let mut effect = Effect {
        runtime: runtime.clone(),
        gained: CapSet::EMPTY,
        lost: CapSet::EMPTY,
        starts: old.refusal.is_some() && new.refusal.is_none(),
        stops: if old.refusal.is_none() { new.refusal.clone() } else { None },
        held: Vec::new(),
    };
    for after in &new.sets {
        let now = all_sets(after);
        let Some(before) = old.sets.iter().find(|before| before.root == after.root) else {
            // Nothing is known of what the container would have held: all of it is new.
            effect.gained = effect.gained | now.iter().fold(CapSet::EMPTY, |all, set| all | *set);
            continue;
        };
        for (was, now) in all_sets(before).into_iter().zip(now) {
            effect.gained = effect.gained | (now - was);
        }
        let was = Held::of_sets(before, old_no_new_privs, entrypoint);
        let is = Held::of_sets(after, new_no_new_privs, entrypoint);
        // What only a set-uid program can bring back is lost to the program that just had it.
        let weaker = was.reach().iter().filter(|c| is.by(*c) < was.by(*c));
        effect.lost = effect.lost | weaker.collect();
        effect.held.push((was, is));
    }
    effect
}

/// The five sets in the spec, the five of the process, and what it has or could regain.
fn all_sets(sets: &BareSets) -> [CapSet; 11] {
    let (a, b) = (&sets.spec, &sets.process);
    [
        a.bounding,
        a.permitted,
        a.effective,
        a.inheritable,
        a.ambient,
        b.bounding,
        b.permitted,
        b.effective,
        b.inheritable,
        b.ambient,
        b.permitted | sets.regainable,
    ]
}

#[cfg(test)]
mod tests {
    use caps::Capability;
    use runtime::User;

    use super::*;

    fn request(add: &[&str], drop: &[&str], user: User, no_new_privs: bool) -> Request {
        let words = |list: &[&str]| list.iter().map(|&word| word.to_owned()).collect();
        Request { add: words(add), drop: words(drop), user, no_new_privs, ..Request::default() }
    }

    fn verdict(before: &Request, after: &Request, entrypoint: Entrypoint) -> Verdict {
        Assessment::new(&Panel::default(), before, after, entrypoint).verdict()
    }

    #[test]
    fn spelling_in_capitals_is_safe_everywhere() {
        for (before, after) in [("all", "ALL"), ("net_raw", "NET_RAW"), ("Kill", "KILL")] {
            for user in [User::Root, User::NonRoot, User::Unknown] {
                let dropped = |word| request(&[], &[word], user, false);
                let added = |word| request(&[word], &[], user, false);
                let unknown = Entrypoint::Unknown;
                assert_eq!(verdict(&dropped(before), &dropped(after), unknown), Verdict::Safe);
                assert_eq!(verdict(&added(before), &added(after), unknown), Verdict::Safe);
            }
        }
    }

    #[test]
    fn taking_the_prefix_away_grants_on_containerd() {
        let before = request(&["CAP_SYS_ADMIN"], &["ALL"], User::Root, false);
        let after = request(&["SYS_ADMIN"], &["ALL"], User::Root, false);
        let assessment = Assessment::new(&Panel::default(), &before, &after, Entrypoint::Unknown);
        assert_eq!(assessment.verdict(), Verdict::Widens);
        assert_eq!(assessment.gained(), CapSet::from(Capability::SYS_ADMIN));
        // On youki it was granted already.
        let widened: Vec<String> = assessment
            .effects
            .iter()
            .filter(|effect| !effect.gained.is_empty())
            .map(|effect| effect.runtime.to_string())
            .collect();
        assert!(widened.contains(&"containerd".to_owned()), "{widened:?}");
        assert!(!widened.contains(&"containerd+youki".to_owned()), "{widened:?}");
    }

    #[test]
    fn drop_all_is_safe_only_where_nothing_could_use_what_is_lost() {
        for (user, no_new_privs, entrypoint, expected) in [
            (User::Root, true, Entrypoint::Plain, Verdict::Unsafe),
            (User::Unknown, true, Entrypoint::Plain, Verdict::Unsafe),
            (User::NonRoot, false, Entrypoint::Plain, Verdict::Unsafe),
            // CoreDNS and caddy: their file asks for NET_BIND_SERVICE, and execve fails without.
            (User::NonRoot, true, Entrypoint::Unknown, Verdict::Unsafe),
            (User::NonRoot, true, Entrypoint::Plain, Verdict::Safe),
        ] {
            let before = request(&[], &[], user, no_new_privs);
            let after = request(&[], &["ALL"], user, no_new_privs);
            let case = format!("{user:?} {no_new_privs} {entrypoint:?}");
            assert_eq!(verdict(&before, &after, entrypoint), expected, "{case}");
        }
    }

    #[test]
    fn what_stops_a_container_is_told() {
        let before = request(&["ALL"], &[], User::Root, false);
        let after = request(&["ALL"], &["ALL"], User::Root, false);
        assert_eq!(verdict(&before, &after, Entrypoint::Plain), Verdict::Breaks);
    }
}
