//! Pauses and limits: read from `job_scopes`, enforced while a fetch picks jobs.

use std::collections::HashMap;

use serde_json::json;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::engine::StepError;
use crate::broker::{Limits, Scope};

/// What holds for one scope.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    pub(super) paused: bool,
    pub(super) limits: Limits,
    bucket: Bucket,
}

/// A token bucket. It starts full; its level is memory, so a restart fills it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    tokens: f64,
    refilled_at: i64,
}

/// Every scope with a pause or a limit.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    rules: HashMap<Scope, Rule>,
}

impl Scopes {
    /// Reads them all. Buckets keep their level where `before` knows them.
    pub(super) async fn load(
        connection: &mut SqliteConnection,
        before: Option<&Self>,
        now: i64,
    ) -> Result<Self, StepError> {
        let rows = sqlx::query("SELECT * FROM job_scopes")
            .fetch_all(connection)
            .await?;
        let mut rules = HashMap::new();
        for row in &rows {
            let (scope, paused, limits) = read(row)?;
            let bucket = before
                .and_then(|before| before.rules.get(&scope))
                .map_or_else(
                    || Bucket {
                        tokens: capacity(limits),
                        refilled_at: now,
                    },
                    |rule| rule.bucket,
                );
            rules.insert(
                scope,
                Rule {
                    paused,
                    limits,
                    bucket,
                },
            );
        }
        Ok(Self { rules })
    }

    pub(super) fn is_paused(&self, scope: &Scope) -> bool {
        self.rules.get(scope).is_some_and(|rule| rule.paused)
    }

    /// Returns the tenants that are paused.
    pub(super) fn paused_tenants(&self) -> Vec<String> {
        self.rules
            .iter()
            .filter_map(|(scope, rule)| match scope {
                Scope::Tenant(name) if rule.paused => Some(name.clone()),
                _ => None,
            })
            .collect()
    }

    /// Returns the scopes that have a limit, with how many more jobs each may start now. `running` must say how many
    /// run for each scope with a limit on concurrency.
    pub(super) fn allowances(
        &mut self,
        running: &HashMap<Scope, u64>,
        now: i64,
    ) -> HashMap<Scope, u64> {
        let mut allowances = HashMap::new();
        for (scope, rule) in &mut self.rules {
            let mut allowed = u64::MAX;
            if let Some(most) = rule.limits.concurrency {
                let running = running.get(scope).copied().unwrap_or(0);
                allowed = u64::from(most).saturating_sub(running);
            }
            if rule.limits.rate_per_s.is_some() {
                rule.refill(now);
                allowed = allowed.min(rule.bucket.tokens as u64);
            }
            if allowed < u64::MAX {
                allowances.insert(scope.clone(), allowed);
            }
        }
        allowances
    }

    /// Returns the scopes whose running jobs must be counted.
    pub(super) fn with_concurrency(&self) -> Vec<Scope> {
        self.rules
            .iter()
            .filter(|(_, rule)| rule.limits.concurrency.is_some())
            .map(|(scope, _)| scope.clone())
            .collect()
    }

    /// Takes one token for a started job.
    pub(super) fn take(&mut self, scope: &Scope) {
        if let Some(rule) = self.rules.get_mut(scope)
            && rule.limits.rate_per_s.is_some()
        {
            rule.bucket.tokens -= 1.0;
        }
    }

    /// Tells whether anything is limited, so that a slot that frees may free another queue's job.
    pub(super) fn any_limits(&self) -> bool {
        self.rules
            .values()
            .any(|rule| rule.limits != Limits::default())
    }
}

impl Rule {
    fn refill(&mut self, now: i64) {
        let rate = self.limits.rate_per_s.unwrap_or(0.0);
        let elapsed_s = (now - self.bucket.refilled_at).max(0) as f64 / 1e3;
        self.bucket.tokens = (self.bucket.tokens + elapsed_s * rate).min(capacity(self.limits));
        self.bucket.refilled_at = now;
    }
}

fn capacity(limits: Limits) -> f64 {
    let rate = limits.rate_per_s.unwrap_or(0.0);
    if limits.burst > 0 {
        f64::from(limits.burst)
    } else {
        // One second's worth, and at least one job, or a slow rate would never start any.
        rate.max(1.0)
    }
}

/// Reads a row of `job_scopes`.
pub(super) fn read(row: &SqliteRow) -> Result<(Scope, bool, Limits), StepError> {
    let name = row.try_get("name")?;
    let scope = match row.try_get::<&str, _>("scope")? {
        "queue" => Scope::Queue(name),
        "kind" => Scope::Kind(name),
        _ => Scope::Tenant(name),
    };
    let limits = Limits {
        concurrency: row.try_get("concurrency")?,
        rate_per_s: row.try_get("rate_per_s")?,
        burst: row.try_get("burst")?,
        weight: None,
    };
    Ok((scope, row.try_get("paused")?, limits))
}

/// Splits a scope into its two columns.
pub(super) fn columns(scope: &Scope) -> (&'static str, &str) {
    match scope {
        Scope::Queue(name) => ("queue", name),
        Scope::Kind(name) => ("kind", name),
        Scope::Tenant(name) => ("tenant", name),
    }
}

/// Counts the running jobs of each scope.
pub(super) async fn running(
    connection: &mut SqliteConnection,
    scopes: &[Scope],
) -> Result<HashMap<Scope, u64>, StepError> {
    if scopes.is_empty() {
        return Ok(HashMap::new());
    }
    let wanted: Vec<_> = scopes
        .iter()
        .map(|scope| {
            let (scope, name) = columns(scope);
            json!([scope, name])
        })
        .collect();
    let rows = sqlx::query(include_str!("../../queries/count_running.sql"))
        .bind(serde_json::to_string(&wanted)?)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let name = row.try_get("name")?;
            let scope = match row.try_get::<&str, _>("scope")? {
                "queue" => Scope::Queue(name),
                "kind" => Scope::Kind(name),
                _ => Scope::Tenant(name),
            };
            Ok((scope, row.try_get::<i64, _>("running")? as u64))
        })
        .collect()
}
