//! What a dead parser died of, told from its exit status and its last words.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use graphmill_documents::{ErrorCode, ParseError};
use rustix::process::Signal;

/// Stack of the thread that parses, part of the address space.
pub(super) const STACK_BYTES: usize = 128 << 20;

/// What a parser says first where the kernel has no Landlock.
pub(super) const LANDLOCK_MISSING: &str =
    "parser: this kernel does not restrict paths (no Landlock)";

/// Bounds that a document may have run into.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) timeout: Duration,
    pub(super) memory_bytes: u64,
}

impl Bounds {
    /// The document took too long.
    pub(super) fn timed_out(&self) -> ParseError {
        let seconds = self.timeout.as_secs_f32();
        ParseError::new(
            ErrorCode::Timeout,
            format!(
                "parsing took longer than {seconds} s; split the document, or raise documents.parse_timeout"
            ),
        )
    }

    fn out_of_memory(&self) -> ParseError {
        let mebibytes = self.memory_bytes >> 20;
        ParseError::new(
            ErrorCode::Memory,
            format!(
                "parsing needed more than {mebibytes} MiB; split the document, or raise documents.parse_memory"
            ),
        )
    }

    /// Names the cause of a death. `status` is `None` if the parser broke off an exchange but had to be killed; `last_words`
    /// is the end of standard error; none of it
    /// goes into the message, because it may hold document text.
    pub(super) fn cause(&self, status: Option<ExitStatus>, last_words: &str) -> ParseError {
        if is_out_of_memory(last_words) {
            return self.out_of_memory();
        }
        if last_words.contains("has overflowed its stack") {
            return crashed("nested too deeply for the parser's stack");
        }
        let Some(status) = status else {
            return crashed("no answer that makes sense");
        };
        match status.signal().and_then(Signal::from_named_raw) {
            Some(Signal::XCPU) => self.timed_out(),
            // Nobody but the kernel's out-of-memory killer sends this to a parser.
            Some(Signal::KILL) => self.out_of_memory(),
            Some(signal) => crashed(&format!("signal {}", signal.as_raw())),
            None => crashed(&format!("exit status {}", status.code().unwrap_or(-1))),
        }
    }
}

fn is_out_of_memory(last_words: &str) -> bool {
    (last_words.contains("memory allocation of ") && last_words.contains(" failed"))
        || last_words.contains("Cannot allocate memory")
}

fn crashed(how: &str) -> ParseError {
    ParseError::new(
        ErrorCode::Crashed,
        format!(
            "the parser died on this document ({how}); it may be damaged: open it and save it again"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        timeout: Duration::from_mins(1),
        memory_bytes: 2 << 30,
    };

    fn code(raw_status: i32, last_words: &str) -> ErrorCode {
        BOUNDS
            .cause(Some(ExitStatus::from_raw(raw_status)), last_words)
            .code
    }

    #[test]
    fn signals_and_last_words_name_the_cause() {
        assert_eq!(
            code(6, "memory allocation of 17179869184 bytes failed\n"),
            ErrorCode::Memory
        );
        assert_eq!(
            code(6, "thread 'parser' has overflowed its stack"),
            ErrorCode::Crashed
        );
        assert_eq!(code(11, ""), ErrorCode::Crashed);
        assert_eq!(code(9, ""), ErrorCode::Memory);
        assert_eq!(code(24, ""), ErrorCode::Timeout);
        assert_eq!(code(1 << 8, "parser: broken"), ErrorCode::Crashed);
    }

    #[test]
    fn last_words_stay_out_of_the_message() {
        let error = BOUNDS.cause(Some(ExitStatus::from_raw(11)), "secret text");
        assert!(!error.message.contains("secret"));
    }
}
