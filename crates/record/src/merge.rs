//! Merging profiles of runs and replicas, and comparing two.
//!
//! Merging is a join: idempotent, and independent of order and grouping. Every field takes the
//! union, or the greater of two values, so a run that is merged twice counts once.

use caps::CapSet;
use serde::Serialize;

use crate::profile::{Metadata, Profile, Run, Target};
use crate::requirement::Verdict;

/// The profile of everything these saw; `None` without any.
#[must_use]
pub fn merge(profiles: impl IntoIterator<Item = Profile>) -> Option<Profile> {
    profiles.into_iter().reduce(merge_two)
}

fn merge_two(mut a: Profile, b: Profile) -> Profile {
    a.metadata = merge_metadata(a.metadata, b.metadata);
    a.spec.target = merge_target(a.spec.target, b.spec.target);
    a.spec.evidence.extend(b.spec.evidence);
    a.status.proofs.extend(b.status.proofs);
    a.status.searches.extend(b.status.searches);
    a.status.zero.extend(b.status.zero);
    a.status.unknown_sites.extend(b.status.unknown_sites);
    for run in b.status.runs {
        match a.status.runs.iter_mut().find(|known| known.id == run.id) {
            Some(known) => merge_run(known, run),
            None => a.status.runs.push(run),
        }
    }
    a.settle();
    a
}

/// The same recording can have been concluded from twice: by another version, without a clock.
fn merge_run(known: &mut Run, other: Run) {
    known.recorded = known.recorded.max(other.recorded);
    known.incomplete.extend(other.incomplete);
    known.helpers.extend(other.helpers);
    for said in [&mut known.incomplete, &mut known.helpers] {
        said.sort();
        said.dedup();
    }
}

fn merge_metadata(a: Metadata, b: Metadata) -> Metadata {
    let union = |a: std::collections::BTreeMap<String, String>, b| {
        let mut joined = a;
        for (key, value) in b {
            let kept: &mut String = joined.entry(key).or_default();
            if value > *kept {
                *kept = value;
            }
        }
        joined
    };
    Metadata {
        name: a.name.max(b.name),
        namespace: a.namespace.max(b.namespace),
        labels: union(a.labels, b.labels),
        annotations: union(a.annotations, b.annotations),
    }
}

fn merge_target(a: Target, b: Target) -> Target {
    // Of one or of the other, and not half of each, which nobody ran.
    let (command, args) = (a.command, a.args).max((b.command, b.args));
    Target {
        command,
        args,
        argv: a.argv.max(b.argv),
        user: a.user.max(b.user),
        image: a.image.max(b.image),
        image_digest: a.image_digest.max(b.image_digest),
        container: a.container.max(b.container),
        workload: a.workload.max(b.workload),
        namespace: a.namespace.max(b.namespace),
    }
}

/// The fields of the target in which two profiles differ though both say something: a sign that
/// they are not about the same thing. Of two images that one says no user or no words is something: the image's own.
#[must_use]
pub fn different_targets(a: &Target, b: &Target) -> Vec<(&'static str, String, String)> {
    let images = a.image.is_some() && b.image.is_some();
    let own = |is: bool| (images && is).then(|| "the image's own".to_owned());
    let user = |target: &Target| target.user.map(|uid| uid.to_string()).or_else(|| own(true));
    // What was watched says what the image's own words are.
    let is_watched = |target: &Target| !target.argv.is_empty();
    let words = |target: &Target, words: &[String]| match words.is_empty() {
        true => own(!is_watched(target)),
        false => Some(format!("{words:?}")),
    };
    let argv = |target: &Target| is_watched(target).then(|| format!("{:?}", target.argv));
    let fields = [
        ("command", words(a, &a.command), words(b, &b.command)),
        ("args", words(a, &a.args), words(b, &b.args)),
        ("argv", argv(a), argv(b)),
        ("user", user(a), user(b)),
        ("image", a.image.clone(), b.image.clone()),
        ("imageDigest", a.image_digest.clone(), b.image_digest.clone()),
        ("container", a.container.clone(), b.container.clone()),
        ("workload", a.workload.clone(), b.workload.clone()),
        ("namespace", a.namespace.clone(), b.namespace.clone()),
    ];
    fields
        .into_iter()
        .filter_map(|(field, a, b)| match (a, b) {
            (Some(a), Some(b)) if a != b => Some((field, a, b)),
            _ => None,
        })
        .collect()
}

/// What changed from one profile to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diff {
    /// In the new list and not in the old.
    pub added: CapSet,
    /// In the old list and not in the new.
    pub removed: CapSet,
    /// In both; needed now, doubtful before.
    pub now_needed: CapSet,
    /// In both; doubtful now, needed before.
    pub now_doubtful: CapSet,
    /// In both, with the same verdict.
    pub unchanged: CapSet,
}

impl Diff {
    /// Whether the lists and verdicts are the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        (self.added | self.removed | self.now_needed | self.now_doubtful).is_empty()
    }
}

/// Compares the answers of two profiles, `old` with `new`.
#[must_use]
pub fn diff(old: &Profile, new: &Profile) -> Diff {
    let (a, b) = (&old.spec.capabilities, &new.spec.capabilities);
    let both = a.add() & b.add();
    Diff {
        added: b.add() - a.add(),
        removed: a.add() - b.add(),
        now_needed: both & b.needed & a.doubtful,
        now_doubtful: both & b.doubtful & a.needed,
        unchanged: (a.needed & b.needed) | (a.doubtful & b.doubtful),
    }
}

/// The word for the verdict a profile has on a capability in its list.
#[must_use]
pub fn verdict_of(profile: &Profile, capability: caps::Capability) -> Option<Verdict> {
    let lists = &profile.spec.capabilities;
    if lists.needed.contains(capability) {
        Some(Verdict::Needed)
    } else if lists.doubtful.contains(capability) {
        Some(Verdict::Doubtful)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(image: Option<&str>, command: &[&str], args: &[&str], argv: &[&str]) -> Target {
        let list = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let image = image.map(str::to_owned);
        let (command, args, argv) = (list(command), list(args), list(argv));
        Target { image, command, args, argv, ..Target::default() }
    }

    #[test]
    fn the_last_word_of_a_command_can_make_it_another() {
        let web = Some("web");
        for (field, one, other) in [
            (
                "command",
                runs(None, &["sh", "-c", "a"], &[], &[]),
                runs(None, &["sh", "-c", "b"], &[], &[]),
            ),
            ("command", runs(web, &["a"], &[], &[]), runs(web, &[], &[], &[])),
            ("args", runs(web, &[], &["-t"], &[]), runs(web, &[], &["-t", "-q"], &[])),
            ("args", runs(web, &[], &["-t"], &[]), runs(web, &[], &[], &[])),
            ("argv", runs(web, &[], &[], &["web", "-g"]), runs(web, &[], &[], &["web", "-t"])),
        ] {
            let fields: Vec<_> =
                different_targets(&one, &other).into_iter().map(|one| one.0).collect();
            assert_eq!(fields, [field], "{one:?} {other:?}");
            assert_eq!(different_targets(&one, &one), []);
        }
        // What somebody watched without a word of what it was told.
        let (watched, told) = (runs(web, &[], &[], &["web", "-t"]), runs(web, &[], &["-t"], &[]));
        assert_eq!(different_targets(&watched, &told), []);
        let command = runs(None, &["web", "-t"], &[], &[]);
        assert_eq!(different_targets(&command, &runs(web, &[], &[], &[])), []);
    }

    #[test]
    fn merged_is_the_command_of_one_and_no_mixture() {
        let web = Some("web");
        let (one, other) = (runs(web, &["b"], &[], &[]), runs(web, &["a"], &["-t"], &[]));
        assert_eq!(merge_target(one.clone(), other.clone()), one);
        assert_eq!(merge_target(other, one.clone()), one);
    }

    #[test]
    fn who_says_no_user_of_an_image_means_its_own() {
        let target = |image: Option<&str>, user: Option<u32>| Target {
            image: image.map(str::to_owned),
            user,
            ..Target::default()
        };
        let (own, chosen) = (target(Some("web"), None), target(Some("web"), Some(33)));
        let differ = [("user", "the image's own".to_owned(), "33".to_owned())];
        assert_eq!(different_targets(&own, &chosen), differ);
        assert_eq!(different_targets(&own, &own), []);
        assert_eq!(different_targets(&chosen, &chosen), []);
        // Of a command nobody knows.
        assert_eq!(different_targets(&target(None, None), &chosen), []);
        let other = target(Some("web"), Some(34));
        assert_eq!(different_targets(&chosen, &other)[0].0, "user");
    }
}
