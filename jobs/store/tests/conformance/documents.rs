//! Documents come in, are listed, and have a status.

use graphmill_store::{
    Error, KnowledgeStore, Stage,
    documents::{AcceptedKind, DocumentFilter, DocumentStatus},
};

use super::fixture::{self, begin, document, embed, extract, ingest, process};

pub async fn the_same_bytes_are_accepted_once(store: &dyn KnowledgeStore) {
    let new = document("a", &["One."]);
    let first = store.accept_document(&new).await.unwrap();
    assert_eq!(first.kind, AcceptedKind::Created);
    let second = store.accept_document(&new).await.unwrap();
    assert_eq!(second.kind, AcceptedKind::Unchanged);
    assert_eq!(
        (second.document, second.version),
        (first.document, first.version)
    );
    assert_eq!(store.totals().await.unwrap().documents, 1);
}

pub async fn other_bytes_are_a_new_version(store: &dyn KnowledgeStore) {
    let first = store
        .accept_document(&document("a", &["One."]))
        .await
        .unwrap();
    let second = store
        .accept_document(&document("a", &["Two."]))
        .await
        .unwrap();
    assert_eq!(second.kind, AcceptedKind::NewVersion);
    assert_eq!(second.document, first.document);
    let record = store.get_document(first.document).await.unwrap().unwrap();
    assert_eq!(record.version, second.version);
    assert_eq!(record.version_number, 2);
    // Back to the first bytes is a version again, not the old one.
    let third = store
        .accept_document(&document("a", &["One."]))
        .await
        .unwrap();
    assert_eq!(third.kind, AcceptedKind::NewVersion);
    assert_ne!(third.version, first.version);
}

pub async fn tenants_do_not_share_sources(store: &dyn KnowledgeStore) {
    let mut new = document("a", &["One."]);
    let ours = store.accept_document(&new).await.unwrap();
    "other".clone_into(&mut new.tenant);
    let theirs = store.accept_document(&new).await.unwrap();
    assert_eq!(theirs.kind, AcceptedKind::Created);
    assert_ne!(ours.document, theirs.document);
    let count = |counts: Vec<(DocumentStatus, u64)>| counts.iter().map(|(_, n)| n).sum::<u64>();
    assert_eq!(
        count(store.count_documents(Some("other")).await.unwrap()),
        1
    );
    assert_eq!(count(store.count_documents(None).await.unwrap()), 2);
}

async fn assert_status(
    store: &dyn KnowledgeStore,
    id: graphmill_store::DocumentId,
    expected: DocumentStatus,
) {
    let record = store.get_document(id).await.unwrap().unwrap();
    assert_eq!(record.status, expected);
    let filter = DocumentFilter {
        status: Some(expected),
        ..DocumentFilter::default()
    };
    let (listed, _) = store.list_documents(&filter, None, 10).await.unwrap();
    assert_eq!(listed, [record]);
    let counts = store.count_documents(None).await.unwrap();
    let statuses: Vec<_> = counts.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, DocumentStatus::ALL);
    assert!(counts.contains(&(expected, 1)));
}

pub async fn status_follows_from_stages(store: &dyn KnowledgeStore) {
    let paragraphs = ["Alpha meets Beta.", "Gamma.", "Delta."];
    let new = document("a", &paragraphs);
    let accepted = store.accept_document(&new).await.unwrap();
    let (id, version) = (accepted.document, accepted.version);
    assert_status(store, id, DocumentStatus::Pending).await;
    begin(store, version, Stage::Process, 0).await;
    assert_status(store, id, DocumentStatus::Processing).await;
    process(store, &new, &paragraphs).await;
    assert_status(store, id, DocumentStatus::Processing).await;
    embed(store, version, 0).await;
    assert_status(store, id, DocumentStatus::Processing).await;
    embed(store, version, 1).await;
    assert_status(store, id, DocumentStatus::Searchable).await;
    extract(store, version, 0).await;
    let fence = begin(store, version, Stage::Extract, 1).await;
    store
        .fail_stage(&fence, "graph.bad", "it is bad")
        .await
        .unwrap();
    assert_status(store, id, DocumentStatus::Failed).await;
    let record = store.get_document(id).await.unwrap().unwrap();
    assert_eq!(record.error_code.as_deref(), Some("graph.bad"));
    assert_eq!(record.error_message.as_deref(), Some("it is bad"));
    store.reset_failed_stages(id).await.unwrap();
    assert_status(store, id, DocumentStatus::Searchable).await;
    extract(store, version, 1).await;
    let fence = begin(store, version, Stage::Finalize, 0).await;
    store.complete_stage(&fence, 0).await.unwrap();
    assert_status(store, id, DocumentStatus::Completed).await;
    let record = store.get_document(id).await.unwrap().unwrap();
    assert_eq!(record.chunks, 3);
    assert_eq!(record.facts, Some(fixture::facts()));
    store.mark_deleting(id).await.unwrap();
    assert_status(store, id, DocumentStatus::Deleting).await;
}

pub async fn a_list_pages_newest_first_and_filters(store: &dyn KnowledgeStore) {
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(ingest(store, &format!("s{n}"), &["Alpha."]).await.document);
    }
    ids.reverse();
    let mut listed = Vec::new();
    let mut cursor = None;
    loop {
        let (page, next) = store
            .list_documents(&DocumentFilter::default(), cursor.as_deref(), 2)
            .await
            .unwrap();
        assert!(page.len() <= 2);
        listed.extend(page.into_iter().map(|record| record.id));
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(listed, ids);
    let filter = DocumentFilter {
        tenant: Some(fixture::TENANT.to_owned()),
        source: Some("s3".to_owned()),
        file_type: Some("text".to_owned()),
        status: Some(DocumentStatus::Completed),
    };
    let (page, next) = store.list_documents(&filter, None, 2).await.unwrap();
    assert_eq!((page.len(), next), (1, None));
    assert_eq!(page[0].source, "s3");
    let bad = store
        .list_documents(&DocumentFilter::default(), Some("?"), 2)
        .await;
    assert!(matches!(bad, Err(Error::Invalid(_))));
}

pub async fn metadata_must_be_an_object(store: &dyn KnowledgeStore) {
    let mut new = document("a", &["One."]);
    new.metadata = serde_json::json!([1]);
    assert!(matches!(
        store.accept_document(&new).await,
        Err(Error::Invalid(_))
    ));
}
