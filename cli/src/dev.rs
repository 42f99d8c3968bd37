//! Starts the whole system inside this process: API and workers over the same services.

use std::{fs, io, net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use graphmill_api::ApiState;
use graphmill_config::Config;
use graphmill_pipeline::{Services, services::OpenError};
use graphmill_queue::runtime::Liveness;
use graphmill_worker::{STALLED_AFTER, sandbox::ParserCommand};
use prometheus::Registry;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::failure::StartError;

/// A system that runs.
pub(crate) struct RunningSystem {
    /// Where the API listens; the port is the real one when 0 was asked for.
    pub(crate) address: SocketAddr,
    /// Asks for the end.
    pub(crate) shutdown: CancellationToken,
    /// Ends when API and workers have ended, by `shutdown` or by themselves.
    pub(crate) join: JoinHandle<anyhow::Result<()>>,
}

/// Starts API and workers on the settings' folder and port, and returns when requests are accepted.
///
/// # Errors
/// [`StartError`] where the port or the folder is in use; everything else that stops a start.
pub(crate) async fn start(config: Config) -> anyhow::Result<RunningSystem> {
    // The port first: it is the cheapest thing to be in the way, and nothing needs to be undone.
    let listener = bind(config.api.listen).await?;
    let address = listener.local_addr()?;
    fs::create_dir_all(&config.data_dir).with_context(|| {
        format!(
            "cannot create the data folder `{}`",
            config.data_dir.display()
        )
    })?;
    let opened = Services::open(&config)
        .await
        .map_err(|error| in_use(error, &config))?;

    let registry = Registry::new();
    let parser = ParserCommand {
        program: std::env::current_exe().context("cannot find this program's own file")?,
        args: vec!["parser-child".into()],
    };
    let worker = graphmill_worker::prepare(opened.services.clone(), &config, parser, &registry)?;
    let liveness = worker.liveness();
    let state = ApiState::new(opened.services.clone(), Arc::new(config), &registry)?
        .with_liveness(Arc::new(move || alive(&liveness)));

    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let join = tokio::spawn(async move {
        // Whichever part ends first takes the other with it: half a system would only look alive.
        let part = || (stop.clone(), stop.clone().drop_guard());
        let (api_stop, api_guard) = part();
        let api = async move {
            let _guard = api_guard;
            graphmill_api::serve(listener, state, api_stop)
                .await
                .context("the API failed")
        };
        let (worker_stop, worker_guard) = part();
        let worker = async move {
            let _guard = worker_guard;
            worker.run(worker_stop).await.context("the worker failed")
        };
        let (api, worker) = tokio::join!(api, worker);
        // Also after a failure: a clean close leaves no log to replay.
        let closed = opened.close().await.context("cannot close the database");
        api.and(worker.map(drop)).and(closed)
    });
    Ok(RunningSystem {
        address,
        shutdown,
        join,
    })
}

/// Says which queues are not fetched from, if any.
fn alive(liveness: &Liveness) -> Result<(), String> {
    match liveness.stalled(STALLED_AFTER).as_slice() {
        [] => Ok(()),
        queues => Err(format!(
            "no job was fetched for a while from: {}",
            queues.join(", ")
        )),
    }
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => StartError::PortInUse { address }.into(),
            _ => anyhow::Error::from(error).context(format!("cannot listen on {address}")),
        })
}

fn in_use(error: OpenError, config: &Config) -> anyhow::Error {
    match error {
        OpenError::Queue(graphmill_queue::Error::Locked { .. }) => StartError::DataDirLocked {
            path: config.data_dir.clone(),
        }
        .into(),
        other => anyhow::Error::from(other).context(format!(
            "cannot open the data in `{}`",
            config.data_dir.display()
        )),
    }
}
