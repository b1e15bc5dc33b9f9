//! Ways to start a container with which it needs less, as trials have shown, and how far a manifest goes them.

use caps::CapSet;
use manifest::{Container, Format, Mount, Volume, Workload};
use record::zero::{ALL_GROUPS, Change, LOW_PORTS, PING};
use resolve::{Context, Ping, Resolved};
use runtime::{Engine, Runtime};

use super::Learnt;
use crate::fix::names;
use crate::words;

/// Changes of how a container is started, and what is needed with all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The changes: exactly these together have passed the test.
    pub changes: Vec<Change>,
    /// What is needed with them.
    pub with: Learnt,
}

/// What is needed of a container as all of these runtimes start it, and in a sentence with which changes it
/// would need less.
pub(super) fn of<'l>(
    learnt: &'l Learnt,
    workload: &Workload,
    (container, context): (&Container, &Context),
    runtimes: &[Runtime],
) -> (&'l Learnt, Option<String>) {
    if learnt.ways.is_empty() {
        return (learnt, None);
    }
    let start = Start { workload, container, context, runtimes };
    let gone = |way: &'l Way| (way, start.gone(way, learnt.about.user));
    let gone: Vec<(&Way, Gone<'_>)> = learnt.ways.iter().map(gone).collect();
    // Who goes several goes the one that joins them, too, which has the needs of all.
    let whole = gone.iter().filter(|(_, gone)| gone.is_whole());
    if let Some((way, _)) = whole.max_by_key(|(way, _)| way.with.needs.len()) {
        return (&way.with, None);
    }
    let joins = |way: &Way, gone: &Gone<'_>, (other, more): &(&Way, Gone<'_>)| {
        more == gone && other.with.needs.len() > way.with.needs.len()
    };
    let alone = gone.iter().filter(|(way, known)| !gone.iter().any(|one| joins(way, known, one)));
    let nearest = alone.min_by_key(|(way, gone)| (gone.left(), way.with.needs.len()));
    (learnt, nearest.map(|(way, gone)| gone.words(way, learnt)))
}

/// Whether a container runs what a way makes of its words, for another port.
pub(super) fn is_moved(learnt: &Learnt, container: &Container) -> bool {
    learnt.ways.iter().flat_map(|way| &way.changes).any(|change| match change {
        Change::Port { command, args, .. } => {
            *command == container.command && *args == container.args
        }
        _ => false,
    })
}

/// How a container is started, as far as changes are about that.
struct Start<'a> {
    workload: &'a Workload,
    container: &'a Container,
    context: &'a Context,
    runtimes: &'a [Runtime],
}

/// Whether a container is started with a change.
enum There {
    Yes,
    No,
    /// Not on these of the runtimes, which by default set something else.
    NotOn(Vec<Runtime>),
    /// Nobody can tell from the manifest, and why.
    Untold(&'static str),
}

/// How far a container goes a way.
#[derive(Debug, PartialEq)]
struct Gone<'w> {
    /// Each with the runtimes on which it is missing; none if it is on all.
    missing: Vec<(&'w Change, Vec<Runtime>)>,
    /// What cannot be told, and why.
    untold: Vec<(String, &'static str)>,
}

impl Start<'_> {
    /// `user` is whom the trials were made as before the changes; `None` for the image's own.
    fn gone<'w>(&self, way: &'w Way, user: Option<u32>) -> Gone<'w> {
        let mut gone = Gone { missing: Vec::new(), untold: Vec::new() };
        for change in &way.changes {
            match self.has(change) {
                There::Yes => {}
                There::No => gone.missing.push((change, Vec::new())),
                There::NotOn(runtimes) => gone.missing.push((change, runtimes)),
                There::Untold(why) => gone.untold.push((change.to_string(), why)),
            }
        }
        let changes_user = way.changes.iter().any(|one| matches!(one, Change::User { .. }));
        let here = self.context.run_as_user.map(|user| user.value);
        let named = self.container.security.user_name.is_some();
        if !changes_user && (named || here != user.map(i64::from)) {
            gone.untold.push(("its user".to_owned(), "it was tried as another than it has here"));
        }
        gone
    }

    fn has(&self, change: &Change) -> There {
        match change {
            Change::User { user, group } => self.runs_as(*user, *group),
            Change::Sysctl { name, value } => self.has_sysctl(name, value),
            Change::EmptyDir { path, fs_group } => self.has_empty(path, *fs_group),
            Change::FsGroup { group } => self.has_group_of_volumes(*group),
            Change::Port { command, args, env, .. } => {
                let own = self.container;
                let words = (own.command == *command || command.is_empty())
                    && (own.args == *args || command.is_empty() && args.is_empty());
                // The last of a name counts (kubernetes `pkg/kubelet/kubelet_pods.go`,
                // `makeEnvironmentVariables`; of Compose only that one is read).
                let has = |(name, value): (&String, &String)| {
                    let last = own.env.iter().rfind(|(known, _)| known == name);
                    last.is_some_and(|(_, known)| known == value)
                };
                match own.command_unread {
                    true => There::Untold("its command has a variable in it"),
                    false if env.keys().any(|name| own.env_from.contains(name)) => {
                        There::Untold("its environment is filled in from elsewhere")
                    }
                    false => There::from(words && env.iter().all(has)),
                }
            }
        }
    }

    /// Compose has no words for whom a volume belongs to; who is not in the group gets nothing by that.
    fn has_group_of_volumes(&self, group: u32) -> There {
        let pod = &self.workload.pod;
        match pod.format {
            Format::Compose if self.is_in(group) => {
                There::Untold("a Compose file does not say whom its volumes belong to")
            }
            Format::Compose if self.may_be_in_more() => There::Untold("its group is a name"),
            _ => There::from(pod.fs_group.is_some_and(|here| here.value == i64::from(group))),
        }
    }

    /// Whether it is in groups whose numbers only the image knows.
    fn may_be_in_more(&self) -> bool {
        let own = self.container.security.group_name.is_some();
        own || !self.workload.pod.group_names.is_empty()
    }

    /// Whether the manifest puts it into a group.
    fn is_in(&self, group: u32) -> bool {
        let first = self.context.run_as_group.map(|group| group.value);
        let more = self.workload.pod.supplemental_groups.iter().map(|group| group.value);
        first.into_iter().chain(more).any(|here| here == i64::from(group))
    }

    fn runs_as(&self, user: u32, group: Option<u32>) -> There {
        if self.container.security.user_name.is_some() {
            return There::Untold("its user is a name");
        }
        let here = self.context.run_as_user.map(|user| user.value);
        let here_group = self.context.run_as_group.map(|group| group.value);
        match (here == Some(user.into()), group) {
            (false, _) => There::No,
            (true, _) if self.container.security.group_name.is_some() => {
                There::Untold("its group is a name")
            }
            (true, Some(group)) => There::from(here_group == Some(group.into())),
            (true, None) if here_group.is_none() => There::Yes,
            (true, None) => There::Untold("it was tried in the group that its image says"),
        }
    }

    fn has_sysctl(&self, name: &str, value: &str) -> There {
        let same = |known: &str| known.split_whitespace().eq(value.split_whitespace());
        let sysctls = &self.workload.pod.sysctls;
        let written = sysctls.iter().rfind(|one| one.value.0.replace('/', ".") == name);
        if written.is_some_and(|one| same(&one.value.1)) {
            return There::Yes;
        }
        let is_open = |resolved: Resolved| match name {
            // From a lower port on is open to more.
            LOW_PORTS => value.parse().is_ok_and(|port| resolved.low_ports.start() <= port),
            PING => resolved.ping == Ping::OpenedByRuntime && same(ALL_GROUPS),
            _ => false,
        };
        let closed = self.runtimes.iter().filter(|runtime| {
            !is_open(resolve::container(&self.workload.pod, self.container, runtime))
        });
        let closed: Vec<Runtime> = closed.cloned().collect();
        match closed.len() {
            0 => There::Yes,
            all if all == self.runtimes.len() => There::No,
            _ => There::NotOn(closed),
        }
    }

    fn has_empty(&self, path: &str, group: Option<u32>) -> There {
        let pod = &self.workload.pod;
        let bare = |path: &str| path.trim_end_matches('/').to_owned();
        let above = |mount: &&Mount| {
            let there = bare(&mount.path.value);
            bare(path) == there || bare(path).starts_with(&format!("{there}/"))
        };
        let Some(mount) =
            self.container.mounts.iter().filter(above).max_by_key(|mount| mount.path.value.len())
        else {
            return match pod.format {
                Format::Kubernetes | Format::Compose => There::No,
                Format::Oci => {
                    There::Untold("what is mounted there without being a volume is not read")
                }
            };
        };
        let volume = pod.volumes.iter().find(|volume| volume.name == mount.volume);
        let is_there = bare(&mount.path.value) == bare(path);
        let writable = !mount.read_only.is_some_and(|flag| flag.value);
        if let Some(tmpfs) = volume.filter(|volume| is_there && volume.kind == "tmpfs") {
            return if writable { self.has_tmpfs(tmpfs, group) } else { There::No };
        }
        let is_empty = is_there && volume.is_some_and(|volume| volume.kind == "emptyDir");
        match is_empty {
            true => There::from(
                writable
                    && group.is_none_or(|group| {
                        pod.fs_group.is_some_and(|known| known.value == i64::from(group))
                    }),
            ),
            false => There::Untold("another volume is mounted there, or above it"),
        }
    }
}

impl Start<'_> {
    /// Whether a tmpfs of Compose is what an emptyDir is: everybody's, or the group's, and empty. Podman
    /// copies into it what the image has there (`tmpcopyup` in podman `pkg/util/mountOpts.go`).
    fn has_tmpfs(&self, tmpfs: &Volume, group: Option<u32>) -> There {
        let option = |name: &str| {
            let mut all = tmpfs.options.split(',').filter_map(|one| one.split_once('='));
            all.rfind(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let Some(mode) = option("mode") else {
            return There::Untold("it is a tmpfs, with the mode of the image's folder");
        };
        let number = |name: &str| option(name).unwrap_or("0").parse::<u32>().ok();
        let (wanted, gid) = match group {
            Some(group) => (0o2777, Some(group)),
            None => (0o777, number("gid")),
        };
        let same = u32::from_str_radix(mode, 8) == Ok(wanted)
            && number("gid") == gid
            && number("uid") == Some(0);
        let is_in = group.is_none_or(|group| self.is_in(group));
        if same && !is_in && self.may_be_in_more() {
            return There::Untold("its group is a name");
        }
        let same = same && is_in;
        let copied: Vec<Runtime> =
            self.runtimes.iter().filter(|one| one.engine == Engine::Podman).cloned().collect();
        match (same, copied.len()) {
            (false, _) => There::No,
            (true, 0) => There::Yes,
            (true, all) if all == self.runtimes.len() => There::No,
            (true, _) => There::NotOn(copied),
        }
    }
}

impl From<bool> for There {
    fn from(is: bool) -> Self {
        if is { Self::Yes } else { Self::No }
    }
}

impl Gone<'_> {
    fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.untold.is_empty()
    }

    /// How many changes it is not known to have.
    fn left(&self) -> usize {
        self.missing.len() + self.untold.len()
    }

    /// For a note: what it would need, with what.
    fn words(&self, way: &Way, learnt: &Learnt) -> String {
        let needs: CapSet = way.with.needs();
        let needs = match needs.is_empty() {
            true => "none".to_owned(),
            false => format!("{needs} only"),
        };
        let alone = if way.with.incomplete.len() > learnt.incomplete.len() {
            " (its test; it does otherwise than before)"
        } else {
            ""
        };
        let missing = |(change, on): &(&Change, Vec<Runtime>)| match on.is_empty() {
            true => change.to_string(),
            false => format!("{change} (not on {})", names(on)),
        };
        let on_some = self.missing.iter().any(|(_, on)| !on.is_empty());
        let number = words::count(way.changes.len(), "change");
        let shown = format!("Runs have shown a way to need {needs}{alone}");
        let mut text = match self.left() >= way.changes.len() {
            true if !on_some => {
                let all: Vec<String> = way.changes.iter().map(ToString::to_string).collect();
                format!("{shown}, with {number}: {}.", all.join("; "))
            }
            _ if self.missing.is_empty() => {
                format!("{shown}, and it has those of its {number} that can be told.")
            }
            _ => {
                let all: Vec<String> = self.missing.iter().map(missing).collect();
                format!("{shown}, and of its {number} it lacks: {}.", all.join("; "))
            }
        };
        for (what, why) in &self.untold {
            text.push_str(&format!(" Not known: {what} ({why})."));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learnt::Need;

    /// What is said of the way with this change; `None` where it is gone whole.
    fn said(text: &str, change: Change, runtimes: &[&str]) -> Option<String> {
        let needs = vec![Need::of(caps::Capability::CHOWN)];
        let way = Way { changes: vec![change], with: Learnt::default() };
        let learnt = Learnt { needs, ways: vec![way], ..Learnt::default() };
        let name = if text.starts_with("services") { "compose.yaml" } else { "pod.yaml" };
        let manifest = manifest::parse(name, text);
        assert_eq!(manifest.problems, [], "{text}");
        let (workload, container) = manifest.containers().next().expect("one");
        let context = Context::of(&workload.pod, container);
        let runtimes: Vec<Runtime> =
            runtimes.iter().map(|name| name.parse().expect("a runtime")).collect();
        of(&learnt, workload, (container, &context), &runtimes).1
    }

    fn service(fields: &str) -> String {
        format!("services:\n  web:\n    image: web\n{fields}")
    }

    #[test]
    fn a_tmpfs_of_compose_is_an_empty_dir_where_everybody_may_write_to_it() {
        let empty = |fs_group| Change::EmptyDir { path: "/run/web".to_owned(), fs_group };
        let docker = ["docker", "nerdctl"];
        for (fields, group, lacks) in [
            ("    tmpfs: '/run/web:mode=0777'\n", None, None),
            ("    tmpfs: ['/run/web/:size=1m,mode=777']\n", None, None),
            ("", None, Some("with 1 change")),
            ("    tmpfs: /run/web\n", None, Some("the mode of the image's folder")),
            ("    tmpfs: '/run/web:mode=1777'\n", None, Some("with 1 change")),
            ("    tmpfs: '/run/web:mode=0777,uid=5'\n", None, Some("with 1 change")),
            ("    tmpfs: '/run/web:mode=0777,ro'\n", None, Some("with 1 change")),
            ("    tmpfs: '/run:mode=0777'\n", None, Some("another volume")),
            ("    volumes: [/run/web]\n", None, Some("another volume")),
            ("    tmpfs: '/run/web:mode=2777,gid=33'\n    group_add: [33]\n", Some(33), None),
            (
                "    tmpfs: '/run/web:mode=2777,gid=33'\n    user: 0:33\n",
                Some(33),
                Some("its user"),
            ),
            ("    tmpfs: '/run/web:mode=2777,gid=33'\n", Some(33), Some("with 1 change")),
            (
                "    tmpfs: '/run/web:mode=2777,gid=33'\n    group_add: [www-data]\n",
                Some(33),
                Some("its group is a name"),
            ),
            (
                "    tmpfs: '/run/web:mode=2777,gid=34'\n    group_add: [www-data]\n",
                Some(33),
                Some("with 1 change"),
            ),
            (
                "    tmpfs: '/run/web:mode=2777,gid=34'\n    group_add: [33]\n",
                Some(33),
                Some("with 1 change"),
            ),
            (
                "    tmpfs: '/run/web:mode=0777'\n    group_add: [33]\n",
                Some(33),
                Some("with 1 change"),
            ),
        ] {
            let said = said(&service(fields), empty(group), &docker);
            match lacks {
                None => assert_eq!(said, None, "{fields}"),
                Some(lacks) => assert!(
                    said.as_deref().unwrap_or_default().contains(lacks),
                    "{fields}: {said:?}"
                ),
            }
        }
        // It copies what the image has there.
        let open = service("    tmpfs: '/run/web:mode=0777'\n");
        let some = said(&open, empty(None), &["docker", "podman"]).unwrap_or_default();
        assert!(some.contains("emptyDir at /run/web (not on Podman)"), "{some}");
        assert!(said(&open, empty(None), &["podman"]).is_some());
    }

    #[test]
    fn a_group_says_nothing_of_whom_a_volume_belongs_to() {
        let change = || Change::FsGroup { group: 33 };
        let text = said(&service("    group_add: [\"33\"]\n"), change(), &["docker"]);
        assert!(text.unwrap_or_default().contains("whom its volumes belong to"));
        let text = said(&service("    group_add: [www-data]\n"), change(), &["docker"]);
        assert!(text.unwrap_or_default().contains("(its group is a name)"));
        let text = said(&service("    group_add: [34]\n"), change(), &["docker"]);
        assert!(text.unwrap_or_default().contains("with 1 change: fsGroup 33"));
    }

    #[test]
    fn a_user_in_a_group_by_name_may_be_in_another() {
        let change = || Change::User { user: 33, group: None };
        let user =
            |user: &str| said(&service(&format!("    user: {user}\n")), change(), &["docker"]);
        assert_eq!(user("\"33\""), None);
        assert!(user("33:www-data").unwrap_or_default().contains("(its group is a name)"));
    }

    #[test]
    fn of_a_variable_given_twice_the_last_counts() {
        let change = || Change::Port {
            from: 80,
            to: 8080,
            command: Vec::new(),
            args: Vec::new(),
            env: [("PORT".to_owned(), "8080".to_owned())].into(),
        };
        let pod = |env: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{ name: p }}\nspec:\n  containers: [{{ name: c, image: i, env: \
                 [{env}] }}]\n"
            )
        };
        let (port, high) = ("{ name: PORT, value: '80' }", "{ name: PORT, value: '8080' }");
        let secret = "{ name: PORT, valueFrom: { secretKeyRef: { name: s, key: k } } }";
        for (env, gone) in [
            (high.to_owned(), true),
            (format!("{port}, {high}"), true),
            (format!("{high}, {port}"), false),
            (format!("{high}, {secret}"), false),
            (format!("{secret}, {high}"), false),
        ] {
            assert_eq!(said(&pod(&env), change(), &["containerd"]).is_none(), gone, "{env}");
        }
        for (env, gone) in [
            ("[PORT=8080]", true),
            ("[PORT=80, PORT=8080]", true),
            ("[PORT=8080, PORT=80]", false),
            ("[PORT=8080, PORT]", false),
        ] {
            let text = service(&format!("    environment: {env}\n"));
            assert_eq!(said(&text, change(), &["docker"]).is_none(), gone, "{env}");
        }
    }
}
