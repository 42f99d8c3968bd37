//! `graphmill config …`

pub(super) mod check;
pub(super) mod reference;
pub(super) mod show;
