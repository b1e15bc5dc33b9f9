//! Memory mappings.

use std::ffi::c_void;
use std::io;
use std::ptr;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// Maps the page at address 0, which nobody may touch, and lets go of it again: `cap_mmap_addr` asks
/// for `SYS_RAWIO` then, unless `vm.mmap_min_addr` is 0.
///
/// # Errors
/// `EPERM` without that capability; what mmap(2) says.
pub fn try_lowest_page() -> io::Result<()> {
    const SIZE: usize = 4096;
    let flags = MapFlags::PRIVATE | MapFlags::FIXED_NOREPLACE;
    let lowest: *mut c_void = ptr::null_mut();
    // SAFETY: MAP_FIXED_NOREPLACE replaces no mapping, and without any permission there is no
    // access to the new one, through a null pointer either.
    unsafe { mmap_anonymous(lowest, SIZE, ProtFlags::empty(), flags) }?;
    // SAFETY: mapped above, and nothing points there.
    unsafe { munmap(lowest, SIZE) }?;
    Ok(())
}
