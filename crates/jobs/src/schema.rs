//! The published JSON schemas of what jobs answer.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

/// The schema of `T` as it is serialised, as JSON text, under the name of its file in `docs/schema`.
pub(crate) fn published<T: JsonSchema>(file: &str) -> String {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    let id = format!("https://dropcap.dev/schema/{file}");
    schema.insert("$id".to_owned(), serde_json::Value::from(id));
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
