//! Running heads, running feet and page numbers: lines that stand at the same place of many pages.

use std::collections::HashMap;

/// Lines looked at, from the top and from the bottom of each page.
const EDGE_LINES: usize = 3;
/// A line on fewer pages than this may be chance.
const MIN_PAGES: usize = 4;
/// Of this share of the pages on, a line is no content. Heads change with the chapter and with odd and even pages.
const MIN_SHARE: f64 = 0.1;

/// Removes repeated lines from the edges of `pages` (lines in reading order). Digits count as equal, so numbered feet
/// are repeated too. A page that would lose all its lines keeps them.
pub(crate) fn drop_repeated_lines(pages: &mut [Vec<String>]) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for page in pages.iter() {
        let mut keys: Vec<String> = edges(page).map(|index| key(&page[index])).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            *seen.entry(key).or_default() += 1;
        }
    }
    let enough = MIN_PAGES.max((pages.len() as f64 * MIN_SHARE).ceil() as usize);
    for page in pages {
        let dropped: Vec<usize> = edges(page)
            .filter(|&index| {
                let key = key(&page[index]);
                key.is_empty() || seen.get(&key).is_some_and(|count| *count >= enough)
            })
            .collect();
        let filled = page.iter().filter(|line| !line.trim().is_empty()).count();
        let losing = dropped
            .iter()
            .filter(|&&index| !page[index].trim().is_empty())
            .count();
        if losing < filled {
            for index in dropped {
                page[index].clear();
            }
        }
    }
}

/// Indices of the first and last lines that are not blank.
fn edges(page: &[String]) -> impl Iterator<Item = usize> {
    let filled = |&index: &usize| !page[index].trim().is_empty();
    let top: Vec<usize> = (0..page.len()).filter(filled).take(EDGE_LINES).collect();
    let bottom_from = top.last().map_or(0, |last| last + 1);
    let bottom: Vec<usize> = (bottom_from..page.len())
        .rev()
        .filter(filled)
        .take(EDGE_LINES)
        .collect();
    top.into_iter().chain(bottom)
}

/// What of a line must be equal: its characters, with every number as `#`.
fn key(line: &str) -> String {
    let mut key = String::with_capacity(line.len());
    for character in line.trim().chars() {
        if !character.is_numeric() {
            key.push(character);
        } else if !key.ends_with('#') {
            key.push('#');
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn heads_and_page_numbers_go() {
        let words = ["alpha", "beta", "gamma", "delta", "epsilon"];
        let mut pages: Vec<Vec<String>> = words
            .iter()
            .enumerate()
            .map(|(index, word)| {
                page(&[
                    "The Manual",
                    word,
                    &format!("{word} is explained"),
                    &format!("see {word}"),
                    &format!("about {word}"),
                    &format!("Page {index} of 5"),
                ])
            })
            .collect();
        drop_repeated_lines(&mut pages);
        for (lines, word) in pages.iter().zip(words) {
            assert_eq!(lines[0], "");
            assert_eq!(lines[1], word);
            assert_eq!(lines[5], "");
        }
    }

    #[test]
    fn page_of_one_line_keeps_it() {
        let mut pages: Vec<Vec<String>> = (0..50)
            .map(|index| page(&[&format!("Page {index}")]))
            .collect();
        drop_repeated_lines(&mut pages);
        assert!(pages.iter().all(|lines| lines[0].starts_with("Page")));
    }
}
