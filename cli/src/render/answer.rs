//! Answers to questions.

// Writing to a `String` cannot fail, so the results of `write!` are dropped below.
use std::fmt::Write as _;

use crate::{
    table::{cut, one_line, wrap},
    views::{Answer, Found},
};

/// Lines of a chunk that an answer shows.
const EXCERPT_LINES: usize = 4;
/// Entities and relations that an answer shows.
const EVIDENCE_SHOWN: usize = 6;

pub(crate) fn answer(answer: &Answer, width: usize) -> String {
    let mut text = String::new();
    for (rank, found) in answer.results.iter().enumerate() {
        text.push_str(&result(rank + 1, found, width));
        text.push('\n');
    }
    let count = answer.results.len();
    let summary = match count {
        0 => "nothing was found".to_owned(),
        1 => "1 result".to_owned(),
        _ => format!("{count} results"),
    };
    let _ = writeln!(text, "{summary} in {:.0} ms", answer.seconds * 1000.0);
    text
}

/// One result: where it stands, what it says, and what it rests on.
fn result(rank: usize, found: &Found, width: usize) -> String {
    const INDENT: &str = "   ";
    let mut place = found.document.clone();
    if let Some(page) = found.page {
        let _ = write!(place, ", page {page}");
    }
    if !found.heading_path.is_empty() {
        let _ = write!(place, " › {}", found.heading_path.join(" › "));
    }
    let score = format!("{:.3}", found.score);
    let mut text = format!(
        "{rank}. {score}  {}\n",
        cut(&one_line(&place), width.saturating_sub(score.len() + 5))
    );
    let inner = width.saturating_sub(INDENT.len()).max(20);
    let lines = wrap(&one_line(&found.text), inner);
    for line in lines.iter().take(EXCERPT_LINES) {
        let _ = writeln!(text, "{INDENT}{line}");
    }
    if lines.len() > EXCERPT_LINES {
        let _ = writeln!(text, "{INDENT}…");
    }
    for (name, items) in [
        ("entities", entities(found)),
        ("relations", relations(found)),
    ] {
        if !items.is_empty() {
            let _ = writeln!(
                text,
                "{INDENT}{}",
                cut(&format!("{name}: {}", some(&items)), inner)
            );
        }
    }
    text
}

fn entities(found: &Found) -> Vec<String> {
    found
        .evidence
        .entities
        .iter()
        .map(|entity| entity.name.clone())
        .collect()
}

fn relations(found: &Found) -> Vec<String> {
    let arrow = |label: &Option<String>| match label.as_deref() {
        None | Some("") => "—".to_owned(),
        Some(label) => format!("—{label}→"),
    };
    let relations = found.evidence.relations.iter();
    relations
        .map(|relation| {
            format!(
                "{} {} {}",
                relation.source,
                arrow(&relation.label),
                relation.target
            )
        })
        .collect()
}

/// The first few, and how many more there are.
fn some(items: &[String]) -> String {
    let shown = items
        .iter()
        .take(EVIDENCE_SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match items.len().saturating_sub(EVIDENCE_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
