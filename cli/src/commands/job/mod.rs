//! `graphmill job …`

pub(super) mod cancel;
pub(super) mod delete;
pub(super) mod list;
pub(super) mod retry;
pub(super) mod show;
pub(super) mod why;
