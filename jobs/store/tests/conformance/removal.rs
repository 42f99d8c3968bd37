//! A document goes, with exactly what only it supported.

use graphmill_store::{DocumentId, KnowledgeStore, documents::Removed};

use super::fixture::{delete, document, ingest, process};

pub async fn deletion_removes_exactly_what_was_alone(store: &dyn KnowledgeStore) {
    ingest(store, "a", &["Alpha meets Beta.", "Shared Text."]).await;
    let alone = store.content_hashes().await.unwrap();
    let totals = store.totals().await.unwrap();
    let texts = ["Shared Text.", "Alpha meets Gamma.", "Delta."];
    let second = ingest(store, "b", &texts).await;
    assert_ne!(store.content_hashes().await.unwrap(), alone);

    assert!(store.mark_deleting(second.document).await.unwrap());
    let removed = store.remove_document(second.document).await.unwrap();
    let blob = document("b", &texts).blob;
    assert_eq!(
        removed,
        Removed {
            chunks: 3,
            embeddings: 2,
            extractions: 2,
            entities: 2,
            relations: 1,
            blobs: vec![blob],
        }
    );
    assert_eq!(store.content_hashes().await.unwrap(), alone);
    assert_eq!(store.totals().await.unwrap(), totals);
    assert_eq!(store.get_document(second.document).await.unwrap(), None);
    // A deletion that is repeated after a crash finds nothing; its blob is found by the sweep.
    assert_eq!(
        store.remove_document(second.document).await.unwrap(),
        Removed::default()
    );
    assert_eq!(store.unused_blobs(10).await.unwrap(), removed.blobs);
}

pub async fn an_unused_blob_may_be_used_again(store: &dyn KnowledgeStore) {
    let new = document("a", &["One."]);
    let accepted = ingest(store, "a", &["One."]).await;
    store.mark_deleting(accepted.document).await.unwrap();
    let removed = store.remove_document(accepted.document).await.unwrap();
    assert_eq!(removed.blobs, std::slice::from_ref(&new.blob));
    assert_eq!(store.unused_blobs(10).await.unwrap(), removed.blobs);
    store.accept_document(&new).await.unwrap();
    assert!(store.blob_in_use(&new.blob).await.unwrap());
    assert!(store.unused_blobs(10).await.unwrap().is_empty());
    assert!(!store.forget_blob(&new.blob).await.unwrap());
}

pub async fn a_blob_in_use_is_not_forgotten(store: &dyn KnowledgeStore) {
    let first = ingest(store, "a", &["One."]).await;
    ingest(store, "b", &["One."]).await;
    store.mark_deleting(first.document).await.unwrap();
    let removed = store.remove_document(first.document).await.unwrap();
    assert!(removed.blobs.is_empty());
    assert_eq!(removed.embeddings, 0);
    let blob = document("a", &["One."]).blob;
    assert!(!store.forget_blob(&blob).await.unwrap());
    assert!(store.unused_blobs(10).await.unwrap().is_empty());
}

pub async fn an_unknown_document_removes_nothing(store: &dyn KnowledgeStore) {
    process(store, &document("a", &["One."]), &["One."]).await;
    let id = DocumentId::new();
    assert!(!store.mark_deleting(id).await.unwrap());
    assert_eq!(store.remove_document(id).await.unwrap(), Removed::default());
    let known = store.list_chunks(id, 0, 10).await.unwrap();
    assert!(known.is_empty());
    let listed = store
        .list_documents(
            &graphmill_store::documents::DocumentFilter::default(),
            None,
            10,
        )
        .await
        .unwrap();
    delete(store, listed.0[0].id).await;
    assert_eq!(
        store.totals().await.unwrap(),
        graphmill_store::graph::Totals::default()
    );
}
