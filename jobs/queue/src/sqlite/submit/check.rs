//! Checks a job by itself, and serialises it.

use crate::{NewJob, broker::Verdict};

use super::super::BrokerOptions;

/// The limits of a job's fields that no setting changes.
const MAX_NAME_BYTES: usize = 128;
const MAX_TAGS: usize = 16;
const MAX_UNIQUE_KEY_BYTES: usize = 256;
const MAX_ATTEMPTS: u32 = 100;
const MAX_DEPENDENCIES: usize = 1_000;

/// A job that may be stored as it is.
pub(crate) struct Prepared {
    pub(crate) job: NewJob,
    /// The job as JSON.
    pub(crate) spec: String,
    pub(crate) body_hash: String,
}

pub(crate) fn invalid(message: String) -> Verdict {
    Verdict::Rejected {
        code: "job.invalid".to_owned(),
        message,
    }
}

/// Checks one job by itself.
pub(crate) fn prepare(job: NewJob, options: &BrokerOptions) -> Result<Prepared, Verdict> {
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
    let json = |error: serde_json::Error| invalid(format!("job does not serialise: {error}"));
    let payload = serde_json::to_string(&job.payload).map_err(json)?;
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
    let mut body = blake3::Hasher::new();
    body.update(job.kind.as_bytes())
        .update(&[0])
        .update(payload.as_bytes());
    Ok(Prepared {
        spec: serde_json::to_string(&job).map_err(json)?,
        body_hash: body.finalize().to_hex()[..32].to_owned(),
        job,
    })
}
