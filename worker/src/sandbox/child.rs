//! The parser's side: reads a document, parses it, answers, until its input ends.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use graphmill_documents::{Document, ErrorCode, ParseError, parse_bytes};

use super::confine::{confine_process, forbid_paths, set_budget};
use super::death::{LANDLOCK_MISSING, STACK_BYTES};
use super::descriptors::close_inherited;
use super::protocol::{Answer, Request, decode_header, encode_header, header_length};

/// Runs this process as a parser: what `main` does on the hidden argument of [`super::ParserCommand`], before it does
/// anything else (no runtime, no threads).
pub fn parser_main() -> ExitCode {
    match serve_standard_streams() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The parent is gone or asks for nonsense; standard error is all there is to tell it.
            let _ = writeln!(io::stderr(), "parser: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve_standard_streams() -> io::Result<()> {
    close_inherited()?;
    // Answers get a descriptor of their own, and whatever a library prints goes to standard error: it must not end up
    // between two frames.
    let answers = io::stdout().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    if !forbid_paths() {
        writeln!(io::stderr(), "{LANDLOCK_MISSING}")?;
    }
    confine_process()?;
    // Deep documents are recursion: on a thread whose stack is large, and counted as address space.
    std::thread::Builder::new()
        .name("parser".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || run_parser_child(io::stdin().lock(), std::fs::File::from(answers)))?
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the parser's loop panicked")))
}

/// Answers requests until the input ends or a request says that it is the last one.
///
/// # Errors
/// The streams break, or a frame is none.
pub fn run_parser_child(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    while let Some(request) = read_request(&mut input)? {
        set_budget(request.memory_bytes, request.cpu_seconds)?;
        let length = usize::try_from(request.body_bytes).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        input.read_exact(&mut bytes)?;
        let (result, panicked) = parse(&bytes, &request);
        drop(bytes);
        let body = serde_json::to_vec(&result)?;
        let last = request.last || panicked;
        let header = Answer {
            body_bytes: body.len() as u64,
            last,
        };
        output.write_all(&encode_header(&header)?)?;
        output.write_all(&body)?;
        output.flush()?;
        if last {
            break;
        }
    }
    Ok(())
}

fn read_request(input: &mut impl Read) -> io::Result<Option<Request>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let mut header = vec![0; header_length(length)?];
    input.read_exact(&mut header)?;
    decode_header(&header).map(Some)
}

/// Parses, and tells whether the parser panicked.
fn parse(bytes: &[u8], request: &Request) -> (Result<Document, ParseError>, bool) {
    let parsed = catch_unwind(AssertUnwindSafe(|| {
        parse_bytes(bytes, request.declared_type.as_deref(), &request.limits)
    }));
    if let Ok(result) = parsed {
        return (result, false);
    }
    let message =
        "the parser failed on this document; it may be damaged: open it and save it again";
    (Err(ParseError::new(ErrorCode::Crashed, message)), true)
}
