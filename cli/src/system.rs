//! Starts the system, or a part of it, inside this process: API, workers, or both over the same services.

use std::{fs, io, net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use graphmill_api::ApiState;
use graphmill_config::Config;
use graphmill_pipeline::{
    Services,
    reconcile::sweep_when_wanted,
    services::{OpenError, OpenServices},
};
use graphmill_worker::{
    PreparedWorker,
    health::{self, Health},
    sandbox::ParserCommand,
};
use prometheus::Registry;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{failure::StartError, startup};

/// What this process is of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// All of it.
    Dev,
    /// The HTTP API.
    Api,
    /// Runs jobs.
    Worker,
}

impl Role {
    /// Returns the command that starts it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Api => "api",
            Self::Worker => "worker",
        }
    }
}

/// A system that runs, or a part of one.
pub(crate) struct RunningSystem {
    /// Where the API listens, of a worker the health checks; the port is the real one when 0 was asked for.
    pub(crate) address: SocketAddr,
    /// Asks for the end.
    pub(crate) shutdown: CancellationToken,
    /// Ends when every part has ended, by `shutdown` or by itself.
    pub(crate) join: JoinHandle<anyhow::Result<()>>,
}

/// Starts a role on the settings' folder and port, and returns when requests are accepted.
///
/// # Errors
/// [`StartError`] where the port or the folder is in use or a server does not fit; everything else that stops a start.
pub(crate) async fn start(config: Config, role: Role) -> anyhow::Result<RunningSystem> {
    // The port first: it is the cheapest thing to be in the way, and nothing needs to be undone.
    let listener = bind(match role {
        Role::Dev | Role::Api => config.api.listen,
        Role::Worker => config.worker.health_listen,
    })
    .await?;
    let address = listener.local_addr()?;
    startup::check_redis(&config).await?;
    fs::create_dir_all(&config.data_dir).with_context(|| {
        format!(
            "cannot create the data folder `{}`",
            config.data_dir.display()
        )
    })?;
    startup::claim_redis(&config).await?;
    let opened = Services::open(&config)
        .await
        .map_err(|error| in_use(error, &config))?;

    let registry = Registry::new();
    let worker = match role {
        Role::Dev | Role::Worker => Some(prepare_worker(&opened.services, &config, &registry)?),
        Role::Api => None,
    };
    let shutdown = CancellationToken::new();
    let mut parts = Parts::new(shutdown.clone());
    match (role, worker) {
        (Role::Worker, Some(worker)) => parts.add_watched_worker(worker, listener),
        (_, worker) => {
            let services = opened.services.clone();
            let mut state = ApiState::new(services.clone(), Arc::new(config), &registry)?;
            if let Some(worker) = worker {
                let liveness = worker.liveness();
                state = state.with_liveness(Arc::new(move || health::progress(&liveness)));
                parts.add_worker(worker, None);
            } else {
                // The worker's maintenance does it for a process that has one.
                parts.add_sweep(services);
            }
            parts.add_api(state, listener);
        }
    }
    Ok(RunningSystem {
        address,
        shutdown,
        join: tokio::spawn(parts.run(opened)),
    })
}

/// The parts of this process. Whichever ends first takes the others with it: half a system would only look alive.
struct Parts {
    stop: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
}

impl Parts {
    fn new(stop: CancellationToken) -> Self {
        Self {
            stop,
            tasks: JoinSet::new(),
        }
    }

    fn add(&mut self, part: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        let guard = self.stop.clone().drop_guard();
        self.tasks.spawn(async move {
            let _guard = guard;
            part.await
        });
    }

    fn add_api(&mut self, state: ApiState, listener: TcpListener) {
        let stop = self.stop.clone();
        self.add(async move {
            graphmill_api::serve(listener, state, stop)
                .await
                .context("the API failed")
        });
    }

    /// `ended` fires when the last job is done or given back.
    fn add_worker(&mut self, worker: PreparedWorker, ended: Option<CancellationToken>) {
        let stop = self.stop.clone();
        self.add(async move {
            let _ended = ended.map(CancellationToken::drop_guard);
            worker
                .run(stop)
                .await
                .map(drop)
                .context("the worker failed")
        });
    }

    /// A worker whose health is answered for until its last job is done: then watchers see it drain.
    fn add_watched_worker(&mut self, worker: PreparedWorker, listener: TcpListener) {
        let health: Health = worker.health();
        let (stop, ended) = (self.stop.clone(), CancellationToken::new());
        self.add_worker(worker, Some(ended.clone()));
        self.add(async move {
            health::serve(listener, health, stop, ended)
                .await
                .context("the health checks failed")
        });
    }

    fn add_sweep(&mut self, services: Services) {
        let stop = self.stop.clone();
        self.add(async move {
            sweep_when_wanted(services, stop).await;
            Ok(())
        });
    }

    /// Waits for all of them; the first failure is the answer.
    async fn run(mut self, opened: OpenServices) -> anyhow::Result<()> {
        let mut result = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            result = result.and(ended.context("a part of the system panicked").flatten());
        }
        // Also after a failure: a clean close leaves no log to replay.
        let closed = opened.close().await.context("cannot close the database");
        result.and(closed)
    }
}

fn prepare_worker(
    services: &Services,
    config: &Config,
    registry: &Registry,
) -> anyhow::Result<PreparedWorker> {
    let worker = graphmill_worker::prepare(services.clone(), config, parser_command()?, registry)?;
    Ok(worker)
}

/// How this program is started as a parser.
pub(crate) fn parser_command() -> anyhow::Result<ParserCommand> {
    Ok(ParserCommand {
        program: std::env::current_exe().context("cannot find this program's own file")?,
        args: vec!["parser-child".into()],
    })
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
