//! What is true of a kernel is proved once, whichever backend of the tracer is tested then.

use std::cell::Cell;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

/// Proves an answer. Where `DROPCAP_TEST_PROOFS` names a folder, what was proved is kept there, and the same
/// proof of the same test need not be made again by a later run on the same kernel (in a virtual machine,
/// where each backend has a run of its own): it is enough that its answer is the same, which is asserted.
///
/// # Panics
/// If the answer is another one than what was proved, or as `prove` does.
pub fn once(answer: &str, prove: impl FnOnce()) {
    thread_local! {
        static COUNT: Cell<u32> = const { Cell::new(0) };
    }
    let Some(folder) = std::env::var_os("DROPCAP_TEST_PROOFS").filter(|f| !f.is_empty()) else {
        return prove();
    };
    // A test has a thread of its own, with its name, and makes its proofs in the same order each time.
    let number = COUNT.replace(COUNT.get() + 1);
    let what = format!("{} {number}", std::thread::current().name().unwrap_or_default());
    let mut hash = DefaultHasher::new();
    (std::env::current_exe().ok(), &what).hash(&mut hash);
    let file = PathBuf::from(folder).join(format!("{:016x}", hash.finish()));
    if let Ok(proved) = fs::read_to_string(&file) {
        assert_eq!(answer, proved, "{what}: another backend's answer was proved");
        return;
    }
    prove();
    fs::create_dir_all(file.parent().unwrap_or(&file)).expect("DROPCAP_TEST_PROOFS is a folder");
    fs::write(&file, answer).expect("DROPCAP_TEST_PROOFS can be written to");
}
