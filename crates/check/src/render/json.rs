//! For a program: one versioned JSON document, `docs/schema/check-v1.json`.
