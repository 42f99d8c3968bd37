//! The outline (bookmarks) and the title of a PDF.

use std::collections::{HashMap, HashSet};

use pdf_oxide::PdfDocument;
use pdf_oxide::object::Object;
use pdf_oxide::optional_content::decode_pdf_text_string;

/// Entries read at most; a damaged outline can be a circle.
const MAX_ENTRIES: usize = 10_000;
const MAX_LEVEL: u8 = 9;
/// A heading is looked for among so many entries after the one found last: headings come in order, some are missing.
const WINDOW: usize = 40;

/// The outline's titles, to be found again among the lines of the pages.
///
/// Both are walked backwards: a table of contents repeats the titles before the text, and from the end the headings
/// themselves come first.
#[derive(Debug, Default)]
pub(super) struct Headings {
    /// Key of the title, and its level from 1; the last title first.
    entries: Vec<(String, u8)>,
    next: usize,
}

impl Headings {
    /// Reads the outline. A document without one, or with a damaged one, has no headings.
    pub(super) fn read(pdf: &PdfDocument) -> Self {
        let mut entries = Vec::new();
        let root = pdf
            .catalog()
            .ok()
            .and_then(|catalog| member(pdf, &catalog, "Outlines"));
        let mut seen = HashSet::new();
        // Siblings and parents that are still to be read, the next one last.
        let mut pending: Vec<(Object, u8)> = Vec::new();
        if let Some(first) = root.as_ref().and_then(|root| reference(root, "First")) {
            pending.push((first, 1));
        }
        while let Some((link, level)) = pending.pop() {
            let fresh = link
                .as_reference()
                .is_some_and(|reference| seen.insert(reference));
            if !fresh || entries.len() >= MAX_ENTRIES {
                continue;
            }
            let Some(item) = resolve(pdf, &link) else {
                continue;
            };
            if let Some(title) = member(pdf, &item, "Title")
                .as_ref()
                .and_then(Object::as_string)
            {
                entries.push((key(&decode_pdf_text_string(title)), level));
            }
            if let Some(sibling) = reference(&item, "Next") {
                pending.push((sibling, level));
            }
            if let Some(child) = reference(&item, "First").filter(|_| level < MAX_LEVEL) {
                pending.push((child, level + 1));
            }
        }
        entries.retain(|(title, _)| !title.is_empty());
        entries.reverse();
        Self { entries, next: 0 }
    }

    /// Finds the lines that are headings, and returns their levels by index of page and line.
    pub(super) fn locate(mut self, pages: &[Vec<String>]) -> HashMap<(usize, usize), u8> {
        let mut levels = HashMap::new();
        for (page, lines) in pages.iter().enumerate().rev() {
            for (index, line) in lines.iter().enumerate().rev() {
                if let Some(level) = self.take(line) {
                    levels.insert((page, index), level);
                }
            }
        }
        levels
    }

    /// Returns the level of the outline's entry that `line` is.
    fn take(&mut self, line: &str) -> Option<u8> {
        if self.next >= self.entries.len() {
            return None;
        }
        let key = key(line);
        let unnumbered = key.trim_start_matches(|c: char| c.is_ascii_digit());
        let window = &self.entries[self.next..(self.next + WINDOW).min(self.entries.len())];
        let found = window.iter().position(|(title, _)| {
            !key.is_empty() && (*title == key || (!unnumbered.is_empty() && title == unnumbered))
        })?;
        let level = window[found].1;
        self.next += found + 1;
        Some(level)
    }
}

/// Returns the title of the document's information, unless a program put its file name there.
pub(super) fn title(pdf: &PdfDocument) -> Option<String> {
    let info = member(pdf, pdf.trailer(), "Info")?;
    let title = decode_pdf_text_string(member(pdf, &info, "Title")?.as_string()?);
    let generated =
        title.starts_with("Microsoft Word - ") || title.eq_ignore_ascii_case("untitled");
    (!generated && !title.trim().is_empty()).then_some(title)
}

/// What two spellings of a title share: letters and digits.
fn key(title: &str) -> String {
    title
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn reference(object: &Object, name: &str) -> Option<Object> {
    object
        .as_dict()?
        .get(name)
        .filter(|value| value.as_reference().is_some())
        .cloned()
}

fn member(pdf: &PdfDocument, object: &Object, name: &str) -> Option<Object> {
    resolve(pdf, object.as_dict()?.get(name)?)
}

fn resolve(pdf: &PdfDocument, object: &Object) -> Option<Object> {
    match object.as_reference() {
        Some(reference) => pdf.load_object(reference).ok(),
        None => Some(object.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(titles: &[(&str, u8)], lines: &[&str]) -> Vec<(usize, u8)> {
        let headings = Headings {
            entries: titles
                .iter()
                .rev()
                .map(|(title, level)| (key(title), *level))
                .collect(),
            next: 0,
        };
        let page = lines.iter().map(|line| (*line).to_owned()).collect();
        let mut found: Vec<(usize, u8)> = headings
            .locate(&[page])
            .into_iter()
            .map(|((_, line), level)| (line, level))
            .collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn headings_are_found_with_or_without_numbers() {
        let titles = [("Introduction", 1), ("1.1 Scope", 2), ("术语", 2)];
        let lines = [
            "1 Introduction",
            "text",
            "1.1  Scope",
            "术语 . . . 7",
            "术语",
        ];
        assert_eq!(located(&titles, &lines), [(0, 1), (2, 2), (4, 2)]);
    }

    #[test]
    fn table_of_contents_is_no_heading() {
        let titles = [("One", 1), ("Two", 1)];
        assert_eq!(
            located(&titles, &["One", "Two", "One", "text", "Two", "text"]),
            [(2, 1), (4, 1)]
        );
    }
}
