//! Search by words, and the way into search by vectors.

use async_trait::async_trait;

use super::{SqliteStore, sql, vectors::best_first};
use crate::{
    ChunkId, Result,
    search::{Hit, Search},
};

/// More words than this do not make a search better, only slower; the first ones count.
const MAX_WORDS: usize = 256;

/// How many times as many matches are read as are asked for: some are other tenants', some score alike.
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
        if let Some(hits) = self.best_matches(tenant, &expression, limit).await? {
            return Ok(hits);
        }
        let rows: Vec<(String, f64)> = sqlx::query_as(sql!("chunks_fts/search_all"))
            .bind(expression)
            .bind(tenant)
            .bind(limit as i64)
            .fetch_all(self.database.readers())
            .await?;
        Ok(rows.into_iter().map(hit).collect())
    }
}

impl SqliteStore {
    /// Looks at the first matches only. `None` when they do not decide the answer: too many are other tenants', or the
    /// last one wanted scores like matches that were not read, which its id would have to be compared with.
    async fn best_matches(
        &self,
        tenant: &str,
        expression: &str,
        limit: usize,
    ) -> Result<Option<Vec<Hit>>> {
        let read = limit.saturating_mul(READ_AHEAD).max(MIN_READ);
        let rows: Vec<(String, f64, bool)> = sqlx::query_as(sql!("chunks_fts/search_best"))
            .bind(expression)
            .bind(tenant)
            .bind(i64::try_from(read).unwrap_or(i64::MAX))
            .fetch_all(self.database.readers())
            .await?;
        let is_all = rows.len() < read;
        let worst = rows
            .iter()
            .map(|(_, score, _)| *score)
            .fold(f64::INFINITY, f64::min);
        let mut hits: Vec<Hit> = rows
            .into_iter()
            .filter(|(_, _, is_visible)| *is_visible)
            .map(|(id, score, _)| hit((id, score)))
            .collect();
        hits.sort_unstable_by(best_first);
        hits.truncate(limit);
        let is_decided =
            is_all || (hits.len() == limit && hits.last().is_none_or(|last| last.score > worst));
        Ok(is_decided.then_some(hits))
    }
}

fn hit((id, score): (String, f64)) -> Hit {
    Hit {
        chunk: ChunkId::from_stored(id),
        score,
    }
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
