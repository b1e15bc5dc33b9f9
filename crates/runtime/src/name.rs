//! Which runtime is meant: engine, version, and the OCI runtime below it.

use std::fmt;
use std::str::FromStr;

use caps::CapSet;

use crate::defaults;

/// What reads the security context and writes the OCI spec.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// containerd, through CRI.
    Containerd,
    /// CRI-O.
    Crio,
    /// Docker (moby).
    Docker,
    /// Podman.
    Podman,
    /// nerdctl, which writes containerd's specs itself.
    Nerdctl,
    /// No container at all: a process that root starts.
    Linux,
}

impl Engine {
    /// All of them, in the order they are shown.
    pub const ALL: [Engine; 6] = [
        Engine::Containerd,
        Engine::Crio,
        Engine::Docker,
        Engine::Podman,
        Engine::Nerdctl,
        Engine::Linux,
    ];

    /// The word for it on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Engine::Containerd => "containerd",
            Engine::Crio => "crio",
            Engine::Docker => "docker",
            Engine::Podman => "podman",
            Engine::Nerdctl => "nerdctl",
            Engine::Linux => "linux",
        }
    }

    /// The name as its makers write it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Engine::Crio => "CRI-O",
            Engine::Docker => "Docker",
            Engine::Podman => "Podman",
            Engine::Linux => "Linux",
            Engine::Containerd | Engine::Nerdctl => self.word(),
        }
    }

    /// Whether Kubernetes can run pods on it (it speaks CRI).
    #[must_use]
    pub const fn is_cri(self) -> bool {
        matches!(self, Engine::Containerd | Engine::Crio)
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.title())
    }
}

/// A release, as far as rules depend on it: major and minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
}

impl Version {
    /// `major.minor`.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Reads `2`, `2.0`, `v2.0`, `1.6.20` or `1.6.20~ds1-1+deb12u1`; what follows the second number is left out.
impl FromStr for Version {
    type Err = ParseRuntimeError;

    fn from_str(input: &str) -> Result<Self, Self::Err> {
        let error = || ParseRuntimeError::Version { input: input.to_owned() };
        let text = input.strip_prefix('v').unwrap_or(input);
        let mut numbers = text.splitn(3, '.').map(|part| {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            (part[..digits].parse::<u16>(), digits == part.len())
        });
        let (major, whole) = numbers.next().ok_or_else(error)?;
        let major = major.map_err(|_| error())?;
        let minor = match numbers.next() {
            Some((minor, _)) if whole => minor.map_err(|_| error())?,
            None if whole => 0,
            _ => return Err(error()),
        };
        Ok(Self { major, minor })
    }
}

impl serde::Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The program that reads the OCI spec and starts the process. It matters for names that the
/// engine passes on unchecked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OciRuntime {
    /// runc.
    Runc(Option<Version>),
    /// crun; `None` is the newest.
    Crun(Option<Version>),
    /// youki.
    Youki,
    /// gVisor's runsc.
    Gvisor,
}

impl fmt::Display for OciRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, version) = match self {
            OciRuntime::Runc(version) => ("runc", version),
            OciRuntime::Crun(version) => ("crun", version),
            OciRuntime::Youki => ("youki", &None),
            OciRuntime::Gvisor => ("gvisor", &None),
        };
        match version {
            Some(version) => write!(f, "{word}@{version}"),
            None => f.write_str(word),
        }
    }
}

impl FromStr for OciRuntime {
    type Err = ParseRuntimeError;

    fn from_str(input: &str) -> Result<Self, Self::Err> {
        let (word, version) = split_version(input)?;
        match (word.to_ascii_lowercase().as_str(), version) {
            ("runc", version) => Ok(OciRuntime::Runc(version)),
            ("crun", version) => Ok(OciRuntime::Crun(version)),
            ("youki", _) => Ok(OciRuntime::Youki),
            ("gvisor" | "runsc", _) => Ok(OciRuntime::Gvisor),
            _ => Err(ParseRuntimeError::OciRuntime { input: word.to_owned() }),
        }
    }
}

/// A runtime to resolve for: engine and version, what lies below, and how it is configured.
///
/// ```
/// let runtime: dropcap_runtime::Runtime = "containerd@2.0".parse().unwrap();
/// assert_eq!(runtime.default_set().len(), 14);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Runtime {
    /// What reads the security context.
    pub engine: Engine,
    /// Its release; `None` is the newest this program knows.
    pub version: Option<Version>,
    /// What reads the OCI spec.
    pub oci: OciRuntime,
    /// The configured default set, where it is not the compiled-in one: containerd's
    /// `base_runtime_spec`, CRI-O's and Podman's `default_capabilities`.
    pub configured_default: Option<CapSet>,
    /// What the daemon itself holds: a container can hold nothing beyond it, and on all engines
    /// but CRI-O and Docker before 23.0 it is what `ALL` means.
    pub own: CapSet,
}

impl Runtime {
    /// The newest known release of `engine`, as it comes, run by a daemon that holds everything.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        let oci = match engine {
            // Podman prefers crun where both are installed (containers.conf(5) `runtime`), and
            // so does CRI-O since 1.31 (crio.conf `default_runtime`).
            Engine::Podman | Engine::Crio => OciRuntime::Crun(None),
            _ => OciRuntime::Runc(None),
        };
        Self { engine, version: None, oci, configured_default: None, own: CapSet::all_known() }
    }

    /// What a Kubernetes manifest is resolved for when nobody says: containerd 2.0, the runtime of
    /// most clusters. Whoever assumes it says so.
    #[must_use]
    pub fn assumed_for_kubernetes() -> Self {
        Self { version: Some(Version::new(2, 0)), ..Self::new(Engine::Containerd) }
    }

    /// With another default set.
    #[must_use]
    pub fn with_default(mut self, set: CapSet) -> Self {
        self.configured_default = Some(set);
        self
    }

    /// With a daemon that holds only `own`.
    #[must_use]
    pub fn with_own(mut self, own: CapSet) -> Self {
        self.own = own;
        self
    }

    /// Whether it is this release or a newer one; the newest if no release was named.
    #[must_use]
    pub fn at_least(&self, major: u16, minor: u16) -> bool {
        self.version.is_none_or(|version| version >= Version::new(major, minor))
    }

    /// What a container gets that asks for nothing: the configured set, else the compiled-in one
    /// of this release. For plain Linux, everything.
    #[must_use]
    pub fn default_set(&self) -> CapSet {
        self.configured_default.unwrap_or_else(|| defaults::of(self.engine, self.version, self.own))
    }
}

/// `containerd`, `containerd@2.0`, `containerd+youki`, `podman@4.3+crun@1.8`.
impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.engine.word())?;
        if let Some(version) = self.version {
            write!(f, "@{version}")?;
        }
        if self.oci != Runtime::new(self.engine).oci {
            write!(f, "+{}", self.oci)?;
        }
        Ok(())
    }
}

/// Reads what [`Runtime`]'s `Display` writes.
impl FromStr for Runtime {
    type Err = ParseRuntimeError;

    fn from_str(input: &str) -> Result<Self, Self::Err> {
        let (engine, oci) = split_oci(input)?;
        let (word, version) = split_version(engine)?;
        let engine = match word.to_ascii_lowercase().as_str() {
            "containerd" => Engine::Containerd,
            "crio" | "cri-o" => Engine::Crio,
            "docker" | "moby" => Engine::Docker,
            "podman" => Engine::Podman,
            "nerdctl" => Engine::Nerdctl,
            "linux" => Engine::Linux,
            _ => return Err(ParseRuntimeError::Engine { input: word.to_owned() }),
        };
        let mut runtime = Runtime::new(engine);
        runtime.version = version;
        runtime.oci = oci.unwrap_or(runtime.oci);
        Ok(runtime)
    }
}

/// `engine+oci` in its two parts. A version may have a `+` of its own, as in `20.10.24+dfsg1`.
fn split_oci(input: &str) -> Result<(&str, Option<OciRuntime>), ParseRuntimeError> {
    let found = input.match_indices('+').find_map(|(at, _)| {
        let oci = input[at + 1..].parse().ok()?;
        Some((&input[..at], Some(oci)))
    });
    match (found, input.split_once('+')) {
        (Some(found), _) => Ok(found),
        (None, Some((engine, oci))) if !engine.contains('@') => Err(oci
            .parse::<OciRuntime>()
            .err()
            .unwrap_or(ParseRuntimeError::OciRuntime { input: oci.to_owned() })),
        (None, _) => Ok((input, None)),
    }
}

/// `name@version` in its two parts.
fn split_version(input: &str) -> Result<(&str, Option<Version>), ParseRuntimeError> {
    match input.split_once('@') {
        Some((word, version)) => Ok((word, Some(version.parse()?))),
        None => Ok((input, None)),
    }
}

impl serde::Serialize for Runtime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A runtime name that says nothing to this program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseRuntimeError {
    /// Not one of the engines.
    #[error(
        "unknown runtime {input:?}; expected containerd, crio, docker, podman, nerdctl or linux, \
         with a version if it matters: containerd@2.0"
    )]
    Engine {
        /// What was given.
        input: String,
    },
    /// Not one of the OCI runtimes.
    #[error("unknown OCI runtime {input:?}; expected runc, crun, youki or gvisor")]
    OciRuntime {
        /// What was given.
        input: String,
    },
    /// Not a version.
    #[error("{input:?} is not a version; expected a number such as 2.0")]
    Version {
        /// What was given.
        input: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_and_written_back() {
        for word in [
            "containerd",
            "containerd@2.0",
            "crio@1.28",
            "docker",
            "podman@4.3",
            "nerdctl",
            "linux",
            "containerd+youki",
            "podman@4.3+crun@1.8",
            "nerdctl+gvisor",
        ] {
            assert_eq!(word.parse::<Runtime>().unwrap().to_string(), word);
        }
        let debian: Runtime = "docker@20.10.24+dfsg1+runc@1.1.5+ds1".parse().unwrap();
        assert_eq!(debian.to_string(), "docker@20.10+runc@1.1");
        assert_eq!("docker@20.10.24+dfsg1".parse::<Runtime>().unwrap().to_string(), "docker@20.10");
        assert_eq!("CRI-O".parse::<Runtime>().unwrap().engine, Engine::Crio);
    }

    #[test]
    fn a_version_is_its_first_two_numbers() {
        for (word, major, minor) in [
            ("2", 2, 0),
            ("v2.1", 2, 1),
            ("1.6.20~ds1-1+deb12u1", 1, 6),
            ("1.0-rc94", 1, 0),
            ("4.3.1", 4, 3),
        ] {
            assert_eq!(word.parse(), Ok(Version::new(major, minor)), "{word}");
        }
        for word in ["", "v", "two", "2.", "2.x", ".5", "2x.1", "99999999"] {
            assert!(word.parse::<Version>().is_err(), "{word}");
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_those_there_are() {
        let error = "contained".parse::<Runtime>().unwrap_err();
        assert!(error.to_string().contains("expected containerd, crio"), "{error}");
        assert!("containerd@".parse::<Runtime>().is_err());
        assert!("containerd+foo".parse::<Runtime>().is_err());
    }

    #[test]
    fn no_version_means_the_newest() {
        assert!(Runtime::new(Engine::Containerd).at_least(2, 0));
        let old: Runtime = "containerd@1.7".parse().unwrap();
        assert!(!old.at_least(2, 0) && old.at_least(1, 6));
    }
}
