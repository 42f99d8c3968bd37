//! Writing jobs for the scripts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{DEFAULT_TIMEOUT_MS, flag, record::StoredError};
use crate::{
    Error, JobId, NewJob, Result,
    job::{AttemptError, Unique, UniqueUntil},
};

/// The fields of a job that are not in the fixed part of its record and differ from the default.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Rest {
    #[serde(rename = "t", skip_serializing_if = "Option::is_none")]
    pub(super) timeout_ms: Option<u64>,
    #[serde(rename = "g", skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<String>,
    #[serde(rename = "r", skip_serializing_if = "Option::is_none")]
    pub(super) run_at: Option<Timestamp>,
    #[serde(rename = "u", skip_serializing_if = "Option::is_none")]
    pub(super) unique: Option<Unique>,
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<JobId>,
    #[serde(rename = "d", skip_serializing_if = "Vec::is_empty")]
    pub(super) depends_on: Vec<JobId>,
    #[serde(rename = "c", skip_serializing_if = "Option::is_none")]
    pub(super) traceparent: Option<String>,
}

/// Returns the field of a job's unique key in the HASH `unique`: 16 bytes.
pub(in crate::redis) fn unique_field(job: &NewJob) -> Option<[u8; 16]> {
    let unique = job.unique.as_ref()?;
    let mut hash = blake3::Hasher::new();
    for part in [&job.tenant, &job.kind, &unique.key] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    Some(first_16(hash.finalize()))
}

pub(in crate::redis) fn first_16(hash: blake3::Hash) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    bytes
}

/// What a job that was accepted before had spent when it was lost.
pub(in crate::redis) struct Past {
    pub(in crate::redis) attempt: u32,
    pub(in crate::redis) crashes: u32,
    pub(in crate::redis) epoch: u64,
    /// As [`write_errors`] gives them.
    pub(in crate::redis) errors: String,
}

/// Writes errors the way the scripts do: one JSON object a line.
pub(in crate::redis) fn write_errors(errors: &[AttemptError]) -> Result<String> {
    let lines = errors.iter().map(|error| {
        serde_json::to_string(&StoredError {
            a: error.attempt,
            c: error.class,
            e: error.error.code.clone(),
            m: error.error.message.clone(),
            w: error
                .worker
                .as_ref()
                .map(|worker| worker.as_str().to_owned()),
            t: error.at.as_millisecond().to_string(),
        })
        .map_err(|error| Error::Invalid(error.to_string()))
    });
    Ok(lines.collect::<Result<Vec<_>>>()?.join("\n"))
}

/// Tells whether a job has none of the options that the script takes more time for.
pub(in crate::redis) fn is_plain(job: &NewJob) -> bool {
    job.run_at.is_none()
        && job.expires_at.is_none()
        && job.deadline.is_none()
        && job.unique.is_none()
        && job.depends_on.is_empty()
}

/// Bits of the byte that says which options follow, beside those of [`flag`].
mod bit {
    pub(super) const RUN_AT: u8 = 1;
    pub(super) const DEPENDS: u8 = 2;
    pub(super) const PAST: u8 = 32;
}

/// Writes a job as one argument of `submit.lua`. `lane` counts from 1; `open_elsewhere` are dependencies in other queues.
pub(in crate::redis) fn write_job(
    job: &NewJob,
    payload: &str,
    lane: u16,
    open_elsewhere: &[JobId],
    depends_on: &[JobId],
    past: Option<&Past>,
) -> Result<Vec<u8>> {
    let mut bits = 0;
    let mut set = |bit, is| bits |= if is { bit } else { 0 };
    let until = job.unique.as_ref().map(|unique| unique.until);
    set(bit::RUN_AT, job.run_at.is_some());
    set(
        bit::DEPENDS,
        !depends_on.is_empty() || !open_elsewhere.is_empty(),
    );
    set(
        flag::TIMED,
        job.expires_at.is_some() || job.deadline.is_some(),
    );
    set(flag::UNIQUE, until == Some(UniqueUntil::Done));
    set(
        flag::UNIQUE_TTL,
        matches!(until, Some(UniqueUntil::TtlMs(_))),
    );
    set(bit::PAST, past.is_some());

    let mut out = Vec::with_capacity(64 + payload.len());
    out.extend_from_slice(job.id.as_uuid().as_bytes());
    out.extend_from_slice(&lane.to_le_bytes());
    out.push(bits);
    out.extend_from_slice(&(job.max_attempts as u16).to_le_bytes());
    for ms in [job.backoff.base_ms, job.backoff.max_ms] {
        out.extend_from_slice(&u32::try_from(ms).unwrap_or(u32::MAX).to_le_bytes());
    }
    write_times(&mut out, job, bits);
    write_unique(&mut out, job, payload);
    if bits & bit::DEPENDS != 0 {
        for ids in [depends_on, open_elsewhere] {
            out.extend_from_slice(&(ids.len() as u16).to_le_bytes());
            for id in ids {
                out.extend_from_slice(id.as_uuid().as_bytes());
            }
        }
    }
    if let Some(past) = past {
        out.extend_from_slice(&(past.attempt as u16).to_le_bytes());
        out.push(u8::try_from(past.crashes).unwrap_or(u8::MAX));
        out.extend_from_slice(&(past.epoch as f64).to_le_bytes());
        out.extend_from_slice(&(past.errors.len() as u32).to_le_bytes());
        out.extend_from_slice(past.errors.as_bytes());
    }
    write_rest(&mut out, job)?;
    out.extend_from_slice(payload.as_bytes());
    Ok(out)
}

fn write_times(out: &mut Vec<u8>, job: &NewJob, bits: u8) {
    let mut write = |at: Option<Timestamp>| {
        let ms = at.map_or(0.0, |at| at.as_millisecond() as f64);
        out.extend_from_slice(&ms.to_le_bytes());
    };
    if bits & bit::RUN_AT != 0 {
        write(job.run_at);
    }
    if bits & flag::TIMED != 0 {
        write(job.expires_at);
        write(job.deadline);
    }
}

fn write_unique(out: &mut Vec<u8>, job: &NewJob, payload: &str) {
    let (Some(field), Some(unique)) = (unique_field(job), &job.unique) else {
        return;
    };
    let ttl_ms = match unique.until {
        UniqueUntil::Done => 0.0,
        UniqueUntil::TtlMs(ms) => (ms as f64).max(1.0),
    };
    out.extend_from_slice(&field);
    out.extend_from_slice(&ttl_ms.to_le_bytes());
    let hash = crate::rules::check::body_hash(&job.kind, payload);
    out.extend_from_slice(&first_16(hash));
}

fn write_rest(out: &mut Vec<u8>, job: &NewJob) -> Result<()> {
    let rest = Rest {
        timeout_ms: (job.timeout_ms != DEFAULT_TIMEOUT_MS).then_some(job.timeout_ms),
        tags: job.tags.clone(),
        run_at: job.run_at,
        unique: job.unique.clone(),
        parent: job.parent,
        depends_on: job.depends_on.clone(),
        traceparent: job.traceparent.clone(),
    };
    let rest = if is_default(&rest) {
        Vec::new()
    } else {
        serde_json::to_vec(&rest)
            .map_err(|error| Error::Invalid(format!("job `{}`: {error}", job.id)))?
    };
    let length = u16::try_from(rest.len()).map_err(|_| {
        Error::Invalid(format!(
            "job `{}`: its tags, key and dependencies have {} bytes; at most {} are allowed",
            job.id,
            rest.len(),
            u16::MAX
        ))
    })?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&rest);
    Ok(())
}

fn is_default(rest: &Rest) -> bool {
    rest.timeout_ms.is_none()
        && rest.tags.is_empty()
        && rest.run_at.is_none()
        && rest.unique.is_none()
        && rest.parent.is_none()
        && rest.depends_on.is_empty()
        && rest.traceparent.is_none()
}
