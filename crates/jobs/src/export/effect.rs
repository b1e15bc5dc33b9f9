//! Whether what is added takes effect: asked of the same rules that `dropcap show` answers by.

use caps::CapSet;
use record::observation::Target;
use record::profile::Profile;
use runtime::{Engine, Request, Runtime, User, resolve};

use super::Remark;
use crate::learnt::{all_as, not_root};

/// What to say of `profile` under an engine for this user; nothing if the user is not known and the
/// profile was seen to hold all of it in a container.
pub(super) fn of(profile: &Profile, engine: Engine, user: Option<&str>) -> Option<Remark> {
    let add = profile.add();
    let request = Request {
        add: add.iter().map(|capability| capability.to_string()).collect(),
        drop: vec!["ALL".to_owned()],
        user: user.map_or(User::Unknown, kind),
        ..Request::default()
    };
    let held = resolve(&Runtime::new(engine), &request).ok()?.surely_effective();
    let set = add - held;
    if set == CapSet::EMPTY {
        return None;
    }
    match user {
        Some(user) => Some(Remark::NoEffect { set, user: user.to_owned(), engine }),
        None if was_held(profile) => None,
        None => Some(Remark::UserDecides { set, engine }),
    }
}

/// What to say of `profile` where it is known to have been learnt as another user than this one.
pub(super) fn other_user(profile: &Profile, user: Option<&str>) -> Option<Remark> {
    let id = |user: &str| user.split(':').next().unwrap_or_default().parse::<u32>().ok();
    let learnt = match (profile.spec.target.user, user) {
        (Some(0), Some("root")) => None,
        (Some(learnt), user) => {
            (user.and_then(id) != Some(learnt)).then(|| format!("user {learnt}"))
        }
        (None, Some(user)) if kind(user) == User::Root => {
            not_root(profile).then(|| "a user that is not root".to_owned())
        }
        (None, Some(_)) => all_as(profile, true).then(|| "root".to_owned()),
        (None, None) => None,
    };
    let (name, here) = (profile.metadata.name.clone(), user.map(str::to_owned));
    learnt.map(|learnt| Remark::OtherUser { name, learnt, here })
}

/// Whether a user, as `run --user` and `User=` take it, is root.
fn kind(user: &str) -> User {
    let name = user.split(':').next().unwrap_or_default();
    if matches!(name, "0" | "root") { User::Root } else { User::NonRoot }
}

/// Whether every run was of a container, on an engine that gives nothing to who is not root, and was
/// granted each of the capabilities: then it was root, or the image sees to it.
fn was_held(profile: &Profile) -> bool {
    let runs = &profile.status.runs;
    let strict = |target: &Target| matches!(target, Target::Container(container) if container.engine != Engine::Podman.word());
    !runs.is_empty()
        && runs.iter().all(|run| strict(&run.target))
        && profile.add().iter().all(|capability| {
            let mut uses = profile.why(capability).flat_map(|requirement| &requirement.uses);
            uses.any(|seen| seen.count > seen.refused)
        })
}
