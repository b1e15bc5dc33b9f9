//! Whatever the manifest: every runtime answers or refuses, always the same; what it answers are sets
//! that the kernel could have made; and a check of it ends, in every format.
#![no_main]

use caps::{CapSet, CapState, Capability, FileCaps};
use check::render::{github, json, junit, sarif, text};
use check::{Checker, Consent, Entrypoint, Options, Report, panel};
use libfuzzer_sys::fuzz_target;
use manifest::{Loaded, Manifest, parse};
use runtime::{Engine, Request, Resolution, Runtime, Sets};

/// More containers say nothing new, and take long.
const MANY: usize = 8;

// The last byte, in a file mostly the line feed, chooses how the check is configured.
fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let name = if text.starts_with('#') { "compose.yaml" } else { "t" };
    let read = parse(name, text);
    let count = read.containers().count();
    if count == 0 || count > MANY {
        return;
    }
    let choice = data.last().copied().unwrap_or_default();
    runtimes(&read, entrypoint(choice));
    checks(read, choice);
});

fn entrypoint(choice: u8) -> Entrypoint {
    match choice & 3 {
        0 => Entrypoint::Unknown,
        1 => Entrypoint::Plain,
        2 => Entrypoint::Carries(FileCaps::effective(Capability::NET_BIND_SERVICE.into())),
        _ => Entrypoint::Carries(FileCaps::effective(CapSet::all_known())),
    }
}

/// Every container on every runtime.
fn runtimes(read: &Manifest, entrypoint: Entrypoint) {
    let linux = Runtime::new(Engine::Linux);
    for (workload, container) in read.containers() {
        for runtime in panel().iter().chain([&linux]) {
            let resolved = resolve::container(&workload.pod, container, runtime);
            if let Some(resolution) = resolved.outcome.resolution() {
                answers(resolution, &resolved.request);
                for fate in resolution.sets().flat_map(Sets::fates) {
                    let span = resolved.span(&fate.reason, container);
                    assert!(span.is_none_or(|span| read.source.text().get(span.range()).is_some()));
                }
            }
            let request = Request { entrypoint: entrypoint.carried(), ..resolved.request };
            if resolved.context.windows.is_some() {
                continue;
            }
            let answer = runtime::resolve(runtime, &request);
            assert_eq!(answer, runtime::resolve(runtime, &request));
            match answer {
                Ok(resolution) => answers(&resolution, &request),
                Err(refusal) => assert!(!refusal.to_string().is_empty()),
            }
        }
    }
}

fn answers(resolution: &Resolution, request: &Request) {
    for sets in resolution.sets() {
        invariants(sets, request);
    }
    assert!(resolution.surely_effective().is_subset(resolution.possibly_effective()));
}

/// What capabilities(7) says of the five sets of every thread, and of what `execve` makes of them.
fn invariants(sets: &Sets, request: &Request) {
    let CapState { bounding, permitted, effective, inheritable, ambient } = sets.process;
    assert!(effective.is_subset(permitted), "{sets:?}");
    assert!(ambient.is_subset(permitted & inheritable), "{sets:?}");
    // Nothing comes from outside the bounding set but what was inherited.
    assert!(permitted.is_subset(bounding | sets.spec.inheritable), "{sets:?}");
    if request.spec.is_none() {
        // Engines write no inheritable set that is not in the bounding set.
        assert!(permitted.is_subset(bounding), "{sets:?}");
    }
    if request.entrypoint.is_none() && !sets.root {
        assert_eq!(permitted, ambient, "{sets:?}");
    }
    assert!((sets.regainable & permitted).is_empty(), "{sets:?}");
    assert!(sets.regainable.is_subset(bounding | inheritable), "{sets:?}");
    assert!(!request.no_new_privs || sets.regainable.is_empty(), "{sets:?}");
    let named: CapSet =
        sets.fates().filter(|fate| fate.effective).map(|fate| fate.capability).collect();
    assert_eq!(named & CapSet::all_known(), effective & CapSet::all_known(), "{sets:?}");
}

/// A check in every format, and its safe edits.
fn checks(read: Manifest, choice: u8) {
    let panel = panel();
    let runtime = panel[usize::from(choice >> 3) % panel.len()].clone();
    let options = Options {
        compose_runtime: runtime.clone(),
        runtime,
        entrypoint: entrypoint(choice),
        pod_security: (choice & 4 != 0).then(|| "restricted".parse().expect("a level")),
        ..Options::default()
    };
    let checker = Checker::new(options.clone());
    let repaired = checker.repair(&read, Consent::Safe);
    assert_eq!(repaired.manifest.containers().count(), read.containers().count());
    let loaded = Loaded { manifests: vec![read], ..Loaded::default() };
    let report = Report::new(&loaded, &options, true);
    for file in &report.files {
        let source = &file.manifest.source;
        assert_eq!(file.announced.after.len(), file.checked.containers.len());
        for finding in &file.checked.findings {
            assert!(source.text().get(finding.primary.span.range()).is_some());
            assert!(!text::finding(source, finding, "r", false).contains('\u{1b}'));
        }
    }
    assert_eq!(sarif::document(&report)["version"], "2.1.0");
    assert!(serde_json::to_string(&json::document(&report)).is_ok());
    assert!(junit::document(&report).ends_with('\n'));
    let _ = github::lines(&report);
}
