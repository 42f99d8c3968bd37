//! What each strategy promises beyond what all do.

use super::*;

const STRATEGIES: [Strategy; 5] = [
    Strategy::Recursive,
    Strategy::Markdown,
    Strategy::Sentence,
    Strategy::Fixed,
    Strategy::Code,
];

fn with(strategy: Strategy) -> ChunkOptions {
    ChunkOptions {
        strategy,
        ..OPTIONS
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_strategy_covers_every_document(
        parts in proptest::collection::vec(part(), 0..16),
        target in 1_u32..90,
        slack in 0_u32..30,
        overlap in 0_u32..60,
    ) {
        let document = document(&parts);
        for strategy in STRATEGIES {
            let options = ChunkOptions { target_tokens: target, max_tokens: target + slack, overlap_tokens: overlap, ..with(strategy) };
            let chunks = check_cover(&document, &WordCounter, &options);
            prop_assert_eq!(&chunks, &chunk_in_shards(&document, &WordCounter, &options, 1), "shards do not matter");
        }
    }
}

#[test]
fn with_markdown_every_heading_begins_a_chunk_and_paragraphs_stay_whole() {
    let heading = |text: &str| (BlockKind::Heading(2), text.to_owned());
    let long = "Some words make a sentence. ".repeat(5);
    let parts = [
        heading("Install"),
        (BlockKind::Paragraph, "Run the installer.".to_owned()),
        heading("Start"),
        (BlockKind::Paragraph, long.trim().to_owned()),
        (BlockKind::Paragraph, long.trim().to_owned()),
        heading("Stop"),
        (BlockKind::Paragraph, "Wait.".to_owned()),
    ];
    let chunks = check(&document(&parts), &WordCounter, &with(Strategy::Markdown));
    let texts: Vec<&str> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
    assert_eq!(texts[0], "Install\n\nRun the installer.");
    assert_eq!(texts[1], format!("Start\n\n{}", long.trim()));
    assert!(texts[2].ends_with(long.trim()));
    assert_eq!(texts[3], "Stop\n\nWait.");
    assert_eq!(texts.len(), 4);
}

#[test]
fn with_sentence_headings_and_blocks_end_nothing() {
    let parts: Vec<_> = (0..30)
        .flat_map(|index| {
            [
                (BlockKind::Heading(1), format!("Part {index}")),
                (
                    BlockKind::Paragraph,
                    "Short words here. And more.".to_owned(),
                ),
            ]
        })
        .collect();
    let chunks = check_cover(&document(&parts), &WordCounter, &with(Strategy::Sentence));
    for chunk in &chunks[..chunks.len() - 1] {
        assert!(chunk.tokens > OPTIONS.target_tokens * 2 / 3, "{chunk:?}");
        assert!(
            chunk.text.ends_with('.') || chunk.text.contains("Part"),
            "{chunk:?}"
        );
    }
}

#[test]
fn with_fixed_every_window_has_the_target_size_and_the_overlap() {
    let text = "word ".repeat(1_000);
    let chunks = check_cover(&paragraph(&text), &WordCounter, &with(Strategy::Fixed));
    for chunk in &chunks[..chunks.len() - 1] {
        assert_eq!(chunk.tokens, OPTIONS.target_tokens);
    }
    for chunk in &chunks[1..] {
        assert_eq!(chunk.text[..chunk.overlap].split_whitespace().count(), 8);
    }
}

#[test]
fn with_code_definitions_begin_chunks_and_lines_stay_whole() {
    let function = |index: usize| {
        format!("fn number_{index}() {{\n    let value = {index};\n\n    value + 1\n}}\n\n")
    };
    let text: String = (0..40).map(function).collect();
    let options = ChunkOptions {
        overlap_tokens: 0,
        ..with(Strategy::Code)
    };
    for chunk in check_cover(&paragraph(&text), &WordCounter, &options) {
        assert!(chunk.text.starts_with("fn number_"), "{}", chunk.text);
        assert!(chunk.text.ends_with('}'), "{}", chunk.text);
    }
    let options = with(Strategy::Code);
    for chunk in check_cover(&paragraph(&text), &WordCounter, &options) {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert!(
            chunk.text.lines().all(|line| lines.contains(&line.trim())),
            "{}",
            chunk.text
        );
    }
}
