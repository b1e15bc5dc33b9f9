//! What is Podman's own.

use std::path::PathBuf;

use caps::CapSet;

use super::{Engine, EngineError};

/// Its log goes to a file of the container: no journal is needed, and nothing is left in one.
pub(super) const OPTIONS: &[&str] = &["--log-driver", "k8s-file"];

/// Of a container that was made: its image, and in a second line how and where its output is kept.
pub(super) const MADE: &str =
    "{{.Config.Image}}\n{{.HostConfig.LogConfig.Type}} {{.HostConfig.LogConfig.Path}}";

/// The file that a container's output is kept in, if its options leave that as it is.
pub(super) fn log(made: &str) -> Option<PathBuf> {
    made.strip_prefix("k8s-file ").filter(|path| path.starts_with('/')).map(PathBuf::from)
}

/// Options with which a process that is not root holds nothing of `set`, as elsewhere: what is left of
/// the default set goes to the bounding set, what is added would also be raised as ambient
/// (container-libs `pkg/specgen/generate/security_linux.go` `securityConfigureGenerator`).
pub(super) fn bounding_only(set: CapSet) -> Vec<String> {
    (CapSet::all_known() - set).iter().map(|other| format!("--cap-drop={other}")).collect()
}

/// `[CAP_CHOWN CAP_KILL]`, as its inspection prints a set; `[]` is none.
pub(super) fn read_set(text: &str) -> Result<CapSet, EngineError> {
    let words = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let names = words.map(|words| words.split_ascii_whitespace().map(str::parse));
    names.and_then(|names| names.collect::<Result<CapSet, _>>().ok()).ok_or_else(|| {
        EngineError::Unread {
            engine: Engine::Podman,
            said: text.to_owned(),
            expected: "capabilities in brackets",
        }
    })
}

#[cfg(test)]
mod tests {
    use caps::Capability;

    use super::*;

    #[test]
    fn only_a_file_of_lines_is_read() {
        assert_eq!(log("k8s-file /c/ctr.log"), Some(PathBuf::from("/c/ctr.log")));
        assert_eq!(["none ", "journald ", "k8s-file ", ""].map(log), [None, None, None, None]);
    }

    #[test]
    fn a_set_is_read_as_it_is_inspected() {
        let set = CapSet::of(&[Capability::CHOWN, Capability::NET_BIND_SERVICE]);
        assert_eq!(read_set("[CAP_CHOWN CAP_NET_BIND_SERVICE]").unwrap(), set);
        assert_eq!(read_set("[]").unwrap(), CapSet::EMPTY);
        assert!(read_set("map[]").is_err() && read_set("[CAP_X]").is_err());
    }
}
