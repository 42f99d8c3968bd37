//! Entities and relations.

use axum::{Router, extract::State, routing::get};
use graphmill_graph::normal_form;
use graphmill_store::{
    EntityId, RelationId,
    graph::{EntityRecord, RelationRecord},
};
use serde::{Deserialize, Serialize};

use super::TENANT;
use crate::{
    ApiState,
    error::Result,
    extract::{Query, page_size},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntityParameters {
    search: Option<String>,
    limit: Option<u64>,
}

#[derive(Debug, Serialize)]
struct EntityView {
    id: EntityId,
    key: String,
    name: String,
    #[serde(rename = "type")]
    entity_type: String,
    mentions: u64,
    chunks: u64,
    documents: u64,
}

impl From<EntityRecord> for EntityView {
    fn from(entity: EntityRecord) -> Self {
        Self {
            id: entity.id,
            key: entity.key,
            name: entity.name,
            entity_type: entity.entity_type,
            mentions: entity.mentions,
            chunks: entity.chunks,
            documents: entity.documents,
        }
    }
}

#[derive(Debug, Serialize)]
struct Items<T> {
    items: Vec<T>,
}

async fn list_entities(
    State(state): State<ApiState>,
    Query(parameters): Query<EntityParameters>,
) -> Result<axum::Json<Items<EntityView>>> {
    let limit = page_size(&state, parameters.limit)?;
    let entities = state
        .services
        .store
        .list_entities(TENANT, parameters.search.as_deref(), limit)
        .await?;
    Ok(axum::Json(Items {
        items: entities.into_iter().map(Into::into).collect(),
    }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RelationParameters {
    entity: Option<String>,
    limit: Option<u64>,
}

#[derive(Debug, Serialize)]
struct RelationView {
    id: RelationId,
    source: EntityId,
    source_name: String,
    target: EntityId,
    target_name: String,
    label: Option<String>,
    sentences: u64,
    weight: f64,
}

impl From<RelationRecord> for RelationView {
    fn from(relation: RelationRecord) -> Self {
        Self {
            id: relation.id,
            source: relation.source,
            source_name: relation.source_name,
            target: relation.target,
            target_name: relation.target_name,
            label: relation.label,
            sentences: relation.sentences,
            weight: relation.weight,
        }
    }
}

async fn list_relations(
    State(state): State<ApiState>,
    Query(parameters): Query<RelationParameters>,
) -> Result<axum::Json<Items<RelationView>>> {
    let limit = page_size(&state, parameters.limit)?;
    let entity = match parameters.entity {
        Some(entity) => Some(find_entity(&state, entity).await?),
        None => None,
    };
    let relations = state
        .services
        .store
        .list_relations(TENANT, entity.as_ref(), limit)
        .await?;
    Ok(axum::Json(Items {
        items: relations.into_iter().map(Into::into).collect(),
    }))
}

/// Takes an entity by its name, or by its id where no entity has that name.
async fn find_entity(state: &ApiState, entity: String) -> Result<EntityId> {
    let key = normal_form(&entity);
    let named = state
        .services
        .store
        .entities_by_keys(TENANT, &[key])
        .await?;
    Ok(named
        .into_iter()
        .next()
        .map_or_else(|| EntityId::from_stored(entity), |named| named.id))
}

pub(crate) fn router() -> Router<ApiState> {
    Router::new()
        .route("/api/entities", get(list_entities))
        .route("/api/relations", get(list_relations))
}
