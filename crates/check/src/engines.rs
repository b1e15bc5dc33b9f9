//! The engines that containers run on.

use std::sync::LazyLock;

use runtime::{Engine, Runtime};

/// The engines that containers run on, each in its newest release.
#[must_use]
pub fn engines() -> &'static [Runtime] {
    static ENGINES: LazyLock<Vec<Runtime>> = LazyLock::new(|| {
        let containers = Engine::ALL.into_iter().filter(|engine| *engine != Engine::Linux);
        containers.map(Runtime::new).collect()
    });
    &ENGINES
}
