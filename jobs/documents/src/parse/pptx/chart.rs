//! The data that a chart was drawn from, as a table: a row a category, a column a series.

use std::collections::BTreeMap;

use quick_xml::events::BytesStart;

use crate::error::ParseError;
use crate::limits::Limits;
use crate::parse::xml::{Node, attribute, walk_nodes};

/// Points of all series that are read.
const MAX_POINTS: usize = 10_000;
const MAX_SERIES: usize = 100;

#[derive(Default)]
struct Series {
    name: String,
    values: BTreeMap<u32, String>,
}

#[derive(Clone, Copy)]
enum Part {
    Name,
    Category,
    Value,
}

/// Returns the rows of a chart, the names of its series first; nothing if it has no series.
pub(super) fn rows(xml: &str, limits: &Limits) -> Result<Vec<Vec<String>>, ParseError> {
    let mut series: Vec<Series> = Vec::new();
    let mut categories: BTreeMap<u32, String> = BTreeMap::new();
    let mut part = None;
    let mut index = 0;
    let mut value = String::new();
    let mut points = 0;
    walk_nodes(xml, limits, |node| {
        match node {
            Node::Open(element) => match element.local_name().as_ref() {
                "ser" => series.push(Series::default()),
                "tx" if !series.is_empty() => part = Some(Part::Name),
                "cat" | "xVal" => part = Some(Part::Category),
                "val" | "yVal" => part = Some(Part::Value),
                "pt" => index = point_index(element),
                "v" => value.clear(),
                _ => {}
            },
            Node::Text(text) if part.is_some() => value.push_str(&text),
            Node::Close(name) => match (name, part) {
                ("tx" | "cat" | "xVal" | "val" | "yVal", _) => part = None,
                ("v", Some(part)) if points < MAX_POINTS && series.len() <= MAX_SERIES => {
                    points += 1;
                    let value = value.trim().to_owned();
                    match (part, series.last_mut()) {
                        (Part::Category, _) => {
                            categories.entry(index).or_insert(value);
                        }
                        (Part::Value, Some(series)) => {
                            series.values.insert(index, value);
                        }
                        (Part::Name, Some(series)) => series.name = value,
                        _ => {}
                    }
                }
                _ => {}
            },
            _ => {}
        }
        Ok(())
    })?;
    series.retain(|series| !series.values.is_empty());
    Ok(table(&series, &categories))
}

fn point_index(element: &BytesStart<'_>) -> u32 {
    attribute(element, "idx")
        .and_then(|index| index.parse().ok())
        .unwrap_or(0)
}

fn table(series: &[Series], categories: &BTreeMap<u32, String>) -> Vec<Vec<String>> {
    if series.is_empty() {
        return Vec::new();
    }
    let names = series.iter().map(|series| series.name.clone());
    let mut rows = vec![std::iter::once(String::new()).chain(names).collect()];
    let mut indices: Vec<u32> = series
        .iter()
        .flat_map(|series| series.values.keys().copied())
        .chain(categories.keys().copied())
        .collect();
    indices.sort_unstable();
    indices.dedup();
    for index in indices {
        let values = series
            .iter()
            .map(|series| series.values.get(&index).cloned().unwrap_or_default());
        let category = categories.get(&index).cloned().unwrap_or_default();
        rows.push(std::iter::once(category).chain(values).collect());
    }
    rows
}
