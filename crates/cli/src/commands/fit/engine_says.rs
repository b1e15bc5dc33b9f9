//! What to do about what an engine says, where that is known.

use launch::engine::Engine;

/// A next step for a subcommand that failed and said this.
pub(super) fn help(engine: Engine, what: &str, said: &str) -> Option<&'static str> {
    let says = |words: &str| said.to_ascii_lowercase().contains(words);
    // podman 4.3 `pkg/specgen/generate/oci.go` `makeCommand`; Docker in words of its own.
    if says("no command or entrypoint") || says("no command specified") {
        return Some("name what it is to run: dropcap fit --image IMAGE -- CMD");
    }
    // runc 1.1 `libcontainer/init_linux.go` `setupRlimits`, crun 1.8 `libcrun_set_rlimits`.
    if says("rlimit") {
        return Some(
            "this process may not raise its limits as high as the engine asks: \
             --engine-args '--ulimit nofile=1024:1024 --ulimit nproc=1024:1024'",
        );
    }
    if engine == Engine::Docker && (says("daemon") || says("docker.sock")) {
        return Some(
            "does the daemon run, and may this user ask it? `docker info` tells; \
             or take podman: --engine podman",
        );
    }
    match (engine, what) {
        (Engine::Docker, "ps") => {
            Some("`docker info` tells what the daemon lacks; or take podman: --engine podman")
        }
        (Engine::Podman, "ps") => {
            Some("`podman info` tells what it lacks; or take docker: --engine docker")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_engines_say_leads_somewhere() {
        for (engine, what, said, way) in [
            (
                Engine::Podman,
                "create",
                "Error: no command or entrypoint provided, and no CMD or ENTRYPOINT from image",
                "-- CMD",
            ),
            (
                Engine::Docker,
                "create",
                "Error response from daemon: No command specified.",
                "-- CMD",
            ),
            (
                Engine::Podman,
                "init",
                "setrlimit `RLIMIT_NOFILE`: Operation not permitted: OCI permission denied",
                "--ulimit nofile=1024:1024",
            ),
            (
                Engine::Docker,
                "ps",
                "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
                "docker info",
            ),
            (Engine::Docker, "ps", "odd", "docker info"),
            (Engine::Podman, "ps", "odd", "podman info"),
        ] {
            let help = help(engine, what, said).unwrap_or_default();
            assert!(help.contains(way), "{said}: {help}");
        }
        assert_eq!(help(Engine::Podman, "start", "odd"), None);
    }
}
