//! How large the knowledge base is, and whether every accepted job is somewhere.

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use graphmill_queue::{
    broker::Audit,
    ledger::{self, LedgerAudit},
};
use serde::Serialize;

use super::TENANT;
use crate::{ApiState, error::Result};

#[derive(Debug, Serialize)]
struct Stats {
    documents: BTreeMap<&'static str, u64>,
    chunks: u64,
    embeddings: u64,
    entities: u64,
    relations: u64,
    bytes: u64,
}

async fn get_stats(State(state): State<ApiState>) -> Result<axum::Json<Stats>> {
    let store = &state.services.store;
    let (documents, totals) =
        tokio::try_join!(store.count_documents(Some(TENANT)), store.totals())?;
    Ok(axum::Json(Stats {
        documents: documents
            .into_iter()
            .map(|(status, count)| (status.as_str(), count))
            .collect(),
        chunks: totals.chunks,
        embeddings: totals.embeddings,
        entities: totals.entities,
        relations: totals.relations,
        bytes: totals.bytes,
    }))
}

/// What an audit found: with a ledger, ledger and broker compared row by row.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum AuditView {
    Broker(Audit),
    Ledger(LedgerAudit),
}

async fn audit(state: &ApiState, repair: bool) -> Result<axum::Json<AuditView>> {
    let view = match &state.services.ledger {
        Some(ledger) => AuditView::Ledger(ledger::audit(ledger, repair).await?),
        None => AuditView::Broker(state.services.broker.audit().await?),
    };
    Ok(axum::Json(view))
}

async fn get_audit(State(state): State<ApiState>) -> Result<axum::Json<AuditView>> {
    audit(&state, false).await
}

async fn repair_audit(State(state): State<ApiState>) -> Result<axum::Json<AuditView>> {
    audit(&state, true).await
}

pub(crate) fn router() -> Router<ApiState> {
    Router::new()
        .route("/api/stats", get(get_stats))
        .route("/api/audit", get(get_audit))
        .route("/api/audit/repair", post(repair_audit))
}
