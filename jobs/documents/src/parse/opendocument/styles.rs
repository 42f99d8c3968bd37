//! What the paragraph styles of an OpenDocument file mean.

use std::collections::HashMap;

use quick_xml::events::BytesStart;

use crate::block::BlockKind;
use crate::error::ParseError;
use crate::limits::Limits;
use crate::parse::style_names::kind_by_name;
use crate::parse::xml::{Node, attribute, walk_nodes};

/// Chains of styles that are based on each other are longer only in broken files.
const MAX_CHAIN: usize = 12;

/// Parents of styles by name. Styles that a program made up for one paragraph (`P1`) have the named one as parent.
#[derive(Debug, Default)]
pub(super) struct Styles {
    parents: HashMap<String, String>,
}

impl Styles {
    /// Reads `styles.xml`.
    pub(super) fn read(&mut self, xml: &str, limits: &Limits) -> Result<(), ParseError> {
        walk_nodes(xml, limits, |node| {
            if let Node::Open(element) = node
                && element.local_name().as_ref() == "style"
            {
                self.add(element);
            }
            Ok(())
        })
    }

    /// Adds a `style:style`.
    pub(super) fn add(&mut self, element: &BytesStart<'_>) {
        if let (Some(name), Some(parent)) = (
            attribute(element, "name"),
            attribute(element, "parent-style-name"),
        ) {
            self.parents.insert(name, parent);
        }
    }

    /// Returns what a paragraph of this style is; `None` for body text.
    pub(super) fn kind(&self, name: &str) -> Option<BlockKind> {
        self.chain(name).find_map(|name| kind_by_name(&plain(name)))
    }

    /// Tells whether a style names the document's title.
    pub(super) fn is_title(&self, name: &str) -> bool {
        self.chain(name).any(|name| name == "Title")
    }

    fn chain<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        std::iter::successors(Some(name), |name| {
            self.parents.get(*name).map(String::as_str)
        })
        .take(MAX_CHAIN)
    }
}

/// Names are encoded: a blank is `_20_`.
fn plain(name: &str) -> String {
    name.replace("_20_", " ").to_lowercase()
}
