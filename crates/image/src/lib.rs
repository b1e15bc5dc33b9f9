//! What an image says of capabilities: as whom its program starts, which file that is, and which
//! files in it carry capabilities or are set-uid. Read from a file ([`Images::add_text`]) or from an
//! engine that has the image ([`Engine::read`]); no image is ever pulled.

mod archive;
mod engine;
mod image;
mod inspect;
mod reference;
mod table;
mod tree;

pub use engine::{Configured, Engine, EngineError, met_a_half_made_image, once_all_are_made};
pub use image::{Files, Image, Privilege, Program, Word};
pub use inspect::InspectError;
pub use reference::Reference;
pub use table::{Images, ImagesError, schema};
