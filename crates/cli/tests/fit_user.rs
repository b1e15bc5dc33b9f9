//! `dropcap fit --sandbox` by an ordinary user: what it decides in a user namespace is what root finds,
//! what it cannot decide it says, and it leaves nothing.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use caps::{Asks, CapSet, Capability};
use serde_json::Value;

/// The first of the ordinary users that no machine has, one for each [`Machine`].
const FIRST_USER: u32 = 62_200;
/// As that user, on a machine that knows it: in a mount namespace of its own, so that the machine's
/// files stay as they are.
const AS_USER: &str = r#"set -e
mount --make-rprivate /
for file in passwd group subuid subgid; do mount --bind "$1/$file" "/etc/$file"; done
user=$2
shift 2
cd /
exec setpriv --reuid $user --regid $user --clear-groups --inh-caps -all "$@"
"#;
/// What comes before the user there where somebody mounts and unmounts something all the while.
const MOUNTS: &str = r#"mount -t tmpfs none /srv
mkdir /srv/there
while mount -t tmpfs none /srv/there && sleep 0.02; do umount /srv/there; sleep 0.02; done &
trap "kill $!" EXIT
"#;
/// In a user namespace of that user's, in which no other can be made; then without a capability.
const FORBIDDEN: &str = "echo 0 > /proc/sys/user/max_user_namespaces && \
    exec setpriv --inh-caps -all --ambient-caps -all \"$@\"";

/// A machine on which the user has subordinate IDs, or none; and a copy of dropcap that it may execute.
struct Machine {
    folder: tempfile::TempDir,
    user: u32,
    /// As long as it is locked nobody else is this user: tests and test runs go on beside each other.
    _lock: File,
}

/// A user that nobody is, and the lock by which that stays so.
fn free_user() -> (u32, File) {
    let lock = |user: u32| {
        let file = std::env::temp_dir().join(format!("dropcap-test-user-{user}.lock"));
        let file = File::create(file).unwrap();
        file.try_lock().is_ok().then_some((user, file))
    };
    (FIRST_USER..).find_map(lock).unwrap()
}

impl Machine {
    fn new(subordinate: bool) -> Self {
        // Not in /tmp, which is another one in a sandbox.
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let (user, lock) = free_user();
        let machine = Self { folder, user, _lock: lock };
        for (file, more) in
            [("passwd", format!("{user}:{user}::/:/bin/sh")), ("group", format!("{user}:"))]
        {
            let text = fs::read_to_string(Path::new("/etc").join(file)).unwrap();
            machine.put(file, &format!("{}\nordinary:x:{more}\n", text.trim_end()));
        }
        let text = format!("ordinary:{}:65536\n", machine.first());
        let text = if subordinate { &text } else { "" };
        machine.put("subuid", text);
        machine.put("subgid", text);
        let (from, to) = (testkit::dropcap(), machine.at("dropcap"));
        fs::hard_link(&from, &to).unwrap_or_else(|_| testkit::programs::copy(&from, &to));
        machine
    }

    /// The first subordinate ID.
    fn first(&self) -> u32 {
        self.user * 65_536 % 1_000_000_000 + 1_000_000_000
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.at(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    }

    /// dropcap with these words, after the words of `first`, by the user.
    fn command(&self, first: &[&str], words: &[&str]) -> Command {
        self.command_by(AS_USER, first, words)
    }

    fn command_by(&self, script: &str, first: &[&str], words: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", script, "sh"])
            .arg(self.folder.path())
            .arg(self.user.to_string())
            .args(first);
        command.arg(self.at("dropcap")).args(words).stdin(Stdio::null());
        command.env("NO_COLOR", "1").env("COLUMNS", "80").env("HOME", "/");
        command
    }

    /// What there is of the user's processes, and what is mounted here that could be a sandbox's: what others
    /// mount comes and goes.
    fn counted(&self) -> (BTreeSet<String>, Vec<String>) {
        let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let subordinate = self.first()..self.first() + 65_536;
        let is_users = |path: &PathBuf| {
            let status = fs::read_to_string(path.join("status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("Uid:\t"));
            let uid = line.and_then(|line| line.split('\t').next()?.parse().ok());
            uid.is_some_and(|uid: u32| uid == self.user || subordinate.contains(&uid))
        };
        let processes = processes.filter(is_users).map(|path| path.display().to_string()).collect();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        // What lies in its folder, its layers, and what it is put together on.
        let folder = self.folder.path().display().to_string();
        let own = [folder.as_str(), "userxattr", " /sys "];
        let mounts = mounts.lines().filter(|line| own.iter().any(|own| line.contains(own)));
        (processes, mounts.map(str::to_owned).collect())
    }

    fn fit(&self, options: &[&str], script: &str) -> Output {
        let words = [&["fit", "--sandbox"], options, &["--", "/bin/sh", "-c", script]].concat();
        self.command(&[], &words).output().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The profiles' schema, made ready once: unoptimised, that takes a while.
fn validator() -> &'static jsonschema::Validator {
    static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/profile-v1.json");
        let schema = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        jsonschema::validator_for(&schema).unwrap()
    });
    &VALIDATOR
}

/// What was found: the exit status, the set, and what is undecided.
fn found(output: &Output) -> (Option<i32>, CapSet, CapSet, Value) {
    let profile: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", text(&output.stderr)));
    let errors: Vec<String> = validator().iter_errors(&profile).map(|e| e.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    let add = set(&profile["spec"]["capabilities"]["add"]);
    let undecided = set(&profile["status"]["searches"][0]["undecided"]);
    // Whatever was found: no later `fix --profile` takes it for the whole answer.
    assert_eq!(
        (&profile["status"]["complete"], &profile["status"]["proof"]),
        (&false.into(), &"unproven".into())
    );
    let reasons = profile["status"]["incomplete"].to_string();
    assert!(reasons.contains(&format!("undecided in a user namespace: {undecided}")), "{reasons}");
    (output.status.code(), add, undecided, profile)
}

fn set(names: &Value) -> CapSet {
    let names = names.as_array().map(Vec::as_slice).unwrap_or_default().iter();
    names.map(|name| name.as_str().unwrap().parse::<Capability>().unwrap()).collect()
}

/// One of groundtruth's programs, and its true minimal sets on overlayfs.
fn of_groundtruth(name: &str) -> (PathBuf, Vec<CapSet>) {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../groundtruth/programs").join(name);
    let truth: toml::Value =
        toml::from_str(&fs::read_to_string(folder.join("truth.toml")).unwrap()).unwrap();
    let sets = truth["overlayfs"]["minimal"].as_array().unwrap().iter();
    let one = |names: &toml::Value| -> CapSet {
        let names = names.as_array().unwrap().iter();
        names.map(|name| name.as_str().unwrap().parse::<Capability>().unwrap()).collect()
    };
    (folder, sets.map(one).collect())
}

/// The search for one of groundtruth's programs, as its own driver makes runs of it: prepared, set up,
/// what it prints in `/groundtruth/out`.
fn search(machine: &Machine, name: &str) -> (Option<i32>, CapSet, CapSet, Vec<CapSet>) {
    let (folder, truth) = of_groundtruth(name);
    let mut setup =
        "mkdir -m 755 /groundtruth && : > /groundtruth/out && chmod 666 /groundtruth/out"
            .to_owned();
    for script in ["prepare", "setup", "run", "test"] {
        let Ok(text) = fs::read_to_string(folder.join(script)) else { continue };
        let copy = format!("{name}.{script}");
        machine.put(&copy, &text);
        let here = machine.folder.path().display();
        match script {
            // Of the image; what lies in /usr is nobody's here.
            "prepare" => setup.push_str(&format!(" && (sh {here}/{copy} || :)")),
            "setup" => setup.push_str(&format!(" && sh {here}/{copy}")),
            _ => {}
        }
    }
    let description = fs::read_to_string(folder.join("program.toml")).unwrap();
    let here = machine.folder.path().display();
    let test = format!("sh {here}/{name}.test");
    let until_exit: &[&str] =
        if description.contains("service = true") { &["--watch", "0s"] } else { &["--until-exit"] };
    let options = [&["-q", "--json", "--setup", &setup, "--test", &test], until_exit].concat();
    let script = format!("exec sh {here}/{name}.run > /groundtruth/out 2>&1");
    let output = machine.fit(&options, &script);
    let (code, add, undecided, _) = found(&output);
    (code, add, undecided, truth)
}

/// Searches for some of groundtruth's programs, and holds what is found against the truth.
fn come_to_their_true_sets(programs: [&str; 5]) {
    testkit::needs!(root, user_namespaces, program("newuidmap"), program("setpriv"));
    testkit::needs!(program("ip"), program("ping"), program("setcap"), program("strace"));
    let machine = Machine::new(true);
    let before = machine.counted();
    for name in testkit::sample(&programs) {
        let (code, add, undecided, truth) = search(&machine, name);
        assert!(truth.contains(&add), "{name}: {add}, and the truth is {truth:?}");
        assert_eq!(code, Some(1), "{name}");
        assert!((undecided & add).is_empty() && undecided.contains(Capability::SYS_TIME), "{name}");
    }
    until("nothing of it is left", || machine.counted() == before);
}

#[test]
fn five_programs_come_to_their_true_sets_without_privilege() {
    come_to_their_true_sets(["cp-archive", "install", "setcap", "start-stop-daemon", "tar-create"]);
}

#[test]
fn and_five_more() {
    testkit::needs!(time);
    come_to_their_true_sets(["ip-link", "mount-tmpfs", "ping", "strace", "tar-extract"]);
}

#[test]
fn what_asks_the_machine_itself_is_undecided() {
    testkit::needs!(root, user_namespaces, program("newuidmap"), program("setpriv"));
    let machine = Machine::new(true);
    // The program fails whatever it has, as the machine is asked: SYS_NICE, and a clock.
    let (code, add, undecided, truth) = search(&machine, "priorities");
    assert_eq!(truth, [CapSet::from(Capability::SYS_NICE)]);
    assert_eq!((code, add), (Some(1), CapSet::EMPTY));
    assert!(undecided.contains(Capability::SYS_NICE));
    let output = machine.fit(&[], "date -s @1000000000");
    assert_eq!(output.status.code(), Some(1));
    let (said, warned) = (text(&output.stdout), text(&output.stderr));
    assert!(said.contains("undecided fails even with everything that a user namespace"), "{said}");
    assert!(said.contains("cannot set date: Operation not permitted"), "{said}");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("sudo dropcap fit … decides"), "{said}");
    assert!(warned.contains("runs are made in a user namespace with 65537 users"), "{warned}");
    // One that shrugs it off passes, and what it would have used is undecided all the same.
    let script = "date -s @1000000000 2> /dev/null; chown 33 /srv";
    let (code, add, undecided, profile) = found(&machine.fit(&["-q", "--json"], script));
    assert_eq!((code, add), (Some(1), CapSet::from(Capability::CHOWN)));
    assert!(undecided.contains(Capability::SYS_TIME), "{undecided}");
    assert_eq!(profile["status"]["searches"][0]["found"], "inPart");
    // Decided are only those of which every check asks the own namespace.
    let own = [
        Capability::SETGID,
        Capability::SETUID,
        Capability::NET_BROADCAST,
        Capability::IPC_OWNER,
        Capability::SYS_CHROOT,
    ];
    let start = set(&profile["status"]["searches"][0]["start"]);
    assert_eq!(start - add - undecided, CapSet::of(&own));
}

#[test]
fn it_says_what_it_does_and_what_it_found() {
    testkit::needs!(root, user_namespaces, program("newuidmap"), program("setpriv"));
    let machine = Machine::new(true);
    let file = machine.folder.path().join("made");
    fs::create_dir(&file).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o777)).unwrap();
    let profile = file.join("it.profile.yaml");
    let test = "test $(stat -c %u /srv) = 33";
    // Asked once it has ended, so that its end and the test's answer are no race.
    let options = ["--until-exit", "--test", test, "-o", profile.to_str().unwrap()];
    let output = machine.fit(&options, "chown 33 /srv; chroot / true");
    let said = format!("{}\n{}", text(&output.stderr), text(&output.stdout));
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r" +\d+\.\d+ s", " [T] s");
    settings.add_filter(r"/var/tmp/\S+", "[FILE]");
    // Said on a slow machine only.
    settings.add_filter(r"(?m)^ +(about|less than) .* left\n", "");
    settings.bind(|| insta::assert_snapshot!("fit_user_says", said));
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    // It is the user's own, and what it leaves out is said where it is used.
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(&profile).unwrap());
    assert_eq!(owner, machine.user);
    let shown = Command::new(testkit::dropcap()).args(["profile", "show"]).arg(&profile).output();
    let shown = text(&shown.unwrap().stdout);
    assert!(shown.contains("undecided in a user namespace"), "{shown}");
}

/// The table of what a user namespace decides, held against the kernel: the program that takes just that
/// capability (tests/provoke) comes to it where the own namespace is asked, and never passes where the
/// machine's is.
#[test]
fn the_table_of_what_is_decided_is_the_kernels() {
    testkit::needs!(root, user_namespaces, test_programs);
    testkit::needs!(program("newuidmap"), program("setpriv"));
    let machine = Machine::new(true);
    let table: toml::Value =
        toml::from_str(include_str!("../../../tests/provoke/provoke.toml")).unwrap();
    let mut rows = Vec::new();
    for row in table["provoke"].as_array().unwrap().iter().filter(|row| row.get("on").is_none()) {
        let capability: Capability = row["capability"].as_str().unwrap().parse().unwrap();
        match caps::asks(capability) {
            Asks::Own | Asks::Ids => rows.push((capability, CapSet::from(capability))),
            Asks::Initial => rows.push((capability, CapSet::EMPTY)),
            Asks::Files | Asks::Both => {}
        }
    }
    assert_eq!(rows.len(), 17);
    for (capability, decided) in testkit::sample(&rows) {
        let (capability, decided, name) = (*capability, *decided, &capability.to_string());
        let program = machine.at(name);
        testkit::programs::install("provoke", &name.to_lowercase(), &program);
        let output = machine.fit(&["-q", "--json"], &format!("exec {}", program.display()));
        let (_, add, undecided, _) = found(&output);
        assert_eq!(add, decided, "{name}");
        assert_ne!(undecided.contains(capability), decided.contains(capability), "{name}");
    }
}

/// What was found, as if it had been found of an image, is not written by who does not say so.
#[test]
fn what_is_undecided_is_not_dropped_by_a_later_fix() {
    testkit::needs!(root, user_namespaces, program("newuidmap"), program("setpriv"));
    let machine = Machine::new(true);
    let (.., mut profile) = found(&machine.fit(&["-q", "--json"], "chroot / true"));
    profile["spec"]["target"] = serde_json::json!({"image": "x"});
    machine.put("it.profile.yaml", &profile.to_string());
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  \
               - {name: c, image: x}\n";
    machine.put("pod.yaml", pod);
    let fix = |more: &[&str]| {
        let mut fix = Command::new(testkit::dropcap());
        fix.args(["fix", "--profile", "it.profile.yaml", "pod.yaml"]).args(more);
        let said = text(&fix.current_dir(machine.folder.path()).output().unwrap().stderr);
        (fs::read_to_string(machine.at("pod.yaml")).unwrap(), said)
    };
    let (fixed, said) = fix(&[]);
    assert_eq!(fixed, pod, "{said}");
    assert!(said.contains("undecided in a user namespace:"), "{said}");
    let (fixed, said) = fix(&["--incomplete", "--allow-widen"]);
    assert!(fixed.contains("SYS_CHROOT"), "{fixed}\n{said}");
    assert!(said.contains("undecided in a user namespace:"), "{said}");
}

#[test]
fn with_one_user_less_is_decided() {
    testkit::needs!(root, user_namespaces, program("setpriv"));
    let machine = Machine::new(false);
    let before = machine.counted();
    let output = machine.fit(&["--json"], "ip link add name left type veth peer name right");
    let warned = text(&output.stderr);
    assert!(
        warned.contains("one user and one group") && warned.contains("--add-subuids"),
        "{warned}"
    );
    let (code, add, undecided, _) = found(&output);
    assert_eq!((code, add), (Some(1), CapSet::from(Capability::NET_ADMIN)));
    assert!(undecided.contains(Capability::SETUID) && undecided.contains(Capability::SETGID));
    assert!(!undecided.contains(Capability::SYS_CHROOT));
    // There is nobody to give it to.
    let output = machine.fit(&["-q", "--json"], "chown 33 /srv");
    assert_eq!(found(&output).1, CapSet::EMPTY);
    let other = machine.fit(&["--user", "33"], "true");
    assert_eq!(other.status.code(), Some(2));
    assert!(text(&other.stderr).contains("no other user"), "{}", text(&other.stderr));
    until("nothing of it is left", || machine.counted() == before);
}

/// What was mounted when the machine was looked at is not what is when a sandbox is made.
#[test]
fn what_is_mounted_meanwhile_ends_no_search() {
    testkit::needs!(root, user_namespaces, program("newuidmap"), program("setpriv"));
    let machine = Machine::new(true);
    let words = ["fit", "-q", "--json", "--sandbox", "--", "chroot", "/", "true"];
    let script = AS_USER.replace("exec setpriv", &format!("{MOUNTS}setpriv"));
    for _ in 0..testkit::rounds(2, 6) {
        let output = machine.command_by(&script, &[], &words).output().unwrap();
        let (code, add, ..) = found(&output);
        let said = text(&output.stderr);
        assert_eq!((code, add), (Some(1), CapSet::from(Capability::SYS_CHROOT)), "{said}");
    }
}

#[test]
fn where_user_namespaces_are_forbidden_it_says_by_what() {
    testkit::needs!(root, user_namespaces, program("setpriv"));
    let machine = Machine::new(false);
    let first =
        ["unshare", "--user", "--map-current-user", "--keep-caps", "sh", "-c", FORBIDDEN, "sh"];
    let output = machine.command(&first, &["fit", "--sandbox", "--", "true"]).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("a sandbox takes root, or a user namespace: cannot make a user"),
        "{said}"
    );
    assert!(said.contains("/proc/sys/user/max_user_namespaces is 0"), "{said}");
}

/// Root of a container without the machine's rights decides no more than an ordinary user does.
#[test]
fn root_of_a_user_namespace_proves_nothing_either() {
    testkit::needs!(root, user_namespaces, program("setpriv"));
    let machine = Machine::new(false);
    let first = ["unshare", "--user", "--map-root-user", "--net"];
    let words = ["fit", "--json", "--setup", "true", "--", "ip", "link", "set", "lo", "up"];
    let (code, add, undecided, _) = found(&machine.command(&first, &words).output().unwrap());
    assert_eq!((code, add), (Some(1), CapSet::from(Capability::NET_ADMIN)));
    assert!(undecided.contains(Capability::SYS_TIME));
}

fn until(what: &str, so: impl Fn() -> bool) {
    let since = Instant::now();
    while !so() {
        assert!(since.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process has these words.
fn runs(marker: &str) -> bool {
    let lines = fs::read_dir("/proc").unwrap().flatten();
    let lines = lines.filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok());
    lines.map(|line| line.replace('\0', " ")).any(|line| line.trim() == marker)
}

#[test]
fn nothing_is_left_however_it_ends() {
    testkit::needs!(root, user_namespaces, program("newuidmap"), program("setpriv"));
    let machine = Machine::new(true);
    let before = machine.counted();
    let upper = machine.at("upper");
    fs::create_dir(&upper).unwrap();
    fs::set_permissions(&upper, Permissions::from_mode(0o777)).unwrap();
    // Two runs with all of it, which fail.
    let made = format!("/srv/dropcap-test-{}", std::process::id());
    let script = format!(
        "mkdir {made} && chown 33 {made} && rm -r {made} && mkdir {made} && \
         rm -r /var/lib/dpkg/info && echo done >&2; exit 3"
    );
    let options = ["-q", "--json", "--upper", upper.to_str().unwrap()];
    let (code, add, _, profile) = found(&machine.fit(&options, &script));
    assert_eq!((code, add), (Some(1), CapSet::EMPTY));
    let said = &profile["status"]["searches"][0]["runs"][0]["said"];
    assert_eq!(said, "ended with status 3 | done");
    assert_eq!(fs::read_dir(&upper).unwrap().count(), 0);
    assert!(Path::new("/var/lib/dpkg/info").exists() && !Path::new(&made).exists());
    for (signal, number) in [("-INT", 1), ("-KILL", 2)] {
        let marker = format!("sleep 700.{number}{}", std::process::id());
        let script = format!("trap '' INT TERM; setsid {marker} & wait");
        let words =
            ["fit", "--sandbox", "--test", "false", "--timeout", "1h", "--", "sh", "-c", &script];
        let mut command = machine.command(&[], &words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut dropcap: Child = command.spawn().unwrap();
        until("the program runs", || runs(&marker));
        // unshare, sh and setpriv have executed it in their place.
        let sent = Command::new("kill").args([signal, &dropcap.id().to_string()]).status();
        assert!(sent.unwrap().success());
        dropcap.wait().unwrap();
        until("all of it has ended", || !runs(&marker));
        until("no process of it is left", || machine.counted() == before);
    }
}

/// What root cannot find either, and what an ordinary user is told that takes root.
#[test]
fn what_being_root_does_not_mend_is_not_sent_to_root() {
    let machine = Machine::new(true);
    let output = machine.fit(&["--until-exit"], "cat /tmp/of-mine/page");
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("/tmp, which is") && !said.contains("sudo dropcap fit"), "{said}");
    let image = ["fit", "--image", "busybox", "--until-exit", "--", "true"];
    let output = machine.command(&[], &image).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("takes root") && !said.contains("pull"), "{said}");
}
