//! The parsers of one worker: warm ones wait, a permit each.

use std::ffi::OsString;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use graphmill_documents::{Document, ErrorCode, Limits, ParseError};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::death::Bounds;
use super::process::{Answered, ParserProcess};
use super::protocol::Request;
use super::spawner::Spawner;

/// How a parser is started: this program with a hidden argument, as a rule.
#[derive(Debug, Clone)]
pub struct ParserCommand {
    /// Executable.
    pub program: PathBuf,
    /// What makes it call [`super::parser_main`].
    pub args: Vec<OsString>,
}

/// The `[documents]` section of the settings.
#[derive(Debug, Clone, Copy)]
pub struct PoolOptions {
    /// Documents parsed at once.
    pub size: NonZeroUsize,
    /// Wall time of one document, from its first byte sent to the last byte of the answer.
    pub timeout: Duration,
    /// Address space of one parser, which includes its program and a stack of 128 MiB.
    pub memory_bytes: u64,
    /// Documents after which a parser is replaced; 0 counts as 1.
    pub recycle_after: u32,
    /// Bounds that the parser keeps by itself.
    pub limits: Limits,
}

/// Parses documents in child processes.
#[derive(Debug)]
pub struct ParserPool {
    options: PoolOptions,
    spawner: Spawner,
    permits: Semaphore,
    /// A std mutex: it is held for a push or a pop, never across an await.
    idle: Mutex<Vec<ParserProcess>>,
}

impl ParserPool {
    /// Makes a pool without parsers; each is started when a document needs it, and stays.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(command: ParserCommand, options: PoolOptions) -> io::Result<Self> {
        Ok(Self {
            options,
            spawner: Spawner::start(command)?,
            permits: Semaphore::new(options.size.get()),
            idle: Mutex::new(Vec::new()),
        })
    }

    /// Parses one document; waits while all parsers are busy.
    ///
    /// # Errors
    /// What the parser says; `parse.timeout`, `parse.memory` or `parse.crashed` if it had to be killed or died. When
    /// `cancel` fires, the parser is killed and the error (`parse.timeout`) means nothing.
    ///
    /// # Cancel safety
    /// Dropping the future kills the parser.
    pub async fn parse(
        &self,
        bytes: Bytes,
        declared_type: Option<String>,
        cancel: &CancellationToken,
    ) -> Result<Document, ParseError> {
        let permit = cancel.run_until_cancelled(self.permits.acquire()).await;
        let Some(Ok(_permit)) = permit else {
            return Err(cancelled());
        };
        let mut process = match self.idle_process() {
            Some(process) => process,
            None => self.start_process().await.map_err(|error| {
                tracing::error!(%error, "a parser could not be started");
                ParseError::new(
                    ErrorCode::Crashed,
                    format!("the parser could not be started: {error}"),
                )
            })?,
        };
        let request = self.request(&process, bytes.len(), declared_type);
        let exchange = process.exchange(&request, &bytes, self.options.memory_bytes);
        let timed = tokio::time::timeout(self.options.timeout, exchange);
        match cancel.run_until_cancelled(timed).await {
            Some(Ok(Ok(answered))) => Ok(self.keep(process, answered).await?),
            Some(Ok(Err(broken))) => Err(self.autopsy(process, &broken).await),
            Some(Err(_elapsed)) => {
                process.kill().await;
                Err(self.bounds().timed_out())
            }
            None => {
                process.kill().await;
                Err(cancelled())
            }
        }
    }

    fn request(
        &self,
        process: &ParserProcess,
        body_bytes: usize,
        declared_type: Option<String>,
    ) -> Request {
        Request {
            body_bytes: body_bytes as u64,
            declared_type: declared_type
                .filter(|declared| declared.len() <= MAX_DECLARED_TYPE_BYTES),
            limits: self.options.limits,
            // The wall clock comes first; this one also holds when nobody watches.
            cpu_seconds: self.options.timeout.as_secs() + 1,
            memory_bytes: self.options.memory_bytes,
            last: process.served + 1 >= self.options.recycle_after,
        }
    }

    /// Puts a parser back, or lets go of one that ends.
    async fn keep(
        &self,
        process: ParserProcess,
        answered: Answered,
    ) -> Result<Document, ParseError> {
        if answered.last {
            process.kill().await;
        } else {
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(process);
        }
        answered.result
    }

    /// The parser that was used last, since it is the warmest; those that died while they waited are let go.
    fn idle_process(&self) -> Option<ParserProcess> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(mut process) = idle.pop() {
            if process.is_running() {
                return Some(process);
            }
        }
        None
    }

    async fn start_process(&self) -> io::Result<ParserProcess> {
        ParserProcess::new(self.spawner.spawn().await?)
    }

    async fn autopsy(&self, process: ParserProcess, broken: &io::Error) -> ParseError {
        match process.exit().await {
            Ok((status, last_words)) => {
                let error = self.bounds().cause(status, &last_words);
                tracing::warn!(parse.code = %error.code, ?status, %broken, "a parser died");
                error
            }
            Err(error) => {
                tracing::error!(%error, "a dead parser could not be waited for");
                ParseError::new(ErrorCode::Crashed, "the parser died on this document")
            }
        }
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            timeout: self.options.timeout,
            memory_bytes: self.options.memory_bytes,
        }
    }
}

/// A longer declared type is no type.
const MAX_DECLARED_TYPE_BYTES: usize = 1024;

fn cancelled() -> ParseError {
    ParseError::new(
        ErrorCode::Timeout,
        "parsing was stopped because its job was cancelled",
    )
}

#[async_trait]
impl graphmill_pipeline::parser::Parser for ParserPool {
    async fn parse(
        &self,
        bytes: Bytes,
        declared_type: Option<String>,
        cancel: &CancellationToken,
    ) -> Result<Document, ParseError> {
        Self::parse(self, bytes, declared_type, cancel).await
    }
}
