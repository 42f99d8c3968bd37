//! The scenarios, by what goes wrong. Numbers are those of the list of faults.

mod clients;
mod fan_in;
mod handlers;
mod ledger;
mod load;
mod network;
mod races;
mod server;
mod time;
mod topology;
mod workers;

use futures::future::BoxFuture;
use tokio_util::task::AbortOnDropHandle;

use crate::{arena::Run, report::Report};

type Start = fn(Run) -> BoxFuture<'static, Report>;

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its number; several provoke the same fault in different ways.
    pub number: u32,
    /// Its name in the code: `server::away`.
    pub function: &'static str,
    /// What goes wrong.
    pub fault: &'static str,
    /// What must hold.
    pub target: &'static str,
    start: Start,
}

impl Scenario {
    /// Runs it once. A panic of the scenario is a violation of the report. When this is dropped, so are its servers and
    /// workers.
    pub async fn run(&self, run: Run) -> Report {
        match AbortOnDropHandle::new(tokio::spawn((self.start)(run))).await {
            Ok(report) => report,
            Err(error) => Report {
                runs: 1,
                violations: vec![format!("the scenario broke off: {error}")],
                ..Report::default()
            },
        }
    }
}

macro_rules! scenarios {
    ($($number:literal $function:path: $fault:literal, $target:literal;)*) => {
        /// Every scenario, by number.
        pub const ALL: &[Scenario] = &[$(Scenario {
            number: $number,
            function: stringify!($function),
            fault: $fault,
            target: $target,
            start: |run| Box::pin($function(run)),
        }),*];
    };
}

scenarios! {
    1 workers::killed_mid_job: "kill -9 of a worker, again and again", "lost 0; re-runs ≤ kills × slots; rescued ≤ lease + 2 s";
    2 workers::killed_before_ack: "killed between effect and ack", "≤ 1 duplicate effect a kill";
    3 workers::killed_before_start: "killed between fetch and start", "lost 0; attempt not charged";
    4 network::ack_reply_lost: "the ack's answer is lost", "one end; nothing runs twice, nothing is charged";
    5 workers::rolling_restart: "rolling restart under load", "lost 0; duplicated 0; attempts not charged";
    6 workers::term_with_long_job: "SIGTERM, the job takes longer than the grace", "checkpoint kept, released, resumes there";
    7 workers::frozen_and_thawed: "worker frozen past its lease, then thawed", "the second result stands, the first is refused";
    8 handlers::out_of_memory: "a job takes memory until its process dies", "dead: crashed; the others unharmed";
    9 handlers::panic_and_abort: "panic, abort, stack overflow in a handler", "dead with cause; the others unharmed";
    10 handlers::spin: "a handler blocks every thread for 3 leases", "lease kept; no false rescue";
    11 handlers::hang: "a handler never returns", "timed_out; its slot is free again";
    12 server::restart_with_aof: "Redis restarts with its AOF (in order, by kill -9)", "lost 0; resumed ≤ 5 s";
    13 ledger::emptied: "Redis comes back empty (FLUSHALL, restart), with a ledger", "lost 0; done ≤ 60 s after the return";
    14 server::away: "Redis is away", "submits refused in time; acks kept; resumed ≤ 5 s";
    14 ledger::accepts_while_away: "Redis is away, with a ledger", "submits accepted in time; lost 0; resumed ≤ 5 s";
    15 network::black_hole: "packets vanish", "every call bounded; resumed ≤ 10 s";
    16 network::bad_line: "resets, lost answers, 1/10/200 ms latency", "no double submit, no stuck slot, no false rescue";
    17 server::interference: "CLIENT KILL, SCRIPT FLUSH, CLIENT PAUSE, DEBUG SLEEP", "resumed ≤ 5 s";
    18 topology::failover: "Sentinel failover, graceful and by kill -9", "lost 0 with wait_replicas = 1; resumed ≤ 15 s";
    18 ledger::master_forgets: "the master is killed and its replica lacks jobs, with a ledger", "lost 0 without wait_replicas; resumed ≤ 15 s";
    19 topology::node_loss: "Cluster: a slot moves, its node is lost", "no CROSSSLOT; lost 0";
    24 time::skewed: "worker clocks ±10 min off, and jumping", "no early run, no false rescue";
    25 load::due_at_once: "everything due in the same second", "in chunks; by priority; no command > 10 ms";
    26 load::orphans: "every worker killed with all slots taken", "rescued in chunks; no command > 10 ms";
    27 load::deep_backlog: "submits on top of a deep backlog", "submit p99 flat; no command > 10 ms";
    28 time::two_maintainers: "two maintainers, one frozen", "each job promoted and rescued once";
    28 ledger::two_schedulers: "two schedulers and reconcilers, frozen by turns", "each tick once";
    29 races::cancel: "cancel against completion, retry and rescue", "one winner; events agree";
    30 fan_in::children: "child dead, cancelled, expired, pruned", "the parent starts ≤ 1 s later";
    31 races::same_submit: "the same submit a thousand times at once", "one id; another body conflicts";
    32 clients::unknown_kinds: "unknown kind, newer version, unreadable payload", "left for a capable worker; the rest unharmed";
    33 clients::killed_in_bulk: "client killed in the middle of a bulk submit", "its repetition completes it exactly";
}

pub use ledger::NOT_YET;
