//! Messages of Outlook.

use std::borrow::Cow;
use std::collections::HashMap;

use mail_parser::DateTime;

use super::super::archive::extension;
use super::mapi::Store;
use super::{Attachment, Body, Content, Mail, lzfu};
use crate::detect::encoding;
use crate::error::{ErrorCode, ParseError};
use crate::nest::Nest;

/// Numbers of the properties that are read (\[MS-OXPROPS\]).
mod property {
    pub(super) const SUBJECT: u16 = 0x0037;
    pub(super) const SUBMIT_TIME: u16 = 0x0039;
    pub(super) const SENT_FOR_NAME: u16 = 0x0042;
    pub(super) const SENDER_NAME: u16 = 0x0C1A;
    pub(super) const SENDER_ADDRESS: u16 = 0x0C1F;
    pub(super) const SENDER_SMTP: u16 = 0x5D01;
    pub(super) const TO: u16 = 0x0E04;
    pub(super) const CC: u16 = 0x0E03;
    pub(super) const DELIVERY_TIME: u16 = 0x0E06;
    pub(super) const BODY: u16 = 0x1000;
    pub(super) const RTF: u16 = 0x1009;
    pub(super) const HTML: u16 = 0x1013;
    pub(super) const DISPLAY_NAME: u16 = 0x3001;
    pub(super) const CREATED: u16 = 0x3007;
    pub(super) const ATTACH_DATA: u16 = 0x3701;
    pub(super) const ATTACH_SHORT_NAME: u16 = 0x3704;
    pub(super) const ATTACH_LONG_NAME: u16 = 0x3707;
    pub(super) const ATTACH_MEDIA_TYPE: u16 = 0x370E;
}

/// Header before the short properties of a message, of one within another, and of an attachment.
const TOP_HEADER: usize = 32;
const INNER_HEADER: usize = 24;

/// Reads a message; `nest` is the place of its attachments.
///
/// # Errors
/// `parse.malformed` if the compound file cannot be read.
pub(super) fn read(bytes: &[u8], nest: Nest<'_>) -> Result<Mail<'static>, ParseError> {
    let mut store = Store::open(bytes, nest.limits.max_member_bytes).map_err(|error| {
        ParseError::new(
            ErrorCode::Malformed,
            format!("the compound file of the message is damaged: {error}"),
        )
    })?;
    Ok(mail(&mut store, "/", TOP_HEADER, nest))
}

fn mail(store: &mut Store<'_>, folder: &str, header_bytes: usize, nest: Nest<'_>) -> Mail<'static> {
    let short = store.short(folder, header_bytes);
    let subject = store.text(folder, property::SUBJECT);
    let mut mail = Mail {
        header: vec![
            ("From", sender(store, folder)),
            ("To", store.text(folder, property::TO).unwrap_or_default()),
            ("Cc", store.text(folder, property::CC).unwrap_or_default()),
            ("Date", date(&short).unwrap_or_default()),
            ("Subject", subject.clone().unwrap_or_default()),
        ],
        subject,
        ..Mail::default()
    };
    match body(store, folder) {
        Ok(body) => mail.body.extend(body),
        Err(warning) => mail.warnings.push(warning),
    }
    for folder in store.folders(folder, "__attach_version1.0_") {
        // What is beyond is counted, and told, when the document is made.
        if mail.attachments.len() > nest.limits.max_members {
            break;
        }
        mail.attachments.push(attachment(store, &folder, nest));
    }
    mail
}

fn sender(store: &mut Store<'_>, folder: &str) -> String {
    let name = [property::SENDER_NAME, property::SENT_FOR_NAME]
        .into_iter()
        .find_map(|property| store.text(folder, property));
    // Addresses within an Exchange server have no `@` and say nothing.
    let address = [property::SENDER_SMTP, property::SENDER_ADDRESS]
        .into_iter()
        .filter_map(|property| store.text(folder, property))
        .find(|address| address.contains('@'));
    match (name, address) {
        (Some(name), Some(address)) if name != address => format!("{name} <{address}>"),
        (name, address) => name.or(address).unwrap_or_default(),
    }
}

/// Times are counted in tenths of a microsecond from the year 1601.
fn date(short: &HashMap<u16, [u8; 8]>) -> Option<String> {
    const TICKS_PER_SECOND: u64 = 10_000_000;
    const SECONDS_TO_1970: i64 = 11_644_473_600;
    const SECONDS_TO_9999: i64 = 253_402_300_799;
    let ticks = [
        property::SUBMIT_TIME,
        property::DELIVERY_TIME,
        property::CREATED,
    ]
    .into_iter()
    .find_map(|property| short.get(&property))?;
    let seconds = (u64::from_le_bytes(*ticks) / TICKS_PER_SECOND) as i64 - SECONDS_TO_1970;
    (0..=SECONDS_TO_9999)
        .contains(&seconds)
        .then(|| DateTime::from_timestamp(seconds).to_rfc822())
}

/// Finds the text: plain, else HTML, else RTF.
fn body(store: &mut Store<'_>, folder: &str) -> Result<Option<Body<'static>>, String> {
    if let Some(text) = store.text(folder, property::BODY)
        && !text.trim().is_empty()
    {
        return Ok(Some(Body::Plain(Cow::Owned(text))));
    }
    let page = store
        .binary(folder, property::HTML)
        .and_then(|bytes| encoding::decode(&bytes))
        .map(|decoded| decoded.text)
        .or_else(|| store.text(folder, property::HTML));
    if let Some(page) = page {
        return Ok(Some(Body::Html(Cow::Owned(page))));
    }
    let Some(compressed) = store.binary(folder, property::RTF) else {
        return Ok(None);
    };
    lzfu::inflate(&compressed)
        .map(|rtf| Some(Body::Rtf(rtf)))
        .ok_or_else(|| "the text of the mail is damaged and was left out".to_owned())
}

fn attachment(store: &mut Store<'_>, folder: &str, nest: Nest<'_>) -> Attachment<'static> {
    let name = [
        property::ATTACH_LONG_NAME,
        property::ATTACH_SHORT_NAME,
        property::DISPLAY_NAME,
    ]
    .into_iter()
    .find_map(|property| store.text(folder, property))
    .unwrap_or_default();
    let content = match store.message(folder, property::ATTACH_DATA) {
        Some(inner) => match nest.enter() {
            Ok(nest) => Content::Mail(Box::new(mail(store, &inner, INNER_HEADER, nest))),
            Err(error) => Content::Unreadable(error),
        },
        None => match store.binary(folder, property::ATTACH_DATA) {
            Some(bytes) => Content::Bytes(Cow::Owned(bytes)),
            None => Content::Unreadable(ParseError::new(
                ErrorCode::Malformed,
                "it has no data in the message",
            )),
        },
    };
    let media_type = store.text(folder, property::ATTACH_MEDIA_TYPE);
    Attachment {
        declared_type: extension(&name).map(str::to_owned).or(media_type),
        name,
        content,
    }
}
