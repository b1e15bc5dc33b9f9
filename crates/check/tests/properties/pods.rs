//! Random pods: three containers, of which the middle one is what everything is asked of.

use manifest::Manifest;
use proptest::prelude::*;

/// Everything about a pod that decides.
#[derive(Debug, Clone)]
pub struct Pod {
    pub add: Option<Vec<&'static str>>,
    pub drop: Option<Vec<&'static str>>,
    pub user: &'static str,
    pub no_new_privs: bool,
    pub privileged: bool,
    pub host_pid: bool,
    pub host_path: bool,
    pub user_namespace: bool,
    pub flow: bool,
    /// A `containerPort`.
    pub port: Option<u16>,
    /// A sysctl of the pod opens low ports.
    pub open_ports: bool,
    /// It runs ping.
    pub ping: bool,
}

impl Pod {
    pub fn yaml(&self) -> String {
        let mut text =
            "apiVersion: v1\nkind: Pod # a pod\nmetadata: { name: web }\nspec:\n".to_owned();
        if self.host_pid {
            text += "  hostPID: true\n";
        }
        if self.user_namespace {
            text += "  hostUsers: false\n";
        }
        if self.open_ports {
            text += "  securityContext: { sysctls: [{ name: net.ipv4.ip_unprivileged_port_start, value: \"0\" }] }\n";
        }
        if self.host_path {
            text += "  volumes: [{ name: etc, hostPath: { path: /etc } }]\n";
        }
        text += "  containers:\n    - name: first # untouched\n      image: a\n      securityContext: \
                 { runAsUser: 1, capabilities: { drop: [ALL] } }\n    - name: web   # this one\n      image: b\n";
        if self.host_path {
            text += "      volumeMounts: [{ name: etc, mountPath: /etc }]\n";
        }
        if let Some(port) = self.port {
            text += &format!("      ports: [{{ containerPort: {port} }}]\n");
        }
        if self.ping {
            text += "      command: [ping, db]\n";
        }
        text += "      securityContext:\n        readOnlyRootFilesystem: true\n";
        text += self.user;
        if self.no_new_privs {
            text += "        allowPrivilegeEscalation: false\n";
        }
        if self.privileged {
            text += "        privileged: true\n";
        }
        if self.add.is_some() || self.drop.is_some() {
            text += "        capabilities:\n";
        }
        for (key, list) in [("add", &self.add), ("drop", &self.drop)] {
            let Some(words) = list else { continue };
            if self.flow || words.is_empty() {
                let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
                text += &format!("          {key}: [{}] # {key}\n", quoted.join(", "));
            } else {
                text += &format!("          {key}:\n");
                for word in words {
                    text += &format!("            - {word:?} # it says {word}\n");
                }
            }
        }
        text + "    - name: last\n      image: c\n      securityContext: { runAsUser: 1, capabilities: { drop: [ALL] } }\n"
    }

    pub fn manifest(&self) -> Manifest {
        let manifest = manifest::parse("pod.yaml", self.yaml());
        assert_eq!(manifest.problems, [], "{}", self.yaml());
        assert_eq!(manifest.containers().count(), 3);
        manifest
    }
}

pub const WELL: [&str; 12] = [
    "ALL",
    "CHOWN",
    "DAC_OVERRIDE",
    "KILL",
    "NET_RAW",
    "NET_BIND_SERVICE",
    "SETUID",
    "SYS_ADMIN",
    "SYS_TIME",
    "BPF",
    "PERFMON",
    "FOWNER",
];
const ODD: [&str; 12] = [
    "all",
    "net_raw",
    "CAP_NET_RAW",
    "cap_kill",
    "CAP_ALL",
    "CAP_SYS_ADMIN",
    "13",
    "SYS_ADMINN",
    "NET_RAWW",
    "*",
    "FOO",
    " CHOWN",
];

fn words(pool: Vec<&'static str>) -> impl Strategy<Value = Option<Vec<&'static str>>> {
    let list = prop::collection::vec(prop::sample::select(pool), 0..5);
    prop::option::weighted(0.8, list)
}

fn users() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "        runAsUser: 0\n",
        "        runAsUser: 1000\n",
        "        runAsNonRoot: true\n",
    ])
}

pub fn pods(pool: Vec<&'static str>) -> impl Strategy<Value = Pod> {
    let port = prop::sample::select(vec![None, Some(80), Some(8080)]);
    let around = (any::<bool>(), prop::bool::weighted(0.1), any::<[bool; 6]>(), port);
    (words(pool.clone()), words(pool), users(), around).prop_map(|(add, drop, user, around)| {
        let (no_new_privs, privileged, more, port) = around;
        let [host_pid, host_path, user_namespace, flow, open_ports, ping] = more;
        // The API server refuses both together.
        let no_new_privs = no_new_privs && !privileged;
        Pod {
            add,
            drop,
            user,
            no_new_privs,
            privileged,
            host_pid,
            host_path,
            user_namespace,
            flow,
            port,
            open_ports,
            ping,
        }
    })
}

pub fn any_pod() -> impl Strategy<Value = Pod> {
    pods(WELL.iter().chain(&ODD).copied().collect())
}
