//! The API over real HTTP: a real listener on port 0, the real SQLite broker and store, blobs in a folder of their own.
//! No worker runs, so documents stay where their submit put them.

#![expect(
    clippy::unwrap_used,
    reason = "a test that panics has failed, and says where"
)]

mod app;
mod documents;
mod jobs;
mod malformed;
mod operation;
mod pages;
mod schedules;
mod steering;
