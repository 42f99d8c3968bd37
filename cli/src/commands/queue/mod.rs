//! `graphmill queue …`

pub(super) mod list;
