//! What every target checks.

use graphmill_documents::{Limits, parse_bytes};

/// Parses `data` under small limits, and checks the invariants of the document if there is one.
///
/// # Panics
/// If an invariant is broken.
pub fn parse(data: &[u8], declared_type: &str) {
    let limits = Limits {
        max_member_bytes: 1 << 20,
        max_inflated_bytes: 4 << 20,
        max_members: 100,
        ..Limits::default()
    };
    if let Ok(document) = parse_bytes(data, Some(declared_type), &limits) {
        document.check().expect("the invariants of a document hold");
    }
}
