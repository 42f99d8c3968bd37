//! The main language of a text.

use whatlang::{Lang, Script};

/// As much as tells a language; more costs time only.
const SAMPLE_BYTES: usize = 8 << 10;

/// Returns the language as ISO 639-3 (`eng`, `cmn`), or `None` where the text is too short to tell.
///
/// The sample is taken after the first tenth, behind title pages and licence headers.
pub(crate) fn detect(text: &str) -> Option<String> {
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

/// Language tags of two letters, and the languages that are told from text.
const SHORT_TAGS: [(&str, &str); 68] = [
    ("af", "afr"),
    ("ak", "aka"),
    ("am", "amh"),
    ("ar", "ara"),
    ("az", "aze"),
    ("be", "bel"),
    ("bg", "bul"),
    ("bn", "ben"),
    ("ca", "cat"),
    ("cs", "ces"),
    ("cy", "cym"),
    ("da", "dan"),
    ("de", "deu"),
    ("el", "ell"),
    ("en", "eng"),
    ("eo", "epo"),
    ("es", "spa"),
    ("et", "est"),
    ("fa", "pes"),
    ("fi", "fin"),
    ("fr", "fra"),
    ("gu", "guj"),
    ("he", "heb"),
    ("hi", "hin"),
    ("hr", "hrv"),
    ("hu", "hun"),
    ("hy", "hye"),
    ("id", "ind"),
    ("it", "ita"),
    ("ja", "jpn"),
    ("jv", "jav"),
    ("ka", "kat"),
    ("km", "khm"),
    ("kn", "kan"),
    ("ko", "kor"),
    ("la", "lat"),
    ("lt", "lit"),
    ("lv", "lav"),
    ("mk", "mkd"),
    ("ml", "mal"),
    ("mr", "mar"),
    ("my", "mya"),
    ("nb", "nob"),
    ("ne", "nep"),
    ("nl", "nld"),
    ("or", "ori"),
    ("pa", "pan"),
    ("pl", "pol"),
    ("pt", "por"),
    ("ro", "ron"),
    ("ru", "rus"),
    ("si", "sin"),
    ("sk", "slk"),
    ("sl", "slv"),
    ("sn", "sna"),
    ("sr", "srp"),
    ("sv", "swe"),
    ("ta", "tam"),
    ("te", "tel"),
    ("th", "tha"),
    ("tk", "tuk"),
    ("tl", "tgl"),
    ("tr", "tur"),
    ("uk", "ukr"),
    ("ur", "urd"),
    ("uz", "uzb"),
    ("vi", "vie"),
    ("zh", "cmn"),
];

/// Reads a language tag (`en-GB`, `zh_CN`, `deu`) as ISO 639-3; `None` for languages that are not told from text either.
pub(super) fn from_tag(tag: &str) -> Option<&'static str> {
    let main = tag.trim().split(['-', '_']).next()?.to_ascii_lowercase();
    SHORT_TAGS
        .iter()
        .find(|(short, _)| *short == main)
        .map(|(_, code)| *code)
        .or_else(|| Some(Lang::from_code(main)?.code()))
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

    #[test]
    fn tags_of_two_and_three_letters_are_read() {
        for (tag, code) in [
            ("en-GB", Some("eng")),
            (" zh_Hans_CN", Some("cmn")),
            ("DEU", Some("deu")),
            ("und", None),
            ("", None),
        ] {
            assert_eq!(from_tag(tag), code);
        }
        for (_, code) in SHORT_TAGS {
            assert!(Lang::from_code(code).is_some(), "{code}");
        }
    }
}
