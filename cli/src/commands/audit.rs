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
    let mut text = format!(
        "accepted     {:>12}\npruned       {:>12}\npresent      {:>12}\nunaccounted  {:>12}\n",
        audit.accepted, audit.pruned, audit.present, audit.unaccounted
    );
    if let (Some(unknown), Some(unsettled)) = (audit.unknown_to_broker, audit.unsettled) {
        text.push_str(&format!(
            "\nto dispatch  {unknown:>12}\nto settle    {unsettled:>12}\n"
        ));
    }
    text
}
