//! Trace and judge joined for one run.
