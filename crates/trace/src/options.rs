//! How to trace.

use crate::backend::Backend;

/// How to trace.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// This backend only; else the first that works.
    pub backend: Option<Backend>,
    /// When the returns of refused calls are recorded.
    pub results: Results,
    /// Whether every system call that fails is recorded, whatever the reason; as long as returns
    /// are.
    pub failures: bool,
    /// Whether needs that are settled are told to the kernel side ([`crate::Tracer::settle`]),
    /// which then only counts them. For who judges while the tracer watches; the tracer itself
    /// judges nothing.
    pub settle: bool,
    /// Whether kernel stacks that were unwound once are known again by their words
    /// (`bpf/memory.h`), three times as quick; the answer is the same. On x86 only: elsewhere it would
    /// not be certain, and each is unwound.
    pub remember: bool,
    /// How much room the kernel side has.
    pub rooms: Rooms,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            backend: None,
            results: Results::default(),
            failures: false,
            settle: true,
            remember: true,
            rooms: Rooms::default(),
        }
    }
}

/// When the returns of system calls with a refused check are recorded. Meanwhile every system call
/// of the machine takes the kernel's slow path (`SYSCALL_WORK_SYSCALL_TRACEPOINT`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Results {
    /// From the start, until five seconds have passed without a new kind of refused check; again
    /// once there is one. Needs [`crate::Tracer::poll`] to be called.
    #[default]
    WhileNew,
    /// All the time.
    Always,
    /// Never.
    Never,
}

/// How much the kernel side can keep; `None` is the number built in (`bpf/maps.h`). What finds no
/// room is counted as lost ([`record::observation::Lost`]); never the capabilities themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rooms {
    /// Kinds of checks that are kept apart.
    pub checks: Option<u32>,
    /// Kernel stacks.
    pub stacks: Option<u32>,
    /// Kernel functions' names.
    pub symbols: Option<u32>,
    /// Processes that run at the same time.
    pub processes: Option<u32>,
    /// Programs.
    pub images: Option<u32>,
    /// Threads in a refused call.
    pub returns: Option<u32>,
    /// Failed calls.
    pub failures: Option<u32>,
    /// How many bits tell stacks apart, of 64: fewer make them collide.
    pub stack_bits: Option<u32>,
}

impl Rooms {
    /// The maps whose size is said.
    pub(crate) fn maps(&self) -> Vec<(&'static str, u32)> {
        let Self { checks, stacks, symbols, processes, images, returns, failures, .. } = *self;
        [
            ("tallies", checks),
            ("stacks", stacks),
            ("symbols", symbols),
            ("processes", processes),
            ("images", images),
            ("pendings", returns),
            ("failures", failures),
        ]
        .into_iter()
        .filter_map(|(map, room)| Some((map, room?.max(1))))
        .collect()
    }

    /// `config.stack_mask`.
    pub(crate) fn stack_mask(&self) -> u64 {
        match self.stack_bits {
            Some(bits) if bits < 64 => !((1 << bits) - 1),
            _ => 0,
        }
    }
}
