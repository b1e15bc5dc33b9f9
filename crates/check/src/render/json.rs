//! For a program: one versioned JSON document, `docs/schema/check-v1.json`.

use caps::{CapSet, Capability};
use manifest::{ContainerList, Counts, Position, Source, Span};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::finding::{Finding, Label};
use crate::fix::{Class, Remedy};
use crate::holding::Held;
use crate::report::{CheckedFile, Report, Sum};
use crate::severity::{Confidence, Severity};
use crate::standing::{Cover, Standing};

/// The version of this format; it changes when a field goes or changes its meaning.
const VERSION: u32 = 1;

/// What `dropcap check --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "dropcap check")]
pub struct Document {
    /// Version of this format: 1.
    version: u32,
    /// The runtime that findings are about, such as `containerd@2.0`.
    runtime: String,
    /// Whether nobody named a runtime.
    runtime_assumed: bool,
    /// What was read, in numbers.
    counts: Read,
    /// What was found, in numbers.
    totals: Totals,
    /// What could not be read as Kubernetes reads it.
    problems: Vec<Problem>,
    /// All containers.
    containers: Vec<Container>,
    /// All findings, file by file in the order of the text.
    findings: Vec<Found>,
}

/// What was read, in numbers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Read {
    /// Manifests read.
    files: usize,
    /// Files that could not be read.
    failed: usize,
    /// Files left out.
    skipped: usize,
    /// Documents with something in them.
    documents: usize,
    /// Documents that are Go templates, and were left out.
    templates: usize,
    /// Documents that could not be read.
    broken: usize,
    /// Documents without a pod spec.
    other_documents: usize,
    /// Workloads.
    workloads: usize,
    /// Containers.
    containers: usize,
}

/// What was found, in numbers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Totals {
    /// Findings that are errors and count.
    errors: usize,
    /// Findings that are warnings and count.
    warnings: usize,
    /// Findings that are notes and count.
    notes: usize,
    /// Findings that do not count because a waiver covers them.
    waived: usize,
    /// Findings that do not count because a comment says why.
    ignored: usize,
    /// Findings that do not count because the baseline has them.
    baseline: usize,
    /// Containers with a finding that counts.
    containers_found: usize,
    /// Findings with a safe edit.
    safe_fixes: usize,
    /// Findings with an unsafe edit.
    unsafe_fixes: usize,
    /// Findings whose edit writes a profile; they are among neither.
    profile_fixes: usize,
    /// What the containers hold.
    before: SumOut,
    /// What they would hold after all edits, unsafe ones too.
    after: SumOut,
}

/// What some containers hold together.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SumOut {
    /// Effective capabilities, each counted in each container.
    effective: usize,
    /// Capabilities that are not effective and could become so.
    within_reach: usize,
    /// Those of either kind that escape by themselves.
    #[schemars(with = "Vec<CapabilityName>")]
    escape_class: CapSet,
}

/// Something that could not be read as Kubernetes reads it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Problem {
    /// The file.
    file: String,
    /// Where, if the file could be read.
    position: Option<At>,
    /// What is wrong.
    message: String,
    /// Whether it is a Go template that nobody rendered: left out, and no error.
    template: bool,
}

/// A container.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Container {
    /// The file.
    file: String,
    /// Where it is named.
    position: At,
    /// `kind` of its object.
    kind: String,
    /// Name of its object.
    workload: String,
    /// Namespace of its object, if written.
    namespace: Option<String>,
    /// `initContainers`, `containers` or `ephemeralContainers`.
    list: &'static str,
    /// Its name.
    container: String,
    /// What it holds; `null` on Windows.
    before: Option<HeldOut>,
    /// What it would hold after all edits, unsafe ones too.
    after: Option<HeldOut>,
}

/// What a container holds, by the way it holds it. Where the image decides who runs, the greater.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct HeldOut {
    /// In the effective set.
    #[schemars(with = "Vec<CapabilityName>")]
    effective: CapSet,
    /// Everything that could take effect: also through a set-uid program, or a file that carries
    /// capabilities.
    #[schemars(with = "Vec<CapabilityName>")]
    reach: CapSet,
}

/// A finding.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Found {
    /// The rule.
    rule: &'static str,
    /// How bad.
    severity: Severity,
    /// How sure.
    confidence: Confidence,
    /// What.
    message: String,
    /// The file.
    file: String,
    /// Where.
    region: Region,
    /// Other places that matter.
    related: Vec<Related>,
    /// More about it.
    notes: Vec<String>,
    /// What else to do about it.
    help: Vec<String>,
    /// Index in `containers`; `null` if it is about a waiver or a comment.
    container: Option<usize>,
    /// Whether it counts, and if not, why.
    standing: StandingOut,
    /// The capabilities that it is about; none if it is about words or fields.
    #[schemars(with = "Vec<CapabilityName>")]
    capabilities: CapSet,
    /// Those of them that take a waiver to keep: of the Big Four, or a way out of the container by
    /// themselves.
    #[schemars(with = "Vec<CapabilityName>")]
    demands_waiver: CapSet,
    /// What the container holds; nothing if there is none.
    before: HeldOut,
    /// The edit, or why there is none.
    fix: FixOut,
}

/// A part of a file.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Region {
    /// Its first character.
    start: At,
    /// One past its last character.
    end: At,
    /// Its first byte, from 0.
    start_byte: usize,
    /// One past its last byte.
    end_byte: usize,
}

/// Line and column, from 1; the column counts characters.
#[derive(Debug, Serialize, JsonSchema)]
struct At {
    /// The line.
    line: usize,
    /// The column.
    column: usize,
}

/// A place with a remark.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Related {
    /// Where.
    region: Region,
    /// The remark.
    message: String,
}

/// The edit, or why there is none.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum FixOut {
    /// `dropcap fix` makes it.
    Edit {
        /// Whether it is made without `--unsafe-fixes`.
        class: Class,
        /// What it does.
        title: String,
        /// What it costs, if it is unsafe.
        costs: Vec<String>,
        /// What could take effect on some runtime and no longer can.
        #[schemars(with = "Vec<CapabilityName>")]
        lost: CapSet,
        /// What the container holds afterwards.
        after: HeldOut,
    },
    /// There is no edit.
    None {
        /// Why.
        why: String,
    },
}

/// Whether a finding counts, and if not, why.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum StandingOut {
    /// It counts.
    Open,
    /// Waivers in order cover every capability that it is about.
    Waived {
        /// Which.
        by: Vec<WaiverOut>,
    },
    /// A comment beside it says why it may stay.
    Ignored {
        /// What it says.
        reason: String,
        /// The comment.
        region: Region,
    },
    /// It was there when the baseline was written.
    Baseline,
}

/// A waiver.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WaiverOut {
    /// The file it is in.
    file: String,
    /// Its line, from 1.
    line: usize,
    /// Its reason.
    reason: String,
    /// Who approved it, as the history shows.
    approved: Vec<String>,
    /// The last day on which it counts.
    expires: String,
}

/// A capability in the schema: a known name without `CAP_`, or the number of a newer one.
struct CapabilityName;

impl JsonSchema for CapabilityName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
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

/// The schema of [`Document`] as JSON text: `docs/schema/check-v1.json`.
#[must_use]
pub fn schema() -> String {
    super::schema::<Document>("check-v1", true)
}

/// The document for a run.
#[must_use]
pub fn document(report: &Report<'_>) -> Document {
    let totals = report.totals();
    let mut containers = Vec::new();
    let mut findings = Vec::new();
    for file in &report.files {
        let first = containers.len();
        let source = &file.manifest.source;
        findings.extend(file.checked.findings.iter().map(|finding| found(source, finding, first)));
        containers.extend(all_containers(file));
    }
    for about in &report.about {
        findings.extend(about.findings.iter().map(|finding| found(&about.source, finding, 0)));
    }
    Document {
        version: VERSION,
        runtime: report.options.runtime.to_string(),
        runtime_assumed: report.assumed,
        counts: read(report.loaded.counts()),
        totals: Totals {
            errors: totals.errors,
            warnings: totals.warnings,
            notes: totals.notes,
            waived: totals.waived,
            ignored: totals.ignored,
            baseline: totals.baseline,
            containers_found: totals.found,
            safe_fixes: totals.safe,
            unsafe_fixes: totals.not_safe,
            profile_fixes: totals.by_profile,
            before: totals.before.into(),
            after: totals.after.into(),
        },
        problems: problems(report),
        containers,
        findings,
    }
}

fn read(counts: Counts) -> Read {
    let Counts {
        files,
        failed,
        skipped,
        documents,
        templates,
        broken,
        other_documents,
        workloads,
        containers,
    } = counts;
    Read {
        files,
        failed,
        skipped,
        documents,
        templates,
        broken,
        other_documents,
        workloads,
        containers,
    }
}

fn problems(report: &Report<'_>) -> Vec<Problem> {
    let unread = report.loaded.failed.iter().map(|error| Problem {
        file: error.name().to_owned(),
        position: None,
        message: error.to_string(),
        template: false,
    });
    let in_text = report.files.iter().flat_map(|file| {
        let source = &file.manifest.source;
        file.manifest.problems.iter().map(|problem| Problem {
            file: source.name().to_owned(),
            position: Some(source.position(problem.span.start).into()),
            message: problem.kind.to_string(),
            template: problem.kind.is_template(),
        })
    });
    unread.chain(in_text).collect()
}

fn all_containers(file: &CheckedFile<'_>) -> Vec<Container> {
    let source = &file.manifest.source;
    let each = file.checked.containers.iter().zip(&file.announced.after);
    let container = each.map(|(container, after)| Container {
        file: source.name().to_owned(),
        position: source.position(container.span.start).into(),
        kind: container.kind.clone(),
        workload: container.workload_name.clone(),
        namespace: container.namespace.clone(),
        list: ContainerList::key(container.list),
        container: container.name.clone(),
        before: container.held.map(HeldOut::from),
        after: after.map(HeldOut::from),
    });
    container.collect()
}

fn found(source: &Source, finding: &Finding, first: usize) -> Found {
    let related =
        |label: &Label| Related { region: region(source, label.span), message: label.text.clone() };
    Found {
        rule: finding.rule.id,
        severity: finding.severity,
        confidence: finding.confidence,
        message: finding.message.clone(),
        file: source.name().to_owned(),
        region: region(source, finding.primary.span),
        related: finding.related.iter().map(related).collect(),
        notes: finding.notes.clone(),
        help: finding.help.clone(),
        container: finding.container.map(|at| first + at),
        standing: standing(source, &finding.standing),
        capabilities: finding.capabilities,
        demands_waiver: finding.demands_waiver(),
        before: finding.before.into(),
        fix: match &finding.remedy {
            Remedy::None { why } => FixOut::None { why: why.clone() },
            Remedy::Edit(fix) => FixOut::Edit {
                class: fix.class,
                title: fix.title.clone(),
                costs: fix.costs.clone(),
                lost: fix.lost,
                after: fix.after.into(),
            },
        },
    }
}

fn standing(source: &Source, standing: &Standing) -> StandingOut {
    match standing {
        Standing::Open => StandingOut::Open,
        Standing::Waived { by } => {
            let waiver = |cover: &Cover| WaiverOut {
                file: cover.file.display().to_string(),
                line: cover.line,
                reason: cover.reason.clone(),
                approved: cover.approved.clone(),
                expires: cover.expires.clone(),
            };
            StandingOut::Waived { by: by.iter().map(waiver).collect() }
        }
        Standing::Ignored { reason, span } => {
            StandingOut::Ignored { reason: reason.clone(), region: region(source, *span) }
        }
        Standing::Baseline => StandingOut::Baseline,
    }
}

fn region(source: &Source, span: Span) -> Region {
    Region {
        start: source.position(span.start).into(),
        end: source.position(span.end).into(),
        start_byte: span.start,
        end_byte: span.end,
    }
}

impl From<Position> for At {
    fn from(position: Position) -> Self {
        Self { line: position.line, column: position.column }
    }
}

impl From<Held> for HeldOut {
    fn from(held: Held) -> Self {
        Self { effective: held.effective, reach: held.reach() }
    }
}

impl From<Sum> for SumOut {
    fn from(sum: Sum) -> Self {
        Self { effective: sum.effective, within_reach: sum.within_reach, escape_class: sum.escape }
    }
}
