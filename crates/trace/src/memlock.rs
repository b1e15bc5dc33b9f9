//! RLIMIT_MEMLOCK, which kernels before 5.11 charge BPF maps and programs to
//! (`bpf_map_charge_init`, `bpf_prog_charge_memlock` of `kernel/bpf/syscall.c`).

use aya::EbpfError;
use aya::maps::MapError;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::TraceError;

/// As long as it lives, this process may lock as much memory as it is able to be allowed; then as
/// before. Not a moment longer: what it starts inherits the limit, and would not need `IPC_LOCK`.
#[derive(Debug)]
pub(crate) struct Raised {
    before: Rlimit,
}

/// Takes the limit away if that is permitted (`SYS_RESOURCE`), else raises it as far as it goes.
pub(crate) fn raise() -> Raised {
    let before = getrlimit(Resource::Memlock);
    let none = Rlimit { current: None, maximum: None };
    if setrlimit(Resource::Memlock, none).is_err() {
        // Refused also to who has no limit to lose, by a seccomp filter for one: then a load says so.
        let most = Rlimit { current: before.maximum, maximum: before.maximum };
        let _ = setrlimit(Resource::Memlock, most);
    }
    Raised { before }
}

impl Drop for Raised {
    fn drop(&mut self) {
        let _ = setrlimit(Resource::Memlock, self.before);
    }
}

/// What to say of it, if it is the limit that a map was refused for.
pub(crate) fn refused(error: &EbpfError) -> Option<TraceError> {
    let EbpfError::MapError(MapError::CreateError { io_error, .. }) = error else { return None };
    (io_error.raw_os_error() == Some(rustix::io::Errno::PERM.raw_os_error()))
        .then(|| TraceError::LockedMemory { limit: getrlimit(Resource::Memlock).maximum })
}
