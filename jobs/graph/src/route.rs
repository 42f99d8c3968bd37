//! Which extractor a sentence goes to.

use crate::script::{is_han, is_word_char};

/// The language that a sentence is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Chinese,
    English,
}

/// Decides by the share of Chinese characters among Chinese characters and words of other scripts: a word counts as one,
/// however long it is, so that `在 Kubernetes 上部署 PostgreSQL 集群` is Chinese.
///
/// What stands in brackets is a gloss and does not count: `Northwind Robotics (北风机器人) grows` is English.
pub(crate) fn route(sentence: &str, han_ratio: f32) -> Language {
    let outside = count(sentence, true);
    let (han, words) = if outside == (0, 0) {
        count(sentence, false)
    } else {
        outside
    };
    if han > 0 && han as f32 >= han_ratio * (han + words) as f32 {
        Language::Chinese
    } else {
        Language::English
    }
}

fn count(sentence: &str, outside_brackets: bool) -> (usize, usize) {
    let (mut han, mut words, mut depth, mut in_word) = (0, 0, 0usize, false);
    for c in sentence.chars() {
        match c {
            '(' | '（' => depth += 1,
            ')' | '）' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let counts = !outside_brackets || depth == 0;
        han += usize::from(counts && is_han(c));
        let word_char = is_word_char(c) || (in_word && matches!(c, '.' | '-' | '_' | '\'' | '/'));
        words += usize::from(counts && word_char && !in_word);
        in_word = word_char;
    }
    (han, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_goes_where_most_of_it_belongs() {
        for (sentence, language) in [
            (
                "我们使用 Kubernetes 部署 PostgreSQL 集群。",
                Language::Chinese,
            ),
            (
                "北风机器人（Northwind Robotics）发布了新产品。",
                Language::Chinese,
            ),
            ("Northwind Robotics (北风机器人) grows.", Language::English),
            (
                "The command 安装 installs packages from the archive.",
                Language::English,
            ),
            ("(北京)", Language::Chinese),
            ("42 + 17", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(route(sentence, 0.3), language, "{sentence}");
        }
    }
}
