//! The spellings of an image in a manifest: the policy compares strings.

use std::collections::BTreeSet;

use image::Reference;

/// Every way in which manifests write this image, with `docker.io/library/` and `:latest` left out or not,
/// by tag, by digest, and by both.
pub(super) fn spellings(image: &str, digest: Option<&str>) -> BTreeSet<String> {
    let full = Reference::new(image).to_string();
    let (path, pinned) = match full.split_once('@') {
        Some((path, digest)) => (path, Some(digest)),
        None => (full.as_str(), None),
    };
    let at = path.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match path[at..].find(':') {
        Some(colon) => (&path[..at + colon], Some(&path[at + colon..])),
        None => (path, None),
    };
    let short = name.strip_prefix("docker.io/");
    let shortest = short.and_then(|short| short.strip_prefix("library/"));
    let mut all = BTreeSet::from([image.to_owned()]);
    for name in [Some(name), short, shortest].into_iter().flatten() {
        let mut put = |rest: String| {
            all.insert(format!("{name}{rest}"));
        };
        if let Some(tag) = tag {
            put(tag.to_owned());
            if tag == ":latest" {
                put(String::new());
            }
        }
        for digest in [pinned, digest].into_iter().flatten() {
            put(format!("@{digest}"));
            put(format!("{}@{digest}", tag.unwrap_or_default()));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_are_of_one_image() {
        let all = spellings("docker.io/library/nginx:1.27", None);
        let expected = [
            "docker.io/library/nginx:1.27",
            "docker.io/nginx:1.27",
            "library/nginx:1.27",
            "nginx:1.27",
        ];
        for known in ["docker.io/library/nginx:1.27", "library/nginx:1.27", "nginx:1.27"] {
            assert!(all.contains(known), "{all:?}");
        }
        assert!(all.iter().all(|one| expected.contains(&one.as_str())), "{all:?}");
        let latest = spellings("ghcr.io/a/b", Some("sha256:ab"));
        let latest: Vec<&str> = latest.iter().map(String::as_str).collect();
        assert_eq!(
            latest,
            [
                "ghcr.io/a/b",
                "ghcr.io/a/b:latest",
                "ghcr.io/a/b:latest@sha256:ab",
                "ghcr.io/a/b@sha256:ab"
            ]
        );
        let pinned = spellings("nginx@sha256:cd", None);
        assert!(pinned.contains("docker.io/library/nginx@sha256:cd") && !pinned.contains("nginx"));
        for image in ["nginx", "host:5000/web", "nginx:1@sha256:ab"] {
            let full = Reference::new(image);
            for one in spellings(image, None) {
                assert_eq!(Reference::new(&one), full, "{one}");
            }
        }
    }
}
