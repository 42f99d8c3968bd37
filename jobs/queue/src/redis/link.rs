//! The connection: shared by every verb, replaced when it breaks, each call bounded in time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, RedisError, ServerErrorKind, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster_async::ClusterConnection,
    sentinel::SentinelClient,
};
use tokio::sync::Mutex;

use super::{address::Address, keys, scripts::Script};
use crate::{Error, Result};

/// How long a connection may take to be made.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the server may take for an answer.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to whatever the address means now.
#[derive(Clone)]
pub(super) enum Connection {
    Node(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    pub(super) async fn call(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        let answer = match self {
            Self::Node(node) => node.req_packed_command(command).await,
            Self::Cluster(cluster) => cluster.req_packed_command(command).await,
        };
        // The client gives the server's errors as values.
        answer.and_then(Value::extract_error)
    }

    async fn call_both(&mut self, pipeline: &redis::Pipeline) -> Result<Vec<Value>, RedisError> {
        match self {
            Self::Node(node) => node.req_packed_commands(pipeline, 0, 2).await,
            Self::Cluster(cluster) => cluster.req_packed_commands(pipeline, 0, 2).await,
        }
    }
}

/// Makes connections.
pub(super) struct Connector {
    address: Address,
    /// Remembers which sentinel answered last.
    sentinel: Option<Mutex<SentinelClient>>,
}

impl Connector {
    pub(super) fn new(address: Address) -> Result<Self> {
        let sentinel = match &address {
            Address::Sentinel {
                nodes,
                master,
                database,
                tls,
            } => Some(Mutex::new(
                Address::sentinel_client(nodes, master, *database, *tls)
                    .map_err(|error| error_of(&error))?,
            )),
            _ => None,
        };
        Ok(Self { address, sentinel })
    }

    /// Connects anew.
    pub(super) async fn connect(
        &self,
        response_timeout: Duration,
    ) -> Result<Connection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(response_timeout));
        let connecting = async {
            Ok(match (&self.address, &self.sentinel) {
                (Address::Sentinel { .. }, Some(sentinel)) => Connection::Node(
                    sentinel
                        .lock()
                        .await
                        .get_async_connection_with_config(&config)
                        .await?,
                ),
                (Address::Cluster(nodes), _) => {
                    let client = Address::cluster_client(nodes, response_timeout)?;
                    Connection::Cluster(client.get_async_connection().await?)
                }
                (Address::Single(info), _) => Connection::Node(
                    redis::Client::open(info.clone())?
                        .get_multiplexed_async_connection_with_config(&config)
                        .await?,
                ),
                (Address::Sentinel { .. }, None) => {
                    unreachable!("a sentinel address has its client")
                }
            })
        };
        // Sentinel and Cluster ask several nodes, one after the other.
        match tokio::time::timeout(CONNECT_TIMEOUT * 2, connecting).await {
            Ok(connected) => connected,
            Err(_) => Err((ErrorKind::Io, "connecting took too long").into()),
        }
    }
}

/// The shared connection.
#[derive(Clone)]
pub(super) struct Link {
    shared: Arc<Shared>,
}

struct Shared {
    connector: Connector,
    prefix: String,
    /// The lock is held while connecting, so that one call does it for all.
    current: Mutex<Current>,
}

/// The connection there is, and what became of the last try to make one.
#[derive(Default)]
struct Current {
    /// How many connections there were before this one.
    generation: u64,
    connection: Option<Connection>,
    failed: Option<(Instant, RedisError)>,
}

impl Link {
    pub(super) fn new(address: Address, prefix: String) -> Result<Self> {
        Ok(Self {
            shared: Arc::new(Shared {
                connector: Connector::new(address)?,
                prefix,
                current: Mutex::default(),
            }),
        })
    }

    pub(super) fn prefix(&self) -> &str {
        &self.shared.prefix
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.shared.connector
    }

    pub(super) fn key(&self, queue: &str, name: &str) -> String {
        keys::queue_key(&self.shared.prefix, queue, name)
    }

    async fn connection(&self) -> Result<(u64, Connection), RedisError> {
        let asked_at = Instant::now();
        let mut current = self.shared.current.lock().await;
        if let Some(connection) = &current.connection {
            return Ok((current.generation, connection.clone()));
        }
        // A try that failed while this call waited for its turn was made for it too: else a server that swallows everything
        // would make the callers wait one after the other.
        if let Some((at, error)) = &current.failed
            && *at > asked_at
        {
            return Err(error.clone());
        }
        // Boxed: the client's futures are large and deep, and this one is rarely needed.
        match Box::pin(self.shared.connector.connect(RESPONSE_TIMEOUT)).await {
            Ok(connection) => {
                current.generation += 1;
                current.connection = Some(connection.clone());
                current.failed = None;
                Ok((current.generation, connection))
            }
            Err(error) => {
                current.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Gives a broken connection up, unless somebody has replaced it already.
    async fn broken(&self, generation: u64) {
        let mut current = self.shared.current.lock().await;
        if current.generation == generation {
            current.connection = None;
        }
    }

    /// Sends one command. A connection that turns out to be broken is replaced and, with `repeat`, asked once more: an
    /// idle connection breaks unseen when the server restarts.
    pub(super) fn call<'a>(
        &'a self,
        command: &'a Cmd,
        repeat: bool,
    ) -> BoxFuture<'a, Result<Value>> {
        Box::pin(self.call_open(command, repeat))
    }

    async fn call_open(&self, command: &Cmd, repeat: bool) -> Result<Value> {
        let mut last = None;
        for _ in 0..if repeat { 2 } else { 1 } {
            let (generation, mut connection) =
                self.connection().await.map_err(|error| error_of(&error))?;
            match connection.call(command).await {
                Ok(value) => return Ok(value),
                Err(error) => {
                    if !breaks(&error) {
                        return Err(error_of(&error));
                    }
                    self.broken(generation).await;
                    // A server that does not answer in time would not answer the second time either.
                    let again = !error.is_timeout();
                    last = Some(error_of(&error));
                    if !again {
                        break;
                    }
                }
            }
        }
        Err(last.unwrap_or_else(|| Error::Corrupt("a call had no end".to_owned())))
    }

    /// Runs a script on a queue. A verb that may not be repeated without knowing how the first time ended sets `repeat`
    /// to false.
    pub(super) async fn eval(
        &self,
        script: &Script,
        queue: &str,
        arguments: &Arguments,
        repeat: bool,
    ) -> Result<Value> {
        let by_hash = self.command(script, queue, arguments, "EVALSHA", &script.hash);
        match self.call(&by_hash, repeat).await {
            // The server has restarted, or somebody flushed its scripts: nothing ran.
            Err(Error::Invalid(message)) if message == NO_SCRIPT => {
                let by_text = self.command(script, queue, arguments, "EVAL", &script.text);
                self.call(&by_text, repeat).await
            }
            Err(Error::Corrupt(message)) => {
                Err(Error::Corrupt(format!("{}.lua: {message}", script.name)))
            }
            answer => answer,
        }
    }

    /// Runs two scripts on a queue, the second right after the first, in one round trip. Nothing is repeated.
    pub(super) async fn eval_both(
        &self,
        queue: &str,
        first: (&Script, &Arguments),
        second: (&Script, &Arguments),
    ) -> Result<(Result<Value>, Result<Value>)> {
        let mut pipeline = redis::pipe();
        for (script, arguments) in [first, second] {
            let hash = &script.hash;
            pipeline.add_command(self.command(script, queue, arguments, "EVALSHA", hash));
        }
        let (generation, mut connection) =
            self.connection().await.map_err(|error| error_of(&error))?;
        let answers = match Box::pin(connection.call_both(&pipeline)).await {
            Ok(answers) => answers,
            Err(error) => {
                if breaks(&error) {
                    self.broken(generation).await;
                }
                return Err(error_of(&error));
            }
        };
        let [one, two]: [Value; 2] = answers
            .try_into()
            .map_err(|_| Error::Corrupt("two calls did not have two answers".to_owned()))?;
        let answer = |value: Value| value.extract_error().map_err(|error| error_of(&error));
        let (one, two) = (answer(one), answer(two));
        for answer in [&one, &two] {
            if let Err(Error::Unavailable(_)) = answer {
                // A failover answers like this; a new connection finds the new master.
                self.broken(generation).await;
            }
        }
        let missing = |answer: &Result<Value>| matches!(answer, Err(Error::Invalid(message)) if message == NO_SCRIPT);
        // The server has lost its scripts: what did not run runs now, still in this order.
        let one = if missing(&one) {
            self.eval(first.0, queue, first.1, true).await
        } else {
            one
        };
        let two = if missing(&two) && one.is_ok() {
            self.eval(second.0, queue, second.1, false).await
        } else {
            two
        };
        Ok((one, two))
    }

    fn command(
        &self,
        script: &Script,
        queue: &str,
        arguments: &Arguments,
        verb: &str,
        what: &str,
    ) -> Cmd {
        let mut command = redis::cmd(verb);
        command.arg(what).arg(script.keys.len());
        for name in &script.keys {
            command.arg(match *name {
                "horizon" => keys::horizon_key(self.prefix()),
                "workers" => keys::workers_key(self.prefix()),
                name => self.key(queue, name),
            });
        }
        for argument in &arguments.0 {
            command.arg(argument.as_slice());
        }
        command
    }
}

/// The arguments of a script, `ARGV[1]` (the time) first.
#[derive(Debug, Clone, Default)]
pub(super) struct Arguments(Vec<Vec<u8>>);

impl Arguments {
    pub(super) fn push(&mut self, argument: impl AsRef<[u8]>) -> &mut Self {
        self.0.push(argument.as_ref().to_vec());
        self
    }

    pub(super) fn push_owned(&mut self, argument: Vec<u8>) -> &mut Self {
        self.0.push(argument);
        self
    }

    pub(super) fn append(&mut self, other: Self) -> &mut Self {
        self.0.extend(other.0);
        self
    }

    pub(super) fn push_number(&mut self, number: impl std::fmt::Display) -> &mut Self {
        self.0.push(number.to_string().into_bytes());
        self
    }
}

const NO_SCRIPT: &str = "NOSCRIPT";

/// Whether the connection is of no more use after this error.
fn breaks(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_io_error()
        || error.is_timeout()
        || matches!(
            error.kind(),
            // A master that has become a replica: somebody else is the master now.
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
        )
}

/// Sorts an error by what a caller can do about it.
pub(super) fn error_of(error: &RedisError) -> Error {
    use ServerErrorKind as S;
    match error.kind() {
        ErrorKind::Server(S::NoScript) => Error::Invalid(NO_SCRIPT.to_owned()),
        ErrorKind::Server(S::ResponseError)
            if error
                .detail()
                .is_some_and(|detail| detail.contains("user_script")) =>
        {
            Error::Corrupt(format!("a script failed: {error}"))
        }
        ErrorKind::UnexpectedReturnType | ErrorKind::Parse => Error::Corrupt(error.to_string()),
        _ => Error::Unavailable(Box::new(error.clone())),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::TcpListener,
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::*;

    #[tokio::test]
    async fn callers_of_a_server_that_swallows_everything_share_one_try() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let tries = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&tries);
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                kept.push(stream);
            }
        });
        let address = Address::parse(&format!("redis://127.0.0.1:{port}")).unwrap();
        let link = Link::new(address, "gm".to_owned()).unwrap();
        let ping = redis::cmd("PING");
        let calls = (0..20).map(|_| link.call(&ping, false));
        let answers = futures::future::join_all(calls).await;
        assert!(answers.iter().all(Result::is_err));
        assert_eq!(tries.load(Ordering::SeqCst), 1);
    }
}
