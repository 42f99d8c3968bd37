//! Inline markup: from what is written to what is read.

use super::Reader;

/// How far the end of a piece of markup may be from its start, in bytes: text that only looks like a start must not cost
/// a search through the rest of the paragraph.
const MAX_SPAN_BYTES: usize = 1000;

impl Reader<'_> {
    /// Returns the text that a reader sees.
    pub(super) fn inline(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            let taken = match character {
                '\\' => escape(rest, &mut out),
                '`' => quoted(rest, &mut out),
                ':' => role(rest, &out)
                    .and_then(|length| Some(length + quoted(&rest[length..], &mut out)?)),
                '*' => emphasis(rest, &mut out),
                '|' => self.substitution(rest, &mut out),
                '_' => reference(rest, &out),
                _ => None,
            };
            let taken = taken.unwrap_or_else(|| {
                out.push(character);
                character.len_utf8()
            });
            rest = &rest[taken..];
        }
        out
    }

    /// `|name|`
    fn substitution(&self, rest: &str, out: &mut String) -> Option<usize> {
        let inner = span(rest, "|", "|")?;
        out.push_str(self.substitutions.get(inner).map_or(inner, String::as_str));
        let length = inner.len() + 2;
        let underscores = rest[length..].len() - rest[length..].trim_start_matches('_').len();
        Some(length + underscores.min(2))
    }
}

/// Returns what is between two marks that enclose text without blanks at its ends.
fn span<'t>(rest: &'t str, open: &str, close: &str) -> Option<&'t str> {
    let inner = rest.strip_prefix(open)?;
    let window = &inner[..inner.floor_char_boundary(MAX_SPAN_BYTES)];
    if window.starts_with(char::is_whitespace) {
        return None;
    }
    let found = window.match_indices(close).map(|(at, _)| at).find(|&at| {
        at > 0 && !window[..at].ends_with(char::is_whitespace) && !window[..at].ends_with('\\')
    });
    found.map(|at| &window[..at])
}

/// A backslash takes the meaning from the next character; before a blank, both go.
fn escape(rest: &str, out: &mut String) -> Option<usize> {
    let next = rest[1..].chars().next()?;
    if !next.is_whitespace() {
        out.push(next);
    }
    Some(1 + next.len_utf8())
}

/// A literal between two backquotes, or text between one, which may have a target: `` `text <target>`_ ``.
fn quoted(rest: &str, out: &mut String) -> Option<usize> {
    if let Some(literal) = span(rest, "``", "``") {
        out.push_str(literal);
        return Some(literal.len() + 4);
    }
    let inner = span(rest, "`", "`")?;
    let text = match inner.rsplit_once('<') {
        Some((text, target)) if target.ends_with('>') && !text.trim().is_empty() => text.trim(),
        Some(("", target)) if target.ends_with('>') => target.trim_end_matches('>'),
        _ => inner,
    };
    // `~a.b.C` shows its last part only, `!x` makes no link.
    let text = match text.strip_prefix('~') {
        Some(path) => path.rsplit('.').next().unwrap_or(path),
        None => text.strip_prefix('!').unwrap_or(text),
    };
    out.push_str(text);
    let length = inner.len() + 2;
    let after = &rest[length..];
    Some(length + (after.len() - after.trim_start_matches('_').len()).min(2))
}

/// Returns the length of `:role:` before a backquote.
fn role(rest: &str, before: &str) -> Option<usize> {
    const MAX_ROLE_BYTES: usize = 40;
    if before.ends_with(|character: char| character.is_alphanumeric()) {
        return None;
    }
    let window = &rest[..rest.floor_char_boundary(MAX_ROLE_BYTES)];
    let end = window.find(":`")?;
    let name = window.get(1..end)?;
    let is_role = !name.is_empty()
        && name
            .chars()
            .all(|character| character.is_alphanumeric() || "-_+:.".contains(character));
    is_role.then_some(end + 1)
}

fn emphasis(rest: &str, out: &mut String) -> Option<usize> {
    let marks = if rest.starts_with("**") { "**" } else { "*" };
    let inner = span(rest, marks, marks)?;
    let length = inner.len() + 2 * marks.len();
    // `*args` begins nothing that ends within a word.
    let ends = !rest[length..].starts_with(|next: char| next.is_alphanumeric() || next == '*');
    if !ends {
        return None;
    }
    out.push_str(&inner.replace('\\', ""));
    Some(length)
}

/// The underscore of `name_`, `[1]_`.
fn reference(rest: &str, before: &str) -> Option<usize> {
    let marks = rest.len() - rest.trim_start_matches('_').len();
    let after = rest[marks..].chars().next();
    let ends =
        after.is_none_or(|next| next.is_whitespace() || ".,;:!?)]'\"，。；：！？）".contains(next));
    let names = before.ends_with(|last: char| last.is_alphanumeric() || last == ']');
    (marks <= 2 && ends && names).then_some(marks)
}
