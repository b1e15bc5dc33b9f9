//! Control groups, by which containers are told apart.

use sys::cgroup::{Layout, Mode};

use super::{Area, Fact, Status};

pub(super) fn facts() -> Vec<Fact> {
    let fact =
        |status, says: String| Fact::new("containers.cgroups", Area::Containers, status, says);
    let layout = match Layout::read() {
        Ok(layout) => layout,
        Err(error) => {
            return vec![fact(Status::Limited, format!("control groups cannot be told: {error}"))];
        }
    };
    let place =
        layout.unified.as_ref().map(|mount| mount.point.display().to_string()).unwrap_or_default();
    vec![match layout.mode() {
        Mode::Unified => fact(Status::Works, format!("control groups version 2 in {place}")),
        Mode::Hybrid => fact(Status::Works, format!("control groups versions 1 and 2 (hybrid), version 2 in {place}")),
        Mode::Legacy => fact(Status::Limited, "control groups version 1 only".to_owned())
            .help("a container is then traced by its process tree; boot with systemd.unified_cgroup_hierarchy=1"),
        Mode::None => fact(Status::Limited, "no control groups are mounted".to_owned())
            .help("a container is then found by its engine's files and traced by its process tree"),
    }]
}
