//! How findings are shown: one format, one file.

pub mod github;
pub mod json;
pub mod junit;
pub mod sarif;
pub mod text;
