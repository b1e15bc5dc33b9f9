//! runc and crun by themselves: OCI configurations of the table, and those that each engine would write
//! for the other cases, CRI-O's and nerdctl's too, which are not run otherwise.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use caps::{CapSet, CapState};
use serde_json::Value;

use crate::cases::{Image, Lists, User, all, file, table};
use crate::image::{self, root};
use crate::manifests;
use crate::prediction::{Runtime, show, shown};
use crate::real::{Real, Score, own, version, version_line};

/// A bundle in a folder of its own.
struct Bundle {
    folder: tempfile::TempDir,
    program: &'static str,
}

impl Bundle {
    fn new(program: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        root(folder.path());
        Self { folder, program }
    }

    fn run(&self, config: &str) -> Real {
        fs::write(self.folder.path().join("config.json"), config).unwrap();
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut run = command(self.program);
        run.arg("--root").arg(self.folder.path().join("state"));
        run.args(["run", "--bundle"]).arg(self.folder.path());
        run.arg(format!("dropcap-conformance-{}-{count}", std::process::id()));
        Real::of(&run.output().unwrap())
    }
}

/// The program, where it runs.
fn command(program: &str) -> Command {
    let path = testkit::need::find_program(program).unwrap();
    if program != "crun" || !Path::new("/sys/fs/cgroup/unified").exists() {
        return Command::new(path);
    }
    // crun knows cgroup v1 and v2, not both at once: it is shown v2 only, and told to use none.
    let mut command = Command::new("unshare");
    let script = "mount --bind /sys/fs/cgroup/unified /sys/fs/cgroup && exec \"$0\" \"$@\"";
    command.args(["--mount", "sh", "-c", script]).arg(path).arg("--cgroup-manager=disabled");
    command
}

/// One configuration that is to be shown and run.
struct Configured {
    name: String,
    user: User,
    no_new_privs: bool,
    file: Option<String>,
    config: Value,
}

impl Configured {
    fn new(name: &str, lists: &Lists, user: User, no_new_privs: bool, file: Option<&str>) -> Self {
        let config = manifests::config(name, lists, user, no_new_privs, file);
        let (name, file) = (name.to_owned(), file.map(str::to_owned));
        Self { name, user, no_new_privs, file, config }
    }
}

/// Those of the table.
fn written() -> Vec<Configured> {
    let cases = table().oci.iter();
    cases
        .map(|case| {
            let file = case.file.as_deref();
            Configured::new(&case.name, &case.lists, case.user, case.no_new_privs, file)
        })
        .collect()
}

/// What each engine writes for the other cases; containerd's for all of them, the others' where
/// they differ.
fn by_engines(oci: &str, own: CapSet) -> Vec<Configured> {
    let cases = all(60);
    let mut plain = cases.clone();
    for case in &mut plain {
        case.file = None;
    }
    let mut seen = BTreeSet::new();
    let mut configured = Vec::new();
    for engine in ["containerd", "crio", "docker", "podman", "nerdctl"] {
        let runtime = Runtime { name: format!("{engine}+{oci}"), own, default: None };
        let shown = shown(&runtime, &plain, manifests::kubernetes);
        for case in &cases {
            for &image in case.user.images() {
                let root = case.user.is_root(image);
                let Some(spec) = shown[&case.name].spec(root) else { continue };
                let key = format!("{spec:?}{root}{}{:?}", case.no_new_privs, case.file);
                if !seen.insert(key) && engine != "containerd" {
                    continue;
                }
                let user = if root { User::Root } else { User::NonRoot };
                let name = format!("{engine}-{}-{image:?}", case.name);
                let (no_new_privs, file) = (case.no_new_privs, case.file.as_deref());
                configured.push(Configured::new(&name, &lists(spec), user, no_new_privs, file));
            }
        }
    }
    configured
}

/// The names of the five sets, as they stand in a spec.
fn lists(state: CapState) -> Lists {
    let names = |set: CapSet| set.iter().map(|name| format!("CAP_{name}")).collect();
    Lists {
        bounding: names(state.bounding),
        permitted: names(state.permitted),
        effective: names(state.effective),
        inheritable: names(state.inheritable),
        ambient: names(state.ambient),
    }
}

fn agrees(program: &'static str) {
    let bundle = Bundle::new(program);
    let own = own();
    let oci = format!("{program}@{}", version(program));
    let runtime = Runtime { name: format!("containerd+{oci}"), own, default: None };
    let mut score = Score::default();
    let configured: Vec<Configured> = written().into_iter().chain(by_engines(&oci, own)).collect();
    let files: BTreeSet<Option<&str>> = configured.iter().map(|c| c.file.as_deref()).collect();
    for carried in files {
        let group: Vec<&Configured> =
            configured.iter().filter(|c| c.file.as_deref() == carried).collect();
        let texts: Vec<(String, String)> =
            group.iter().map(|c| (format!("{}.json", c.name), c.config.to_string())).collect();
        let shown = show(&runtime, carried, &texts);
        assert_eq!(shown.len(), group.len());
        let set_uid = file(carried).is_some_and(|file| file.set_uid);
        for (configured, (_, text)) in group.iter().zip(&texts) {
            let root = configured.user.is_root(Image::Root);
            let predicted =
                shown[&configured.name].prediction(root, set_uid, configured.no_new_privs);
            score.compare(&configured.name, &predicted, &bundle.run(text));
        }
    }
    score.settle(&version_line(program), 60 + table().oci.len());
}

#[test]
fn runc_does_as_predicted() {
    testkit::needs!(runc, time);
    if let Err(why) = image::needs() {
        return testkit::skip(&why);
    }
    agrees("runc");
}

#[test]
fn crun_does_as_predicted() {
    testkit::needs!(crun, time);
    if let Err(why) = image::needs() {
        return testkit::skip(&why);
    }
    agrees("crun");
}
