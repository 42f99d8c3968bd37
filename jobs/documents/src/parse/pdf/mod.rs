//! PDF, read by `pdf_oxide` page by page.
//!
//! A page arrives as lines in reading order. Running heads and page numbers are taken out over all pages first
//! ([`drop_repeated_lines`]); then [`layout`] makes paragraphs, tables and headings of the lines. Headings are the
//! lines that the document's outline names ([`outline`]).

mod layout;
mod outline;

use pdf_oxide::{Error, PdfDocument};

use crate::block::Document;
use crate::detect::FileType;
use crate::error::{ErrorCode, ParseError};
use crate::limits::Limits;
use crate::normalise::{DocumentBuilder, drop_repeated_lines};

/// Reads a document.
///
/// # Errors
/// `parse.encrypted` unless the empty password opens it, `parse.truncated` (no end and no pages), `parse.malformed`,
/// `parse.no_text` (images, but no text).
pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Document, ParseError> {
    refuse_deep_arrays(bytes, limits)?;
    let mut builder = DocumentBuilder::new(FileType::Pdf);
    let pdf = PdfDocument::from_bytes(bytes.to_vec()).map_err(|error| failure(&error, bytes))?;
    if pdf.is_encrypted() && !matches!(pdf.authenticate(b""), Ok(true)) {
        return Err(encrypted());
    }
    let count = pdf.page_count().map_err(|error| failure(&error, bytes))?;
    let read = count.min(limits.max_pages as usize);
    if read < count {
        builder.warn(format!("stopped after {read} of {count} pages"));
    }
    let mut pages = Vec::with_capacity(read.min(1024));
    let mut damaged = 0;
    for page in 0..read {
        match pdf.extract_text(page) {
            Ok(text) => pages.push(text.lines().map(str::to_owned).collect::<Vec<_>>()),
            Err(Error::EncryptedPdf) => return Err(encrypted()),
            Err(error) => {
                tracing::debug!(page.number = page + 1, %error, "page is damaged");
                damaged += 1;
                pages.push(Vec::new());
            }
        }
    }
    let has_text = pages.iter().flatten().any(|line| !line.trim().is_empty());
    if !has_text && damaged > 0 {
        return Err(malformed(
            bytes,
            &format!("no page of {count} could be read"),
        ));
    }
    if !has_text && count > 0 {
        if has_images(bytes) {
            return Err(ParseError::new(
                ErrorCode::NoText,
                format!(
                    "none of the {count} pages holds text; it looks scanned, so run OCR on it first"
                ),
            ));
        }
        builder.warn(format!("none of the {count} pages holds text or images"));
    }
    if damaged > 0 {
        builder.warn(format!(
            "{damaged} of {count} pages are damaged and were left out"
        ));
    }
    if let Some(title) = outline::title(&pdf) {
        builder.set_title(&title);
    }
    drop_repeated_lines(&mut pages);
    let headings = outline::Headings::read(&pdf).locate(&pages);
    for (index, lines) in pages.iter().enumerate() {
        builder.begin_page(index as u32 + 1);
        layout::push_page(
            lines,
            |line| headings.get(&(index, line)).copied(),
            &mut builder,
        );
    }
    Ok(builder.finish())
}

/// Tells whether there is a picture that OCR could read. The dictionary of an image is never compressed: it belongs to a
/// stream object, and those cannot lie inside object streams (ISO 32000-1, 7.5.7). Blank pages and line drawings have
/// none, and are documents without text rather than failures.
fn has_images(bytes: &[u8]) -> bool {
    memchr::memmem::find_iter(bytes, b"/Subtype").any(|at| {
        let value = bytes[at + b"/Subtype".len()..].trim_ascii_start();
        value
            .strip_prefix(b"/Image")
            .is_some_and(|rest| !rest.first().is_some_and(u8::is_ascii_alphanumeric))
    })
}

/// The engine reads nested arrays by recursion, and its stack overflows on arrays that are nothing but brackets.
fn refuse_deep_arrays(bytes: &[u8], limits: &Limits) -> Result<(), ParseError> {
    let mut depth = 0;
    for &byte in bytes {
        match byte {
            b'[' => depth += 1,
            _ if byte.is_ascii_whitespace() => {}
            _ => depth = 0,
        }
        if depth > limits.max_nesting {
            return Err(ParseError::new(
                ErrorCode::Limit,
                format!(
                    "arrays of the PDF document are nested more than {} levels deep",
                    limits.max_nesting
                ),
            ));
        }
    }
    Ok(())
}

fn encrypted() -> ParseError {
    ParseError::new(
        ErrorCode::Encrypted,
        "a PDF document needs a password; save a copy without one and submit that",
    )
}

fn failure(error: &Error, bytes: &[u8]) -> ParseError {
    match error {
        Error::EncryptedPdf => encrypted(),
        error => malformed(bytes, &error.to_string()),
    }
}

/// A PDF ends with `%%EOF`; one without was cut off.
fn malformed(bytes: &[u8], cause: &str) -> ParseError {
    const TAIL: usize = 2048;
    let tail = &bytes[bytes.len().saturating_sub(TAIL)..];
    if memchr::memmem::find(tail, b"%%EOF").is_none() {
        ParseError::new(
            ErrorCode::Truncated,
            format!("the PDF document ends too early: {cause}"),
        )
    } else {
        ParseError::new(
            ErrorCode::Malformed,
            format!("the PDF document is damaged: {cause}"),
        )
    }
}
