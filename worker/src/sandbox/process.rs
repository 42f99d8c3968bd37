//! One parser process, seen from the pool.

use std::io::{self, ErrorKind};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use graphmill_documents::{Document, ParseError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::task::JoinHandle;

use super::death::LANDLOCK_MISSING;
use super::protocol::{Answer, Request, decode_header, encode_header, header_length};

/// The end of standard error that is kept, in bytes.
const LAST_WORDS_BYTES: usize = 4 << 10;

/// How long a parser that broke off may take to be gone.
const EXIT_GRACE: Duration = Duration::from_secs(2);

/// A running parser. Dropping it kills it.
#[derive(Debug)]
pub(super) struct ParserProcess {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    last_words: Arc<Mutex<Vec<u8>>>,
    listener: JoinHandle<()>,
    /// Documents it was given.
    pub(super) served: u32,
}

/// An answer, and whether the parser ends with it.
pub(super) struct Answered {
    pub(super) result: Result<Document, ParseError>,
    pub(super) last: bool,
}

impl ParserProcess {
    /// Takes over a child that was started with three pipes.
    ///
    /// # Errors
    /// It has no pipes.
    pub(super) fn new(mut child: Child) -> io::Result<Self> {
        let no_pipe = || io::Error::other("a parser was started without pipes");
        let input = child.stdin.take().ok_or_else(no_pipe)?;
        let output = child.stdout.take().ok_or_else(no_pipe)?;
        let errors = child.stderr.take().ok_or_else(no_pipe)?;
        let last_words = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::spawn(listen(errors, Arc::clone(&last_words)));
        Ok(Self {
            child,
            input,
            output,
            last_words,
            listener,
            served: 0,
        })
    }

    /// Whether it still waits for documents.
    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a document and waits for the answer, of at most `max_answer_bytes`.
    ///
    /// # Errors
    /// The parser died or broke the protocol; see [`Self::exit`].
    ///
    /// # Cancel safety
    /// None: a process whose exchange was dropped must be dropped too.
    pub(super) async fn exchange(
        &mut self,
        request: &Request,
        bytes: &[u8],
        max_answer_bytes: u64,
    ) -> io::Result<Answered> {
        self.served += 1;
        self.input.write_all(&encode_header(request)?).await?;
        self.input.write_all(bytes).await?;
        self.input.flush().await?;

        let mut length = [0; 4];
        self.output.read_exact(&mut length).await?;
        let mut header = vec![0; header_length(length)?];
        self.output.read_exact(&mut header).await?;
        let answer: Answer = decode_header(&header)?;
        if answer.body_bytes > max_answer_bytes {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "the answer is larger than the parser's memory",
            ));
        }
        let mut body = Vec::new();
        (&mut self.output)
            .take(answer.body_bytes)
            .read_to_end(&mut body)
            .await?;
        let result = serde_json::from_slice(&body)
            .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        Ok(Answered {
            result,
            last: answer.last,
        })
    }

    /// Waits for a parser that broke off an exchange; one that is not gone soon is killed. Returns its status, if it ended
    /// by itself, and the end of its standard error.
    pub(super) async fn exit(mut self) -> io::Result<(Option<ExitStatus>, String)> {
        drop(self.input);
        drop(self.output);
        let status = if let Ok(status) = tokio::time::timeout(EXIT_GRACE, self.child.wait()).await {
            Some(status?)
        } else {
            self.child.kill().await?;
            None
        };
        // The pipe is closed with the process, so this ends at once.
        let _ = tokio::time::timeout(EXIT_GRACE, &mut self.listener).await;
        let words = self
            .last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Ok((status, String::from_utf8_lossy(&words).into_owned()))
    }

    /// Kills the parser and waits until it is gone, so that its memory is free before the next one starts.
    pub(super) async fn kill(mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::warn!(%error, "a parser could not be killed");
        }
    }
}

/// Keeps the end of standard error.
async fn listen(mut errors: ChildStderr, last_words: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = errors.read(&mut buffer).await {
        let mut words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
        words.extend_from_slice(&buffer[..read]);
        let surplus = words.len().saturating_sub(LAST_WORDS_BYTES);
        words.drain(..surplus);
        if words.starts_with(LANDLOCK_MISSING.as_bytes()) {
            tell_missing_landlock();
        }
    }
}

fn tell_missing_landlock() {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        tracing::warn!(
            "the kernel has no Landlock: parsers are kept from files by their descriptor limit only"
        );
    });
}
