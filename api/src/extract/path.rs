//! One variable part of a path.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};

use crate::error::{ApiError, Code};

/// A part of the path, decoded.
#[derive(Debug)]
pub(crate) struct PathSegment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathSegment {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Path::<String>::from_request_parts(parts, state)
            .await
            .map(|Path(segment)| Self(segment))
            .map_err(|rejection| {
                ApiError::new(
                    Code::RequestMalformed,
                    format!("the path cannot be read: {rejection}"),
                )
            })
    }
}
