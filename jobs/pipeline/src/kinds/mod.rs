//! One file a kind. A new kind is a file here, a line in the worker's registry, and a test.

mod delete;
mod embed;
mod extract;
mod finalize;
mod process;

pub use delete::DeleteDocument;
pub use embed::EmbedDocument;
pub use extract::ExtractGraph;
pub use finalize::FinalizeDocument;
pub use process::ProcessDocument;
