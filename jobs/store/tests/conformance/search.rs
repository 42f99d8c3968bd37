//! Chunks are found by words and by vectors.

use graphmill_store::{ChunkId, KnowledgeStore, search::Hit};

use super::fixture::{
    MODEL, TENANT, chunks, delete, document, ingest, ingest_document, normalised, process, vector,
};

async fn words(store: &dyn KnowledgeStore, tenant: &str, words: &[&str]) -> Vec<Hit> {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    store.search_words(tenant, &words, 10).await.unwrap()
}

async fn texts(store: &dyn KnowledgeStore, hits: &[Hit]) -> Vec<String> {
    let ids: Vec<ChunkId> = hits.iter().map(|hit| hit.chunk.clone()).collect();
    let found = store.get_chunks(&ids).await.unwrap();
    found.into_iter().map(|chunk| chunk.text).collect()
}

pub async fn words_find_english_and_chinese(store: &dyn KnowledgeStore) {
    let paragraphs = [
        "Modern c++ has many parts",
        "机器学习 改变 世界",
        "机器 有 很多 零件",
        "Version 4\u{2024}2 of naïve tools",
    ];
    ingest(store, "a", &paragraphs).await;
    let hits = words(store, TENANT, &["机器学习"]).await;
    assert_eq!(texts(store, &hits).await, [paragraphs[1]]);
    let hits = words(store, TENANT, &["c++"]).await;
    assert_eq!(texts(store, &hits).await, [paragraphs[0]]);
    // `c` is another word than `c++`, an accent makes another word.
    assert!(words(store, TENANT, &["c", "naive"]).await.is_empty());
    // Most of the words is best.
    let hits = words(store, TENANT, &["零件", "机器", "改变"]).await;
    assert_eq!(texts(store, &hits).await, [paragraphs[2], paragraphs[1]]);
    assert!(hits[0].score > hits[1].score && hits[1].score > 0.0);
}

pub async fn any_words_are_valid(store: &dyn KnowledgeStore) {
    ingest(store, "a", &["near AND or NOT \"quoted\" 🦀 a:b x* ^y {z}"]).await;
    for word in [
        "\"",
        "\"\"",
        "NEAR(",
        "NOT",
        "AND",
        "🦀",
        "a:b",
        "x*",
        "^y",
        "{z}",
        "-",
        "(",
        ")",
        "'",
        "\0",
        "a\0b",
        " ",
        "",
        "\u{FEFF}",
        "👩‍👩‍👧",
        "%",
        "words:x",
        "\\",
        ";--",
    ] {
        words(store, TENANT, &[word, "other"]).await;
        words(store, TENANT, &[word]).await;
    }
    assert_eq!(words(store, TENANT, &["🦀"]).await.len(), 1);
    assert_eq!(words(store, TENANT, &["not"]).await.len(), 1);
    assert_eq!(words(store, TENANT, &["\"quoted\""]).await.len(), 1);
    let many: Vec<String> = (0..5_000).map(|n| format!("w{n}")).collect();
    assert!(
        store
            .search_words(TENANT, &many, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn tenants_and_hidden_documents_are_not_found(store: &dyn KnowledgeStore) {
    let text = "Alpha meets Beta";
    let accepted = ingest(store, "a", &[text]).await;
    let mut theirs = document("a", &[text]);
    "other".clone_into(&mut theirs.tenant);
    ingest_document(store, &theirs, &[text]).await;
    let query = vector(text);
    for tenant in [TENANT, "other"] {
        assert_eq!(words(store, tenant, &["alpha"]).await.len(), 1);
        let hits = store
            .search_vectors(tenant, MODEL, &query, 5)
            .await
            .unwrap();
        assert_eq!(hits.len(), 1);
        assert!((hits[0].score - 1.0).abs() < 1e-6);
    }
    assert!(words(store, "nobody", &["alpha"]).await.is_empty());
    assert!(
        store
            .search_vectors("nobody", MODEL, &query, 5)
            .await
            .unwrap()
            .is_empty()
    );
    store.mark_deleting(accepted.document).await.unwrap();
    assert!(words(store, TENANT, &["alpha"]).await.is_empty());
    assert!(
        store
            .search_vectors(TENANT, MODEL, &query, 5)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        store
            .search_vectors("other", MODEL, &query, 5)
            .await
            .unwrap()
            .len(),
        1
    );
}

/// What a search must return, computed from every chunk.
fn brute_force(all: &[(ChunkId, String)], query: &[f32], limit: usize) -> Vec<(ChunkId, f64)> {
    let mut scored: Vec<_> = all
        .iter()
        .map(|(id, text)| {
            let score = vector(text)
                .iter()
                .zip(query)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum::<f64>();
            (id.clone(), score)
        })
        .collect();
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    scored.truncate(limit);
    scored
}

async fn assert_nearest(store: &dyn KnowledgeStore, all: &[(ChunkId, String)], query: &[f32]) {
    for limit in [0, 1, 7, 1_000] {
        let hits = store
            .search_vectors(TENANT, MODEL, query, limit)
            .await
            .unwrap();
        let found: Vec<_> = hits.into_iter().map(|hit| (hit.chunk, hit.score)).collect();
        assert_eq!(found, brute_force(all, query, limit));
    }
}

pub async fn vectors_find_the_exact_top(store: &dyn KnowledgeStore) {
    let texts: Vec<String> = (0..200).map(|n| format!("text {}", n % 150)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let accepted = ingest(store, "a", &texts).await;
    let all: Vec<_> = chunks(accepted.document, &texts)
        .into_iter()
        .map(|chunk| (chunk.id, chunk.text))
        .collect();
    for n in 0..20 {
        assert_nearest(store, &all, &vector(&format!("query {n}"))).await;
    }
    // Not normalised, and nothing at all.
    assert_nearest(
        store,
        &all,
        &vector("q").iter().map(|v| v * 9.0).collect::<Vec<_>>(),
    )
    .await;
    assert_nearest(store, &all, &vec![0.0; vector("q").len()]).await;
    assert!(
        store
            .search_vectors(TENANT, "no such model", &[1.0], 3)
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn a_loaded_index_follows_writes(store: &dyn KnowledgeStore) {
    let query = normalised(vector("query"));
    let mut documents = Vec::new();
    let mut all = Vec::new();
    for round in 0..6 {
        let source = format!("s{round}");
        let texts: Vec<String> = (0..9)
            .map(|n| format!("text {}", (n + round * 5) % 40))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let accepted = ingest(store, &source, &texts).await;
        documents.push(accepted.document);
        all.extend(
            chunks(accepted.document, &texts)
                .into_iter()
                .map(|chunk| (accepted.document, chunk.id, chunk.text)),
        );
        if round % 2 == 1 {
            let gone = documents.remove(0);
            delete(store, gone).await;
            all.retain(|(document, _, _)| *document != gone);
        }
        let expected: Vec<_> = all
            .iter()
            .map(|(_, id, text)| (id.clone(), text.clone()))
            .collect();
        assert_nearest(store, &expected, &query).await;
    }
    // A new version: chunks whose text has a vector are found at once, the others go at once.
    let texts = ["text 3", "text 39"];
    let source = format!("s{}", 5);
    let (accepted, _) = process(store, &document(&source, &texts), &texts).await;
    all.retain(|(document, _, _)| *document != accepted.document);
    let known: Vec<String> = all.iter().map(|(_, _, text)| text.clone()).collect();
    all.extend(
        chunks(accepted.document, &texts)
            .into_iter()
            .filter(|chunk| known.contains(&chunk.text))
            .map(|chunk| (accepted.document, chunk.id, chunk.text)),
    );
    let expected: Vec<_> = all
        .iter()
        .map(|(_, id, text)| (id.clone(), text.clone()))
        .collect();
    assert_nearest(store, &expected, &query).await;
}

pub async fn chunks_with_one_text_are_all_found(store: &dyn KnowledgeStore) {
    let texts = ["Same.", "Same.", "Other."];
    let accepted = ingest(store, "a", &texts).await;
    let all: Vec<_> = chunks(accepted.document, &texts)
        .into_iter()
        .map(|chunk| (chunk.id, chunk.text))
        .collect();
    assert_eq!(store.count_embeddings(MODEL).await.unwrap(), 2);
    assert_nearest(store, &all, &vector("Same.")).await;
}

pub async fn words_of_many_tenants_are_ranked_alike(store: &dyn KnowledgeStore) {
    // Ours are the worst of many matches, and all score alike.
    let theirs: Vec<String> = (0..300)
        .map(|n| format!("alpha alpha alpha t{n}"))
        .collect();
    let theirs: Vec<&str> = theirs.iter().map(String::as_str).collect();
    let mut new = document("theirs", &theirs);
    "other".clone_into(&mut new.tenant);
    process(store, &new, &theirs).await;
    let ours: Vec<String> = (0..100)
        .map(|n| format!("alpha and some words more u{n}"))
        .collect();
    let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
    let (accepted, _) = process(store, &document("ours", &ours), &ours).await;
    let mut expected: Vec<ChunkId> = chunks(accepted.document, &ours)
        .into_iter()
        .map(|chunk| chunk.id)
        .collect();
    expected.sort_unstable();
    expected.truncate(10);
    let hits = words(store, TENANT, &["alpha"]).await;
    let found: Vec<_> = hits.into_iter().map(|hit| hit.chunk).collect();
    assert_eq!(found, expected);
}
