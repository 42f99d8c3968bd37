//! SIGINT and SIGTERM.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Returns a token that is cancelled by the first SIGINT or SIGTERM. A second one ends the process at once: somebody
/// is impatient, and everything is written so that a kill loses nothing.
///
/// # Errors
/// The handlers cannot be installed.
pub(crate) fn interruption() -> anyhow::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let first = token.clone();
    tokio::spawn(async move {
        for seen in 0.. {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if seen > 0 {
                end_now();
            }
            first.cancel();
        }
    });
    Ok(token)
}

#[expect(
    clippy::exit,
    reason = "the second signal asks for an end without any clean-up"
)]
fn end_now() -> ! {
    std::process::exit(crate::failure::Exit::Interrupted as i32)
}
