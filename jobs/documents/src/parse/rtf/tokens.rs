//! The syntax of RTF: groups, control words and symbols, text.

/// A control word is at most so long; longer ones are text of a broken file.
const MAX_WORD_BYTES: usize = 32;

/// A piece of RTF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Open,
    Close,
    /// `\par`, `\b0`, `\u-4000`.
    Word(&'a str, Option<i32>),
    /// `\~`, `\*`.
    Symbol(u8),
    /// `\'e9`.
    Byte(u8),
    /// Bytes without controls and line breaks.
    Text(&'a [u8]),
}

/// Cuts bytes into tokens; never fails.
pub(super) struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Tokens<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Skips binary data.
    pub(super) fn skip_bytes(&mut self, count: usize) {
        self.advance(count.min(self.rest.len()));
    }

    fn advance(&mut self, count: usize) -> &'a [u8] {
        let (head, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        head
    }

    /// Reads what follows a backslash.
    fn control(&mut self) -> Option<Token<'a>> {
        let first = *self.rest.first()?;
        if first == b'\'' {
            self.advance(1);
            let digits = self.advance(2);
            let byte = std::str::from_utf8(digits)
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok());
            return Some(byte.map_or(Token::Text(b""), Token::Byte));
        }
        let letters = self
            .rest
            .iter()
            .take(MAX_WORD_BYTES)
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        if letters == 0 {
            self.advance(1);
            return Some(match first {
                // An escaped line break ends a paragraph.
                b'\r' | b'\n' => Token::Word("par", None),
                b'\\' | b'{' | b'}' => Token::Text(match first {
                    b'\\' => b"\\",
                    b'{' => b"{",
                    _ => b"}",
                }),
                symbol => Token::Symbol(symbol),
            });
        }
        let word = std::str::from_utf8(self.advance(letters)).unwrap_or_default();
        let sign = usize::from(self.rest.first() == Some(&b'-'));
        let digits = self
            .rest
            .iter()
            .skip(sign)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let parameter = if digits == 0 {
            None
        } else {
            let number = std::str::from_utf8(self.advance(sign + digits)).unwrap_or_default();
            number.parse().ok()
        };
        // One blank belongs to the word.
        if self.rest.first() == Some(&b' ') {
            self.advance(1);
        }
        Some(Token::Word(word, parameter))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let first = *self.rest.first()?;
            return match first {
                b'{' => {
                    self.advance(1);
                    Some(Token::Open)
                }
                b'}' => {
                    self.advance(1);
                    Some(Token::Close)
                }
                b'\\' => {
                    self.advance(1);
                    self.control()
                }
                b'\r' | b'\n' | 0 => {
                    self.advance(1);
                    continue;
                }
                _ => {
                    let end = self
                        .rest
                        .iter()
                        .position(|byte| matches!(byte, b'{' | b'}' | b'\\' | b'\r' | b'\n' | 0))
                        .unwrap_or(self.rest.len());
                    Some(Token::Text(self.advance(end)))
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Token, Tokens};

    #[test]
    fn controls_are_told_from_text() {
        let tokens: Vec<_> = Tokens::new(b"{\\b0 a\r\nb\\'e9\\~\\\\\\u-5?\\").collect();
        assert_eq!(
            tokens,
            [
                Token::Open,
                Token::Word("b", Some(0)),
                Token::Text(b"a"),
                Token::Text(b"b"),
                Token::Byte(0xE9),
                Token::Symbol(b'~'),
                Token::Text(b"\\"),
                Token::Word("u", Some(-5)),
                Token::Text(b"?"),
            ]
        );
    }
}
