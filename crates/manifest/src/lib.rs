//! Manifests as text: documents, workloads, containers, spans to the list item, and edits that
//! leave every other byte as it was. Knows nothing of runtimes and judges nothing.

mod comment;
mod compose;
mod edit;
mod indentation;
mod json;
mod kinds;
mod line_break;
mod manifest;
mod object;
mod oci;
mod pod;
mod probe;
mod problem;
mod reader;
mod scalar;
mod source;
mod template;
mod tree;
mod walk;
mod workload;
mod write;

pub use comment::{Comment, comments};
pub use compose::command_line::words as command_words;
pub use edit::{
    Change, ContainerId, Edit, Edited, Item, List, Refusal, Refused, Replacement, SharedWith,
    Sharing, apply, has_room,
};
pub use kinds::{ContainerPlace, Kind, Kinds, KindsError, PodPlace, Step, Way, WayError};
pub use manifest::{Content, Document, Ease, Manifest, parse, parse_source, read};
pub use probe::{Probe, ProbeAction, ProbeKind, health_command};
pub use problem::{MisplacedKey, Problem, ProblemKind};
pub use source::{LineIndex, MAX_BYTES, Position, ReadError, Source};
pub use walk::{Counts, Loaded, SkipReason, Skipped, load, load_with};
pub use workload::{
    CapList, Capabilities, Container, ContainerList, EnvFile, Format, HostPath, Mount, Pod, Port,
    SecurityContext, SetLists, Span, Spanned, Volume, Workload,
};
pub use write::{WriteError, may_write, replace_whole, write_whole};
