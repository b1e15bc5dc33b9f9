//! Where the wings meet: fix by profile, run a manifest's container, trace and patch.
