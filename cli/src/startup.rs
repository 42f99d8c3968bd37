//! What is looked at before the system opens anything: a server that would lose jobs, or that cannot be worked with, ends
//! the start; one that is only not there yet does not.

use std::time::Duration;

use graphmill_config::Config;
use graphmill_pipeline::doctor::{self, Finding, Severity, examine_redis};
use tracing::{error, info, warn};

use crate::failure::UnfitServer;

/// How often a server that was away at the start is looked for.
const AGAIN_EVERY: Duration = Duration::from_secs(5);

/// Checks the Redis of the settings, if they name one. Warnings are logged.
///
/// # Errors
/// [`UnfitServer`] with everything that makes work impossible.
pub(crate) async fn check_redis(config: &Config) -> anyhow::Result<()> {
    let findings = examine_redis(config).await;
    if findings.iter().any(Finding::is_away) {
        for finding in &findings {
            warn!(
                code = finding.code,
                hint = finding.hint,
                "{}; going on without it until it is there",
                finding.message
            );
        }
        tokio::spawn(check_when_there(config.clone()));
        return Ok(());
    }
    let (fatal, rest): (Vec<_>, Vec<_>) = findings
        .into_iter()
        .partition(|finding| finding.severity == Severity::Error);
    if !fatal.is_empty() {
        return Err(UnfitServer { findings: fatal }.into());
    }
    log(&rest);
    Ok(())
}

/// Takes the keys in Redis for this system. A Redis that comes late is not asked: whoever started first has it by then.
///
/// # Errors
/// [`UnfitServer`] where another system has them.
pub(crate) async fn claim_redis(config: &Config) -> anyhow::Result<()> {
    match doctor::claim_redis(config).await? {
        Some(finding) => Err(UnfitServer {
            findings: vec![finding],
        }
        .into()),
        None => Ok(()),
    }
}

/// A server that comes late may be as unfit as one that was there. The process runs by then and serves what needs no
/// Redis, so it says so instead of ending.
async fn check_when_there(config: Config) {
    loop {
        tokio::time::sleep(AGAIN_EVERY).await;
        let findings = examine_redis(&config).await;
        if !findings.iter().any(Finding::is_away) {
            info!("Redis is there");
            return log(&findings);
        }
    }
}

fn log(findings: &[Finding]) {
    for Finding {
        severity,
        code,
        message,
        hint,
    } in findings
    {
        match severity {
            Severity::Ok => {}
            Severity::Warning => warn!(code, hint, "{message}"),
            Severity::Error => error!(code, hint, "{message}"),
        }
    }
}
