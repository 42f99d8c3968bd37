//! Parsers in child processes: a document that crashes its parser, eats memory or never ends costs itself, not the worker.
//!
//! ```text
//! ParserPool ── permit ──▶ warm child or a new one ── request: limits, type, bytes ──▶ stdin ┐
//!      ▲                                                                    parse_bytes     │ parser process
//!      └───────── Document or ParseError ◀── answer ──────────────────────────── stdout ◀───┘
//! ```
//!
//! The child is this program again with an argument that its caller chose; it answers one request after the other and
//! ends when its input does, or after [`PoolOptions::recycle_after`] documents. Before the first one it gives up what it
//! does not need (`confine`): address space, CPU time, files, sockets. If it dies, the pool tells from its exit status
//! and its last words what happened (`death`), and the next document gets a new child. If the worker dies, the kernel
//! kills the children.

mod child;
mod confine;
mod death;
mod descriptors;
mod pool;
mod process;
mod protocol;
mod spawner;

pub use child::{parser_main, run_parser_child};
pub use pool::{ParserCommand, ParserPool, PoolOptions};
