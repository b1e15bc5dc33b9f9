//! The published JSON schema of what this crate writes.

use std::borrow::Cow;

use caps::Capability;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};

use crate::profile::Profile;

/// A capability in a schema: a known name without `CAP_`, or the number of a newer one.
#[derive(Debug)]
pub struct CapabilityName;

impl JsonSchema for CapabilityName {
    fn schema_name() -> Cow<'static, str> {
        "Capability".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<String> = Capability::known().map(|c| c.to_string()).collect();
        json_schema!({
            "description": "A capability as capabilities(7) names it, without CAP_; the number of one that is newer than this schema.",
            "anyOf": [
                { "enum": names },
                { "type": "string", "pattern": "^(4[1-9]|5[0-9]|6[0-3])$" }
            ]
        })
    }
}

/// The schema of [`Profile`], version 1, as JSON text: `docs/schema/profile-v1.json`.
#[must_use]
pub fn profile_v1() -> String {
    let mut schema =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Profile>();
    schema.insert(
        "$id".to_owned(),
        serde_json::Value::from("https://dropcap.dev/schema/profile-v1.json"),
    );
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
