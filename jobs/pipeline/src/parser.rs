//! How the pipeline has documents parsed, whoever does it: a child process in a worker, this process in a test.

use async_trait::async_trait;
use bytes::Bytes;
use graphmill_documents::{Document, ErrorCode, ParseError, limits::Limits, parse::parse_bytes};
use tokio_util::sync::CancellationToken;

use crate::cpu_pool::CpuPool;

/// Parses documents. A document that kills its parser costs that document, never the caller.
#[async_trait]
pub trait Parser: Send + Sync + 'static {
    /// Parses one document; stops early (with whatever error) when `cancel` fires.
    ///
    /// # Errors
    /// A code and a sentence for the document's owner.
    async fn parse(
        &self,
        bytes: Bytes,
        declared_type: Option<String>,
        cancel: &CancellationToken,
    ) -> Result<Document, ParseError>;
}

/// Parses on the CPU pool of this process: for tests and trusted input, since a crash of a parser is a crash of all.
pub struct InProcessParser {
    pool: CpuPool,
    limits: Limits,
}

impl InProcessParser {
    /// Parses on `pool` within `limits` (time and memory are not limited here).
    pub fn new(pool: CpuPool, limits: Limits) -> Self {
        Self { pool, limits }
    }
}

#[async_trait]
impl Parser for InProcessParser {
    async fn parse(
        &self,
        bytes: Bytes,
        declared_type: Option<String>,
        _cancel: &CancellationToken,
    ) -> Result<Document, ParseError> {
        let limits = self.limits;
        self.pool
            .run(move || parse_bytes(&bytes, declared_type.as_deref(), &limits))
            .await
            .unwrap_or_else(|panicked| {
                Err(ParseError::new(ErrorCode::Crashed, panicked.to_string()))
            })
    }
}
