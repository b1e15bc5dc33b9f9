//! Names of images, taken apart: whether two are of the same image.

use image::Reference;

/// The name of an image in its parts, the repository in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageName {
    /// As it was written.
    written: String,
    /// `docker.io/library/nginx`.
    repository: String,
    /// The tag; `latest` where neither a tag nor a digest is written.
    tag: Option<String>,
    /// `sha256:…`.
    digest: Option<String>,
    /// What an engine called it by, besides.
    also: Option<String>,
}

impl ImageName {
    /// What a person or an engine wrote.
    pub fn new(written: &str) -> Self {
        let (name, digest) = match written.split_once('@') {
            Some((name, digest)) => (name, Some(digest.to_owned())),
            None => (written, None),
        };
        // In full, it always has a tag.
        let full = Reference::new(name).to_string();
        let (repository, tag) = full.rsplit_once(':').unwrap_or((&full, "latest"));
        let said = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
        let tag = (said || digest.is_none()).then(|| tag.to_owned());
        let (written, repository) = (written.to_owned(), repository.to_owned());
        Self { written, repository, tag, digest, also: None }
    }

    /// The same, with the digest that an engine had for it.
    pub fn with_digest(self, digest: Option<&str>) -> Self {
        Self { also: digest.map(str::to_owned), ..self }
    }

    /// Whether both are of one repository; Podman calls what it builds itself `localhost/…`, and
    /// finds it by the short name, too.
    pub fn same_repository(&self, other: &Self) -> bool {
        let short = |name: &Self| {
            let path = name.repository.strip_prefix("docker.io/")?;
            Some(path.strip_prefix("library/").unwrap_or(path).to_owned())
        };
        let local = |name: &Self| name.repository.strip_prefix("localhost/").map(str::to_owned);
        let is_local = |a: &Self, b: &Self| local(a).is_some_and(|a| short(b) == Some(a));
        self.repository == other.repository || is_local(self, other) || is_local(other, self)
    }

    /// Whether both names are of the same image: repository and tag, or a digest.
    pub fn same(&self, other: &Self) -> bool {
        let same_tag = || self.tag.is_some() && self.tag == other.tag;
        let same_digest = || self.digests().any(|one| other.digests().any(|other| one == other));
        self.same_repository(other) && (same_digest() || same_tag())
    }

    fn digests(&self) -> impl Iterator<Item = &str> {
        self.digest.iter().chain(&self.also).map(|digest| bare(digest))
    }
}

/// What was learnt and what is here, if those cannot be shown to be the same image: the digests
/// where both have one, else repository and tag. `digest` is what the engine called the image that
/// was watched.
pub fn differ(
    learnt: Option<&ImageName>,
    digest: Option<&str>,
    here: &str,
) -> Option<(String, String)> {
    let here = ImageName::new(here);
    let written = learnt.and_then(|name| name.digest.as_deref());
    let known: Vec<&str> = written.into_iter().chain(digest).map(bare).collect();
    if let Some(wanted) = here.digest.as_deref().map(bare).filter(|_| !known.is_empty()) {
        // Engines say the digest of the image's configuration where a name has that of its manifest.
        let same = known.contains(&wanted);
        return (!same).then(|| (short(known[0]), short(wanted)));
    }
    let learnt = learnt?;
    (!learnt.same(&here)).then(|| (learnt.written.clone(), here.written))
}

/// The digest without its algorithm: engines leave it out.
fn bare(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

/// The first twelve digits, as engines print them.
fn short(digest: &str) -> String {
    format!("sha256:{}", digest.chars().take(12).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_names_of_one_image_are_the_same() {
        for (a, b, same) in [
            ("nginx:1.27", "docker.io/library/nginx:1.27", true),
            ("nginx", "nginx:latest", true),
            ("nginx:1.27", "nginx:1.28", false),
            ("nginx:1.27", "nginx", false),
            ("nginx:1.27@sha256:ab", "nginx:1.27", true),
            ("nginx@sha256:ab", "nginx:1.27@sha256:ab", true),
            ("nginx@sha256:ab", "nginx:1.27", false),
            ("nginx@sha256:ab", "nginx", false),
            ("localhost/web:1", "web:1", true),
            ("localhost/a/web:1", "docker.io/a/web:1", true),
            ("host:5000/web:1", "host:5000/web:1", true),
            ("host:5000/web", "host:5000/web:latest", true),
            ("docker.io/web", "web", true),
            ("docker.io/web", "docker.io/library/web:latest", true),
            ("localhost/web:1", "docker.io/web:1", true),
            ("ghcr.io/a/nginx:1", "nginx:1", false),
            ("nginx:1.27@sha256:ab", "nginx:1.28@sha256:ab", true),
        ] {
            assert_eq!(ImageName::new(a).same(&ImageName::new(b)), same, "{a} {b}");
            assert_eq!(ImageName::new(b).same(&ImageName::new(a)), same, "{b} {a}");
        }
    }

    /// Whatever the tag: `imageDigest` of a profile is met by what a manifest pins.
    #[test]
    fn the_digest_of_an_engine_is_one_of_the_image() {
        for (learnt, digest, here, same) in [
            ("nginx:1", "sha256:ab", "nginx@sha256:ab", true),
            ("nginx:1", "ab", "docker.io/library/nginx:2@sha256:ab", true),
            ("nginx:1@sha256:cd", "sha256:ab", "nginx@sha256:ab", true),
            ("localhost/web:1", "sha256:ab", "web@sha256:ab", true),
            ("nginx:1", "sha256:ab", "nginx@sha256:cd", false),
            ("nginx:1", "sha256:ab", "nginx:2", false),
            ("nginx:1", "sha256:ab", "other@sha256:ab", false),
        ] {
            let learnt = ImageName::new(learnt).with_digest(Some(digest));
            assert_eq!(learnt.same(&ImageName::new(here)), same, "{learnt:?} {here}");
        }
    }

    #[test]
    fn the_digest_decides_where_both_have_one() {
        let differs = |learnt: &str, digest: Option<&str>, here: &str| {
            differ(Some(&ImageName::new(learnt)), digest, here).is_some()
        };
        assert!(!differs("nginx:1", None, "nginx:1"));
        assert!(differs("nginx:1", None, "nginx:2"));
        assert!(differs("nginx:1@sha256:aa", None, "nginx:1@sha256:bb"));
        assert!(!differs("nginx:1@sha256:aa", Some("cc"), "nginx:2@sha256:aa"));
        assert!(!differs("nginx:1", Some("aa"), "nginx:1@sha256:aa"));
        assert!(differs("nginx:1", Some("sha256:cc"), "nginx:1@sha256:aa"));
        assert!(!differs("nginx:1", Some("sha256:cc"), "nginx:1"));
        assert!(differs("nginx:1", None, "nginx@sha256:aa"));
        assert_eq!(differ(None, None, "nginx"), None);
        assert_eq!(
            differ(None, Some("0123456789abcdef"), "a@sha256:ffff"),
            Some(("sha256:0123456789ab".to_owned(), "sha256:ffff".to_owned()))
        );
    }
}
