//! EPUB books (2 and 3): the chapters in the order of the spine, each read as an HTML page.
//!
//! The package file ([`opf`]) says what the title is and what is read in which order; the table of contents ([`toc`])
//! gives headings to chapters that have none of their own. Books with copy protection have their chapters encrypted and
//! say so ([`protection`]).

mod opf;
mod protection;
mod toc;

use std::collections::HashSet;

use super::html;
use super::package::Package;
use super::xml::malformed;
use crate::block::{BlockKind, Document};
use crate::detect::FileType;
use crate::error::{ErrorCode, ParseError};
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;
use opf::Book;

/// Reads a book.
///
/// # Errors
/// `parse.truncated`, `parse.encrypted` (copy protection), `parse.bomb`, `parse.malformed` (no chapters).
pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Document, ParseError> {
    let mut package = Package::open(bytes, "EPUB", limits)?;
    let mut builder = DocumentBuilder::new(FileType::Epub);
    let book = Book::read(&mut package, limits, &mut builder)?;
    if book.chapters.is_empty() {
        return Err(malformed("the book names no chapters"));
    }
    if let Some(title) = &book.title {
        builder.set_title(title);
    }
    if let Some(language) = &book.language {
        builder.set_declared_language(language);
    }
    refuse_protected(&mut package, &book, limits)?;
    let headings = match &book.contents {
        Some(contents) => toc::headings(&mut package, contents, limits),
        None => toc::Headings::default(),
    };
    let mut read = HashSet::new();
    for chapter in &book.chapters {
        // Damaged books name a chapter many times.
        if !read.insert(chapter) {
            continue;
        }
        match package.read(chapter) {
            Ok(Some(page)) => {
                if let Some((level, heading)) = headings.get(chapter)
                    && !has_heading(&page)
                {
                    builder.push(BlockKind::Heading(*level), heading);
                }
                html::parse(&page, limits, &mut builder);
            }
            Ok(None) => builder.warn(format!("the chapter `{chapter}` is missing in the book")),
            Err(error) if error.code == ErrorCode::Bomb => return Err(error),
            Err(error) => builder.warn(format!("a chapter was left out: {error}")),
        }
    }
    for warning in package.warnings() {
        builder.warn(warning);
    }
    Ok(builder.finish())
}

fn refuse_protected(
    package: &mut Package<'_>,
    book: &Book,
    limits: &Limits,
) -> Result<(), ParseError> {
    let protected = protection::protected(package, limits)?;
    if book
        .chapters
        .iter()
        .any(|chapter| protected.contains(chapter))
    {
        return Err(ParseError::new(
            ErrorCode::Encrypted,
            "the book is encrypted by its copy protection; submit a copy without it",
        ));
    }
    Ok(())
}

/// Tells whether a page has a heading element.
fn has_heading(page: &str) -> bool {
    let bytes = page.as_bytes();
    memchr::memmem::find_iter(bytes, b"<h")
        .chain(memchr::memmem::find_iter(bytes, b"<H"))
        .any(|at| {
            matches!(
                bytes.get(at + 2..at + 4),
                Some([b'1'..=b'6', b'>' | b' ' | b'\t' | b'\r' | b'\n'])
            )
        })
}

/// Resolves a reference in the file `base` of the package: percent-encoded, relative, without its fragment.
///
/// The result is the name of a member, and only ever looked up in the package.
fn resolve_path(base: &str, reference: &str) -> String {
    let reference = reference.split('#').next().unwrap_or_default();
    let reference = decode_percent(reference.trim());
    let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut steps: Vec<&str> = if reference.starts_with('/') {
        Vec::new()
    } else {
        folder.split('/').filter(|step| !step.is_empty()).collect()
    };
    for step in reference.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                steps.pop();
            }
            step => steps.push(step),
        }
    }
    steps.join("/")
}

fn decode_percent(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(decoded) if byte == b'%' => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
