//! Folders that the program wanted to write to and could not.

use judge::written;
use record::observation::{Failure, Recording};
use record::zero::Change;

use super::evidence::name;
use super::port::Words;

/// `EPERM`, `EACCES`, `EROFS`.
const REFUSED: [(i64, &str); 3] = [(-1, "EPERM"), (-13, "EACCES"), (-30, "EROFS")];
/// `ENOENT`.
const NOT_THERE: i64 = -2;
/// What an image brings there is code, configuration or the kernel's: it is never covered by an empty folder.
const IMAGE: &[&str] = &[
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/sbin",
    "/sys", "/usr",
];

/// Those that only the owner of what is there may make: a folder that is the kubelet's does not help.
const OWNERS: &[&str] = &[
    "chmod",
    "chown",
    "fchmodat",
    "fchmodat2",
    "fchownat",
    "lchown",
    "utime",
    "utimensat",
    "utimes",
];

/// What has to be known of a container to plan for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ground {
    /// Its working directory, which relative paths are taken from: a guess, as it may have changed it.
    pub folder: String,
    /// Where something is mounted already.
    pub mounted: Vec<String>,
    /// Where of that are volume claims that belong to no `fsGroup`.
    pub claims: Vec<String>,
    /// As which user it starts without any change, if that is known as a number.
    pub user: Option<u32>,
    /// `fsGroup` of its pod, if it has one.
    pub fs_group: Option<u32>,
    /// Whether its network is its own, so that sysctls of it can be set.
    pub own_network: bool,
    /// What it is started with.
    pub words: Words,
}

/// A folder that an emptyDir would replace, or a volume claim that an `fsGroup` would open, and what was
/// refused there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) path: String,
    pub(super) is_claim: bool,
    pub(super) why: String,
}

/// The folder of the last refused write that can be opened so: what a program is refused last is likelier
/// to be why it failed.
pub(super) fn wanted(recording: &Recording, have: &[Change], ground: &Ground) -> Option<Wanted> {
    let mut refused: Vec<(&Failure, &str, String)> = recording
        .failures
        .iter()
        .filter_map(|failure| {
            let (_, error) = REFUSED.iter().find(|(code, _)| *code == failure.result)?;
            if OWNERS.contains(&name(&failure.syscall)) {
                return None;
            }
            let path = absolute(&ground.folder, written(&failure.syscall)?);
            Some((failure, *error, path))
        })
        .collect();
    refused.sort_by_key(|(failure, ..)| std::cmp::Reverse(failure.last_ns));
    let taken = |path: &str| {
        let is_there =
            |one: &Change| matches!(one, Change::EmptyDir { path: known, .. } if known == path);
        have.iter().any(is_there) || ground.mounted.iter().any(|mounted| mounted == path)
    };
    refused.into_iter().find_map(|(failure, error, path)| {
        let call = name(&failure.syscall);
        let why = format!("{}: {error}", in_words(call, &path));
        let has_group = have.iter().any(|one| matches!(one, Change::FsGroup { .. }));
        let claim = ground.claims.iter().find(|claim| path == **claim || is_below(&path, claim));
        if let Some(claim) = claim {
            let wanted = Wanted { path: claim.clone(), is_claim: true, why };
            return (!has_group).then_some(wanted);
        }
        let folder = folder_of(&path, call)?;
        let is_free = !is_of_the_image(&folder) && !taken(&folder);
        is_free.then_some(Wanted { path: folder, is_claim: false, why })
    })
}

/// Files below these folders that the program did not find: an emptyDir hides what the image has.
pub(super) fn not_found(recording: &Recording, have: &[Change], ground: &Ground) -> Vec<String> {
    let folders = have.iter().filter_map(|change| match change {
        Change::EmptyDir { path, .. } => Some(path.as_str()),
        _ => None,
    });
    let folders: Vec<&str> = folders.collect();
    let missing = recording.failures.iter().filter(|failure| failure.result == NOT_THERE);
    let paths = missing.filter_map(|failure| failure.syscall.path.as_deref());
    let mut found: Vec<String> = paths
        .map(|path| absolute(&ground.folder, path))
        .filter(|path| folders.iter().any(|folder| is_below(path, folder)))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// What this run was refused, or did not find below an emptyDir, and the first one was not and did, in words.
pub(super) fn otherwise(
    first: &Recording,
    now: &Recording,
    have: &[Change],
    ground: &Ground,
) -> Vec<String> {
    let key = |failure: &Failure| {
        let path = failure.syscall.path.as_deref().map(|path| absolute(&ground.folder, path));
        (name(&failure.syscall).to_owned(), path, failure.result)
    };
    let before: Vec<_> = first.failures.iter().map(key).collect();
    let hidden = not_found(now, have, ground);
    let mut lines = Vec::new();
    for failure in &now.failures {
        let known = key(failure);
        if before.contains(&known) || known.0.is_empty() {
            continue;
        }
        let (call, path, result) = known;
        let error = match result {
            NOT_THERE if path.as_ref().is_some_and(|path| hidden.contains(path)) => {
                "not there, below an emptyDir"
            }
            _ => match REFUSED.iter().find(|(code, _)| *code == result) {
                Some((_, error)) => error,
                None => continue,
            },
        };
        lines.push(match path {
            Some(path) if written(&failure.syscall).is_some() => {
                format!("{}: {error}", in_words(&call, &path))
            }
            Some(path) => format!("{} {path}: {error}", call.strip_suffix("at").unwrap_or(&call)),
            None => format!("{call}: {error}"),
        });
    }
    lines.sort();
    lines.dedup();
    lines
}

/// `mkdir /var/x`, `open /run/x for writing`.
fn in_words(call: &str, path: &str) -> String {
    match call {
        "open" | "openat" => format!("open {path} for writing"),
        "creat" => format!("create {path}"),
        call => format!("{} {path}", call.strip_suffix("at").unwrap_or(call)),
    }
}

/// Where an emptyDir would have to be, so that this could be written.
fn folder_of(path: &str, call: &str) -> Option<String> {
    match path.rsplit_once('/')? {
        // `mkdir /data`: there is nothing above it but the root.
        ("", _) if call.starts_with("mkdir") && path != "/" => Some(path.to_owned()),
        ("", _) => None,
        (folder, _) => Some(folder.to_owned()),
    }
}

fn is_of_the_image(folder: &str) -> bool {
    IMAGE.iter().any(|top| folder == *top || is_below(folder, top))
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// The path from the root, without `.` and `..`; links are not looked at.
fn absolute(folder: &str, path: &str) -> String {
    let from = if path.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = Vec::new();
    for part in from.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::evidence::tests::{at, call, recording};
    use record::observation::Syscall;

    use super::*;

    pub(in crate::zero) fn failed(syscall: Syscall, result: i64, last_ns: u64) -> Failure {
        Failure { process: 1, syscall, result, count: 1, first_ns: last_ns, last_ns }
    }

    pub(in crate::zero) fn on(name: &str, arguments: &[u64], path: &str) -> Syscall {
        Syscall { path: Some(path.to_owned()), ..call(name, arguments) }
    }

    fn of(failures: Vec<Failure>) -> Recording {
        Recording { failures, ..recording(Vec::new()) }
    }

    fn ground() -> Ground {
        Ground { folder: "/data".to_owned(), ..Ground::default() }
    }

    #[test]
    fn the_folder_of_the_last_refused_write_is_wanted() {
        let seen = of(vec![
            failed(on("openat", &[0, 0, 0o101], "/run/nginx.pid"), -13, 9),
            failed(on("mkdir", &[], "/var/lib/nginx/body"), -13, 5),
            failed(on("openat", &[0, 0, 0], "/var/lib/read/only"), -13, 10),
            failed(on("mkdir", &[], "/var/lib/there"), -17, 11),
        ]);
        let first = wanted(&seen, &[], &ground()).unwrap();
        assert_eq!(
            (first.path.as_str(), first.why.as_str()),
            ("/run", "open /run/nginx.pid for writing: EACCES")
        );
        let have = [Change::EmptyDir { path: "/run".to_owned(), fs_group: None }];
        assert_eq!(wanted(&seen, &have, &ground()).unwrap().path, "/var/lib/nginx");
        let both = Ground { mounted: vec!["/var/lib/nginx".to_owned()], ..ground() };
        assert_eq!(wanted(&seen, &have, &both), None);
    }

    #[test]
    fn nothing_is_mounted_over_what_only_its_owner_may_change() {
        let seen = of(vec![failed(on("lchown", &[], "/srv/data"), -1, 1)]);
        assert_eq!(wanted(&seen, &[], &ground()), None);
    }

    #[test]
    fn a_volume_claim_is_opened_to_a_group_and_nothing_is_mounted_over_it() {
        let seen = of(vec![failed(on("openat", &[0, 0, 0o101], "/data/a/b"), -13, 1)]);
        let ground = Ground {
            mounted: vec!["/data".to_owned()],
            claims: vec!["/data".to_owned()],
            ..ground()
        };
        let found = wanted(&seen, &[], &ground).unwrap();
        assert_eq!((found.path.as_str(), found.is_claim), ("/data", true));
        assert_eq!(found.why, "open /data/a/b for writing: EACCES");
        assert_eq!(wanted(&seen, &[Change::FsGroup { group: 33 }], &ground), None);
    }

    #[test]
    fn what_is_refused_or_hidden_and_was_not_before_is_told() {
        let read = |path, result| failed(on("openat", &[0, 0, 0], path), result, 1);
        let first = of(vec![read("/etc/known", -13), read("/srv/data/never", -2)]);
        let now = of(vec![
            read("/etc/known", -13),
            read("/srv/data/never", -2),
            read("/srv/data/my.conf", -2),
            read("/srv/elsewhere", -2),
            read("/root/key", -13),
            failed(on("openat", &[0, 0, 0o102], "/var/log/audit"), -13, 1),
            failed(call("setgroups", &[0]), -1, 1),
            failed(on("mkdir", &[], "/srv/data/there"), -17, 1),
        ]);
        let have = [Change::EmptyDir { path: "/srv/data".to_owned(), fs_group: None }];
        assert_eq!(
            otherwise(&first, &now, &have, &ground()),
            [
                "open /root/key: EACCES",
                "open /srv/data/my.conf: not there, below an emptyDir",
                "open /var/log/audit for writing: EACCES",
                "setgroups: EPERM",
            ]
        );
        assert_eq!(otherwise(&now, &now, &have, &ground()), Vec::<String>::new());
    }

    #[test]
    fn what_the_image_brings_is_not_covered() {
        for path in ["/etc/nginx/conf.d/default.conf", "/usr/lib/x/y", "/x", "/dev/shm/x", "/etc/x"]
        {
            let seen = of(vec![failed(on("creat", &[], path), -13, 1)]);
            assert_eq!(wanted(&seen, &[], &ground()), None, "{path}");
        }
        let made = of(vec![failed(on("mkdir", &[], "/cache"), -13, 1)]);
        assert_eq!(wanted(&made, &[], &ground()).unwrap().path, "/cache");
        let etcetera = of(vec![failed(on("mkdir", &[], "/etcetera/x"), -30, 1)]);
        assert_eq!(wanted(&etcetera, &[], &ground()).unwrap().path, "/etcetera");
    }

    #[test]
    fn relative_paths_are_taken_from_the_working_directory() {
        for (path, folder) in [("kept", "/data"), ("./a/../b/c", "/data/b"), ("../log/x", "/log")] {
            let seen = of(vec![failed(on("mkdirat", &[], path), -1, 1)]);
            assert_eq!(wanted(&seen, &[], &ground()).unwrap().path, folder, "{path}");
        }
        let socket = of(vec![failed(at("unix:/run/x.sock"), -13, 1)]);
        assert_eq!(wanted(&socket, &[], &ground()).unwrap().path, "/run");
    }

    #[test]
    fn files_that_an_empty_folder_hides_are_named() {
        let seen = of(vec![
            failed(on("openat", &[], "/srv/web/index.html"), -2, 1),
            failed(on("openat", &[], "/srv/website"), -2, 2),
            failed(on("stat", &[], "/lib/x"), -2, 3),
        ]);
        let have = [Change::EmptyDir { path: "/srv/web".to_owned(), fs_group: None }];
        assert_eq!(not_found(&seen, &have, &ground()), ["/srv/web/index.html"]);
        assert_eq!(not_found(&seen, &[], &ground()), <[String; 0]>::default());
    }
}
