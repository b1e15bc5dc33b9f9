//! Memory mappings.

use std::ffi::c_void;
use std::io;
use std::ptr;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// A page, bytes.
const SIZE: usize = 4096;

/// Maps the page at address 0, which nobody may touch, and lets go of it again: `cap_mmap_addr` asks
/// for `SYS_RAWIO` then, unless `vm.mmap_min_addr` is 0.
///
/// # Errors
/// `EPERM` without that capability; what mmap(2) says.
pub fn try_lowest_page() -> io::Result<()> {
    let flags = MapFlags::PRIVATE | MapFlags::FIXED_NOREPLACE;
    let lowest: *mut c_void = ptr::null_mut();
    // SAFETY: MAP_FIXED_NOREPLACE replaces no mapping, and without any permission there is no
    // access to the new one, through a null pointer either.
    unsafe { mmap_anonymous(lowest, SIZE, ProtFlags::empty(), flags) }?;
    // SAFETY: mapped above, and nothing points there.
    unsafe { munmap(lowest, SIZE) }?;
    Ok(())
}

/// Maps a page that could be written and lets go of it again: `cap_vm_enough_memory` asks whether the
/// last of the memory may be used, unless `vm.overcommit_memory` is 2 and there is enough.
///
/// # Errors
/// What mmap(2) says.
pub fn try_writable_page() -> io::Result<()> {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the kernel chooses a free place; nothing points there but what is returned.
    let page = unsafe { mmap_anonymous(ptr::null_mut(), SIZE, protection, MapFlags::PRIVATE) }?;
    // SAFETY: mapped above, and the pointer goes no further.
    unsafe { munmap(page, SIZE) }?;
    Ok(())
}
