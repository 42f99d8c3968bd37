//! Where sentences end, in English, Chinese and Japanese, in one pass.
//!
//! The rules follow UAX 29 (a sentence ends after a terminator, its closing quotes and the white space behind them) with
//! the corrections that plain text needs: abbreviations, initials, list numbers, decimals and addresses do not end a
//! sentence, and neither does a single line break, because text is wrapped anywhere. A blank line, a form feed and a line
//! that starts a list item do. Only bytes that can begin a terminator are looked at twice, and looking back and ahead is
//! bounded by white space, so the time is linear in the text.

mod abbreviations;

use std::ops::Range;

use self::abbreviations::period_ends_sentence;

/// Cuts a text into sentences.
///
/// The spans are in order, none is empty, and together they cover the text exactly: white space belongs to the sentence
/// before it, at the very start to the first one.
///
/// ```
/// use graphmill_documents::sentences::sentence_spans;
///
/// let text = "Dr. Li paid $3.50. 他说：“好。”然后走了。";
/// let sentences: Vec<&str> = sentence_spans(text).into_iter().map(|span| &text[span]).collect();
/// assert_eq!(sentences, ["Dr. Li paid $3.50. ", "他说：“好。”", "然后走了。"]);
/// ```
pub fn sentence_spans(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut start = 0;
    for_each_sentence_end(text, |end| {
        spans.push(start..end);
        start = end;
    });
    spans
}

/// Calls `visit` with the end of each sentence, in order; the last one is `text.len()` unless the text is empty.
pub(crate) fn for_each_sentence_end(text: &str, mut visit: impl FnMut(usize)) {
    let bytes = text.as_bytes();
    let mut start = 0;
    let mut at = 0;
    while at < bytes.len() {
        if !may_begin_terminator(bytes[at]) {
            at += 1;
            continue;
        }
        let Some(character) = text[at..].chars().next() else {
            break;
        };
        let mark = Mark::of(character);
        if mark == Mark::None {
            at += character.len_utf8();
            continue;
        }
        let stop = Stop::read(text, at, mark);
        at = stop.end;
        // A sentence of white space only would be nobody's.
        if at < bytes.len()
            && stop.ends_sentence(text, start)
            && !text[start..stop.mark_end].trim().is_empty()
        {
            visit(at);
            start = at;
        }
    }
    if start < bytes.len() {
        visit(bytes.len());
    }
}

/// Whether a character that ends sentences may begin with this byte. The lead bytes of Han (E4–E9) are not among them.
fn may_begin_terminator(byte: u8) -> bool {
    matches!(
        byte,
        b'.' | b'!'
            | b'?'
            | b'\n'
            | b'\x0c'
            | 0xD6
            | 0xD8
            | 0xDB
            | 0xE0
            | 0xE1
            | 0xE2
            | 0xE3
            | 0xEF
    )
}

/// What a character says about the end of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// Nothing.
    None,
    /// A full stop of Latin text, which is also a decimal point, part of a name, and the end of an abbreviation.
    Period,
    /// `!` and `?`, which also occur in addresses and names.
    Exclamation,
    /// A character that does nothing but end sentences: `。`.
    Full,
    /// `…`
    Ellipsis,
    /// A line break.
    Line,
    /// The end of a page or a paragraph.
    Paragraph,
}

impl Mark {
    fn of(character: char) -> Self {
        match character {
            '.' => Self::Period,
            '!' | '?' => Self::Exclamation,
            '\n' => Self::Line,
            '\x0c' | '\u{2029}' => Self::Paragraph,
            '…' => Self::Ellipsis,
            // Chinese and Japanese; then Armenian, Arabic, Devanagari, Burmese, Ethiopic, Khmer, Mongolian.
            '。' | '！' | '？' | '；' | '｡' | '．' | '‼' | '⁇' | '⁈' | '⁉' | '։' | '؟' | '۔'
            | '।' | '॥' | '၊' | '။' | '።' | '፧' | '។' | '៕' | '᠃' => Self::Full,
            _ => Self::None,
        }
    }
}

/// A terminator with everything that belongs to it.
struct Stop {
    mark: Mark,
    /// First byte of the terminator.
    start: usize,
    /// One past the run of terminators: `?!`, `……`.
    mark_end: usize,
    /// One past the closing quotes and brackets.
    close_end: usize,
    /// One past the white space that follows.
    end: usize,
    /// Line breaks in that white space (and in the mark).
    lines: usize,
    /// How many characters the run of terminators has.
    marks: usize,
}

impl Stop {
    fn read(text: &str, start: usize, mark: Mark) -> Self {
        let mut stop = Self {
            mark,
            start,
            mark_end: start,
            close_end: start,
            end: start,
            lines: 0,
            marks: 0,
        };
        if !matches!(mark, Mark::Line | Mark::Paragraph) {
            for character in text[start..].chars() {
                if !matches!(
                    Mark::of(character),
                    Mark::Period | Mark::Exclamation | Mark::Full | Mark::Ellipsis
                ) {
                    break;
                }
                // `?.` and `!…` are as final as their strongest part.
                if Mark::of(character) == Mark::Full {
                    stop.mark = Mark::Full;
                }
                stop.mark_end += character.len_utf8();
                stop.marks += 1;
            }
            stop.close_end = stop.mark_end;
            for character in text[stop.mark_end..]
                .chars()
                .take_while(|&character| is_closing(character))
            {
                stop.close_end += character.len_utf8();
            }
        }
        stop.end = stop.close_end;
        for character in text[stop.close_end..]
            .chars()
            .take_while(|character| character.is_whitespace())
        {
            stop.end += character.len_utf8();
            match character {
                '\n' => stop.lines += 1,
                '\x0c' | '\u{2029}' => stop.lines += 2,
                _ => {}
            }
        }
        stop
    }

    /// Decides, for a stop that is not the end of the text, whether the sentence from `sentence` on ends with it.
    fn ends_sentence(&self, text: &str, sentence: usize) -> bool {
        if self.lines >= 2 {
            return true;
        }
        let rest = &text[self.end..];
        if self.lines == 1 && starts_list_item(rest) {
            return true;
        }
        let Some(next) = rest.chars().next() else {
            return true;
        };
        let spaced = self.end > self.close_end;
        let closed = self.close_end > self.mark_end;
        let continues = next.is_lowercase();
        match self.mark {
            Mark::None | Mark::Line => false,
            Mark::Paragraph | Mark::Full => true,
            Mark::Exclamation => (spaced && !(closed && continues)) || is_cjk(next),
            Mark::Ellipsis => {
                (spaced && !continues)
                    || (self.marks > 1 && is_cjk(next))
                    || (closed && is_cjk(next))
            }
            Mark::Period if self.marks > 1 => spaced && !continues,
            Mark::Period if !spaced => is_cjk(next) && !closed,
            Mark::Period => !continues && period_ends_sentence(&text[sentence..self.start], rest),
        }
    }
}

/// Quotes and brackets that may follow a terminator and still belong to its sentence.
fn is_closing(character: char) -> bool {
    matches!(
        character,
        '"' | '\''
            | ')'
            | ']'
            | '}'
            | '”'
            | '’'
            | '»'
            | '›'
            | '」'
            | '』'
            | '）'
            | '》'
            | '〉'
            | '】'
            | '〕'
            | '］'
            | '｝'
            | '〗'
            | '＂'
            | '＇'
    )
}

/// Scripts written without spaces between sentences.
pub(crate) fn is_cjk(character: char) -> bool {
    matches!(
        character,
        '\u{2E80}'..='\u{2FDF}'
            | '\u{3000}'..='\u{30FF}'
            | '\u{3400}'..='\u{4DBF}'
            | '\u{4E00}'..='\u{9FFF}'
            | '\u{F900}'..='\u{FAFF}'
            | '\u{FF00}'..='\u{FFEF}'
            | '\u{20000}'..='\u{3FFFF}'
    )
}

/// Whether a line begins with the mark of a list item: `- `, `• `, `12. `, `3)`, `（二）`, `一、`.
fn starts_list_item(line: &str) -> bool {
    let mut characters = line.chars();
    match characters.next() {
        Some('•' | '·' | '▪' | '●' | '◦' | '‣' | '■' | '○' | '◆') => true,
        Some('-' | '*' | '+' | '–' | '—') => characters.next() == Some(' '),
        Some('（') => characters.next().is_some_and(is_numeral),
        Some(first) if is_numeral(first) => {
            let mut rest = characters.skip_while(|&character| is_numeral(character));
            match rest.next() {
                Some('、' | '）') => true,
                Some('.' | ')') => rest.next() == Some(' '),
                _ => false,
            }
        }
        _ => false,
    }
}

fn is_numeral(character: char) -> bool {
    character.is_ascii_digit()
        || matches!(
            character,
            '一' | '二' | '三' | '四' | '五' | '六' | '七' | '八' | '九' | '十'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        sentence_spans(text)
            .into_iter()
            .map(|span| text[span].trim())
            .collect()
    }

    #[test]
    fn english_sentences_end_at_terminators() {
        assert_eq!(
            cut("It works. Does it? Yes! \"Good.\" Then we left."),
            [
                "It works.",
                "Does it?",
                "Yes!",
                "\"Good.\"",
                "Then we left."
            ]
        );
    }

    #[test]
    fn abbreviations_do_not_end_a_sentence() {
        assert_eq!(
            cut("Dr. Smith met Mr. Jones. They talked."),
            ["Dr. Smith met Mr. Jones.", "They talked."]
        );
        assert_eq!(
            cut("Use a queue, e.g. Redis, i.e. Not SQL. Done."),
            ["Use a queue, e.g. Redis, i.e. Not SQL.", "Done."]
        );
        assert_eq!(
            cut("See No. 5 and Fig. 3. It is clear."),
            ["See No. 5 and Fig. 3.", "It is clear."]
        );
        assert_eq!(
            cut("J. R. R. Tolkien wrote it. He did."),
            ["J. R. R. Tolkien wrote it.", "He did."]
        );
        assert_eq!(
            cut("I said no. Then I left."),
            ["I said no.", "Then I left."]
        );
        assert_eq!(
            cut("The U.S. Army moved. It won."),
            ["The U.S. Army moved.", "It won."]
        );
        assert_eq!(
            cut("We met at 5 p.m. Then we ate."),
            ["We met at 5 p.m.", "Then we ate."]
        );
        assert_eq!(
            cut("That was on Jan. 5 of the year. OK."),
            ["That was on Jan. 5 of the year.", "OK."]
        );
    }

    #[test]
    fn decimals_and_addresses_do_not_end_a_sentence() {
        assert_eq!(
            cut("Pi is 3.14159. Read https://a.example/x.y?z=1!b now. Run v1.2.3."),
            [
                "Pi is 3.14159.",
                "Read https://a.example/x.y?z=1!b now.",
                "Run v1.2.3."
            ]
        );
        assert_eq!(
            cut("It was 2020. The year ended."),
            ["It was 2020.", "The year ended."]
        );
        assert_eq!(
            cut("1. First we start. 2. Then we go."),
            ["1. First we start.", "2. Then we go."]
        );
    }

    #[test]
    fn chinese_sentences_end_at_their_marks_and_closing_quotes() {
        assert_eq!(
            cut("今天很好。明天呢？后天！“是吗？”他走了；我留下……完。"),
            [
                "今天很好。",
                "明天呢？",
                "后天！",
                "“是吗？”",
                "他走了；",
                "我留下……",
                "完。"
            ]
        );
        assert_eq!(
            cut("「はい。」と言った。次の文です。"),
            ["「はい。」", "と言った。", "次の文です。"]
        );
    }

    #[test]
    fn a_single_line_break_cuts_neither_chinese_nor_english() {
        assert_eq!(
            cut("这是一个被\n折行的句子。下一句。"),
            ["这是一个被\n折行的句子。", "下一句。"]
        );
        assert_eq!(
            cut("A wrapped\nsentence. Next."),
            ["A wrapped\nsentence.", "Next."]
        );
    }

    #[test]
    fn blank_lines_and_list_items_cut() {
        assert_eq!(
            cut("Title\n\nBody text\n- one\n- two\n12. three"),
            ["Title", "Body text", "- one", "- two", "12. three"]
        );
        assert_eq!(
            cut("标题\r\n\r\n正文\n一、首先\n（二）其次"),
            ["标题", "正文", "一、首先", "（二）其次"]
        );
    }

    #[test]
    fn quoted_questions_may_go_on() {
        assert_eq!(
            cut("\"What?\" he asked. \"No!\""),
            ["\"What?\" he asked.", "\"No!\""]
        );
        assert_eq!(
            cut("Wait... what? Well... Yes."),
            ["Wait... what?", "Well...", "Yes."]
        );
    }

    #[test]
    fn mixed_text_cuts_a_latin_full_stop_before_han() {
        assert_eq!(cut("我们用 Rust.它很快。"), ["我们用 Rust.", "它很快。"]);
    }

    #[test]
    fn long_runs_take_linear_time() {
        for unit in [
            "a", ".", "。", "\n", " ", "a.", "\u{301}", "A. ", "1", "\"", "一",
        ] {
            let text = unit.repeat(1 << 20);
            let spans = sentence_spans(&text);
            assert_eq!(spans.last().map(|span| span.end), Some(text.len()));
        }
    }

    proptest! {
        #[test]
        fn spans_cover_the_text_exactly(text in "([a-zA-Z0-9 ]{0,8}|[.!?。！？；…\"”’）\n\r\t 　]{0,4}|[中文字数一]{0,6}|\\PC{0,3}){0,40}") {
            let mut at = 0;
            for span in sentence_spans(&text) {
                prop_assert_eq!(span.start, at);
                prop_assert!(span.end > span.start);
                prop_assert!(text.is_char_boundary(span.end));
                at = span.end;
            }
            prop_assert_eq!(at, text.len());
        }
    }
}
