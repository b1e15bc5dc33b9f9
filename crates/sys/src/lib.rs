//! Linux: processes, namespaces, procfs, cgroups, extended attributes. The only crate with unsafe code besides the BPF loader's one module.
