//! A diagnosis tied to the manifest: who took it away, and the least that mends it.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use caps::{CapSet, Capability as C};
use dropcap_jobs::why::{Answer, Cause, Ended, Kind, Tie, answer};
use judge::why::{self as judged, Call, Diagnosis, End, Finding, Lack, Likelihood};
use manifest::Manifest;
use record::observation::{Container, Exit, Target};
use runtime::Runtime;

const POD: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  securityContext:
    runAsUser: 0
  containers:
  - name: web
    image: nginx
    volumeMounts:
    - name: data
      mountPath: /data
      readOnly: true
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      seccompProfile:
        type: Localhost
      capabilities:
        drop:
        - ALL
";

fn manifest(text: &str) -> Manifest {
    manifest::parse("web.yaml", text)
}

fn lacks(any_of: &[C], lack: Lack) -> judged::Cause {
    judged::Cause::Capability { any_of: any_of.to_vec(), lack }
}

fn failed(cause: judged::Cause, what: &str, path: &str) -> Finding {
    let call = Call {
        what: what.to_owned(),
        by: "nginx (main)".to_owned(),
        returned: "EPERM".to_owned(),
        uid: Some(0),
        path: (!path.is_empty()).then(|| path.to_owned()),
        process: 1,
        count: 1,
        first_ns: 5_000_000,
        last_ns: 5_000_000,
    };
    Finding { cause, likelihood: Likelihood::Sure, calls: vec![call], remedies: vec![] }
}

fn diagnosis(findings: Vec<Finding>) -> Diagnosis {
    Diagnosis {
        end: End::Badly(Exit::Code(1)),
        findings,
        went_on: vec![],
        unseen: 0,
        incomplete: vec![],
    }
}

fn target(name: &str) -> Target {
    let engine = "podman".to_owned();
    Target::Container(Container { name: Some(name.to_owned()), engine, ..Container::default() })
}

/// The one cause, of a finding in this manifest on this runtime.
fn tied(text: &str, runtime: &str, finding: Finding) -> Cause {
    let manifest = manifest(text);
    let runtime: Runtime = runtime.parse().unwrap();
    let tie = Tie::new(&manifest, None, &target("x"), Some(runtime)).unwrap();
    let mut answer = answer(target("x"), &[diagnosis(vec![finding])], Some(&tie));
    assert_eq!(answer.causes.len(), 1);
    answer.causes.remove(0)
}

fn taken(cause: &Cause) -> (&str, Option<usize>) {
    let taken = cause.taken_by.as_ref().expect("somebody took it");
    (&taken.words, taken.line)
}

fn chown() -> Finding {
    failed(lacks(&[C::CHOWN], Lack::Missing), "chown /var/lib/nginx/body to 33", "")
}

#[test]
fn what_drop_all_took_away_is_added_back_and_nothing_else_changes() {
    let cause = tied(POD, "containerd@2.0", chown());
    assert_eq!(
        cause.answer,
        "CHOWN is missing: chown /var/lib/nginx/body to 33 failed (EPERM), by nginx (main)"
    );
    assert_eq!(taken(&cause), ("removed by drop ALL", Some(22)));
    let edit = cause.edit.expect("an edit");
    assert_eq!((edit.title.as_str(), edit.gives, edit.line), ("add CHOWN", C::CHOWN, 23));
    assert_eq!(edit.removed, Vec::<String>::new());
    assert_eq!(edit.added, ["        add:", "        - CHOWN  # chown /var/lib/nginx/body to 33"]);
    assert_eq!(edit.text, format!("{POD}{}\n", edit.added.join("\n")));
    assert_eq!(cause.no_edit, None);
}

#[test]
fn what_no_runtime_gives_by_default_is_said_to_be_so() {
    let text = POD.replace("        drop:\n        - ALL\n", "        add: [KILL]\n");
    let time = || failed(lacks(&[C::SYS_TIME], Lack::Missing), "set the clock", "");
    let cause = tied(&text, "containerd@2.0", time());
    assert_eq!(taken(&cause), ("not in containerd 2.0's default set", None));
    assert_eq!(
        cause.edit.expect("an edit").added,
        ["        add: [KILL, SYS_TIME]  # set the clock"]
    );
    let raw = || failed(lacks(&[C::NET_RAW], Lack::Missing), "socket", "");
    assert_eq!(taken(&tied(&text, "crio", raw())).0, "not in CRI-O's default set");
    // Where the manifest gives it, it is not this manifest that runs there, or not so.
    let cause = tied(&text, "containerd@2.0", raw());
    assert_eq!(
        taken(&cause),
        (
            "not by this manifest: it gives NET_RAW on containerd 2.0; is it what runs there, on that runtime?",
            None
        )
    );
}

#[test]
fn the_least_edit_takes_out_a_word_or_spells_it_right() {
    let text = POD.replace("- ALL", "- CHOWN");
    let cause = tied(&text, "containerd@2.0", chown());
    assert_eq!(taken(&cause), ("removed by drop CHOWN", Some(22)));
    let edit = cause.edit.expect("an edit");
    assert_eq!(edit.title, "take CHOWN out of drop");
    assert!(!edit.text.contains("CHOWN"), "{}", edit.text);

    let text = format!("{POD}        add: [CAP_SYS_TIME]\n");
    let time = failed(lacks(&[C::SYS_TIME], Lack::Missing), "set the clock", "");
    let cause = tied(&text, "containerd@2.0", time);
    assert_eq!(
        taken(&cause),
        ("ignored: `CAP_SYS_TIME` becomes CAP_CAP_SYS_TIME on containerd", Some(23))
    );
    let edit = cause.edit.expect("an edit");
    assert_eq!(edit.title, "add SYS_TIME instead of CAP_SYS_TIME");
    assert_eq!(edit.added, ["        add: [SYS_TIME]"]);
}

#[test]
fn of_two_that_would_serve_the_one_to_prefer_is_added() {
    let any = lacks(&[C::DAC_OVERRIDE, C::DAC_READ_SEARCH], Lack::Missing);
    let cause = tied(POD, "containerd@2.0", failed(any, "open /x for reading", "/x"));
    assert!(cause.answer.starts_with("DAC_OVERRIDE (or DAC_READ_SEARCH) is missing: open /x"));
    assert_eq!(cause.edit.expect("an edit").gives, C::DAC_OVERRIDE);
}

#[test]
fn an_add_that_cannot_take_effect_is_never_offered() {
    let text = POD.replace("runAsUser: 0", "runAsUser: 1000");
    let bind = |in_bounding| {
        let lack = Lack::NonRoot { uid: 1000, in_bounding };
        failed(lacks(&[C::NET_BIND_SERVICE], lack), "bind 0.0.0.0:80", "")
    };
    let cause = tied(&text, "containerd@1.7", bind(false));
    assert_eq!(cause.kind, Kind::NonRoot);
    assert_eq!(
        cause.answer,
        "NET_BIND_SERVICE is out of reach of user 1000: bind 0.0.0.0:80 failed (EPERM), by nginx (main)"
    );
    assert_eq!(cause.edit, None);
    assert_eq!(
        cause.no_edit.as_deref(),
        Some(
            "an add would not take effect: user 1000 is not root, and containerd raises no ambient capabilities"
        )
    );
    let hows: Vec<&str> = cause.remedies.iter().map(|r| r.how.as_str()).collect();
    assert_eq!(hows.len(), 2, "{hows:?}");
    assert!(hows[0].contains("net.ipv4.ip_unprivileged_port_start"), "{hows:?}");
    assert!(hows[1].contains("setcap cap_net_bind_service+ep"), "{hows:?}");
    // With everything in the bounding set the user's line is to blame.
    let text = text.replace("        drop:\n        - ALL\n", "        add: [NET_BIND_SERVICE]\n");
    let cause = tied(&text, "containerd@1.7", bind(true));
    assert_eq!(taken(&cause), ("lost: non-root, no ambient", Some(7)));
    assert_eq!(cause.edit, None);
    // podman raises what is added in the ambient set.
    let text = POD.replace("runAsUser: 0", "runAsUser: 1000");
    let edit = tied(&text, "podman@4.3", bind(false)).edit.expect("an edit");
    assert_eq!(edit.title, "add NET_BIND_SERVICE");
}

#[test]
fn what_the_process_gave_up_is_not_the_manifest_s_fault() {
    let text = POD.replace("- ALL", "- NET_RAW");
    let given = failed(lacks(&[C::CHOWN], Lack::GivenUp { uid: 33 }), "chown /x to 5", "/x");
    let cause = tied(&text, "containerd@2.0", given);
    assert_eq!(taken(&cause), ("not by this manifest: the process gave it up itself", None));
    assert_eq!((cause.edit, cause.no_edit.as_deref()), (None, Some("an add would change nothing")));
}

#[test]
fn each_other_reason_has_its_line() {
    let elsewhere = |kind, path| {
        let cause = judged::Cause::Elsewhere { kind, why: "because".to_owned() };
        tied(POD, "containerd@2.0", failed(cause, "open", path))
    };
    let read_only = judged::Kind::ReadOnly;
    let cause = elsewhere(read_only, "/etc/x");
    assert_eq!(taken(&cause), ("readOnlyRootFilesystem: true", Some(17)));
    assert_eq!(
        (cause.capabilities.len(), cause.edit.clone(), cause.no_edit.clone()),
        (0, None, None)
    );
    assert!(cause.answer.starts_with("no capability but a read-only file system: open failed"));
    let volume = "readOnly: true of the volume at /data";
    assert_eq!(taken(&elsewhere(read_only, "/data/x")), (volume, Some(14)));
    assert_eq!(taken(&elsewhere(read_only, "/database")).1, Some(17));
    let seccomp = elsewhere(judged::Kind::Seccomp, "");
    assert_eq!(taken(&seccomp), ("seccompProfile type: Localhost", Some(19)));
    assert_eq!(elsewhere(judged::Kind::Limit, "").taken_by, None);
    // Root's file mode is nobody's line.
    assert_eq!(elsewhere(judged::Kind::FileMode, "").taken_by, None);

    let nothing = judged::Cause::NoNewPrivileges {
        program: "sudo".to_owned(),
        set_id: "set-uid root".to_owned(),
        refused: CapSet::from(C::SETUID),
    };
    let cause = tied(POD, "containerd@2.0", failed(nothing, "setuid to 0", ""));
    assert_eq!(taken(&cause), ("allowPrivilegeEscalation: false", Some(16)));
    assert_eq!(cause.capabilities, [C::SETUID]);
    assert!(cause.answer.starts_with(
        "no_new_privs kept sudo, which is set-uid root, from gaining anything: setuid to 0 failed"
    ));
}

#[test]
fn the_container_is_found_by_name_and_resolved_for_its_engine() {
    let two = format!("{POD}  - name: side\n");
    let manifest = manifest(&two);
    let place = |name: Option<&str>, target: &Target| {
        Tie::new(&manifest, name, target, None).map(|tie| tie.place()).map_err(|e| e.to_string())
    };
    let found = place(None, &target("web-side")).unwrap();
    assert_eq!((found.container.as_str(), found.line), ("side", 23));
    assert_eq!((found.workload.as_str(), found.runtime.as_str()), ("Pod/web", "podman"));
    assert_eq!(place(None, &target("web")).unwrap().container, "web");
    assert_eq!(place(Some("web"), &target("web-side")).unwrap().container, "web");
    let command = Target::Command { argv: vec![] };
    assert_eq!(place(Some("side"), &command).unwrap().runtime, "containerd@2.0");
    let several = "web.yaml: has several containers: Pod/web/web, Pod/web/side";
    assert_eq!(place(None, &command), Err(several.to_owned()));
}

#[test]
fn starts_are_joined_and_counted() {
    let other = |count: u64| {
        let mut finding = failed(lacks(&[C::KILL], Lack::Missing), "kill 1 with SIGHUP", "");
        finding.calls[0].count = count;
        finding
    };
    let mut last = diagnosis(vec![chown()]);
    last.went_on = vec![other(5)];
    // What was seen once comes after what is seen each time, though it came later.
    last.findings.insert(0, failed(lacks(&[C::SYS_NICE], Lack::Missing), "nice", ""));
    let starts = [diagnosis(vec![other(2), chown()]), diagnosis(vec![chown()]), last];
    let Answer { starts, causes, went_on, end, ended, wants_capability, .. } =
        answer(target("web"), &starts, None);
    assert_eq!((starts, end, ended.as_str()), (3, Ended::Badly, "ended with status 1"));
    let seen: Vec<_> =
        causes.iter().map(|c| (c.capabilities[0], c.seen, c.calls[0].count)).collect();
    assert_eq!(seen, [(C::CHOWN, 3, 3), (C::SYS_NICE, 1, 1), (C::KILL, 1, 2)]);
    assert_eq!((went_on.len(), wants_capability), (0, true));
}
