//! Linux: processes, namespaces, procfs, cgroups, extended attributes. The only crate with unsafe code besides the BPF loader's one module.

pub mod credentials;
pub mod process;
pub mod running;
pub mod signal;
pub mod xattr;
