//! Trials: run under a chosen set, test, shrink, prove.
