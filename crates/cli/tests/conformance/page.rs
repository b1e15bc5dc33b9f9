//! docs/conformance.md: what `show` predicts of each case for the releases that CI has. Written with
//! `DROPCAP_UPDATE=1 cargo test -p dropcap --test conformance page`; the other tests hold the same command
//! against the real ones.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use caps::{CapSet, CapState};

use crate::cases::{Case, Image, User, file, table};
use crate::manifests::{self, compose, kubernetes};
use crate::prediction::{Prediction, Runtime, show, shown};
use crate::real::version_line;

/// Where the part ends that is compared: what follows is about the machine it was written on.
const MARK: &str = "\n## Where it was written\n";

fn runtime(name: &str, default: Option<CapSet>) -> Runtime {
    Runtime { name: name.to_owned(), own: CapSet::all_known(), default }
}

/// The default of Debian's containers.conf.
fn debian() -> CapSet {
    CapSet::from_bits(0x8004_05fb)
}

fn default_of(runtime: &Runtime) -> CapSet {
    let compiled_in = runtime.name.parse::<runtime::Runtime>().unwrap().default_set();
    runtime.default.unwrap_or(compiled_in)
}

/// A set in few words.
fn words(set: CapSet, default: CapSet) -> String {
    let all = CapSet::all_known();
    let names = |set: CapSet, sign: &str| -> String {
        set.iter().map(|name| format!(" {sign}{name}")).collect()
    };
    if set.is_empty() {
        "none".to_owned()
    } else if set == all {
        "all".to_owned()
    } else if set == default {
        "default".to_owned()
    } else if set.len() <= 3 {
        set.to_string()
    } else if (all - set).len() <= 4 {
        format!("all{}", names(all - set, "−"))
    } else if (set - default).len() + (default - set).len() <= 3 {
        format!("default{}{}", names(default - set, "−"), names(set - default, "+"))
    } else {
        format!("`{set:x}`")
    }
}

/// The effective set, and the others where they are not the same or not empty.
fn sets(state: &CapState, default: CapSet) -> String {
    let words = |set| words(set, default);
    let mut text = words(state.effective);
    if state.bounding != state.effective {
        let _ = write!(text, "; bounding {}", words(state.bounding));
    }
    if state.permitted != state.effective {
        let _ = write!(text, "; permitted {}", words(state.permitted));
    }
    if !state.inheritable.is_empty() {
        let _ = write!(text, "; inheritable {}", words(state.inheritable));
    }
    if !state.ambient.is_empty() {
        let _ = write!(text, "; ambient {}", words(state.ambient));
    }
    text
}

fn cell(prediction: &Prediction, default: CapSet) -> String {
    match prediction {
        Prediction::Starts(state) => sets(state, default),
        Prediction::Refused(_) => "refused".to_owned(),
    }
}

fn list(name: &str, words: Option<&Vec<String>>) -> Option<String> {
    let words = words?;
    let words =
        if words.len() > 5 { vec![format!("{} names", words.len())] } else { words.clone() };
    let words: Vec<String> = words
        .into_iter()
        .map(|word| if word.is_empty() { "\"\"".to_owned() } else { word })
        .collect();
    Some(format!("{name} [{}]", words.join(", ").replace('*', "\\*")))
}

/// What a case asks for.
fn asked(case: &Case) -> String {
    let user = match case.user {
        User::Root => None,
        User::NonRoot => Some("uid 1000".to_owned()),
        User::Image => Some("image's USER".to_owned()),
    };
    let parts = [
        list("add", case.add.as_ref()),
        list("drop", case.drop.as_ref()),
        case.privileged.then(|| "privileged".to_owned()),
        case.no_new_privs.then(|| "no_new_privs".to_owned()),
        user,
        carried(case.file.as_deref()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn carried(name: Option<&str>) -> Option<String> {
    let file = file(name)?;
    Some(match &file.caps {
        Some(caps) => format!("file `{caps}`"),
        None => "file set-uid root".to_owned(),
    })
}

/// What is compared.
fn page() -> String {
    let mut page = format!(
        "# What containers hold, predicted and run\n\n\
         `dropcap show` predicts the five sets of a container's process. In CI every case below is written \
         as a manifest, read by `show --json`, and run: as a Kubernetes pod on containerd through its CRI, as a \
         Compose service on a Docker Engine and on Podman with runc and with crun, as a `config.json` on runc \
         and crun by themselves (there with the sets that each of the five engines would write). The process \
         prints its `/proc/self/status`; all five sets have to be equal, bit for bit. What a runtime \
         refuses has to be predicted as refused, for that reason. CRI-O is not run: its column is its rule, which \
         is held against the {} cases that its own tests have, and the sets it would write are run on runc \
         and crun. The cases are in [cases.toml](../crates/cli/tests/conformance/cases.toml); random ones are run beside them.\n\n\
         The tables are what `show` says, for a daemon that holds everything (`--daemon-set` where it does \
         not, as on the machine of the tests): the effective set, and the others where they are not the \
         same (bounding, permitted) or not empty (inheritable, ambient). uid 0 where no other is named. \
         Two values where the image's USER decides: root's first.\n\n\
         ## {} containers\n\
         | case | asked for | containerd 1.6 | Docker 20.10 | Podman 4.3, Debian's default | CRI-O, not run |\n\
         |---|---|---|---|---|---|\n",
        table().published.len(),
        table().case.len(),
    );
    let podman = |oci: &str| runtime(&format!("podman@4.3+{oci}"), Some(debian()));
    type Writer = fn(&[&Case]) -> String;
    let columns: [(Runtime, Writer); 4] = [
        (runtime("containerd@1.6+runc@1.1", None), kubernetes),
        (runtime("docker@20.10+runc@1.1", None), compose),
        (podman("runc@1.1"), compose),
        (runtime("crio@1.37", None), kubernetes),
    ];
    let cases = &table().case;
    let shown_by = columns.map(|(runtime, write)| {
        let default = default_of(&runtime);
        (shown(&runtime, cases, write), default)
    });
    for case in cases {
        let cells = shown_by.iter().map(|(shown, default)| {
            let images = case.user.images().iter();
            let cells: Vec<String> =
                images.map(|&image| cell(&shown[&case.name].of(case, image), *default)).collect();
            if cells.iter().all(|cell| *cell == cells[0]) {
                cells[0].clone()
            } else {
                cells.join(" / ")
            }
        });
        let cells: Vec<String> = cells.collect();
        let (name, asked) = (&case.name, asked(case));
        let says = case.says.trim_end_matches('.');
        let _ = writeln!(page, "| {name}: {says} | {asked} | {} |", cells.join(" | "));
    }
    oci(&mut page);
    page
}

/// The second table.
fn oci(page: &mut String) {
    let cases = &table().oci;
    let _ = write!(
        page,
        "\n## {} OCI configurations\n| case | lists | runc 1.1 | crun 1.8 |\n|---|---|---|---|\n",
        cases.len()
    );
    for case in cases {
        let file_name = case.file.as_deref();
        let config =
            manifests::config(&case.name, &case.lists, case.user, case.no_new_privs, file_name);
        let files = [("config.json".to_owned(), config.to_string())];
        let set_uid = file(file_name).is_some_and(|file| file.set_uid);
        let cells = ["runc@1.1", "crun@1.8"].map(|oci| {
            let runtime = runtime(&format!("containerd+{oci}"), None);
            let shown = show(&runtime, file_name, &files);
            let root = case.user.is_root(Image::Root);
            cell(&shown[&case.name].prediction(root, set_uid, case.no_new_privs), CapSet::EMPTY)
        });
        let lists = [
            ("bounding", &case.lists.bounding),
            ("permitted", &case.lists.permitted),
            ("effective", &case.lists.effective),
            ("inheritable", &case.lists.inheritable),
            ("ambient", &case.lists.ambient),
        ];
        let lists = lists.iter().filter(|(_, words)| !words.is_empty());
        let mut asked: Vec<String> =
            lists.filter_map(|(name, words)| list(name, Some(words))).collect();
        asked.extend((case.user == User::NonRoot).then(|| "uid 1000".to_owned()));
        asked.extend(case.no_new_privs.then(|| "no_new_privs".to_owned()));
        asked.extend(carried(file_name));
        let says = case.says.trim_end_matches('.');
        let _ = writeln!(
            page,
            "| {}: {says} | {} | {} |",
            case.name,
            asked.join(", "),
            cells.join(" | ")
        );
    }
}

/// The part that differs by machine.
fn versions() -> String {
    let programs = ["containerd", "dockerd", "podman", "runc", "crun"];
    let there = programs.iter().filter(|name| testkit::need::program(name).is_ok());
    let lines: String = there.map(|name| format!("- {}\n", version_line(name))).collect();
    format!(
        "{MARK}On a machine with these, on which all tests passed; this part is not compared.\n\n{lines}"
    )
}

#[test]
fn the_page_is_what_show_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/conformance.md");
    let page = page();
    assert!(page.contains("refused") && page.matches("\n| ").count() > 60);
    if std::env::var_os("DROPCAP_UPDATE").is_some() {
        fs::write(&path, format!("{page}{}", versions())).unwrap();
        return;
    }
    let written = fs::read_to_string(&path).unwrap();
    let compared = written.split(MARK).next().unwrap();
    assert_eq!(compared, page, "run it with DROPCAP_UPDATE=1 and look at the change");
}
