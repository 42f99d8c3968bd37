//! `graphmill job retry|promote|snooze|cancel|delete`, one job or those of a filter.

use graphmill_queue::clock::{Clock, SystemClock};
use serde_json::{Map, Value, json};

use super::super::{
    Context, id_in_path,
    parts::{confirm, to_the_end},
};
use crate::{
    args::{JobFilterArguments, OperateArguments, SnoozeArguments},
    failure::{Exit, UsageError},
    render,
    views::Job,
};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Retry,
    Promote,
    Snooze,
    Cancel,
    Delete,
}

impl Verb {
    /// Its name in the API.
    fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Promote => "promote",
            Self::Snooze => "snooze",
            Self::Cancel => "cancel",
            Self::Delete => "delete",
        }
    }

    /// What was done.
    fn done(self) -> &'static str {
        match self {
            Self::Retry => "made ready",
            Self::Promote => "promoted",
            Self::Snooze => "snoozed",
            Self::Cancel => "cancelled",
            Self::Delete => "deleted",
        }
    }
}

pub(crate) async fn snooze(context: &Context, arguments: SnoozeArguments) -> anyhow::Result<Exit> {
    let until = SystemClock.now().checked_add(arguments.duration)?;
    operate(
        context,
        Verb::Snooze,
        arguments.jobs,
        json!({ "until": until }),
    )
    .await
}

pub(crate) async fn run(
    context: &Context,
    verb: Verb,
    arguments: OperateArguments,
) -> anyhow::Result<Exit> {
    operate(context, verb, arguments, json!({})).await
}

async fn operate(
    context: &Context,
    verb: Verb,
    arguments: OperateArguments,
    more: Value,
) -> anyhow::Result<Exit> {
    let filter = as_json(&arguments.filter);
    match &arguments.id {
        Some(id) if filter.is_empty() && !arguments.all && !arguments.dry_run => {
            one(context, verb, id, &more).await
        }
        Some(_) => Err(UsageError {
            message: "an id names one job; a filter, --all and --dry-run are for many".to_owned(),
            hint: "leave out one of the two",
        }
        .into()),
        None if filter.is_empty() != arguments.all => Err(UsageError {
            message: "which jobs?".to_owned(),
            hint: "name an id, or a filter such as `--state dead --queue documents`, or --all",
        }
        .into()),
        None => many(context, verb, &arguments, filter, more).await,
    }
}

async fn one(context: &Context, verb: Verb, id: &str, body: &Value) -> anyhow::Result<Exit> {
    let path = format!("/api/jobs/{}", id_in_path(id)?);
    let client = context.client()?;
    if verb == Verb::Delete {
        let reply = client.delete::<Value>(&path).await?;
        context
            .output
            .data(&reply.raw, || format!("job {id} is deleted"))?;
        return Ok(Exit::Success);
    }
    let reply = client
        .post::<Job>(&format!("{path}/{}", verb.name()), body)
        .await?;
    context.output.data(&reply.raw, || {
        render::job(&reply.view, context.output.width())
    })?;
    Ok(Exit::Success)
}

async fn many(
    context: &Context,
    verb: Verb,
    arguments: &OperateArguments,
    filter: Map<String, Value>,
    more: Value,
) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let operate = async |dry_run: bool, cursor: Option<&str>| {
        let mut body = more.clone();
        body["operation"] = verb.name().into();
        body["dry_run"] = dry_run.into();
        body["all"] = arguments.all.into();
        body["filter"] = filter.clone().into();
        body["cursor"] = cursor.into();
        client.post("/api/jobs/operate", &body).await
    };
    let mut totals = to_the_end(context, true, async |cursor| operate(true, cursor).await).await?;
    if !arguments.dry_run && totals.changed > 0 {
        let question = format!("{} {} jobs?", verb.name(), totals.changed);
        confirm(arguments.yes, &question)?;
        totals = to_the_end(context, false, async |cursor| operate(false, cursor).await).await?;
    }
    totals.dry_run = arguments.dry_run;
    context
        .output
        .data(&totals, || totals.sentence(verb.done()))?;
    Ok(Exit::Success)
}

/// The filter as the API takes it; empty for none.
fn as_json(filter: &JobFilterArguments) -> Map<String, Value> {
    let mut fields = Map::new();
    if !filter.state.is_empty() {
        fields.insert("states".to_owned(), filter.state.clone().into());
    }
    for (name, value) in [
        ("queue", &filter.queue),
        ("kind", &filter.kind),
        ("tag", &filter.tag),
        ("error_code", &filter.error_code),
    ] {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value.clone().into());
        }
    }
    fields
}
