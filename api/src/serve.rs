//! Accepting connections, and ending.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use prometheus::IntGauge;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use crate::{ApiState, router::router};

/// How long cut-off requests have to send their error.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves the API until `shutdown` fires and open requests have ended.
///
/// At shutdown no connection is accepted any more, idle ones are closed, and open requests may go on for
/// `api.shutdown_grace`; what is open then is answered with `server.shutting_down`.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    state: ApiState,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let grace = state.config.api.shutdown_grace;
    let cut_off = CancellationToken::new();
    let listener = Counted {
        inner: listener,
        open: state.metrics.active_connections(),
    };
    let app = router(state, cut_off.clone());
    let mut server = tokio::spawn(
        axum::serve(listener, app)
            .with_graceful_shutdown(shutdown.clone().cancelled_owned())
            .into_future(),
    );
    let grace_over = async {
        shutdown.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        ended = &mut server => return ended.unwrap_or_else(|error| Err(io::Error::other(error))),
        () = grace_over => {}
    }
    tracing::warn!(
        api.shutdown_grace_s = grace.as_secs_f64(),
        "requests are still open; ending them"
    );
    cut_off.cancel();
    if let Ok(ended) = tokio::time::timeout(LAST_WORDS, &mut server).await {
        return ended.unwrap_or_else(|error| Err(io::Error::other(error)));
    }
    server.abort();
    Ok(())
}

/// A listener that counts its open connections.
struct Counted {
    inner: TcpListener,
    open: IntGauge,
}

impl Listener for Counted {
    type Io = CountedStream;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.inner).await;
        // Answers are small and come in one write: waiting for more to send only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection closed while it was accepted");
        }
        self.open.inc();
        let open = self.open.clone();
        (CountedStream { stream, open }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.inner.local_addr()
    }
}

/// A connection that takes itself off the count when it closes.
struct CountedStream {
    stream: TcpStream,
    open: IntGauge,
}

impl Drop for CountedStream {
    fn drop(&mut self) {
        self.open.dec();
    }
}

impl AsyncRead for CountedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for CountedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
