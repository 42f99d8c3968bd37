//! `graphmill job submit KIND [JSON] --queue QUEUE`

use graphmill_queue::clock::{Clock, SystemClock};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{super::Context, payload::read_json};
use crate::{args::JobSubmitArguments, failure::Exit};

#[derive(Debug, Deserialize)]
struct Verdicts {
    items: Vec<Verdict>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
enum Verdict {
    Accepted { id: String },
    Duplicate { id: String, state: String },
    Conflict { id: String },
    Rejected { code: String, message: String },
}

pub(crate) async fn run(context: &Context, arguments: JobSubmitArguments) -> anyhow::Result<Exit> {
    let mut job = json!({
        "kind": arguments.kind,
        "queue": arguments.queue,
        "payload": read_json(&arguments.payload).await?,
        "priority": arguments.priority,
        "tags": arguments.tag,
    });
    if let Some(delay) = arguments.delay {
        job["run_at"] = json!(SystemClock.now().checked_add(delay)?);
    }
    if let Some(key) = arguments.unique {
        job["unique"] = json!({ "key": key, "until": "done" });
    }
    if let Some(attempts) = arguments.max_attempts {
        job["max_attempts"] = attempts.into();
    }
    let client = context.client()?;
    let reply = client
        .post::<Verdicts>("/api/jobs", &json!({ "jobs": [job] }))
        .await?;
    let verdict = reply.view.items.first();
    let verdict = verdict.ok_or_else(|| anyhow::anyhow!("the API said nothing of the job"))?;
    let (text, exit) = match verdict {
        Verdict::Accepted { id } => (format!("accepted as {id}"), Exit::Success),
        Verdict::Duplicate { id, state } => {
            (format!("is there already: {id}, {state}"), Exit::Success)
        }
        Verdict::Conflict { id } => (
            format!("refused: job {id} has this key, and is another job"),
            Exit::Failed,
        ),
        Verdict::Rejected { code, message } => {
            (format!("refused: {code}: {message}"), Exit::Failed)
        }
    };
    let raw = reply
        .raw
        .pointer("/items/0")
        .cloned()
        .unwrap_or(Value::Null);
    context.output.data(&raw, || text)?;
    Ok(exit)
}
