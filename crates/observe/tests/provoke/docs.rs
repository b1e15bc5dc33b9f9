//! `docs/provoke.md` is what the table says.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use record::requirement::Verdict;

use crate::table::{self, Errno, Provoke, Where, Without};

const HEAD: &str = "\
# What takes each capability
One small program for each, `tests/provoke/NAME.c`: the least that takes exactly this one. Each is traced on the
running kernel while it holds everything, and the answer is this one alone, asked for at this function of the kernel;
it works with exactly this one, and with everything else it does not (`crates/observe/tests/provoke`). This page is
made from `tests/provoke/provoke.toml`: `DROPCAP_UPDATE=1 cargo test -p dropcap-observe --test provoke docs`.

| capability | the program | system call | kernel function that asks | without it |
|---|---|---|---|---|
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for row in table::rows() {
        line(&mut page, row);
    }
    page.push_str(
        "\nMore than one function: a compiler may put one into another, and kernels differ. Needs that programs \
         may do as well without are called doubtful by `dropcap trace`: here",
    );
    let doubtful = table::rows().iter().filter(|row| row.verdict == Verdict::Doubtful);
    let doubtful: Vec<String> = doubtful.map(|row| row.capability.to_string()).collect();
    writeln!(page, " {}.", doubtful.join(", ")).unwrap();
    page.push_str(
        "\n## What cannot be tried everywhere\n| capability | where | why |\n|---|---|---|\n",
    );
    for row in table::rows() {
        for cannot in &row.cannot {
            let place = match &cannot.where_ {
                Where::Before(version) => format!("before Linux {version}"),
                Where::Without(path) => format!("no `{path}`"),
                Where::Above { sysctl, value } => format!("`{sysctl}` is above {value}"),
            };
            writeln!(page, "| {} | {place} | {} |", row.capability, cannot.why).unwrap();
        }
    }
    page
}

fn line(page: &mut String, row: &Provoke) {
    let name = |error: Errno| match error {
        Errno::Eperm => "EPERM",
        Errno::Eacces => "EACCES",
    };
    let mut without = match &row.without {
        Without::Error(error) => name(*error).to_owned(),
        Without::Answer(error) => format!("the answer is {}", name(*error)),
        Without::Effect(effect) => effect.clone(),
    };
    if let Some(instead) = &row.instead {
        write!(without, "; {} serves as well", instead.capability).unwrap();
        if let Some(version) = &instead.before {
            write!(without, " before {version}").unwrap();
        }
    }
    let at: Vec<String> = row.at.iter().map(|function| format!("`{function}`")).collect();
    writeln!(
        page,
        "| [{}](../tests/provoke/{}.c) | {} | `{}` | {} | {without} |",
        row.capability,
        row.program(),
        row.does,
        row.syscall,
        at.join(", "),
    )
    .unwrap();
}

#[test]
fn says_what_the_table_says() {
    let page = page();
    if std::env::var_os("DROPCAP_UPDATE").is_some() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/provoke.md");
        fs::write(file, &page).expect("docs/provoke.md can be written");
        return;
    }
    let written = include_str!("../../../../docs/provoke.md");
    assert_eq!(written, page, "run it with DROPCAP_UPDATE=1 and look at the change");
}
