//! The admission policy, evaluated by an implementation of CEL on many pods: its verdicts are ours.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Arc;

use caps::{CapSet, Capability};
use cel::objects::Key;
use cel::{Context, Env, Value, extensions};
use serde_json::{Value as Json, json};

use crate::verdict::{self, Allowed, Verdict};
use crate::{NGINX_SET, exported};

/// Pod specs, half of them with odd words; those that Pod Security's own code was recorded on.
const RECORDED: &str = include_str!("../../../resolve/tests/pod_security/recorded.jsonl");

/// Compiled expressions of a policy, by name and in order.
struct Policy {
    env: Arc<Env>,
    variables: Vec<(String, cel::Program)>,
    validations: Vec<(cel::Program, cel::Program)>,
}

/// What became of a request: the messages of the validations that failed.
type Messages = Vec<String>;

impl Policy {
    /// Of what the command exports.
    fn of(args: &[&str]) -> Self {
        let text = exported(&[&["--to", "vap"], args].concat());
        let mut documents = text.split("\n---\n");
        let policy: Json = serde_yaml_ng::from_str(documents.next().unwrap()).unwrap();
        let binding: Json = serde_yaml_ng::from_str(documents.next().unwrap()).unwrap();
        assert_eq!(binding["spec"]["policyName"], policy["metadata"]["name"]);
        let mut env = Env::stdlib();
        env.add_extension(extensions::strings).unwrap();
        let compile = |expression: &Json| {
            let expression = expression.as_str().unwrap();
            env.compile(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
        };
        let list = |key: &str| policy["spec"][key].as_array().unwrap();
        let variables = list("variables").iter().map(|variable| {
            (variable["name"].as_str().unwrap().to_owned(), compile(&variable["expression"]))
        });
        let validations = list("validations").iter().map(|validation| {
            (compile(&validation["expression"]), compile(&validation["messageExpression"]))
        });
        let (variables, validations) = (variables.collect(), validations.collect());
        Self { env: Arc::new(env), variables, validations }
    }

    /// As the API server does it: what it puts into the context, the variables in order, each validation, and
    /// the message of those that are not true.
    fn judge(&self, object: &Json, old: Option<&Json>) -> (HashMap<String, Value>, Messages) {
        let operation = if old.is_some() { "UPDATE" } else { "CREATE" };
        let mut context = Context::with_env(Arc::clone(&self.env));
        context.add_variable("object", object).unwrap();
        context.add_variable("oldObject", old.unwrap_or(&Json::Null)).unwrap();
        context.add_variable("request", json!({ "operation": operation })).unwrap();
        let mut variables: HashMap<String, Value> = HashMap::new();
        for (name, program) in &self.variables {
            context.add_variable_from_value("variables", variables.clone());
            let value = program.execute(&context);
            let value = value.unwrap_or_else(|error| panic!("{name} of {object}: {error}"));
            variables.insert(name.clone(), value);
        }
        context.add_variable_from_value("variables", variables.clone());
        let mut messages = Vec::new();
        for (validation, message) in &self.validations {
            match validation.execute(&context).unwrap() {
                Value::Bool(true) => {}
                Value::Bool(false) => match message.execute(&context).unwrap() {
                    Value::String(text) => messages.push((*text).clone()),
                    other => panic!("a message is a string: {other:?}"),
                },
                other => panic!("a validation is true or false: {other:?}"),
            }
        }
        (variables, messages)
    }

    /// The verdict in our words.
    fn verdict(&self, object: &Json) -> Verdict {
        let (variables, messages) = self.judge(object, None);
        let names = |variable: &str| match &variables[variable] {
            Value::List(containers) => containers.iter().map(name).collect::<Vec<String>>(),
            other => panic!("{variable}: {other:?}"),
        };
        let verdict = Verdict {
            keeping: names("keeping"),
            privileged: names("privileged"),
            adding: names("adding"),
        };
        let lists = [&verdict.keeping, &verdict.privileged, &verdict.adding];
        assert_eq!(messages.len(), lists.iter().filter(|list| !list.is_empty()).count());
        for (message, names) in messages.iter().zip(lists.iter().filter(|l| !l.is_empty())) {
            assert!(names.iter().all(|name| message.contains(name.as_str())), "{message}");
        }
        verdict
    }
}

/// The name of a container.
fn name(container: &Value) -> String {
    let Value::Map(map) = container else { panic!("{container:?}") };
    match map.get(&Key::from("name")) {
        Some(Value::String(name)) => (**name).clone(),
        other => panic!("{other:?}"),
    }
}

/// The API server reads a pod into a Go struct and writes it again: what is null or an empty list is gone.
fn as_served(value: Json) -> Json {
    match value {
        Json::Object(map) => {
            let nothing = |value: &Json| value.is_null() || *value == json!([]);
            map.into_iter().filter(|(_, v)| !nothing(v)).map(|(k, v)| (k, as_served(v))).collect()
        }
        Json::Array(items) => items.into_iter().map(as_served).collect(),
        other => other,
    }
}

/// The spec as a pod, or in the template of what makes pods.
fn wrapped(spec: Json, index: usize) -> Json {
    let meta = json!({ "name": "p" });
    let template = json!({ "metadata": {}, "spec": spec });
    let kind = |api: &str, kind: &str, spec: Json| json!({ "apiVersion": api, "kind": kind, "metadata": meta, "spec": spec });
    match index % 8 {
        0 => kind("apps/v1", "Deployment", json!({ "template": template })),
        1 => kind("apps/v1", "DaemonSet", json!({ "template": template })),
        2 => kind("apps/v1", "StatefulSet", json!({ "template": template })),
        3 => kind("apps/v1", "ReplicaSet", json!({ "template": template })),
        4 => kind("batch/v1", "Job", json!({ "template": template })),
        5 => kind(
            "batch/v1",
            "CronJob",
            json!({ "jobTemplate": { "spec": { "template": template } } }),
        ),
        _ => kind("v1", "Pod", spec),
    }
}

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

/// Pods of our own: nearly right, in many spellings, so that both verdicts come up.
fn generated(count: usize) -> Vec<Json> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let pods = (0..count).map(|index| {
        let mut containers = |list: &str, most: usize| -> Vec<Json> {
            let number = dice.below(most + 1).max(usize::from(list == "c"));
            let containers = (0..number).map(|at| {
                let mut capabilities = json!({});
                if dice.below(12) > 0 {
                    let all = ["ALL", "ALL", "ALL", "all", "All", "aLL"];
                    let mut drop = vec![dice.of(&all)];
                    match dice.below(14) {
                        0 => drop[0] = dice.of(&["CAP_ALL", "ALL ", "*", "NET_RAW", ""]),
                        1 => drop.insert(0, dice.of(&["NET_RAW", "cap_chown", "FOO"])),
                        _ => {}
                    }
                    capabilities["drop"] = json!(drop);
                }
                let add: Vec<String> = (0..dice.below(4))
                    .map(|_| {
                        let name = dice.of(&["NET_BIND_SERVICE", "CHOWN", "KILL", "SETUID"]);
                        match dice.below(24) {
                            0 => dice.of(&["SYS_ADMIN", "NET_RAW", "ALL", "all", "13", ""]).to_owned(),
                            1 => dice.of(&["CAP_ALL", "NET_RAWW", "*", " KILL"]).to_owned(),
                            2 => format!("CAP_CAP_{name}"),
                            3 => format!("CAP_{name}"),
                            4 => format!("cap_{}", name.to_lowercase()),
                            5 => name.to_lowercase(),
                            _ => name.to_owned(),
                        }
                    })
                    .collect();
                capabilities["add"] = json!(add);
                let mut container = json!({
                    "name": format!("{list}{at}"),
                    "image": dice.of(&["nginx:1.27", "docker.io/library/nginx:1.27", "nginx:1.26", "web"]),
                    "securityContext": { "capabilities": capabilities },
                });
                if dice.below(16) == 0 {
                    container["securityContext"]["privileged"] = json!(dice.below(2) == 0);
                }
                container
            });
            containers.collect()
        };
        let mut spec = json!({
            "containers": containers("c", 2),
            "initContainers": containers("i", 1),
            "ephemeralContainers": containers("e", 1),
        });
        if index % 17 == 0 {
            spec["os"] = json!({ "name": if index % 2 == 0 { "windows" } else { "linux" } });
        }
        spec
    });
    pods.collect()
}

/// All pods, each as the API server would show it.
fn pods() -> Vec<Json> {
    let recorded = RECORDED.lines().skip(1).map(|line| {
        let line: Json = serde_json::from_str(line).unwrap();
        line["spec"].clone()
    });
    let specs = recorded.chain(generated(400)).enumerate();
    specs.map(|(index, spec)| as_served(wrapped(spec, index))).collect()
}

/// Holds the policy against our verdicts on every pod, and says how often each came up.
fn agrees(args: &[&str], allowed: &Allowed) {
    let policy = Policy::of(args);
    let (mut pass, mut fail) = (0, 0);
    let mut lists = [0; 3];
    let pods = pods();
    let tried: Vec<&Json> = testkit::sample(&pods).collect();
    for pod in &tried {
        let manifest = manifest::parse("pod.json", pod.to_string());
        assert_eq!(manifest.problems, [], "{pod}");
        let [workload] = manifest.workloads.as_slice() else { panic!("{pod}") };
        let ours = verdict::of(workload, allowed);
        let theirs = policy.verdict(pod);
        // The order is that of the lists of containers, here and there.
        let sorted = |mut verdict: Verdict| {
            for list in [&mut verdict.keeping, &mut verdict.privileged, &mut verdict.adding] {
                list.sort();
            }
            verdict
        };
        let (ours, theirs) = (sorted(ours), sorted(theirs));
        assert_eq!(theirs, ours, "{args:?}: {pod}");
        if ours.passes() {
            pass += 1
        } else {
            fail += 1
        }
        lists[0] += usize::from(!ours.keeping.is_empty());
        lists[1] += usize::from(!ours.privileged.is_empty());
        lists[2] += usize::from(!ours.adding.is_empty());
    }
    // Past the test harness, which swallows what a test prints that passes.
    let _ = writeln!(
        std::io::stderr(),
        "policy {}: {pass} pods pass and {fail} do not, as dropcap says",
        args.join(" ")
    );
    // Of a thousand pods a hundred, three hundred, and fifty.
    let is = |count: usize, share: usize| count * 1000 >= tried.len() * share;
    assert!(is(pass, 100) && is(fail, 300), "both verdicts: {pass}, {fail}");
    assert!(lists.iter().all(|count| is(*count, 50)), "every reason: {lists:?}");
}

#[test]
fn a_policy_of_named_capabilities_judges_as_dropcap_does() {
    let any = CapSet::of(&[Capability::NET_BIND_SERVICE]);
    agrees(&["--allow", "NET_BIND_SERVICE"], &Allowed { any, ..Allowed::default() });
    agrees(&["--allow", "none"], &Allowed::default());
}

#[test]
fn a_policy_of_profiles_judges_as_dropcap_does() {
    let any = NGINX_SET | CapSet::from(Capability::KILL);
    agrees(&["nginx.yaml", "--allow", "KILL"], &Allowed { any, ..Allowed::default() });
}

#[test]
fn a_policy_by_image_judges_as_dropcap_does() {
    let by_image = [
        ("docker.io/library/nginx:1.27".to_owned(), NGINX_SET),
        (
            "nginx:1.26".to_owned(),
            CapSet::of(&[Capability::NET_BIND_SERVICE, Capability::KILL, Capability::CHOWN]),
        ),
    ];
    let any = CapSet::from(Capability::KILL);
    let args = ["--by-image", "--incomplete", "nginx.yaml", "hand.yaml", "--allow", "KILL"];
    agrees(&args, &Allowed { any, by_image: by_image.into() });
}

/// Who scales a deployment down, or takes a finalizer off, need not mend it first; who changes a container
/// must.
#[test]
fn an_update_is_judged_by_what_it_changes() {
    let policy = Policy::of(&["--allow", "none"]);
    let deployment = |replicas: u8, images: [&str; 2]| {
        let container = |name: &str, image: &str| json!({ "name": name, "image": image });
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
            "spec": { "replicas": replicas, "template": { "spec": { "containers":
                [container("a", images[0]), container("b", images[1])] } } } })
    };
    let old = deployment(3, ["a:1", "b:1"]);
    let (_, created) = policy.judge(&old, None);
    assert_eq!(created, ["must drop ALL: a, b (securityContext.capabilities.drop: [ALL])"]);
    let (_, scaled) = policy.judge(&deployment(0, ["a:1", "b:1"]), Some(&old));
    assert_eq!(scaled, Messages::new());
    let (_, changed) = policy.judge(&deployment(3, ["a:1", "b:2"]), Some(&old));
    assert_eq!(changed, ["must drop ALL: b (securityContext.capabilities.drop: [ALL])"]);
    // `kubectl debug`: a pod is updated with one container more.
    let pod = json!({ "kind": "Pod", "spec": { "containers": [{ "name": "web" }] } });
    let mut debugged = pod.clone();
    debugged["spec"]["ephemeralContainers"] = json!([{ "name": "debugger", "securityContext":
        { "privileged": true, "capabilities": { "drop": ["all"], "add": ["cap_sys_ptrace", "KILL"] } } }]);
    let (_, said) = policy.judge(&debugged, Some(&pod));
    assert_eq!(
        said,
        ["must not be privileged: debugger", "must not add: debugger adds cap_sys_ptrace KILL"]
    );
}
