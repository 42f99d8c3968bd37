//! The `graphmill` binary: the system in one process (`dev`, `demo`), one of its roles (`api`, `worker`), and a client of
//! its HTTP API (nearly everything else).
//!
//! ```text
//! args (what was typed) ─▶ settings ─▶ commands/<noun>/<verb> ─▶ render (pure) ─▶ output (the one place that prints)
//!                                             └─▶ client (HTTP)
//! ```
//!
//! Data goes to standard output, everything else to standard error. How a command ends is an exit code: `failure.rs`.

mod args;
mod client;
mod commands;
mod failure;
mod logging;
mod output;
mod render;
mod signals;
mod startup;
mod system;
mod table;
mod views;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    args::{Arguments, Command},
    commands::Context,
    output::Output,
};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if matches!(arguments.command, Command::ParserChild) {
        // Before any runtime or log exists: the child locks itself up while it has one thread.
        return graphmill_worker::sandbox::parser_main();
    }
    let output = Output::new(&arguments.global);
    match run(arguments, output) {
        Ok(exit) => exit.into(),
        Err(error) => failure::report(&error, output).into(),
    }
}

fn run(arguments: Arguments, output: Output) -> anyhow::Result<failure::Exit> {
    let context = Context::new(&arguments.global, output);
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(commands::run(arguments.command, context))
}
