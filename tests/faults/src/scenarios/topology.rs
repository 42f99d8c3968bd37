//! The master changes: by Sentinel, in a Cluster.

use std::time::{Duration, Instant};

use graphmill_servers::{cluster::Cluster, redis::Redis, sentinel::SentinelSet};
use tokio::task::block_in_place;

use crate::{
    arena::{AMPLE, Arena, PREFIX, QUEUE, Run},
    checker::judge,
    report::Report,
    worker::Act,
};

const RESUME: Duration = Duration::from_secs(15);

/// 18: a failover in good order, then one because the master was killed.
pub(super) async fn failover(run: Run) -> Report {
    let mut report = Report::default();
    for by_kill in [false, true] {
        report.add(fail_over(&run, by_kill).await);
    }
    report.runs = 1;
    report
}

async fn fail_over(run: &Run, by_kill: bool) -> Report {
    let mut set = block_in_place(SentinelSet::start);
    let mut arena = Arena::with(&set.url(), run, 1);
    arena.args.crash_budget = AMPLE;
    arena.forgets = true;
    arena.start_workers(2).await;
    let jobs = run.pick(400, 2_000, 10_000);
    arena
        .submit_acts((0..jobs).map(|n| Act::effect_after(n % 50)))
        .await;
    let before = arena.journal.count('E');
    arena.journal.until_count('E', before + 20).await;
    let old = set.master_port();
    let struck = Instant::now();
    if by_kill {
        block_in_place(|| set.first.kill());
    } else {
        set.fail_over();
    }
    while set.master_port() == old {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(struck.elapsed() < Duration::from_mins(2), "a failover ends");
    }
    // What the new master sees done is done by workers that have found it.
    let open = loop {
        if let Ok(open) = arena.open().await {
            break open;
        }
    };
    let mut report = Report::default();
    while open > 0 && arena.open().await.is_ok_and(|now| now >= open) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(
            struck.elapsed() < Duration::from_mins(2),
            "workers find the new master"
        );
    }
    report.recovered(struck.elapsed(), RESUME);
    if !by_kill {
        // Only here does the new master get a replica that a submit can wait for.
        arena.submit_acts((0..100).map(|_| Act::effect())).await;
    }
    arena.drained().await;
    let servers: &[&Redis] = if by_kill {
        &[&set.second]
    } else {
        &[&set.first, &set.second]
    };
    report.add(judge(&mut arena, servers).await);
    report.check(arena.crew.deaths.is_empty(), || {
        "a worker died of it".to_owned()
    });
    report.note(format!(
        "{}: {} effects came twice, as the replica did not have every ack",
        if by_kill { "kill -9" } else { "graceful" },
        report.duplicated
    ));
    report
}

/// 19: the queue's slot moves to another master while jobs run; then that master is killed.
pub(super) async fn node_loss(run: Run) -> Report {
    let mut cluster = block_in_place(Cluster::start);
    let mut arena = Arena::on(&cluster.url(), &run);
    arena.args.crash_budget = AMPLE;
    arena.forgets = true;
    arena.start_workers(2).await;
    let mut report = Report::default();
    let jobs = run.pick(400, 2_000, 10_000);
    arena
        .submit_acts((0..jobs).map(|n| Act::effect_after(n % 50)))
        .await;
    arena.journal.until_count('E', 20).await;

    let slot = slot_of(&cluster.nodes[0]);
    let from = usize::from(slot / 5_461).min(2);
    let to = (from + 1) % 3;
    block_in_place(|| move_slot(&cluster, slot, from, to));
    let moved = Instant::now();
    arena.journal.read();
    let before = arena.journal.count('E') + 2 * arena.args.slots;
    arena.submit_acts((0..50).map(|_| Act::effect())).await;
    arena.journal.until_count('E', before + 1).await;
    report.recovered(moved.elapsed(), RESUME);
    report.note(format!(
        "slot moved: {:.1} s",
        moved.elapsed().as_secs_f64()
    ));

    arena
        .submit_acts((0..jobs).map(|n| Act::effect_after(n % 50)))
        .await;
    // Replication is asynchronous: what was accepted is to be on the replica before its master goes.
    let until = Instant::now() + Duration::from_secs(30);
    while !has_caught_up(&cluster.nodes[to]) {
        assert!(Instant::now() < until, "the replica catches up");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    block_in_place(|| cluster.nodes[to].kill());
    let struck = Instant::now();
    let open = loop {
        if let Ok(open) = arena.open().await {
            break open;
        }
        assert!(
            struck.elapsed() < Duration::from_mins(2),
            "a replica takes over"
        );
    };
    while open > 0 && arena.open().await.is_ok_and(|now| now >= open) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(
            struck.elapsed() < Duration::from_mins(2),
            "workers find the new master"
        );
    }
    report.recovered(struck.elapsed(), RESUME);
    arena.drained().await;
    let servers: Vec<&Redis> = cluster
        .nodes
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != to)
        .map(|(_, node)| node)
        .collect();
    report.add(judge(&mut arena, &servers).await);
    report.check(arena.crew.deaths.is_empty(), || {
        "a worker died of it".to_owned()
    });
    arena.broker.ping().await.unwrap();
    report
}

fn slot_of(node: &Redis) -> u16 {
    let key = format!("{PREFIX}:{{{QUEUE}}}:spec");
    node.cli(&["CLUSTER", "KEYSLOT", &key])
        .trim()
        .parse()
        .unwrap()
}

/// As `redis-cli --cluster reshard` does it, for one slot.
fn move_slot(cluster: &Cluster, slot: u16, from: usize, to: usize) {
    let slot = slot.to_string();
    let id = |at: usize| {
        cluster.nodes[at]
            .cli(&["CLUSTER", "MYID"])
            .trim()
            .to_owned()
    };
    let (from_id, to_id) = (id(from), id(to));
    cluster.nodes[to].cli(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
    cluster.nodes[from].cli(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
    let port = cluster.nodes[to].port().to_string();
    loop {
        let keys = cluster.nodes[from].cli(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]);
        let keys: Vec<_> = keys.lines().filter(|key| !key.is_empty()).collect();
        if keys.is_empty() {
            break;
        }
        let mut command = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
        command.extend(keys);
        cluster.nodes[from].cli(&command);
    }
    for at in [to, from, 3 - from - to] {
        cluster.nodes[at].cli(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
    }
}

fn has_caught_up(master: &Redis) -> bool {
    let info = master.cli(&["INFO", "replication"]);
    let number = |text: &str, field: &str| -> Option<u64> {
        let rest = &text[text.find(field)? + field.len()..];
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let at = number(&info, "master_repl_offset:");
    let replica = number(&info, ",offset=");
    // Behind by what passed between two lines at most, and all submits are older than that.
    matches!((at, replica), (Some(at), Some(replica)) if replica + 4_096 > at)
}
