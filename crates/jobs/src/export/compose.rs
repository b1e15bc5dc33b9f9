//! An override file of Compose: `docker compose -f compose.yaml -f FILE up`.
//!
//! Compose puts the lists of an override file behind those of the files before, so that what they add
//! would stay. `!override` replaces them (compose-spec 13-merge.md; Docker Compose 2.24.4 and newer; an
//! older one refuses the file over the tag).

use record::profile::Profile;
use runtime::Engine;

use super::comments::{comment, comments, scalar};
use super::{Error, Exported, Options, effect, head, items};

pub(super) fn export(profile: &Profile, options: &Options) -> Result<Exported, Error> {
    let target = &profile.spec.target;
    let service = options.service.as_ref().or(target.container.as_ref());
    let service = service.unwrap_or(&profile.metadata.name);
    let mut text = comments(0, &head(profile));
    text += &comment(
        0,
        "For Docker Compose 2.24.4 or newer: docker compose -f compose.yaml -f THIS up",
    );
    text += &format!("services:\n  {}:\n    cap_drop: !override [ALL]\n", scalar(service));
    let items = items(profile);
    text +=
        if items.is_empty() { "    cap_add: !override []\n" } else { "    cap_add: !override\n" };
    for item in &items {
        text += &item.comment().map(|words| comment(6, &words)).unwrap_or_default();
        text += &format!("      - {}\n", item.capability);
    }
    let remarks = effect::of(profile, Engine::Docker, None).into_iter().collect();
    Ok(Exported { text, remarks })
}
