//! `--try-zero`: nginx, redis and ping come to `add: []`; what it says is then applied by kubectl, and tried
//! by Podman alone and by another `fit`. What does not come to zero is told so.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use testkit::{debian_image, debian_image_with};

use crate::{CASES, Case, again, deployment, fit};

/// As the official image's: as root it gives the folder to redis and steps down to it; as another user it
/// starts at once (github.com/docker-library/redis, docker-entrypoint.sh).
const REDIS: &str = "WORKDIR /data\nENTRYPOINT [\"sh\",\"-ec\",\"if [ $(id -u) = 0 ]; then find . ! -user redis -exec chown redis {} +; exec gosu redis redis-server --dir /data --save ''; fi; exec redis-server --dir /data --save ''\"]\nHEALTHCHECK CMD redis-cli ping";

fn case(name: &str) -> &'static Case {
    CASES.iter().find(|case| case.name == name).unwrap()
}

/// The number of a user of the image.
fn user_of(image: &str, name: &str) -> String {
    let (log, mut run) = (testkit::Log::new(), testkit::podman_run());
    run.args(log.options()).args(["--rm", "--entrypoint", "id", image, "-u", name]);
    let output = run.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    log.stdout().trim().to_owned()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Fits a Deployment to zero; the patch, and the manifest with the list that was written.
fn to_zero(case: &Case, image: &str, folder: &Path, words: &[&str]) -> (Output, String, String) {
    let (file, patch) = (folder.join("web.yaml"), folder.join("zero.yaml"));
    fs::write(&file, deployment(case, image)).unwrap();
    let (path, to) = (file.to_str().unwrap(), patch.to_str().unwrap());
    let all = ["-f", path, "--watch", "0s", "--minimum", "--try-zero", "--zero-patch", to];
    let output = fit(&[&all[..], words].concat(), "");
    (output, fs::read_to_string(patch).unwrap_or_default(), fs::read_to_string(file).unwrap())
}

/// The Deployment as kubectl patches it, without a cluster.
pub fn patched(folder: &Path) -> String {
    let output = Command::new("kubectl")
        .current_dir(folder)
        .env("KUBECONFIG", "/dev/null")
        .env("HOME", folder)
        .args(["patch", "--local", "-f", "web.yaml", "--patch-file", "zero.yaml", "-o", "yaml"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub fn pod(manifest: &str) -> Value {
    let object: Value = serde_yaml_ng::from_str(manifest).unwrap();
    object["spec"]["template"]["spec"].clone()
}

#[test]
fn nginx_of_a_deployment_comes_to_zero_and_its_patch_does_what_it_says() {
    testkit::needs!(root, podman, debian, bpf, program("kubectl"));
    debian_image();
    let case = case("nginx");
    let image = debian_image_with(case.name, case.lines);
    let folder = tempfile::tempdir().unwrap();
    let (output, patch, written) = to_zero(case, &image, folder.path(), &[]);
    let (said, printed) = (text(&output.stderr), text(&output.stdout));
    assert_eq!(output.status.code(), Some(0), "{said}{printed}");
    assert!(printed.contains("to zero  reached"), "{printed}");
    assert!(written.contains("- CHOWN"), "the manifest has what it needs as it is: {written}");
    let after = patched(folder.path());
    let pod = pod(&after);
    let container = &pod["containers"][0];
    let security = json!({ "runAsUser": 33, "runAsGroup": 33, "runAsNonRoot": true,
        "capabilities": { "drop": ["ALL"], "add": [] } });
    assert_eq!(container["securityContext"], security, "{patch}");
    let port = json!([{ "name": "net.ipv4.ip_unprivileged_port_start", "value": "80" }]);
    assert_eq!(pod["securityContext"], json!({ "fsGroup": 33, "sysctls": port }), "{patch}");
    let mounts = container["volumeMounts"].as_array().unwrap();
    let paths: BTreeSet<&str> = mounts.iter().map(|m| m["mountPath"].as_str().unwrap()).collect();
    assert_eq!(paths, BTreeSet::from(["/run", "/var/lib/nginx"]), "{patch}");
    // By Podman alone: with all of it, and without any one of it.
    let all = ["user", "port", "/run", "/var/lib/nginx"];
    let options = |without: &str| -> Vec<String> {
        let mut options = Vec::new();
        for one in all.into_iter().filter(|one| *one != without) {
            options.push(match one {
                "user" => "--user=33:33".to_owned(),
                "port" => "--sysctl=net.ipv4.ip_unprivileged_port_start=80".to_owned(),
                // Of root's own folder runc 1.1 takes the mode.
                path => format!("--volume={}:{path}", empty(folder.path(), path)),
            });
        }
        options
    };
    again::passes_with(case, &image, &options("nothing"));
    for without in all {
        again::fails_with(case, &image, &options(without));
    }
    // What kubectl has written needs nothing more.
    fs::write(folder.path().join("web.yaml"), &after).unwrap();
    let path = folder.path().join("web.yaml");
    let more = ["--watch", "0s", "--json", "--try-zero"];
    let again = fit(&[&["-f", path.to_str().unwrap()], &more[..]].concat(), "");
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    let profile: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(profile["status"]["searches"][0]["minimum"], json!([]));
}

/// A new empty folder of this machine that everybody may write to.
fn empty(folder: &Path, path: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let made = tempfile::Builder::new().prefix(&path.replace('/', "-")).tempdir_in(folder).unwrap();
    fs::set_permissions(made.path(), fs::Permissions::from_mode(0o777)).unwrap();
    made.keep().to_str().unwrap().to_owned()
}

#[test]
fn the_redis_image_comes_to_zero_as_its_user() {
    testkit::needs!(root, podman, debian, bpf);
    debian_image();
    let image = debian_image_with("redis-official", REDIS);
    let output = fit(&["--image", &image, "--watch", "0s", "--json", "--try-zero"], "");
    let profile = crate::json_of(&output);
    let zero = &profile["status"]["zero"][0];
    assert_eq!(output.status.code(), Some(0), "{zero}\n{}", text(&output.stderr));
    assert_eq!((&zero["reached"], &zero["remains"]), (&json!(true), &json!([])), "{zero}");
    let redis = user_of(&image, "redis");
    let user = &zero["changes"][0];
    assert_eq!(zero["changes"].as_array().unwrap().len(), 1, "{zero}");
    assert_eq!((&user["change"]["kind"], &user["result"]), (&json!("user"), &json!("holds")));
    assert_eq!(user["change"]["user"].to_string(), redis);
    let removes = json!(["CHOWN", "DAC_OVERRIDE", "SETGID", "SETUID"]);
    assert_eq!(user["removes"], removes, "{zero}");
    let redis_case = case("redis");
    again::passes_with(redis_case, &image, &[format!("--user={redis}")]);
    again::fails_with(redis_case, &image, &[]);
}

#[test]
fn the_ping_deployment_comes_to_zero_by_a_sysctl() {
    testkit::needs!(root, podman, debian, bpf, program("kubectl"));
    debian_image();
    let case = case("ping");
    let image = debian_image_with(case.name, case.lines);
    let folder = tempfile::tempdir().unwrap();
    let words = [case.fit, &["--allow-widen"]].concat();
    let (output, patch, written) = to_zero(case, &image, folder.path(), &words);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(written.contains("- NET_RAW"), "{written}");
    let pod = pod(&patched(folder.path()));
    let sysctls = json!([{ "name": "net.ipv4.ping_group_range", "value": "0 2147483647" }]);
    assert_eq!(pod["securityContext"], json!({ "sysctls": sysctls }), "{patch}");
    let security = json!({ "capabilities": { "drop": ["ALL"], "add": [] } });
    assert_eq!(pod["containers"][0]["securityContext"], security, "{patch}");
    let open = ["--sysctl=net.ipv4.ping_group_range=0 2147483647".to_owned()];
    again::passes_with(case, &image, &open);
    again::fails_with(case, &image, &[]);
}

#[test]
fn another_port_is_tried_where_no_sysctl_can_be_set() {
    testkit::needs!(root, podman, bpf, program("kubectl"));
    let folder = tempfile::tempdir().unwrap();
    let web = Case {
        container: "command: [httpd]\n        args: [-f, -p, '80']\n        ports: [{name: http, \
                    containerPort: 80}]\n        readinessProbe: {tcpSocket: {port: http}}",
        pod: "hostNetwork: true",
        ..*case("nginx")
    };
    let output = folder.path().join("profile.yaml");
    let words = ["--output", output.to_str().unwrap()];
    let (fitted, patch, _) = to_zero(&web, testkit::image(), folder.path(), &words);
    assert_eq!(fitted.status.code(), Some(0), "{}", text(&fitted.stderr));
    let container = &pod(&patched(folder.path()))["containers"][0];
    assert_eq!(container["args"], json!(["-f", "-p", "8080"]), "{patch}");
    assert_eq!(container["ports"].as_array().unwrap().len(), 1, "{container}");
    assert_eq!(container["ports"][0]["containerPort"], 8080, "{container}");
    assert_eq!(container["readinessProbe"], json!({ "tcpSocket": { "port": 8080 } }));
    assert!(!patch.contains("sysctls"), "{patch}");
    // What is kept of it is read again.
    let show = Command::new(testkit::dropcap()).args(["profile", "show"]).arg(&output).output();
    let show = show.unwrap();
    assert_eq!(show.status.code(), Some(0), "{}", text(&show.stderr));
    let kept = fs::read_to_string(output).unwrap();
    assert!(kept.contains("kind: port") && kept.contains("result: holds"), "{kept}");
}

#[test]
fn what_is_gained_short_of_zero_is_told_and_written() {
    testkit::needs!(root, podman, bpf, time);
    let folder = tempfile::tempdir().unwrap();
    let patch = folder.path().join("zero.yaml");
    let words = ["--image", testkit::image(), "--until-exit", "--try-zero", "--zero-patch"];
    let script = ["--", "sh", "-c", "httpd -p 80 && chroot / true"];
    let closed = "--sysctl net.ipv4.ip_unprivileged_port_start=1024";
    let output = fit(&[&words[..], &[patch.to_str().unwrap()], &script].concat(), closed);
    let (said, printed) = (text(&output.stderr), text(&output.stdout));
    assert_eq!(output.status.code(), Some(1), "{said}{printed}");
    assert!(printed.contains("not reached, 1 capability left"), "{printed}");
    // By the engine's seccomp profile, which lets it through with the capability only.
    assert!(printed.contains("chroot /: EPERM, no capability asked for"), "{printed}");
    assert!(printed.lines().all(|line| line.chars().count() <= 80), "{printed}");
    let patch = fs::read_to_string(patch).unwrap();
    assert!(patch.contains("add: [SYS_CHROOT]") && patch.contains("value: \"80\""), "{patch}");
    assert!(!patch.contains("runAsUser"), "{patch}");
}

#[test]
fn an_empty_folder_that_hides_what_is_wanted_never_holds() {
    testkit::needs!(root, podman, debian, bpf);
    let file = "/var/lib/dpkg/status";
    let script = format!(
        "touch /var/lib/dpkg/new && chown 33:33 /var/lib/dpkg/new && head -c 1 {file} > /dev/null && \
         setpriv --reuid 33 --clear-groups true"
    );
    let words =
        ["--image", debian_image(), "--until-exit", "--try-zero", "--", "sh", "-c", &script];
    let output = fit(&words, "");
    let (said, printed) = (text(&output.stderr), text(&output.stdout));
    assert_eq!(output.status.code(), Some(1), "{said}{printed}");
    assert!(printed.contains("to zero  not reached"), "{printed}");
    let printed = printed.replace("\n", " ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(printed.contains("fails emptyDir at /var/lib/dpkg"), "{printed}");
    assert!(printed.contains(&format!("{file}: not there")), "{printed}");
    assert!(printed.contains("RUN chown"), "{printed}");
    assert!(!printed.contains("holds"), "{printed}");
}

/// Nothing of a list takes effect in it; with the sysctl alone it passes.
#[test]
fn a_user_that_is_not_root_binds_a_low_port_by_a_sysctl_alone() {
    testkit::needs!(root, podman, bpf, program("kubectl"));
    let folder = tempfile::tempdir().unwrap();
    let case = Case {
        container: "command: [httpd, -f, -p, '80']\n        securityContext: {runAsUser: 33}\n        \
                    readinessProbe: {tcpSocket: {port: 80}}",
        pod: "terminationGracePeriodSeconds: 1",
        ..*case("nginx")
    };
    let file = folder.path().join("web.yaml");
    fs::write(&file, deployment(&case, testkit::image())).unwrap();
    let output = fit(&["-f", file.to_str().unwrap(), "--watch", "0s"], "");
    let said = text(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(1), "{said}");
    let sysctl = "sysctl net.ipv4.ip_unprivileged_port_start = \"80\" of the pod does instead, alone; \
                  --try-zero tries it (safe since Kubernetes 1.22;";
    assert!(said.contains(sysctl), "{said}");
    let (output, patch, written) = to_zero(&case, testkit::image(), folder.path(), &[]);
    let (said, printed) = (text(&output.stderr), text(&output.stdout));
    assert_eq!(output.status.code(), Some(0), "{said}{printed}");
    assert!(printed.contains("to zero  reached"), "{printed}");
    assert_eq!(written, deployment(&case, testkit::image()), "no list is written");
    let after = patched(folder.path());
    let sysctls = json!([{ "name": "net.ipv4.ip_unprivileged_port_start", "value": "80" }]);
    assert_eq!(pod(&after)["securityContext"], json!({ "sysctls": sysctls }), "{patch}");
    let security = json!({ "runAsUser": 33, "capabilities": { "drop": ["ALL"], "add": [] } });
    assert_eq!(pod(&after)["containers"][0]["securityContext"], security, "{patch}");
    fs::write(&file, &after).unwrap();
    let again = fit(&["-f", file.to_str().unwrap(), "--watch", "0s"], "");
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
}

/// Its test does not notice that it reads no secret any more.
#[test]
fn what_it_does_otherwise_without_the_test_s_noticing_is_told() {
    testkit::needs!(root, podman, debian, bpf);
    let script = "if [ $(id -u) = 0 ]; then chown 33 /srv && setpriv --reuid 33 --regid 33 \
                  --clear-groups true; fi && { head -c 1 /etc/shadow || true; }";
    let words = ["--image", debian_image(), "--until-exit", "--try-zero", "--", "sh"];
    let output = fit(&[&words[..], &["-ec", script]].concat(), "");
    let (said, printed) = (text(&output.stderr), text(&output.stdout));
    assert_eq!(output.status.code(), Some(1), "{said}{printed}");
    assert!(printed.contains("to zero  reached for the test alone"), "{said}{printed}");
    assert!(printed.contains("open /etc/shadow: EACCES"), "{printed}");
    let printed = printed.replace("\n# ", " ");
    assert!(printed.contains("does otherwise than before: open /etc/shadow: EACCES"), "{printed}");
}

#[test]
fn a_command_of_this_machine_is_no_container() {
    let output = Command::new(testkit::dropcap())
        .args(["fit", "--try-zero", "--", "true"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--try-zero is for containers"));
}
