//! Options of `docker run`.
//!
//! With `--cap-drop=ALL` the container gets what is under `--cap-add` and nothing else; a process that is
//! not root gets it in its bounding set only (moby `daemon/pkg/oci/caps/utils.go`, `oci.SetCapabilities`).

use record::profile::Profile;
use runtime::Engine;

use super::{Exported, Options, doubtful, effect, flags};

pub(super) fn export(profile: &Profile, options: &Options) -> Exported {
    let effect = effect::of(profile, Engine::Docker, options.user.as_deref());
    let remarks = effect.into_iter().chain(doubtful(profile)).collect();
    Exported { text: flags::line(profile, options), remarks }
}
