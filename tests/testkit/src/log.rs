//! What a container printed, from the log that conmon keeps.

use std::fs;

/// A log of a container's own. On a busy machine podman 4.3 now and then prints nothing of a container that ends at
/// once, though all went well; the log is whole before podman is told that the container has ended (conmon 2.1
/// `src/conmon.c`: `drain_stdio`, `sync_logs`, then the exit file).
#[derive(Debug)]
pub struct Log(tempfile::TempDir);

impl Log {
    /// An empty one.
    ///
    /// # Panics
    /// If no folder can be made.
    #[must_use]
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder for the log"))
    }

    /// The options of `podman run` for it.
    #[must_use]
    pub fn options(&self) -> [String; 2] {
        let path = format!("--log-opt=path={}", self.0.path().join("log").display());
        ["--log-driver=k8s-file".to_owned(), path]
    }

    /// What the container has printed to standard output; empty if it was never started.
    #[must_use]
    pub fn stdout(&self) -> String {
        stdout(&fs::read_to_string(self.0.path().join("log")).unwrap_or_default())
    }
}

impl Default for Log {
    fn default() -> Self {
        Self::new()
    }
}

/// Of lines of CRI's format: `TIME STREAM TAG CONTENT`, where TAG is P for a line that goes on (Kubernetes,
/// `pkg/kubelet/kuberuntime/logs`).
fn stdout(log: &str) -> String {
    let mut printed = String::new();
    for line in log.lines() {
        let mut words = line.splitn(4, ' ').skip(1);
        let (Some("stdout"), Some(tag), content) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        printed.push_str(content.unwrap_or_default());
        if tag == "F" {
            printed.push('\n');
        }
    }
    printed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_and_other_streams_left_out() {
        let log = "2026-11-30T18:00:00.000000000+00:00 stdout P a \n\
                   2026-11-30T18:00:00.000000000+00:00 stderr F no\n\
                   2026-11-30T18:00:00.000000000+00:00 stdout F b c\n\
                   2026-11-30T18:00:00.000000000+00:00 stdout F \n";
        assert_eq!(stdout(log), "a b c\n\n");
    }

    #[test]
    fn all_that_a_container_prints_is_in_it() {
        crate::needs!(podman);
        let log = Log::new();
        let mut run = crate::podman_run();
        run.arg("--rm").args(log.options()).arg(crate::image());
        let output =
            run.args(["sh", "-c", "printf a; sleep 0.1; echo b; echo c >&2; printf d"]).output();
        assert!(output.expect("podman runs").status.success());
        assert_eq!(log.stdout(), "ab\nd");
    }
}
