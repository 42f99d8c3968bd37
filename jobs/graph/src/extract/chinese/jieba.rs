//! Words by dictionary: hundreds of times faster than the network, with weaker types.

use graphmill_documents::words::jieba;

use super::model::fold_char;
use super::word::{Tag, Word};

/// Splits a sentence into words. The dictionary knows simplified characters, so traditional ones are folded, one to one.
pub(super) fn tag(chars: &[char]) -> Vec<Word> {
    let folded: String = chars.iter().map(|&c| fold_char(c)).collect();
    jieba()
        .tag(&folded, true)
        .into_iter()
        .map(|found| Word {
            start: found.start,
            end: found.end,
            tag: Tag::from_jieba(found.tag),
        })
        .collect()
}
