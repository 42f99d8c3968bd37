//! GZIP and Zstandard: streams of one file, which may be a TAR archive.

use std::cell::Cell;
use std::io::{self, Read};
use std::ops::ControlFlow;

use flate2::bufread::MultiGzDecoder;

use super::zstd::ZstdReader;
use super::{Visit, names, tar};
use crate::detect::FileType;
use crate::error::{ErrorCode, ParseError};
use crate::nest::Nest;

/// Up to this size the ratio says nothing: a page of blanks is no bomb.
const RATIO_FREE_BYTES: u64 = 16 << 20;
/// What a TAR archive is told by: its first header.
const TAR_HEADER_BYTES: u64 = 512;

/// What a stream holds.
pub(crate) enum Single {
    /// A TAR archive, not inflated beyond its first header.
    Tar,
    /// Anything else.
    File {
        /// The name the stream gives it; empty where it gives none.
        name: String,
        content: Vec<u8>,
    },
}

/// Inflates a stream, unless it holds a TAR archive.
///
/// # Errors
/// `parse.bomb`, `parse.truncated`, `parse.malformed`.
pub(crate) fn inflate_single(
    bytes: &[u8],
    file_type: FileType,
    nest: Nest<'_>,
) -> Result<Single, ParseError> {
    let (decoder, _) = open(bytes, file_type);
    let mut head = Vec::new();
    // Damage shows again below.
    let _ = decoder.take(TAR_HEADER_BYTES).read_to_end(&mut head);
    if tar::is_tar(&head) {
        return Ok(Single::Tar);
    }
    let (decoder, name) = open(bytes, file_type);
    let content = read_member(decoder, Some(bytes.len() as u64), nest)?;
    Ok(Single::File { name, content })
}

/// Walks over the TAR archive in a stream, inflating as it goes.
pub(super) fn walk_tar<'a>(
    bytes: &[u8],
    file_type: FileType,
    prefix: &str,
    nest: Nest<'a>,
    visit: Visit<'_, 'a>,
) -> Result<ControlFlow<()>, ParseError> {
    let (decoder, _) = open(bytes, file_type);
    let overrun = Cell::new(false);
    let bounded = Bounded {
        inner: decoder,
        left: ratio_bound(bytes.len() as u64, nest),
        nest,
        overrun: &overrun,
    };
    let flow = tar::walk(bounded, prefix, nest, visit);
    if overrun.get() {
        return Err(too_much(nest));
    }
    flow
}

/// Reads a member to its end, within the bounds for it, for all members, and for its ratio to `compressed` bytes.
///
/// # Errors
/// `parse.bomb`, `parse.truncated`, `parse.malformed`.
pub(super) fn read_member(
    reader: impl Read,
    compressed: Option<u64>,
    nest: Nest<'_>,
) -> Result<Vec<u8>, ParseError> {
    let by_ratio = compressed.map_or(u64::MAX, |bytes| ratio_bound(bytes, nest));
    let by_size = nest.limits.max_member_bytes.min(nest.inflatable());
    let allowed = by_ratio.min(by_size);
    let mut content = Vec::new();
    // One byte more than allowed tells "too much" from "just fits".
    let outcome = reader
        .take(allowed.saturating_add(1))
        .read_to_end(&mut content);
    nest.inflate(content.len() as u64);
    if content.len() as u64 > allowed {
        return Err(if by_ratio < by_size {
            ParseError::new(
                ErrorCode::Bomb,
                format!(
                    "it inflates to more than {} times its size, the limit",
                    nest.limits.max_inflation_ratio
                ),
            )
        } else {
            too_much(nest)
        });
    }
    match outcome {
        Ok(_) => Ok(content),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(ParseError::new(
            ErrorCode::Truncated,
            "the compressed data ends too early; get the file again",
        )),
        Err(error) => Err(ParseError::new(
            ErrorCode::Malformed,
            format!("the compressed data is damaged: {error}"),
        )),
    }
}

fn ratio_bound(compressed: u64, nest: Nest<'_>) -> u64 {
    compressed
        .saturating_mul(nest.limits.max_inflation_ratio)
        .max(RATIO_FREE_BYTES)
}

fn too_much(nest: Nest<'_>) -> ParseError {
    let message = if nest.is_spent() {
        format!(
            "it inflates to more than {} MiB in all, the limit",
            nest.limits.max_inflated_bytes >> 20
        )
    } else {
        format!(
            "it inflates to more than {} MiB, the limit for one file",
            nest.limits.max_member_bytes >> 20
        )
    };
    ParseError::new(ErrorCode::Bomb, message)
}

/// Returns a decoder, and the name that the stream gives its content.
fn open(bytes: &[u8], file_type: FileType) -> (Box<dyn Read + '_>, String) {
    if file_type == FileType::Zstd {
        return (Box::new(ZstdReader::new(bytes)), String::new());
    }
    let decoder = MultiGzDecoder::new(bytes);
    let name = decoder
        .header()
        .and_then(|header| header.filename())
        .map(names::decode)
        .and_then(|name| names::clean(&name).ok())
        .unwrap_or_default();
    (Box::new(decoder), name)
}

/// A reader that ends in an error once it has given more than it may.
struct Bounded<'a, R> {
    inner: R,
    left: u64,
    nest: Nest<'a>,
    overrun: &'a Cell<bool>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.nest.inflate(count as u64);
        self.left = self.left.saturating_sub(count as u64);
        if count > 0 && (self.left == 0 || self.nest.is_spent()) {
            self.overrun.set(true);
            return Err(io::Error::other("inflates beyond the limit"));
        }
        Ok(count)
    }
}
