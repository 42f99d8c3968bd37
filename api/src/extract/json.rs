//! JSON bodies: of the right type, within the limit, read completely, every field known.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;

use super::invalid_value;
use crate::{
    ApiState,
    error::{ApiError, Code, Result},
    limits::{Stop, read_body},
};

/// A JSON body of at most `api.max_json_size`.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<ApiState> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            return Err(ApiError::new(
                Code::UnsupportedMediaType,
                "the body must be JSON, with the header `Content-Type: application/json`",
            ));
        }
        let limit = state.config.api.max_json_size.as_u64();
        json_body(body, limit, Code::RequestTooLarge, "api.max_json_size")
            .await
            .map(Self)
    }
}

/// Tells whether the content type is JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let essence = value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads and parses a body of at most `limit` bytes, the setting of that name.
pub(crate) async fn json_body<T: DeserializeOwned>(
    body: Body,
    limit: u64,
    too_large: Code,
    setting: &str,
) -> Result<T> {
    let bytes = read_body(body, limit).await.map_err(|stop| match stop {
        Stop::TooLarge => ApiError::new(
            too_large,
            format!("the body is larger than {limit} bytes, the limit (`{setting}`)"),
        ),
        Stop::Broken(reason) => broken_body(&reason),
    })?;
    from_json(&bytes)
}

/// Builds the error for a body that ended before its end.
pub(crate) fn broken_body(reason: &str) -> ApiError {
    ApiError::new(
        Code::RequestMalformed,
        format!("the body could not be read to its end: {reason}"),
    )
}

/// Parses JSON. What is no JSON is `request.malformed` with line and column, what does not fit is `request.invalid`
/// with its field.
pub(crate) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        ApiError::new(
            Code::RequestMalformed,
            format!(
                "the body is no JSON: it is not UTF-8 from byte {}",
                error.valid_up_to()
            ),
        )
    })?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let (path, inner) = (error.path().clone(), error.into_inner());
        if inner.classify() == Category::Data {
            invalid_value(&path, &without_place(&inner))
        } else if serde_json::from_str::<IgnoredAny>(text).is_ok() {
            // serde_json calls a number where a word of a fixed set should be a syntax error.
            invalid_value(
                &path,
                "a value of this type is not allowed; expected a string",
            )
        } else {
            malformed(&inner)
        }
    })?;
    reader.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn malformed(error: &serde_json::Error) -> ApiError {
    ApiError::new(
        Code::RequestMalformed,
        format!(
            "the body is no JSON: line {}, column {}: {}",
            error.line(),
            error.column(),
            without_place(error)
        ),
    )
}

/// Returns an error's message without the ` at line 1 column 2` that serde_json appends.
fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    message.strip_suffix(&place).unwrap_or(&message).to_owned()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Colour {
        Red,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Body {
        name: String,
        size: Option<u32>,
        colour: Option<Colour>,
    }

    fn error(json: &[u8]) -> String {
        format!("{:?}", from_json::<Body>(json).unwrap_err())
    }

    #[test]
    fn syntax_errors_name_line_and_column() {
        assert!(error(b"{\"name\":\n oops}").contains("line 2, column 2"));
        assert!(error(b"").contains("line 1, column 0"));
        assert!(error(b"{\"name\":\"a\"} x").contains("trailing characters"));
    }

    #[test]
    fn data_errors_name_the_field_and_what_is_allowed() {
        let unknown = error(b"{\"name\":\"a\",\"shape\":1}");
        assert!(unknown.contains("Some(\"shape\")"), "{unknown}");
        assert!(
            unknown.contains("expected one of `name`, `size`, `colour`"),
            "{unknown}"
        );
        assert!(error(b"{\"name\":1}").contains("Some(\"name\")"));
        assert!(error(b"{\"name\":\"a\",\"size\":-1}").contains("Some(\"size\")"));
        assert!(error(b"{}").contains("Some(\"name\")"));
        for colour in ["1", "true", "[]", "{}", "\"blue\""] {
            let wrong = error(format!("{{\"name\":\"a\",\"colour\":{colour}}}").as_bytes());
            assert!(wrong.contains("RequestInvalid"), "{wrong}");
            assert!(wrong.contains("Some(\"colour"), "{wrong}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_malformed() {
        assert!(error(b"{\"name\":\"\xff\"}").contains("RequestMalformed"));
    }
}
