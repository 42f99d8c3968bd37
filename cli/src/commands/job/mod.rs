//! `graphmill job …`

pub(super) mod list;
pub(super) mod operate;
pub(super) mod payload;
pub(super) mod show;
pub(super) mod submit;
pub(super) mod transfer;
pub(super) mod why;
