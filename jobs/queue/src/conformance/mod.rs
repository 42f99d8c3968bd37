//! What every broker must do, as cases that run on any of them.
//!
//! [`conformance_tests!`](crate::conformance_tests) makes one test a case from a function that builds a [`Fixture`]. A
//! rule changes here first, then in the brokers. Cases panic with what was expected. [`model::run`] looks for what no case
//! thought of.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "these are tests; they live in the library so that every broker can run them"
)]

pub mod control;
pub mod fanning;
pub mod fetching;
pub mod finishing;
pub mod inspecting;
pub mod model;
pub mod operating;
pub mod submitting;
pub mod time;
pub mod watching;

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::{
    Broker, JobId, JobRecord, JobState, NewJob, Outcome, WorkerId,
    broker::{AttemptEnd, FetchRequest, Finish, Finished, Lease, QueueSlots, Verdict},
    outcome::JobError,
};

/// The lease that cases ask for.
pub const LEASE: Duration = Duration::from_secs(15);
/// The queue of most cases.
pub const QUEUE: &str = "default";
/// The kind of most cases.
pub const KIND: &str = "test.noop";
/// The limits a broker under test is built with.
pub const CRASH_BUDGET: u32 = 3;
/// The largest payload, result and checkpoint, bytes.
pub const MAX_BYTES: usize = 4_096;
/// Errors kept with a job.
pub const MAX_ERRORS: usize = 5;

/// The limits that a broker under test is built with.
pub fn options() -> crate::BrokerOptions {
    crate::BrokerOptions {
        crash_budget: CRASH_BUDGET,
        max_payload_bytes: MAX_BYTES,
        max_result_bytes: MAX_BYTES,
        max_checkpoint_bytes: MAX_BYTES,
        max_errors: MAX_ERRORS,
        ..crate::BrokerOptions::default()
    }
}

/// A broker under test, and its time.
pub struct Fixture {
    /// Empty at the start of each case.
    pub broker: Arc<dyn Broker>,
    /// Lets time pass for the broker.
    pub advance: Box<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>,
    /// Kept until the case ends: folders, servers.
    pub keep: Box<dyn std::any::Any + Send + Sync>,
}

impl Fixture {
    /// Submits one job that must be accepted.
    pub async fn accept(&self, job: NewJob) -> JobId {
        let verdicts = self.broker.submit(vec![job], false).await.unwrap();
        match &verdicts[..] {
            [Verdict::Accepted { id }] => *id,
            other => panic!("job is not accepted: {other:?}"),
        }
    }

    /// Submits one job and returns the verdict.
    pub async fn submit(&self, job: NewJob) -> Verdict {
        self.broker
            .submit(vec![job], false)
            .await
            .unwrap()
            .remove(0)
    }

    /// Fetches at most `free` jobs of [`QUEUE`] and [`KIND`].
    pub async fn fetch(&self, free: usize) -> Vec<Lease> {
        self.broker.fetch(&request(QUEUE, free)).await.unwrap()
    }

    /// Fetches one job, which must be `id`.
    pub async fn fetch_one(&self, id: JobId) -> Lease {
        let mut leases = self.fetch(1).await;
        assert_eq!(leases.len(), 1, "one job is ready");
        assert_eq!(leases[0].job.id(), id);
        leases.remove(0)
    }

    /// Ends an attempt.
    pub async fn finish(&self, lease: &Lease, end: AttemptEnd) -> Finished {
        let finish = finish(lease, end);
        let (answers, _) = self.broker.finish(&[finish], None).await.unwrap();
        answers[0]
    }

    /// Ends an attempt by an outcome that must be stored; returns the state.
    pub async fn outcome(&self, lease: &Lease, outcome: Outcome) -> JobState {
        match self.finish(lease, AttemptEnd::Outcome(outcome)).await {
            Finished::Stored(state) => state,
            Finished::Refused => panic!("a held lease is not refused"),
        }
    }

    /// Returns a job that must exist.
    pub async fn get(&self, id: JobId) -> JobRecord {
        self.broker.get(id).await.unwrap().expect("job exists")
    }

    /// Returns a job's state.
    pub async fn state(&self, id: JobId) -> JobState {
        self.get(id).await.state
    }

    /// Lets time pass and promotes.
    pub async fn pass(&self, time: Duration) {
        (self.advance)(time).await;
        self.broker.promote_due(1_000).await.unwrap();
    }

    /// Checks that nothing is lost or counted twice.
    pub async fn audit(&self) {
        let audit = self.broker.audit().await.unwrap();
        assert_eq!(audit.unaccounted, 0, "{audit:?}");
        let counted: u64 = self
            .broker
            .counts(&crate::broker::JobFilter::default())
            .await
            .unwrap()
            .iter()
            .map(|(_, count)| count)
            .sum();
        assert_eq!(counted, audit.present, "counters agree with the rows");
    }
}

/// A job of [`KIND`] in [`QUEUE`].
pub fn job() -> NewJob {
    NewJob::new(KIND, QUEUE, json!({"n": 1}))
}

/// A job with this payload.
pub fn job_with(payload: Value) -> NewJob {
    NewJob::new(KIND, QUEUE, payload)
}

/// A fetch from one queue.
pub fn request(queue: &str, free: usize) -> FetchRequest {
    FetchRequest {
        worker: WorkerId::new("tester"),
        slots: vec![QueueSlots {
            queue: queue.to_owned(),
            free,
        }],
        kinds: vec![(KIND.to_owned(), 1), ("test.other".to_owned(), 1)],
        lease: LEASE,
    }
}

/// The end of an attempt.
pub fn finish(lease: &Lease, end: AttemptEnd) -> Finish {
    Finish {
        lease: crate::broker::LeaseRef {
            id: lease.job.id(),
            epoch: lease.epoch,
        },
        end,
        checkpoint: None,
        progress: None,
    }
}

/// An error that may pass.
pub fn retryable() -> Outcome {
    Outcome::Retry(JobError::new("test.failed", "it failed"))
}

/// Makes a `#[tokio::test]` of each case. `$fixture` is an async function without arguments that returns a
/// [`Fixture`](crate::conformance::Fixture).
///
/// With `one_test name` before it, one test runs all cases one after the other: for servers that take long to start.
/// Then `$start` starts the server, and `$fixture` takes it and the name of the case.
#[macro_export]
macro_rules! conformance_tests {
    (one_test $name:ident, $start:path, $fixture:path) => {
        $crate::conformance_tests!(@list one_test $name, $start, $fixture);
    };
    ($fixture:path) => {
        $crate::conformance_tests!(@list cases x, x, $fixture);
    };
    (@list $how:ident $name:ident, $start:path, $fixture:path) => {
        $crate::conformance_tests!(@$how $name, $start, $fixture;
            submitting: a_submit_gives_a_verdict_for_each_job_in_order,
            submitting: a_repeated_submit_is_the_same_job,
            submitting: all_or_nothing_keeps_everything_out_when_one_is_refused,
            submitting: a_job_that_is_wrong_is_rejected_by_the_name_of_its_limit,
            submitting: a_unique_key_is_taken_until_the_job_ends,
            submitting: a_unique_key_with_a_ttl_outlives_its_job,
            submitting: unique_keys_of_tenants_and_kinds_do_not_meet,
            submitting: too_many_jobs_in_one_submit_are_an_error,
            submitting: ten_thousand_jobs_fit_in_one_submit,
            fetching: jobs_come_by_priority_then_by_age,
            fetching: tenants_are_served_in_turns_by_their_weight,
            fetching: a_fetch_counts_the_attempt_and_makes_a_new_epoch,
            fetching: a_job_is_leased_once,
            fetching: unknown_kinds_and_newer_schemas_stay,
            fetching: a_paused_scope_is_not_fetched_from,
            fetching: concurrency_limits_hold_over_all_workers,
            fetching: a_full_tenant_does_not_hide_another,
            fetching: a_rate_limit_refills_with_time,
            fetching: a_starving_job_overtakes,
            fetching: waiting_returns_when_a_job_becomes_ready,
            fetching: waiting_remembers_what_became_ready_in_between,
            finishing: a_done_job_keeps_its_result,
            finishing: a_repeated_finish_is_stored_once,
            finishing: an_older_epoch_is_refused,
            finishing: a_failed_job_waits_for_its_backoff_and_dies_after_its_last_attempt,
            finishing: uncharged_outcomes_give_the_attempt_back,
            finishing: a_permanent_error_is_dead_at_once,
            finishing: classes_of_failure_have_their_own_reasons,
            finishing: a_result_that_is_too_large_is_a_permanent_error,
            finishing: errors_are_bounded_and_the_newest_stay,
            finishing: finish_leases_the_next_job_in_the_same_call,
            finishing: one_bad_finish_does_not_harm_the_others,
            finishing: progress_and_checkpoint_survive_the_attempt,
            time: a_scheduled_job_becomes_ready_at_its_time,
            time: a_job_that_is_not_started_in_time_is_dead,
            time: an_expired_job_is_not_fetched_before_the_tick,
            time: a_started_job_no_longer_expires_but_its_deadline_holds,
            time: a_renewed_lease_is_kept_and_a_lost_one_is_told,
            time: a_lost_lease_is_rescued_without_a_charge,
            time: a_job_that_loses_too_many_leases_is_dead,
            time: rescue_ends_a_job_whose_cancel_was_asked_for,
            time: prune_deletes_what_is_over_and_only_that,
            control: a_waiting_job_is_cancelled_at_once,
            control: a_running_job_is_told_and_ends_when_it_obeys,
            control: an_ended_job_is_not_cancelled,
            control: retry_gives_an_ended_job_fresh_attempts,
            control: retry_makes_a_waiting_job_run_now,
            control: retry_respects_a_unique_key_that_is_taken,
            control: a_missing_job_is_named,
            control: a_job_waits_until_its_dependencies_settle,
            control: dependencies_that_are_unknown_or_ended_count_as_settled,
            control: a_dependency_may_be_in_the_same_submit,
            control: a_dependant_with_a_time_ahead_is_scheduled,
            operating: an_ended_job_is_deleted_and_counts_as_pruned,
            operating: a_deleted_job_leaves_a_key_that_outlives_it,
            operating: a_deleted_job_may_be_submitted_again_and_is_leased_once,
            operating: a_snoozed_job_runs_at_its_new_time,
            operating: a_job_that_left_its_place_and_came_back_is_leased_once,
            operating: a_dead_job_gets_another_payload,
            operating: an_operation_by_filter_reports_what_it_did,
            operating: an_operation_in_parts_goes_on_where_it_stopped,
            operating: a_purge_empties_one_queue,
            operating: what_was_exported_can_be_imported,
            fanning: a_parent_learns_how_each_child_ended,
            fanning: a_batch_calls_back_once_when_all_members_have_settled,
            fanning: an_empty_batch_calls_back_at_once,
            watching: scopes_are_described,
            watching: a_ready_job_knows_its_place,
            watching: ready_jobs_are_counted_by_what_a_worker_must_know,
            watching: workers_are_believed_for_as_long_as_they_said,
            watching: a_job_says_why_it_is_not_running,
            inspecting: lists_are_filtered_and_paged_newest_first,
            inspecting: a_bad_cursor_is_an_error,
            inspecting: queues_are_described,
            inspecting: events_tell_every_state_in_order,
            inspecting: counts_show_zeros,
            inspecting: the_audit_adds_up,
        );
    };
    (@one_test $name:ident, $start:path, $fixture:path; $($module:ident: $case:ident),* $(,)?) => {
        #[tokio::test]
        async fn $name() {
            let server = $start();
            $(
                println!("{}", stringify!($case));
                let fixture = $fixture(&server, stringify!($case)).await;
                $crate::conformance::$module::$case(&fixture).await;
                fixture.audit().await;
            )*
        }
    };
    (@cases $name:ident, $start:path, $fixture:path; $($module:ident: $case:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $case() {
                let fixture = $fixture().await;
                $crate::conformance::$module::$case(&fixture).await;
                fixture.audit().await;
            }
        )*
    };
}
