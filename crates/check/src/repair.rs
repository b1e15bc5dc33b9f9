//! The edits of a whole manifest: round after round, until nothing more is to be done.
//!
//! First what was learnt is written, then the safe edits are made, then the unsafe ones: so that a
//! container of which an unsafe edit cannot be written has its safe ones all the same. That starts again
//! until nothing changes (`work`). Each edit is tried in memory, on the request, against the container as
//! the safe edits, or the unsafe ones, found it (`round`); only then is the text touched. What the text
//! comes to is read again. What all of it comes to without touching the text is in `foresee`: a plain text
//! gets that at once.

mod foresee;
mod in_result;
mod round;
mod work;

use caps::CapSet;
use manifest::{ContainerId, Ease, Manifest, Refused, Source, Span};

use crate::assess::Verdict;
use crate::checked::{Checked, Checker};
use crate::fix::{Change, Class};
use crate::options::Options;

use work::Work;

pub use foresee::Foreseen;
use foresee::has_comments;

/// More rounds than any manifest takes: every edit makes a list smaller or its spelling better.
const MAX_ROUNDS: usize = 16;

/// Up to which class edits are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consent {
    /// Only safe ones.
    #[default]
    Safe,
    /// Unsafe ones too.
    Unsafe,
}

impl Consent {
    fn covers(self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Safe => true,
            Verdict::Unsafe => self == Consent::Unsafe,
            Verdict::Widens | Verdict::Breaks | Verdict::Takes => false,
        }
    }
}

/// A part of the work: its edits are all made before those of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Phase {
    /// Whether what was learnt is written, or all else.
    by_profile: bool,
    /// Which edits of it.
    consent: Consent,
}

impl Consent {
    /// What is done with this consent, one after the other; of what was learnt, with that of its own.
    fn phases(self, by_profile: Consent) -> impl Iterator<Item = Phase> {
        let others = |consent| Phase { by_profile: false, consent };
        let learnt = Phase { by_profile: true, consent: by_profile };
        let all = [learnt, others(Consent::Safe), others(Consent::Unsafe)];
        all.into_iter().take(if self == Consent::Unsafe { 3 } else { 2 })
    }
}

/// A manifest after its edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// The text; as it was if there was nothing to do.
    pub source: Source,
    /// What was done, in order; without words that were spelt another way and then taken up by another
    /// edit.
    pub applied: Vec<Applied>,
    /// What the manifest came to, with the findings that are left.
    pub manifest: Manifest,
    /// What is found in it.
    pub checked: Checked,
    /// Containers of which the text does not allow what is left to be done, with all of that as a
    /// snippet to paste.
    pub refused: Vec<Refused>,
}

/// An edit that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The container.
    pub container: ContainerId,
    /// The name of the rule that asked for it.
    pub rule: &'static str,
    /// Where it was asked for; of what other edits made possible, where the container is named.
    pub span: Span,
    /// The capabilities that the finding is about.
    pub capabilities: CapSet,
    /// What was done.
    pub change: Change,
    /// That, as an instruction.
    pub title: String,
    /// Its class when it was made.
    pub class: Class,
    /// What could take effect somewhere and no longer can.
    pub lost: CapSet,
    /// What it costs, a sentence each; empty for a safe edit.
    pub costs: Vec<String>,
    /// Whether it would be safe if the image's entrypoint were known to carry no file capability.
    pub safe_if_plain: bool,
    /// Whether it goes by a trace alone that saw nothing: then it takes consent, as one without any.
    pub unseen: bool,
}

impl Checker {
    /// Makes all edits of `manifest` that `consent` covers.
    #[must_use]
    pub fn repair(&self, manifest: &Manifest, consent: Consent) -> Repaired {
        self.repair_but(manifest, consent, &|_| {})
    }

    /// As [`Checker::repair`], but what `answer` sets aside, asked anew in each round, stays as it
    /// is: see [`crate::waiver::judge::Judged::answer`].
    #[must_use]
    pub fn repair_but(
        &self,
        manifest: &Manifest,
        consent: Consent,
        answer: &dyn Fn(&mut Checked),
    ) -> Repaired {
        let mut checked = self.check(manifest);
        answer(&mut checked);
        // Which words a comment is beside only the text tells.
        let foreseen = (manifest.ease == Ease::Plain && !has_comments(manifest))
            .then(|| self.foresee_but(manifest, &checked, consent, answer));
        let mut work = Work::of(self, answer, manifest, checked);
        if let Some(foreseen) = foreseen {
            if foreseen.edits.is_empty() {
                return work.done();
            }
            work.make(foreseen);
        }
        work.settle(consent, Consent::Safe);
        if consent == Consent::Unsafe {
            // As it comes to be when somebody consents later.
            work.settle(consent, Consent::Unsafe);
        }
        work.leave_what_is_in_it(0);
        let mut repaired = work.done();
        if !repaired.refused.is_empty() {
            repaired.refused = wanted(&repaired, self, consent, answer);
        }
        repaired
    }
}

/// Makes all edits of one manifest; for several, a [`Checker`] is quicker.
#[must_use]
pub fn repair(manifest: &Manifest, options: &Options, consent: Consent) -> Repaired {
    Checker::new(options.clone()).repair(manifest, consent)
}

/// The same refusals with all that is left to be done: one round's edits make others possible, which
/// it does not know.
fn wanted(
    repaired: &Repaired,
    checker: &Checker,
    consent: Consent,
    answer: &dyn Fn(&mut Checked),
) -> Vec<Refused> {
    let Repaired { manifest, checked, refused, .. } = repaired;
    let mut edits = checker.foresee_but(manifest, checked, consent, answer).edits;
    edits.retain(|edit| refused.iter().any(|one| one.container == edit.container));
    let mut whole = manifest::apply(manifest, &edits).refused;
    let same = |one: &Refused| {
        let at = whole.iter().position(|other| other.container == one.container);
        at.map_or_else(|| one.clone(), |at| whole.swap_remove(at))
    };
    refused.iter().map(same).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two containers that read the same lists, of which the second, which is not root, is to keep the
    /// default set.
    fn shared(lists: &str) -> Repaired {
        let text = format!(
            "\
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Pod
    metadata: {{ name: one }}
    spec:
      securityContext: {{ runAsUser: 0 }}
      containers:
        - name: one
          securityContext: &sc
            allowPrivilegeEscalation: false
            capabilities: {lists}
  - apiVersion: v1
    kind: Pod
    metadata: {{ name: two }}
    spec:
      securityContext: {{ runAsUser: 1 }}
      containers:
        # dropcap: ignore[drop-all-missing] it is a shell
        - name: two
          securityContext: *sc
"
        );
        repair(&manifest::parse("two.yaml", text), &Options::default(), Consent::Unsafe)
    }

    #[test]
    fn a_container_whose_unsafe_edit_cannot_be_written_gets_its_safe_ones() {
        let repaired = shared("{ drop: [net_raw] }");
        assert!(
            repaired.source.text().contains("{ drop: [NET_RAW] }"),
            "{}",
            repaired.source.text()
        );
        let [refused] = repaired.refused.as_slice() else { panic!("{:?}", repaired.refused) };
        assert_eq!(
            refused.snippet,
            "securityContext:\n  allowPrivilegeEscalation: false\n  capabilities:\n    drop: [ALL]\n"
        );
    }

    /// With ALL dropped it is the `add` alone that grants CHOWN, which is another edit.
    #[test]
    fn a_snippet_has_what_later_rounds_would_do() {
        let repaired = shared("{ add: [CHOWN] }");
        assert_eq!(repaired.applied, []);
        let [refused] = repaired.refused.as_slice() else { panic!("{:?}", repaired.refused) };
        assert_eq!(
            refused.snippet,
            "securityContext:\n  allowPrivilegeEscalation: false\n  capabilities:\n    drop: [ALL]\n    add: []\n"
        );
    }

    fn services(text: &str) -> Repaired {
        repair(&manifest::parse("compose.yaml", text), &Options::default(), Consent::Unsafe)
    }

    /// `c` reads the list that `b` does, and what `a` has: when it is rid of what it adds, what is safe for
    /// all of them is found in another run, or in this one.
    #[test]
    fn what_an_unsafe_edit_makes_possible_is_done_in_the_same_run() {
        let text = "x-caps: &caps [all]\nservices:\n  a:\n    image: i\n    cap_drop: [\"*\"]\n  b:\n    \
                    image: i\n    cap_add: *caps\n    cap_drop: [CHOWN, net_raw]\n  c:\n    image: i\n    \
                    extends: a\n    cap_add: [SYS_ADMIN, all, NET_RAW]\n    cap_drop: *caps\n";
        let first = services(text);
        let fixed = text
            .replace("[\"*\"]", "[\"ALL\"]")
            .replace(
                "    cap_add: *caps\n    cap_drop: [CHOWN, net_raw]\n",
                "    cap_drop: [ALL]\n",
            )
            .replace("    cap_add: [SYS_ADMIN, all, NET_RAW]\n    cap_drop: *caps\n", "");
        assert_eq!((first.source.text(), first.refused), (fixed.as_str(), Vec::new()));
        let second = services(&fixed);
        assert_eq!((second.applied.len(), second.source.text()), (0, fixed.as_str()));
    }

    /// What `base` has cannot go, as `c` keeps it; `ALL` of `b`'s own can.
    #[test]
    fn what_can_be_edited_is_though_the_rest_is_shared() {
        let text = "services:\n  base:\n    image: i\n    cap_drop: [ALL]\n    cap_add: [NET_ADMIN]\n  b:\n    \
                    extends: base\n    cap_add: [ALL]\n  c:\n    extends: base\n    user: \"1000\"\n";
        let safe =
            repair(&manifest::parse("compose.yaml", text), &Options::default(), Consent::Safe);
        assert_eq!((safe.source.text(), safe.applied), (text, Vec::new()));
        let first = services(text);
        let fixed = text.replace("    extends: base\n    cap_add: [ALL]\n", "    extends: base\n");
        assert_eq!(first.source.text(), fixed);
        let titles: Vec<&str> = first.applied.iter().map(|one| one.title.as_str()).collect();
        assert_eq!(titles, ["remove `ALL` from `cap_add`"]);
        assert!(first.applied[0].costs[0].starts_with("takes away 40"), "{:?}", first.applied);
        let second = services(&fixed);
        assert_eq!((second.applied.len(), second.refused.len()), (0, 2));
        assert_eq!(second.refused[1].snippet, "cap_add: !reset []\n");
        assert_eq!(second.refused, first.refused);
    }

    /// Beside ALL under both, another spelling under `cap_drop` is not safe; it is when ALL has gone from
    /// `cap_add`, by another edit that is made in the same run.
    #[test]
    fn what_is_safe_is_so_beside_what_a_phase_began_with() {
        let text = "services:\n  base:\n    image: i\n    cap_add: [ALL, SETUID, net_raw]\n  one:\n    \
                    image: i\n    extends: base\n    cap_add: [all]\n    cap_drop: [ALL, all]\n";
        let first = services(text);
        let fixed = text
            .replace("cap_add: [ALL, SETUID, net_raw]", "cap_drop: [ALL]")
            .replace("    cap_add: [all]\n", "")
            .replace("[ALL, all]", "[ALL]");
        assert_eq!((first.source.text(), first.refused.len()), (fixed.as_str(), 0));
        assert_eq!(services(&fixed).applied, []);
    }

    /// The comment is about the first word of a list only, whose second is found by the same rule and is
    /// about no capability, either.
    #[test]
    fn a_comment_answers_in_what_is_announced_as_in_what_is_done() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec:\n  containers:\n    - name: p\n      \
                    securityContext:\n        runAsUser: 1000\n        capabilities:\n          drop:\n            \
                    # dropcap: ignore[capability-spelling] it is so\n            - \" CHOWN\"\n            \
                    - \"13\"\n";
        let manifest = manifest::parse("p.yaml", text);
        let checker = Checker::new(Options::default());
        let foreseen = checker.announce(&manifest, &checker.check(&manifest), &|_| {});
        let done = checker.repair(&manifest, Consent::Unsafe);
        assert_eq!((foreseen.safe.len(), foreseen.not_safe), (0, done.applied));
        assert!(done.source.text().contains("- \" CHOWN\"\n            - \"NET_RAW\"\n"));
    }

    /// ALL takes up the words that were spelt another way before: only it is in the result.
    #[test]
    fn an_edit_that_another_takes_up_is_not_counted() {
        let text = |lists: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{ name: p }}\nspec:\n  containers:\n    - name: p\n      \
                 securityContext:\n        runAsUser: 0\n        capabilities:\n{lists}"
            )
        };
        let manifest = manifest::parse("p.yaml", text("          drop: [chown, net_raw]\n"));
        let checker = Checker::new(Options::default());
        let rules = |all: &[Applied]| all.iter().map(|one| one.rule).collect::<Vec<_>>();
        let both = checker.repair(&manifest, Consent::Unsafe);
        assert_eq!(both.source.text(), text("          drop: [ALL]\n"));
        assert_eq!(rules(&both.applied), ["drop-all-missing"]);
        // In two runs the words are there in between.
        let safe = checker.repair(&manifest, Consent::Safe);
        assert_eq!(safe.source.text(), text("          drop: [CHOWN, NET_RAW]\n"));
        let foreseen = checker.announce(&manifest, &checker.check(&manifest), &|_| {});
        assert_eq!((foreseen.safe.len(), rules(&foreseen.not_safe)), (2, rules(&both.applied)));
        assert_eq!(safe.applied, foreseen.safe);
    }

    /// Whether it can be written is known before: what cannot be is not announced.
    #[test]
    fn what_is_announced_can_be_written() {
        let pod = |lists: &str| {
            let text = format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{ name: p }}\nspec:\n  containers:\n    - name: p\n      \
                 securityContext:\n        runAsUser: 0\n        capabilities:\n{lists}"
            );
            let manifest = manifest::parse("p.yaml", text);
            let checker = Checker::new(Options::default());
            let foreseen = checker.announce(&manifest, &checker.check(&manifest), &|_| {});
            (foreseen.safe.len(), foreseen.not_safe.len(), foreseen.refused.len())
        };
        assert_eq!(pod("          drop:\n            - all\n"), (1, 0, 0));
        assert_eq!(pod("          drop:\n            - |-\n              all\n"), (0, 0, 1));
    }
}
