//! Parses one file and prints the document as JSON, or the error's code and message: what a parser process does, for
//! trying out a file by hand and for tests that must survive the parser.
//!
//! `parse_one FILE [DECLARED_TYPE]`; exit code 0 with a document, 2 with a parse error.

use std::io::Write as _;
use std::process::ExitCode;

use graphmill_documents::{Limits, parse_bytes};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(path) = arguments.next() else {
        let _ = writeln!(std::io::stderr(), "usage: parse_one FILE [DECLARED_TYPE]");
        return ExitCode::FAILURE;
    };
    let declared = arguments
        .next()
        .and_then(|declared| declared.into_string().ok());
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    };
    let outcome = parse_bytes(&bytes, declared.as_deref(), &Limits::default());
    let (json, code) = match &outcome {
        Ok(document) => (serde_json::to_string(document), ExitCode::SUCCESS),
        Err(error) => (serde_json::to_string(error), ExitCode::from(2)),
    };
    match json.map(|json| writeln!(std::io::stdout(), "{json}")) {
        Ok(Ok(())) => code,
        _ => ExitCode::FAILURE,
    }
}
