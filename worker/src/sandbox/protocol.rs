//! Frames between the pool and a parser: a header, then bytes.
//!
//! ```text
//! u32 LE length of the header │ header, JSON │ body, `body_bytes` long
//! ```
//!
//! A request's body is the document; an answer's is the JSON of `Result<Document, ParseError>`.

use std::io::{self, ErrorKind};

use graphmill_documents::Limits;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Longest header: a declared type is a file extension or a media type.
const MAX_HEADER_BYTES: usize = 64 << 10;

/// One document to parse.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) body_bytes: u64,
    pub(super) declared_type: Option<String>,
    pub(super) limits: Limits,
    /// CPU seconds it may take.
    pub(super) cpu_seconds: u64,
    /// Address space of the parser, in bytes.
    pub(super) memory_bytes: u64,
    /// The parser ends after this document.
    pub(super) last: bool,
}

/// What became of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) body_bytes: u64,
    /// The parser ends now, on request or because its state is doubtful after a panic.
    pub(super) last: bool,
}

/// The first bytes of a frame: the header's length and the header.
pub(super) fn encode_header(header: &impl Serialize) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(header)?;
    let mut bytes = u32::try_from(json.len())
        .map_err(io::Error::other)?
        .to_le_bytes()
        .to_vec();
    bytes.extend(json);
    Ok(bytes)
}

/// The length of a header from the first four bytes of a frame.
pub(super) fn header_length(bytes: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_le_bytes(bytes) as usize;
    if length > MAX_HEADER_BYTES {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            format!("a header of {length} bytes is no header"),
        ));
    }
    Ok(length)
}

/// Reads a header from its JSON.
pub(super) fn decode_header<Header: DeserializeOwned>(json: &[u8]) -> io::Result<Header> {
    serde_json::from_slice(json).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}
