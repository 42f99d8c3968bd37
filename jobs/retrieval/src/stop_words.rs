//! Words that a question is made of but not about. They are dropped from the question, never from the index: a search for
//! nothing else still finds them.

/// Function and question words, case-folded as [`graphmill_documents::words::search_words`] gives them.
const ENGLISH: &[&str] = &[
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be",
    "been", "before", "being", "between", "but", "by", "can", "could", "did", "do", "does",
    "doing", "for", "from", "had", "has", "have", "he", "her", "him", "his", "how", "i", "if",
    "in", "into", "is", "it", "its", "me", "my", "no", "not", "of", "on", "or", "our", "out",
    "she", "should", "so", "some", "than", "that", "the", "their", "them", "then", "there",
    "these", "they", "this", "those", "to", "us", "was", "we", "were", "what", "when", "where",
    "which", "who", "whom", "whose", "why", "will", "with", "would", "you", "your",
];

const CHINESE: &[&str] = &[
    "的",
    "了",
    "是",
    "在",
    "和",
    "与",
    "或",
    "及",
    "也",
    "都",
    "就",
    "吗",
    "呢",
    "吧",
    "啊",
    "把",
    "被",
    "给",
    "对",
    "从",
    "到",
    "为",
    "以",
    "于",
    "等",
    "有",
    "没有",
    "这",
    "那",
    "这个",
    "那个",
    "什么",
    "怎么",
    "怎样",
    "如何",
    "为什么",
    "为何",
    "谁",
    "哪",
    "哪个",
    "哪些",
    "哪里",
    "几",
    "多少",
    "多久",
    "是否",
    "可以",
    "我",
    "你",
    "他",
    "她",
    "它",
    "我们",
    "你们",
    "他们",
    "一个",
    "会",
    "要",
    "能",
];

/// Leaves out the words that carry no subject; all of them stay if nothing else is there.
pub(crate) fn without_stop_words(words: Vec<String>) -> Vec<String> {
    let is_stop = |word: &String| {
        ENGLISH.binary_search(&word.as_str()).is_ok() || CHINESE.contains(&word.as_str())
    };
    if words.iter().all(is_stop) {
        return words;
    }
    words.into_iter().filter(|word| !is_stop(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> Vec<String> {
        without_stop_words(text.split(' ').map(str::to_owned).collect())
    }

    #[test]
    fn the_english_list_is_sorted_for_the_search_in_it() {
        assert!(ENGLISH.is_sorted());
    }

    #[test]
    fn a_question_keeps_what_it_is_about() {
        assert_eq!(
            kept("how is the robot brought down"),
            ["robot", "brought", "down"]
        );
        assert_eq!(kept("谁 负责 深圳 的 工厂"), ["负责", "深圳", "工厂"]);
    }

    #[test]
    fn a_question_of_nothing_else_stays_whole() {
        assert_eq!(
            kept("to be or not to be"),
            ["to", "be", "or", "not", "to", "be"]
        );
    }
}
