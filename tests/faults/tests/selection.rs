//! Every scenario once, small, with a fixed seed: what CI runs. Each has servers of its own, so they run side by side.

#![expect(clippy::print_stdout, reason = "a test that fails shows its figures")]

use graphmill_faults::{
    arena::{Run, Scale},
    scenarios::ALL,
};

async fn run(function: &str) {
    let scenario = ALL
        .iter()
        .find(|scenario| scenario.function == function)
        .expect("it is listed");
    let report = scenario
        .run(Run {
            seed: 1,
            scale: Scale::Small,
            program: env!("CARGO_BIN_EXE_graphmill-faults").into(),
        })
        .await;
    println!("{report:#?}");
    assert!(
        report.violations.is_empty(),
        "{}: {:#?}",
        scenario.fault,
        report.violations
    );
    assert_eq!(report.lost, 0);
}

macro_rules! selection {
    ($($function:literal $name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                run($function).await;
            }
        )*

        #[test]
        fn every_scenario_is_selected() {
            let listed: Vec<&str> = ALL.iter().map(|scenario| scenario.function).collect();
            assert_eq!(listed, [$($function),*]);
        }
    };
}

selection! {
    "workers::killed_mid_job" a_worker_is_killed_mid_job
    "workers::killed_before_ack" a_worker_is_killed_between_effect_and_ack
    "workers::killed_before_start" a_worker_is_killed_between_fetch_and_start
    "network::ack_reply_lost" the_answer_to_an_ack_is_lost
    "workers::rolling_restart" workers_are_restarted_one_after_the_other
    "workers::term_with_long_job" a_long_job_is_interrupted_by_a_shutdown
    "workers::frozen_and_thawed" a_worker_is_frozen_and_thawed
    "handlers::out_of_memory" a_job_takes_all_memory
    "handlers::panic_and_abort" a_handler_panics_or_aborts
    "handlers::spin" a_handler_blocks_every_thread
    "handlers::hang" a_handler_hangs
    "server::restart_with_aof" redis_restarts
    "ledger::emptied" redis_comes_back_empty
    "server::away" redis_is_away
    "ledger::accepts_while_away" the_ledger_accepts_while_redis_is_away
    "network::black_hole" packets_vanish
    "network::bad_line" the_line_is_bad
    "server::interference" an_operator_meddles
    "topology::failover" the_master_fails_over
    "ledger::master_forgets" the_new_master_lacks_jobs
    "topology::node_loss" a_cluster_loses_a_node
    "time::skewed" clocks_are_wrong
    "load::due_at_once" everything_is_due_at_once
    "load::orphans" every_worker_dies_at_once
    "load::deep_backlog" the_backlog_is_deep
    "time::two_maintainers" two_maintainers_do_not_do_it_twice
    "ledger::two_schedulers" two_schedulers_fire_a_tick_once
    "races::cancel" a_cancel_races_everything
    "fan_in::children" children_end_in_every_way
    "races::same_submit" a_submit_is_sent_a_thousand_times
    "clients::unknown_kinds" a_worker_does_not_know_a_kind
    "clients::killed_in_bulk" a_client_dies_in_a_bulk_submit
}
