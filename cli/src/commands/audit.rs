//! `graphmill audit [--repair]`

use serde::Deserialize;
use serde_json::json;

use super::Context;
use crate::{args::AuditArguments, failure::Exit};

#[derive(Debug, Deserialize)]
struct Audit {
    accepted: u64,
    pruned: u64,
    present: u64,
    unaccounted: i64,
    /// Only a ledger knows these.
    unknown_to_broker: Option<u64>,
    unsettled: Option<u64>,
}

pub(crate) async fn run(context: &Context, arguments: &AuditArguments) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let reply = if arguments.repair {
        client
            .post::<Audit>("/api/audit/repair", &json!({}))
            .await?
    } else {
        client.get::<Audit>("/api/audit", &[]).await?
    };
    let audit = &reply.view;
    context.output.data(&reply.raw, || render(audit))?;
    Ok(if audit.unaccounted == 0 {
        Exit::Success
    } else {
        Exit::Failed
    })
}

fn render(audit: &Audit) -> String {
    let known = [
        ("accepted", Some(audit.accepted.to_string())),
        ("pruned", Some(audit.pruned.to_string())),
        ("present", Some(audit.present.to_string())),
        (
            "to dispatch",
            audit.unknown_to_broker.map(|n| n.to_string()),
        ),
        ("to settle", audit.unsettled.map(|n| n.to_string())),
        ("unaccounted", Some(audit.unaccounted.to_string())),
    ];
    let lines = known
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name:<12} {:>12}", value?)));
    lines.collect::<Vec<_>>().join("\n")
}
