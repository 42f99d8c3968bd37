//! How a command ends: the exit code of each kind of error, and the hint that goes with it. One table.

use std::{io, net::SocketAddr, path::PathBuf, process::ExitCode};

use graphmill_config::ConfigError;
use graphmill_pipeline::doctor::Finding;

use crate::{client::ClientError, output::Output};

/// How a command ended; `--help` and `docs/cli.md` list the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything asked for was done.
    Success = 0,
    /// Something failed.
    Failed = 1,
    /// Wrong usage or settings.
    Usage = 2,
    /// The API cannot be reached.
    Unreachable = 3,
    /// The port is in use, or the data folder is.
    InUse = 4,
    /// Interrupted.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why the system does not start, as far as a user can do something about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// Somebody listens there already.
    #[error("cannot listen on {address}: the port is in use")]
    PortInUse { address: SocketAddr },
    /// Another process works on the same data.
    #[error("the data folder `{}` is in use by another graphmill process", path.display())]
    DataDirLocked { path: PathBuf },
}

/// A server of the settings that nothing can be done with, as it is set up.
#[derive(Debug, thiserror::Error)]
#[error("{}", .findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("; "))]
pub(crate) struct UnfitServer {
    pub(crate) findings: Vec<Finding>,
}

/// Something was asked that cannot be done as asked.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct UsageError {
    pub(crate) message: String,
    pub(crate) hint: &'static str,
}

/// Prints the chain of causes and the hint, and returns the exit code.
pub(crate) fn report(error: &anyhow::Error, output: Output) -> Exit {
    if error.chain().any(is_broken_pipe) {
        // The reader has seen enough (`| head`); that is no failure.
        return Exit::Success;
    }
    let (exit, hint) = explain(error);
    output.error(&chain(error), hint.as_deref());
    exit
}

fn is_broken_pipe(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Joins the causes, leaving out one that its parent has repeated already.
fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause);
        }
    }
    text
}

fn explain(error: &anyhow::Error) -> (Exit, Option<String>) {
    for cause in error.chain() {
        if let Some(error) = cause.downcast_ref::<ConfigError>() {
            return (Exit::Usage, Some(hint_for_settings(error)));
        }
        if let Some(error) = cause.downcast_ref::<UsageError>() {
            return (Exit::Usage, Some(error.hint.to_owned()));
        }
        if let Some(error) = cause.downcast_ref::<UnfitServer>() {
            let hints = error
                .findings
                .iter()
                .filter_map(|finding| finding.hint.clone());
            return (
                Exit::Usage,
                Some(hints.collect::<Vec<_>>().join("\n      ")),
            );
        }
        if let Some(error) = cause.downcast_ref::<ClientError>() {
            return explain_client(error);
        }
        if let Some(error) = cause.downcast_ref::<StartError>() {
            return (Exit::InUse, Some(hint_for_start(error)));
        }
        if let Some(error) = cause.downcast_ref::<io::Error>()
            && error.kind() == io::ErrorKind::AddrInUse
        {
            return (Exit::InUse, Some(HINT_PORT.to_owned()));
        }
    }
    (Exit::Failed, None)
}

const HINT_PORT: &str = "take another port with `--set api.listen=127.0.0.1:0` (0 is any free one), or stop the other process";

fn hint_for_settings(error: &ConfigError) -> String {
    match error {
        ConfigError::Read { .. } => {
            "check the path given with --config or GRAPHMILL_CONFIG".to_owned()
        }
        ConfigError::Unsupported { key, .. } => {
            format!("set `{key}` to a value this build supports")
        }
        _ => "`graphmill config reference` explains every setting".to_owned(),
    }
}

fn hint_for_start(error: &StartError) -> String {
    match error {
        StartError::PortInUse { .. } => HINT_PORT.to_owned(),
        StartError::DataDirLocked { .. } => {
            "stop the other process, take another folder with `--set data_dir=DIR`, or give all processes the same `redis.url`: then they share it".to_owned()
        }
    }
}

fn explain_client(error: &ClientError) -> (Exit, Option<String>) {
    match error {
        ClientError::Unreachable { .. } => (
            Exit::Unreachable,
            Some("start it with `graphmill dev`, or pass --api-url".to_owned()),
        ),
        ClientError::Timeout { .. } => (
            Exit::Unreachable,
            Some("try again, or allow more time with `--set api.client_timeout=30s`".to_owned()),
        ),
        ClientError::Protocol { .. } => (
            Exit::Failed,
            Some("is this the address of a graphmill API? see --api-url".to_owned()),
        ),
        ClientError::BadUrl { .. } => (
            Exit::Usage,
            Some("pass --api-url http://host:port".to_owned()),
        ),
        ClientError::Problem { code, .. } => (Exit::Failed, hint_for_code(code)),
    }
}

fn hint_for_code(code: &str) -> Option<String> {
    let hint = match code {
        "document.not_found" => "`graphmill document list` shows the ids",
        "job.not_found" => {
            "`graphmill job list` shows the ids; ended jobs are pruned after a while"
        }
        "queue.full" => "too many jobs wait; try again later",
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn causes_are_joined_and_not_repeated() {
        let error = Err::<(), _>(io::Error::other("disk is full"))
            .context("cannot write: disk is full")
            .context("cannot ingest")
            .unwrap_err();
        assert_eq!(chain(&error), "cannot ingest: cannot write: disk is full");
    }

    #[test]
    fn each_kind_of_error_has_its_exit_code() {
        let of = |error: anyhow::Error| explain(&error).0;
        let address = SocketAddr::from(([127, 0, 0, 1], 8080));
        assert_eq!(of(StartError::PortInUse { address }.into()), Exit::InUse);
        assert_eq!(
            of(StartError::DataDirLocked { path: "x".into() }.into()),
            Exit::InUse
        );
        assert_eq!(
            of(anyhow::Error::from(io::Error::from(io::ErrorKind::AddrInUse)).context("start")),
            Exit::InUse
        );
        assert_eq!(
            of(ConfigError::Unsupported {
                key: "profile",
                value: "server".into(),
                reason: "x"
            }
            .into()),
            Exit::Usage
        );
        let problem = ClientError::Problem {
            status: 404,
            code: "job.not_found".into(),
            detail: "gone".into(),
            retry_after: None,
        };
        assert_eq!(of(problem.into()), Exit::Failed);
        assert_eq!(of(anyhow::anyhow!("else")), Exit::Failed);
    }
}
