//! JSON and JSON Lines, as text: a line `path: value` for each value, long strings as paragraphs of their own.
//!
//! Values are visited while they are read; no tree is built. An element of the outermost array, or a line of JSON
//! Lines, is a record: it starts a block, and paths within it start anew.

use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use crate::block::BlockKind;
use crate::error::{ErrorCode, ParseError};
use crate::normalise::DocumentBuilder;

/// Strings from this many bytes on, or with line breaks, are prose.
const PROSE_BYTES: usize = 120;
/// A block of `path: value` lines ends at this size.
const BLOCK_BYTES: usize = 2048;
/// Every value repeats its path, so names and paths are cut: output stays proportional to input.
const MAX_NAME_BYTES: usize = 80;
const MAX_PATH_BYTES: usize = 240;

/// Pushes the values of `text`.
///
/// # Errors
/// `parse.truncated`, `parse.malformed` (both with line and column), `parse.limit` beyond 127 levels.
pub(super) fn parse(text: &str, builder: &mut DocumentBuilder) -> Result<(), ParseError> {
    let mut flattener = Flattener {
        builder,
        path: String::new(),
        block: String::new(),
    };
    let mut rest = serde_json::Deserializer::from_str(text);
    let mut values = 0;
    while !at_end(&mut rest, text) {
        Node {
            flattener: &mut flattener,
            depth: 0,
        }
        .deserialize(&mut rest)
        .map_err(|error| failure(&error))?;
        flattener.flush();
        values += 1;
    }
    if values == 0 {
        return Err(ParseError::new(
            ErrorCode::Empty,
            "the file holds no JSON value, only white space",
        ));
    }
    Ok(())
}

/// `end` fails with "trailing characters" where another value follows: that is JSON Lines.
fn at_end(rest: &mut serde_json::Deserializer<serde_json::de::StrRead<'_>>, text: &str) -> bool {
    rest.end().is_ok() || text.trim().is_empty()
}

fn failure(error: &serde_json::Error) -> ParseError {
    let place = format!("line {}, column {}", error.line(), error.column());
    if error.is_eof() {
        ParseError::new(
            ErrorCode::Truncated,
            format!("the JSON text ends early, at {place}"),
        )
    } else if error.to_string().starts_with("recursion limit") {
        ParseError::new(
            ErrorCode::Limit,
            format!("the JSON text is nested more than 127 levels deep at {place}"),
        )
    } else {
        // The library's message names what was expected and quotes no text of the document.
        ParseError::new(ErrorCode::Malformed, format!("not valid JSON: {error}"))
    }
}

struct Flattener<'a> {
    builder: &'a mut DocumentBuilder,
    /// Of the value that is read, within its record: `user.phones[1]`.
    path: String,
    block: String,
}

impl Flattener<'_> {
    fn flush(&mut self) {
        self.builder.push(BlockKind::Paragraph, &self.block);
        self.block.clear();
    }

    fn enter(&mut self, step: &str) {
        if self.path.len() < MAX_PATH_BYTES {
            self.path
                .push_str(&step[..step.floor_char_boundary(MAX_NAME_BYTES)]);
        }
    }

    fn line(&mut self, value: impl fmt::Display) {
        if !self.block.is_empty() {
            self.block.push('\n');
        }
        if !self.path.is_empty() {
            self.block.push_str(&self.path);
            self.block.push_str(": ");
        }
        self.block.push_str(&value.to_string());
        if self.block.len() >= BLOCK_BYTES {
            self.flush();
        }
    }

    fn string(&mut self, value: &str) {
        if value.len() < PROSE_BYTES && !value.contains('\n') {
            return self.line(value);
        }
        self.flush();
        if !self.path.is_empty() {
            self.block.push_str(&self.path);
            self.block.push_str(": ");
        }
        self.block.push_str(value);
        self.flush();
    }
}

/// A value to be read at the flattener's path.
struct Node<'a, 'b> {
    flattener: &'a mut Flattener<'b>,
    /// Containers around it.
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Node<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.flattener.line(value);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.flattener.line(value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.flattener.line(value);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.flattener.line(value);
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.flattener.string(value);
        Ok(())
    }

    /// `null` says nothing.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let base = self.flattener.path.len();
        let mut index = 0_usize;
        loop {
            if self.depth > 0 {
                self.flattener.enter(&format!("[{index}]"));
            }
            let node = Node {
                flattener: &mut *self.flattener,
                depth: self.depth + 1,
            };
            let more = elements.next_element_seed(node)?.is_some();
            self.flattener.path.truncate(base);
            if !more {
                return Ok(());
            }
            if self.depth == 0 {
                self.flattener.flush();
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let base = self.flattener.path.len();
        while let Some(name) = members.next_key::<std::borrow::Cow<'de, str>>()? {
            if base > 0 {
                self.flattener.enter(".");
            }
            self.flattener.enter(&name);
            members.next_value_seed(Node {
                flattener: &mut *self.flattener,
                depth: self.depth + 1,
            })?;
            self.flattener.path.truncate(base);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::error::{ErrorCode, ParseError};
    use crate::limits::Limits;
    use crate::parse::parse_bytes;

    fn text(json: &str) -> Result<String, ParseError> {
        let document = parse_bytes(json.as_bytes(), Some("json"), &Limits::default())?;
        document.check().unwrap();
        Ok(document.text)
    }

    #[test]
    fn values_are_lines_with_their_path() {
        let json =
            r#"{"name": "Ann", "tags": ["x", "y"], "home": {"zip": 12, "ok": true, "no": null}}"#;
        assert_eq!(
            text(json).unwrap(),
            "name: Ann\ntags[0]: x\ntags[1]: y\nhome.zip: 12\nhome.ok: true"
        );
    }

    #[test]
    fn records_are_blocks() {
        let expected = "id: 1\nname: a\n\nid: 2\nname: b";
        assert_eq!(
            text(r#"[{"id":1,"name":"a"},{"id":2,"name":"b"}]"#).unwrap(),
            expected
        );
        assert_eq!(
            text("{\"id\":1,\"name\":\"a\"}\n{\"id\":2,\"name\":\"b\"}\n").unwrap(),
            expected
        );
    }

    #[test]
    fn prose_is_a_paragraph_of_its_own() {
        let prose = "word ".repeat(40);
        let json = format!(r#"{{"id": 1, "body": "{prose}", "end": 2}}"#);
        assert_eq!(
            text(&json).unwrap(),
            format!("id: 1\n\nbody: {}\n\nend: 2", prose.trim())
        );
    }

    #[test]
    fn broken_json_is_located() {
        let error = text("{\"a\": 1,\n \"b\": }").unwrap_err();
        assert_eq!(error.code, ErrorCode::Malformed);
        assert_eq!(
            error.message,
            "not valid JSON: expected value at line 2 column 7"
        );
        assert_eq!(text("{\"a\": [1, ").unwrap_err().code, ErrorCode::Truncated);
        assert_eq!(
            text(&"[".repeat(100_000)).unwrap_err().code,
            ErrorCode::Limit
        );
        assert_eq!(text("  \n").unwrap_err().code, ErrorCode::Empty);
    }
}
