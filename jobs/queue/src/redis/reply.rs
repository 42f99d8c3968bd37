//! Reading what Redis answers.

use redis::Value;

use crate::{Error, Result};

fn unexpected(wanted: &str, got: &Value) -> Error {
    let got = match got {
        Value::Nil => "nil",
        Value::Int(_) => "a number",
        Value::BulkString(_) => "a string",
        Value::Array(_) => "an array",
        Value::ServerError(error) => return Error::Corrupt(format!("Redis answered {error:?}")),
        _ => "something else",
    };
    Error::Corrupt(format!("Redis answered {got} where {wanted} is due"))
}

pub(super) fn array(value: Value) -> Result<Vec<Value>> {
    match value {
        Value::Array(items) | Value::Set(items) => Ok(items),
        other => Err(unexpected("an array", &other)),
    }
}

/// Reads an array of exactly `N` parts.
pub(super) fn parts<const N: usize>(value: Value) -> Result<[Value; N]> {
    let items = array(value)?;
    let count = items.len();
    items
        .try_into()
        .map_err(|_| Error::Corrupt(format!("Redis answered {count} parts where {N} are due")))
}

pub(super) fn bytes(value: Value) -> Result<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Ok(text.into_bytes()),
        Value::Int(number) => Ok(number.to_string().into_bytes()),
        other => Err(unexpected("a string", &other)),
    }
}

pub(super) fn optional_bytes(value: Value) -> Result<Option<Vec<u8>>> {
    match value {
        Value::Nil => Ok(None),
        other => bytes(other).map(Some),
    }
}

pub(super) fn text(value: Value) -> Result<String> {
    String::from_utf8(bytes(value)?)
        .map_err(|_| Error::Corrupt("Redis answered a string that is not UTF-8".to_owned()))
}

pub(super) fn optional_text(value: Value) -> Result<Option<String>> {
    match value {
        Value::Nil => Ok(None),
        other => text(other).map(Some),
    }
}

pub(super) fn number(value: Value) -> Result<i64> {
    match value {
        Value::Int(number) => Ok(number),
        other => {
            let text = text(other)?;
            parse(&text)
        }
    }
}

/// Reads a number, which a script may have written with a fraction.
pub(super) fn parse(text: &str) -> Result<i64> {
    text.parse::<f64>()
        .map(|number| number as i64)
        .map_err(|_| Error::Corrupt(format!("Redis holds {text:?} where a number is due")))
}

/// Reads pairs: a map, or a flat array as scripts give it.
pub(super) fn pairs(value: Value) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    if let Value::Map(items) = value {
        let read = |(key, value)| Ok((bytes(key)?, bytes(value)?));
        return items.into_iter().map(read).collect();
    }
    let mut items = array(value)?.into_iter();
    let mut pairs = Vec::with_capacity(items.len() / 2);
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        pairs.push((bytes(key)?, bytes(value)?));
    }
    Ok(pairs)
}

pub(super) fn text_pairs(value: Value) -> Result<Vec<(String, String)>> {
    let utf8 = |bytes| {
        String::from_utf8(bytes)
            .map_err(|_| Error::Corrupt("Redis answered a string that is not UTF-8".to_owned()))
    };
    pairs(value)?
        .into_iter()
        .map(|(key, value)| Ok((utf8(key)?, utf8(value)?)))
        .collect()
}
