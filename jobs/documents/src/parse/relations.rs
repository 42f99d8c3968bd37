//! The relationships of an Office package: which parts a part refers to, by id and by kind (ECMA-376 part 2, 9.3).

use std::collections::HashMap;

use super::package::{Package, folder_of};
use super::xml::{Node, attribute, walk_nodes};
use crate::error::{ErrorCode, ParseError};
use crate::limits::Limits;

/// The relationships of one part, in the order of the file; those that lead out of the package are left out.
#[derive(Debug, Default)]
pub(super) struct Relations {
    relations: Vec<Relation>,
    by_id: HashMap<String, usize>,
}

#[derive(Debug)]
struct Relation {
    /// The last word of the type: `slide`, `worksheet`.
    kind: String,
    /// A part's name in the package.
    target: String,
}

impl Relations {
    /// Reads the relationships of `part`; those of the package itself for an empty name. A damaged part of
    /// relationships gives those before the damage.
    ///
    /// # Errors
    /// Those of [`Package::read`], but no `parse.malformed`.
    pub(super) fn of(package: &mut Package<'_>, part: &str) -> Result<Self, ParseError> {
        let folder = folder_of(part);
        let file = part.rsplit('/').next().unwrap_or(part);
        let name = join(folder, &format!("_rels/{file}.rels"));
        let limits = package.limits();
        let mut relations = Self::default();
        let outcome = match package.read(&name) {
            Ok(Some(xml)) => relations.read(&xml, folder, limits),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        match outcome {
            Err(error) if error.code != ErrorCode::Malformed => Err(error),
            _ => Ok(relations),
        }
    }

    fn read(&mut self, xml: &str, folder: &str, limits: &Limits) -> Result<(), ParseError> {
        walk_nodes(xml, limits, |node| {
            if let Node::Open(element) = node
                && element.local_name().as_ref() == "Relationship"
                && attribute(element, "TargetMode").as_deref() != Some("External")
                && let Some(target) = attribute(element, "Target")
            {
                let kind = attribute(element, "Type").unwrap_or_default();
                if let Some(id) = attribute(element, "Id") {
                    self.by_id.entry(id).or_insert(self.relations.len());
                }
                self.relations.push(Relation {
                    kind: kind.rsplit('/').next().unwrap_or_default().to_owned(),
                    target: join(folder, &target),
                });
            }
            Ok(())
        })
    }

    /// Returns the part that an id refers to.
    pub(super) fn target(&self, id: &str) -> Option<&str> {
        let index = *self.by_id.get(id)?;
        self.relations
            .get(index)
            .map(|relation| relation.target.as_str())
    }

    /// Returns the kind of an id's part: `worksheet`.
    pub(super) fn kind(&self, id: &str) -> Option<&str> {
        let index = *self.by_id.get(id)?;
        self.relations
            .get(index)
            .map(|relation| relation.kind.as_str())
    }

    /// Returns the parts of a kind.
    pub(super) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        self.relations
            .iter()
            .filter(move |relation| relation.kind == kind)
            .map(|relation| relation.target.as_str())
    }
}

/// Resolves a target against the folder of the part that names it. Names stay within the package, whatever they say.
fn join(folder: &str, target: &str) -> String {
    let target = target.replace('\\', "/");
    let (base, relative) = match target.strip_prefix('/') {
        Some(absolute) => ("", absolute),
        None => (folder, target.as_str()),
    };
    let mut path: Vec<&str> = Vec::new();
    for step in base.split('/').chain(relative.split('/')) {
        match step {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            step => path.push(step),
        }
    }
    path.join("/")
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn targets_are_resolved_within_the_package() {
        assert_eq!(join("ppt/slides", "../media/a.png"), "ppt/media/a.png");
        assert_eq!(join("ppt", "slides/slide1.xml"), "ppt/slides/slide1.xml");
        assert_eq!(join("ppt", "/word/document.xml"), "word/document.xml");
        assert_eq!(join("", "..\\..\\etc/passwd"), "etc/passwd");
    }
}
