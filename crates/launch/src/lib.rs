//! A process with exactly the sets it is to have, read back from /proc before exec.
