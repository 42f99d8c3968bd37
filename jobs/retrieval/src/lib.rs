//! Questions in, chunks with evidence out.
