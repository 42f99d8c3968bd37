//! The runtime that hosts handlers.
