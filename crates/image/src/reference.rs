//! Names of images, so that two spellings of one name are one.

use std::fmt;

/// The full name of an image: what `docker.io/library/` and `:latest` are understood in
/// (distribution `reference/normalize.go` `ParseNormalizedNamed`, `TagNameOnly`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference(String);

impl Reference {
    /// What a person or an engine wrote, in full.
    #[must_use]
    pub fn new(written: &str) -> Self {
        let (name, digest) = match written.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (written, None),
        };
        // `splitDockerDomain`, likewise.
        let (host, rest) = match name.split_once('/') {
            Some(("index.docker.io", rest)) => ("docker.io", rest),
            Some((host, rest))
                if host.contains(['.', ':'])
                    || host == "localhost"
                    || host.chars().any(char::is_uppercase) =>
            {
                (host, rest)
            }
            _ => ("docker.io", name),
        };
        let library = if host == "docker.io" && !rest.contains('/') { "library/" } else { "" };
        let path = format!("{host}/{library}{rest}");
        let last = path.rsplit('/').next().unwrap_or_default();
        Self(match digest {
            // Beside a digest the tag says nothing.
            Some(digest) => {
                let tag = last.find(':').map_or(0, |at| last.len() - at);
                format!("{}@{digest}", &path[..path.len() - tag])
            }
            None if last.contains(':') => path,
            None => format!("{path}:latest"),
        })
    }

    /// The name that Podman gives to what is built or imported here under the same short name.
    #[must_use]
    pub fn local(&self) -> Option<Self> {
        let short = self.0.strip_prefix("docker.io/")?;
        let short = short.strip_prefix("library/").unwrap_or(short);
        Some(Self(format!("localhost/{short}")))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_are_one_name() {
        for (written, full) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("bitnami/redis", "docker.io/bitnami/redis:latest"),
            ("index.docker.io/library/nginx", "docker.io/library/nginx:latest"),
            ("docker.io/web", "docker.io/library/web:latest"),
            ("docker.io/web:1", "docker.io/library/web:1"),
            ("docker.io/library/web", "docker.io/library/web:latest"),
            ("index.docker.io/web", "docker.io/library/web:latest"),
            ("docker.io/a/web", "docker.io/a/web:latest"),
            ("Host/web", "Host/web:latest"),
            ("localhost/web", "localhost/web:latest"),
            ("registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9"),
            ("host:5000/web", "host:5000/web:latest"),
            ("nginx:1.27@sha256:ab", "docker.io/library/nginx@sha256:ab"),
        ] {
            assert_eq!(Reference::new(written).to_string(), full, "{written}");
        }
        let local = Reference::new("web:1").local().unwrap();
        assert_eq!(local, Reference::new("localhost/web:1"));
        assert_eq!(Reference::new("ghcr.io/a/b").local(), None);
    }
}
