//! Internet messages (RFC 5322 and MIME).
//!
//! `mail-parser` takes the message apart. What it cannot decode is decoded again here: charsets that the header names
//! wrongly or not at all, and header fields in the raw bytes of some legacy charset.

use std::borrow::Cow;

use encoding_rs::Encoding;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{
    Address, Encoding as Transfer, HeaderName, Message, MessageParser, MessagePart,
    MimeHeaders as _, PartType,
};

use super::super::archive::extension;
use super::{Attachment, Body, Content, Mail};
use crate::detect::encoding;
use crate::error::{ErrorCode, ParseError};
use crate::nest::Nest;

const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// Reads a message and hands it on, since it borrows from the bytes.
///
/// # Errors
/// `parse.malformed` if there is no header, `parse.encrypted`, `parse.limit` for thousands of mails within mails.
pub(super) fn read<T>(
    bytes: &[u8],
    nest: Nest<'_>,
    take: impl FnOnce(Mail<'_>) -> T,
) -> Result<T, ParseError> {
    // A message within a message within … is a structure that deep, which takes that much stack to drop.
    let marks = memchr::memmem::find_iter(bytes, b"rfc822").count();
    if marks > nest.limits.max_nesting {
        return Err(ParseError::new(
            ErrorCode::Limit,
            format!(
                "it holds more than {} mails within mails",
                nest.limits.max_nesting
            ),
        ));
    }
    let bytes = with_readable_header(bytes);
    let message = MessageParser::default()
        .parse(&*bytes)
        .ok_or_else(|| ParseError::new(ErrorCode::Malformed, "the mail has no header"))?;
    if is_encrypted(&message) {
        return Err(ParseError::new(
            ErrorCode::Encrypted,
            "the mail is encrypted; save a decrypted copy and submit that",
        ));
    }
    Ok(take(mail(&message, nest)))
}

/// Cuts a mailbox (RFC 4155) into its mails: each comes behind a line `From …`. Empty if the bytes are no mailbox.
pub(super) fn mailbox(bytes: &[u8]) -> Vec<&[u8]> {
    const SEPARATOR: &[u8] = b"From ";
    if !bytes.starts_with(SEPARATOR) {
        return Vec::new();
    }
    let inner = memchr::memmem::find_iter(bytes, b"\nFrom ")
        .map(|at| at + 1)
        .filter(|&at| bytes[..at].ends_with(b"\n\n") || bytes[..at].ends_with(b"\r\n\r\n"))
        .filter(|&at| names_a_time(&bytes[at..]));
    let starts: Vec<usize> = std::iter::once(0).chain(inner).collect();
    let ends = starts.iter().copied().skip(1).chain([bytes.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| {
            let mail = &bytes[start..end];
            let header = memchr::memchr(b'\n', mail).map_or(mail.len(), |at| at + 1);
            &mail[header..]
        })
        .collect()
}

/// A line that separates mails ends in a date with the time; a sentence that begins with "From" hardly does.
fn names_a_time(line: &[u8]) -> bool {
    const MAX_LINE_BYTES: usize = 300;
    let line = &line[..line.len().min(MAX_LINE_BYTES)];
    let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len())];
    line.windows(3)
        .any(|window| window[1] == b':' && window[0].is_ascii_digit() && window[2].is_ascii_digit())
}

/// Header fields must be ASCII or UTF-8; where they are not, the header is decoded by a guess.
fn with_readable_header(bytes: &[u8]) -> Cow<'_, [u8]> {
    let end = [&b"\r\n\r\n"[..], b"\n\n"]
        .into_iter()
        .filter_map(|blank| memchr::memmem::find(bytes, blank))
        .min()
        .unwrap_or(bytes.len());
    let (header, rest) = bytes.split_at(end);
    if std::str::from_utf8(header).is_ok() {
        return Cow::Borrowed(bytes);
    }
    match encoding::decode(header) {
        Some(decoded) => Cow::Owned([decoded.text.as_bytes(), rest].concat()),
        None => Cow::Borrowed(bytes),
    }
}

fn is_encrypted(message: &Message<'_>) -> bool {
    let Some(kind) = message.parts.first().and_then(MessagePart::content_type) else {
        return false;
    };
    let subtype = kind.subtype().unwrap_or_default();
    let sealed = kind
        .attribute("smime-type")
        .is_some_and(|kind| kind.eq_ignore_ascii_case("enveloped-data"));
    subtype.eq_ignore_ascii_case("encrypted") && kind.ctype().eq_ignore_ascii_case("multipart")
        || subtype.to_ascii_lowercase().ends_with("pkcs7-mime") && sealed
}

fn mail<'a>(message: &'a Message<'_>, nest: Nest<'_>) -> Mail<'a> {
    let mut mail = Mail {
        subject: message.subject().map(str::to_owned),
        header: header(message),
        ..Mail::default()
    };
    mail.body = bodies(message, &message.text_body);
    let blank = |body: &Body<'_>| matches!(body, Body::Plain(text) if text.trim().is_empty());
    if mail.body.iter().all(blank) {
        mail.body = bodies(message, &message.html_body);
    }
    for id in &message.attachments {
        let is_body = message.text_body.contains(id) || message.html_body.contains(id);
        let Some(part) = message.parts.get(*id as usize) else {
            continue;
        };
        // Pictures are listed as bodies where they stand between text.
        if !(is_body && matches!(part.body, PartType::Text(_) | PartType::Html(_))) {
            mail.attachments.push(attachment(message, part, nest));
        }
    }
    mail
}

fn header(message: &Message<'_>) -> Vec<(&'static str, String)> {
    let date = message
        .date()
        .filter(|date| date.is_valid())
        .map(mail_parser::DateTime::to_rfc822)
        .or_else(|| message.header_raw(HeaderName::Date).map(str::to_owned));
    vec![
        ("From", message.from().map(addresses).unwrap_or_default()),
        ("To", message.to().map(addresses).unwrap_or_default()),
        ("Cc", message.cc().map(addresses).unwrap_or_default()),
        ("Date", date.unwrap_or_default()),
        ("Subject", message.subject().unwrap_or_default().to_owned()),
    ]
}

fn addresses(addresses: &Address<'_>) -> String {
    let mut list = String::new();
    for address in addresses.iter() {
        if !list.is_empty() {
            list.push_str(", ");
        }
        match (address.name(), address.address()) {
            (Some(name), Some(address)) => {
                list.push_str(name);
                list.push_str(" <");
                list.push_str(address);
                list.push('>');
            }
            (name, address) => list.push_str(name.or(address).unwrap_or_default()),
        }
    }
    list
}

fn bodies<'a>(message: &'a Message<'_>, ids: &[u32]) -> Vec<Body<'a>> {
    ids.iter()
        .filter_map(|id| {
            let part = message.parts.get(*id as usize)?;
            match &part.body {
                PartType::Text(text) => Some(Body::Plain(decoded(message, part, text))),
                PartType::Html(text) => Some(Body::Html(decoded(message, part, text))),
                _ => None,
            }
        })
        .collect()
}

fn attachment<'a>(
    message: &'a Message<'_>,
    part: &'a MessagePart<'_>,
    nest: Nest<'_>,
) -> Attachment<'a> {
    let content = match &part.body {
        PartType::Text(text) | PartType::Html(text) => {
            Content::Bytes(match decoded(message, part, text) {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            })
        }
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
            Content::Bytes(Cow::Borrowed(&**bytes))
        }
        PartType::Message(inner) => match nest.enter() {
            Ok(nest) => Content::Mail(Box::new(mail(inner, nest))),
            Err(error) => Content::Unreadable(error),
        },
        PartType::Multipart(_) => Content::Bytes(Cow::Borrowed(&[])),
    };
    // A message within goes by its subject.
    let subject = part.message().and_then(|inner| inner.subject());
    let name = part.attachment_name().or(subject);
    let name = name.unwrap_or_default().to_owned();
    let media_type = part
        .content_type()
        .map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()));
    Attachment {
        declared_type: extension(&name).map(str::to_owned).or(media_type),
        name,
        content,
    }
}

/// Returns the text of a part: as it was decoded, or decoded again where that gave replacement characters or followed
/// no charset that there is.
fn decoded<'a>(message: &Message<'_>, part: &MessagePart<'_>, text: &'a str) -> Cow<'a, str> {
    let label = part
        .content_type()
        .and_then(|kind| kind.attribute("charset"));
    let charset = label.and_then(|label| Encoding::for_label(label.trim().as_bytes()));
    if !text.contains(REPLACEMENT) && (label.is_none() || charset.is_some()) {
        return Cow::Borrowed(text);
    }
    let raw = message
        .raw_message
        .get(part.offset_body as usize..part.offset_end as usize)
        .unwrap_or_default();
    let bytes = match part.encoding {
        Transfer::None => Some(Cow::Borrowed(raw)),
        Transfer::Base64 => base64_decode(raw).map(Cow::Owned),
        Transfer::QuotedPrintable => quoted_printable_decode(raw).map(Cow::Owned),
    };
    let Some(bytes) = bytes else {
        return Cow::Borrowed(text);
    };
    let by_label = charset.map(|charset| charset.decode(&bytes).0.into_owned());
    let guessed = encoding::decode(&bytes).map(|decoded| decoded.text);
    let damage = |text: &str| text.matches(REPLACEMENT).count();
    let best = [by_label, guessed]
        .into_iter()
        .flatten()
        .min_by_key(|text| damage(text));
    match best {
        Some(best) if damage(&best) < damage(text) || charset.is_none() => Cow::Owned(best),
        _ => Cow::Borrowed(text),
    }
}
