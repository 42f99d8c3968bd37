//! Leases, fences and what is left to do.

use graphmill_queue::JobId;
use graphmill_store::{
    Error, Fence, KnowledgeStore, Stage, VersionId,
    stages::{Begun, OpenStage, StageState},
};

use super::fixture::{
    DIMENSION, EXTRACTOR, MODEL, SHARD_CHUNKS, begin, chunks, document, facts, ingest, lease,
    process,
};

pub async fn a_newer_lease_takes_over_and_the_older_is_fenced(store: &dyn KnowledgeStore) {
    let accepted = store
        .accept_document(&document("a", &["One."]))
        .await
        .unwrap();
    let old = lease(accepted.version, Stage::Process, 0);
    let newer_epoch = Fence { epoch: 2, ..old };
    let newer_job = Fence {
        job_id: JobId::new(),
        epoch: 1,
        ..old
    };
    for fence in [&old, &newer_epoch, &newer_job] {
        assert_eq!(store.begin_stage(fence, "f").await.unwrap(), Begun::Started);
    }
    let parsed = chunks(accepted.document, &["One."]);
    for fence in [&old, &newer_epoch] {
        assert!(matches!(
            store.begin_stage(fence, "f").await,
            Err(Error::Fenced)
        ));
        assert!(matches!(
            store.replace_chunks(fence, &facts(), &parsed, 1).await,
            Err(Error::Fenced)
        ));
        assert!(matches!(
            store.complete_stage(fence, 0).await,
            Err(Error::Fenced)
        ));
        assert!(matches!(
            store.fail_stage(fence, "c", "m").await,
            Err(Error::Fenced)
        ));
    }
    assert_eq!(store.totals().await.unwrap().chunks, 0);
    store
        .replace_chunks(&newer_job, &facts(), &parsed, 1)
        .await
        .unwrap();
    let stages = store.list_stages(accepted.document).await.unwrap();
    assert_eq!(stages[0].attempt, 3);
    assert_eq!(stages[0].job_id, newer_job.job_id);
}

pub async fn a_completed_stage_is_not_done_twice(store: &dyn KnowledgeStore) {
    let accepted = ingest(store, "a", &["Alpha."]).await;
    let fence = lease(accepted.version, Stage::Embed, 0);
    assert_eq!(
        store.begin_stage(&fence, "fingerprint").await.unwrap(),
        Begun::AlreadyDone
    );
    // Another input is another piece of work.
    assert_eq!(
        store.begin_stage(&fence, "other").await.unwrap(),
        Begun::Started
    );
}

pub async fn a_superseded_version_writes_nothing(store: &dyn KnowledgeStore) {
    let (first, _) = process(store, &document("a", &["One."]), &["One."]).await;
    let embedding = begin(store, first.version, Stage::Embed, 0).await;
    let extracting = begin(store, first.version, Stage::Extract, 0).await;
    store
        .accept_document(&document("a", &["Two."]))
        .await
        .unwrap();
    assert_superseded(store, &embedding, &extracting).await;
}

pub async fn a_document_being_deleted_writes_nothing(store: &dyn KnowledgeStore) {
    let (accepted, _) = process(store, &document("a", &["One."]), &["One."]).await;
    let embedding = begin(store, accepted.version, Stage::Embed, 0).await;
    let extracting = begin(store, accepted.version, Stage::Extract, 0).await;
    assert!(store.mark_deleting(accepted.document).await.unwrap());
    assert!(store.mark_deleting(accepted.document).await.unwrap());
    assert_superseded(store, &embedding, &extracting).await;
    assert!(matches!(
        store.accept_document(&document("a", &["One."])).await,
        Err(Error::Superseded)
    ));
    assert_eq!(
        store.deleting_documents(10).await.unwrap(),
        [accepted.document]
    );
    assert!(store.open_stages(None, 10).await.unwrap().is_empty());
    store.remove_document(accepted.document).await.unwrap();
    assert!(matches!(
        store.complete_stage(&embedding, 0).await,
        Err(Error::Superseded)
    ));
}

async fn assert_superseded(store: &dyn KnowledgeStore, embedding: &Fence, extracting: &Fence) {
    let before = store.content_hashes().await.unwrap();
    let newer = Fence {
        epoch: 9,
        ..*embedding
    };
    assert!(matches!(
        store.begin_stage(&newer, "f").await,
        Err(Error::Superseded)
    ));
    assert!(matches!(
        store
            .write_embeddings(embedding, MODEL, DIMENSION, &[])
            .await,
        Err(Error::Superseded)
    ));
    assert!(matches!(
        store.write_extractions(extracting, EXTRACTOR, &[]).await,
        Err(Error::Superseded)
    ));
    assert!(matches!(
        store.apply_extractions(extracting, EXTRACTOR, &[]).await,
        Err(Error::Superseded)
    ));
    assert!(matches!(
        store.complete_stage(embedding, 1).await,
        Err(Error::Superseded)
    ));
    assert_eq!(store.content_hashes().await.unwrap(), before);
}

pub async fn repeated_verbs_change_nothing(store: &dyn KnowledgeStore) {
    let (accepted, _) = process(store, &document("a", &["One."]), &["One."]).await;
    let fence = begin(store, accepted.version, Stage::Embed, 0).await;
    assert_eq!(
        store.begin_stage(&fence, "fingerprint").await.unwrap(),
        Begun::Started
    );
    assert_eq!(store.complete_stage(&fence, 3).await.unwrap(), None);
    assert_eq!(store.complete_stage(&fence, 3).await.unwrap(), None);
    let fence = begin(store, accepted.version, Stage::Extract, 0).await;
    store.fail_stage(&fence, "c", "m").await.unwrap();
    store.fail_stage(&fence, "c", "m").await.unwrap();
    let stages = store.list_stages(accepted.document).await.unwrap();
    let states: Vec<_> = stages
        .iter()
        .map(|run| (run.stage, run.state, run.attempt))
        .collect();
    assert_eq!(
        states,
        [
            (Stage::Process, StageState::Completed, 1),
            (Stage::Embed, StageState::Completed, 1),
            (Stage::Extract, StageState::Failed, 1),
            (Stage::Finalize, StageState::Pending, 0),
        ]
    );
}

pub async fn failed_stages_run_again_after_reset(store: &dyn KnowledgeStore) {
    let (accepted, _) = process(store, &document("a", &["One."]), &["One."]).await;
    let fence = begin(store, accepted.version, Stage::Extract, 0).await;
    store.fail_stage(&fence, "c", "m").await.unwrap();
    let open = store.reset_failed_stages(accepted.document).await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].stage, open[0].shard), (Stage::Extract, 0));
    // The job that failed does not get it back, the one it is meant for does.
    assert!(open[0].job_id > fence.job_id);
    assert!(matches!(
        store.begin_stage(&Fence { epoch: 9, ..fence }, "f").await,
        Err(Error::Fenced)
    ));
    assert!(
        store
            .open_stages(None, 10)
            .await
            .unwrap()
            .contains(&open[0])
    );
    assert!(
        store
            .reset_failed_stages(accepted.document)
            .await
            .unwrap()
            .is_empty()
    );
    begin(store, accepted.version, Stage::Extract, 0).await;
}

pub async fn open_stages_come_by_whole_documents(store: &dyn KnowledgeStore) {
    let paragraphs = ["One.", "Two.", "Three."];
    let mut expected = Vec::new();
    for source in ["a", "b", "c"] {
        let (accepted, open) = process(store, &document(source, &paragraphs), &paragraphs).await;
        assert_eq!(
            open.len(),
            2 * paragraphs.len().div_ceil(SHARD_CHUNKS as usize)
        );
        assert_eq!(store.open_stages_of(accepted.version).await.unwrap(), open);
        expected.push(accepted.document);
    }
    ingest(store, "done", &["Four."]).await;
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        // Each document has four open stages: two pages of one document, not of one and a half.
        let page = store.open_stages(after, 6).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.iter().all(|open| open.stage != Stage::Finalize));
        after = Some(last.document);
        seen.extend(page.iter().map(|open| open.document));
    }
    assert_eq!(seen.len(), 12);
    seen.dedup();
    assert_eq!(seen, expected);
    let record = store.get_document(expected[0]).await.unwrap().unwrap();
    let shards = store.open_stages_of(record.version).await.unwrap();
    let mut next = None;
    for shard in shards {
        assert_eq!(next, None);
        let fence = begin(store, record.version, shard.stage, shard.shard).await;
        next = store.complete_stage(&fence, 0).await.unwrap();
    }
    assert_eq!(
        store.open_stages_of(record.version).await.unwrap(),
        [next.unwrap()]
    );
    let open = store.open_stages(None, 1).await.unwrap();
    assert_eq!(open[0].document, expected[0]);
    assert_eq!(open[0].stage, Stage::Finalize);
}

pub async fn an_unknown_version_is_not_found(store: &dyn KnowledgeStore) {
    let fence = lease(VersionId::new(), Stage::Process, 0);
    assert!(matches!(
        store.begin_stage(&fence, "f").await,
        Err(Error::NotFound { .. })
    ));
    let accepted = store
        .accept_document(&document("a", &["One."]))
        .await
        .unwrap();
    let fence = lease(accepted.version, Stage::Embed, 7);
    assert!(matches!(
        store.begin_stage(&fence, "f").await,
        Err(Error::NotFound { what: "stage", .. })
    ));
}

pub async fn job_ids_are_given_out_with_the_rows(store: &dyn KnowledgeStore) {
    let new = document("a", &["One."]);
    let accepted = store.accept_document(&new).await.unwrap();
    assert_eq!(
        store.accept_document(&new).await.unwrap().job_id,
        accepted.job_id
    );
    let expected = OpenStage {
        document: accepted.document,
        version: accepted.version,
        stage: Stage::Process,
        shard: 0,
        job_id: accepted.job_id,
    };
    assert_eq!(store.open_stages(None, 10).await.unwrap(), [expected]);
    let fence = Fence {
        version: accepted.version,
        stage: Stage::Process,
        shard: 0,
        job_id: accepted.job_id,
        epoch: 1,
    };
    assert_eq!(
        store.begin_stage(&fence, "f").await.unwrap(),
        Begun::Started
    );
    let parsed = chunks(accepted.document, &["One."]);
    let open = store
        .replace_chunks(&fence, &facts(), &parsed, 1)
        .await
        .unwrap();
    let stages: Vec<_> = open.iter().map(|open| open.stage).collect();
    assert_eq!(stages, [Stage::Embed, Stage::Extract]);
    assert!(open.iter().all(|open| open.job_id > accepted.job_id));
}

pub async fn a_dead_job_fails_only_a_stage_that_is_still_its_own(store: &dyn KnowledgeStore) {
    let accepted = store
        .accept_document(&document("a", &["One."]))
        .await
        .unwrap();
    let open = store.open_stages(None, 10).await.unwrap()[0];
    let taken_over = begin(store, accepted.version, Stage::Process, 0).await;
    assert!(!store.fail_open_stage(&open, "c", "m").await.unwrap());
    let now_open = OpenStage {
        job_id: taken_over.job_id,
        ..open
    };
    assert!(store.fail_open_stage(&now_open, "c", "m").await.unwrap());
    assert!(!store.fail_open_stage(&now_open, "c", "m").await.unwrap());
    let record = store
        .get_document(accepted.document)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(record.error_code.as_deref(), Some("c"));
    assert!(matches!(
        store.complete_stage(&taken_over, 0).await,
        Err(Error::Fenced)
    ));
}
