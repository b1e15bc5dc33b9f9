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
    /// What could not be read or understood.
    pub unread: Vec<String>,
}

impl Describer {
    /// Describes `container`, whose bundle is at `bundle` in `view`.
    pub fn describe(&mut self, container: &mut Container, view: &View, bundle: &Path) {
        let file = bundle.join("config.json");
        let config: Bundle = view.json(&file, &mut self.unread).unwrap_or_default();
        container.bundle = Some(bundle.to_owned());
        from_annotations(container, &config.annotations);
        self.ask_storage(container, view, bundle);
        self.ask_docker(container, view, &config);
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
    fn ask_docker(&mut self, container: &mut Container, view: &View, config: &Bundle) {
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

/// What Kubernetes' runtimes and nerdctl write into the bundle's annotations.
pub fn from_annotations(container: &mut Container, annotations: &HashMap<String, String>) {
    let get = |name: &str| annotations.get(name).cloned().filter(|value| !value.is_empty());
    match annotations.get("io.container.manager").map(String::as_str) {
        Some("libpod") => container.engine = Engine::Podman,
        Some("cri-o") => container.engine = Engine::Crio,
        _ => {}
    }
    // containerd 1.6 to 2.3, `pkg/cri/annotations/annotations.go`.
    if let Some(kind) = get("io.kubernetes.cri.container-type") {
        container.engine = Engine::Containerd;
        container.sandbox = kind == "sandbox";
        container.name = get("io.kubernetes.cri.container-name");
        container.pod = get("io.kubernetes.cri.sandbox-name");
        container.namespace = get("io.kubernetes.cri.sandbox-namespace");
        container.image = get("io.kubernetes.cri.image-name");
    // cri-o 1.36, `vendor/…/pkg/annotations/internal.go` and the kubelet's labels.
    } else if let Some(kind) = get("io.kubernetes.cri-o.ContainerType") {
        container.engine = Engine::Crio;
        container.sandbox = kind == "sandbox";
        container.name = if container.sandbox { None } else { get("io.kubernetes.container.name") };
        container.pod = get("io.kubernetes.pod.name");
        container.namespace = get("io.kubernetes.pod.namespace");
        container.image = get("io.kubernetes.cri-o.UserRequestedImage")
            .or_else(|| get("io.kubernetes.cri-o.ImageName"));
    // nerdctl 2, `pkg/labels/labels.go`: labels, handed to its OCI hook as annotations.
    } else if let Some(name) = get("nerdctl/name") {
        container.engine = Engine::Containerd;
        container.name = Some(name);
    }
}
