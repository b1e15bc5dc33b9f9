//! `docs/privileges.md`.

use std::fmt::Write as _;

use super::{Want, backends, modes};

const HEAD: &str = "\
# The capabilities that dropcap itself takes

Made of `crates/jobs/data/needs.toml` (`UPDATE_SCHEMA=1 cargo test -p dropcap-jobs --test needs`), which \
`dropcap doctor` reads: it says what is taken on the machine it runs on, and what is missing there. \
`crates/cli/tests/privilege` runs everything here with exactly what is required, as user 0 and as an \
ordinary user with ambient capabilities, and without each.

Files that are named on the command line are read and written with the rights of whoever runs it.

";

const TRACING: &str = "
## What tracing takes
By the backend in use (`dropcap doctor` says which work). They count in the initial user namespace only. \
A kernel before 5.8 knows neither BPF nor PERFMON, and takes SYS_ADMIN.

";

const WAYS: &str = "
## How to give it just that
```
sudo dropcap run --cap-drop ALL --cap-add BPF --cap-add PERFMON -- dropcap trace -- CMD
sudo dropcap run --user 1000 --runtime podman --cap-drop ALL --cap-add BPF --cap-add PERFMON -- dropcap trace -- CMD
docker run --pid=host --cap-drop ALL --cap-add BPF --cap-add PERFMON IMAGE dropcap trace pid/4711
sudo setcap cap_bpf,cap_perfmon+ep dropcap
```
The second raises them as ambient ones, as podman does for a user that is not root; Docker does not. With \
the last, everybody who may execute the file may trace the whole machine.
";

/// The whole document.
#[must_use]
pub fn markdown() -> String {
    let mut text = HEAD.to_owned();
    heading(&mut text, "command");
    for mode in modes() {
        let usage: Vec<String> = mode.usage.iter().map(|usage| format!("`{usage}`")).collect();
        let mut needs: Vec<String> = Vec::new();
        if mode.tracing {
            needs.push("what tracing takes".to_owned());
        }
        if mode.as_root {
            needs.push("to be user 0".to_owned());
        }
        needs.extend(mode.given.clone());
        needs.extend(mode.required.iter().map(want));
        row(&mut text, &usage.join(", "), &needs, &mode.better);
    }
    text += TRACING;
    heading(&mut text, "backend");
    for backend in backends() {
        let needs: Vec<String> = backend.required.iter().map(want).collect();
        row(&mut text, &backend.names.join(", "), &needs, &backend.better);
    }
    text += "\n## Why\n";
    let mut said = Vec::new();
    for wanted in modes()
        .iter()
        .flat_map(|mode| mode.required.iter().chain(&mode.better))
        .chain(backends().iter().flat_map(|b| b.required.iter().chain(&b.better)))
    {
        let Want { capability, why, without, check, .. } = wanted;
        let line = format!("- **{capability}** {why} (`{check}`). Without it: {without}.\n");
        if !said.contains(&line) {
            text += &line;
            said.push(line);
        }
    }
    text + WAYS
}

fn heading(text: &mut String, first: &str) {
    let _ = write!(text, "| {first} | required | better with |\n|---|---|---|\n");
}

fn row(text: &mut String, first: &str, needs: &[String], better: &[Want]) {
    let needs = if needs.is_empty() { "none".to_owned() } else { needs.join(", ") };
    let better: Vec<String> = better.iter().map(want).collect();
    let _ = writeln!(text, "| {first} | {needs} | {} |", better.join(", "));
}

fn want(want: &Want) -> String {
    let instead = want.instead.map(|other| format!(" or {other}")).unwrap_or_default();
    let when = want.when.map(|when| format!(" ({})", when.words())).unwrap_or_default();
    format!("{}{instead}{when}", want.capability)
}
