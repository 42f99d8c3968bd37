//! Every scenario once, small, with a fixed seed: what CI runs. Each has servers of its own, so they run side by side.

#![expect(clippy::print_stdout, reason = "a test that fails shows its figures")]

use graphmill_faults::{
    arena::{Run, Scale},
    scenarios::ALL,
};

async fn run(number: u32) {
    let scenario = ALL
        .iter()
        .find(|scenario| scenario.number == number)
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
    ($($number:literal $name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                run($number).await;
            }
        )*

        #[test]
        fn every_scenario_is_selected() {
            let listed: Vec<u32> = ALL.iter().map(|scenario| scenario.number).collect();
            assert_eq!(listed, [$($number),*]);
        }
    };
}

selection! {
    1 a_worker_is_killed_mid_job
    2 a_worker_is_killed_between_effect_and_ack
    3 a_worker_is_killed_between_fetch_and_start
    4 the_answer_to_an_ack_is_lost
    5 workers_are_restarted_one_after_the_other
    6 a_long_job_is_interrupted_by_a_shutdown
    7 a_worker_is_frozen_and_thawed
    8 a_job_takes_all_memory
    9 a_handler_panics_or_aborts
    10 a_handler_blocks_every_thread
    11 a_handler_hangs
    12 redis_restarts
    14 redis_is_away
    15 packets_vanish
    16 the_line_is_bad
    17 an_operator_meddles
    18 the_master_fails_over
    19 a_cluster_loses_a_node
    24 clocks_are_wrong
    25 everything_is_due_at_once
    26 every_worker_dies_at_once
    27 the_backlog_is_deep
    28 two_maintainers_do_not_do_it_twice
    29 a_cancel_races_everything
    30 children_end_in_every_way
    31 a_submit_is_sent_a_thousand_times
    32 a_worker_does_not_know_a_kind
    33 a_client_dies_in_a_bulk_submit
}
