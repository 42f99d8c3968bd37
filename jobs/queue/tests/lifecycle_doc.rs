//! docs/job-lifecycle.md says what `state.rs` does.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

use graphmill_queue::{
    DeadReason, JobState,
    state::{Event, next},
};

const DOC: &str = include_str!("../../../docs/job-lifecycle.md");

const EVENTS: [(&str, Event); 14] = [
    ("promote", Event::Promote),
    ("unblock", Event::Unblock),
    ("fetch", Event::Fetch),
    ("complete", Event::Complete),
    ("fail", Event::Fail),
    ("defer", Event::Defer),
    ("release", Event::Release),
    ("rescue", Event::Rescue),
    ("kill", Event::Kill),
    ("expire", Event::Expire),
    ("cancel", Event::Cancel),
    ("retry", Event::Retry),
    ("snooze", Event::Snooze),
    ("prune", Event::Prune),
];

/// Every edge of the table, as (from, event, to) with `–` and `[*]` for the end.
fn expected(end: &str) -> Vec<(String, String, String)> {
    let mut edges = Vec::new();
    for state in JobState::ALL {
        for (name, event) in EVENTS {
            if let Some(to) = next(state, event) {
                let to = if event == Event::Prune {
                    end
                } else {
                    to.as_str()
                };
                edges.push((state.to_string(), name.to_owned(), to.to_owned()));
            }
        }
    }
    edges.sort();
    edges
}

fn cells(line: &str) -> Vec<String> {
    line.trim_matches('|')
        .split('|')
        .map(|cell| cell.trim().trim_matches('`').to_owned())
        .collect()
}

fn section(title: &str) -> Vec<Vec<String>> {
    let body = DOC.split(&format!("## {title}\n")).nth(1).unwrap();
    body.lines()
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(cells)
        .collect()
}

#[test]
fn transitions_table_is_the_state_table() {
    let mut edges: Vec<_> = section("Transitions")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone(), row[2].clone()))
        .collect();
    edges.sort();
    assert_eq!(edges, expected("–"));
}

#[test]
fn drawing_is_the_state_table() {
    let mut edges = Vec::new();
    for line in DOC.lines().filter(|line| line.contains("-->")) {
        let (from, rest) = line.trim().split_once(" --> ").unwrap();
        let (to, events) = rest.split_once(": ").unwrap_or((rest, ""));
        if from != "[*]" {
            for event in events.split(", ") {
                edges.push((from.to_owned(), event.to_owned(), to.to_owned()));
            }
        }
    }
    edges.sort();
    assert_eq!(edges, expected("[*]"));
}

#[test]
fn states_and_reasons_are_all_explained() {
    let names = |rows: Vec<Vec<String>>| {
        rows.into_iter()
            .map(|row| row[0].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(section("States")),
        JobState::ALL.map(|s| s.to_string())
    );
    assert_eq!(
        names(section("Why a job is dead")),
        DeadReason::ALL.map(DeadReason::as_str)
    );
}
