//! Search by words, and the way into search by vectors.

use async_trait::async_trait;

use super::{SqliteStore, sql, vectors::best_first};
use crate::{
    ChunkId, Result,
    search::{Hit, Search},
};

/// More words than this do not make a search better, only slower; the first ones count.
const MAX_WORDS: usize = 256;

/// How many times as many matches are read as are asked for: some are other tenants'. If too few are left, this many
/// times more are read.
const READ_AHEAD: usize = 8;

/// The fewest matches read.
const MIN_READ: usize = 64;

#[async_trait]
impl Search for SqliteStore {
    async fn search_vectors(
        &self,
        tenant: &str,
        model: &str,
        query: &[f32],
        limit: usize,
    ) -> Result<Vec<Hit>> {
        self.nearest(tenant, model, query, limit).await
    }

    async fn search_words(&self, tenant: &str, words: &[String], limit: usize) -> Result<Vec<Hit>> {
        let Some(expression) = match_expression(words) else {
            return Ok(Vec::new());
        };
        let mut read = limit.saturating_mul(READ_AHEAD).max(MIN_READ);
        loop {
            let rows: Vec<(String, f64, bool)> = sqlx::query_as(sql!("chunks_fts/search"))
                .bind(&expression)
                .bind(tenant)
                .bind(i64::try_from(read).unwrap_or(i64::MAX))
                .fetch_all(self.database.readers())
                .await?;
            let is_all = rows.len() < read;
            let worst = rows
                .iter()
                .map(|(_, score, _)| *score)
                .fold(f64::INFINITY, f64::min);
            let mut hits = visible_hits(rows);
            // What was not read may score like the worst that was, and stand before it by its id.
            if is_all || limit == 0 || hits.get(limit - 1).is_some_and(|hit| hit.score > worst) {
                hits.truncate(limit);
                return Ok(hits);
            }
            read = read.saturating_mul(READ_AHEAD);
        }
    }
}

/// Returns what the tenant may find, the best first, ties by chunk id.
fn visible_hits(rows: Vec<(String, f64, bool)>) -> Vec<Hit> {
    let mut hits: Vec<Hit> = rows
        .into_iter()
        .filter(|(_, _, is_visible)| *is_visible)
        .map(|(id, score, _)| Hit {
            chunk: ChunkId::from_stored(id),
            score,
        })
        .collect();
    hits.sort_unstable_by(best_first);
    hits
}

/// Returns the FTS5 expression "any of these words", each a quoted string in which nothing is an operator. `None` when
/// no word is left.
fn match_expression(words: &[String]) -> Option<String> {
    let mut seen = std::collections::HashSet::new();
    let quoted: Vec<String> = words
        .iter()
        // Control characters separate words in the index too, and NUL would end the expression.
        .flat_map(|word| word.split(|c: char| c.is_whitespace() || c.is_control()))
        .filter(|word| !word.is_empty() && seen.insert(*word))
        .take(MAX_WORDS)
        .map(|word| format!("\"{}\"", word.replace('"', "\"\"")))
        .collect();
    (!quoted.is_empty()).then(|| quoted.join(" OR "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_and_quotes_are_words() {
        let words = ["NEAR", "a\"b", "", "x y", "\0", "x"].map(str::to_owned);
        assert_eq!(
            match_expression(&words).unwrap(),
            r#""NEAR" OR "a""b" OR "x" OR "y""#
        );
        assert_eq!(match_expression(&[" \t".to_owned()]), None);
    }
}
