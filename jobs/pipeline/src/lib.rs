//! The application's job kinds: one file a kind, with its payload and its handler.
//!
//! ```text
//! submit_document ─▶ document.process ─┬▶ document.embed × shards ─┬▶ document.finalize
//!                                      └▶ graph.extract × shards  ─┘
//! delete_document ─▶ document.delete
//! ```
//!
//! **Mechanism.** Each step of each version has a stage row that is made together with the id of its job, in the
//! transaction that makes the step possible; the job is submitted afterwards under that id. A crash between the two
//! leaves a row whose job the broker never had: [`reconcile`] finds it and submits the job again. Handlers take the row
//! with their lease (`stages::StageGuard`), skip what is done, and write under the fence, so that running a job twice
//! has the effect of running it once.
//!
//! [`services`] opens what the handlers and the API need from the configuration, [`broker`] what jobs wait in;
//! [`intake`] is the way in; [`doctor`] says what stands in the way. API and workers may be several processes on one data
//! folder: [`blob_gate`] and [`duty`] are what they must not do at the same time.

pub mod blob_gate;
pub mod broker;
pub mod context;
pub mod cpu_pool;
pub mod doctor;
pub mod duty;
pub mod intake;
pub mod kinds;
pub mod parser;
pub mod reconcile;
pub mod services;
pub mod stages;
pub mod system_id;

pub use context::Pipeline;
pub use services::Services;
