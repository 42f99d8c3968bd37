//! `graphmill schedule …`

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, job::payload::read_json};
use crate::{
    args::{ScheduleCommand, SchedulePutArguments},
    failure::{Exit, UsageError},
    table::{Table, fixed, text},
};

#[derive(Debug, Deserialize)]
struct Schedule {
    name: String,
    cron: String,
    timezone: String,
    catch_up: String,
    paused: bool,
    job: Template,
    next: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Template {
    kind: String,
    queue: String,
}

#[derive(Debug, Deserialize)]
struct List {
    items: Vec<Schedule>,
}

pub(crate) async fn run(context: &Context, command: ScheduleCommand) -> anyhow::Result<Exit> {
    match command {
        ScheduleCommand::List => list(context).await,
        ScheduleCommand::Put(arguments) => put(context, arguments).await,
        ScheduleCommand::Pause(schedule) => steer(context, &schedule.name, "pause").await,
        ScheduleCommand::Resume(schedule) => steer(context, &schedule.name, "resume").await,
        ScheduleCommand::Delete(schedule) => delete(context, &schedule.name).await,
    }
}

fn path(name: &str) -> anyhow::Result<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || !name.chars().all(plain) {
        return Err(UsageError {
            message: format!("`{name}` is no name of a schedule"),
            hint: "letters, digits, `.`, `_` and `-`, such as nightly-cleanup",
        }
        .into());
    }
    Ok(format!("/api/schedules/{name}"))
}

fn render(schedules: &[Schedule], width: usize) -> String {
    if schedules.is_empty() {
        return "no schedules".to_owned();
    }
    let mut table = Table::new([
        text("NAME"),
        fixed("CRON"),
        fixed("ZONE"),
        fixed("KIND"),
        fixed("QUEUE"),
        fixed("CATCH UP"),
        fixed("NEXT"),
    ]);
    for schedule in schedules {
        let next = match schedule.next.first() {
            _ if schedule.paused => "paused",
            Some(next) => next,
            None => "never",
        };
        table.row([
            schedule.name.clone(),
            schedule.cron.clone(),
            schedule.timezone.clone(),
            schedule.job.kind.clone(),
            schedule.job.queue.clone(),
            schedule.catch_up.clone(),
            next.to_owned(),
        ]);
    }
    table.render(width)
}

async fn list(context: &Context) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let reply = client.get::<List>("/api/schedules", &[]).await?;
    context.output.data(&reply.raw, || {
        render(&reply.view.items, context.output.width())
    })?;
    Ok(Exit::Success)
}

async fn put(context: &Context, arguments: SchedulePutArguments) -> anyhow::Result<Exit> {
    let body = json!({
        "cron": arguments.cron,
        "timezone": arguments.timezone,
        "catch_up": arguments.catch_up,
        "job": {
            "kind": arguments.kind,
            "queue": arguments.queue,
            "payload": read_json(&arguments.payload).await?,
        },
    });
    let client = context.client()?;
    let reply = client
        .put::<Schedule>(&path(&arguments.name)?, &body)
        .await?;
    context
        .output
        .data(&reply.raw, || render(&[reply.view], context.output.width()))?;
    Ok(Exit::Success)
}

async fn steer(context: &Context, name: &str, verb: &str) -> anyhow::Result<Exit> {
    let path = format!("{}/{verb}", path(name)?);
    let reply = context
        .client()?
        .post::<Schedule>(&path, &json!({}))
        .await?;
    context
        .output
        .data(&reply.raw, || render(&[reply.view], context.output.width()))?;
    Ok(Exit::Success)
}

async fn delete(context: &Context, name: &str) -> anyhow::Result<Exit> {
    let reply = context.client()?.delete::<Value>(&path(name)?).await?;
    context
        .output
        .data(&reply.raw, || format!("schedule {name} is deleted"))?;
    Ok(Exit::Success)
}
