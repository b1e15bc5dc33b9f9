//! The types shared with the BPF programs: each struct is the twin of one in `bpf/captrace.h`.
//!
//! The only module with unsafe code: the promise that these types are plain data without padding,
//! so that the kernel may read and write them byte by byte. A test holds it against the layout.
#![allow(unsafe_code, reason = "aya::Pod is an unsafe trait; nothing else here is unsafe")]

/// Frames of a kernel stack that are kept: `STACK_DEPTH`.
pub const STACK_DEPTH: usize = 28;
/// `TEXT_SIZE`.
pub const TEXT_SIZE: usize = 128;
/// `PATH_SIZE`.
pub const PATH_SIZE: usize = 512;
/// `CGROUP_SIZE`.
pub const CGROUP_SIZE: usize = 1024;
/// `KINDS`: capability, relation and the two low flags.
pub const KINDS: usize = 64 * 12;
/// `KINDS_ROOM`.
pub const KINDS_ROOM: usize = 1024;
/// `COMM_SIZE`, the kernel's `TASK_COMM_LEN`.
pub const COMM_SIZE: usize = 16;
/// `NAME_SIZE`.
pub const NAME_SIZE: usize = 64;
/// System call numbers of one table: `SYSCALLS`.
pub const SYSCALLS: usize = 512;

/// `config.mode`: nothing is watched.
pub const MODE_OFF: u32 = 0;
/// `config.mode`: follow processes and what they start.
pub const MODE_TREE: u32 = 1;
/// `config.mode`: and what is executed in a cgroup.
pub const MODE_CGROUP: u32 = 2;
/// `config.entry`: every `execve` in the cgroup counts.
pub const ENTRY_ANY: u32 = 0;
/// `config.entry`: one in the container's mount namespace does.
pub const ENTRY_MOUNT_NAMESPACE: u32 = 1;
/// `config.entry`: one of a file of its own mount namespace does, unless that is the given one.
pub const ENTRY_OWN_IMAGE: u32 = 2;
/// `process.state`: counts from its next `execve` on.
pub const AWAITS_EXEC: u32 = 0;
/// `process.state`: counts.
pub const COUNTS: u32 = 1;
/// `key.flags`.
pub const GRANTED: u8 = 1;
/// `key.flags`.
pub const OWN_CREDENTIALS: u8 = 1 << 1;
/// `key.flags`.
pub const IN_BOUNDING: u8 = 1 << 2;
/// `key.flags`.
pub const COMPAT: u8 = 1 << 3;
/// `key.flags`.
pub const NO_AUDIT: u8 = 1 << 4;
/// `key.flags`.
pub const AUDIT_KNOWN: u8 = 1 << 5;
/// `key.task`.
pub const TASK_IO_WORKER: u8 = 1;
/// `key.task`.
pub const TASK_USER_WORKER: u8 = 2;
/// `key.task`.
pub const TASK_KERNEL_THREAD: u8 = 3;
/// `shape.flags`: the address is that of somebody who is asked.
pub const SHAPE_ASKS: u32 = 1;
/// `shape.flags`: EAGAIN tells of a limit.
pub const SHAPE_LIMITED: u32 = 1 << 1;
/// `tally.text_kind`.
pub const TEXT_PATH: u32 = 1;
/// `tally.text_kind`.
pub const TEXT_ADDRESS: u32 = 2;

/// Declares structs and promises that they are plain data.
macro_rules! plain {
    ($($(#[$doc:meta])* pub struct $name:ident { $(pub $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[repr(C)]
            #[derive(Debug, Clone, Copy)]
            pub struct $name { $(#[allow(missing_docs, reason = "as in captrace.h")] pub $field: $type,)* }

            // SAFETY: `repr(C)`, of integers and arrays of plain data only, any bits of which are
            // valid, and without padding: `no_struct_has_padding`.
            unsafe impl aya::Pod for $name {}
        )*

        #[cfg(test)]
        const SIZES: &[(&str, usize, usize)] = &[$(
            (stringify!($name), size_of::<$name>(), 0 $(+ size_of::<$type>())*),
        )*];
    };
}

plain! {
    /// What user space tells the programs.
    pub struct Config {
        pub mode: u32,
        pub entry: u32,
        pub cgroup: u64,
        pub opts_known: u32,
        pub mount_namespace: u32,
        pub user_namespace: u32,
        pub results: u32,
        pub first_process: u32,
        pub failures: u32,
        pub stack_mask: u64,
        pub remember: u32,
        pub mmap_min_addr: u32,
    }

    /// What the programs tell user space, beside their maps.
    #[derive(Default)]
    pub struct State {
        pub lost_checks: u64,
        pub lost_stacks: u64,
        pub lost_processes: u64,
        pub lost_evidence: u64,
        pub started_ns: u64,
        pub ended_ns: u64,
        pub first_process: u32,
        pub exit_code: u32,
        pub refused: u32,
        pub kinds: u32,
        pub preemptible: u32,
        pub unused: u32,
        pub unwound: u64,
    }

    /// A process that is followed.
    pub struct Process {
        pub image: u32,
        pub state: u32,
        pub file: u64,
        pub user_namespace: u32,
        pub forked: u32,
        pub cgroup: u64,
        pub mount_namespace: u32,
        pub level: u32,
    }

    /// What makes processes one image.
    pub struct ImageKey {
        pub file: u64,
        pub parent_file: u64,
        pub cgroup: u64,
        pub comm: [u8; COMM_SIZE],
        pub gained: u64,
        pub no_new_privs: u32,
        pub uid: u32,
        pub generation: u64,
    }

    /// A program image.
    pub struct Image {
        pub count: u64,
        pub first_ns: u64,
        pub id: u32,
        pub pid: u32,
        pub parent_pid: u32,
        pub uid: u32,
        pub path_size: u32,
        pub cgroup_size: u32,
        pub mode: u32,
        pub owner: u32,
        pub group: u32,
        pub no_new_privs: u32,
        pub bounding: u64,
        pub gained: u64,
        pub in_effect: u32,
        pub unused: u32,
        pub comm: [u8; COMM_SIZE],
        pub path: [u8; PATH_SIZE],
        pub cgroup: [u8; CGROUP_SIZE],
    }

    /// How a process of an image ended.
    pub struct Exit {
        pub ended_ns: u64,
        pub code: u32,
        pub forked: u32,
    }

    /// What makes checks one observation.
    pub struct Key {
        pub stack: u64,
        pub decides: u32,
        pub image: u32,
        pub uid: u32,
        pub syscall: i32,
        pub capability: u8,
        pub flags: u8,
        pub relation: u8,
        pub task: u8,
        pub unused: u32,
    }

    /// How often, when, and the evidence of the first.
    pub struct Tally {
        pub count: u64,
        pub first_ns: u64,
        pub last_ns: u64,
        pub arguments: [u64; 6],
        pub result: i64,
        pub returns: u32,
        pub text_kind: u32,
        pub text_size: u32,
        pub unused: u32,
        pub text: [u8; TEXT_SIZE],
    }

    /// A call that failed, or that asked a process outside of the target.
    pub struct CallKey {
        pub text: u64,
        pub result: i64,
        pub image: u32,
        pub syscall: i32,
        pub flags: u32,
        pub unused: u32,
    }

    /// A kernel stack: return addresses, innermost first.
    pub struct Stack {
        pub depth: u64,
        pub frames: [u64; STACK_DEPTH],
    }

    /// The function an address is in, as the kernel prints it.
    pub struct Symbol {
        pub name: [u8; NAME_SIZE],
    }

    /// Refused checks of a system call that has not returned.
    pub struct Pending {
        pub count: u32,
        pub unused: u32,
        pub keys: [Key; 6],
    }

    /// Which arguments of a system call matter, counted from 1; 0 is none.
    pub struct Shape {
        pub path: u8,
        pub address: u8,
        pub address_size: u8,
        pub decides: u8,
        pub mask: u32,
        pub flags: u32,
    }
}

impl Symbol {
    /// Writes a name, as much of it as there is room for; whether there is one.
    pub fn set(&mut self, name: &str) -> bool {
        self.name = [0; NAME_SIZE];
        let size = name.len().min(NAME_SIZE - 1);
        self.name[..size].copy_from_slice(&name.as_bytes()[..size]);
        size > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_struct_has_padding() {
        assert_eq!(SIZES.len(), 13);
        for (name, size, fields) in SIZES {
            assert_eq!(size, fields, "{name}");
        }
    }
}
