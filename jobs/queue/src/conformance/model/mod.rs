//! Random steps against a plain model: submits, fetches, ends, crashes, cancels, retries, renewals, pauses, limits, prunes,
//! and time.
//!
//! The plain model keeps what may be known without a queue. After every step the broker must agree with it about
//! every job, its sums must add up, and its events must tell the same story. Where the contract leaves a choice (which of
//! two equally urgent jobs comes first, how long a backoff is within its bound) the model learns what the broker chose,
//! and only checks that it was allowed to.
//!
//! The broker's time moves by [`Fixture::advance`] alone, forwards; where it stands, the model learns from a job.

mod attempts;
mod check;
mod fetch;
mod machine;
mod plain;
mod step;

use std::future::Future;

use proptest::{
    collection::vec,
    test_runner::{Config, TestCaseError, TestError, TestRunner},
};

pub use self::plain::{Reach, Variant};
use self::{machine::Machine, step::Step};
use super::Fixture;

/// Raises the number of cases, as a nightly run does.
const CASES_VARIABLE: &str = "GRAPHMILL_MODEL_CASES";
/// Steps of one case.
const MAX_STEPS: usize = 40;

/// Runs `cases` random sequences of steps, or `GRAPHMILL_MODEL_CASES` if that is more, each on a broker that `fixture`
/// builds. All run on one runtime, so a fixture may keep connections between cases; call it from a plain `#[test]`.
///
/// # Panics
/// With the shortest sequence found after which broker and model differ.
pub fn run<F, Fut>(fixture: F, variant: Variant, cases: u32)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Fixture>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config = Config {
        cases: cases.max(cases_wanted()),
        max_shrink_iters: 2_000,
        // The shortest sequence is in the message; there is no source file beside which to keep it.
        failure_persistence: None,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&vec(step::any(), 1..MAX_STEPS), |steps| {
        runtime.block_on(run_case(fixture(), variant, &steps));
        Ok::<_, TestCaseError>(())
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, steps)) => {
            let steps: Vec<_> = steps.iter().map(|step| format!("{step:?}")).collect();
            panic!(
                "broker and model differ: {reason}\nafter these steps:\n{}",
                steps.join("\n")
            )
        }
        Err(TestError::Abort(reason)) => panic!("the model test cannot run: {reason}"),
    }
}

async fn run_case(fixture: impl Future<Output = Fixture>, variant: Variant, steps: &[Step]) {
    let mut machine = Machine::start(fixture.await, variant).await;
    for step in steps {
        machine.apply(step).await;
        machine.check().await;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a test runs is no setting of the system"
)]
fn cases_wanted() -> u32 {
    std::env::var(CASES_VARIABLE).map_or(0, |cases| {
        cases
            .parse()
            .unwrap_or_else(|_| panic!("{CASES_VARIABLE} is `{cases}`; a number is needed"))
    })
}
