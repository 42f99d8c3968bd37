//! The package file: title, language, and what is read in which order.

use std::collections::HashMap;

use quick_xml::events::Event;

use super::super::package::Package;
use super::super::xml::{attribute, resolve, walk_xml};
use super::resolve_path;
use crate::error::ParseError;
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;

/// Where nearly all books have it, for those that do not say.
const USUAL_PLACES: [&str; 4] = [
    "OEBPS/content.opf",
    "content.opf",
    "EPUB/package.opf",
    "OPS/package.opf",
];

/// What the package file says; paths are names of members.
#[derive(Default)]
pub(super) struct Book {
    pub(super) title: Option<String>,
    pub(super) language: Option<String>,
    /// In reading order, without the table of contents.
    pub(super) chapters: Vec<String>,
    /// The table of contents.
    pub(super) contents: Option<String>,
}

#[derive(Default)]
struct Item {
    path: String,
    is_page: bool,
    is_contents: bool,
    is_ncx: bool,
}

impl Book {
    /// Reads the package file. A book without one, or with a damaged one, is all pages there are, by their names.
    pub(super) fn read(
        package: &mut Package<'_>,
        limits: &Limits,
        builder: &mut DocumentBuilder,
    ) -> Result<Self, ParseError> {
        let path = package_file(package, limits)?;
        let mut book = match &path {
            Some(path) => match package.read(path)? {
                Some(xml) => read_package_file(&xml, path, limits).unwrap_or_default(),
                None => Self::default(),
            },
            None => Self::default(),
        };
        if book.chapters.is_empty() {
            builder.warn("the book has no order of reading; its pages come by their names");
            book.chapters = pages_by_name(package);
        }
        Ok(book)
    }

    fn extend(&mut self, field: Option<Field>, text: &str) {
        match field {
            Some(Field::Title) => self.title.get_or_insert_default().push_str(text),
            Some(Field::Language) => self.language.get_or_insert_default().push_str(text),
            None => {}
        }
    }
}

#[derive(Clone, Copy)]
enum Field {
    Title,
    Language,
}

/// Finds the package file: `META-INF/container.xml` names it.
fn package_file(package: &mut Package<'_>, limits: &Limits) -> Result<Option<String>, ParseError> {
    let mut found = None;
    if let Some(xml) = package.read("META-INF/container.xml")? {
        // A damaged container names no file, and the usual places are tried.
        let _ = walk_xml(&xml, limits, |event| {
            if let Event::Start(element) | Event::Empty(element) = event
                && element.local_name().as_ref() == "rootfile"
                && found.is_none()
            {
                found = attribute(element, "full-path");
            }
            Ok(())
        });
    }
    let names = package.names();
    let exists = |path: &String| names.iter().any(|name| name == path);
    Ok(found.filter(exists).or_else(|| {
        USUAL_PLACES
            .iter()
            .map(|place| (*place).to_owned())
            .find(exists)
            .or_else(|| {
                let is_opf = |name: &&String| name.to_ascii_lowercase().ends_with(".opf");
                names.iter().find(is_opf).cloned()
            })
    }))
}

fn read_package_file(xml: &str, path: &str, limits: &Limits) -> Result<Book, ParseError> {
    let mut book = Book::default();
    let mut items: HashMap<String, Item> = HashMap::new();
    let mut spine: Vec<String> = Vec::new();
    let mut ncx_id = None;
    let mut field = None;
    walk_xml(xml, limits, |event| {
        match event {
            Event::Start(element) | Event::Empty(element) => {
                field = match element.local_name().as_ref() {
                    // The first title is the main one.
                    "title" if book.title.is_none() => Some(Field::Title),
                    "language" if book.language.is_none() => Some(Field::Language),
                    "item" => {
                        if let Some(id) = attribute(element, "id") {
                            items.insert(id, item(element, path));
                        }
                        None
                    }
                    "itemref" => {
                        spine.extend(attribute(element, "idref"));
                        None
                    }
                    "spine" => {
                        ncx_id = attribute(element, "toc");
                        None
                    }
                    _ => None,
                };
            }
            Event::End(_) => field = None,
            Event::Text(text) => book.extend(field, &text.xml10_content()),
            Event::GeneralRef(reference) => {
                if let Some(character) = resolve(reference) {
                    book.extend(field, character.encode_utf8(&mut [0; 4]));
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    book.contents = items
        .values()
        .find(|item| item.is_contents)
        .or_else(|| items.get(&ncx_id?))
        .or_else(|| items.values().find(|item| item.is_ncx))
        .map(|item| item.path.clone());
    book.chapters = spine
        .iter()
        .filter_map(|id| items.get(id))
        .filter(|item| item.is_page && !item.is_contents)
        .map(|item| item.path.clone())
        .collect();
    Ok(book)
}

fn item(element: &quick_xml::events::BytesStart<'_>, path: &str) -> Item {
    let reference = attribute(element, "href").unwrap_or_default();
    let media_type = attribute(element, "media-type").unwrap_or_default();
    let properties = attribute(element, "properties").unwrap_or_default();
    Item {
        path: resolve_path(path, &reference),
        is_page: media_type.contains("html") || media_type.is_empty() || is_page(&reference),
        is_contents: properties.split_whitespace().any(|word| word == "nav"),
        is_ncx: media_type.contains("dtbncx"),
    }
}

fn is_page(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".xhtml", ".html", ".htm"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

fn pages_by_name(package: &Package<'_>) -> Vec<String> {
    let mut pages: Vec<String> = package
        .names()
        .into_iter()
        .filter(|name| is_page(name))
        .collect();
    pages.sort_unstable();
    pages
}
