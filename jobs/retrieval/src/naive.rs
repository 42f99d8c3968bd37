//! Search by vector alone.

use graphmill_store::search::Hit;

use crate::{Query, Result, Retriever, Scores, local::Ranked};

/// Returns the nearest chunks, best first.
pub(crate) async fn search(retriever: &Retriever, query: &Query) -> Result<Vec<Ranked>> {
    let hits = nearest(retriever, query, query.limit).await?;
    Ok(hits
        .into_iter()
        .map(|hit| Ranked {
            chunk: hit.chunk,
            score: hit.score,
            scores: Scores {
                vector: Some(hit.score),
                ..Scores::default()
            },
            evidence: crate::Evidence::default(),
        })
        .collect())
}

/// Returns the `limit` chunks nearest to the question.
pub(crate) async fn nearest(
    retriever: &Retriever,
    query: &Query,
    limit: usize,
) -> Result<Vec<Hit>> {
    let vector = retriever.embed(&query.text).await?;
    Ok(retriever
        .store
        .search_vectors(&query.tenant, retriever.embedder.id(), &vector, limit)
        .await?)
}
