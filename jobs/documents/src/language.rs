//! Language and script of one block. A document has one main language; a block may be in another.
//!
//! Both are told on demand and not kept in the block: few callers want them, and the trigrams cost more than the parse.

use whatlang::Script;

use crate::block::{Block, Document};
use crate::normalise::language;

/// As much as tells a script.
const SAMPLE_BYTES: usize = 2 << 10;

/// Characters that only one of the two ways to write Chinese has; the most frequent ones.
const SIMPLIFIED: &str = "这们个来时说国对会为没过还发经开关长问题间样体业东车见电话书学习让认识门应该进动机点实现数据处";
const TRADITIONAL: &str = "這們個來時說國對會為沒過還發經開關長問題間樣體業東車見電話書學習讓認識門應該進動機點實現數據處";

/// Returns the language of a block as ISO 639-3 (`eng`, `cmn`).
///
/// A block too short to tell is in the document's language if its script is the document's too; otherwise `None`.
pub fn block_language(document: &Document, block: &Block) -> Option<String> {
    let text = text_of(document, block);
    language::detect(text).or_else(|| {
        let same = script(text).is_none_or(|own| Some(own) == script(&document.text));
        document.language.clone().filter(|_| same)
    })
}

/// Returns the script of a block as ISO 15924: `Latn`, `Cyrl`, `Hans`.
pub fn block_script(document: &Document, block: &Block) -> Option<&'static str> {
    script(text_of(document, block))
}

/// Returns the script most letters of `text` are in, as ISO 15924; `None` without letters.
///
/// Han characters are `Hans` or `Hant` where they tell, else `Hani`; Japanese and Korean have codes of their own,
/// `Jpan` and `Kore`.
pub fn script(text: &str) -> Option<&'static str> {
    let sample = &text[..text.floor_char_boundary(SAMPLE_BYTES)];
    Some(match whatlang::detect_script(sample)? {
        Script::Arabic => "Arab",
        Script::Armenian => "Armn",
        Script::Bengali => "Beng",
        Script::Cyrillic => "Cyrl",
        Script::Devanagari => "Deva",
        Script::Ethiopic => "Ethi",
        Script::Georgian => "Geor",
        Script::Greek => "Grek",
        Script::Gujarati => "Gujr",
        Script::Gurmukhi => "Guru",
        Script::Hangul => "Kore",
        Script::Hebrew => "Hebr",
        Script::Hiragana | Script::Katakana => "Jpan",
        Script::Kannada => "Knda",
        Script::Khmer => "Khmr",
        Script::Latin => "Latn",
        Script::Malayalam => "Mlym",
        Script::Mandarin => han(sample),
        Script::Myanmar => "Mymr",
        Script::Oriya => "Orya",
        Script::Sinhala => "Sinh",
        Script::Tamil => "Taml",
        Script::Telugu => "Telu",
        Script::Thai => "Thai",
    })
}

/// Tells the two ways to write Chinese apart, and Japanese that is mostly kanji.
fn han(sample: &str) -> &'static str {
    if sample
        .chars()
        .any(|character| matches!(character, '\u{3041}'..='\u{30FA}'))
    {
        return "Jpan";
    }
    // Some characters are written the same both ways; they tell nothing.
    let count = |own: &str, other: &str| {
        sample
            .chars()
            .filter(|&character| own.contains(character) && !other.contains(character))
            .count()
    };
    let (simplified, traditional) = (
        count(SIMPLIFIED, TRADITIONAL),
        count(TRADITIONAL, SIMPLIFIED),
    );
    match simplified.cmp(&traditional) {
        std::cmp::Ordering::Greater => "Hans",
        std::cmp::Ordering::Less => "Hant",
        std::cmp::Ordering::Equal => "Hani",
    }
}

fn text_of<'a>(document: &'a Document, block: &Block) -> &'a str {
    document
        .text
        .get(block.start..block.end)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::parse::parse_bytes;

    #[test]
    fn blocks_of_a_mixed_document_have_their_own_language() {
        let text = "The job system keeps its leases in the database and renews them every few seconds.\n\n\
                    这个系统会对数据进行处理，实现了任务的调度。\n\n\
                    Система заданий хранит аренды в базе данных и обновляет их каждые несколько секунд.\n\n42\n";
        let document = parse_bytes(text.as_bytes(), Some("txt"), &Limits::default()).unwrap();
        let found: Vec<_> = document
            .blocks
            .iter()
            .map(|block| {
                (
                    block_language(&document, block),
                    block_script(&document, block),
                )
            })
            .collect();
        assert_eq!(found[0], (Some("eng".to_owned()), Some("Latn")));
        assert_eq!(found[1], (Some("cmn".to_owned()), Some("Hans")));
        assert_eq!(found[2], (Some("rus".to_owned()), Some("Cyrl")));
        assert_eq!(found[3], (document.language.clone(), None));
    }

    #[test]
    fn han_text_is_told_apart() {
        assert_eq!(script("這個系統會對數據進行處理"), Some("Hant"));
        assert_eq!(script("山水人口"), Some("Hani"));
        assert_eq!(script("日本国憲法は昭和二十一年十一月三日"), Some("Jpan"));
        assert_eq!(script("1 + 2"), None);
    }
}
