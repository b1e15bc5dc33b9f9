//! How findings are shown: one format, one file.

pub mod json;
pub mod text;
