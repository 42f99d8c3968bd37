//! What can be typed. No logic: [`crate::commands`] gives it meaning.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

/// Documents in, jobs run, knowledge base out.
#[derive(Debug, Parser)]
#[command(name = "graphmill", version, about, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: GlobalArguments,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The table of exit codes; `failure::Exit` holds the numbers.
const EXIT_CODES: &str = "\
Exit codes:
  0    everything asked for was done
  1    something failed: a document, a job, a request
  2    wrong usage or settings, or a Redis that cannot be worked with
  3    the API cannot be reached
  4    the port is in use, or another process uses the data folder
  130  interrupted";

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArguments {
    /// Settings file [default: $GRAPHMILL_CONFIG, else graphmill.toml if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Sets any setting, for this command only (repeatable)
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = parse_setting)]
    pub(crate) settings: Vec<(String, String)>,
    /// Where the API is; the same as --set api.url=URL
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) api_url: Option<String>,
    /// Prints one JSON value instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No progress, no notes
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// No colours
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err("expected KEY=VALUE, such as queue.lease=30s".to_owned()),
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "expected a duration such as 30s, 10m or 2h".to_owned())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the whole system in this process: API and workers
    Dev,
    /// Runs the HTTP API; jobs are left to `graphmill worker` (needs redis.url)
    Api,
    /// Runs jobs; as many processes as you like (needs redis.url)
    Worker(WorkerArguments),
    /// Shows the system at work: starts it, ingests a small corpus, asks three questions
    Demo(DemoArguments),
    /// Submits files and folders
    Ingest(IngestArguments),
    /// Reads files as a worker would and shows what comes out; nothing is stored
    Parse(ParseArguments),
    /// Searches the knowledge base
    Query(QueryArguments),
    /// Documents and their state
    #[command(subcommand)]
    Document(DocumentCommand),
    /// Jobs and their state
    #[command(subcommand)]
    Job(JobCommand),
    /// Queues and their length
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Workers that are alive, with their slots
    Workers,
    /// Jobs by the clock
    #[command(subcommand)]
    Schedule(ScheduleCommand),
    /// Prints what happens to jobs, as it happens
    Tail(TailArguments),
    /// Settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Recounts: is every accepted job somewhere? Exit code 1 unless it is
    Audit(AuditArguments),
    /// Measures this machine
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Says what stands in the way of running with these settings: folder, database, Redis, models
    Doctor,
    /// Parses documents sent by the worker that started it
    #[command(hide = true)]
    ParserChild,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArguments {
    /// Serves these queues only: documents,graph=4 (slots not given are those of worker.queues)
    #[arg(long, value_name = "QUEUE[=SLOTS]", value_delimiter = ',', value_parser = parse_queue)]
    pub(crate) queues: Vec<QueueSlots>,
}

/// A queue with the slots that were given for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueueSlots {
    pub(crate) queue: String,
    pub(crate) slots: Option<String>,
}

fn parse_queue(text: &str) -> Result<QueueSlots, String> {
    let (queue, slots) = match text.split_once('=') {
        Some((queue, slots)) => (queue.trim(), Some(slots.trim().to_owned())),
        None => (text.trim(), None),
    };
    if queue.is_empty() {
        return Err("expected QUEUE or QUEUE=SLOTS, such as documents or graph=4".to_owned());
    }
    Ok(QueueSlots {
        queue: queue.to_owned(),
        slots,
    })
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Keeps the documents and the knowledge base in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct IngestArguments {
    /// Files and folders; hidden files are left out, links are not followed out of a folder
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Waits until every document is completed or failed
    #[arg(long)]
    pub(crate) wait: bool,
    /// Gives up waiting after this long
    #[arg(long, value_name = "DURATION", requires = "wait", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// Uploads that run at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) concurrency: u16,
}

#[derive(Debug, Args)]
pub(crate) struct ParseArguments {
    /// Files and folders; hidden files are left out, links are not followed out of a folder
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Prints the text
    #[arg(long)]
    pub(crate) text: bool,
    /// Prints the chunks
    #[arg(long)]
    pub(crate) chunks: bool,
}

#[derive(Debug, Args)]
pub(crate) struct QueryArguments {
    /// The question; several words need no quotes
    #[arg(required = true, value_name = "TEXT")]
    pub(crate) text: Vec<String>,
    /// Where to look
    #[arg(long, value_enum, default_value_t = QueryMode::Hybrid)]
    pub(crate) mode: QueryMode,
    /// The most results
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) limit: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QueryMode {
    /// By meaning: vectors
    Naive,
    /// By what is connected: the graph
    Local,
    /// Vectors, words and graph together
    Hybrid,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DocumentCommand {
    /// Lists documents, the newest first
    List(DocumentListArguments),
    /// Shows a document with its stages
    Show(IdArgument),
    /// Deletes documents with all that only they support
    Delete(DocumentDeleteArguments),
}

#[derive(Debug, Args)]
pub(crate) struct IdArgument {
    /// The id, as lists show it
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct DocumentListArguments {
    /// Only with this status: pending, processing, searchable, completed, failed, deleting
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// Only of this type: pdf, docx, xlsx, html, eml, …
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) file_type: Option<String>,
    /// The most rows
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct DocumentDeleteArguments {
    /// Their ids
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Does not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// Lists jobs, the newest first
    List(JobListArguments),
    /// Shows a job with its failed attempts
    Show(IdArgument),
    /// Says why a job does not run, or what became of it
    Why(IdArgument),
    /// Submits a job of any kind
    Submit(JobSubmitArguments),
    /// Makes jobs run again, or now
    Retry(OperateArguments),
    /// Makes jobs that wait for their time run now
    Promote(OperateArguments),
    /// Makes jobs wait
    Snooze(SnoozeArguments),
    /// Ends jobs
    Cancel(OperateArguments),
    /// Deletes jobs that have ended
    Delete(OperateArguments),
    /// Gives a dead job another payload, for its next retry
    Payload(JobPayloadArguments),
    /// Writes jobs as NDJSON to standard output
    Export(JobFilterArguments),
    /// Submits jobs from NDJSON: an export, or jobs of your own
    Import(JobImportArguments),
}

#[derive(Debug, Args)]
pub(crate) struct JobListArguments {
    #[command(flatten)]
    pub(crate) filter: JobFilterArguments,
    /// The most rows
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
}

/// Which jobs are meant.
#[derive(Debug, Args)]
pub(crate) struct JobFilterArguments {
    /// In one of these states: scheduled, waiting, ready, running, retrying, completed, cancelled, dead
    #[arg(long, value_delimiter = ',')]
    pub(crate) state: Vec<String>,
    /// Of this queue
    #[arg(long)]
    pub(crate) queue: Option<String>,
    /// Of this kind: document.process, …
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// With this tag
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// Whose last error has this code
    #[arg(long, value_name = "CODE")]
    pub(crate) error_code: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct OperateArguments {
    /// One job; without it, those of the filter
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) filter: JobFilterArguments,
    /// Every job
    #[arg(long)]
    pub(crate) all: bool,
    /// Only counts
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Does not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SnoozeArguments {
    #[command(flatten)]
    pub(crate) jobs: OperateArguments,
    /// How long they wait: 30m, 2h
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) duration: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct JobSubmitArguments {
    /// The kind: names the handler
    pub(crate) kind: String,
    /// The payload as JSON; `@FILE` reads a file, `-` standard input
    #[arg(default_value = "null", value_name = "JSON")]
    pub(crate) payload: String,
    /// The queue
    #[arg(long)]
    pub(crate) queue: String,
    /// urgent, high, normal or low
    #[arg(long, default_value = "normal")]
    pub(crate) priority: String,
    /// Waits so long first
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) delay: Option<Duration>,
    /// No second job with this key until this one has ended
    #[arg(long, value_name = "KEY")]
    pub(crate) unique: Option<String>,
    /// Words to find it by (repeatable)
    #[arg(long)]
    pub(crate) tag: Vec<String>,
    /// Attempts that may fail, 1-100
    #[arg(long, value_name = "N")]
    pub(crate) max_attempts: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct JobPayloadArguments {
    /// The id, as lists show it
    pub(crate) id: String,
    /// The payload as JSON; `@FILE` reads a file, `-` standard input
    #[arg(value_name = "JSON")]
    pub(crate) payload: String,
}

#[derive(Debug, Args)]
pub(crate) struct JobImportArguments {
    /// A file of NDJSON; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// Lists schedules with their next tick
    List,
    /// Adds a schedule, or changes the one of that name
    Put(SchedulePutArguments),
    /// Stops a schedule; ticks that pass meanwhile are never made up for
    Pause(ScheduleArgument),
    /// Goes on with a schedule
    Resume(ScheduleArgument),
    /// Deletes a schedule
    Delete(ScheduleArgument),
}

#[derive(Debug, Args)]
pub(crate) struct ScheduleArgument {
    /// Its name
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct SchedulePutArguments {
    /// Its name
    pub(crate) name: String,
    /// When: five fields (minute hour day month weekday), or six with seconds before them
    #[arg(long)]
    pub(crate) cron: String,
    /// The time zone
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    pub(crate) timezone: String,
    /// The kind of the job that each tick submits
    #[arg(long)]
    pub(crate) kind: String,
    /// Its queue
    #[arg(long)]
    pub(crate) queue: String,
    /// Its payload as JSON; `@FILE` reads a file, `-` standard input
    #[arg(long, default_value = "null", value_name = "JSON")]
    pub(crate) payload: String,
    /// What becomes of ticks that nobody saw: skip, one (the last of them) or all
    #[arg(long, default_value = "one")]
    pub(crate) catch_up: String,
}

#[derive(Debug, Args)]
pub(crate) struct TailArguments {
    /// Only of this job
    #[arg(long, value_name = "ID")]
    pub(crate) job: Option<String>,
    /// Only of this queue
    #[arg(long)]
    pub(crate) queue: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// Lists queues with their jobs by state
    List,
    /// Stops fetching from a queue; what runs goes on
    Pause(QueueArgument),
    /// Fetches from a queue again
    Resume(QueueArgument),
    /// Empties a queue: cancels what waits, deletes what ended, stops what runs
    Purge(QueuePurgeArguments),
}

#[derive(Debug, Args)]
pub(crate) struct QueueArgument {
    /// The queue
    pub(crate) queue: String,
}

#[derive(Debug, Args)]
pub(crate) struct QueuePurgeArguments {
    /// The queue
    pub(crate) queue: String,
    /// Only counts
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Does not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArguments {
    /// Dispatches what Redis has forgotten and settles what it has finished, then recounts
    #[arg(long)]
    pub(crate) repair: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Prints every setting in effect and where it came from
    Show,
    /// Looks for mistakes in the settings
    Check,
    /// Prints the reference page: every setting with its meaning, values and default
    Reference,
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn help_names_every_command_and_exit_code() {
        let mut help = Arguments::command()
            .term_width(100)
            .render_long_help()
            .to_string();
        for name in [
            "worker", "ingest", "parse", "query", "document", "job", "schedule",
        ] {
            let mut command = Arguments::command().term_width(100);
            let command = command.find_subcommand_mut(name).unwrap();
            write!(help, "\n--- {name}\n{}", command.render_help()).unwrap();
        }
        insta::assert_snapshot!(help);
    }

    #[test]
    fn global_options_may_stand_on_either_side_of_the_command() {
        let before =
            Arguments::try_parse_from(["graphmill", "--json", "--set", "a.b=c=d", "queue", "list"])
                .unwrap();
        let after =
            Arguments::try_parse_from(["graphmill", "queue", "list", "--json", "--set", "a.b=c=d"])
                .unwrap();
        for arguments in [before, after] {
            assert!(arguments.global.json);
            assert_eq!(
                arguments.global.settings,
                [("a.b".to_owned(), "c=d".to_owned())]
            );
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// The job engine: submits and drains jobs that do nothing
    Queue(BenchQueueArguments),
    /// A worker process of the benchmark
    #[command(hide = true)]
    Worker(BenchWorkerArguments),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct BenchEngineArguments {
    /// The server: keys begin with gm-bench and are deleted at the end
    #[arg(long, value_name = "URL")]
    pub(crate) redis: String,
    /// Jobs that run at once in each worker process
    #[arg(long, value_name = "N", default_value_t = 400)]
    pub(crate) concurrency: usize,
    /// Who must have a job before its submit returns
    #[arg(long, value_enum, default_value_t = Durability::Redis)]
    pub(crate) durability: Durability,
    /// The ledger's database: postgres://… or sqlite:FILE
    #[arg(long, value_name = "URL")]
    pub(crate) sql: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BenchQueueArguments {
    #[command(flatten)]
    pub(crate) engine: BenchEngineArguments,
    /// Jobs to submit and drain
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = parse_jobs)]
    pub(crate) jobs: usize,
    /// Sets a cap and a rate that never bind on the queue, the kind and the tenant: what asking for them costs
    #[arg(long)]
    pub(crate) limits: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchWorkerArguments {
    #[command(flatten)]
    pub(crate) engine: BenchEngineArguments,
    #[arg(long)]
    pub(crate) prefix: String,
    #[arg(long)]
    pub(crate) expect: u64,
    #[arg(long)]
    pub(crate) latency: bool,
}

fn parse_jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(jobs @ 100..=10_000_000) => Ok(jobs),
        _ => Err("expected a number from 100 to 10000000".to_owned()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Durability {
    /// Redis alone
    Redis,
    /// SQL, then Redis
    Ledger,
}

impl Durability {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Ledger => "ledger",
        }
    }
}
