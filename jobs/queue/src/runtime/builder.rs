//! Putting a worker together.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    liveness::Liveness,
    observer::{NoObserver, Observer},
    registry::Registry,
    worker::{RuntimeError, Worker},
};
use crate::{Broker, Job, JobId, WorkerId, batch};

/// How a worker treats its jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerOptions {
    /// How long a job stays this worker's without a sign of life.
    pub lease: Duration,
    /// How often leases are renewed; at most a third of `lease`.
    pub heartbeat: Duration,
    /// How often due jobs are promoted and lost leases rescued.
    pub tick: Duration,
    /// Jobs changed in one step of a tick.
    pub tick_batch: usize,
    /// After the shutdown fires, jobs may finish or save a checkpoint this long; then they are released.
    pub shutdown_grace: Duration,
    /// How long a handler that was told to stop (cancel, time limit, lost lease) may go on before it is aborted.
    pub stop_grace: Duration,
    /// Whether this worker promotes and rescues. Any number of workers may; at least one must.
    pub maintenance: bool,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            heartbeat: Duration::from_secs(3),
            tick: Duration::from_millis(200),
            tick_batch: 1_000,
            shutdown_grace: Duration::from_secs(20),
            stop_grace: Duration::from_secs(5),
            maintenance: true,
        }
    }
}

/// Builds a [`Worker`]. `C` is the context that handlers share; see [`WorkerBuilder::register`].
pub struct WorkerBuilder<C> {
    pub(super) broker: Arc<dyn Broker>,
    pub(super) name: Option<String>,
    pub(super) context: C,
    pub(super) registry: Registry<C>,
    pub(super) queues: BTreeMap<String, usize>,
    pub(super) options: WorkerOptions,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) twice: Vec<&'static str>,
}

impl Worker<()> {
    /// Begins a worker on `broker`.
    pub fn builder(broker: Arc<dyn Broker>) -> WorkerBuilder<()> {
        WorkerBuilder {
            broker,
            name: None,
            context: (),
            registry: Registry::default(),
            queues: BTreeMap::new(),
            options: WorkerOptions::default(),
            observer: Arc::new(NoObserver),
            twice: Vec::new(),
        }
    }
}

impl WorkerBuilder<()> {
    /// Sets what handlers share. Comes before the first [`WorkerBuilder::register`].
    #[must_use]
    pub fn context<C: Clone + Send + Sync + 'static>(self, context: C) -> WorkerBuilder<C> {
        WorkerBuilder {
            broker: self.broker,
            name: self.name,
            context,
            registry: Registry::default(),
            queues: self.queues,
            options: self.options,
            observer: self.observer,
            twice: self.twice,
        }
    }
}

impl<C: Clone + Send + Sync + 'static> WorkerBuilder<C> {
    /// Names the worker; the default is unique, and so must this be among the workers that run: see
    /// [`crate::broker::FetchRequest::worker`].
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Registers a kind whose context is the worker's.
    #[must_use]
    pub fn register<J: Job<Context = C>>(self) -> Self {
        self.register_with::<J>(C::clone)
    }

    /// Registers a kind whose context is made from the worker's.
    #[must_use]
    pub fn register_with<J: Job>(
        mut self,
        context: impl Fn(&C) -> J::Context + Send + Sync + 'static,
    ) -> Self {
        if !self.registry.add::<J>(context) {
            self.twice.push(J::KIND);
        }
        self
    }

    /// Serves a queue with so many jobs at once.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>, slots: usize) -> Self {
        self.queues.insert(queue.into(), slots);
        self
    }

    /// Sets lease, ticks and graces.
    #[must_use]
    pub fn options(mut self, options: WorkerOptions) -> Self {
        self.options = options;
        self
    }

    /// Tells `observer` what happens.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Checks the parts and puts them together.
    ///
    /// # Errors
    /// [`RuntimeError::Invalid`]: no queue, no kind, a kind twice, a queue without slots, or a heartbeat that is more
    /// than a third of the lease.
    pub fn build(mut self) -> Result<Worker<C>, RuntimeError> {
        let invalid = |message: String| Err(RuntimeError::Invalid(message));
        if let Some(kind) = self.twice.first() {
            return invalid(format!("kind `{kind}` is registered twice"));
        }
        if self.registry.kinds().is_empty() {
            return invalid("no kind is registered".to_owned());
        }
        // Whoever runs jobs joins batches too.
        self.registry.add::<batch::Join>(|_| ());
        if self.queues.is_empty() {
            return invalid("no queue is served".to_owned());
        }
        if let Some((queue, slots)) = self
            .queues
            .iter()
            .find(|(_, slots)| !(1..=10_000).contains(*slots))
        {
            return invalid(format!(
                "queue `{queue}` has {slots} slots; 1 to 10000 are allowed"
            ));
        }
        let WorkerOptions {
            lease, heartbeat, ..
        } = self.options;
        if heartbeat.is_zero() || heartbeat * 3 > lease {
            return invalid(format!(
                "heartbeat is {heartbeat:?}; more than 0 and at most a third of the lease ({lease:?}) is needed"
            ));
        }
        let id = self.name.unwrap_or_else(|| {
            let suffix = JobId::new().as_uuid().simple().to_string();
            format!("worker-{}-{}", std::process::id(), &suffix[26..])
        });
        Ok(Worker {
            broker: self.broker,
            id: WorkerId::new(id),
            context: self.context,
            registry: Arc::new(self.registry),
            queues: self.queues,
            options: self.options,
            observer: self.observer,
            liveness: Liveness::default(),
        })
    }
}
