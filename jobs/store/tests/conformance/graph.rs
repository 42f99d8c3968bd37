//! Sums follow from support.

use graphmill_store::{
    BlobHash, EntityId, Error, KnowledgeStore, Stage,
    graph::{CooccurrenceRow, ExtractionRow, MentionRow},
};

use super::fixture::{
    DIMENSION, EXTRACTOR, MODEL, TENANT, begin, document, extract, extraction, ingest, process,
};

pub async fn names_types_and_labels_follow_counts(store: &dyn KnowledgeStore) {
    ingest(store, "a", &["ALPHA meeting Beta.", "Alpha using Beta."]).await;
    let alpha = &store
        .entities_by_keys(TENANT, &["alpha".to_owned(), "none".to_owned()])
        .await
        .unwrap()[0];
    // One each: the smaller spelling.
    assert_eq!(alpha.name, "ALPHA");
    assert_eq!(alpha.entity_type, "concept");
    let relations = store.list_relations(TENANT, None, 10).await.unwrap();
    assert_eq!(relations[0].label.as_deref(), Some("meeting"));

    let second = ingest(store, "b", &["~Alpha. ~Alpha. ~Alpha using Beta."]).await;
    let alpha = &store.list_entities(TENANT, Some("ALPH"), 10).await.unwrap()[0];
    assert_eq!(alpha.name, "Alpha");
    assert_eq!(alpha.entity_type, "product");
    assert_eq!((alpha.mentions, alpha.chunks, alpha.documents), (5, 3, 2));
    let relations = store
        .list_relations(TENANT, Some(&alpha.id), 10)
        .await
        .unwrap();
    assert_eq!(relations[0].label.as_deref(), Some("using"));
    assert_eq!(relations[0].sentences, 3);
    assert_eq!(relations[0].source, EntityId::derive(&[TENANT, "alpha"]));
    assert_eq!(relations[0].target_name, "Beta");

    super::fixture::delete(store, second.document).await;
    let alpha = &store.list_entities(TENANT, None, 10).await.unwrap()[0];
    assert_eq!((alpha.name.as_str(), alpha.documents), ("ALPHA", 1));
}

pub async fn applying_twice_changes_nothing(store: &dyn KnowledgeStore) {
    let texts = ["Alpha meets Beta.", "Beta meets Gamma."];
    let (accepted, _) = process(store, &document("a", &texts), &texts).await;
    extract(store, accepted.version, 0).await;
    let before = store.content_hashes().await.unwrap();
    let fence = super::fixture::lease(accepted.version, Stage::Extract, 0);
    store.begin_stage(&fence, "again").await.unwrap();
    let chunks = store
        .shard_chunks(accepted.version, Stage::Extract, 0)
        .await
        .unwrap();
    let ids: Vec<_> = chunks.into_iter().map(|chunk| chunk.id).collect();
    for _ in 0..2 {
        let mentions = store
            .apply_extractions(&fence, EXTRACTOR, &ids)
            .await
            .unwrap();
        assert_eq!(mentions, 4);
    }
    assert_eq!(store.content_hashes().await.unwrap(), before);
}

pub async fn an_extraction_that_breaks_rules_is_refused(store: &dyn KnowledgeStore) {
    let (accepted, _) = process(store, &document("a", &["Alpha."]), &["Alpha."]).await;
    let fence = begin(store, accepted.version, Stage::Extract, 0).await;
    let mention = |key: &str, start, end| MentionRow {
        key: key.to_owned(),
        surface: key.to_owned(),
        entity_type: "concept".to_owned(),
        start,
        end,
    };
    let pair = |source: &str, target: &str| CooccurrenceRow {
        source: source.to_owned(),
        target: target.to_owned(),
        label: None,
        start: 0,
        end: 6,
    };
    let wrong = [
        (vec![mention("a", 3, 3)], vec![]),
        (
            vec![mention("a", 0, 1), mention("b", 2, 3)],
            vec![pair("b", "a")],
        ),
        (vec![mention("a", 0, 1)], vec![pair("a", "b")]),
    ];
    for (mentions, cooccurrences) in wrong {
        let row = ExtractionRow {
            mentions,
            cooccurrences,
        };
        let written = store
            .write_extractions(&fence, EXTRACTOR, &[("hash".to_owned(), row)])
            .await;
        assert!(matches!(written, Err(Error::Invalid(_))), "{written:?}");
    }
}

pub async fn a_text_that_no_chunk_has_is_left_out(store: &dyn KnowledgeStore) {
    let (accepted, _) = process(store, &document("a", &["Alpha."]), &["Alpha."]).await;
    let stranger = BlobHash::of(b"no chunk says this").to_string();
    let fence = begin(store, accepted.version, Stage::Embed, 0).await;
    let vectors = [(stranger.clone(), vec![0.25; DIMENSION])];
    let written = store
        .write_embeddings(&fence, MODEL, DIMENSION, &vectors)
        .await
        .unwrap();
    assert_eq!(written, 0);
    assert_eq!(store.count_embeddings(MODEL).await.unwrap(), 0);
    let fence = begin(store, accepted.version, Stage::Extract, 0).await;
    store
        .write_extractions(&fence, EXTRACTOR, &[(stranger, extraction("Alpha."))])
        .await
        .unwrap();
    let ids: Vec<_> = store
        .list_chunks(accepted.document, 0, 1)
        .await
        .unwrap()
        .into_iter()
        .map(|chunk| chunk.id)
        .collect();
    // Nothing was kept for the chunk's own text.
    assert!(matches!(
        store.apply_extractions(&fence, EXTRACTOR, &ids).await,
        Err(Error::NotFound { .. })
    ));
}

pub async fn weights_are_mutual_information(store: &dyn KnowledgeStore) {
    // Five sentences with two names or more: alpha in 3, beta in 2, both in 2.
    let texts = [
        "Alpha meets Beta. Alpha sees Beta.",
        "Alpha meets Gamma. Gamma meets Delta. Gamma sees Delta. Zeta.",
    ];
    ingest(store, "a", &texts).await;
    let relations = store.list_relations(TENANT, None, 10).await.unwrap();
    let weight = |source: &str, target: &str| {
        relations
            .iter()
            .find(|r| r.source_name == source && r.target_name == target)
            .map(|r| r.weight)
            .unwrap()
    };
    let expected = |both: f64, a: f64, b: f64| both / 5.0 * (both * 5.0 / (a * b)).log2();
    assert!((weight("Alpha", "Beta") - expected(2.0, 3.0, 2.0)).abs() < 1e-12);
    assert!((weight("Alpha", "Gamma") - expected(1.0, 3.0, 3.0)).abs() < 1e-12);
    assert!((weight("Delta", "Gamma") - expected(2.0, 2.0, 3.0)).abs() < 1e-12);
}

pub async fn the_heaviest_relations_come_first(store: &dyn KnowledgeStore) {
    // Many pairs, so that the list ends before all are read.
    let mut texts = Vec::new();
    for n in 0..40 {
        for m in 0..=(n % 7) {
            texts.push(format!("N{n} meets M{m}. N{n} sees O{}.", n % 5));
        }
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    ingest(store, "a", &texts).await;
    let all = store.list_relations(TENANT, None, 10_000).await.unwrap();
    assert!(all.len() > 100);
    let mut sorted = all.clone();
    sorted.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.id.cmp(&b.id)));
    assert_eq!(all, sorted);
    for limit in [0, 1, 3, 20] {
        let top = store.list_relations(TENANT, None, limit).await.unwrap();
        assert_eq!(top, sorted[..limit]);
    }
    let hub = EntityId::derive(&[TENANT, "m0"]);
    let of_hub = store.list_relations(TENANT, Some(&hub), 5).await.unwrap();
    let expected: Vec<_> = sorted
        .iter()
        .filter(|r| r.source == hub || r.target == hub)
        .take(5)
        .cloned()
        .collect();
    assert_eq!(of_hub, expected);
    assert!(
        store
            .list_relations("other", None, 5)
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn evidence_points_into_chunks(store: &dyn KnowledgeStore) {
    let accepted = ingest(store, "a", &["We saw Alpha meeting Beta.", "Alpha."]).await;
    let alpha = EntityId::derive(&[TENANT, "alpha"]);
    let evidence = store.entity_evidence(&alpha, 10).await.unwrap();
    assert_eq!(evidence.len(), 2);
    for place in &evidence {
        assert_eq!(place.document, accepted.document);
        let chunk = &store
            .get_chunks(std::slice::from_ref(&place.chunk))
            .await
            .unwrap()[0];
        assert_eq!(
            &chunk.text[place.start as usize..place.end as usize],
            "Alpha"
        );
    }
    assert_eq!(
        store.entity_evidence(&alpha, 1).await.unwrap(),
        evidence[..1]
    );
    let relation = &store.list_relations(TENANT, None, 1).await.unwrap()[0];
    let place = &store.relation_evidence(&relation.id, 10).await.unwrap()[0];
    assert_eq!((place.start, place.end), (0, 25));
}

pub async fn another_dimension_is_refused(store: &dyn KnowledgeStore) {
    let accepted = ingest(store, "a", &["Alpha."]).await;
    let fence = super::fixture::lease(accepted.version, Stage::Embed, 0);
    store.begin_stage(&fence, "again").await.unwrap();
    for (dimension, vector) in [
        (4, vec![0.5; 4]),
        (DIMENSION, vec![0.5; 4]),
        (DIMENSION, vec![f32::NAN; DIMENSION]),
    ] {
        let written = store
            .write_embeddings(&fence, MODEL, dimension, &[("hash".to_owned(), vector)])
            .await;
        assert!(matches!(written, Err(Error::Invalid(_))), "{written:?}");
    }
    assert!(matches!(
        store.search_vectors(TENANT, MODEL, &[1.0], 3).await,
        Err(Error::Invalid(_))
    ));
}
