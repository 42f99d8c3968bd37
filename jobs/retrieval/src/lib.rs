//! Questions in, chunks with evidence out.
//!
//! Three sources know where an answer may stand, and three modes use them:
//!
//! | mode | sources | finds |
//! |---|---|---|
//! | [`Mode::Naive`] | vectors | chunks that mean something near the question, in either language |
//! | [`Mode::Local`] | graph | chunks about what the question names and about what that is connected with |
//! | [`Mode::Hybrid`] | vectors, words, graph | all of these, fused by rank |
//!
//! `local` is a bounded walk: the entities the question names (`seeds`) pass an activation along their heaviest
//! relations (`walk`), and chunks are scored by the activated entities and relations they give evidence for. So a chunk
//! that shares no word with the question is found when the graph connects the two.
//!
//! The same store and question always give the same answer: every list is ordered, ties by chunk id.

mod evidence;
mod fuse;
mod hybrid;
mod local;
mod naive;
mod seeds;
mod stop_words;
mod walk;

use std::{fmt, str::FromStr, sync::Arc, time::Instant};

use graphmill_embedding::{EmbedError, Embedder};
use graphmill_graph::Extractor;
use graphmill_store::{KnowledgeStore, chunks::ChunkRecord};
use serde::{Deserialize, Serialize};

pub use evidence::{Evidence, EvidenceEntity, EvidenceRelation};
use local::Ranked;

/// The result of a search.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Where to look for an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By vector alone.
    Naive,
    /// By the graph around what the question names.
    Local,
    /// By vector, words and graph, fused.
    #[default]
    Hybrid,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Naive, Self::Local, Self::Hybrid];

    /// Returns the name used in JSON and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::Local => "local",
            Self::Hybrid => "hybrid",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| {
                format!("mode `{text}` is unknown; expected one of naive, local, hybrid")
            })
    }
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Whose documents are searched.
    pub tenant: String,
    /// What is asked, at most [`Limits::query_characters`] characters.
    pub text: String,
    /// Where to look.
    pub mode: Mode,
    /// The most results, 1–[`Limits::results`].
    pub limit: usize,
}

/// How large a question and its answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Characters of a question.
    pub query_characters: usize,
    /// Results of one answer.
    pub results: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            query_characters: 4_000,
            results: 100,
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// Where was looked.
    pub mode: Mode,
    /// How long it took.
    pub seconds: f64,
    /// The best first, ties by chunk id.
    pub results: Vec<Found>,
}

/// A chunk that was found, with the reasons.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The chunk with its document.
    pub chunk: ChunkRecord,
    /// What the order follows: cosine (naive), graph score (local), fused score (hybrid). Comparable within one answer.
    pub score: f64,
    /// What each source said.
    pub scores: Scores,
    /// Why the graph led here; empty where it did not.
    pub evidence: Evidence,
}

/// The scores of the sources that found a chunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Scores {
    /// Cosine, −1–1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector: Option<f64>,
    /// BM25, larger is better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<f64>,
    /// Sum of activations, larger is better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graph: Option<f64>,
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing is asked.
    #[error("the query is empty; write a question or some words")]
    Empty,
    /// More is asked than may be.
    #[error("the query has {characters} characters, the limit is {limit}")]
    TooLong {
        /// What it has.
        characters: usize,
        /// What it may have.
        limit: usize,
    },
    /// More results are asked for than an answer may have, or none.
    #[error("limit {asked} is out of range; expected 1 to {most}")]
    Limit {
        /// What was asked for.
        asked: usize,
        /// The most.
        most: usize,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] graphmill_store::Error),
    /// The embedder failed.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// A computation was torn down, by a panic or a shutdown.
    #[error("the search was interrupted: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// Answers questions. Cheap to clone.
#[derive(Clone)]
pub struct Retriever {
    store: Arc<dyn KnowledgeStore>,
    embedder: Arc<dyn Embedder>,
    extractor: Arc<dyn Extractor>,
    limits: Limits,
}

impl Retriever {
    /// Searches `store` with the models its vectors and extractions were made by.
    pub fn new(
        store: Arc<dyn KnowledgeStore>,
        embedder: Arc<dyn Embedder>,
        extractor: Arc<dyn Extractor>,
    ) -> Self {
        Self {
            store,
            embedder,
            extractor,
            limits: Limits::default(),
        }
    }

    /// Sets other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Answers a question.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::TooLong`] and [`Error::Limit`] when the question is wrong; the others when a part of
    /// the system is.
    pub async fn search(&self, query: &Query) -> Result<Answer> {
        let started = Instant::now();
        self.check(query)?;
        let ranked = match query.mode {
            Mode::Naive => naive::search(self, query).await?,
            Mode::Local => local::search(self, query).await?,
            Mode::Hybrid => hybrid::search(self, query).await?,
        };
        let results = self.with_chunks(ranked, query.limit).await?;
        Ok(Answer {
            mode: query.mode,
            seconds: started.elapsed().as_secs_f64(),
            results,
        })
    }

    fn check(&self, query: &Query) -> Result<()> {
        if query.text.trim().is_empty() {
            return Err(Error::Empty);
        }
        let characters = query.text.chars().count();
        if characters > self.limits.query_characters {
            return Err(Error::TooLong {
                characters,
                limit: self.limits.query_characters,
            });
        }
        if !(1..=self.limits.results).contains(&query.limit) {
            return Err(Error::Limit {
                asked: query.limit,
                most: self.limits.results,
            });
        }
        Ok(())
    }

    /// Reads the best chunks. A chunk that went between ranking and reading is left out, and the next one moves up.
    async fn with_chunks(&self, mut ranked: Vec<Ranked>, limit: usize) -> Result<Vec<Found>> {
        ranked.truncate(limit * 2);
        let ids: Vec<_> = ranked.iter().map(|hit| hit.chunk.clone()).collect();
        let mut chunks: std::collections::HashMap<_, _> = self
            .store
            .get_chunks(&ids)
            .await?
            .into_iter()
            .map(|chunk| (chunk.id.clone(), chunk))
            .collect();
        Ok(ranked
            .into_iter()
            .filter_map(|hit| {
                Some(Found {
                    chunk: chunks.remove(&hit.chunk)?,
                    score: hit.score,
                    scores: hit.scores,
                    evidence: hit.evidence,
                })
            })
            .take(limit)
            .collect())
    }

    /// Makes the question's vector away from the runtime's threads.
    async fn embed(&self, text: &str) -> Result<Vec<f32>> {
        let (embedder, text) = (Arc::clone(&self.embedder), text.to_owned());
        Ok(tokio::task::spawn_blocking(move || embedder.embed_query(&text)).await??)
    }
}
