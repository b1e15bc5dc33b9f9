//! As which user something was learnt, and whether it holds for a container that runs as another.

use manifest::Container;
use resolve::{Context, FromImage};
use runtime::User;

use super::{Learnt, Objection};

/// Why what was learnt as one user may not hold for this container, which runs as another one.
///
/// What root needs says nothing of others, which get by files with capabilities and set-uid programs what
/// they get, and are refused what is root's own; nor the reverse: what a user never tries (to change its
/// user, to give files away) root does, and fails if it may not. Of trials it is known that they were made as
/// the image's own user, of a trace only whether that was root.
#[must_use]
pub fn other_user(learnt: &Learnt, container: &Container, context: &Context) -> Option<Objection> {
    let name = container.security.user_name.as_ref().map(|name| name.value.as_str());
    let written = context.run_as_user.map(|user| user.value);
    let image = context.image.as_ref();
    let uid = context.uid();
    // A number that is the image's own is no choice.
    let of_image = image.and_then(own_user).map(i64::from);
    let is_own = match written {
        Some(uid) => of_image == Some(uid),
        None => name.is_none(),
    };
    let was_root = || learnt.was_root.then(|| "root".to_owned());
    let watched = match (learnt.about.user, uid) {
        (Some(watched), Some(uid)) if uid == i64::from(watched) => None,
        // Here it is another, or the image's, or a name that only the image knows.
        (Some(watched), _) => Some(format!("user {watched}")),
        (None, Some(0)) => learnt.not_root.then(|| "a user that is not root".to_owned()),
        (None, Some(_)) if is_own => was_root(),
        (None, None) if is_own => was_root().filter(|_| context.user() == User::NonRoot),
        (None, _) if learnt.is_proven() => {
            let which = match (learnt.as_root, learnt.not_root) {
                (true, _) => "which is root",
                (false, true) => "which is not root, and may be another",
                (false, false) => "which may be root",
            };
            Some(format!("the image's own user, {which}"))
        }
        (None, _) => was_root(),
    };
    let here = || match (written, name, uid) {
        (Some(uid), ..) => format!("user {uid}"),
        (None, Some(name), _) => format!("user {name}"),
        (None, None, Some(uid)) => format!("the image's own user, {uid}"),
        (None, None, None) if context.user() == User::NonRoot => {
            "a user that is not root".to_owned()
        }
        (None, None, None) => "the image's own user".to_owned(),
    };
    watched.map(|learnt| Objection::OtherUser { learnt, here: here() })
}

/// The number of the user that the image itself says, where that is known.
fn own_user(image: &FromImage) -> Option<u32> {
    image.user.uid.filter(|_| !image.user.by_manifest)
}

#[cfg(test)]
mod tests {
    use image::{Image, Images};

    use super::*;
    use crate::Checker;
    use crate::learnt::Need;
    use crate::learnt::{About, Basis, Library, MAX_AGE_DAYS};
    use crate::options::Options;

    /// What is said of a Compose service with this `user`, and of a pod with this `runAsUser`.
    fn said(learnt: &Learnt, user: &str, image: Option<Image>) -> Option<String> {
        let learnt = Learnt {
            about: About { image: Some("web".to_owned()), ..learnt.about.clone() },
            ..learnt.clone()
        };
        let library = Library::new(vec![learnt], MAX_AGE_DAYS);
        let mut images = Images::default();
        image.into_iter().for_each(|image| images.add(image));
        let checker = Checker::new(Options { images, learnt: library, ..Options::default() });
        let line = |key: &str| match user {
            "" => String::new(),
            user => format!(", {key}: {user}"),
        };
        let objections = |name: &str, text: String| {
            let manifest = manifest::parse(name, text);
            assert_eq!(manifest.problems, []);
            let (workload, container) = manifest.containers().next().unwrap();
            let known = checker.learnt_of(workload, container);
            let objections = known.known().unwrap().objections.clone();
            objections.first().map(ToString::to_string)
        };
        let service = format!("services: {{ web: {{ image: web{} }} }}\n", line("user"));
        let service = objections("compose.yaml", service);
        if user.bytes().all(|byte| byte.is_ascii_digit()) {
            let security = format!("securityContext: {{ runAsGroup: 5{} }}", line("runAsUser"));
            let pod = format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{ name: web }}\nspec:\n  {security}\n  \
                 containers: [{{ name: web, image: web }}]\n"
            );
            assert_eq!(objections("pod.yaml", pod), service);
        }
        service
    }

    fn learnt(user: Option<u32>, as_root: Option<bool>, proven: bool) -> Learnt {
        let test = "true".to_owned();
        Learnt {
            about: About { user, ..About::default() },
            needs: vec![Need::of(caps::Capability::CHOWN)],
            basis: if proven { Basis::Proven { test } } else { Basis::Traced },
            as_root: as_root == Some(true),
            was_root: as_root == Some(true),
            not_root: as_root == Some(false),
            ..Learnt::default()
        }
    }

    #[test]
    fn what_a_user_was_seen_to_do_is_not_what_root_does() {
        for proven in [true, false] {
            let own = learnt(None, Some(false), proven);
            let refused =
                "it was learnt as a user that is not root, and this container runs as user 0";
            assert_eq!(said(&own, "0", None).as_deref(), Some(refused));
            assert_eq!(said(&own, "", None), None);
            let root = learnt(None, Some(true), proven);
            assert_eq!(said(&root, "0", None), None);
            assert_eq!(said(&root, "", None), None);
            assert_eq!(said(&learnt(None, None, proven), "0", None), None, "nobody knows");
            assert_eq!(said(&learnt(Some(0), Some(true), proven), "0", None), None);
            assert!(said(&learnt(Some(33), Some(false), proven), "0", None).is_some());
            assert!(said(&root, "33", None).is_some());
            assert!(said(&root, "nginx", None).is_some());
            // Of a trace nobody knows who the other was.
            assert_eq!(said(&own, "33", None).is_some(), proven);
            assert_eq!(said(&learnt(None, None, proven), "33", None).is_some(), proven);
        }
    }

    #[test]
    fn whoever_looked_at_the_image_knows_its_user() {
        let of_user = |uid: u32| Some(Image::of_user("web", &uid.to_string()));
        let (own, root) = (learnt(None, Some(false), true), learnt(None, Some(true), true));
        assert_eq!(said(&own, "33", of_user(33)), None, "that is its own");
        assert!(said(&own, "33", of_user(34)).is_some());
        assert!(said(&own, "", of_user(0)).is_some());
        assert_eq!(said(&own, "", of_user(33)), None);
        let other = "it was learnt as root, and this container runs as the image's own user, 33";
        assert_eq!(said(&root, "", of_user(33)).as_deref(), Some(other));
        let chosen = learnt(Some(33), Some(false), true);
        assert_eq!(said(&chosen, "", of_user(33)), None);
        assert!(said(&chosen, "", of_user(34)).is_some());
        assert!(said(&chosen, "", None).is_some());
    }
}
