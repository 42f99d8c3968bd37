//! Settings, and what stands in their way.

// Writing to a `String` cannot fail, so the results of `write!` are dropped below.
use std::fmt::Write as _;

use graphmill_config::{Origin, Setting};
use graphmill_pipeline::doctor::{Finding, Severity};

use crate::table::{Table, fixed, text};

pub(crate) fn settings(settings: &[Setting], width: usize) -> String {
    let mut table = Table::new([fixed("SETTING"), text("VALUE"), text("FROM")]);
    for Setting { key, value, origin } in settings {
        let from = if *origin == Origin::Default {
            String::new()
        } else {
            origin.to_string()
        };
        table.row([key.clone(), value.to_string(), from]);
    }
    table.render(width)
}

pub(crate) fn findings(findings: &[Finding]) -> String {
    let mut text = String::new();
    let mut counts = [0, 0];
    for finding in findings {
        let word = match finding.severity {
            Severity::Ok => "ok",
            Severity::Warning => {
                counts[1] += 1;
                "warning"
            }
            Severity::Error => {
                counts[0] += 1;
                "error"
            }
        };
        let _ = writeln!(text, "{word:<8} {:<18} {}", finding.code, finding.message);
        if let Some(hint) = &finding.hint {
            let _ = writeln!(text, "{:27} hint: {hint}", "");
        }
    }
    let [errors, warnings] = counts;
    let _ = writeln!(text, "\n{errors} errors, {warnings} warnings");
    text
}
