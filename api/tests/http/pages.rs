//! The reference pages under `docs/` say what the code says.

use std::collections::BTreeMap;

use graphmill_api::{error::Code, metrics::descriptors};

fn page(name: &str) -> String {
    let path = format!("{}/../docs/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the rows of a page's tables whose first cell is code, by that cell.
fn rows(page: &str) -> BTreeMap<String, Vec<String>> {
    page.lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<String> = line
                .trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().to_owned())
                .collect();
            (cells[0].trim_matches('`').to_owned(), cells)
        })
        .collect()
}

#[test]
fn every_error_code_has_a_row_with_its_status_and_advice() {
    let rows = rows(&page("errors.md"));
    for code in Code::ALL {
        let row = rows
            .get(code.as_str())
            .unwrap_or_else(|| panic!("`{}` has no row in docs/errors.md", code.as_str()));
        assert_eq!(row[1], code.status().as_str(), "{row:?}");
        assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
    for code in graphmill_documents::ErrorCode::ALL {
        assert!(rows.contains_key(code.as_str()), "`{code}` has no row");
    }
}

#[test]
fn the_error_page_has_no_code_that_the_api_never_sends() {
    let page = page("errors.md");
    let (of_api, _) = page.split_once("## Codes of documents").unwrap();
    let sent: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    for code in rows(of_api).keys() {
        assert!(sent.contains(&code.as_str()), "`{code}` is never sent");
    }
}

#[test]
fn the_metrics_page_and_the_code_agree() {
    let page = page("metrics.md");
    let (_, section) = page.split_once("## API and queues").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let documented = rows(section);
    assert_eq!(documented.len(), descriptors::ALL.len());
    for metric in descriptors::ALL {
        let expected = [
            format!("`{}`", metric.name),
            metric.kind.as_str().to_owned(),
            metric.labels.join(", "),
            metric.unit.to_owned(),
            metric.help.to_owned(),
        ];
        assert_eq!(documented.get(metric.name), Some(&expected.to_vec()));
    }
}
