//! What the tracer is told to watch of a container, and what of that is the container's.

use launch::engine::Engine;
use record::observation::{Container, Recording, Target};
use sys::container::Containers;
use sys::procfs::Procfs;
use trace::Scope;

use super::ContainerError;

/// What to watch: a container that waits for its start by its own cgroup; else, as Docker makes and
/// starts in one step, all containers that start from now on.
pub(super) fn scope(engine: Engine, id: &str, pid: Option<u32>) -> Result<Scope, ContainerError> {
    if pid.is_none() {
        return Ok(Scope::containers()?);
    }
    let procfs = Procfs::new();
    let all = Containers::discover(&procfs, &procfs.processes()?.processes);
    match all.all().iter().find(|container| container.id == id) {
        Some(container) => Ok(Scope::container(container)?),
        None => Err(ContainerError::Elsewhere { engine, id: id.to_owned() }),
    }
}

/// Whose a recording is to be.
pub(super) struct Of<'a> {
    pub(super) engine: Engine,
    pub(super) id: &'a str,
    pub(super) image: &'a str,
    pub(super) title: &'a str,
}

impl Of<'_> {
    /// What the container did, of what was watched.
    pub(super) fn only(&self, all: &Recording) -> Recording {
        let (id, whole) = (self.id, matches!(all.target, Target::Container(_)));
        let is_its = |cgroup: Option<&str>| cgroup.is_some_and(|path| path.contains(id));
        // A container's own scope holds nothing else.
        let mut own = match whole {
            true => all.clone(),
            false => all.of_processes(|process| is_its(process.cgroup.as_deref())),
        };
        own.target = Target::Container(Container {
            id: id.to_owned(),
            engine: self.engine.to_string(),
            name: Some(self.title.to_owned()),
            image: Some(self.image.to_owned()),
            ..Container::default()
        });
        own
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use record::observation::{Lost, Machine, Process, RECORDING_VERSION};

    use super::*;

    #[test]
    fn of_all_containers_only_this_one_counts() {
        let process =
            |cgroup: &str| Process { cgroup: Some(cgroup.to_owned()), ..Process::default() };
        let machine =
            Machine { kernel: String::new(), architecture: String::new(), backend: String::new() };
        let all = Recording {
            version: RECORDING_VERSION,
            machine,
            target: Target::Cgroup { path: "/".to_owned() },
            start_seen: true,
            duration_ns: 1,
            exit: None,
            root: 0,
            still_running: 0,
            lost: Lost::default(),
            processes: BTreeMap::from([
                (1, process("/docker/abc")),
                (2, process("/system.slice/docker-def.scope")),
                (3, Process::default()),
            ]),
            observations: Vec::new(),
            settled: Vec::new(),
            failures: Vec::new(),
            helpers: Vec::new(),
        };
        let of = Of { engine: Engine::Docker, id: "def", image: "web:1", title: "web" };
        let own = of.only(&all);
        assert_eq!(own.processes.keys().copied().collect::<Vec<_>>(), [2]);
        let Target::Container(container) = &own.target else { panic!("{:?}", own.target) };
        assert_eq!((container.name.as_deref(), container.id.as_str()), (Some("web"), "def"));
        // A scope of its own is all its own, wherever the cgroup is seen from.
        assert_eq!(of.only(&own).processes.len(), 1);
        let elsewhere = Of { id: "xyz", ..of };
        assert_eq!(elsewhere.only(&own).processes.len(), 1);
    }
}
