//! What a container is called: from its bundle's annotations and its engine's files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::files::{Bundle, DockerContainer, StoredContainer, StoredMetadata, View};
use super::{Container, Engine};

/// Fills in names, pod, image and engine from what lies on disk; remembers files that many
/// containers share.
#[derive(Debug, Default)]
pub struct Describer {
    storage: HashMap<(View, PathBuf), Vec<StoredContainer>>,
    /// The hostname in each container's bundle.
    pub hostnames: HashMap<String, String>,
    /// What could not be read or understood.
    pub unread: Vec<String>,
}

impl Describer {
    /// Describes `container`, whose bundle is at `bundle` in `view`.
    pub fn describe(&mut self, container: &mut Container, view: &View, bundle: &Path) {
        let file = bundle.join("config.json");
        let config: Bundle = view.json(&file, &mut self.unread).unwrap_or_default();
        container.bundle = Some(bundle.to_owned());
        container.argv = config.process.argv();
        let mut mappings = config.linux.uid_mappings.iter();
        container.root = mappings.find(|mapping| mapping.container_id == 0).map(|m| m.host_id);
        from_annotations(container, &config.annotations);
        self.ask_storage(container, view, bundle);
        self.ask_docker(container, view, bundle, &config);
        self.hostnames.extend(config.hostname.map(|name| (container.id.clone(), name)));
    }

    /// podman and CRI-O: the bundle is `GRAPHROOT/DRIVER-containers/ID/userdata`, and the index of
    /// all containers lies two folders above. (CRI-O's bundle is below the run root, which has none.)
    fn ask_storage(&mut self, container: &mut Container, view: &View, bundle: &Path) {
        let Some(folder) = bundle.parent().and_then(Path::parent) else { return };
        if bundle.file_name().is_none_or(|name| name != "userdata") {
            return;
        }
        let unread = &mut self.unread;
        let stored = self.storage.entry((view.clone(), folder.to_owned())).or_insert_with(|| {
            ["containers.json", "volatile-containers.json"]
                .iter()
                .filter_map(|name| view.json::<Vec<StoredContainer>>(&folder.join(name), unread))
                .flatten()
                .collect()
        });
        let Some(stored) = stored.iter().find(|s| s.id == container.id) else { return };
        let name = stored.names.first().cloned();
        container.name = container.name.take().or(name);
        container.image_id = Some(stored.image.clone()).filter(|image| !image.is_empty());
        let metadata: StoredMetadata = serde_json::from_str(&stored.metadata).unwrap_or_default();
        let image = Some(metadata.image_name).filter(|image| !image.is_empty());
        container.image = container.image.take().or(image);
    }

    /// Docker's own folder of the container is the source of the mounts it makes for every one.
    fn ask_docker(
        &mut self,
        container: &mut Container,
        view: &View,
        bundle: &Path,
        config: &Bundle,
    ) {
        if !matches!(container.engine, Engine::Docker) {
            return;
        }
        let Some(folder) = config
            .mounts
            .iter()
            .filter(|m| {
                matches!(
                    m.destination.as_str(),
                    "/etc/hostname" | "/etc/hosts" | "/etc/resolv.conf"
                )
            })
            .filter_map(|m| Path::new(&m.source).parent())
            .find(|folder| folder.file_name().is_some_and(|name| name == container.id.as_str()))
            .map(Path::to_owned)
            // Docker's own folder may be all there is.
            .or_else(|| {
                view.read(&bundle.join("config.v2.json")).is_ok().then(|| bundle.to_owned())
            })
            // With `--network=host` and others' files mounted there, the place where Docker puts it by default.
            .or_else(|| Some(Path::new("/var/lib/docker/containers").join(&container.id)))
        else {
            return;
        };
        let file = folder.join("config.v2.json");
        let Some(docker) = view.json::<DockerContainer>(&file, &mut self.unread) else { return };
        let name = docker.name.trim_start_matches('/').to_owned();
        container.name = Some(name).filter(|name| !name.is_empty());
        container.image = Some(docker.config.image).filter(|image| !image.is_empty());
        container.image_id = Some(docker.image).filter(|image| !image.is_empty());
        // cri-dockerd and the kubelet's former dockershim keep Kubernetes' names in labels.
        let labels = docker.config.labels.unwrap_or_default();
        let label = |name: &str| labels.get(name).cloned();
        if let Some(pod) = label("io.kubernetes.pod.name") {
            container.pod = Some(pod);
            container.namespace = label("io.kubernetes.pod.namespace");
            container.sandbox =
                label("io.kubernetes.docker.type").is_some_and(|kind| kind == "podsandbox");
            if !container.sandbox {
                container.name = label("io.kubernetes.container.name").or(container.name.take());
            }
        }
    }
}

/// What engines write into the bundle's annotations.
fn from_annotations(container: &mut Container, annotations: &HashMap<String, String>) {
    let get = |name: &str| annotations.get(name).cloned().filter(|value| !value.is_empty());
    match annotations.get("io.container.manager").map(String::as_str) {
        Some("libpod") => container.engine = Engine::Podman,
        Some("cri-o") => container.engine = Engine::Crio,
        _ => {}
    }
    if let Some(kind) = get("io.kubernetes.cri.container-type") {
        // containerd 1.6 to 2.3, `pkg/cri/annotations/annotations.go`.
        container.engine = Engine::Containerd;
        container.sandbox = kind == "sandbox";
        container.sandbox_id = get("io.kubernetes.cri.sandbox-id");
        container.name = get("io.kubernetes.cri.container-name");
        container.pod = get("io.kubernetes.cri.sandbox-name");
        container.namespace = get("io.kubernetes.cri.sandbox-namespace");
        container.image = get("io.kubernetes.cri.image-name");
    } else if let Some(kind) = get("io.kubernetes.cri-o.ContainerType") {
        // cri-o 1.36, `internal/annotations`; podman's `kube play` writes these two as well.
        container.sandbox = kind == "sandbox";
        container.sandbox_id = get("io.kubernetes.cri-o.SandboxID");
        if container.engine != Engine::Podman {
            container.engine = Engine::Crio;
            container.name = get("io.kubernetes.container.name").filter(|_| !container.sandbox);
            container.pod = get("io.kubernetes.pod.name");
            container.namespace = get("io.kubernetes.pod.namespace");
            container.image = get("io.kubernetes.cri-o.UserRequestedImage")
                .or_else(|| get("io.kubernetes.cri-o.ImageName"));
        }
    } else if let Some(name) = get("nerdctl/name") {
        // nerdctl 2, `pkg/labels/labels.go`: labels, handed to its OCI hook as annotations.
        container.engine = Engine::Containerd;
        container.name = Some(name);
    }
}

/// podman writes a pod's name nowhere but into its database; its sandbox, which podman names after
/// the pod's identifier (podman 4.3 `libpod/runtime_pod_infra_linux.go`), has it for a hostname. The pod's
/// containers lie beside the sandbox in the pod's cgroup, or name it (`kube play`).
pub fn podman_pods(containers: &mut [&mut Container], hostnames: &HashMap<String, String>) {
    let mut pods = Vec::new();
    for container in containers.iter_mut() {
        let is_infra = container
            .name
            .as_deref()
            .and_then(|name| name.strip_suffix("-infra"))
            .is_some_and(|pod| pod.len() == 12 && pod.bytes().all(|b| b.is_ascii_hexdigit()));
        if container.engine == Engine::Podman && is_infra {
            container.sandbox = true;
            let pod = hostnames.get(&container.id).cloned();
            pods.push((container.id.clone(), pod_cgroup(container).map(str::to_owned), pod));
        }
    }
    for container in containers.iter_mut().filter(|c| c.engine == Engine::Podman) {
        let named = container.sandbox_id.clone();
        let own = pod_cgroup(container);
        let pod = pods.iter().find(|(sandbox, cgroup, _)| {
            *sandbox == container.id
                || named.as_ref() == Some(sandbox)
                || (own.is_some() && own == cgroup.as_deref())
        });
        if let Some((sandbox, _, pod)) = pod {
            container.sandbox_id = Some(sandbox.clone());
            container.pod.clone_from(pod);
        }
    }
}

/// The cgroup above the container's, if it is a pod's: named after an identifier.
fn pod_cgroup(container: &Container) -> Option<&str> {
    let path = container.cgroups.paths().first().copied()?;
    let (above, _) = path.rsplit_once('/')?;
    let name = above.rsplit('/').next().unwrap_or_default();
    let name = name.strip_suffix(".slice").unwrap_or(name);
    let id = name.rsplit('_').next().unwrap_or(name);
    super::cgroup_path::is_id(id).then_some(above)
}
