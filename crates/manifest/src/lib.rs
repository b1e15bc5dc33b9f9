//! Manifests as text: documents, workloads, containers, spans to the list item, and edits that
//! leave every other byte as it was. Knows nothing of runtimes and judges nothing.

mod indentation;
mod manifest;
mod object;
mod pod;
mod problem;
mod reader;
mod scalar;
mod source;
mod tree;
mod workload;

pub use manifest::{Content, Document, Manifest, parse, parse_source, read};
pub use problem::{MisplacedKey, Problem, ProblemKind};
pub use source::{LineIndex, MAX_BYTES, Position, ReadError, Source};
pub use workload::{
    CapList, Capabilities, Container, ContainerList, HostPath, Pod, Port, SecurityContext, Span,
    Spanned, Workload,
};
