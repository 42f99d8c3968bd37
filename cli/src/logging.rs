//! Logs go to standard error, filtered and shaped by `telemetry`.

use graphmill_config::{LogFormat, TelemetryConfig};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::failure::UsageError;

/// Starts logging for a process that runs the system. Clients do not log: their errors are their output.
///
/// # Errors
/// `telemetry.log` is not a filter.
pub(crate) fn start(telemetry: &TelemetryConfig, colours: bool) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().parse(&telemetry.log).map_err(|error| UsageError {
        message: format!("`telemetry.log = \"{}\"` is not a log filter: {error}", telemetry.log),
        hint: "write a level or module=level pairs, such as `info` or `graphmill_worker=debug,info`",
    })?;
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(colours)
        .with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    // A test may have set a subscriber of its own; that one stays.
    let _ = match telemetry.log_format {
        LogFormat::Text => registry.with(layer).try_init(),
        LogFormat::Json => registry.with(layer.json()).try_init(),
    };
    Ok(())
}
