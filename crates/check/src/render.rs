//! How findings are shown: one format, one file.

pub mod github;
pub mod json;
pub mod junit;
pub mod sarif;
pub mod text;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

/// The schema of `T` as JSON text, under the name it is published by: as it is written by this
/// program, or as it is read.
pub(crate) fn schema<T: JsonSchema>(name: &str, written: bool) -> String {
    let settings = SchemaSettings::draft2020_12();
    let settings = if written { settings.for_serialize() } else { settings };
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    let id = format!("https://dropcap.dev/schema/{name}.json");
    schema.insert("$id".to_owned(), serde_json::Value::from(id));
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
