//! What a profile says of a container, in the words of `check`: the one place where a profile
//! becomes needs.

use caps::{CapSet, Capability};
use check::Need;
use check::learnt::{About, Learnt, Ran};
use jiff::Timestamp;
use record::observation::Target;
use record::profile::{Profile, ProofState};
use record::requirement::{Place, Requirement, Use, Verdict};
use record::search;

/// What `profile`, read from `file`, says, as it looks at this time.
#[must_use]
pub fn learnt(file: &str, profile: &Profile, now: Timestamp) -> Learnt {
    let target = &profile.spec.target;
    let status = &profile.status;
    let proofs = || {
        let proven = status.proof == ProofState::Proven;
        profile.proofs().filter(move |_| proven)
    };
    let watched = status.runs.iter().map(|run| run.recorded);
    let newest = watched.chain(proofs().map(|proof| proof.recorded)).flatten().max();
    let age = newest.map(|then| now.duration_since(then).as_hours().max(0) / 24);
    Learnt {
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
            started_as: None,
            of_image: is_searched(profile),
        },
        needs: needs(profile),
        incomplete: match (status.complete, status.incomplete.as_slice()) {
            (true, _) => Vec::new(),
            (false, []) => vec!["no run was watched".to_owned()],
            (false, why) => why.to_vec(),
        },
        proof: proofs().max_by_key(|proof| proof.recorded).map(|proof| one_line(&proof.test)),
        age,
        in_container: in_container(profile),
    }
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

/// What the profile needs, each with what it is for.
pub(crate) fn needs(profile: &Profile) -> Vec<Need> {
    let in_container = in_container(profile);
    // With it a test passed as a user that is not root, and without it failed: a file brings it.
    let proven_as_other = profile.status.proof == ProofState::Proven
        && profile.spec.target.user.is_some_and(|user| user != 0);
    let need = |capability: Capability| {
        let granted = profile
            .why(capability)
            .filter(|requirement| requirement.any_of.first() == Some(&capability))
            .flat_map(|requirement| &requirement.uses)
            .any(|seen| seen.count > seen.refused);
        let uses = || profile.why(capability).flat_map(|requirement| &requirement.uses);
        let mut open = uses().filter(|seen| seen.is_open());
        Need {
            capability,
            doubtful: profile.spec.capabilities.doubtful.contains(capability),
            comment: comment(profile, capability),
            what: open.next().map(|seen| one_line(&format!("{} by {}", seen.what, seen.by))),
            alternatives: alternatives(profile, capability),
            port: lowest_port(profile, capability),
            remedies: remedies(profile, capability),
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
    let what = uses.find(|seen| seen.is_open()).map(|seen| one_line(&seen.what));
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
