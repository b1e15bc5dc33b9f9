//! What is mounted into a Compose service: its `volumes` and its `tmpfs`.

use super::{Service, filled_in};
use crate::reader::{At, Reader};
use crate::scalar::{self, Value};
use crate::tree::NodeId;
use crate::workload::{HostPath, Mount, Span, Spanned, Volume};

/// The kind of a volume in memory.
const TMPFS: &str = "tmpfs";

/// What is mounted into a service.
#[derive(Debug, Default)]
pub(super) struct Volumes {
    /// Folders of the host.
    pub(super) host_paths: Vec<HostPath>,
    /// Of these the ones that may be written to.
    pub(super) writable: Vec<Spanned<String>>,
    /// Everything, with its place.
    pub(super) mounts: Vec<Mount>,
    /// What is a tmpfs.
    pub(super) volumes: Vec<Volume>,
}

/// `volumes` and `tmpfs` (compose-spec `05-services.md`).
pub(super) fn of(service: &Service<'_>, reader: &mut Reader<'_, '_>) -> Volumes {
    let mut all = Volumes::default();
    for (index, item) in service.all(reader, "volumes").into_iter().enumerate() {
        let span = reader.tree.span(item);
        let Some(one) = volume(reader, item) else { continue };
        if one.is_tmpfs {
            all.tmpfs(one.target, String::new(), one.read_only, span);
            continue;
        }
        let read_only = Some(Spanned { value: one.read_only, span });
        let path = Spanned { value: one.target, span };
        all.mounts.push(Mount { volume: String::new(), path, read_only });
        if let Some(source) = one.source {
            let volume = index.to_string();
            if !one.read_only {
                all.writable.push(Spanned { value: volume.clone(), span });
            }
            all.host_paths.push(HostPath { volume, path: Spanned { value: source, span } });
        }
    }
    for item in tmpfs_of(service, reader) {
        let span = reader.tree.span(item);
        let Some(text) = reader.tree.text(item).and_then(filled_in) else { continue };
        let (path, options) = text.split_once(':').unwrap_or((&text, ""));
        let read_only = options.split(',').any(|option| option == "ro");
        all.tmpfs(path.to_owned(), options.to_owned(), read_only, span);
    }
    all
}

/// The items of `tmpfs`, which may be one text; those of what is extended first.
fn tmpfs_of(service: &Service<'_>, reader: &mut Reader<'_, '_>) -> Vec<NodeId> {
    let mut all = Vec::new();
    for node in service.layers(reader, TMPFS, usize::MAX).into_iter().rev() {
        match reader.tree.text(node) {
            Some(_) => all.push(node),
            None => all.extend(reader.items(node, &At::way(&service.path(TMPFS)))),
        }
    }
    all
}

impl Volumes {
    /// One more tmpfs. Of two at a place the last counts: engines keep them by their place (compose
    /// `pkg/compose/create.go`).
    fn tmpfs(&mut self, path: String, options: String, read_only: bool, span: Span) {
        let volume = format!("{TMPFS} {path}");
        self.volumes.retain(|known| known.name != volume);
        self.mounts.retain(|known| known.volume != volume);
        self.volumes.push(Volume { name: volume.clone(), kind: TMPFS.to_owned(), options });
        let read_only = Some(Spanned { value: read_only, span });
        self.mounts.push(Mount { volume, path: Spanned { value: path, span }, read_only });
    }
}

/// An item of `volumes`.
struct One {
    /// On the host, if it is a bind mount.
    source: Option<String>,
    target: String,
    read_only: bool,
    is_tmpfs: bool,
}

fn volume(reader: &Reader<'_, '_>, item: NodeId) -> Option<One> {
    let tree = reader.tree;
    let one = |source, target: &str, read_only, is_tmpfs| {
        Some(One { source, target: target.to_owned(), read_only, is_tmpfs })
    };
    if let Some(text) = tree.text(item) {
        let mut parts = text.split(':');
        let (source, target) = (parts.next()?, parts.next());
        let Some(target) = target else { return one(None, source, false, false) };
        let is_path = source.starts_with(['/', '.', '~']);
        let read_only = parts.any(|modes| modes.split(',').any(|mode| mode == "ro"));
        return one(is_path.then(|| source.to_owned()), target, read_only, false);
    }
    let field = |key| {
        let entry = tree.get_own_first(item, key)?;
        tree.text(entry.value)
    };
    let source = field("source").filter(|_| field("type") == Some("bind"));
    let read_only =
        field("read_only").is_some_and(|word| scalar::resolve(word) == Value::Bool(true));
    let is_tmpfs = field("type") == Some(TMPFS);
    one(source.map(str::to_owned), field("target")?, read_only, is_tmpfs)
}

#[cfg(test)]
mod tests {
    use crate::parse;

    /// Kind, options and place of each mount of the service `web`, and its groups.
    fn mounted(fields: &str) -> (Vec<String>, Vec<i64>) {
        let text = format!(
            "services:\n  base: {{ image: x, tmpfs: '/base:mode=0700', group_add: [5] }}\n  web:\n    \
             image: web\n{fields}"
        );
        let manifest = parse("compose.yaml", &text);
        assert_eq!(manifest.problems, [], "{text}");
        let pod = &manifest.workloads[1].pod;
        let mount = |mount: &crate::Mount| {
            let volume = pod.volumes.iter().find(|volume| volume.name == mount.volume);
            let (kind, options) = volume.map_or(("", ""), |v| (&*v.kind, &*v.options));
            let ro = if mount.read_only.unwrap().value { " ro" } else { "" };
            format!("{kind} {options} {}{ro}", mount.path.value).trim_start().to_owned()
        };
        let groups = pod.supplemental_groups.iter().map(|group| group.value).collect();
        (pod.containers[0].mounts.iter().map(mount).collect(), groups)
    }

    #[test]
    fn what_is_in_memory_is_told_from_the_rest() {
        for (fields, mounts) in [
            ("    tmpfs: /run\n", &["tmpfs  /run"][..]),
            ("    tmpfs: '/run:mode=0777,ro'\n", &["tmpfs mode=0777,ro /run ro"]),
            (
                "    tmpfs: [/run, '/srv:mode=2777,gid=33']\n",
                &["tmpfs  /run", "tmpfs mode=2777,gid=33 /srv"],
            ),
            ("    tmpfs: ['/run:mode=0777', /run]\n", &["tmpfs  /run"]),
            ("    tmpfs: ['${X}']\n", &[]),
            (
                "    extends: base\n    tmpfs: ['/base:mode=0777', /run]\n",
                &["tmpfs mode=0777 /base", "tmpfs  /run"],
            ),
            ("    extends: base\n    tmpfs: !reset []\n", &[]),
            (
                "    volumes:\n    - { type: tmpfs, target: /t, tmpfs: { mode: 1777 } }\n    - /data\n    - ./a:/a:ro\n",
                &["tmpfs  /t", "/data", "/a ro"],
            ),
        ] {
            assert_eq!(mounted(fields).0, mounts, "{fields}");
        }
    }

    #[test]
    fn groups_by_name_are_kept_as_written() {
        let text = "services: { web: { image: x, group_add: [33, video, '${G}'] } }\n";
        let manifest = parse("compose.yaml", text);
        assert_eq!(manifest.problems, []);
        let names = manifest.workloads[0].pod.group_names.iter();
        assert_eq!(names.map(|name| name.value.as_str()).collect::<Vec<_>>(), ["video", "${G}"]);
    }

    #[test]
    fn groups_are_numbers_that_the_file_knows() {
        for (fields, groups) in [
            ("    group_add: [33, \"44\", root, video, '${G}']\n", &[33, 44, 0][..]),
            ("    extends: base\n    group_add: [6]\n", &[5, 6]),
            ("", &[]),
        ] {
            assert_eq!(mounted(fields).1, groups, "{fields}");
        }
    }
}
