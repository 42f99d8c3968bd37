//! Runs the fault scenarios and writes their table; also the worker and the client that the scenarios start.
//!
//! ```text
//! cargo run --release -p graphmill-faults -- [--scale small|moderate|full] [--seeds 3] [--only 1,7] [--write]
//! ```

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

use std::{process::ExitCode, time::Instant};

use graphmill_faults::{
    arena::{Run, Scale},
    report::Report,
    scenarios::{ALL, Scenario},
    table,
    worker::{run, submit_bulk},
};
use tokio::signal::unix::{SignalKind, signal};

/// What was asked for.
struct Options {
    scale: Scale,
    seeds: u64,
    only: Vec<u32>,
    write: bool,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [role, args] if role == "worker" => {
            run(serde_json::from_str(args).expect("the harness gives the arguments")).await;
            ExitCode::SUCCESS
        }
        [role, args] if role == "submit" => {
            submit_bulk(serde_json::from_str(args).expect("the harness gives the arguments")).await;
            ExitCode::SUCCESS
        }
        _ => match parse(&arguments) {
            Ok(options) => {
                let mut term = signal(SignalKind::terminate()).expect("signals can be awaited");
                // Either way the servers and workers of the present scenario are dropped, and end.
                tokio::select! {
                    code = run_all(&options) => code,
                    _ = term.recv() => ExitCode::FAILURE,
                    _ = tokio::signal::ctrl_c() => ExitCode::FAILURE,
                }
            }
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
    }
}

fn parse(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options {
        scale: Scale::Small,
        seeds: 1,
        only: Vec::new(),
        write: false,
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--scale" => {
                options.scale = match value()?.as_str() {
                    "small" => Scale::Small,
                    "moderate" => Scale::Moderate,
                    "full" => Scale::Full,
                    other => return Err(format!("scale {other}: small, moderate or full")),
                }
            }
            "--seeds" => options.seeds = value()?.parse().map_err(|e| format!("--seeds: {e}"))?,
            "--only" => {
                for number in value()?.split(',') {
                    options
                        .only
                        .push(number.parse().map_err(|e| format!("--only: {e}"))?);
                }
            }
            "--write" => options.write = true,
            other => {
                return Err(format!(
                    "{other} is unknown; --scale small|moderate|full, --seeds N, --only 1,7, --write"
                ));
            }
        }
    }
    Ok(options)
}

async fn run_all(options: &Options) -> ExitCode {
    let program = std::env::current_exe().expect("this program has a path");
    let begun = Instant::now();
    let mut results: Vec<(&Scenario, Report)> = Vec::new();
    for scenario in ALL {
        if !options.only.is_empty() && !options.only.contains(&scenario.number) {
            continue;
        }
        let mut sum = Report::default();
        for seed in 1..=options.seeds {
            let begun = Instant::now();
            let report = scenario
                .run(Run {
                    seed,
                    scale: options.scale,
                    program: program.clone(),
                })
                .await;
            println!(
                "{} (seed {seed}, {:.1} s): {}",
                scenario.number,
                begun.elapsed().as_secs_f64(),
                serde_json::to_string(&report).expect("a report is plain")
            );
            sum.add(report);
        }
        results.push((scenario, sum));
    }
    let held = results
        .iter()
        .all(|(_, report)| report.violations.is_empty());
    if options.write {
        let about = format!(
            "Scale {:?}, seeds 1 to {}, {} cores, {:.0} minutes in all.",
            options.scale,
            options.seeds,
            std::thread::available_parallelism().map_or(0, usize::from),
            begun.elapsed().as_secs_f64() / 60.0
        );
        match table::write(&results, &about) {
            Ok(path) => println!("written: {}", path.display()),
            Err(error) => eprintln!("not written: {error}"),
        }
    }
    if held {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
