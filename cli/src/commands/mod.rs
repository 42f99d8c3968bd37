//! What each command does: one file a verb.

mod audit;
mod bench;
mod config;
pub(crate) mod demo;
mod doctor;
mod document;
pub(crate) mod ingest;
mod job;
mod parse;
mod parts;
mod query;
mod queue;
mod role;
mod schedule;
mod tail;
mod workers;

use graphmill_config::{Config, Sources};

use self::job::operate::{Verb, run as operate};
use crate::{
    args::{
        BenchCommand, Command, ConfigCommand, DocumentCommand, GlobalArguments, JobCommand,
        QueueCommand,
    },
    client::Client,
    failure::{Exit, UsageError},
    output::Output,
};

/// What every command starts from.
pub(crate) struct Context {
    /// How to print.
    pub(crate) output: Output,
    sources: Sources,
}

impl Context {
    pub(crate) fn new(global: &GlobalArguments, output: Output) -> Self {
        let mut sources = Sources::from_environment(global.config.clone(), global.settings.clone());
        if let Some(url) = &global.api_url {
            sources.set("api.url", url);
        }
        Self { output, sources }
    }

    /// Loads the settings and prints their warnings.
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        self.config_with::<&str>(&[])
    }

    /// Loads the settings with some that win over all others.
    pub(crate) fn config_with<K: AsRef<str>>(
        &self,
        settings: &[(K, String)],
    ) -> anyhow::Result<Config> {
        let mut sources = self.sources.clone();
        for (key, value) in settings {
            sources.set(key.as_ref(), value);
        }
        let (config, warnings) = Config::load(sources)?;
        for warning in warnings {
            self.output.warn(&warning.to_string());
        }
        Ok(config)
    }

    /// A client of the API that the settings name.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        Client::new(&self.config()?)
    }
}

/// Runs the command that was typed.
pub(crate) async fn run(command: Command, context: Context) -> anyhow::Result<Exit> {
    match command {
        Command::Dev => role::dev(&context).await,
        Command::Api => role::api(&context).await,
        Command::Worker(arguments) => role::worker(&context, &arguments.queues).await,
        Command::Doctor => doctor::run(&context).await,
        Command::Demo(arguments) => demo::run(&context, arguments).await,
        Command::Ingest(arguments) => ingest::run(&context, arguments).await,
        Command::Parse(arguments) => parse::run(&context, arguments).await,
        Command::Query(arguments) => query::run(&context, arguments).await,
        Command::Document(DocumentCommand::List(arguments)) => {
            document::list::run(&context, arguments).await
        }
        Command::Document(DocumentCommand::Show(argument)) => {
            document::show::run(&context, argument).await
        }
        Command::Document(DocumentCommand::Delete(arguments)) => {
            document::delete::run(&context, arguments).await
        }
        Command::Job(JobCommand::List(arguments)) => job::list::run(&context, arguments).await,
        Command::Job(JobCommand::Show(argument)) => job::show::run(&context, argument).await,
        Command::Job(JobCommand::Why(argument)) => job::why::run(&context, argument).await,
        Command::Job(JobCommand::Submit(arguments)) => job::submit::run(&context, arguments).await,
        Command::Job(JobCommand::Retry(jobs)) => operate(&context, Verb::Retry, jobs).await,
        Command::Job(JobCommand::Promote(jobs)) => operate(&context, Verb::Promote, jobs).await,
        Command::Job(JobCommand::Cancel(jobs)) => operate(&context, Verb::Cancel, jobs).await,
        Command::Job(JobCommand::Delete(jobs)) => operate(&context, Verb::Delete, jobs).await,
        Command::Job(JobCommand::Snooze(arguments)) => {
            job::operate::snooze(&context, arguments).await
        }
        Command::Job(JobCommand::Payload(arguments)) => {
            job::payload::run(&context, arguments).await
        }
        Command::Job(JobCommand::Export(filter)) => job::transfer::export(&context, filter).await,
        Command::Job(JobCommand::Import(arguments)) => {
            job::transfer::import(&context, arguments).await
        }
        Command::Workers => workers::run(&context).await,
        Command::Schedule(command) => schedule::run(&context, command).await,
        Command::Tail(arguments) => tail::run(&context, arguments).await,
        Command::Queue(QueueCommand::List) => queue::list::run(&context).await,
        Command::Queue(QueueCommand::Pause(argument)) => {
            queue::pause::run(&context, &argument.queue, "pause").await
        }
        Command::Queue(QueueCommand::Resume(argument)) => {
            queue::pause::run(&context, &argument.queue, "resume").await
        }
        Command::Queue(QueueCommand::Purge(arguments)) => {
            queue::purge::run(&context, arguments).await
        }
        Command::Audit(arguments) => audit::run(&context, &arguments).await,
        Command::Config(ConfigCommand::Show) => config::show::run(&context),
        Command::Config(ConfigCommand::Check) => config::check::run(&context),
        Command::Config(ConfigCommand::Reference) => config::reference::run(&context),
        Command::Bench(BenchCommand::Queue(arguments)) => {
            bench::queue::run(&context, arguments).await
        }
        Command::Bench(BenchCommand::Worker(arguments)) => bench::worker::run(arguments).await,
        Command::ParserChild => {
            unreachable!("`main` handles the parser child before a runtime exists")
        }
    }
}

/// Takes an id for use in a path. Ids are UUIDs; anything else never names something, and could change the path.
fn id_in_path(id: &str) -> anyhow::Result<&str> {
    let valid = id.len() == 36
        && id
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if valid {
        return Ok(id);
    }
    Err(UsageError {
        message: format!(
            "`{id}` is not an id; expected a UUID such as 0190b6a4-7c1e-7f3a-9d52-3b8f6e1c2a47"
        ),
        hint: "`graphmill document list` and `graphmill job list` show the ids",
    }
    .into())
}
