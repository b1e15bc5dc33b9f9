//! Cases by hand, among them those that other checkers get wrong: `cases.md`.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use caps::CapSet;
use dropcap_check::{Checker, Options, Severity};
use runtime::Runtime;

/// One row.
struct Case<'a> {
    id: &'a str,
    runtime: Runtime,
    around: Vec<&'a str>,
    drop: &'a str,
    add: &'a str,
    /// What is effective; `windows` where there are no capabilities.
    held: &'a str,
    /// `passes` or `refused`, by the restricted level of 1.30.
    restricted: &'a str,
    findings: &'a str,
}

fn cases(table: &str) -> Vec<(usize, Case<'_>)> {
    let rows = table.lines().enumerate().filter(|(_, line)| line.starts_with("| "));
    // The header of each table, and the line under it.
    let rows = rows.filter(|(_, line)| !line.starts_with("| case"));
    rows.map(|(number, line)| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [id, runtime, around, drop, add, held, restricted, findings] = cells[..] else {
            panic!("line {}: eight cells: {line}", number + 1);
        };
        let case = Case {
            id,
            runtime: runtime.parse().unwrap(),
            around: around.split_whitespace().collect(),
            drop,
            add,
            held,
            restricted,
            findings,
        };
        (number, case)
    })
    .collect()
}

impl Case<'_> {
    fn has(&self, word: &str) -> bool {
        self.around.contains(&word)
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.around.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    fn yaml(&self) -> String {
        let mut text = "apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec:\n".to_owned();
        for (word, line) in [
            ("windows", "  os: { name: windows }\n"),
            ("hostPID", "  hostPID: true\n"),
            ("hostNetwork", "  hostNetwork: true\n"),
            ("hostIPC", "  hostIPC: true\n"),
            ("userns", "  hostUsers: false\n"),
            ("hostPath", "  volumes: [{ name: node, hostPath: { path: /etc } }]\n"),
            ("podCaps", "  securityContext: { capabilities: { drop: [ALL] } }\n"),
            (
                "openPorts",
                "  securityContext: { sysctls: [{ name: net.ipv4.ip_unprivileged_port_start, value: \"0\" }] }\n",
            ),
            ("podUser", "  securityContext: { runAsUser: 1000 }\n"),
        ] {
            if self.has(word) {
                text += line;
            }
        }
        if self.has("init") || self.has("ephemeral") {
            // The pod's own container is clean.
            text += "  containers:\n    - { name: main, securityContext: { runAsUser: 1, allowPrivilegeEscalation: \
                     false, capabilities: { drop: [ALL] } } }\n";
        }
        text += match self {
            _ if self.has("init") => "  initContainers:\n",
            _ if self.has("ephemeral") => "  ephemeralContainers:\n",
            _ => "  containers:\n",
        };
        text += "    - name: web\n";
        if self.has("hostPath") {
            text += "      volumeMounts: [{ name: node, mountPath: /node }]\n";
        }
        if let Some(port) = self.value("port") {
            let _ = writeln!(text, "      ports: [{{ containerPort: {port} }}]");
        }
        if let Some(command) = self.value("run") {
            let _ = writeln!(text, "      command: [{command}]");
        }
        if self.has("bare") {
            return text;
        }
        text += "      securityContext:\n        readOnlyRootFilesystem: true\n";
        if let Some(user) = self.value("uid") {
            let _ = writeln!(text, "        runAsUser: {user}");
        }
        for (word, line) in [
            ("nonRoot", "        runAsNonRoot: true\n"),
            ("noEscalation", "        allowPrivilegeEscalation: false\n"),
            ("privileged", "        privileged: true\n"),
        ] {
            if self.has(word) {
                text += line;
            }
        }
        if !(self.drop == "-" && self.add == "-") {
            text += "        capabilities:\n";
        }
        for (key, words) in [("drop", self.drop), ("add", self.add)] {
            if words != "-" {
                let quoted: Vec<String> =
                    words.split_whitespace().map(|word| format!("{word:?}")).collect();
                let _ = writeln!(text, "          {key}: [{}]", quoted.join(", "));
            }
        }
        text
    }

    /// What is held, what Pod Security says, what is found.
    fn answer(&self) -> (String, &'static str, String) {
        let manifest = manifest::parse("case.yaml", self.yaml());
        assert_eq!(manifest.problems, [], "{}: {}", self.id, self.yaml());
        let options =
            Options { runtime: self.runtime.clone(), assumed: false, ..Options::default() };
        let checked = Checker::new(options).check(&manifest);
        let place =
            checked.containers.iter().position(|container| container.name == "web").unwrap();
        let held = match checked.containers[place].held {
            None => "windows".to_owned(),
            Some(held) => named(held.effective, &self.runtime),
        };
        let policy: resolve::Policy = "restricted@1.30".parse().unwrap();
        let refused = policy.capabilities(&manifest.workloads[0].pod).is_some();
        let mut findings: BTreeMap<(Severity, &str), usize> = BTreeMap::new();
        // What is said of the pod is said at its first container.
        for finding in &checked.findings {
            *findings.entry((finding.severity, finding.rule.id)).or_default() += 1;
        }
        let said = findings.iter().rev().map(|((severity, rule), count)| match count {
            1 => format!("{severity} {rule}"),
            many => format!("{severity} {rule} x{many}"),
        });
        let said: Vec<String> = said.collect();
        let said = if said.is_empty() { "-".to_owned() } else { said.join(", ") };
        (held, if refused { "refused" } else { "passes" }, said)
    }
}

fn named(set: CapSet, runtime: &Runtime) -> String {
    if set == CapSet::EMPTY {
        "none".to_owned()
    } else if set == CapSet::all_known() {
        "all".to_owned()
    } else if (CapSet::all_known() - set).len() == 1 {
        format!("all without {}", CapSet::all_known() - set)
    } else if set == runtime.default_set() {
        "default".to_owned()
    } else if (runtime.default_set() - set).len() == 1 && set.is_subset(runtime.default_set()) {
        format!("default without {}", runtime.default_set() - set)
    } else if runtime.default_set().is_subset(set) {
        format!("default and {}", set - runtime.default_set())
    } else {
        set.iter().map(|capability| capability.to_string()).collect::<Vec<_>>().join(" ")
    }
}

fn table() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/cases.md");
    std::fs::read_to_string(path).unwrap()
}

/// The cases as manifests, for `cargo xtask peers`: a file a case, and beside them what is right and
/// what dropcap finds.
#[test]
fn cases_are_written_for_other_checkers() {
    let folder = tempfile::tempdir().unwrap();
    let given = std::env::var_os("DROPCAP_CASES").map(std::path::PathBuf::from);
    let folder = given.as_deref().unwrap_or(folder.path());
    let table = table();
    let cases = cases(&table);
    let mut index = String::new();
    for (number, (_, case)) in cases.iter().enumerate() {
        std::fs::write(folder.join(format!("case-{number:03}.yaml")), case.yaml()).unwrap();
        let (held, _, findings) = case.answer();
        let _ = writeln!(index, "{}\t{}\t{held}\t{findings}", case.id, case.runtime);
    }
    std::fs::write(folder.join("index.tsv"), &index).unwrap();
    assert_eq!(index.lines().count(), cases.len());
}

/// docs/peers.md is made by hand, with the peers; what it says of dropcap is what dropcap says now.
#[test]
fn the_published_comparison_is_true_of_dropcap() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/peers.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let published: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| case"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).take(4).collect())
        .collect();
    let table = table();
    let now: Vec<Vec<String>> = cases(&table)
        .iter()
        .map(|(_, case)| {
            let (held, _, findings) = case.answer();
            vec![case.id.to_owned(), case.runtime.to_string(), held, findings]
        })
        .collect();
    if std::env::var_os("DROPCAP_UPDATE").is_some() && published.len() == now.len() {
        let mut rows = now.iter();
        let lines = page.lines().map(|line| match line.starts_with("| ") {
            true if !line.starts_with("| case") => {
                let (_, peer) = line.trim_end_matches('|').trim_end().rsplit_once('|').unwrap();
                format!("| {} |{peer} |\n", rows.next().unwrap().join(" | "))
            }
            _ => format!("{line}\n"),
        });
        return std::fs::write(&path, lines.collect::<String>()).unwrap();
    }
    assert_eq!(published, now, "DROPCAP_UPDATE=1 writes our column, cargo xtask peers all of it");
}

#[test]
fn every_case_is_answered_right() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/cases.md");
    let table = std::fs::read_to_string(&path).unwrap();
    let update = std::env::var_os("DROPCAP_UPDATE").is_some();
    let mut lines: Vec<String> = table.lines().map(str::to_owned).collect();
    let (mut wrong, mut ids) = (Vec::new(), BTreeSet::new());
    let cases = cases(&table);
    for (number, case) in &cases {
        assert!(ids.insert(case.id), "{} is there twice", case.id);
        let (held, restricted, findings) = case.answer();
        // The held set and Pod Security's verdict are written by hand, and never by this test.
        if (held.as_str(), restricted) != (case.held, case.restricted) {
            wrong.push(format!(
                "{}: {held} ({}), {restricted} ({})",
                case.id, case.held, case.restricted
            ));
        }
        if findings != case.findings {
            if update {
                let (head, _) =
                    lines[*number].trim_end_matches('|').trim_end().rsplit_once('|').unwrap();
                lines[*number] = format!("{head}| {findings} |");
            } else {
                wrong.push(format!("{}: found {findings}, expected {}", case.id, case.findings));
            }
        }
    }
    if update {
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let rows = (1..=20)
        .filter(|row| {
            ids.iter()
                .any(|id| *id == format!("row {row}") || id.starts_with(&format!("row {row} ")))
        })
        .count();
    assert_eq!(rows, 20, "each row of what others get wrong");
    assert!(cases.len() >= 20 + 80, "{} cases", cases.len());
}
