//! A parser process by itself: the child that the tests of the sandbox start. The product starts itself instead.

use std::process::ExitCode;

fn main() -> ExitCode {
    graphmill_worker::sandbox::parser_main()
}
