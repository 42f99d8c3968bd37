//! Free ports, and waiting for them.

use std::{
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

/// How long a server may take to start.
const START: Duration = Duration::from_secs(30);

/// Returns a port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}

/// Returns a port below 50,000 that was free a moment ago, also 10,000 above it: a Redis Cluster node talks to the others
/// there.
pub fn free_cluster_port() -> u16 {
    for _ in 0..1_000 {
        let port = free_port();
        if port < 50_000 && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok() {
            return port;
        }
    }
    panic!("no port has a free one 10,000 above it");
}

/// Waits until something listens.
pub fn wait_for_port(port: u16) {
    wait_until(&format!("something listens on port {port}"), || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
}

/// Waits until `what` holds.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < START, "not within {START:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
