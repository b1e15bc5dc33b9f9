//! As which user something was learnt, and whether it holds for a container that runs as another.

use manifest::{Container, Workload};

use super::{Learnt, Objection};

/// Why what was learnt as one user may not hold for a container of another one.
///
/// What root needs is no proof for others, which get by files with capabilities and set-uid programs what
/// they get, and are refused what is root's own; nor the reverse.
pub(super) fn other(
    learnt: &Learnt,
    workload: &Workload,
    container: &Container,
) -> Option<Objection> {
    let about = &learnt.about;
    let name = container.security.user_name.as_ref().map(|name| name.value.as_str());
    let uid = resolve::Context::of(&workload.pod, container).run_as_user.map(|user| user.value);
    let here = match (uid, name) {
        (Some(uid), _) => format!("user {uid}"),
        (None, Some(name)) => format!("user {name}"),
        (None, None) => "the image's own user".to_owned(),
    };
    let watched = match (about.user, uid) {
        (Some(watched), Some(uid)) => {
            (uid != i64::from(watched)).then(|| format!("user {watched}"))
        }
        // Here it is the image's, or a name that only the image knows.
        (Some(watched), None) => Some(format!("user {watched}")),
        (None, _) => {
            let is_other =
                uid.is_some_and(|uid| uid != 0) || name.is_some_and(|name| name != "root");
            let own = "the image's own user, which may be root";
            (is_other && learnt.is_proven()).then(|| own.to_owned())
        }
    };
    watched.map(|learnt| Objection::OtherUser { learnt, here })
}
