//! Types that are text: what their first characters and lines say.

use serde::de::IgnoredAny;

use super::FileType;
use super::code::is_code;

/// How much of the text is looked at.
const SAMPLE_BYTES: usize = 64 << 10;
/// Markup is looked for near the start only.
const MARKUP_BYTES: usize = 4096;

/// Tells the type of a text.
pub(super) fn sniff(text: &str, declared: Option<FileType>) -> FileType {
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    let sample = clip(text, SAMPLE_BYTES);
    if sample.starts_with("{\\rtf") {
        return FileType::Rtf;
    }
    if let Some(file_type) = markup(clip(text, MARKUP_BYTES), declared) {
        return file_type;
    }
    if let Some(file_type @ (FileType::Code | FileType::Rst)) = declared {
        return file_type;
    }
    if declared == Some(FileType::Json) || is_json(text) {
        return FileType::Json;
    }
    // Whoever says that it is a mail needs less to be believed.
    if is_mail(
        sample,
        if declared == Some(FileType::Eml) {
            1
        } else {
            2
        },
    ) {
        return FileType::Eml;
    }
    if let Some(file_type @ (FileType::Csv | FileType::Markdown | FileType::Text)) = declared {
        return file_type;
    }
    if is_code(sample) {
        FileType::Code
    } else if is_rst(sample) {
        FileType::Rst
    } else if is_markdown(sample) {
        FileType::Markdown
    } else if is_table(sample) {
        FileType::Csv
    } else {
        FileType::Text
    }
}

fn markup(head: &str, declared: Option<FileType>) -> Option<FileType> {
    const PAGE_TAGS: [&str; 4] = ["<!doctype html", "<html", "<head", "<body"];
    const BODY_TAGS: [&str; 12] = [
        "<title", "<meta", "<div", "<p>", "<p ", "<table", "<script", "<h1", "<h2", "<ul", "<span",
        "<br",
    ];
    let lower = head.to_ascii_lowercase();
    let has = |tags: &[&str]| tags.iter().any(|tag| lower.contains(tag));
    let declared_text = matches!(
        declared,
        Some(
            FileType::Markdown
                | FileType::Text
                | FileType::Csv
                | FileType::Json
                | FileType::Code
                | FileType::Rst
        )
    );
    if lower.starts_with("<?xml") {
        return Some(if has(&PAGE_TAGS[..2]) {
            FileType::Html
        } else {
            FileType::Xml
        });
    }
    if PAGE_TAGS[..2].iter().any(|tag| lower.starts_with(tag)) {
        return Some(FileType::Html);
    }
    if declared == Some(FileType::Xml) && lower.starts_with('<') {
        return Some(FileType::Xml);
    }
    if declared == Some(FileType::Html) && lower.contains('<') {
        return Some(FileType::Html);
    }
    // Markdown may begin with a tag, a text may quote one.
    if declared_text || !lower.starts_with('<') {
        return None;
    }
    if has(&PAGE_TAGS) || has(&BODY_TAGS) {
        return Some(FileType::Html);
    }
    let looks_like_tag = lower[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '!');
    (looks_like_tag && lower.contains('>')).then_some(FileType::Xml)
}

/// Tells whether the text begins with a JSON object or array, be it cut off or too deep to read.
fn is_json(text: &str) -> bool {
    if !text.starts_with(['{', '[']) {
        return false;
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => {
            // `[1] a footnote` begins with an array too: what follows must be nothing or another value.
            let rest = text[values.byte_offset()..].trim_start();
            rest.is_empty() || rest.starts_with(['{', '['])
        }
        Some(Err(error)) => error.is_eof() || error.to_string().contains("recursion limit"),
        None => false,
    }
}

/// Tells whether the text begins with the header of a mail: only header lines, `min_known` of them well known.
pub(super) fn is_mail(sample: &str, min_known: usize) -> bool {
    const KNOWN: [&str; 11] = [
        "from",
        "to",
        "subject",
        "date",
        "received",
        "message-id",
        "mime-version",
        "return-path",
        "delivered-to",
        "content-type",
        "x-mailer",
    ];
    let mut known = 0;
    for line in sample.lines().take(200) {
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            continue;
        }
        // A mailbox begins with such a line, which ends in a time.
        if known == 0 && line.starts_with("From ") {
            continue;
        }
        let Some((name, _)) = line.split_once(':') else {
            return false;
        };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return false;
        }
        known += usize::from(KNOWN.contains(&name.to_ascii_lowercase().as_str()));
    }
    known >= min_known
}

/// Counts the marks that plain text does not have by chance.
fn is_markdown(sample: &str) -> bool {
    let mut score = 0;
    for line in sample.lines() {
        let heading = line.trim_start_matches('#');
        let level = line.len() - heading.len();
        score += usize::from((1..=6).contains(&level) && heading.starts_with(' '));
        score += usize::from(line.starts_with("```"));
        score +=
            usize::from(line.contains("](http") || line.contains("](/") || line.contains("](#"));
        score += usize::from(line.starts_with("| ") && line.ends_with(" |"));
        if score >= 3 {
            return true;
        }
    }
    false
}

/// Counts directives and sections with an underline, which nothing else has both of.
fn is_rst(sample: &str) -> bool {
    let (mut directives, mut sections) = (0, 0);
    let mut above = "";
    for line in sample.lines() {
        let directive = line.trim_start().strip_prefix(".. ");
        directives += usize::from(directive.is_some_and(|rest| rest.contains("::")));
        let underline = line.len() >= 4
            && line.len() >= above.len()
            && line.starts_with(['=', '-', '~', '^', '*'])
            && line.bytes().all(|byte| byte == line.as_bytes()[0]);
        sections += usize::from(underline && !above.trim().is_empty());
        above = line;
    }
    directives >= 2 && sections >= 1
}

/// Tells whether every line has the same number of cells, at least three (two for tabs), over three lines or more.
fn is_table(sample: &str) -> bool {
    const LINES: usize = 20;
    let lines: Vec<&str> = sample
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(LINES)
        .collect();
    // The last line of a sample may be cut off.
    let complete = if lines.len() > 3 {
        &lines[..lines.len() - 1]
    } else {
        &lines[..]
    };
    if complete.len() < 3 {
        return false;
    }
    [(b'\t', 2), (b',', 3), (b';', 3)]
        .into_iter()
        .any(|(delimiter, min_cells)| {
            let mut rows = complete.iter().map(|line| cells(line, delimiter));
            let first = rows.next().unwrap_or(0);
            first >= min_cells && rows.all(|count| count == first)
        })
}

fn cells(line: &str, delimiter: u8) -> usize {
    let mut quoted = false;
    let mut count = 1;
    for byte in line.bytes() {
        if byte == b'"' {
            quoted = !quoted;
        } else if byte == delimiter && !quoted {
            count += 1;
        }
    }
    count
}

fn clip(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
