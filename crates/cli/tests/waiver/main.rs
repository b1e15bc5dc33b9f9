//! `dropcap waiver`, and who approves a waiver by the history of its file.

#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

mod repository;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use repository::{AGENT, FILE, Repository, said, text};
use serde_json::Value;

#[test]
fn a_waiver_counts_once_it_is_committed_and_approved() {
    let repository = Repository::new();
    repository.new_waiver(&["--approver", "alice@example.com", "--approver", "bob@example.com"]);
    let check = || repository.dropcap(&["check", "."]);
    let output = check();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("dropcap-waivers.toml is not\n          committed"));
    repository.commit("alice", "waiver");
    insta::assert_snapshot!("waiver_half_approved", said(&check()));
    // Bob puts a word of his own into it, and changes nothing that was approved.
    repository.edit("\"bob@example.com\"", "\"bob@example.com\", \"carol@example.com\"");
    repository.commit("bob", "I agree");
    assert_eq!(repository.approved(), "alice bob");
    let output = check();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(text(&output.stderr).contains("; 1 waived"), "{}", said(&output));
    insta::assert_snapshot!("waiver_in_force", said(&repository.dropcap(&["check", "-v", "."])));
    let verify = repository.dropcap(&["waiver", "verify"]);
    assert_eq!(verify.status.code(), Some(0), "{}", said(&verify));
}

#[test]
fn an_approval_is_of_what_stands_there_and_of_nothing_else() {
    for (from, to) in [
        ("\"agent\"\ncontainer", "\"other\"\ncontainer"),
        ("[\"SYS_ADMIN\"]", "[\"SYS_ADMIN\", \"SYS_MODULE\"]"),
        ("2999-12-31", "3000-12-31"),
        ("mounts the debugfs", "because"),
        ("namespace = \"mon\"\n", ""),
    ] {
        let repository = Repository::waived();
        assert_eq!(repository.approved(), "alice bob");
        let before = repository.read(FILE);
        repository.edit(from, to);
        let (approved, missing, remarks) = repository.approval();
        assert_eq!((approved.len(), missing.len()), (0, 2), "{to}");
        assert_eq!(remarks, "it is not committed as it stands");
        repository.commit("mallory", "a small change");
        let (approved, missing, _) = repository.approval();
        assert_eq!(
            (approved.join(" "), missing.join(" ")),
            (String::new(), "alice bob".to_owned())
        );
        // As it was approved once; but it has not been there ever since.
        repository.write(FILE, &before);
        repository.commit("mallory", "back");
        assert_eq!(repository.approved(), "", "{to}");
    }
}

#[test]
fn what_is_changed_elsewhere_in_the_file_takes_no_approval_and_gives_none() {
    let repository = Repository::waived();
    let text = repository.read(FILE);
    repository.write(FILE, &format!("# ours\n{}", text.replace(" = ", "  =  ")));
    repository.commit("mallory", "spaces");
    repository.new_waiver(&["--approver", "mallory@example.com"]);
    repository.commit("mallory", "another");
    let all = repository.list();
    assert_eq!(all.len(), 2);
    let approved = |at: usize| all[at]["approved"].to_string();
    assert_eq!(approved(0), "[\"alice@example.com\",\"bob@example.com\"]");
    assert_eq!(approved(1), "[\"mallory@example.com\"]");
    assert_eq!(all[1]["inOrder"], false);
}

#[test]
fn an_approver_who_is_not_named_does_not_count() {
    let repository = Repository::new();
    repository.new_waiver(&["--approver", "alice@example.com", "--approver", "bob@example.com"]);
    repository.commit("alice", "waiver\n\nReviewed-by: Carol <carol@example.com>");
    assert_eq!(repository.approved(), "alice");
    // A sign-off in a commit that does not touch the waiver is of something else.
    repository.commit("alice", "x\n\nReviewed-by: Bob <bob@example.com>");
    repository.write("other.txt", "x");
    repository.commit("bob", "something else");
    assert_eq!(repository.approved(), "alice");
}

#[test]
fn branches_are_followed_and_a_merge_approves_nothing() {
    let repository = Repository::new();
    repository.git("alice", &["switch", "--quiet", "--create", "topic"]);
    repository.new_waiver(&["--approver", "alice@example.com", "--approver", "bob@example.com"]);
    repository.commit("alice", "waiver");
    repository.git("root", &["switch", "--quiet", "main"]);
    repository.write("README", "x");
    repository.commit("root", "main goes on");
    repository.git("bob", &["merge", "--quiet", "--no-ff", "--message", "merge", "topic"]);
    assert_eq!(repository.approved(), "alice");
    assert!(repository.git("root", &["log", "--merges", "--format=%an"]).contains("bob"));
}

#[test]
fn a_shallow_clone_approves_nothing_by_guess() {
    let repository = Repository::waived();
    repository.write("README", "x");
    repository.commit("bob", "more");
    let clone = Repository(tempfile::tempdir().expect("a folder"));
    let from = format!("file://{}", repository.path().display());
    clone.git("root", &["clone", "--quiet", "--depth", "1", &from, "."]);
    let (approved, _, remarks) = clone.approval();
    assert_eq!(approved, Vec::<String>::new());
    assert!(remarks.starts_with("the clone is shallow and ends at "), "{remarks}");
    clone.git("root", &["fetch", "--quiet", "--unshallow"]);
    assert_eq!(clone.approved(), "alice bob");
}

#[test]
fn a_renamed_file_is_told() {
    let repository = Repository::waived();
    fs::create_dir(repository.path().join("k8s")).expect("mkdir");
    repository.git("carol", &["mv", FILE, &format!("k8s/{FILE}")]);
    repository.git("carol", &["mv", "agent.yaml", "k8s/agent.yaml"]);
    repository.commit("carol", "moved");
    let output = repository.dropcap(&["waiver", "list", "--json", "k8s"]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let waiver = &document["waivers"][0];
    assert_eq!(waiver["approved"], serde_json::json!([]));
    let remark = waiver["remarks"][0].as_str().expect("a remark");
    assert!(remark.starts_with("the file was called dropcap-waivers.toml before"), "{remark}");
}

#[test]
fn outside_of_git_nothing_is_approved() {
    let repository = Repository::waived();
    fs::remove_dir_all(repository.path().join(".git")).expect("removed");
    let (approved, missing, remarks) = repository.approval();
    assert_eq!((approved.len(), missing.len()), (0, 2));
    assert!(remarks.contains("is in no git repository"), "{remarks}");
    // Without git at all: the same, told.
    let mut dropcap = Command::new(testkit::dropcap());
    dropcap.args(["waiver", "list"]).current_dir(repository.path()).env("PATH", "/nowhere");
    let output = dropcap.output().expect("dropcap runs");
    assert!(text(&output.stdout).contains("`git` is not installed"), "{}", said(&output));
}

/// What is in a repository's own configuration and attributes is a stranger's.
#[test]
fn nothing_of_the_repository_is_executed() {
    let repository = Repository::new();
    let script = |name: &str, text: &str| {
        let path = repository.path().join(name);
        testkit::programs::script(&path, &format!("#!/bin/sh\n{text}\n"));
        path.to_str().expect("text").to_owned()
    };
    // A signature, so that there is one to verify.
    let signer = script(
        ".git/signer",
        "cat > /dev/null; echo '[GNUPG:] SIG_CREATED ' >&2\n\
         printf -- '-----BEGIN PGP SIGNATURE-----\\n\\nx\\n-----END PGP SIGNATURE-----\\n'",
    );
    repository.new_waiver(&["--approver", "alice@example.com", "--approver", "bob@example.com"]);
    repository.git("alice", &["add", "--all"]);
    let message = "waiver\n\nReviewed-by: Bob <bob@example.com>";
    let program = format!("gpg.program={signer}");
    repository.git("alice", &["-c", &program, "commit", "-S", "--quiet", "--message", message]);
    assert!(repository.git("root", &["cat-file", "commit", "HEAD"]).contains("\ngpgsig "));
    let trap = repository.path().join("sprung");
    let program = script("trap.sh", &format!("echo \"$0 $*\" >> {}; cat", trap.display()));
    let program = program.as_str();
    for key in [
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "core.sshCommand",
        "diff.external",
        "diff.trap.textconv",
        "diff.trap.command",
        "filter.trap.smudge",
        "filter.trap.clean",
        "filter.trap.process",
        "gpg.program",
        "gpg.openpgp.program",
        "gpg.ssh.program",
        "trailer.reviewed-by.command",
        "credential.helper",
        "alias.rev-list",
        "pager.show",
    ] {
        repository.git("root", &["config", key, program]);
    }
    repository.git("root", &["config", "log.showSignature", "true"]);
    repository.write(".git/info/attributes", "* diff=trap filter=trap\n");
    let hooks = repository.path().join(".git/hooks");
    fs::create_dir_all(&hooks).expect("mkdir");
    for hook in ["post-checkout", "post-index-change", "reference-transaction"] {
        testkit::programs::copy(program.as_ref(), &hooks.join(hook));
    }
    repository.write("dropcap.toml", "[waivers]\nsignatures = true\n");
    assert_eq!(repository.approved(), "");

    repository.write("dropcap.toml", "");
    assert_eq!(repository.approved(), "alice bob");
    assert!(!trap.exists(), "{}", fs::read_to_string(&trap).unwrap_or_default());
}

/// Replaced objects and grafts are one clone's own history; a hook's variables name another repository.
#[test]
fn history_is_not_rewritten_from_beside() {
    let repository = Repository::new();
    repository.new_waiver(&["--approver", "alice@example.com", "--approver", "bob@example.com"]);
    repository.commit("mallory", "waiver");
    let old = repository.git("root", &["rev-parse", "HEAD"]);
    repository.git("root", &["switch", "--quiet", "--orphan", "fake"]);
    repository.git("root", &["checkout", "--quiet", "main", "--", "."]);
    repository.commit("alice", "waiver\n\nReviewed-by: Bob <bob@example.com>");
    let fake = repository.git("root", &["rev-parse", "HEAD"]);
    repository.git("root", &["switch", "--quiet", "main"]);
    repository.git("root", &["replace", old.trim(), fake.trim()]);
    assert_eq!(repository.approved(), "");
    let other = Repository::waived();
    let mut dropcap = Command::new(testkit::dropcap());
    dropcap.args(["waiver", "verify"]).current_dir(repository.path());
    dropcap.env("GIT_DIR", other.path().join(".git")).env("GIT_WORK_TREE", other.path());
    assert_eq!(dropcap.output().expect("dropcap runs").status.code(), Some(1));
}

#[test]
fn signatures_count_where_they_are_demanded_and_nothing_else_does() {
    let made = |folder: &Path, person: &str| {
        let key = folder.join(person);
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", person, "-f"]).arg(&key);
        keygen.stdin(Stdio::null());
        keygen.status().map(|status| assert!(status.success())).is_ok().then_some(key)
    };
    let keys = tempfile::tempdir().expect("a folder");
    let (Some(alice), Some(bob)) = (made(keys.path(), "alice"), made(keys.path(), "bob")) else {
        return testkit::skip("no ssh-keygen");
    };
    let repository = Repository::new();
    let signers: String = [("alice", &alice), ("bob", &bob)]
        .into_iter()
        .map(|(person, key)| {
            let public = fs::read_to_string(key.with_extension("pub")).expect("a key");
            format!("{person}@example.com {public}")
        })
        .collect();
    repository.write("signers", &signers);
    repository
        .write("dropcap.toml", "[waivers]\nsignatures = true\nallowed-signers = \"signers\"\n");
    repository.commit("root", "who may sign");
    let sign = |person: &str, key: &Path, message: &str| {
        let key = format!("user.signingkey={}", key.display());
        repository.git(person, &["add", "--all"]);
        repository.git(
            person,
            &["-c", "gpg.format=ssh", "-c", &key, "commit", "-S", "--quiet", "--message", message],
        );
    };
    repository.new_waiver(&["--approver", "alice@example.com", "--approver", "bob@example.com"]);
    // Signed by alice; what her message says of bob is not his signature.
    sign("alice", &alice, "waiver\n\nReviewed-by: Bob <bob@example.com>");
    assert_eq!(repository.approved(), "alice");
    // In bob's name, and not signed.
    repository.edit("\"bob@example.com\"", "\"bob@example.com\", \"carol@example.com\"");
    repository.commit("bob", "me too");
    assert_eq!(repository.approved(), "alice");
    repository.edit(", \"carol@example.com\"", ", \"dave@example.com\"");
    sign("bob", &bob, "me too, really");
    assert_eq!(repository.approved(), "alice bob");
}

#[test]
fn a_new_waiver_leaves_the_rest_of_the_file_as_it_is() {
    let repository = Repository::new();
    for before in [
        "version = 1",
        "# ours\r\nversion = 1\r\n",
        "version = 1\n\n[[waiver]] # old\nkind = 'Pod'\nname = 'a'\ncontainer = 'b'\n\
         capabilities = ['KILL']\nreason = 'x'\napprovers = ['a@b']\nexpires = 2030-01-01",
    ] {
        repository.write(FILE, before);
        repository.new_waiver(&["--approver", "alice@example.com"]);
        let after = repository.read(FILE);
        assert!(after.starts_with(before), "{after:?}");
        assert_eq!(
            after.matches('\n').count() == after.matches("\r\n").count(),
            before.contains('\r')
        );
        assert_eq!(after.matches("[[waiver]]").count(), before.matches("[[waiver]]").count() + 1);
    }
    let broken = "version = 1\n[[waiver]]\nkind = \"Pod\"\n";
    repository.write(FILE, broken);
    let output = repository.dropcap(&[
        "waiver",
        "new",
        "KILL",
        "--workload",
        "Pod/a",
        "-c",
        "a",
        "--reason",
        "x",
        "--approver",
        "a@b",
        "--expires",
        "2030-01-01",
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains(&format!("{FILE}:2:1: missing field")),
        "{}",
        said(&output)
    );
    assert_eq!(repository.read(FILE), broken);
    // A run with it is no pass.
    let output = repository.dropcap(&["check", "."]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}

#[test]
fn states_are_listed_and_verified() {
    let repository = Repository::new();
    let waiver = |name: &str, capability: &str, expires: &str, approvers: &str| {
        format!(
            "[[waiver]]\nkind = \"DaemonSet\"\nnamespace = \"mon\"\nname = \"{name}\"\ncontainer = \
             \"agent\"\ncapabilities = [\"{capability}\"]\nreason = \"it has to\"\napprovers = \
             [{approvers}]\nexpires = {expires}\n\n"
        )
    };
    let (one, two) = ("\"alice@example.com\"", "\"alice@example.com\", \"bob@example.com\"");
    let text = format!(
        "version = 1\n\n{}{}{}{}{}",
        waiver("agent", "SYS_TIME", "2030-01-01", one),
        waiver("agent", "SYS_ADMIN", "2030-01-01", two),
        waiver("*", "SYS_TIME", "2030-01-01", one),
        waiver("gone", "SYS_TIME", "2030-01-01", one),
        waiver("agent", "SYS_TIME", "2029-01-01", one),
    );
    repository.write(FILE, &text);
    repository.write("agent.yaml", &AGENT.replace("[SYS_ADMIN]", "[SYS_ADMIN, SYS_TIME]"));
    repository.commit("alice", "waivers");
    let list = |day: &str| said(&repository.dropcap(&["waiver", "list", "--on", day]));
    insta::assert_snapshot!("waiver_list", list("2029-12-15"));
    let verify = repository.dropcap(&["waiver", "verify", "--on", "2029-12-15"]);
    assert_eq!(verify.status.code(), Some(1));
    assert!(said(&verify).contains("3 of 5 waivers not in order\n"), "{}", said(&verify));
    let states = |day: &str| -> Vec<String> {
        let output = repository.dropcap(&["waiver", "list", "--json", "--on", day]);
        let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        validate(&document);
        let all = document["waivers"].as_array().expect("a list").iter();
        all.map(|waiver| waiver["states"].to_string().replace('"', "")).collect()
    };
    assert_eq!(
        states("2030-01-01"),
        [
            "[expiring]",
            "[unapproved,expiring]",
            "[too wide,expiring]",
            "[expiring,unused]",
            "[expired]"
        ]
    );
    assert_eq!(
        states("2028-06-01"),
        ["[active]", "[unapproved]", "[too wide]", "[unused]", "[unused]"]
    );
    assert_eq!(states("2030-01-02")[0], "[expired]");
}

fn validate(document: &Value) {
    let schema = include_str!("../../../../docs/schema/waiver-list-v1.json");
    let schema = serde_json::from_str(schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(document).map(|e| e.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn what_is_waived_is_not_mended() {
    let repository = Repository::waived();
    let fix = |repository: &Repository| {
        let output = repository.dropcap(&["fix", "--unsafe-fixes", "agent.yaml"]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        repository.read("agent.yaml")
    };
    let with_time = AGENT.replace("[SYS_ADMIN]", "[SYS_TIME, SYS_ADMIN]");
    repository.write("agent.yaml", &with_time);
    let check = said(&repository.dropcap(&["check", "."]));
    assert!(
        check.contains("): 2 -> 1 after all edits\nescape class: SYS_ADMIN -> SYS_ADMIN\n1 unsafe"),
        "{check}"
    );
    assert_eq!(fix(&repository), AGENT);
    repository.edit("\"agent\"\ncontainer", "\"other\"\ncontainer");
    assert!(!fix(&repository).contains("SYS_ADMIN"));
}

#[test]
fn the_formats_carry_a_waiver() {
    let repository = Repository::waived();
    let format =
        |format: &str| text(&repository.dropcap(&["check", "--format", format, "."]).stdout);
    let json: Value = serde_json::from_str(&format("json")).expect("JSON");
    assert_eq!((&json["totals"]["errors"], &json["totals"]["waived"]), (&0.into(), &1.into()));
    let standing = &json["findings"][0]["standing"];
    assert_eq!((&standing["kind"], &standing["by"][0]["line"]), (&"waived".into(), &3.into()));
    let sarif: Value = serde_json::from_str(&format("sarif")).expect("JSON");
    let suppression = &sarif["runs"][0]["results"][0]["suppressions"][0];
    assert_eq!(
        (&suppression["kind"], &suppression["status"], &suppression["justification"]),
        (
            &"external".into(),
            &"accepted".into(),
            &"mounts the debugfs (approved by alice@example.com and bob@example.com, until 2999-12-31)"
                .into()
        )
    );
    let junit = format("junit");
    assert!(junit.contains("failures=\"0\" errors=\"0\" skipped=\"1\""), "{junit}");
    assert!(junit.contains("<skipped message=\"agent.yaml:"), "{junit}");
    assert_eq!(format("github"), "");
}
