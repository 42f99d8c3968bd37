//! A task of theirs becomes a job of ours.

use std::collections::BTreeMap;

use apalis_core::backend::{WireFormatBackend, codec::Codec};
use apalis_redis::{RedisStorage, queries::CompactTask};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    UNIQUE_TTL,
    settings::{ApalisQueue, PayloadMapping},
};
use crate::{
    NewJob,
    job::{Unique, UniqueUntil},
};

/// What a stock producer encodes with.
type StockCodec = <RedisStorage<Value> as WireFormatBackend>::Codec;

/// The most attempts that a job may have.
const MAX_ATTEMPTS: u32 = 100;
/// The longest unique key.
const MAX_KEY_BYTES: usize = 256;

/// Builds the job. The error says, for people, why there can be none.
pub(super) fn job_of(
    id: &[u8],
    task: &CompactTask,
    run_at: Option<Timestamp>,
    settings: &ApalisQueue,
) -> Result<NewJob, String> {
    let payload = StockCodec::default()
        .decode(&task.data)
        .map_err(|error| format!("payload is not JSON: {error}"))?;
    let payload = map_payload(payload, &settings.payload)?;
    let mut job = NewJob::new(&settings.kind, &settings.target_queue, payload);
    job.priority = settings.priority;
    job.tenant.clone_from(&settings.tenant);
    job.run_at = run_at;
    job.timeout_ms = settings.timeout_ms;
    job.backoff = settings.backoff;
    job.schema_version = settings.schema_version;
    job.max_attempts = settings.max_attempts.unwrap_or_else(|| {
        let left = task.max_attempts.saturating_sub(task.attempts);
        left.clamp(1, MAX_ATTEMPTS)
    });
    job.traceparent = task.meta.get("traceparent").cloned();
    job.unique = Some(Unique {
        key: key_of(id),
        until: UniqueUntil::TtlMs(u64::try_from(UNIQUE_TTL.as_millis()).unwrap_or(u64::MAX)),
    });
    Ok(job)
}

/// The unique key: the task's id as it stands in Redis. Not as `TaskId` would write it, which takes `007` and `7` for one.
fn key_of(id: &[u8]) -> String {
    match str::from_utf8(id) {
        Ok(text) if (1..=MAX_KEY_BYTES).contains(&text.len()) => text.to_owned(),
        _ => blake3::hash(id).to_hex().to_string(),
    }
}

fn map_payload(payload: Value, mapping: &PayloadMapping) -> Result<Value, String> {
    match mapping {
        PayloadMapping::AsIs => Ok(payload),
        PayloadMapping::Wrap(field) => {
            Ok(Value::Object(Map::from_iter([(field.clone(), payload)])))
        }
        PayloadMapping::Rename(fields) => match payload {
            Value::Object(object) => rename(object, fields).map(Value::Object),
            _ => Err("payload is no object, so its fields cannot be renamed".to_owned()),
        },
    }
}

/// Takes all the fields out before it puts one back: two may swap their names.
fn rename(
    mut object: Map<String, Value>,
    fields: &BTreeMap<String, String>,
) -> Result<Map<String, Value>, String> {
    let taken: Vec<_> = fields
        .iter()
        .filter_map(|(from, to)| Some((from, to, object.remove(from)?)))
        .collect();
    for (from, to, value) in taken {
        if object.insert(to.clone(), value).is_some() {
            return Err(format!(
                "payload has a field `{to}` already, so `{from}` cannot be renamed to it"
            ));
        }
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn renamed(payload: Value, fields: &[(&str, &str)]) -> Result<Value, String> {
        let fields = fields
            .iter()
            .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()))
            .collect();
        map_payload(payload, &PayloadMapping::Rename(fields))
    }

    #[test]
    fn payloads_are_mapped() {
        let payload = json!({"to": "a", "cc": "b"});
        assert_eq!(
            map_payload(payload.clone(), &PayloadMapping::AsIs),
            Ok(payload.clone())
        );
        assert_eq!(
            map_payload(payload.clone(), &PayloadMapping::Wrap("mail".to_owned())),
            Ok(json!({"mail": {"to": "a", "cc": "b"}}))
        );
        assert_eq!(
            renamed(payload.clone(), &[("to", "recipient"), ("bcc", "hidden")]),
            Ok(json!({"recipient": "a", "cc": "b"}))
        );
        assert_eq!(
            renamed(payload.clone(), &[("to", "cc"), ("cc", "to")]),
            Ok(json!({"cc": "a", "to": "b"}))
        );
        assert!(
            renamed(payload, &[("to", "cc")])
                .unwrap_err()
                .contains("`cc`")
        );
        assert!(renamed(json!("a"), &[("to", "cc")]).is_err());
    }

    #[test]
    fn keys_are_what_stands_in_redis() {
        assert_eq!(key_of(b"007"), "007");
        assert_eq!(key_of(&[0xff]).len(), 64);
        assert_ne!(key_of(&[0xff]), key_of(&[0xfe]));
        assert_eq!(key_of(&[b'a'; 257]).len(), 64);
    }
}
