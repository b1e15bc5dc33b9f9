//! Words of `drop` that `ALL` stands for: where that is put into the list they go, as they would from the
//! hand of a colleague.
//!
//! Not every one goes: a word that is no capability stays for the rule that is about it, one that `add`
//! has too decides who wins, and one with a comment was somebody's thought.

use caps::Capability;
use manifest::{CapList, Span, Workload};
use runtime::{List, Meaning};

use crate::assess::{Assessment, Effect};
use crate::finding::Finding;
use crate::fix::Change;
use crate::standing::Standing;
use crate::subject::Subject;

/// A word for one capability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Single {
    /// As it is written.
    pub word: String,
    /// What it means.
    pub capability: Capability,
}

impl Single {
    /// As it is written, and as it may be respelt before.
    pub(crate) fn spellings(&self) -> impl Iterator<Item = String> + use<> {
        let name = self.capability.to_string();
        let other = (name != self.word).then_some(name);
        std::iter::once(self.word.clone()).chain(other)
    }

    /// Whether this is it.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.spellings().any(|spelling| spelling == word)
    }
}

/// The change that drops ALL, made with the words that it stands for: with none of them where on any
/// runtime it would come to something else without them.
pub(crate) fn absorbing(subject: &Subject<'_>, drop_all: impl Fn(Vec<Single>) -> Change) -> Change {
    let beside = drop_all(Vec::new());
    let singles = singles(subject);
    if singles.is_empty() {
        return beside;
    }
    let instead = drop_all(singles);
    let request = subject.request();
    let (with, without) = (beside.apply(request), instead.apply(request));
    let assessment = Assessment::new(subject.panel, &with, &without, subject.entrypoint);
    let same = assessment.effects.iter().all(Effect::is_none);
    if same { instead } else { beside }
}

fn singles(subject: &Subject<'_>) -> Vec<Single> {
    let capabilities = subject.container.security.capabilities.as_ref();
    let Some(list) = capabilities.and_then(|there| there.drop.as_ref()) else { return Vec::new() };
    let text = subject.source.text();
    let mut kept = Vec::new();
    let mut singles: Vec<Single> = Vec::new();
    for (at, (word, _)) in subject.words(List::Drop).enumerate() {
        let capability = Subject::one(&word).filter(|c| c.name().is_some());
        let free =
            |c: &Capability| !subject.adds(Meaning::One(*c)) && !is_commented(text, list, at);
        match capability.filter(free) {
            Some(capability) => singles.push(Single { word: word.text, capability }),
            None => kept.push(word.text),
        }
    }
    // Of a word that stands there twice both stay.
    singles.retain(|single| !kept.iter().any(|word| single.is(word)));
    singles
}

/// Whether a comment is about this item of a list: behind it on its line, or in lines of its own above
/// it. What stands above the first item alone is about the list.
fn is_commented(text: &str, list: &CapList, at: usize) -> bool {
    let above = |at: usize| -> bool {
        let Some(item) = list.items.get(at) else { return false };
        let start = line_start(text, item.span.start);
        let own = text.get(start..item.span.start).unwrap_or_default().trim_start();
        let before = text[..start].trim_end();
        let line_above = before[line_start(before, before.len())..].trim_start();
        let is_first = own.is_empty() || own.starts_with('-');
        is_first && line_above.trim_start_matches(['-', ' ']).starts_with('#')
    };
    let others = 1..list.items.len();
    match list.items.get(at) {
        Some(item) if behind(text, item.span) => true,
        Some(_) if at == 0 => above(0) && others.into_iter().any(above),
        Some(_) => above(at),
        None => false,
    }
}

/// Whether a comment stands behind an item before the next one or the list's bracket.
fn behind(text: &str, span: Span) -> bool {
    let rest = text.get(span.end..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    rest.trim_start_matches([' ', '\t', ',', '"', '\'']).starts_with('#')
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// Whether somebody gave a reason; a baseline has none.
fn is_answered(standing: &Standing) -> bool {
    !matches!(standing, Standing::Open | Standing::Baseline)
}

/// Without the words that a finding is about which somebody answers for.
pub(crate) fn leaving(
    change: &Change,
    workload: &Workload,
    finding: &Finding,
    all: &[Finding],
) -> Change {
    let answered: Vec<Span> = all
        .iter()
        .filter(|other| other.container == finding.container && is_answered(&other.standing))
        .map(|other| other.primary.span)
        .collect();
    let mut change = change.clone();
    let (Change::DropAll { instead } | Change::DropAllInstead { instead, .. }) = &mut change else {
        return change;
    };
    let words = workload.pod.containers.iter().flat_map(|container| container.security.drop());
    let answered: Vec<&str> = words
        .filter(|word| answered.contains(&word.span))
        .map(|word| word.value.as_str())
        .collect();
    instead.retain(|single| !answered.contains(&single.word.as_str()));
    change
}

#[cfg(test)]
mod tests {
    use crate::options::Options;
    use crate::repair::{Consent, repair};

    /// A Pod's lists after all edits.
    fn lists(lists: &str) -> String {
        let head = "apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec:\n  containers:\n    - name: p\n      \
                    securityContext:\n        capabilities:\n";
        let text = format!("{head}{lists}");
        let repaired =
            repair(&manifest::parse("p.yaml", text), &Options::default(), Consent::Unsafe);
        assert_eq!(repaired.refused, []);
        repaired.source.text().strip_prefix(head).unwrap_or_default().to_owned()
    }

    fn list(items: &str) -> String {
        format!("          drop:{items}\n")
    }

    #[test]
    fn all_stands_for_single_words() {
        for (before, after) in [
            (" [NET_RAW, KILL]", " [ALL]"),
            (" [\"net_raw\", \"CAP_KILL\"] # these", " [\"ALL\"] # these"),
            (
                " # these\n          # two\n          - NET_RAW\n          - KILL",
                " # these\n          # two\n          - ALL",
            ),
            (
                " [ # these\n            NET_RAW,\n            KILL,\n          ]",
                " [ # these\n            ALL,\n          ]",
            ),
            // A comment is about the word that it stands behind or above.
            (
                "\n          - NET_RAW\n          - KILL # ours",
                "\n          - KILL # ours\n          - ALL",
            ),
            (
                "\n          - CHOWN\n          # raw\n          - NET_RAW\n          - KILL",
                "\n          # raw\n          - NET_RAW\n          - ALL",
            ),
            (
                "\n          # own\n          - CHOWN\n          # raw\n          - NET_RAW\n          - KILL",
                "\n          # own\n          - CHOWN\n          # raw\n          - NET_RAW\n          - ALL",
            ),
            (" [CHOWN, # own\n            KILL]", " [CHOWN, # own\n            ALL]"),
            // What is no capability is another rule's.
            (" [NET_RAW, FOO_BAR]", " [FOO_BAR, ALL]"),
        ] {
            assert_eq!(lists(&list(before)), list(after));
        }
    }

    /// containerd takes what is added and dropped by name away: ALL alone would not.
    #[test]
    fn a_word_that_is_added_too_decides() {
        let pod = |drop: &str| format!("          add: [SYS_TIME]\n          drop: {drop}\n");
        let request = |drop: &[&str]| runtime::Request {
            add: vec!["SYS_TIME".to_owned()],
            drop: drop.iter().map(|word| (*word).to_owned()).collect(),
            ..runtime::Request::default()
        };
        let panel = crate::panel::Panel::with(&Options::default().runtime);
        let (all, both) = (request(&["ALL"]), request(&["SYS_TIME", "ALL"]));
        let entrypoint = crate::Entrypoint::Unknown;
        let assessed = crate::assess::Assessment::new(&panel, &both, &all, entrypoint);
        assert!(!assessed.gained().is_empty());
        // It goes from `add` first.
        assert_eq!(lists(&pod("[SYS_TIME, NET_RAW]")), list(" [ALL]"));
    }

    /// Somebody answers for the spelling of a word: it stays.
    #[test]
    fn what_is_answered_for_stays() {
        let text = |drop: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{ name: p }}\nspec:\n  containers:\n    # dropcap: \
                 ignore[capability-spelling] a tool reads it\n    - name: p\n      securityContext:\n        \
                 capabilities:\n          drop: {drop}\n"
            )
        };
        let manifest = manifest::parse("p.yaml", text("[net_raw, KILL]"));
        let repaired = repair(&manifest, &Options::default(), Consent::Unsafe);
        assert_eq!(repaired.source.text(), text("[net_raw, ALL]"));
        let checker = crate::Checker::new(Options::default());
        let checked = checker.check(&manifest);
        let mut alone = crate::alone::Alone::new(&manifest);
        let found: Vec<_> =
            checked.findings.iter().filter_map(|one| alone.replacements(&checked, one)).collect();
        let [Ok(replacements)] = found.as_slice() else { panic!("{found:?}") };
        let mut made = manifest.source.text().to_owned();
        for one in replacements.iter().rev() {
            made.replace_range(one.span.range(), &one.text);
        }
        assert_eq!(made, text("[net_raw, ALL]"));
    }
}
