//! The table of contents: a page with a list (EPUB 3) or an NCX file (EPUB 2).

use std::collections::HashMap;

use quick_xml::events::Event;

use super::super::package::Package;
use super::super::xml::{attribute, resolve, walk_xml};
use super::resolve_path;
use crate::limits::Limits;

/// Headings of chapters by their path, with their level.
pub(super) type Headings = HashMap<String, (u8, String)>;

/// Reads the table of contents `path`: the first entry for each chapter. A damaged one gives what there is.
pub(super) fn headings(package: &mut Package<'_>, path: &str, limits: &Limits) -> Headings {
    let Ok(Some(xml)) = package.read(path) else {
        return Headings::new();
    };
    let mut contents = Contents {
        path,
        headings: Headings::new(),
        level: 0,
        label: String::new(),
        target: None,
        in_label: false,
    };
    // What was read before damage counts.
    let _ = walk_xml(&xml, limits, |event| {
        contents.event(event);
        Ok(())
    });
    contents.headings
}

struct Contents<'a> {
    path: &'a str,
    headings: Headings,
    level: u8,
    label: String,
    /// Of the entry that is read, from the root of the package.
    target: Option<String>,
    in_label: bool,
}

impl Contents<'_> {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Start(element) | Event::Empty(element) => {
                let base = self.path;
                let reference = |name: &str| Some(resolve_path(base, &attribute(element, name)?));
                match element.local_name().as_ref() {
                    // EPUB 3: <ol><li><a href="…">label</a>
                    // EPUB 2: <navPoint><navLabel><text>label</text></navLabel><content src="…"/>
                    "ol" | "navPoint" => self.level = self.level.saturating_add(1),
                    "a" => {
                        self.target = reference("href");
                        self.label.clear();
                        self.in_label = true;
                    }
                    "navLabel" => {
                        self.label.clear();
                        self.in_label = true;
                    }
                    "content" => {
                        self.target = reference("src");
                        self.entry();
                    }
                    _ => {}
                }
            }
            Event::End(element) => match element.local_name().as_ref() {
                "ol" | "navPoint" => self.level = self.level.saturating_sub(1),
                "a" => {
                    self.in_label = false;
                    self.entry();
                }
                "navLabel" => self.in_label = false,
                _ => {}
            },
            Event::Text(text) if self.in_label => self.label.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) if self.in_label => {
                self.label.extend(resolve(reference));
            }
            _ => {}
        }
    }

    fn entry(&mut self) {
        let label = self.label.trim();
        if let Some(target) = self.target.take()
            && !label.is_empty()
        {
            let heading = (self.level.clamp(1, 9), label.to_owned());
            self.headings.entry(target).or_insert(heading);
        }
    }
}
