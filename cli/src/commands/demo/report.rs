//! What the demo found, and whether it is what was expected.

use serde_json::{Value, json};

use super::{Question, Summary};
use crate::views::{Answer, Stats};

/// The demo's result.
pub(crate) struct Report {
    pub(crate) ingested: Summary,
    pub(crate) stats: Stats,
    pub(crate) answers: Vec<(Question, Answer)>,
    pub(crate) seconds: f64,
}

impl Report {
    /// Whether every document completed, and each question's expected document came first.
    pub(crate) fn passed(&self) -> bool {
        let settled =
            self.ingested.is_clean() && self.ingested.pending == 0 && self.ingested.completed > 0;
        settled
            && self
                .answers
                .iter()
                .all(|(question, answer)| came_first(question, answer))
    }

    /// The JSON output; its keys are a promise.
    pub(crate) fn json(&self) -> Value {
        let queries: Vec<Value> = self
            .answers
            .iter()
            .map(|(_, answer)| answer_json(answer))
            .collect();
        json!({
            "documents": { "completed": self.ingested.completed, "failed": self.ingested.failed },
            "chunks": self.stats.chunks,
            "embeddings": self.stats.embeddings,
            "entities": self.stats.entities,
            "relations": self.stats.relations,
            "queries": queries,
            "seconds": self.seconds,
        })
    }
}

/// Whether the expected document is the first result's.
pub(crate) fn came_first(question: &Question, answer: &Answer) -> bool {
    answer
        .results
        .first()
        .is_some_and(|found| found.document == question.expect_document)
}

fn answer_json(answer: &Answer) -> Value {
    let results: Vec<Value> = answer
        .results
        .iter()
        .map(|found| json!({ "document": found.document, "page": found.page, "score": found.score, "text": found.text }))
        .collect();
    json!({ "query": answer.query, "results": results })
}
