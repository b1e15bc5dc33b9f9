//! Where a key belongs, from its name and from what stood before it.

/// Which keys a mapping has, as far as needed to find a lost place: a pod and what is around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Object,
    Meta,
    WorkloadSpec,
    CronJobSpec,
    Template,
    JobTemplate,
    PodSpec,
    PodSecurity,
    Container,
    Security,
    Capabilities,
    Port,
    Env,
    Mount,
    Volume,
    Resources,
    Selector,
    /// Any keys: labels, limits.
    Free,
    /// A value without keys.
    Leaf,
    /// A list of these.
    List(Item),
}

/// What a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Container,
    Port,
    Env,
    Mount,
    Volume,
    Scalar,
}

/// The keys of a shape and the shapes below them (k8s.io/api, `core/v1`, `apps/v1`, `batch/v1`).
#[rustfmt::skip]
fn child(shape: Shape, key: &str, pod: bool) -> Option<Shape> {
    Some(match (shape, key) {
        (Shape::Object, "apiVersion" | "kind" | "status") => Shape::Leaf,
        (Shape::Object | Shape::Template | Shape::JobTemplate, "metadata") => Shape::Meta,
        (Shape::Object, "spec") if pod => Shape::PodSpec,
        (Shape::Object, "spec") => Shape::WorkloadSpec,
        (Shape::Template, "spec") => Shape::PodSpec,
        (Shape::JobTemplate, "spec") => Shape::WorkloadSpec,
        (Shape::Meta, "name" | "generateName" | "namespace") => Shape::Leaf,
        (Shape::Meta, "labels" | "annotations") => Shape::Free,
        (Shape::CronJobSpec, "jobTemplate") => Shape::JobTemplate,
        (Shape::CronJobSpec, "schedule" | "concurrencyPolicy" | "suspend" | "timeZone" | "startingDeadlineSeconds"
            | "successfulJobsHistoryLimit" | "failedJobsHistoryLimit") => Shape::Leaf,
        (Shape::WorkloadSpec, "template") => Shape::Template,
        (Shape::WorkloadSpec, "selector") => Shape::Selector,
        (Shape::WorkloadSpec, "strategy" | "updateStrategy") => Shape::Free,
        (Shape::WorkloadSpec, "replicas" | "serviceName" | "minReadySeconds" | "revisionHistoryLimit" | "backoffLimit"
            | "completions" | "parallelism" | "ttlSecondsAfterFinished" | "podManagementPolicy") => Shape::Leaf,
        (Shape::Selector, "matchLabels") => Shape::Free,
        (Shape::PodSpec, "containers" | "initContainers" | "ephemeralContainers") => Shape::List(Item::Container),
        (Shape::PodSpec, "volumes") => Shape::List(Item::Volume),
        (Shape::PodSpec, "securityContext") => Shape::PodSecurity,
        (Shape::PodSpec, "nodeSelector") => Shape::Free,
        (Shape::PodSpec, "serviceAccountName" | "serviceAccount" | "hostNetwork" | "hostPID" | "hostIPC" | "hostUsers"
            | "restartPolicy" | "dnsPolicy" | "priorityClassName" | "nodeName" | "terminationGracePeriodSeconds"
            | "automountServiceAccountToken" | "runtimeClassName" | "shareProcessNamespace") => Shape::Leaf,
        (Shape::PodSecurity, "fsGroup" | "supplementalGroups" | "sysctls" | "runAsUser" | "runAsGroup" | "runAsNonRoot"
            | "seccompProfile") => Shape::Leaf,
        (Shape::Container, "name" | "image" | "imagePullPolicy" | "workingDir" | "tty" | "stdin") => Shape::Leaf,
        (Shape::Container, "command" | "args") => Shape::List(Item::Scalar),
        (Shape::Container, "ports") => Shape::List(Item::Port),
        (Shape::Container, "env") => Shape::List(Item::Env),
        (Shape::Container, "volumeMounts") => Shape::List(Item::Mount),
        (Shape::Container, "resources") => Shape::Resources,
        (Shape::Container, "securityContext") => Shape::Security,
        (Shape::Container, "livenessProbe" | "readinessProbe" | "startupProbe" | "lifecycle") => Shape::Free,
        (Shape::Security, "capabilities") => Shape::Capabilities,
        (Shape::Security, "privileged" | "allowPrivilegeEscalation" | "readOnlyRootFilesystem" | "runAsUser" | "runAsGroup"
            | "runAsNonRoot" | "seccompProfile" | "procMount") => Shape::Leaf,
        (Shape::Capabilities, "add" | "drop") => Shape::List(Item::Scalar),
        (Shape::Port, "name" | "containerPort" | "hostPort" | "hostIP" | "protocol") => Shape::Leaf,
        (Shape::Env, "name" | "value") => Shape::Leaf,
        (Shape::Env, "valueFrom") => Shape::Free,
        (Shape::Mount, "name" | "mountPath" | "readOnly" | "subPath") => Shape::Leaf,
        (Shape::Volume, "name") => Shape::Leaf,
        (Shape::Volume, "hostPath" | "emptyDir" | "configMap" | "secret" | "persistentVolumeClaim") => Shape::Free,
        (Shape::Resources, "limits" | "requests") => Shape::Free,
        _ => return None,
    })
}

impl Item {
    fn shape(self) -> Shape {
        match self {
            Self::Container => Shape::Container,
            Self::Port => Shape::Port,
            Self::Env => Shape::Env,
            Self::Mount => Shape::Mount,
            Self::Volume => Shape::Volume,
            Self::Scalar => Shape::Leaf,
        }
    }
}

/// A mapping or list that is open.
struct Frame {
    shape: Shape,
    path: String,
    /// Columns its keys (or dashes) stand in.
    indent: usize,
    used: Vec<String>,
    /// Items of a list so far.
    items: usize,
}

/// Where a key belongs.
pub(super) struct Place {
    /// Path of the mapping or list it belongs in; empty for the object itself.
    pub(super) under: String,
    /// Columns to indent it by.
    pub(super) indent: usize,
}

/// Follows the keys of a document in order.
pub(super) struct Placer {
    pod: bool,
    cron_job: bool,
    open: Vec<Frame>,
}

impl Placer {
    pub(super) fn new(kind: &str) -> Self {
        let mut placer = Self { pod: kind == "Pod", cron_job: kind == "CronJob", open: Vec::new() };
        let shape = match kind {
            // Its `template` lies beside `metadata`.
            "PodTemplate" => Shape::WorkloadSpec,
            _ => Shape::Object,
        };
        placer.push(shape, String::new(), 0);
        placer
    }

    fn push(&mut self, shape: Shape, path: String, indent: usize) {
        self.open.push(Frame { shape, path, indent, used: Vec::new(), items: 0 });
    }

    /// A line `key: …`: the innermost open mapping that has such a key and does not have it yet.
    pub(super) fn key(&mut self, key: &str) -> Option<Place> {
        let claimed = self.open.iter().rposition(|frame| {
            self.child(frame.shape, key).is_some() && !frame.used.iter().any(|used| used == key)
        });
        let free = || self.open.iter().rposition(|frame| frame.shape == Shape::Free);
        let index = claimed.or_else(free)?;
        Some(self.enter(index, key))
    }

    /// A line `- key: …` or `- word`: the innermost open list that holds such, if there is one also
    /// with the `next` line's key.
    pub(super) fn item(&mut self, key: Option<&str>, next: Option<&str>) -> Option<Place> {
        let holds = |frame: &Frame, next: Option<&str>| match (frame.shape, key) {
            (Shape::List(Item::Scalar), None) => true,
            (Shape::List(item), Some(key)) => {
                let has = |key| self.child(item.shape(), key).is_some();
                has(key) && next.is_none_or(has)
            }
            _ => false,
        };
        let index = self.open.iter().rposition(|frame| holds(frame, next));
        let index = index.or_else(|| self.open.iter().rposition(|frame| holds(frame, None)))?;
        self.open.truncate(index + 1);
        let list = self.open.last_mut()?;
        let Shape::List(item) = list.shape else { return None };
        let place = Place { under: list.path.clone(), indent: list.indent };
        let (path, indent) = (format!("{}[{}]", list.path, list.items), list.indent + 2);
        list.items += 1;
        if let Some(key) = key {
            self.push(item.shape(), path, indent);
            let index = self.open.len() - 1;
            self.enter(index, key);
        }
        Some(place)
    }

    fn child(&self, shape: Shape, key: &str) -> Option<Shape> {
        match (shape, key) {
            (Shape::Object, "spec") if self.cron_job => Some(Shape::CronJobSpec),
            _ => child(shape, key, self.pod),
        }
    }

    /// Puts a key into an open mapping and opens what is below the key.
    fn enter(&mut self, index: usize, key: &str) -> Place {
        self.open.truncate(index + 1);
        let frame = &mut self.open[index];
        frame.used.push(key.to_owned());
        let place = Place { under: frame.path.clone(), indent: frame.indent };
        let shape = self.child(self.open[index].shape, key).unwrap_or(Shape::Leaf);
        let dot = if place.under.is_empty() { "" } else { "." };
        let path = format!("{}{dot}{key}", place.under);
        match shape {
            Shape::Leaf => {}
            Shape::List(_) => self.push(shape, path, place.indent),
            _ => self.push(shape, path, place.indent + 2),
        }
        place
    }
}
