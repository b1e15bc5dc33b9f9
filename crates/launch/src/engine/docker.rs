//! What is Docker's own.

/// Its log goes to a file of the container, whatever the daemon's default.
pub(super) const OPTIONS: &[&str] = &["--log-driver", "json-file"];
