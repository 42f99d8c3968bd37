//! The main language of a text.

use whatlang::Script;

/// As much as tells a language; more costs time only.
const SAMPLE_BYTES: usize = 8 << 10;

/// Returns the language as ISO 639-3 (`eng`, `cmn`), or `None` where the text is too short to tell.
///
/// The sample is taken after the first tenth, behind title pages and licence headers.
pub(super) fn detect(text: &str) -> Option<String> {
    let start = if text.len() > 2 * SAMPLE_BYTES {
        text.len() / 10
    } else {
        0
    };
    let start = text.ceil_char_boundary(start);
    let sample = &text[start..text.floor_char_boundary(start + SAMPLE_BYTES)];
    let info = whatlang::detect(sample)?;
    // A script with one language tells it from one character; Latin and Cyrillic need text.
    let one_language = matches!(
        info.script(),
        Script::Mandarin | Script::Hangul | Script::Hiragana | Script::Katakana
    );
    (one_language || info.is_reliable()).then(|| info.lang().code().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_and_chinese_are_told_apart() {
        let english =
            "The job system keeps its leases in the database and renews them every few seconds.";
        assert_eq!(detect(english).as_deref(), Some("eng"));
        assert_eq!(detect("知识图谱由实体和关系组成。").as_deref(), Some("cmn"));
        assert_eq!(detect("42"), None);
    }
}
