//! Execution: apalis hosts the handlers, and everything around it makes sure that no job is lost or run for nothing.
//!
//! One worker process has, per queue, an apalis worker fed by a pump:
//!
//! ```text
//!  broker ──fetch──▶ pump ──jobs──▶ JobSource ─▶ apalis worker: ack layer ▸ limit ▸ panic ▸ span ▸ handler
//!    ▲                ▲                                            │
//!    └──finish+fetch──┴────────────────ends────────────────────────┘
//!  broker ◀──renew── lease keeper (a thread of its own) ◀── table of running jobs
//! ```
//!
//! - `pump` fetches only for free slots, stores how attempts ended in batches, repeats both until the broker answers,
//!   and never passes an error on: an apalis worker whose backend errs ends for good.
//! - `ack` spawns each handler as a task of its own (panics and aborts stay inside), applies the time limits, and
//!   turns every way to end into one [`crate::broker::AttemptEnd`].
//! - `keeper` renews all leases in one call from a thread with its own runtime, so that handlers which block every
//!   thread of the main runtime keep theirs; it carries progress and checkpoints, and fires cancel tokens.
//! - `presence` tells the broker from the same thread who this worker is and what it can run;
//! - [`maintenance`] promotes, rescues and prunes; `unknown` raises an alarm for jobs that no worker can run.
//!
//! A lease is kept until its end is stored. When the process dies, leases run out and other workers take the jobs; when
//! it is asked to stop, handlers get time to finish, and the rest goes back without a charge.

mod ack;
mod backoff;
mod builder;
mod exchange;
mod inflight;
mod keeper;
mod layers;
mod liveness;
pub mod maintenance;
mod observer;
mod presence;
mod pump;
mod registry;
mod source;
mod unknown;
mod worker;

pub use self::{
    builder::{WorkerBuilder, WorkerOptions},
    liveness::{Liveness, QueueLiveness},
    observer::{NoObserver, Observer},
    source::JobSource,
    worker::{RunReport, RuntimeError, Worker},
};
