//! What a profile says of a container, in the words of `check`: the one place where a profile
//! becomes needs.

use caps::{CapSet, Capability};
use check::Need;
use check::learnt::{About, Basis, Learnt, Ran};
use jiff::Timestamp;
use record::basis;
use record::observation::Target;
use record::profile::Profile;
use record::requirement::{Place, Requirement, Use, Verdict};
use record::search;
use record::way::Way;
use record::zero::Change;

/// What `profile`, read from `file`, says, as it looks at this time.
#[must_use]
pub fn learnt(file: &str, profile: &Profile, now: Timestamp) -> Learnt {
    let target = &profile.spec.target;
    let status = &profile.status;
    let known = profile.basis();
    let tried = match known {
        basis::Basis::Proven(_) => profile.proofs().filter_map(|one| one.recorded).max(),
        basis::Basis::Tried(search) => search.recorded,
        basis::Basis::Traced | basis::Basis::Written => None,
    };
    let watched = status.runs.iter().filter_map(|run| run.recorded);
    let learnt = Learnt {
        name: one_line(&profile.metadata.name),
        file: file.to_owned(),
        about: About {
            image: target.image.clone(),
            image_digest: target.image_digest.clone(),
            container: target.container.clone(),
            workload: target.workload.clone(),
            namespace: target.namespace.clone(),
            ran: ran(profile),
            user: target.user,
        },
        needs: needs(profile),
        incomplete: match (status.complete, status.incomplete.as_slice()) {
            (true, _) => Vec::new(),
            (false, []) => vec!["no run was watched".to_owned()],
            (false, why) => why.to_vec(),
        },
        basis: rests_on(known),
        ways: Vec::new(),
        changed: false,
        age: age(watched.chain(tried).max(), now),
        in_container: in_container(profile),
        as_root: as_root(profile),
        was_root: all_as(profile, true),
        not_root: not_root(profile),
    };
    let ways = profile.ways().map(|way| with_changes(&learnt, way, now)).collect();
    Learnt { ways, ..learnt }
}

/// Whole days since then.
fn age(then: Option<Timestamp>, now: Timestamp) -> Option<i64> {
    then.map(|then| now.duration_since(then).as_hours().max(0) / 24)
}

fn rests_on(known: basis::Basis<'_>) -> Basis {
    match known {
        basis::Basis::Proven(proof) => Basis::Proven { test: one_line(&proof.test) },
        basis::Basis::Tried(search) => {
            Basis::Tried { word: search.words().to_owned(), test: one_line(&search.test) }
        }
        basis::Basis::Traced => Basis::Traced,
        basis::Basis::Written => Basis::Written,
    }
}

/// What is needed of a container that is started with the changes of a way. Where that does something
/// otherwise than before, and the test does not notice, it does not say everything.
fn with_changes(learnt: &Learnt, way: Way<'_>, now: Timestamp) -> check::learnt::Way {
    let Way { zero, needed, doubtful } = way;
    let need = |capability: Capability| {
        let known = learnt.needs.iter().find(|need| need.capability == capability).cloned();
        let known = known.unwrap_or_else(|| Need::of(capability));
        Need { doubtful: !needed.contains(capability), ..known }
    };
    let mut incomplete = learnt.incomplete.clone();
    if !zero.doubts.is_empty() {
        incomplete.push(format!(
            "its test passes with these changes, and it does otherwise than before: {}",
            zero.doubts.iter().map(|doubt| plain(doubt)).collect::<Vec<_>>().join("; ")
        ));
    }
    let test = one_line(&zero.test);
    let user = zero.holding().find_map(|change| match change {
        Change::User { user, .. } => Some(*user),
        _ => None,
    });
    let with = Learnt {
        needs: (needed | doubtful).iter().map(need).collect(),
        incomplete,
        basis: match zero.is_clear() && needed.is_empty() {
            // What passes with nothing can leave nothing out.
            true => Basis::Proven { test },
            false => Basis::Tried { word: "unproven".to_owned(), test },
        },
        changed: true,
        as_root: user.is_none() && learnt.as_root,
        was_root: user.map_or(learnt.was_root, |user| user == 0),
        not_root: user.map_or(learnt.not_root, |user| user != 0),
        age: age(zero.recorded, now),
        about: About { user: user.or(learnt.about.user), ..learnt.about.clone() },
        ..learnt.clone()
    };
    check::learnt::Way { changes: zero.holding().cloned().collect(), with }
}

/// A search in containers says what these were made to run, unless it is the image's own; of one that was
/// watched everything that it executed is known, and not what of it the image says.
fn ran(profile: &Profile) -> Ran {
    let target = &profile.spec.target;
    let (command, args) = (target.command.clone(), target.args.clone());
    match (command.is_empty() && args.is_empty(), is_searched(profile)) {
        (false, _) => Ran::Words { command, args },
        (true, true) => Ran::Own,
        (true, false) if !target.argv.is_empty() => Ran::Whole(target.argv.clone()),
        (true, false) => Ran::Unknown,
    }
}

/// Whether containers were made for it.
fn is_searched(profile: &Profile) -> bool {
    profile.status.searches.iter().any(|one| one.place == search::Place::Container)
}

fn in_container(profile: &Profile) -> bool {
    let runs = &profile.status.runs;
    !runs.is_empty() && runs.iter().all(|run| matches!(run.target, Target::Container(_)))
}

/// Whether its image's own user is root: every run of it that saw the start says so, and nobody chose the user. Of
/// containers that were made for it that is known; who started one that was only watched may have chosen root.
pub(crate) fn as_root(profile: &Profile) -> bool {
    let target = &profile.spec.target;
    let is_the_images = target.image.is_some() && target.user.is_none() && is_searched(profile);
    is_the_images && in_container(profile) && all_as(profile, true)
}

/// Whether runs have seen its start, and all of those as root, or as another user.
pub(crate) fn all_as(profile: &Profile, root: bool) -> bool {
    let mut runs = profile.status.runs.iter().filter_map(|run| run.as_root).peekable();
    runs.peek().is_some() && runs.all(|one| one == root)
}

/// Whether a run of it was seen to start as another user than root.
pub(crate) fn not_root(profile: &Profile) -> bool {
    profile.status.runs.iter().any(|run| run.as_root == Some(false))
}

/// What the profile needs, each with what it is for.
pub(crate) fn needs(profile: &Profile) -> Vec<Need> {
    let in_container = in_container(profile);
    // With it a test passed as a user that is not root, and without it failed: a file brings it.
    let is_other = match profile.spec.target.user {
        Some(user) => user != 0,
        None => in_container && all_as(profile, false),
    };
    let proven_as_other = is_other && matches!(profile.basis(), basis::Basis::Proven(_));
    let need = |capability: Capability| {
        let granted = profile
            .why(capability)
            .filter(|requirement| requirement.any_of.first() == Some(&capability))
            .flat_map(|requirement| &requirement.uses)
            .any(|seen| seen.count > seen.refused);
        let uses = || profile.why(capability).flat_map(|requirement| &requirement.uses);
        let mut open = uses().filter(|seen| seen.is_open());
        let seen = open.next().map(|seen| format!("{} by {}", seen.what, seen.by));
        let refused = || {
            let denied = profile.refused_meanwhile(capability)?;
            Some(format!("{} by {}", denied.what, denied.by))
        };
        Need {
            capability,
            doubtful: profile.spec.capabilities.doubtful.contains(capability),
            comment: comment(profile, capability),
            what: seen.or_else(refused).map(|what| one_line(&what)),
            alternatives: alternatives(profile, capability),
            port: lowest_port(profile, capability),
            remedies: remedies(profile, capability),
            passed_without: profile.refused_meanwhile(capability).is_some(),
            seen_granted: in_container && granted || proven_as_other,
        }
    };
    profile.add().iter().map(need).collect()
}

/// What the kernel takes in its place, for everything that it is for.
fn alternatives(profile: &Profile, capability: Capability) -> Vec<Capability> {
    let mut all = profile.why(capability).filter(|requirement| requirement.verdict().is_some());
    let Some(first) = all.next() else { return Vec::new() };
    let common = all.map(Requirement::set).fold(first.set(), |common: CapSet, set| common & set);
    let others = first.any_of.iter().filter(|other| **other != capability);
    others.copied().filter(|other| common.contains(*other)).collect()
}

/// So many ways to do without are told.
const MAX_REMEDIES: usize = 2;

/// How to do without it, where nothing on the node has to change.
fn remedies(profile: &Profile, capability: Capability) -> Vec<String> {
    let all = profile.why(capability).flat_map(|requirement| &requirement.remedies);
    let here = all.filter(|remedy| remedy.place != Place::Node);
    here.take(MAX_REMEDIES).map(|remedy| plain(&remedy.how)).collect()
}

/// Without control characters.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The lowest port that is bound, if that is all it is for.
fn lowest_port(profile: &Profile, capability: Capability) -> Option<u16> {
    let port = |seen: &Use| seen.what.strip_prefix("bind ")?.rsplit_once(':')?.1.parse().ok();
    let mut lowest = None;
    for requirement in profile.why(capability).filter(|one| one.verdict().is_some()) {
        if requirement.stated.is_some() && requirement.uses.is_empty() {
            // Trials say so beside the uses that were seen; without any of those nobody knows what for.
            continue;
        }
        for seen in requirement.uses.iter().filter(|seen| seen.is_open()) {
            let port: u16 = port(seen)?;
            lowest = Some(lowest.map_or(port, |lowest: u16| lowest.min(port)));
        }
    }
    lowest
}

/// What a capability is for, in a few words; that it is doubtful, if it is.
fn comment(profile: &Profile, capability: Capability) -> Option<String> {
    let mut uses = profile.why(capability).flat_map(|requirement| &requirement.uses);
    let seen = uses.find(|seen| seen.is_open()).map(|seen| seen.what.as_str());
    let refused = || profile.refused_meanwhile(capability).map(|denied| denied.what.as_str());
    let what = seen.or_else(refused).map(one_line);
    let more = uses.filter(|seen| seen.is_open()).count();
    let mut words = what.unwrap_or_default();
    if more > 0 {
        words.push_str(&format!(", and {more} more"));
    }
    let doubtful =
        profile.why(capability).filter_map(|r| r.verdict()).max() != Some(Verdict::Needed);
    match (doubtful, words.is_empty()) {
        (true, true) => Some("doubtful".to_owned()),
        (true, false) => Some(format!("doubtful: {words}")),
        (false, true) => None,
        (false, false) => Some(words),
    }
}

/// At most this many characters of what a program did stand in a comment.
const MAX_COMMENT: usize = 60;

/// A path may hold anything: what is not fit for a comment is left out.
fn one_line(text: &str) -> String {
    let clean = plain(text);
    if clean.chars().count() <= MAX_COMMENT {
        return clean.trim().to_owned();
    }
    clean.chars().take(MAX_COMMENT - 1).collect::<String>().trim().to_owned() + "…"
}
