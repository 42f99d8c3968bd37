//! What people ask for.

use jiff::Timestamp;
use redis::Value;

use super::{Shared, codec, keys, reply, scripts, scripts::Script};
use crate::{
    Error, JobId, JobRecord, Result,
    broker::{Limits, Scope},
};

impl Shared {
    /// See [`crate::Broker::cancel`].
    pub(super) async fn cancel(&self, id: JobId) -> Result<JobRecord> {
        let queue = self.queue_of(id).await?.ok_or(Error::NotFound(id))?;
        let mut arguments = self.arguments();
        arguments.push(id.as_uuid().as_bytes());
        let answer = self
            .link
            .eval(&scripts::CANCEL, &queue, &arguments, true)
            .await?;
        let [letter, outbox] = reply::parts(answer)?;
        check_letter(id, &reply::text(letter)?, "cancel")?;
        if reply::number(outbox)? == 1 {
            self.deliver_or_leave(&queue).await;
        }
        self.get(id).await?.ok_or(Error::NotFound(id))
    }

    /// See [`crate::Broker::retry`].
    pub(super) async fn retry(&self, id: JobId) -> Result<JobRecord> {
        let job = self.get(id).await?.ok_or(Error::NotFound(id))?;
        let mut arguments = self.arguments();
        arguments.push(id.as_uuid().as_bytes());
        match codec::unique_field(&job.spec) {
            Some(field) => {
                let payload = serde_json::to_string(&job.spec.payload)
                    .map_err(|error| Error::Corrupt(error.to_string()))?;
                let hash = crate::rules::check::body_hash(&job.spec.kind, &payload);
                arguments.push(field).push(codec::first_16(hash));
            }
            None => drop(arguments.push("").push("")),
        }
        let answer = self
            .link
            .eval(&scripts::RETRY, &job.spec.queue, &arguments, true)
            .await?;
        let letter = reply::text(answer)?;
        if letter == "#" {
            let key = job.spec.unique.map(|unique| unique.key).unwrap_or_default();
            return Err(Error::Invalid(format!(
                "job `{id}` cannot run again: another job holds its unique key `{key}`"
            )));
        }
        check_letter(id, &letter, "retry")?;
        self.get(id).await?.ok_or(Error::NotFound(id))
    }

    /// See [`crate::Broker::snooze`].
    pub(super) async fn snooze(&self, id: JobId, until: Timestamp) -> Result<JobRecord> {
        let until = until.as_millisecond().to_string();
        self.act(id, &scripts::SNOOZE, "snooze", &[until.as_bytes()])
            .await?;
        self.get(id).await?.ok_or(Error::NotFound(id))
    }

    /// See [`crate::Broker::delete`].
    pub(super) async fn delete(&self, id: JobId) -> Result<()> {
        self.act(id, &scripts::DELETE, "delete", &[]).await
    }

    /// See [`crate::Broker::set_payload`].
    pub(super) async fn set_payload(
        &self,
        id: JobId,
        payload: &serde_json::Value,
    ) -> Result<JobRecord> {
        let job = self.get(id).await?.ok_or(Error::NotFound(id))?;
        let payload = crate::rules::control::new_payload(payload, &self.options)?;
        let field = codec::unique_field(&job.spec);
        let hash = crate::rules::check::body_hash(&job.spec.kind, &payload);
        let more = [
            payload.as_bytes(),
            field.as_ref().map_or(&[], <[u8; 16]>::as_slice),
            &codec::first_16(hash),
        ];
        self.act(id, &scripts::PAYLOAD, "set_payload", &more)
            .await?;
        self.get(id).await?.ok_or(Error::NotFound(id))
    }

    /// Runs a script on one job that answers with its state.
    async fn act(
        &self,
        id: JobId,
        script: &Script,
        verb: &'static str,
        more: &[&[u8]],
    ) -> Result<()> {
        let queue = self.queue_of(id).await?.ok_or(Error::NotFound(id))?;
        let mut arguments = self.arguments();
        arguments.push(id.as_uuid().as_bytes());
        for argument in more {
            arguments.push(argument);
        }
        let answer = self.link.eval(script, &queue, &arguments, true).await?;
        check_letter(id, &reply::text(answer)?, verb)
    }

    /// See [`crate::Broker::set_paused`].
    pub(super) async fn set_paused(&self, scope: &Scope, paused: bool) -> Result<()> {
        self.set_rule(scope, "p", if paused { "1" } else { "0" })
            .await
    }

    /// See [`crate::Broker::set_limits`].
    pub(super) async fn set_limits(&self, scope: &Scope, limits: Limits) -> Result<()> {
        if let Some(rate) = limits.rate_per_s
            && !(rate > 0.0 && rate.is_finite())
        {
            return Err(Error::Invalid(format!(
                "rate_per_s is {rate}; a number above 0 is needed (pause the scope to stop it)"
            )));
        }
        let most = limits.concurrency.map_or("-".to_owned(), |n| n.to_string());
        let rate = limits.rate_per_s.map_or("-".to_owned(), |n| n.to_string());
        let rule = format!("{most} {rate} {} {}", limits.burst, limits.weight());
        self.set_rule(scope, "l", &rule).await
    }

    async fn set_rule(&self, scope: &Scope, what: &str, rule: &str) -> Result<()> {
        let (name, queues) = match scope {
            Scope::Queue(queue) => {
                keys::check_queue(queue).map_err(Error::Invalid)?;
                self.register(queue).await?;
                ("q".to_owned(), vec![queue.clone()])
            }
            Scope::Kind(kind) => (format!("k{kind}"), self.read_queues().await?),
            Scope::Tenant(tenant) => (format!("t{tenant}"), self.read_queues().await?),
        };
        if !matches!(scope, Scope::Queue(_)) {
            self.keep_rule(&name, what, rule).await?;
        }
        for queue in queues {
            let mut arguments = self.arguments();
            arguments.push(&name).push(what).push(rule);
            self.link
                .eval(&scripts::RULE, &queue, &arguments, true)
                .await?;
        }
        Ok(())
    }

    /// Notes a rule of a kind or tenant for queues that come later.
    async fn keep_rule(&self, name: &str, what: &str, rule: &str) -> Result<()> {
        let key = keys::rules_key(self.link.prefix());
        let mut get = redis::cmd("HGET");
        get.arg(&key).arg(name);
        let before = match self.link.call(&get, true).await? {
            Value::Nil => NO_RULE.to_owned(),
            text => reply::text(text)?,
        };
        let (paused, limits) = before.split_once(' ').unwrap_or(("0", &NO_RULE[2..]));
        let after = match what {
            "p" => format!("{rule} {limits}"),
            _ => format!("{paused} {rule}"),
        };
        let mut set = if after == NO_RULE {
            redis::cmd("HDEL")
        } else {
            redis::cmd("HSET")
        };
        set.arg(&key).arg(name);
        if after != NO_RULE {
            set.arg(&after);
        }
        self.link.call(&set, true).await.map(drop)
    }
}

/// A rule that says nothing: not paused, no cap, no rate, no burst, weight 1.
const NO_RULE: &str = "0 - - 0 1";

/// Reads what a script says about the state it found.
fn check_letter(id: JobId, letter: &str, verb: &'static str) -> Result<()> {
    match letter.as_bytes() {
        [] => Err(Error::NotFound(id)),
        [b'!', state, ..] => Err(Error::Conflict {
            id,
            state: codec::state_of_letter(*state)?,
            verb,
        }),
        _ => Ok(()),
    }
}
