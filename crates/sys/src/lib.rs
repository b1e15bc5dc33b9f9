//! Linux: processes, namespaces, procfs, cgroups, extended attributes. The only crate with unsafe code besides the BPF loader's one module.

pub mod cgroup;
pub mod container;
pub mod credentials;
pub mod init;
pub mod isolate;
pub mod memory;
pub mod mounts;
pub mod namespace;
pub mod process;
pub mod procfs;
pub mod running;
pub mod scheduling;
pub mod signal;
pub mod user_namespace;
pub mod xattr;
