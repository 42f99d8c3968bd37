//! Sizes against an independent count of each chunk's text.

use proptest::prelude::any;

use super::*;

fn with(sizing: Sizing, target: u32, max: u32, overlap: u32) -> ChunkOptions {
    ChunkOptions {
        target_tokens: target,
        max_tokens: max,
        overlap_tokens: overlap,
        sizing,
        ..OPTIONS
    }
}

fn count(sizing: Sizing, text: &str) -> usize {
    match sizing {
        Sizing::Embedder => unreachable!("its counter is not an outer one"),
        #[cfg(feature = "openai-tokenizers")]
        Sizing::Cl100k => tiktoken_rs::cl100k_base_singleton()
            .encode_ordinary(text)
            .len(),
        #[cfg(feature = "openai-tokenizers")]
        Sizing::O200k => tiktoken_rs::o200k_base_singleton()
            .encode_ordinary(text)
            .len(),
        Sizing::Characters => text.chars().count(),
        Sizing::Bytes => text.len(),
    }
}

const SIZINGS: &[Sizing] = &[
    #[cfg(feature = "openai-tokenizers")]
    Sizing::Cl100k,
    #[cfg(feature = "openai-tokenizers")]
    Sizing::O200k,
    Sizing::Characters,
    Sizing::Bytes,
];

/// Checks everything, and the size of each chunk by the reference.
fn check_sizes(document: &Document, options: &ChunkOptions) -> Vec<Chunk> {
    let chunks = check_cover(document, &WordCounter, options);
    for chunk in &chunks {
        let expected = count(options.sizing, &chunk.text);
        assert_eq!(chunk.tokens as usize, expected, "{:?}", chunk.text);
    }
    chunks
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn sizes_are_those_of_the_reference(
        parts in proptest::collection::vec(part(), 0..12),
        target in 1_u32..120,
        slack in 0_u32..40,
        overlap in 0_u32..80,
        strategy in proptest::sample::select(vec![Strategy::Recursive, Strategy::Markdown, Strategy::Sentence, Strategy::Fixed, Strategy::Code]),
    ) {
        let document = document(&parts);
        for &sizing in SIZINGS {
            let options = ChunkOptions { strategy, ..with(sizing, target, target + slack, overlap) };
            let chunks = check_sizes(&document, &options);
            prop_assert_eq!(&chunks, &chunk_in_shards(&document, &WordCounter, &options, 1), "shards do not matter");
        }
    }

    #[test]
    fn sizes_of_any_text_are_those_of_the_reference(
        text in "([a-zA-Z]{0,5}|[ \n\t\u{3000}]{0,3}|[中文数据是的我们]{0,6}|[。，！”]{0,2}|'[sltr]{0,2}|[0-9]{0,7}|[.,/!-]{0,3}|\\PC{0,2}|[\u{301}ªЖж]{0,3}){0,60}",
        target in 1_u32..24,
        fixed in any::<bool>(),
    ) {
        let strategy = if fixed { Strategy::Fixed } else { Strategy::Recursive };
        for &sizing in SIZINGS {
            check_sizes(&paragraph(&text), &ChunkOptions { strategy, ..with(sizing, target, target, target / 3) });
        }
    }
}

#[test]
fn pieces_larger_than_a_chunk_are_cut_at_characters() {
    for unit in [
        "a", "ab", "é", "文", "\u{301}", "-", "👍", "Aa", "中A", "0", "x-",
    ] {
        let document = paragraph(&unit.repeat(12_000));
        for &sizing in SIZINGS {
            let chunks = check_sizes(&document, &with(sizing, 64, 64, 8));
            let small = chunks.iter().filter(|chunk| chunk.tokens <= 32).count();
            assert!(small < 2, "{sizing:?} of {unit}: {chunks:?}");
        }
    }
}

#[test]
fn a_megabyte_without_a_space_takes_linear_time() {
    for unit in ["a", "文", "x-", "\u{301}", "aZ"] {
        let document = paragraph(&unit.repeat((1 << 20) / unit.len()));
        for &sizing in SIZINGS {
            let chunks = chunk_document(&document, &WordCounter, &with(sizing, 224, 256, 32));
            assert!(chunks.len() > 20, "{sizing:?}: {}", chunks.len());
        }
    }
}

/// The texts of the corpus, in English and Chinese and whatever else is there.
#[test]
fn chunks_of_the_corpus_have_the_reference_sizes() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus");
    let mut chunks = 0;
    for folder in ["truth", "txt", "md"] {
        let Ok(entries) = std::fs::read_dir(format!("{corpus}/{folder}")) else {
            println!("skipped: no corpus at {corpus}");
            return;
        };
        for entry in entries.flatten() {
            let Ok(text) = std::fs::read_to_string(entry.path()) else {
                continue;
            };
            let text = &text[..text.floor_char_boundary(100_000)];
            for &sizing in SIZINGS {
                let options = with(sizing, 512, 512, 64);
                chunks += check_sizes(&paragraph(text), &options).len();
            }
        }
    }
    assert!(chunks > 5_000, "{chunks} chunks");
}

#[test]
fn the_same_bytes_give_the_same_chunks_on_any_number_of_threads() {
    let text =
        "Words of a sentence, and more words. 知识图谱把实体和关系连成网络。 ".repeat(20_000);
    let document = paragraph(&text);
    for &sizing in SIZINGS {
        let options = with(sizing, 224, 256, 32);
        let on = |threads| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap()
                .install(|| chunk_document(&document, &WordCounter, &options))
        };
        let one = on(1);
        assert_eq!(one, on(2));
        assert_eq!(one, on(5));
    }
}
