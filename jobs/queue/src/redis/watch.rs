//! What is looked at to tell why a job does not run: limits, places in line, workers.

use std::{collections::BTreeMap, time::Duration};

use redis::Value;

use super::{Shared, codec, inspect::read_rule, keys, reply, scripts};
use crate::{
    Error, JobId, JobState, Result,
    broker::{Placement, ReadyJobs, Scope, ScopeRule},
    workers::WorkerInfo,
};

impl Shared {
    /// See [`crate::Broker::scopes`]. Queues hold copies of the rules of kinds and tenants, and a bucket of their own for
    /// each: the one that opens last is told of.
    pub(super) async fn scopes(&self) -> Result<Vec<ScopeRule>> {
        let mut rules = BTreeMap::new();
        let mut everywhere = redis::cmd("HGETALL");
        everywhere.arg(keys::rules_key(self.link.prefix()));
        for (name, rule) in reply::text_pairs(self.link.call(&everywhere, true).await?)? {
            let rule = scope_rule(scope_of("", &name)?, &rule)?;
            rules.insert(rule.scope.clone(), rule);
        }
        for queue in self.read_queues().await? {
            let answer = self
                .link
                .eval(&scripts::SCOPES, &queue, &self.arguments(), true)
                .await?;
            let [now, found] = reply::parts(answer)?;
            let now = reply::number(now)?;
            let mut found = reply::array(found)?.into_iter();
            while let (Some(name), Some(rule), Some(wait)) =
                (found.next(), found.next(), found.next())
            {
                let rule = scope_rule(scope_of(&queue, &reply::text(name)?)?, &reply::text(rule)?)?;
                let wait = reply::number(wait)?;
                let opens_at = (wait > 0).then(|| codec::instant(now + wait));
                let known = rules.entry(rule.scope.clone()).or_insert(rule);
                known.opens_at = known.opens_at.max(opens_at);
            }
        }
        Ok(rules.into_values().collect())
    }

    /// See [`crate::Broker::placement`].
    pub(super) async fn placement(&self, id: JobId) -> Result<Option<Placement>> {
        let Some(queue) = self.queue_of(id).await? else {
            return Ok(None);
        };
        let mut arguments = self.arguments();
        arguments.push(id.as_uuid().as_bytes());
        let answer = self
            .link
            .eval(&scripts::PLACEMENT, &queue, &arguments, true)
            .await?;
        let parts = reply::array(answer)?;
        if parts.is_empty() {
            return Ok(None);
        }
        let [ahead, exact] = reply::parts(Value::Array(parts))?;
        Ok(Some(Placement {
            ahead: reply::number(ahead)?.max(0) as u64,
            exact: reply::number(exact)? == 1,
        }))
    }

    /// See [`crate::Broker::ready`].
    pub(super) async fn ready(&self) -> Result<Vec<ReadyJobs>> {
        let mut all = Vec::new();
        for queue in self.read_queues().await? {
            let stats = self.stats(&queue).await?;
            let mut sums = BTreeMap::<_, u64>::new();
            for (state, lane, count) in &stats.counts {
                if *state == JobState::Ready
                    && *count > 0
                    && let Some(lane) = stats.lanes.get(lane)
                {
                    let key = (&lane.kind, lane.schema_version, &lane.tenant);
                    *sums.entry(key).or_default() += count;
                }
            }
            all.extend(
                sums.into_iter()
                    .map(|((kind, schema_version, tenant), jobs)| ReadyJobs {
                        queue: queue.clone(),
                        kind: kind.clone(),
                        schema_version,
                        tenant: tenant.clone(),
                        jobs,
                        run_ms_avg: stats.run_ms_avg(kind),
                    }),
            );
        }
        all.sort_by(|a, b| (&a.queue, &a.kind).cmp(&(&b.queue, &b.kind)));
        Ok(all)
    }

    /// See [`crate::Broker::report_worker`].
    pub(super) async fn report_worker(&self, info: &WorkerInfo, ttl: Duration) -> Result<()> {
        let text =
            serde_json::to_string(info).map_err(|error| Error::Invalid(error.to_string()))?;
        let mut arguments = self.arguments();
        arguments
            .push(info.id.as_str())
            .push_number(ttl.as_millis())
            .push(text);
        self.link
            .eval(&scripts::REPORT, "", &arguments, true)
            .await
            .map(drop)
    }

    /// See [`crate::Broker::workers`].
    pub(super) async fn workers(&self) -> Result<Vec<WorkerInfo>> {
        let mut workers = BTreeMap::new();
        let mut cursor = "0".to_owned();
        loop {
            let mut arguments = self.arguments();
            arguments.push(&cursor);
            let answer = self
                .link
                .eval(&scripts::WORKERS, "", &arguments, true)
                .await?;
            let [next, alive] = reply::parts(answer)?;
            for text in reply::array(alive)? {
                match read_worker(&reply::bytes(text)?) {
                    Ok(info) => drop(workers.insert(info.id.clone(), info)),
                    // Of a version that says other things: the list goes on without it.
                    Err(error) => tracing::debug!(error = %error, "worker's report cannot be read"),
                }
            }
            cursor = reply::text(next)?;
            if cursor == "0" {
                return Ok(workers.into_values().collect());
            }
        }
    }
}

fn read_worker(bytes: &[u8]) -> Result<WorkerInfo> {
    let mut reader = codec::Reader::new(bytes);
    let seen_at = reader.ms()?;
    let mut info: WorkerInfo = serde_json::from_slice(reader.rest())
        .map_err(|error| Error::Corrupt(format!("a worker's report: {error}")))?;
    info.seen_at = codec::instant(seen_at);
    Ok(info)
}

/// Reads the name of a scope as the scripts know it.
fn scope_of(queue: &str, name: &str) -> Result<Scope> {
    match (name.get(..1), name.get(1..)) {
        (Some("q"), _) => Ok(Scope::Queue(queue.to_owned())),
        (Some("k"), Some(kind)) => Ok(Scope::Kind(kind.to_owned())),
        (Some("t"), Some(tenant)) => Ok(Scope::Tenant(tenant.to_owned())),
        _ => Err(Error::Corrupt(format!("{name:?} is no scope"))),
    }
}

fn scope_rule(scope: Scope, rule: &str) -> Result<ScopeRule> {
    let (paused, limits) = read_rule(rule)?;
    Ok(ScopeRule {
        scope,
        paused,
        limits,
        opens_at: None,
    })
}
