//! Of a pod's spec what changes.

use record::zero::Zero;

use super::{NAME, ZeroPlace, folders, fs_group, list, port, ports, sysctls, users};
use crate::export::comments::{comment, quoted, scalar};

/// Below `indent` blanks.
pub(super) fn pod_spec(place: &ZeroPlace, zero: &Zero, indent: usize) -> String {
    let blank = |depth: usize| " ".repeat(indent + 2 * depth);
    let mut text = pod_security(place, zero, indent);
    text +=
        &format!("{}{}:\n{}- name: {}\n", blank(0), place.list, blank(0), scalar(&place.container));
    text += &format!("{}securityContext:\n", blank(1));
    for (one, (user, group)) in users(zero) {
        text += &comment(indent + 4, &one.why);
        text += &format!("{}runAsUser: {user}\n", blank(2));
        if let Some(group) = group {
            text += &format!("{}runAsGroup: {group}\n", blank(2));
        }
        text += &format!("{}runAsNonRoot: true\n", blank(2));
    }
    text += &format!(
        "{0}capabilities:\n{1}drop: [ALL]\n{1}add: [{2}]\n",
        blank(2),
        blank(3),
        list(zero.remains)
    );
    for (one, moved) in ports(zero) {
        text += &comment(indent + 2, &one.why);
        text += &port::fields(place, moved, indent + 2);
    }
    let folders: Vec<_> = folders(zero).collect();
    let names = names(place, folders.iter().map(|(_, (path, _))| *path));
    if !folders.is_empty() {
        text += &format!("{}volumeMounts:\n", blank(1));
    }
    for ((one, (path, _)), name) in folders.iter().zip(&names) {
        text += &comment(indent + 2, &one.why);
        text +=
            &format!("{0}- name: {name}\n{1}mountPath: {2}\n", blank(1), blank(2), scalar(path));
    }
    if !folders.is_empty() {
        text += &format!("{}volumes:\n", blank(0));
    }
    for name in &names {
        text += &format!("{0}- name: {name}\n{1}emptyDir: {{}}\n", blank(0), blank(1));
    }
    text
}

/// `securityContext` of the pod.
fn pod_security(place: &ZeroPlace, zero: &Zero, indent: usize) -> String {
    let blank = |depth: usize| " ".repeat(indent + 2 * depth);
    let group = fs_group(zero);
    let mut body = String::new();
    if let Some(group) = group {
        body += &comment(indent + 2, "to which its volumes belong");
        body += &format!("{}fsGroup: {group}\n", blank(1));
    }
    let new: Vec<_> = sysctls(zero).collect();
    if !new.is_empty() {
        body += &format!("{}sysctls:\n", blank(1));
        let is_new =
            |name: &str| new.iter().any(|(_, (other, _))| *other == name.replace('/', "."));
        for (name, value) in place.sysctls.iter().filter(|(name, _)| !is_new(name)) {
            body += &item(indent, name, value);
        }
        for (one, (name, value)) in new {
            body += &comment(indent + 2, &one.why);
            body += &item(indent, name, value);
        }
    }
    if body.is_empty() {
        return body;
    }
    let whose =
        if place.shared { comment(indent, "of all containers of the pod") } else { String::new() };
    format!("{whose}{}securityContext:\n{body}", blank(0))
}

fn item(indent: usize, name: &str, value: &str) -> String {
    let blank = " ".repeat(indent + 2);
    format!("{blank}- name: {}\n{blank}  value: {}\n", scalar(name), quoted(value, '"'))
}

/// A name for the volume at each path that no other volume has.
fn names<'p>(place: &ZeroPlace, paths: impl Iterator<Item = &'p str>) -> Vec<String> {
    let mut taken = place.volumes.clone();
    paths
        .map(|path| {
            let letter =
                |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
            let word: String = path.trim_matches('/').chars().map(letter).collect();
            let plain = format!("empty-{}", word.trim_matches('-'));
            let short = |end: &str| {
                let mut name: String = plain.chars().take(NAME - end.len()).collect();
                name = name.trim_end_matches('-').to_owned();
                name + end
            };
            let mut name = short("");
            let mut number = 2;
            while taken.contains(&name) {
                name = short(&format!("-{number}"));
                number += 1;
            }
            taken.push(name.clone());
            name
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_have_names_that_kubernetes_takes() {
        let long = format!("/{}", "x/".repeat(60));
        let names = names(&ZeroPlace::of_image("web"), ["/.a/", &long, &long, "/"].into_iter());
        let valid = |name: &String| {
            name.len() <= NAME
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !name.starts_with('-')
                && !name.ends_with('-')
        };
        assert_eq!(names[0], "empty-a");
        assert!(names.iter().all(valid) && names[1] != names[2], "{names:?}");
    }
}
