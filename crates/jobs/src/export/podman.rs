//! Options of `podman run`.
//!
//! As Docker's, but a process that is not root is given what is under `--cap-add` as ambient capabilities
//! too, and holds it (podman `pkg/specgen/generate/security_linux.go`).

use record::profile::Profile;
use runtime::Engine;

use super::{Exported, Options, doubtful, effect, flags};

pub(super) fn export(profile: &Profile, options: &Options) -> Exported {
    let effect = effect::of(profile, Engine::Podman, options.user.as_deref());
    let remarks = effect.into_iter().chain(doubtful(profile)).collect();
    Exported { text: flags::line(profile, options), remarks }
}
