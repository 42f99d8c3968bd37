//! Mail messages, as files of the internet ([`eml`]) and of Outlook ([`msg`]).
//!
//! Whichever it is, it becomes a [`Mail`], and that a document: the header as the first block, the body, and a section for
//! each attachment that has a parser. Attachments without one are named; broken ones cost a warning.

mod eml;
mod lzfu;
mod mapi;
mod msg;

use std::borrow::Cow;

use super::{html, parse_within, text};
use crate::block::{BlockKind, Document};
use crate::detect::FileType;
use crate::error::{ErrorCode, ParseError};
use crate::nest::Nest;
use crate::normalise::DocumentBuilder;

/// A mail, however it was stored.
#[derive(Default)]
struct Mail<'a> {
    subject: Option<String>,
    /// Name and value of the header fields that people look at.
    header: Vec<(&'static str, String)>,
    body: Vec<Body<'a>>,
    attachments: Vec<Attachment<'a>>,
    warnings: Vec<String>,
}

enum Body<'a> {
    Plain(Cow<'a, str>),
    Html(Cow<'a, str>),
    Rtf(Vec<u8>),
}

struct Attachment<'a> {
    /// Empty where it has none, as pictures within the text.
    name: String,
    /// A media type or a file extension.
    declared_type: Option<String>,
    content: Content<'a>,
}

enum Content<'a> {
    Bytes(Cow<'a, [u8]>),
    Mail(Box<Mail<'a>>),
    Unreadable(ParseError),
}

/// Reads an internet message, or a mailbox of them.
///
/// # Errors
/// `parse.limit` (mails within mails), `parse.encrypted`, `parse.malformed`.
pub(super) fn parse_eml(bytes: &[u8], nest: Nest<'_>) -> Result<Document, ParseError> {
    let nest = nest.enter()?;
    match eml::mailbox(bytes).as_slice() {
        [] => one_eml(bytes, nest),
        [mail] => one_eml(mail, nest),
        mails => mailbox(mails, nest),
    }
}

fn one_eml(bytes: &[u8], nest: Nest<'_>) -> Result<Document, ParseError> {
    eml::read(bytes, nest, |mail| document(mail, FileType::Eml, nest))
}

/// Reads a file of many mails: a section for each.
fn mailbox(mails: &[&[u8]], nest: Nest<'_>) -> Result<Document, ParseError> {
    let mut builder = DocumentBuilder::new(FileType::Eml);
    let mut first_error = None;
    for (index, mail) in mails.iter().enumerate() {
        if let Err(error) = nest.count_member() {
            builder.warn(error.message);
            break;
        }
        let name = format!("mail {}", index + 1);
        match one_eml(mail, nest) {
            Ok(section) => {
                let heading = section.title.as_deref().unwrap_or(&name);
                builder.push(BlockKind::Heading(1), heading);
                builder.append(&name, &section, 1);
            }
            Err(error) => {
                builder.warn(format!("{name} was left out: {error}"));
                first_error.get_or_insert(error);
            }
        }
    }
    match first_error {
        Some(error) if builder.is_empty() => Err(error),
        _ => Ok(builder.finish()),
    }
}

/// Reads an Outlook message.
///
/// # Errors
/// `parse.limit` (mails within mails), `parse.malformed`.
pub(super) fn parse_msg(bytes: &[u8], nest: Nest<'_>) -> Result<Document, ParseError> {
    let nest = nest.enter()?;
    Ok(document(msg::read(bytes, nest)?, FileType::Msg, nest))
}

/// Turns a mail into a document; `nest` is the place of its attachments.
fn document(mail: Mail<'_>, file_type: FileType, nest: Nest<'_>) -> Document {
    let mut builder = DocumentBuilder::new(file_type);
    if let Some(subject) = &mail.subject {
        builder.set_title(subject);
    }
    let header: Vec<String> = mail
        .header
        .iter()
        .filter(|(_, value)| !value.trim().is_empty())
        .map(|(name, value)| format!("{name}: {}", one_line(value)))
        .collect();
    builder.push(BlockKind::Paragraph, &header.join("\n"));
    for body in mail.body {
        push_body(body, &mut builder, nest);
    }
    for attachment in mail.attachments {
        if let Err(error) = nest.count_member() {
            builder.warn(error.message);
            break;
        }
        push_attachment(attachment, file_type, &mut builder, nest);
    }
    for warning in mail.warnings {
        builder.warn(warning);
    }
    builder.finish()
}

fn push_body(body: Body<'_>, builder: &mut DocumentBuilder, nest: Nest<'_>) {
    match body {
        Body::Plain(plain) => text::parse(&plain, builder),
        Body::Html(page) => html::parse(&page, nest.limits, builder),
        Body::Rtf(rtf) => match parse_within(&rtf, Some("rtf"), nest) {
            Ok(document) => builder.append("body", &document, 0),
            Err(error) => builder.warn(format!("the text of the mail was left out: {error}")),
        },
    }
}

fn push_attachment(
    attachment: Attachment<'_>,
    file_type: FileType,
    builder: &mut DocumentBuilder,
    nest: Nest<'_>,
) {
    let Attachment {
        name,
        declared_type,
        content,
    } = attachment;
    let outcome = match content {
        Content::Bytes(bytes) if name.is_empty() && bytes.is_empty() => return,
        Content::Bytes(bytes) => parse_within(&bytes, declared_type.as_deref(), nest),
        Content::Mail(mail) => nest.enter().map(|nest| document(*mail, file_type, nest)),
        Content::Unreadable(error) => Err(error),
    };
    let name = one_line(&name);
    let title = |section: &Document| match (&section.title, name.as_str()) {
        (Some(title), "") => title.clone(),
        (None, "") => "unnamed".to_owned(),
        (_, name) => name.to_owned(),
    };
    match outcome {
        Ok(section) if !section.text.is_empty() => {
            let heading = format!("Attachment: {}", title(&section));
            builder.push(BlockKind::Heading(1), &heading);
            builder.append(&title(&section), &section, 1);
        }
        Ok(section) => {
            let line = format!("Attachment: {}", title(&section));
            builder.push(BlockKind::Paragraph, &line);
        }
        // That a picture has no text is no news; one without a name is part of the text around it.
        Err(error) if error.code == ErrorCode::Unsupported => {
            if !name.is_empty() {
                builder.push(BlockKind::Paragraph, &format!("Attachment: {name}"));
            }
        }
        Err(error) => {
            let line = format!("Attachment: {}", title(&Document::default()));
            builder.push(BlockKind::Paragraph, &line);
            builder.warn(format!("attachment `{name}` was left out: {error}"));
        }
    }
}

/// Folded header fields are one line.
fn one_line(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
