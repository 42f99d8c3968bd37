//! Starts parsers on one thread that lives as long as the pool.
//!
//! The kernel sends a child its death signal when the *thread* that started it ends, and threads of an async runtime come
//! and go. With a thread of their own the children die with the pool, however the pool ends.

use std::io;
use std::process::Stdio;
use std::sync::mpsc;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::pool::ParserCommand;

/// A request to start a child on a runtime.
type Start = (Handle, oneshot::Sender<io::Result<Child>>);

/// The sending side; dropping it ends the thread.
#[derive(Debug)]
pub(super) struct Spawner {
    requests: mpsc::Sender<Start>,
}

impl Spawner {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(command: ParserCommand) -> io::Result<Self> {
        let (requests, received) = mpsc::channel::<Start>();
        std::thread::Builder::new()
            .name("parser-spawner".to_owned())
            .spawn(move || {
                for (runtime, reply) in received {
                    let _entered = runtime.enter();
                    // Nobody waits any more: the child is dropped and thereby killed.
                    let _ = reply.send(spawn(&command));
                }
            })?;
        Ok(Self { requests })
    }

    /// Starts a child with three pipes.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(super) async fn spawn(&self) -> io::Result<Child> {
        let (reply, started) = oneshot::channel();
        let gone = || io::Error::other("the thread that starts parsers has ended");
        self.requests
            .send((Handle::current(), reply))
            .map_err(|_| gone())?;
        started.await.map_err(|_| gone())?
    }
}

fn spawn(command: &ParserCommand) -> io::Result<Child> {
    Command::new(&command.program)
        .args(&command.args)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: Ctrl-C at the terminal stops the worker, which lets its documents finish.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}
