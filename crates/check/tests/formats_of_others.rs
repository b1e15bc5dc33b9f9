//! What the rules say of Compose and of OCI configurations: nothing that only Kubernetes has.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::fmt::Write as _;

use dropcap_check::{Checked, Consent, Entrypoint, Options, check, repair};
use manifest::Format;

/// Everything that a person can ask for, on a runtime that opens no low ports.
fn options() -> Options {
    Options {
        runtime: "containerd@1.7".parse().unwrap(),
        compose_runtime: "containerd@1.7".parse().unwrap(),
        assumed: false,
        pod_security: Some("restricted@1.30".parse().unwrap()),
        ..Options::default()
    }
}

fn carries(text: &str) -> Entrypoint {
    let text: caps::LibcapText = text.parse().unwrap();
    Entrypoint::Carries(text.to_file_caps().unwrap())
}

fn checked(format: Format, text: &str, options: &Options) -> Checked {
    let manifest = manifest::parse("t", text);
    assert_eq!(manifest.problems, [], "{text}");
    assert_eq!(manifest.workloads.len(), 1, "{text}");
    assert_eq!(manifest.workloads[0].pod.format, format, "{text}");
    check(&manifest, options)
}

/// The names of the rules that found something, each once, sorted.
fn rules(checked: &Checked) -> Vec<&'static str> {
    let mut rules: Vec<_> = checked.findings.iter().map(|finding| finding.rule.id).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

fn service(fields: &str) -> String {
    format!("services:\n  web: {{ image: web, {fields} }}\n")
}

fn pod(spec: &str, container: &str) -> String {
    let mut text = "apiVersion: v1\nkind: Pod\nmetadata: { name: p }\n".to_owned();
    let _ =
        writeln!(text, "spec: {{ {spec} containers: [{{ name: web, image: web, {container} }}] }}");
    text
}

fn oci(uid: u32, no_new_privs: bool, sets: &str) -> String {
    format!(
        "{{\"ociVersion\": \"1.2.0\", \"process\": {{\"user\": {{\"uid\": {uid}}}, \
         \"args\": [\"ping\"], \"cwd\": \"/\", \"noNewPrivileges\": {no_new_privs}, \
         \"capabilities\": {{{sets}}}}}}}\n"
    )
}

#[test]
fn what_only_kubernetes_has_is_not_found_in_compose() {
    // The rule, the pod that it is about, and a service that asks for the same.
    for (rule, pod, service, expected) in [
        (
            "windows-capabilities",
            pod("os: { name: windows },", "securityContext: { capabilities: { drop: [ALL] } }"),
            service("platform: windows/amd64, cap_drop: [ALL]"),
            &[][..],
        ),
        (
            "sys-admin-without-escalation",
            pod(
                "",
                "securityContext: { runAsUser: 0, allowPrivilegeEscalation: false, \
                 capabilities: { drop: [ALL], add: [SYS_ADMIN] } }",
            ),
            service(
                "user: root, security_opt: [no-new-privileges], cap_drop: [ALL], \
                 cap_add: [SYS_ADMIN]",
            ),
            &["dangerous-capability"][..],
        ),
        (
            "pod-security",
            pod("", "securityContext: { runAsUser: 0, capabilities: { drop: [all] } }"),
            service("user: root, cap_drop: [all]"),
            &["capability-spelling"][..],
        ),
        (
            "low-port",
            pod(
                "",
                "ports: [{ containerPort: 80 }], securityContext: { runAsUser: 1000, \
                 allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }",
            ),
            service(
                "ports: [\"80:80\"], user: \"1000\", security_opt: [no-new-privileges:true], \
                 cap_drop: [ALL]",
            ),
            &[][..],
        ),
    ] {
        let found = rules(&checked(Format::Kubernetes, &pod, &options()));
        assert!(found.contains(&rule), "{rule}: {found:?} in {pod}");
        let found = rules(&checked(Format::Compose, &service, &options()));
        assert_eq!(found, expected, "{rule}: {service}");
    }
}

#[test]
fn a_rule_about_the_lists_speaks_of_compose_in_its_words() {
    for (fields, rule, words) in [
        ("user: root", "drop-all-missing", &["has no `cap_drop`"][..]),
        (
            "user: \"1000\"",
            "set-uid-regain",
            &[
                "has no `security_opt: [no-new-privileges:true]`",
                "set security_opt: [no-new-privileges:true], unless the program relies on a \
                 set-uid helper",
            ][..],
        ),
        (
            "user: \"1000\", cap_drop: [ALL], cap_add: [NET_BIND_SERVICE]",
            "ineffective-add",
            &["set the service's sysctl net.ipv4.ip_unprivileged_port_start, or listen on a port \
               above 1023"][..],
        ),
        (
            "user: root, cap_drop: [ALL], cap_add: [NET_RAW], command: [ping, host], \
             sysctls: { net.ipv4.ping_group_range: \"0 1\" }",
            "net-raw-for-ping",
            &["works without: the service's sysctl"][..],
        ),
        (
            "user: root, cap_drop: [ALL], cap_add: [NET_BIND_SERVICE], ports: [\"80:80\"], \
             sysctls: { net.ipv4.ip_unprivileged_port_start: 0 }",
            "needless-net-bind-service",
            &["and the service's sysctl opens the ports it is for"][..],
        ),
        (
            "privileged: true, security_opt: [no-new-privileges]",
            "privileged",
            &["is privileged"][..],
        ),
        ("user: root, cap_drop: [ALL, KILL], cap_add: [KILL]", "added-and-dropped", &["KILL"][..]),
        ("user: root, cap_drop: [ALL], cap_add: [KILL, CAP_KILL]", "redundant-add", &["twice"][..]),
    ] {
        let checked = checked(Format::Compose, &service(fields), &options());
        let findings: Vec<_> =
            checked.findings.iter().filter(|finding| finding.rule.id == rule).collect();
        assert!(!findings.is_empty(), "{rule}: {:?}", rules(&checked));
        let said = format!("{findings:?}");
        for words in words {
            assert!(said.contains(words), "{rule}: {words:?} in {said}");
        }
        for words in
            ["API server", "the pod's", "of the pod", "allowPrivilegeEscalation", "Pod Sec"]
        {
            assert!(!said.contains(words), "{rule}: {words:?} in {said}");
        }
    }
}

#[test]
fn only_what_is_held_can_be_wrong_with_an_oci_configuration() {
    let lists =
        "\"bounding\": [\"CAP_SYS_ADMIN\", \"CAP_NET_RAW\", \"CAP_NET_RAW\", \"CAP_NOTHING\"]";
    let all_five =
        format!("{lists}, \"permitted\": [\"CAP_SYS_ADMIN\"], \"effective\": [\"CAP_SYS_ADMIN\"]");
    let mut carrying = options();
    carrying.entrypoint = carries("cap_net_bind_service=ep");
    const VOID: &str = "set-without-effect";
    // As root, and with no new privileges, there is nothing to regain.
    for (uid, sealed, sets, options, expected) in [
        (0, true, &*all_five, options(), &["dangerous-capability", VOID][..]),
        (1000, true, lists, options(), &[VOID][..]),
        (1000, false, lists, options(), &["dangerous-capability", "set-uid-regain", VOID][..]),
        // It does not start: nothing is held.
        (1000, false, lists, carrying.clone(), &["file-capabilities-outside-bounding"][..]),
        (1000, false, "", carrying, &["file-capabilities-outside-bounding"][..]),
        (1000, false, "", options(), &[][..]),
    ] {
        let text = oci(uid, sealed, sets);
        let found = checked(Format::Oci, &text, &options);
        assert_eq!(rules(&found), expected, "{text}");
    }
    let found = checked(Format::Oci, &oci(1000, false, lists), &options());
    let regain = found.findings.iter().find(|finding| finding.rule.id == "set-uid-regain").unwrap();
    let said = format!("{regain:?}");
    assert!(said.contains("set noNewPrivileges: true, unless"), "{said}");
}

/// All that a person reads of what was found.
fn said(checked: &Checked) -> String {
    let mut said = String::new();
    for finding in &checked.findings {
        let _ = writeln!(said, "{} {:?} {:?}", finding.message, finding.notes, finding.help);
        let _ = writeln!(said, "{:?} {:?}", finding.primary, finding.related);
        if let Some(fix) = finding.remedy.fix() {
            let _ = writeln!(said, "{}", fix.title);
        }
        if finding.remedy.fix().is_none() {
            let _ = writeln!(said, "{:?}", finding.remedy);
        }
    }
    said
}

/// Words that only a Kubernetes manifest has.
const OF_KUBERNETES: [&str; 11] = [
    "`add`",
    "`drop`",
    "`drop: ",
    "both add and drop",
    "Pod Security",
    "hostPID",
    "the pod",
    "allowPrivilegeEscalation",
    "edits `capabilities`",
    " drop `",
    "\ndrop `",
];

#[test]
fn findings_speak_of_what_is_written_in_that_kind_of_file() {
    let compose = [
        (r#"cap_add: [SYS_ADMIN], user: "1000""#, "remove `SYS_ADMIN` from `cap_add`"),
        (r#"cap_add: [SYS_ADMIN], user: "1000""#, "needs the `cap_add` to be executed"),
        ("cap_add: [CHOWN], cap_drop: [ALL, CHOWN]", "is in both cap_add and cap_drop"),
        ("privileged: true", "dropcap edits `cap_add` and `cap_drop` and no other field"),
        ("cap_add: [ALL]", "put `ALL` into `cap_drop` instead of `cap_add`"),
        ("cap_drop: [all]", "write `ALL` instead of `all` in `cap_drop`"),
        ("cap_drop: [all]", "cap_drop `all` works; the name is ALL"),
        ("cap_add: [CHOWNN], cap_drop: [ALL]", "cap_add `CHOWNN` names no capability"),
        ("cap_add: [CHOWN]", "once `cap_drop: [ALL]` is there, to remove it from `cap_add`"),
        ("read_only: true", "`cap_drop: [ALL]` is missing"),
        ("cap_add: [SYS_PTRACE], cap_drop: [ALL], pid: host", "(with pid: host)"),
    ];
    for (fields, expected) in compose {
        let said = said(&checked(Format::Compose, &service(fields), &options()));
        assert!(said.contains(expected), "{fields}: no {expected:?} in\n{said}");
        for word in OF_KUBERNETES {
            assert!(!said.contains(word), "{fields}: {word:?} in\n{said}");
        }
    }
    let sets = "\"bounding\":[\"CAP_SYS_ADMIN\",\"CAP_KILL\"],\"permitted\":[\"CAP_SYS_ADMIN\"],\
                \"inheritable\":[\"CAP_SYS_ADMIN\"]";
    let checked = checked(Format::Oci, &oci(1000, false, sets), &options());
    let said = said(&checked);
    for expected in [
        "is given SYS_ADMIN",
        "remove `CAP_SYS_ADMIN` from `process.capabilities`",
        "remove `CAP_SYS_ADMIN` from `process.capabilities`, then set noNewPrivileges: true",
    ] {
        assert!(said.contains(expected), "no {expected:?} in\n{said}");
    }
    for word in OF_KUBERNETES {
        assert!(!said.contains(word), "{word:?} in\n{said}");
    }
}

/// What `fix` makes of one finding in each kind of file.
#[test]
fn an_edit_is_made_where_it_is_offered() {
    let sets = "\"bounding\": [\"CAP_SYS_ADMIN\", \"CAP_KILL\"], \
                \"permitted\": [\"CAP_SYS_ADMIN\"], \"effective\": [\"CAP_SYS_ADMIN\"]";
    let bundle = oci(0, true, sets);
    for (text, expected) in [
        (service("user: root, cap_drop: [all]"), "cap_drop: [ALL]"),
        (service("cap_add: [ALL]"), "{ image: web, cap_drop: [ALL] }"),
        (pod("", "securityContext: { runAsUser: 0 }"), "capabilities: { drop: [ALL] }"),
        (bundle, "{\"bounding\": [\"CAP_KILL\"], \"permitted\": [], \"effective\": []}"),
    ] {
        let loaded = manifest::Loaded {
            manifests: vec![manifest::parse("t", text.as_str())],
            ..manifest::Loaded::default()
        };
        let totals = dropcap_check::Report::new(&loaded, &options(), false).totals();
        assert!(totals.safe + totals.not_safe > 0, "{text}");
        let repaired = repair(&loaded.manifests[0], &options(), Consent::Unsafe);
        assert_eq!(repaired.refused, [], "{text}");
        assert!(repaired.source.text().contains(expected), "{}", repaired.source.text());
    }
}

/// What Kubernetes' engines would make of a Compose file is nobody's business.
#[test]
fn edits_of_compose_are_tried_on_the_engines_that_read_it() {
    // containerd reads no prefix: there the right spelling would take NET_RAW away at last.
    let options = Options::default();
    let safe = |text: String| {
        let manifest = manifest::parse("t", text.as_str());
        repair(&manifest, &options, Consent::Safe).source.text() != text
    };
    assert!(safe(service("user: root, cap_drop: [CAP_NET_RAW]")));
    let lists = "securityContext: { runAsUser: 0, capabilities: { drop: [CAP_NET_RAW] } }";
    assert!(!safe(pod("", lists)));
}
