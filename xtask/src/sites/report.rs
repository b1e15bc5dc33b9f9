//! The page that the task makes, and what must hold of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use caps::Capability;
use judge::SiteTable;

use super::Kernel;
use super::callers::Caller;
use super::recordings::Seen;
use crate::Result;

/// Where it is published.
pub const PAGE: &str = "docs/sites.md";
/// What must be known, percent.
const LEAST: f64 = 95.0;

/// Whether some row speaks of every question that this function asks.
fn is_known(caller: &Caller, table: &SiteTable) -> bool {
    let fits = |capability| table.places().any(|place| place.fits(&caller.function, capability));
    if caller.capabilities.is_empty() {
        return fits(None);
    }
    caller.capabilities.iter().all(|capability| fits(Some(*capability)))
}

fn known(kernel: &Kernel, table: &SiteTable) -> usize {
    kernel.callers.iter().filter(|caller| is_known(caller, table)).count()
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

fn names(capabilities: &BTreeSet<Capability>) -> String {
    if capabilities.is_empty() {
        return "not in the code".to_owned();
    }
    capabilities.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Every caller of a kernel on a line.
pub fn list(kernel: &Kernel, table: &SiteTable) -> String {
    let mut text = format!("# {}\n", kernel.release);
    for caller in &kernel.callers {
        let word = if is_known(caller, table) { "known" } else { "unknown" };
        let asked = names(&caller.capabilities);
        let _ = writeln!(text, "{word:<8} {:<40} {asked} ({})", caller.function, caller.helper);
    }
    text
}

/// Fails unless the table knows enough of each kernel and of everything that was seen.
///
/// # Errors
/// Naming each that falls short.
pub fn check(kernels: &[Kernel], seen: &[Seen], table: &SiteTable) -> Result {
    let of_kernels = kernels.iter().map(|kernel| {
        let share = percent(known(kernel, table), kernel.callers.len());
        (format!("callers of {}", kernel.release), share)
    });
    let of_traces = seen.iter().map(|seen| {
        let share = seen.coverage.percent().unwrap_or(0.0);
        (format!("checks of {} on {} ({})", seen.kind, seen.kernel, seen.backend), share)
    });
    let short: Vec<String> = of_kernels
        .chain(of_traces)
        .filter(|(_, share)| *share < LEAST)
        .map(|(what, share)| format!("the table knows {share:.1} % of the {what}"))
        .collect();
    if short.is_empty() { Ok(()) } else { Err(short.join("\n")) }
}

/// The page.
pub fn page(kernels: &[Kernel], seen: &[Seen], table: &SiteTable) -> String {
    let mut page = String::from(
        "# Call sites\n\nMade by `cargo xtask sites`, which reads what it says; do not edit.\n\n\
         A check is judged by the kernel function that makes it. The table of those functions is \
         [`crates/judge/data/sites.toml`](../crates/judge/data/sites.toml); what no row of it fits \
         is doubtful in every answer, and is listed.\n",
    );
    if !kernels.is_empty() {
        callers(&mut page, kernels, table);
        unknown(&mut page, kernels, table);
        unseen(&mut page, kernels, table);
    }
    if !seen.is_empty() {
        traces(&mut page, seen);
    }
    page
}

fn callers(page: &mut String, kernels: &[Kernel], table: &SiteTable) {
    page.push_str(
        "\n## What kernels ask\n\nThe functions of Debian's kernel packages (image and modules) whose \
         machine code calls a helper of the capability checks (`capable`, `ns_capable`, \
         `inode_owner_or_capable`, …), once for each helper and capability. An inlined function shows as \
         the one it was inlined into; one whose last deed is the call is not on the stack then, so who \
         calls it is counted instead.\n\n\
         | kernel | modules | callers | known | unknown | share |\n| --- | --: | --: | --: | --: | --: |\n",
    );
    for kernel in kernels {
        let (all, known) = (kernel.callers.len(), known(kernel, table));
        let _ = writeln!(
            page,
            "| {} | {} | {all} | {known} | {} | {:.1} % |",
            kernel.release,
            kernel.modules,
            all - known,
            percent(known, all)
        );
    }
}

fn unknown(page: &mut String, kernels: &[Kernel], table: &SiteTable) {
    let mut places: BTreeMap<(&str, String, &str), Vec<String>> = BTreeMap::new();
    for kernel in kernels {
        for caller in kernel.callers.iter().filter(|caller| !is_known(caller, table)) {
            let key =
                (caller.function.as_str(), names(&caller.capabilities), caller.helper.as_str());
            places.entry(key).or_default().push(series(&kernel.release));
        }
    }
    page.push_str("\n### Callers that no row fits\n\n");
    if places.is_empty() {
        page.push_str("None.\n");
        return;
    }
    page.push_str("| function | asks for | with | kernels |\n| --- | --- | --- | --- |\n");
    for ((function, asked, helper), kernels) in places {
        let _ = writeln!(page, "| `{function}` | {asked} | `{helper}` | {} |", kernels.join(", "));
    }
}

fn unseen(page: &mut String, kernels: &[Kernel], table: &SiteTable) {
    let shown = |place: &judge::SitePlace<'_>| {
        kernels.iter().flat_map(|kernel| &kernel.callers).any(|caller| {
            if caller.capabilities.is_empty() {
                return place.fits(&caller.function, None);
            }
            caller.capabilities.iter().any(|asked| place.fits(&caller.function, Some(*asked)))
        })
    };
    let rows: Vec<String> = table
        .places()
        .filter(|place| !place.at.is_empty() && !shown(place))
        .map(|place| {
            let asked: BTreeSet<Capability> = place.capabilities.iter().copied().collect();
            let first: Vec<String> = place.at.iter().take(3).map(|at| format!("`{at}`")).collect();
            let more = if place.at.len() > 3 { ", …" } else { "" };
            format!("- {}: {}{more}\n", names(&asked), first.join(", "))
        })
        .collect();
    let all = table.places().count();
    let _ = write!(
        page,
        "\n### Rows that none of these kernels shows\n\n{} of {all}: for functions that are not built \
         there, or that another one calls through a pointer.\n\n{}",
        rows.len(),
        rows.concat()
    );
}

fn traces(page: &mut String, seen: &[Seen]) {
    page.push_str(
        "\n## What was seen\n\nThe checks of traces, and how many of them a row fits.\n\n\
         | kernel | backend | traces of | traces | checks | known | share | places | unknown |\n\
         | --- | --- | --- | --: | --: | --: | --: | --: | --: |\n",
    );
    for seen in seen {
        let coverage = &seen.coverage;
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {:.2} % | {} | {} |",
            seen.kernel,
            seen.backend,
            seen.kind,
            seen.recordings,
            coverage.checks,
            coverage.classified,
            coverage.percent().unwrap_or(0.0),
            coverage.places,
            coverage.unknown.len()
        );
    }
    page.push_str("\n### Places that no row fits\n\n");
    let mut any = false;
    for seen in seen {
        for site in &seen.coverage.unknown {
            any = true;
            let _ = writeln!(
                page,
                "- {} ({}): `{}`, {} times",
                series(&seen.kernel),
                seen.kind,
                site.line(),
                site.count
            );
        }
    }
    if !any {
        page.push_str("None.\n");
    }
}

/// `6.12` of `6.12.117+deb13-cloud-amd64`.
fn series(release: &str) -> String {
    release.split('.').take(2).collect::<Vec<_>>().join(".")
}
