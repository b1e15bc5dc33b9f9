//! A new waiver, written behind those that are there.

use std::fmt::Write as _;

use jiff::civil::Date;
use manifest::Source;

use crate::waiver::file::{FileError, VERSION, WaiverFile};

/// What a waiver is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `kind` of the workload.
    pub kind: String,
    /// Its namespace, if it writes one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The container's.
    pub container: String,
    /// What may be held, or `ALL`.
    pub capabilities: Vec<String>,
    /// Why.
    pub reason: String,
    /// Mail addresses of those who answer for it.
    pub approvers: Vec<String>,
    /// The last day.
    pub expires: Date,
}

impl Entry {
    /// As it is written.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::from("[[waiver]]\n");
        let quoted = |value: &str| toml::Value::from(value).to_string();
        let list = |values: &[String]| {
            let all: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            format!("[{}]", all.join(", "))
        };
        let _ = writeln!(text, "kind = {}", quoted(&self.kind));
        if let Some(namespace) = &self.namespace {
            let _ = writeln!(text, "namespace = {}", quoted(namespace));
        }
        let _ = writeln!(text, "name = {}", quoted(&self.name));
        let _ = writeln!(text, "container = {}", quoted(&self.container));
        let _ = writeln!(text, "capabilities = {}", list(&self.capabilities));
        let _ = writeln!(text, "reason = {}", quoted(&self.reason));
        let _ = writeln!(text, "approvers = {}", list(&self.approvers));
        let _ = writeln!(text, "expires = {}", self.expires);
        text
    }

    /// The file with this waiver behind the others, every other byte as it was. `before` is empty
    /// for a new file.
    ///
    /// # Errors
    /// [`FileError`] if `before` is no waiver file, or the new waiver none that can be read.
    pub fn append_to(&self, before: &Source) -> Result<WaiverFile, FileError> {
        let old = before.text();
        let mut text = if old.trim().is_empty() {
            format!("{old}version = {VERSION}\n")
        } else {
            WaiverFile::parse(before.clone())?;
            old.to_owned()
        };
        let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        if !text.ends_with('\n') {
            text.push_str(line_end);
        }
        text.push_str(line_end);
        text.push_str(&self.text().replace('\n', line_end));
        WaiverFile::parse(before.with_text(text))
    }
}
