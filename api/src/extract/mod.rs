//! Extractors whose rejections are problem documents that name the field and what would be right.

mod json;
mod page;
mod path;
mod query;

pub(crate) use json::{Json, broken_body, from_json, is_json, json_body};
pub(crate) use page::page_size;
pub(crate) use path::PathSegment;
pub(crate) use query::Query;

use crate::error::ApiError;

/// Turns serde's message on a value into ours: `field` and a sentence.
fn invalid_value(path: &serde_path_to_error::Path, message: &str) -> ApiError {
    let at = path.to_string();
    // For a field that is unknown, missing or there twice the path ends at the object, and the message names it.
    let field = match (at.as_str(), named_field(message)) {
        (".", Some(named)) => named.to_owned(),
        (".", None) => return ApiError::invalid("body", message),
        (_, Some(named)) if at != named && !at.ends_with(&format!(".{named}")) => {
            format!("{at}.{named}")
        }
        _ => at,
    };
    let detail = if message.contains(&format!("`{field}`")) {
        message.to_owned()
    } else {
        format!("`{field}`: {message}")
    };
    ApiError::invalid(field, detail)
}

/// Returns the field that serde's message is about.
fn named_field(message: &str) -> Option<&str> {
    ["unknown field `", "missing field `", "duplicate field `"]
        .into_iter()
        .find_map(|start| message.strip_prefix(start))?
        .split('`')
        .next()
}
