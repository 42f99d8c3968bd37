//! The table of `docs/reliability.md`, between two markers.

use std::{fmt::Write as _, path::PathBuf};

use crate::{
    report::Report,
    scenarios::{NOT_YET, Scenario},
};

const BEGIN: &str = "<!-- faults: begin -->";
const END: &str = "<!-- faults: end -->";

/// Writes the table, the notes and what is not covered into the document.
pub fn write(results: &[(&Scenario, Report)], about: &str) -> std::io::Result<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reliability.md");
    let text = std::fs::read_to_string(&path)?;
    let (Some(begin), Some(end)) = (text.find(BEGIN), text.find(END)) else {
        return Err(std::io::Error::other(format!(
            "docs/reliability.md needs the lines {BEGIN} and {END}"
        )));
    };
    let table = render(results, about);
    let text = format!("{}{BEGIN}\n{table}{}", &text[..begin], &text[end..]);
    std::fs::write(&path, text)?;
    Ok(path)
}

fn render(results: &[(&Scenario, Report)], about: &str) -> String {
    let mut out = format!("{about}\n\n");
    out.push_str(
        "| # | fault | runs | jobs | lost | duplicated | worst recovery | target | held |\n",
    );
    out.push_str("|---|---|---|---|---|---|---|---|---|\n");
    for (scenario, report) in results {
        let worst = report
            .worst_recovery_s
            .map_or_else(|| "–".to_owned(), |s| format!("{s:.2} s"));
        let held = if report.violations.is_empty() {
            "yes"
        } else {
            "**no**"
        };
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {worst} | {} | {held} |",
            scenario.number,
            scenario.fault,
            report.runs,
            report.submitted,
            report.lost,
            report.duplicated,
            scenario.target,
        )
        .unwrap();
    }
    out.push_str("\nWhat the runs noted:\n\n");
    for (scenario, report) in results {
        for note in &report.notes {
            writeln!(out, "- {}: {note}.", scenario.number).unwrap();
        }
    }
    out.push_str("\nNot covered yet:\n\n");
    for (what, why) in NOT_YET {
        writeln!(out, "- {what}: {why}.").unwrap();
    }
    out.push('\n');
    out
}
