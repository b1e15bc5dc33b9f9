//! The kernel's capability checks, seen by eBPF, aggregated in the kernel, attributed to a process tree, cgroup or container.
