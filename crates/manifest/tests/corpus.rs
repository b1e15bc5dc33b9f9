//! The corpus in `tests/corpus`: what is read from each file is what `expected.txt` says, written by
//! hand. With `DROPCAP_CORPUS` set to a folder, every file below that is read too, and the
//! containers found are counted again by other means.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod corpus {
    pub mod count;
    pub mod damage;
    pub mod given;
    pub mod own;
}
