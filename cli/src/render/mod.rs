//! Answers as text. Pure: data and a width in, text out.

mod answer;
mod documents;
mod jobs;
mod report;
mod settings;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

pub(crate) use self::{
    answer::answer,
    documents::{document, documents},
    jobs::{job, jobs, queues},
    report::{demo, ingest},
    settings::{findings, settings},
};
use crate::table::one_line;

/// Names and values, the values aligned.
fn fields(lines: &[(&str, String)]) -> String {
    let widest = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:widest$}  {}", one_line(value));
    }
    text
}
