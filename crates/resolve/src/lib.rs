//! Manifest and runtime joined: what every container really gets, and why.
