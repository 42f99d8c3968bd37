//! How values stand in columns: UUIDs as 16 bytes, instants as milliseconds, vectors as little-endian f32, rows of a
//! bulk statement as a JSON array.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::{Error, Result};

/// Returns a UUID as a column holds it; its byte order is its order.
pub(super) fn uuid_bytes(id: Uuid) -> Vec<u8> {
    id.into_bytes().to_vec()
}

pub(super) fn uuid_from(bytes: &[u8]) -> Result<Uuid> {
    Uuid::from_slice(bytes)
        .map_err(|_| Error::Corrupt(format!("an id has {} bytes, not 16", bytes.len())))
}

pub(super) fn instant_from(ms: i64) -> Result<Timestamp> {
    Timestamp::from_millisecond(ms)
        .map_err(|_| Error::Corrupt(format!("`{ms}` is no instant in milliseconds")))
}

/// Returns rows as the JSON array that a bulk statement unfolds.
pub(super) fn json_rows<T: Serialize + ?Sized>(rows: &T) -> String {
    serde_json::to_string(rows).expect("strings and integers always serialise")
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(
    column: &'static str,
    text: &str,
) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| Error::Corrupt(format!("`{column}` cannot be read: {error}")))
}

/// Parses a name that a CHECK constraint guards.
pub(super) fn named<T: std::str::FromStr<Err = String>>(text: &str) -> Result<T> {
    text.parse().map_err(Error::Corrupt)
}

pub(super) fn vector_bytes(vector: &[f32]) -> Vec<u8> {
    vector
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// Reads a vector of `dimension` values.
pub(super) fn vector_from(bytes: &[u8], dimension: usize) -> Result<Vec<f32>> {
    if bytes.len() != dimension * 4 {
        return Err(Error::Corrupt(format!(
            "a vector has {} bytes, not 4 × {dimension}",
            bytes.len()
        )));
    }
    Ok(bytes
        .chunks_exact(4)
        .map(|value| f32::from_le_bytes([value[0], value[1], value[2], value[3]]))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_survive_their_column() {
        let vector = [0.0, -1.5, f32::MIN_POSITIVE, 0.1];
        assert_eq!(vector_from(&vector_bytes(&vector), 4).unwrap(), vector);
        assert!(matches!(
            vector_from(&vector_bytes(&vector), 3),
            Err(Error::Corrupt(_))
        ));
    }

    #[test]
    fn uuid_columns_sort_like_ids() {
        let mut ids: Vec<_> = (0..100).map(|_| Uuid::now_v7()).collect();
        ids.reverse();
        let mut columns: Vec<_> = ids.iter().copied().map(uuid_bytes).collect();
        ids.sort_unstable();
        columns.sort_unstable();
        let back: Vec<_> = columns.iter().map(|c| uuid_from(c).unwrap()).collect();
        assert_eq!(back, ids);
    }
}
