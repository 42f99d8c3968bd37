//! Properties of chunking, over generated documents in English, Chinese and both.

mod sizings;
mod strategies;

use proptest::prelude::{Just, ProptestConfig, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy as Generate;

use super::*;
use crate::block::{Block, Page};

/// One token for each word, for each Han character and for each other sign; white space belongs to the token before it.
struct WordCounter;

impl TokenCounter for WordCounter {
    fn token_ends(&self, text: &str, ends: &mut Vec<usize>) {
        let mut in_word = false;
        let mut any = false;
        for (at, character) in text.char_indices() {
            let is_word = character.is_ascii_alphanumeric();
            let continues = character.is_whitespace() || (is_word && in_word);
            if !continues {
                if any {
                    ends.push(at);
                }
                any = true;
            }
            in_word = is_word;
        }
        if !text.is_empty() {
            ends.push(text.len());
        }
    }
}

/// One token for each character.
struct CharacterCounter;

impl TokenCounter for CharacterCounter {
    fn token_ends(&self, text: &str, ends: &mut Vec<usize>) {
        ends.extend(
            text.char_indices()
                .map(|(at, character)| at + character.len_utf8()),
        );
    }
}

const OPTIONS: ChunkOptions = ChunkOptions {
    target_tokens: 40,
    max_tokens: 50,
    overlap_tokens: 8,
    strategy: Strategy::Recursive,
    sizing: Sizing::Embedder,
};

/// Puts blocks into one text, an empty line between two, and gives each its heading path and page.
fn document(parts: &[(BlockKind, String)]) -> Document {
    let mut document = Document::default();
    let mut path: Vec<(u8, String)> = Vec::new();
    for (index, (kind, text)) in parts.iter().enumerate() {
        if index > 0 {
            document.text.push_str("\n\n");
        }
        if let BlockKind::Heading(level) = kind {
            path.retain(|(above, _)| above < level);
        }
        let start = document.text.len();
        document.text.push_str(text);
        document.blocks.push(Block {
            kind: *kind,
            start,
            end: document.text.len(),
            page: Some(index as u32 / 5 + 1),
            heading_path: path.iter().map(|(_, text)| text.clone()).collect(),
        });
        if let BlockKind::Heading(level) = kind {
            path.push((*level, text.clone()));
        }
    }
    document
}

fn paragraph(text: &str) -> Document {
    document(&[(BlockKind::Paragraph, text.to_owned())])
}

/// Cuts by headings, and checks what holds for every chunk.
fn check(document: &Document, counter: &dyn TokenCounter, options: &ChunkOptions) -> Vec<Chunk> {
    let chunks = check_cover(document, counter, options);
    check_headings(document, &chunks, options);
    chunks
}

/// The chunks cover the text, point at it, tell their overlap, and keep the size.
fn check_cover(
    document: &Document,
    counter: &dyn TokenCounter,
    options: &ChunkOptions,
) -> Vec<Chunk> {
    let chunks = chunk_document(document, counter, options);
    let mut covered = 0;
    for (chunk, ordinal) in chunks.iter().zip(0..) {
        assert_eq!(chunk.ordinal, ordinal);
        assert_eq!(chunk.text, document.text[chunk.start..chunk.end]);
        assert_eq!(chunk.text.trim(), chunk.text);
        assert!(!chunk.text.is_empty());
        assert_eq!(
            chunk.start_char,
            document.text[..chunk.start].chars().count()
        );
        assert_eq!(
            chunk.end_char - chunk.start_char,
            chunk.text.chars().count()
        );
        assert!(
            chunk.tokens <= options.max_tokens.max(1) || chunk.text.chars().count() == 1,
            "{} tokens of {}",
            chunk.tokens,
            options.max_tokens
        );
        assert!(
            chunk.start + chunk.overlap < chunk.end,
            "a chunk has text of its own"
        );
        let fresh = chunk.start + chunk.overlap;
        assert!(fresh >= covered, "overlap is told");
        assert_eq!(
            document.text[covered..fresh].trim(),
            "",
            "nothing is left out"
        );
        assert!(chunk.page <= chunk.last_page);
        covered = chunk.end;
    }
    assert_eq!(document.text[covered..].trim(), "");
    chunks
}

/// A heading begins a chunk, or follows the heading above it, or the chunk is made of whole small sections.
fn check_headings(document: &Document, chunks: &[Chunk], options: &ChunkOptions) {
    for chunk in chunks {
        let inside: Vec<&Block> = document
            .blocks
            .iter()
            .filter(|block| {
                block.start < chunk.end && block.end > chunk.start && block.start < block.end
            })
            .collect();
        let body_before = inside
            .iter()
            .skip_while(|block| is_heading(block))
            .any(|block| is_heading(block));
        if body_before {
            assert!(
                chunk.tokens <= options.target_tokens,
                "only small sections are joined"
            );
            assert_eq!(chunk.overlap, 0, "no overlap across a heading");
        }
    }
}

fn is_heading(block: &Block) -> bool {
    matches!(block.kind, BlockKind::Heading(_))
}

fn sentence() -> impl Generate<Value = String> {
    prop_oneof![
        3 => "([A-Z]?[a-z]{1,9} ){1,18}[a-z]{2,6}[.?!] ",
        3 => "[的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期根论运农指几九区强放决西被干做必战先回则任取据处]{2,60}[，。！？]",
        1 => "(👨‍👩‍👧‍👦|🇨🇳|e\u{301}|x){1,9}",
        1 => "[a-z0-9/._-]{1,900}",
    ]
}

fn part() -> impl Generate<Value = (BlockKind, String)> {
    let running = proptest::collection::vec(sentence(), 1..12)
        .prop_map(|sentences| sentences.concat())
        .boxed();
    let rows = proptest::collection::vec("[a-z]{1,8} \\| [0-9]{1,5} \\| [数据表格]{1,4}", 1..30)
        .prop_map(|rows| rows.join("\n"))
        .boxed();
    prop_oneof![
        2 => (1_u8..4, "[A-Z][a-z]{2,9}( [a-z]{2,9}){0,4}").prop_map(|(level, text)| (BlockKind::Heading(level), text)),
        5 => running.clone().prop_map(|text| (BlockKind::Paragraph, text)),
        1 => running.prop_map(|text| (BlockKind::ListItem, text)),
        1 => rows.clone().prop_map(|text| (BlockKind::Table, text)),
        1 => rows.prop_map(|text| (BlockKind::Code, text.replace('\n', "\n    "))),
        1 => Just((BlockKind::Paragraph, String::new())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_document_is_covered_once_within_the_limits(
        parts in proptest::collection::vec(part(), 0..24),
        target in 1_u32..120,
        slack in 0_u32..40,
        overlap in 0_u32..80,
    ) {
        let options = ChunkOptions { target_tokens: target, max_tokens: target + slack, overlap_tokens: overlap, ..OPTIONS };
        let document = document(&parts);
        for counter in [&WordCounter as &dyn TokenCounter, &CharacterCounter] {
            let chunks = check(&document, counter, &options);
            prop_assert_eq!(&chunks, &chunk_in_shards(&document, counter, &options, 1), "shards do not matter");
            prop_assert_eq!(&chunks, &chunk_in_shards(&document, counter, &options, usize::MAX));
        }
    }

    #[test]
    fn any_text_is_covered(text in "(\\PC|[ \n。a]){0,400}") {
        check(&paragraph(&text), &WordCounter, &OPTIONS);
        check(&paragraph(&text), &CharacterCounter, &OPTIONS);
    }
}

#[test]
fn chunks_end_at_sentences_and_repeat_the_last_ones() {
    let sentences: Vec<String> = (0..40)
        .map(|index| format!("This is sentence number {index} here. "))
        .collect();
    let text = sentences.concat();
    let chunks = check(&paragraph(&text), &WordCounter, &OPTIONS);
    assert!(chunks.len() > 4);
    for chunk in &chunks {
        assert!(
            chunk.text.starts_with("This") && chunk.text.ends_with('.'),
            "{}",
            chunk.text
        );
    }
    for chunk in &chunks[1..] {
        assert!(chunk.overlap > 0);
    }
}

#[test]
fn chinese_chunks_end_at_chinese_sentences() {
    let text = "知识图谱把实体和关系连成网络。它回答需要多步推理的问题！你想试试吗？".repeat(12);
    for chunk in check(&paragraph(&text), &WordCounter, &OPTIONS) {
        assert!(chunk.text.ends_with(['。', '！', '？']), "{}", chunk.text);
    }
}

#[test]
fn small_sections_under_one_parent_share_a_chunk_and_others_do_not() {
    let heading = |level, text: &str| (BlockKind::Heading(level), text.to_owned());
    let body = |text: &str| (BlockKind::Paragraph, text.to_owned());
    let long = "word ".repeat(35);
    let document = document(&[
        heading(1, "Guide"),
        heading(2, "Install"),
        body("Run the installer."),
        heading(2, "Start"),
        body("Press the button."),
        heading(1, "Reference"),
        body(&long),
    ]);
    let chunks = check(&document, &WordCounter, &OPTIONS);
    assert_eq!(chunks.len(), 2);
    assert!(chunks[0].text.starts_with("Guide") && chunks[0].text.ends_with("button."));
    assert!(chunks[1].text.starts_with("Reference"));
}

#[test]
fn a_table_that_fits_is_not_cut() {
    let rows: Vec<String> = (0..8).map(|row| format!("r{row} | v{row}")).collect();
    let table = rows.join("\n");
    let before = "Plain words without any end ".repeat(6);
    let document = document(&[
        (BlockKind::Paragraph, before.clone()),
        (BlockKind::Table, table.clone()),
        (BlockKind::Paragraph, before),
    ]);
    let chunks = check(&document, &WordCounter, &OPTIONS);
    assert!(
        chunks.iter().any(|chunk| chunk.text.contains(&table)),
        "{chunks:#?}"
    );
}

#[test]
fn a_large_table_is_cut_between_rows() {
    let table: Vec<String> = (0..60)
        .map(|row| format!("row{row} | value | end{row}"))
        .collect();
    let document = document(&[(BlockKind::Table, table.join("\n"))]);
    for chunk in check(&document, &WordCounter, &OPTIONS) {
        assert!(chunk.text.starts_with("row"), "{}", chunk.text);
        assert!(
            chunk
                .text
                .lines()
                .all(|line| table.iter().any(|row| row == line)),
            "{}",
            chunk.text
        );
    }
}

#[test]
fn heading_path_and_pages_follow_the_blocks() {
    let long = "Some words make a sentence. ".repeat(20);
    let mut document = document(&[
        (BlockKind::Heading(1), "One".to_owned()),
        (BlockKind::Paragraph, long),
    ]);
    let middle = document.text.len() / 2;
    document.pages = vec![
        Page {
            number: 7,
            start: 0,
            end: middle,
        },
        Page {
            number: 8,
            start: middle,
            end: document.text.len(),
        },
    ];
    let chunks = check(&document, &WordCounter, &OPTIONS);
    assert!(chunks[0].heading_path.is_empty());
    assert_eq!(chunks[1].heading_path, ["One"]);
    assert_eq!((chunks[0].page, chunks[0].last_page), (Some(7), Some(7)));
    assert_eq!(chunks.last().and_then(|chunk| chunk.last_page), Some(8));
    assert!(
        chunks
            .iter()
            .any(|chunk| (chunk.page, chunk.last_page) == (Some(7), Some(8)))
    );
}

#[test]
fn text_without_spaces_sentences_or_tokens_is_cut_at_characters() {
    let options = ChunkOptions::default();
    for text in [
        "a".repeat(1 << 20),
        format!("a{}", "\u{301}".repeat(200_000)),
        "文".repeat(400_000),
        " x".repeat(1 << 20),
    ] {
        let chunks = check_fast(&paragraph(&text), &WordCounter, &options);
        assert!(chunks.iter().all(|chunk| chunk.text.len() <= 256 * 256));
        let chunks = check_fast(&paragraph(&text), &CharacterCounter, &options);
        assert!(chunks.len() >= text.trim().chars().count() / 257 / 2);
    }
}

/// [`check`] without the parts that are quadratic in the test itself.
fn check_fast(
    document: &Document,
    counter: &dyn TokenCounter,
    options: &ChunkOptions,
) -> Vec<Chunk> {
    let chunks = chunk_document(document, counter, options);
    let mut covered = 0;
    for chunk in &chunks {
        assert!(chunk.tokens <= options.max_tokens.max(1));
        assert_eq!(
            document.text[covered..chunk.start + chunk.overlap].trim(),
            ""
        );
        covered = chunk.end;
    }
    assert_eq!(document.text[covered..].trim(), "");
    chunks
}

#[test]
fn the_hostile_text_files_are_chunked() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/corpus/hostile"
    );
    for name in [
        "single-line-4MB.txt",
        "no-spaces-1MB.txt",
        "combining-marks.txt",
        "rtl-override.txt",
    ] {
        let Ok(text) = std::fs::read_to_string(format!("{folder}/{name}")) else {
            println!("skipped: no {name}");
            continue;
        };
        let document = paragraph(&text);
        for counter in [&WordCounter as &dyn TokenCounter, &CharacterCounter] {
            assert!(!check_fast(&document, counter, &ChunkOptions::default()).is_empty());
        }
    }
}

#[test]
fn an_empty_or_blank_document_has_no_chunks() {
    assert!(check(&Document::default(), &WordCounter, &OPTIONS).is_empty());
    assert!(check(&paragraph(" \n\n \u{3000}"), &WordCounter, &OPTIONS).is_empty());
}

#[test]
fn many_documents_give_the_same_chunks_as_one_by_one() {
    let documents: Vec<Document> = (1..40)
        .map(|size| paragraph(&"One two three. 一二三。".repeat(size)))
        .collect();
    let parallel = chunk_documents(&documents, &WordCounter, &OPTIONS);
    let one_by_one: Vec<_> = documents
        .iter()
        .map(|document| chunk_document(document, &WordCounter, &OPTIONS))
        .collect();
    assert_eq!(parallel, one_by_one);
}

#[test]
fn foolish_options_still_cut() {
    let options = ChunkOptions {
        target_tokens: 0,
        max_tokens: 0,
        overlap_tokens: 9,
        ..OPTIONS
    };
    let chunks = chunk_document(&paragraph("one two three"), &WordCounter, &options);
    assert_eq!(chunks.len(), 3);
}
