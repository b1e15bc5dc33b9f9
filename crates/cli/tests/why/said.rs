//! What a person reads, of recordings written by hand: no kernel, no privilege.
