//! Operations on many jobs: the API does them a part a request, and this asks on until the end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Context;
use crate::{
    client::{ClientError, Reply},
    failure::UsageError,
    output::Output,
};

/// What one request did.
#[derive(Debug, Deserialize)]
pub(super) struct Part {
    matched: u64,
    changed: u64,
    refused: BTreeMap<String, u64>,
    next_cursor: Option<String>,
}

/// What all of them did.
#[derive(Debug, Default, Serialize)]
pub(super) struct Totals {
    pub(super) dry_run: bool,
    pub(super) matched: u64,
    pub(super) changed: u64,
    /// Jobs that were not changed, by the code of the reason.
    pub(super) refused: BTreeMap<String, u64>,
}

impl Totals {
    /// Says what was done: `done` is a participle, such as "cancelled".
    pub(super) fn sentence(&self, done: &str) -> String {
        let would = if self.dry_run { "would be " } else { "" };
        let changed = format!("{} jobs, {} {would}{done}", self.matched, self.changed);
        let refused = self
            .refused
            .iter()
            .map(|(code, count)| format!("{count} refused ({code})"));
        let parts: Vec<_> = std::iter::once(changed).chain(refused).collect();
        parts.join(", ")
    }
}

/// Calls until there is no cursor any more, and says on the way how far it is.
pub(super) async fn to_the_end(
    context: &Context,
    dry_run: bool,
    call: impl AsyncFn(Option<&str>) -> Result<Reply<Part>, ClientError>,
) -> anyhow::Result<Totals> {
    let mut totals = Totals {
        dry_run,
        ..Totals::default()
    };
    let mut cursor = None;
    loop {
        let part = call(cursor.as_deref()).await?.view;
        totals.matched += part.matched;
        totals.changed += part.changed;
        for (code, count) in part.refused {
            *totals.refused.entry(code).or_default() += count;
        }
        cursor = part.next_cursor;
        if cursor.is_none() {
            return Ok(totals);
        }
        let so_far = format!("{} of {} jobs so far", totals.changed, totals.matched);
        context.output.note(&so_far);
    }
}

/// Asks before something that cannot be undone; `--yes` answers.
pub(super) fn confirm(yes: bool, question: &str) -> anyhow::Result<()> {
    if yes || Output::confirm(question)? {
        return Ok(());
    }
    Err(UsageError {
        message: "nothing was changed".to_owned(),
        hint: "pass --yes to do it without a question, --dry-run to count only",
    }
    .into())
}
