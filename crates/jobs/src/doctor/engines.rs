//! Container engines and low-level runtimes on this machine.

use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Area, Fact, Status};

/// How long a program may take to say its version.
const PATIENCE: Duration = Duration::from_secs(3);

/// A program, and the socket of its daemon.
struct Engine {
    id: &'static str,
    program: &'static str,
    socket: Option<&'static str>,
}

const ENGINES: &[Engine] = &[
    // podman needs no daemon: its socket says nothing about it.
    Engine { id: "engine.podman", program: "podman", socket: None },
    Engine { id: "engine.docker", program: "docker", socket: Some("/run/docker.sock") },
    Engine { id: "engine.dockerd", program: "dockerd", socket: None },
    Engine {
        id: "engine.containerd",
        program: "containerd",
        socket: Some("/run/containerd/containerd.sock"),
    },
    Engine { id: "engine.nerdctl", program: "nerdctl", socket: None },
    Engine { id: "engine.crio", program: "crio", socket: Some("/run/crio/crio.sock") },
    Engine { id: "engine.runc", program: "runc", socket: None },
    Engine { id: "engine.crun", program: "crun", socket: None },
];

/// One fact for each that is there, and one for those that are not.
pub(super) fn facts() -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut absent = Vec::new();
    for engine in ENGINES {
        match find(engine.program) {
            Some(path) => facts.push(fact(engine, path)),
            None => absent.push(engine.program),
        }
    }
    if !absent.is_empty() {
        let says = format!("not here: {}", absent.join(" "));
        facts.push(Fact::new("engine.absent", Area::Containers, Status::Absent, says));
    }
    facts
}

fn fact(engine: &Engine, path: PathBuf) -> Fact {
    let fact = |status, says| Fact::new(engine.id, Area::Containers, status, says);
    let place = path.display();
    match version(&path) {
        Ok(version) => {
            let daemon = engine.socket.map(daemon).unwrap_or_default();
            fact(Status::Works, format!("{} {version} ({place}){daemon}", engine.program))
        }
        Err(why) => fact(
            Status::Limited,
            format!("{} ({place}) does not say its version: {why}", engine.program),
        ),
    }
}

/// Whether anybody listens on a daemon's socket.
fn daemon(socket: &str) -> String {
    match UnixStream::connect(socket) {
        Ok(_) => format!(", its daemon listens on {socket}"),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            format!(", this user may not use {socket}")
        }
        Err(_) => ", its daemon does not run".to_owned(),
    }
}

/// The program in `PATH`, or where daemons are installed and a user's `PATH` does not lead.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Asks a program for its version and does not wait for one that does not answer.
fn version(path: &PathBuf) -> Result<String, String> {
    let mut child = Command::new(path)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let end = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no answer in {} seconds", PATIENCE.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    };
    let mut text = String::new();
    let read = child.stdout.take().map(|out| out.take(64 * 1024).read_to_string(&mut text));
    if let Some(Err(error)) = read {
        return Err(error.to_string());
    }
    if !status.success() {
        return Err(format!("--version ended with {status}"));
    }
    parse_version(&text).ok_or_else(|| format!("{:?}", text.lines().next().unwrap_or_default()))
}

/// The first word that looks like a version: `v1.7.2`, `1.6.20~ds1`, `4.3.1,`.
fn parse_version(text: &str) -> Option<String> {
    text.split_whitespace()
        .map(|word| word.trim_end_matches(','))
        .map(|word| word.strip_prefix('v').unwrap_or(word))
        .find(|word| {
            let mut parts = word.split('.');
            let number = |part: Option<&str>| {
                part.and_then(|p| p.chars().next()).is_some_and(|c| c.is_ascii_digit())
            };
            number(parts.next()) && number(parts.next())
        })
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_s_way_of_saying_its_version_is_read() {
        for (text, version) in [
            ("podman version 4.3.1\n", "4.3.1"),
            ("Docker version 20.10.24+dfsg1, build 5d6db84\n", "20.10.24+dfsg1"),
            (
                "containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3\n",
                "1.6.20~ds1",
            ),
            ("containerd containerd.io v2.1.0 061792f\n", "2.1.0"),
            ("runc version 1.1.5+ds1\ncommit: 1.1\nspec: 1.0.2\n", "1.1.5+ds1"),
            ("crun version 1.8.1\ncommit: f8a\n", "1.8.1"),
            ("crio version 1.30.0\nVersion: 1.30.0\n", "1.30.0"),
            ("nerdctl version 2.0.3\n", "2.0.3"),
        ] {
            assert_eq!(parse_version(text).as_deref(), Some(version));
        }
        assert_eq!(parse_version("usage: foo\n"), None);
    }

    #[test]
    fn a_program_that_fails_or_says_nothing_is_reported() {
        let find = |program| find(program).expect("a program of every system");
        let failed = version(&find("false").with_file_name("no-such-program"));
        assert!(failed.is_err_and(|why| why.contains("No such file")));
        assert!(version(&find("sleep").with_file_name("yes")).is_ok(), "coreutils say theirs");
    }
}
