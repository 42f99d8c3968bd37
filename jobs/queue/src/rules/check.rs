//! Checks a job by itself, and serialises it.

use serde_json::Value;

use crate::{NewJob, broker::Verdict, options::BrokerOptions};

/// The limits of a job's fields that no setting changes.
const MAX_NAME_BYTES: usize = 128;
const MAX_TAGS: usize = 16;
const MAX_UNIQUE_KEY_BYTES: usize = 256;
const MAX_ATTEMPTS: u32 = 100;
const MAX_DEPENDENCIES: usize = 1_000;

/// A job that may be stored as it is.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) job: NewJob,
    /// The job as JSON.
    pub(crate) spec: String,
    /// Of kind and payload: tells a repeated submit from another job under the same key.
    pub(crate) body_hash: String,
}

/// The verdict on a job with a bad value.
pub(crate) fn invalid(message: String) -> Verdict {
    Verdict::Rejected {
        code: "job.invalid".to_owned(),
        message,
    }
}

/// Checks one job by itself. Returns its payload as JSON.
pub(crate) fn check(job: &NewJob, options: &BrokerOptions) -> Result<String, Verdict> {
    let name_ok = |name: &str| !name.is_empty() && name.len() <= MAX_NAME_BYTES;
    for (what, name) in [
        ("kind", &job.kind),
        ("queue", &job.queue),
        ("tenant", &job.tenant),
    ] {
        if !name_ok(name) {
            return Err(invalid(format!(
                "{what} has {} bytes; 1 to {MAX_NAME_BYTES} are allowed",
                name.len()
            )));
        }
    }
    if !(1..=MAX_ATTEMPTS).contains(&job.max_attempts) {
        return Err(invalid(format!(
            "max_attempts is {}; 1 to {MAX_ATTEMPTS} are allowed",
            job.max_attempts
        )));
    }
    if job.timeout_ms == 0 {
        return Err(invalid("timeout_ms is 0; at least 1 is needed".to_owned()));
    }
    if job.tags.len() > MAX_TAGS || !job.tags.iter().all(|tag| name_ok(tag)) {
        return Err(invalid(format!(
            "{} tags; at most {MAX_TAGS} of 1 to {MAX_NAME_BYTES} bytes each are allowed",
            job.tags.len()
        )));
    }
    if let Some(unique) = &job.unique
        && !(1..=MAX_UNIQUE_KEY_BYTES).contains(&unique.key.len())
    {
        return Err(invalid(format!(
            "unique key has {} bytes; 1 to {MAX_UNIQUE_KEY_BYTES} are allowed",
            unique.key.len()
        )));
    }
    if job.depends_on.len() > MAX_DEPENDENCIES {
        return Err(invalid(format!(
            "depends_on names {} jobs; at most {MAX_DEPENDENCIES} are allowed",
            job.depends_on.len()
        )));
    }
    check_payload(&job.payload, options)
}

/// Checks a payload's size. Returns it as JSON.
pub(crate) fn check_payload(payload: &Value, options: &BrokerOptions) -> Result<String, Verdict> {
    let payload = serde_json::to_string(payload).map_err(|error| unserialisable(&error))?;
    if payload.len() > options.max_payload_bytes {
        return Err(Verdict::Rejected {
            code: "job.payload_too_large".to_owned(),
            message: format!(
                "payload has {} bytes as JSON; queue.max_payload_size allows {}",
                payload.len(),
                options.max_payload_bytes
            ),
        });
    }
    Ok(payload)
}

fn unserialisable(error: &serde_json::Error) -> Verdict {
    invalid(format!("job does not serialise: {error}"))
}

/// Tells a repeated submit from another job under the same key.
pub(crate) fn body_hash(kind: &str, payload: &str) -> blake3::Hash {
    let mut body = blake3::Hasher::new();
    body.update(kind.as_bytes())
        .update(&[0])
        .update(payload.as_bytes());
    body.finalize()
}

/// The body hash as rows keep it.
pub(crate) fn body_hash_text(kind: &str, payload: &str) -> String {
    body_hash(kind, payload).to_hex()[..32].to_owned()
}

/// Checks and serialises one job.
pub(crate) fn prepare(job: NewJob, options: &BrokerOptions) -> Result<Prepared, Verdict> {
    let payload = check(&job, options)?;
    Ok(Prepared {
        spec: serde_json::to_string(&job).map_err(|error| unserialisable(&error))?,
        body_hash: body_hash_text(&job.kind, &payload),
        job,
    })
}
