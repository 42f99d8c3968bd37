//! `graphmill dev`, `api` and `worker`: a role of the system in this process until it is told to end.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::Context as _;
use graphmill_config::Config;
use serde_json::{Value, json};

use super::Context;
use crate::{
    args::QueueSlots,
    failure::{Exit, UsageError},
    logging, signals,
    system::{self, Role, RunningSystem},
};

pub(crate) async fn dev(context: &Context) -> anyhow::Result<Exit> {
    run(context, Role::Dev, context.config()?).await
}

pub(crate) async fn api(context: &Context) -> anyhow::Result<Exit> {
    run(context, Role::Api, context.config()?).await
}

pub(crate) async fn worker(context: &Context, queues: &[QueueSlots]) -> anyhow::Result<Exit> {
    let config = context.config()?;
    let config = if queues.is_empty() {
        config
    } else {
        context.config_with(&only(&config, queues)?)?
    };
    run(context, Role::Worker, config).await
}

/// Turns `--queues` into settings: those queues and no others, with the slots given or those of the settings.
fn only(config: &Config, queues: &[QueueSlots]) -> anyhow::Result<Vec<(String, String)>> {
    let known = &config.worker.queues;
    let mut slots: BTreeMap<&str, String> = known
        .keys()
        .map(|queue| (queue.as_str(), "0".to_owned()))
        .collect();
    for QueueSlots {
        queue,
        slots: given,
    } in queues
    {
        let given = match (given, known.get(queue)) {
            (Some(given), _) => given.clone(),
            (None, Some(configured)) => configured.to_string(),
            (None, None) => {
                return Err(UsageError {
                    message: format!("queue `{queue}` has no slots in the settings"),
                    hint: "write `--queues NAME=SLOTS`; `graphmill config show` lists the queues",
                }
                .into());
            }
        };
        slots.insert(queue, given);
    }
    Ok(slots
        .into_iter()
        .map(|(queue, slots)| (format!("worker.queues.{queue}"), slots))
        .collect())
}

async fn run(context: &Context, role: Role, config: Config) -> anyhow::Result<Exit> {
    config.supported()?;
    if role != Role::Dev && !config.is_shared() {
        return Err(UsageError {
            message: format!(
                "`graphmill {}` is one of several processes, and without `redis.url` jobs wait in a file that one process owns",
                role.as_str()
            ),
            hint: "set `redis.url` (GRAPHMILL_REDIS_URL), or run everything in one process with `graphmill dev`",
        }
        .into());
    }
    logging::start(&config.telemetry, context.output.colours())?;
    let interruption = signals::interruption()?;
    let data_dir = config.data_dir.clone();
    let queues: BTreeMap<String, usize> = config
        .worker
        .served_queues()
        .map(|(queue, slots)| (queue.to_owned(), slots))
        .collect();
    let system = tokio::select! {
        system = system::start(config, role) => system?,
        () = interruption.cancelled() => return Ok(Exit::Interrupted),
    };
    let (json, text) = greeting(role, &system, &data_dir, &queues);
    context.output.data(&json, || text)?;
    let mut join = system.join;
    tokio::select! {
        ended = &mut join => {
            ended.context("the system panicked")??;
            anyhow::bail!("the system ended by itself");
        }
        () = interruption.cancelled() => {
            context.output.note("ending; open requests and jobs have a moment (Ctrl-C again ends at once)");
            system.shutdown.cancel();
            join.await.context("the system panicked")??;
        }
    }
    Ok(Exit::Success)
}

/// What a started role says, as JSON and as text.
fn greeting(
    role: Role,
    system: &RunningSystem,
    data_dir: &PathBuf,
    queues: &BTreeMap<String, usize>,
) -> (Value, String) {
    let url = format!("http://{}", system.address);
    let data = data_dir.display();
    match role {
        Role::Dev | Role::Api => {
            let next = if role == Role::Dev {
                "`graphmill ingest PATH --wait`, `graphmill query TEXT`"
            } else {
                "`graphmill worker` in another terminal, `graphmill ingest PATH --wait`"
            };
            (
                json!({ "url": url, "data_dir": data_dir }),
                format!(
                    "graphmill listens on {url}\ndata in {data}\n\nnext: {next}; Ctrl-C ends it"
                ),
            )
        }
        Role::Worker => {
            let served: Vec<String> = queues
                .iter()
                .map(|(queue, slots)| format!("{queue} ({slots})"))
                .collect();
            (
                json!({ "health_url": url, "data_dir": data_dir, "queues": queues }),
                format!(
                    "graphmill runs jobs of {}\nhealth and metrics on {url}\ndata in {data}\n\nCtrl-C ends it",
                    served.join(", ")
                ),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_that_are_named_are_served_and_no_others() {
        let named = |queue: &str, slots: Option<&str>| QueueSlots {
            queue: queue.to_owned(),
            slots: slots.map(str::to_owned),
        };
        let config = Config::defaults();
        let chosen = only(
            &config,
            &[
                named("graph", None),
                named("documents", Some("3")),
                named("mail", Some("auto")),
            ],
        )
        .unwrap();
        let chosen: Vec<(&str, &str)> = chosen
            .iter()
            .map(|(key, slots)| (key.as_str(), slots.as_str()))
            .collect();
        assert_eq!(
            chosen,
            [
                ("worker.queues.control", "0"),
                ("worker.queues.documents", "3"),
                ("worker.queues.embedding", "0"),
                ("worker.queues.graph", "2"),
                ("worker.queues.mail", "auto"),
            ]
        );
        let unknown = only(&config, &[named("grahp", None)]).unwrap_err();
        assert!(unknown.to_string().contains("grahp"), "{unknown}");
    }
}
