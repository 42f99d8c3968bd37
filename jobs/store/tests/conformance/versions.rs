//! A document's chunks are replaced: what stays keeps everything, what goes takes everything.

use graphmill_store::{
    KnowledgeStore, Stage, chunks::NewChunk, documents::AcceptedKind, stages::StageState,
};

use super::fixture::{
    EXTRACTOR, MODEL, SHARD_CHUNKS, begin, chunks, document, embed, extract, facts, ingest,
    process, sweep_blobs, vector,
};

pub async fn unchanged_chunks_keep_support_and_vectors(store: &dyn KnowledgeStore) {
    let before = ["Alpha meets Beta.", "Gamma alone.", "Delta leaves."];
    let after = ["Epsilon arrives.", "Alpha meets Beta.", "Gamma alone."];
    let first = ingest(store, "a", &before).await;
    let (second, open) = process(store, &document("a", &after), &after).await;
    assert_eq!(second.kind, AcceptedKind::NewVersion);

    // Support of what stayed is there before its stage ran again; of what went nothing is.
    let entities = store.list_entities("default", None, 10).await.unwrap();
    let keys: Vec<_> = entities.iter().map(|entity| entity.key.as_str()).collect();
    assert_eq!(keys, ["alpha", "beta", "gamma"]);
    let hits = store
        .search_vectors("default", MODEL, &vector(after[1]), 10)
        .await
        .unwrap();
    assert_eq!(hits.len(), 2);
    assert_eq!(store.count_embeddings(MODEL).await.unwrap(), 2);

    let mut embedded = 0;
    let mut extracted = 0;
    for open in open {
        match open.stage {
            Stage::Embed => embedded += embed(store, second.version, open.shard).await,
            _ => extracted += extract(store, second.version, open.shard).await,
        }
    }
    assert_eq!((embedded, extracted), (1, 1));

    let listed = store.list_chunks(first.document, 0, 10).await.unwrap();
    let texts: Vec<_> = listed.iter().map(|chunk| chunk.text.as_str()).collect();
    assert_eq!(texts, after);
    let ids: Vec<_> = listed.into_iter().map(|chunk| chunk.id).collect();
    let expected: Vec<_> = chunks(first.document, &after)
        .into_iter()
        .map(|chunk| chunk.id)
        .collect();
    assert_eq!(ids, expected);
    assert_eq!(store.totals().await.unwrap().chunks, 3);
}

pub async fn a_rerun_process_stage_may_permute_chunks(store: &dyn KnowledgeStore) {
    let texts = ["Alpha.", "Beta.", "Gamma."];
    let accepted = ingest(store, "a", &texts).await;
    let fence = super::fixture::lease(accepted.version, Stage::Process, 0);
    store.begin_stage(&fence, "other settings").await.unwrap();
    let mut permuted: Vec<NewChunk> = chunks(accepted.document, &texts);
    permuted.rotate_left(1);
    for (ordinal, chunk) in permuted.iter_mut().enumerate() {
        chunk.ordinal = ordinal as u32;
    }
    let open = store
        .replace_chunks(&fence, &facts(), &permuted, SHARD_CHUNKS)
        .await
        .unwrap();
    assert_eq!(open.len(), 4);
    let listed = store.list_chunks(accepted.document, 1, 10).await.unwrap();
    let texts: Vec<_> = listed.iter().map(|chunk| chunk.text.as_str()).collect();
    assert_eq!(texts, ["Gamma.", "Alpha."]);
    let stages = store.list_stages(accepted.document).await.unwrap();
    assert!(
        stages
            .iter()
            .all(|run| (run.stage == Stage::Process) == (run.state == StageState::Completed))
    );
}

pub async fn a_document_without_chunks_has_no_shards(store: &dyn KnowledgeStore) {
    let (accepted, open) = process(store, &document("a", &[]), &[]).await;
    let stages: Vec<_> = open.iter().map(|open| open.stage).collect();
    assert_eq!(stages, [Stage::Finalize]);
    let fence = begin(store, accepted.version, Stage::Finalize, 0).await;
    store.complete_stage(&fence, 0).await.unwrap();
    assert!(store.open_stages(None, 10).await.unwrap().is_empty());
}

pub async fn a_repeated_replace_keeps_finished_shards(store: &dyn KnowledgeStore) {
    let texts = ["Alpha."];
    let accepted = store.accept_document(&document("a", &texts)).await.unwrap();
    let fence = begin(store, accepted.version, Stage::Process, 0).await;
    let parsed = chunks(accepted.document, &texts);
    store
        .replace_chunks(&fence, &facts(), &parsed, 1)
        .await
        .unwrap();
    embed(store, accepted.version, 0).await;
    // The answer was lost; the same lease asks again.
    let open = store
        .replace_chunks(&fence, &facts(), &parsed, 1)
        .await
        .unwrap();
    let stages: Vec<_> = open.iter().map(|open| open.stage).collect();
    assert_eq!(stages, [Stage::Extract]);
    assert_eq!(store.count_embeddings(MODEL).await.unwrap(), 1);
}

pub async fn an_older_versions_blob_becomes_unused(store: &dyn KnowledgeStore) {
    let old = document("a", &["One."]);
    ingest(store, "a", &["One."]).await;
    let (_, _) = process(store, &document("a", &["Two."]), &["Two."]).await;
    assert!(!store.blob_in_use(&old.blob).await.unwrap());
    assert_eq!(
        store.unused_blobs(10).await.unwrap(),
        std::slice::from_ref(&old.blob)
    );
    sweep_blobs(store).await;
    assert!(store.unused_blobs(10).await.unwrap().is_empty());
    // Once forgotten, the same bytes are welcome again.
    let back = store.accept_document(&old).await.unwrap();
    assert_eq!(back.kind, AcceptedKind::NewVersion);
    assert!(store.blob_in_use(&old.blob).await.unwrap());
}

pub async fn a_shard_keeps_its_range(store: &dyn KnowledgeStore) {
    let texts = ["Alpha.", "Beta.", "Gamma."];
    let (accepted, _) = process(store, &document("a", &texts), &texts).await;
    for stage in [Stage::Embed, Stage::Extract] {
        let mut read = Vec::new();
        for shard in 0..2 {
            let shard = store
                .shard_chunks(accepted.version, stage, shard)
                .await
                .unwrap();
            assert!(shard.len() <= SHARD_CHUNKS as usize);
            read.extend(shard.into_iter().map(|chunk| chunk.text));
        }
        assert_eq!(read, texts);
    }
    let none = store
        .shard_chunks(accepted.version, Stage::Embed, 2)
        .await
        .unwrap();
    assert!(none.is_empty());
    assert!(
        store
            .missing_extractions(EXTRACTOR, &none)
            .await
            .unwrap()
            .is_empty()
    );
}
