//! A waiver file as it is written: `docs/schema/waivers-v1.json`.

use std::path::PathBuf;

use caps::{CapSet, Capability};
use manifest::{Source, Span};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use crate::danger::demands_waiver;

/// The version of this format.
pub const VERSION: u32 = 1;

/// A waiver file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaiverFile {
    /// Its text.
    pub source: Source,
    /// Its waivers, in order.
    pub waivers: Vec<Waiver>,
}

/// One waiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// `kind` of the workload; `*` is any text, here and in the next three.
    pub kind: String,
    /// Its namespace; none for workloads that write none.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The container's name.
    pub container: String,
    /// What may be held.
    pub capabilities: CapSet,
    /// Whether that was written `ALL`.
    pub all: bool,
    /// Why.
    pub reason: String,
    /// Who answers for it: mail addresses as commits have them, in small letters, in order.
    pub approvers: Vec<String>,
    /// The last day on which it counts (UTC).
    pub expires: jiff::civil::Date,
    /// Its head, `[[waiver]]`.
    pub span: Span,
    /// Where the day is written.
    pub expires_span: Span,
}

/// Why a waiver file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct FileError {
    /// File, line and column.
    pub place: String,
    /// What is wrong and what was expected.
    pub reason: String,
}

/// The file as it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "dropcap waivers")]
struct Written {
    /// Version of this format: 1.
    #[schemars(with = "u32", range(min = 1, max = 1))]
    version: Spanned<u32>,
    /// The waivers.
    #[serde(default)]
    #[schemars(with = "Vec<WrittenWaiver>")]
    waiver: Vec<Spanned<WrittenWaiver>>,
}

/// A waiver as it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenWaiver {
    /// `kind` of the workload: `Deployment`, `ComposeService`, `OciBundle`. `*` is any text.
    kind: String,
    /// Its namespace. Without it, only workloads that write none are meant. `*` is any text.
    #[serde(default)]
    namespace: Option<String>,
    /// The workload's name. `*` is any text.
    name: String,
    /// The container's name. `*` is any text.
    container: String,
    /// What may be held: names without `CAP_`, or `ALL` alone.
    #[schemars(with = "Vec<String>", length(min = 1))]
    capabilities: Vec<Spanned<String>>,
    /// Why.
    #[schemars(with = "String", length(min = 1))]
    reason: Spanned<String>,
    /// Who answers for it: mail addresses, as the history has them.
    #[schemars(with = "Vec<String>", length(min = 1))]
    approvers: Vec<Spanned<String>>,
    /// The last day on which it counts (UTC): 2027-03-31, without quotes in TOML.
    #[schemars(with = "DateText")]
    expires: Spanned<Datetime>,
}

/// A day in the schema.
struct DateText;

impl JsonSchema for DateText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Date".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date" })
    }
}

/// The schema of the file as JSON text: `docs/schema/waivers-v1.json`.
#[must_use]
pub fn schema() -> String {
    crate::render::schema::<Written>("waivers-v1", false)
}

impl WaiverFile {
    /// Reads a file's text.
    ///
    /// # Errors
    /// [`FileError`] for the first thing that is not as [`schema`] says.
    pub fn parse(source: Source) -> Result<Self, FileError> {
        let fail = |at: usize, reason: String| FileError {
            place: source.locate(Span { start: at, end: at }),
            reason,
        };
        let written: Written = toml::from_str(source.text()).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            fail(at, error.message().replace('\n', ", "))
        })?;
        if *written.version.get_ref() != VERSION {
            let version = written.version.get_ref();
            let reason =
                format!("version {version} of waivers; this dropcap understands {VERSION} only");
            return Err(fail(written.version.span().start, reason));
        }
        let waivers = written.waiver.into_iter();
        let waivers = waivers.map(|waiver| read(waiver, &fail)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { source, waivers })
    }

    /// Where it is; its name if it is no file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.source.path().map_or_else(|| PathBuf::from(self.source.name()), Into::into)
    }

    /// The line of a waiver, from 1.
    #[must_use]
    pub fn line(&self, waiver: &Waiver) -> usize {
        self.source.position(waiver.span.start).line
    }
}

fn read(
    written: Spanned<WrittenWaiver>,
    fail: &dyn Fn(usize, String) -> FileError,
) -> Result<Waiver, FileError> {
    let span = Span { start: written.span().start, end: written.span().end };
    let written = written.into_inner();
    for (field, value) in
        [("kind", &written.kind), ("name", &written.name), ("container", &written.container)]
    {
        if value.trim().is_empty() {
            return Err(fail(span.start, format!("`{field}` is empty; expected what it is about")));
        }
    }
    let mut capabilities = CapSet::EMPTY;
    let all = matches!(written.capabilities.as_slice(), [one] if one.get_ref() == "ALL");
    for word in written.capabilities.iter().filter(|_| !all) {
        let capability = word.get_ref().parse::<Capability>().map_err(|error| {
            let alone = if word.get_ref() == "ALL" { "; `ALL` stands alone" } else { "" };
            fail(word.span().start, format!("{error}{alone}"))
        })?;
        capabilities = capabilities | capability.into();
    }
    if all {
        capabilities = !CapSet::EMPTY;
    } else if capabilities.is_empty() {
        let reason = "`capabilities` is empty; expected what may be held".to_owned();
        return Err(fail(span.start, reason));
    }
    if written.reason.get_ref().trim().is_empty() {
        let reason = "`reason` is empty; expected why this may be held".to_owned();
        return Err(fail(written.reason.span().start, reason));
    }
    let mut approvers = Vec::new();
    for approver in &written.approvers {
        let address = approver.get_ref().trim().to_ascii_lowercase();
        let (name, host) = address.split_once('@').unwrap_or_default();
        if name.is_empty() || host.is_empty() || address.contains([' ', '<', '>']) {
            let reason =
                format!("`{}` is no mail address; expected alice@example.com", approver.get_ref());
            return Err(fail(approver.span().start, reason));
        }
        approvers.push(address);
    }
    approvers.sort();
    approvers.dedup();
    let expires_span = written.expires.span();
    let day = written.expires.get_ref();
    let expires = match (day.date, day.time) {
        (Some(date), None) => day_of(date),
        _ => None,
    };
    let expires = expires.ok_or_else(|| {
        fail(expires_span.start, "expected a day without a time: expires = 2027-03-31".to_owned())
    })?;
    let expires_span = Span { start: expires_span.start, end: expires_span.end };
    let WrittenWaiver { kind, namespace, name, container, reason, .. } = written;
    let reason = reason.into_inner().trim().to_owned();
    Ok(Waiver {
        kind,
        namespace,
        name,
        container,
        capabilities,
        all,
        reason,
        approvers,
        expires,
        span,
        expires_span,
    })
}

fn day_of(date: toml::value::Date) -> Option<jiff::civil::Date> {
    let year = i16::try_from(date.year).ok()?;
    let (month, day) = (i8::try_from(date.month).ok()?, i8::try_from(date.day).ok()?);
    jiff::civil::Date::new(year, month, day).ok()
}

impl Waiver {
    /// Whether it says the same of the same: everything but who approves. An approval is of this.
    #[must_use]
    pub fn is_the_same_as(&self, other: &Self) -> bool {
        let of = |waiver: &Self| Self {
            approvers: Vec::new(),
            span: Span { start: 0, end: 0 },
            expires_span: Span { start: 0, end: 0 },
            ..waiver.clone()
        };
        of(self) == of(other)
    }

    /// Those of its capabilities that are of the Big Four or escape by themselves.
    #[must_use]
    pub fn demanding(&self) -> CapSet {
        self.capabilities.iter().filter(|capability| demands_waiver(*capability)).collect()
    }

    /// Whether it is about one of the Big Four, or one that escapes by itself.
    #[must_use]
    pub fn demands(&self) -> bool {
        !self.demanding().is_empty()
    }

    pub(crate) fn what_demands(&self) -> String {
        if self.all { "`ALL`".to_owned() } else { self.demanding().to_string() }
    }

    /// What it is about: `DaemonSet monitoring/agent, container agent`.
    #[must_use]
    pub fn scope(&self) -> String {
        let namespace = self.namespace.as_ref().map(|n| format!("{n}/")).unwrap_or_default();
        format!("{} {namespace}{}, container {}", self.kind, self.name, self.container)
    }

    /// Its capabilities as they are written.
    #[must_use]
    pub fn held(&self) -> String {
        if self.all { "ALL".to_owned() } else { self.capabilities.to_string() }
    }
}
