//! The judge. What was accepted and what handlers did count; what Redis says is compared with that.

use std::collections::{BTreeMap, HashMap};

use graphmill_queue::{DeadReason, JobId, JobRecord, JobState, broker::JobFilter};
use graphmill_servers::redis::Redis;

use crate::{
    arena::{Arena, PREFIX, QUEUE},
    report::Report,
    submits::Expected,
};

/// The keys that an installation may have, beside those of its queues: written here again on purpose, so that a new one
/// is added knowingly.
const INSTALLATION_KEYS: [&str; 5] = ["queues", "rules", "horizon", "workers", "owner"];
const QUEUE_KEYS: [&str; 30] = [
    "spec",
    "state",
    "lanes",
    "ready",
    "ring",
    "waits",
    "wake",
    "running",
    "leases",
    "due",
    "kill",
    "completed",
    "cancelled",
    "dead",
    "counts",
    "meta",
    "events",
    "unique",
    "unique_expiry",
    "deps",
    "pending",
    "outbox",
    "errors",
    "results",
    "checkpoints",
    "progress",
    "log",
    "old",
    "rules",
    "buckets",
];

/// Judges a scenario that is over: every job has ended, or should have.
pub async fn judge(arena: &mut Arena, servers: &[&Redis]) -> Report {
    arena.journal.read();
    let records = all_records(arena).await;
    let mut report = Report {
        runs: 1,
        submitted: arena.submits.all_accepted().len() as u64,
        ..Report::default()
    };
    check_accepted(arena, &records, &mut report);
    check_effects(arena, &records, &mut report);
    for record in records.values() {
        check_record(arena, record, &mut report);
    }
    check_sums(arena, &records, &mut report).await;
    check_keys(servers, &mut report);
    report
}

async fn all_records(arena: &Arena) -> HashMap<JobId, JobRecord> {
    let mut records = HashMap::new();
    let mut cursor = None;
    loop {
        let page = arena
            .broker
            .list(&JobFilter::default(), cursor.as_deref(), 1_000)
            .await
            .unwrap();
        for record in page.items {
            records.insert(record.id(), record);
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return records;
        }
    }
}

/// I1: what was accepted has ended, as it should, exactly once.
fn check_accepted(arena: &Arena, records: &HashMap<JobId, JobRecord>, report: &mut Report) {
    for (id, expected) in arena.submits.all_accepted() {
        let effects = arena.journal.about('E', *id).len();
        let Some(record) = records.get(id) else {
            if *expected == Expected::Pruned && effects > 0 {
                continue;
            }
            report.lost += 1;
            report.violation(format!("{id} was accepted and is nowhere"));
            continue;
        };
        let state = record.state;
        if !state.is_terminal() || (state == JobState::Completed && effects == 0) {
            report.lost += 1;
            report.violation(format!(
                "{id} was accepted, is {state} and has {effects} effects"
            ));
            continue;
        }
        let as_expected = match expected {
            Expected::Completed => state == JobState::Completed,
            Expected::Dead(reason) => record.dead_reason == Some(*reason) && effects == 0,
            Expected::Cancelled => state == JobState::Cancelled,
            Expected::Pruned => false,
            Expected::Ended => true,
        };
        report.check(as_expected, || {
            format!(
                "{id} should be {expected:?}; it is {state} {:?} with {effects} effects, {:?}",
                record.dead_reason, record.errors
            )
        });
    }
}

/// I2, I3: no effect without a submit, none more than a rescue explains, and the one that stands is the winner's.
fn check_effects(arena: &Arena, records: &HashMap<JobId, JobRecord>, report: &mut Report) {
    let mut effects: HashMap<JobId, Vec<u64>> = HashMap::new();
    for line in arena.journal.all('E') {
        effects
            .entry(line.id.unwrap())
            .or_default()
            .push(line.epoch);
    }
    for (id, epochs) in effects {
        report.check(arena.submits.knows(id), || {
            format!("{id} has an effect and was never submitted")
        });
        let extra = epochs.len() as u64 - 1;
        report.duplicated += extra;
        let Some(record) = records.get(&id) else {
            continue;
        };
        report.check(arena.forgets || extra <= u64::from(record.crashes), || {
            format!(
                "{id} has {} effects and was rescued {} times",
                epochs.len(),
                record.crashes
            )
        });
        if let Some(epoch) = record
            .result
            .as_ref()
            .and_then(|result| result["epoch"].as_u64())
        {
            report.check(epoch == record.epoch && epochs.contains(&epoch), || {
                format!(
                    "{id} has the result of epoch {epoch}, its epoch is {}, effects are of {epochs:?}",
                    record.epoch
                )
            });
        }
    }
}

/// I5, I7, and that nothing is there that nobody submitted.
fn check_record(arena: &Arena, record: &JobRecord, report: &mut Report) {
    let id = record.id();
    report.check(arena.submits.knows(id), || {
        format!("{id} is there and was never submitted")
    });
    report.check(record.attempt <= record.spec.max_attempts, || {
        format!("{id} has {} attempts", record.attempt)
    });
    // The crash that is one too many makes it dead.
    let budget =
        arena.args.crash_budget + u32::from(record.dead_reason == Some(DeadReason::Crashed));
    report.check(record.crashes <= budget, || {
        format!("{id} has {} crashes", record.crashes)
    });
    report.check(
        record.finished_at.is_some() == record.state.is_terminal(),
        || {
            format!(
                "{id} is {} and finished_at is {:?}",
                record.state, record.finished_at
            )
        },
    );
}

/// I4, I12: the sums agree with the list, and the list with what was accepted.
async fn check_sums(arena: &Arena, records: &HashMap<JobId, JobRecord>, report: &mut Report) {
    let audit = arena.broker.audit().await.unwrap();
    report.check(audit.unaccounted == 0, || format!("{audit:?}"));
    let known = arena.submits.all_accepted().len()..=arena.submits.count_tried();
    report.check(known.contains(&(audit.accepted as usize)), || {
        format!("{known:?} were accepted, and {audit:?}")
    });
    let mut listed: BTreeMap<JobState, u64> = BTreeMap::new();
    for record in records.values() {
        *listed.entry(record.state).or_default() += 1;
    }
    let mut counted: BTreeMap<_, _> = BTreeMap::new();
    counted.extend(arena.broker.counts(&JobFilter::default()).await.unwrap());
    counted.retain(|_, count| *count > 0);
    report.check(counted == listed, || {
        format!("counted {counted:?}, listed {listed:?}")
    });
}

/// I6, and I9 at rest: no key that nobody owns, and no running job counted where none runs.
fn check_keys(servers: &[&Redis], report: &mut Report) {
    for server in servers {
        for key in server.cli(&["--scan"]).lines() {
            report.check(is_owned(key), || format!("Redis has the key {key}"));
        }
        let running = server.cli(&["HVALS", &format!("{PREFIX}:{{{QUEUE}}}:running")]);
        let running: Vec<_> = running
            .lines()
            .filter(|count| !matches!(*count, "0" | "") && count.parse::<i64>().is_ok())
            .collect();
        report.check(running.is_empty(), || {
            format!("nothing runs, and the counters of the caps are {running:?}")
        });
    }
}

fn is_owned(key: &str) -> bool {
    let Some(rest) = key.strip_prefix(&format!("{PREFIX}:")) else {
        return false;
    };
    match rest
        .strip_prefix('{')
        .and_then(|rest| rest.split_once("}:"))
    {
        Some((_, name)) => QUEUE_KEYS.contains(&name),
        None => INSTALLATION_KEYS.contains(&rest),
    }
}
