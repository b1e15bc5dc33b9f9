//! As which user something was learnt, and whether it holds for a container that runs as another.

use manifest::{Container, Workload};

use super::{About, By, Learnt, Objection};

impl About {
    /// As which user it was watched, where that is known: the one that somebody chose, or as every run
    /// shows.
    #[must_use]
    pub fn watched_as(&self) -> Option<u32> {
        self.user.or(self.started_as)
    }

    /// The image's own user, where runs show it: nobody chose another one for them. Of what was watched
    /// in a workload that is known only of the same one.
    pub(super) fn own_user(&self, by: By) -> Option<u32> {
        let known = self.of_image || matches!(by, By::Workload | By::Pod);
        self.started_as.filter(|_| known && self.user.is_none())
    }
}

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
    let watched = match (about.watched_as(), uid) {
        (Some(watched), Some(uid)) => {
            (uid != i64::from(watched)).then(|| format!("user {watched}"))
        }
        // Chosen, and here it is the image's; or a name that only the image knows.
        (Some(_), None) => about.user.map(|user| format!("user {user}")),
        (None, _) => {
            let is_other =
                uid.is_some_and(|uid| uid != 0) || name.is_some_and(|name| name != "root");
            let own = "the image's own user, which may be root";
            (is_other && learnt.proof.is_some()).then(|| own.to_owned())
        }
    };
    watched.map(|learnt| Objection::OtherUser { learnt, here })
}
