//! `cargo xtask peers`: what other checkers say of the cases of `crates/check/tests/cases`, side by
//! side with what is right: docs/peers.md. By hand, where they are installed; no part of CI.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::Result;
use crate::process;

/// Checkov's checks of capabilities, and of `privileged`, which gives all of them.
const CHECKOV: [&str; 5] = ["CKV_K8S_16", "CKV_K8S_25", "CKV_K8S_28", "CKV_K8S_37", "CKV_K8S_39"];

/// Those that cannot be run, and what was tried.
const NOT_RUN: &str = "\
Not run: kube-linter, Trivy, Polaris, Kubescape, kube-score, KICS, kubesec, datree, the Kyverno
command line. None of them can be installed from PyPI, npm or Debian 12 (looked for by name; a `kics`
that PyPI lists has no file), and none was built from source (no proxy of Go modules could be reached).
What the name of a case says of them was read in their sources.";

/// One case: what it is called, the runtime, what is held, what dropcap finds.
struct Case {
    name: String,
    runtime: String,
    held: String,
    findings: String,
}

/// Writes the page.
pub fn run() -> Result {
    let version = process::output(Command::new("checkov").arg("--version"))?;
    let date = process::output(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    let folder = std::env::temp_dir().join(format!("dropcap-peers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let page = compare(&folder, version.trim(), date.trim());
    let _ = std::fs::remove_dir_all(&folder);
    let path = crate::root().join("docs/peers.md");
    std::fs::write(&path, page?).map_err(|error| format!("{}: {error}", path.display()))
}

fn compare(folder: &Path, version: &str, date: &str) -> Result<String> {
    let tests =
        ["test", "--quiet", "--package", "dropcap-check", "--test", "cases", "--", "written"];
    process::run(process::cargo(&tests).env("DROPCAP_CASES", folder))?;
    let index = std::fs::read_to_string(folder.join("index.tsv")).map_err(|e| e.to_string())?;
    let cases: Vec<Case> = index.lines().filter_map(case).collect();
    let failed = checkov(folder, cases.len())?;
    Ok(page(&cases, &failed, version, date))
}

fn case(line: &str) -> Option<Case> {
    let mut cells = line.split('\t').map(str::to_owned);
    let (name, runtime) = (cells.next()?, cells.next()?);
    Some(Case { name, runtime, held: cells.next()?, findings: cells.next()? })
}

/// For each case the checks that failed, of any of its containers.
fn checkov(folder: &Path, count: usize) -> Result<BTreeMap<usize, BTreeSet<String>>> {
    let mut command = Command::new("checkov");
    command.args(["--framework", "kubernetes", "--output", "json", "--soft-fail", "--directory"]);
    command.arg(folder).args(["--check", &CHECKOV.join(",")]);
    let text = process::output(&mut command)?;
    let report: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let results = &report["results"];
    let mut seen = BTreeSet::new();
    let mut failed: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for list in ["passed_checks", "failed_checks"] {
        for check in results[list].as_array().into_iter().flatten() {
            let path = check["file_path"].as_str().unwrap_or_default();
            let number = path.split("case-").nth(1).and_then(|rest| rest.get(..3));
            let number: usize =
                number.and_then(|n| n.parse().ok()).ok_or("checkov: which file?")?;
            seen.insert(number);
            if list == "failed_checks"
                && let Some(id) = check["check_id"].as_str()
            {
                failed.entry(number).or_default().insert(id.to_owned());
            }
        }
    }
    if seen.len() == count {
        return Ok(failed);
    }
    Err(format!("checkov looked at {} of {count} cases", seen.len()))
}

fn page(
    cases: &[Case],
    failed: &BTreeMap<usize, BTreeSet<String>>,
    version: &str,
    date: &str,
) -> String {
    let nothing = |case: &Case| matches!(case.held.as_str(), "none" | "windows");
    let little = |case: &Case| nothing(case) || case.held == "NET_BIND_SERVICE";
    let fails = |index: &usize| failed.contains_key(index);
    let all = || cases.iter().enumerate();
    let silent = all().filter(|(index, case)| !little(case) && !fails(index)).count();
    let more = all().filter(|(_, case)| !little(case)).count();
    let alarmed = all().filter(|(index, case)| nothing(case) && fails(index)).count();
    let worst = |case: &Case| {
        ["error", "warning", "note"].into_iter().find(|word| case.findings.contains(word))
    };
    let warned = all()
        .filter(|(_, case)| nothing(case) && matches!(worst(case), Some("error" | "warning")))
        .count();
    let noted = all().filter(|(_, case)| nothing(case) && worst(case) == Some("note")).count();
    let none = all().filter(|(_, case)| nothing(case)).count();
    let mut page = format!(
        "# What other checkers say of the same cases\n\
         Written by `cargo xtask peers` on {date}; the cases are those of \
         `crates/check/tests/cases/cases.md`. `held` is what the container's process can use \
         (as root where nobody knows the user), written by hand from the runtimes' sources. dropcap's column is compared with what dropcap says \
         in every run of the tests; a peer's is as it was on that day.\n\n\
         Checkov {version}: the checks that fail, of {}: {} (privileged), {} (anything added), {} \
         (NET_RAW or ALL not dropped), {} (ALL not dropped), {} (SYS_ADMIN added). It does not ask \
         for a runtime.\n\n\
         - {more} cases hold something beside NET_BIND_SERVICE; Checkov fails none of its checks in \
         {silent} of them.\n\
         - {none} cases hold nothing; Checkov fails a check in {alarmed} of them, dropcap \
         warns in {warned} and has a note in {noted} (a set that a set-uid program could get back, \
         a word without effect).\n\n\
         {NOT_RUN}\n\n\
         | case | runtime | held | dropcap | Checkov |\n|---|---|---|---|---|\n",
        CHECKOV.len(),
        CHECKOV[0],
        CHECKOV[1],
        CHECKOV[2],
        CHECKOV[3],
        CHECKOV[4],
    );
    for (index, case) in all() {
        let said = failed.get(&index).map_or_else(
            || "-".to_owned(),
            |ids| {
                let short: Vec<&str> =
                    ids.iter().map(|id| id.trim_start_matches("CKV_K8S_")).collect();
                short.join(" ")
            },
        );
        let Case { name, runtime, held, findings } = case;
        let _ = writeln!(page, "| {name} | {runtime} | {held} | {findings} | {said} |");
    }
    page
}
