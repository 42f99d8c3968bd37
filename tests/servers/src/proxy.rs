//! A TCP proxy in front of a server, which can be told to misbehave.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// What the proxy does to bytes that pass, from now on.
#[derive(Debug, Default)]
struct Mood {
    /// Answers are swallowed.
    drop_answers: AtomicBool,
    /// Nothing passes in either direction, and nothing is closed: a black hole.
    hole: AtomicBool,
    /// New connections are refused.
    closed: AtomicBool,
    /// Each way takes this much longer, µs.
    delay_us: AtomicU64,
}

/// The proxy. Its connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    mood: Arc<Mood>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    /// Starts a proxy to a port of loopback.
    pub fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let proxy = Self {
            port: listener.local_addr().expect("it is bound").port(),
            mood: Arc::default(),
            open: Arc::default(),
        };
        let (mood, open) = (Arc::clone(&proxy.mood), Arc::clone(&proxy.open));
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else {
                    break;
                };
                if mood.closed.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else {
                    continue;
                };
                drop(client.set_nodelay(true));
                drop(server.set_nodelay(true));
                remember(&open, &[&client, &server]);
                pass(&client, &server, &mood, false);
                pass(&server, &client, &mood, true);
            }
        });
        proxy
    }

    /// Returns its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Swallows answers from now on, or no longer.
    pub fn drop_answers(&self, on: bool) {
        self.mood.drop_answers.store(on, Ordering::SeqCst);
    }

    /// Becomes a black hole, or none any more.
    pub fn swallow(&self, on: bool) {
        self.mood.hole.store(on, Ordering::SeqCst);
    }

    /// Delays each way.
    pub fn delay(&self, each_way: Duration) {
        self.mood
            .delay_us
            .store(each_way.as_micros() as u64, Ordering::SeqCst);
    }

    /// Refuses new connections, or no longer.
    pub fn refuse(&self, on: bool) {
        self.mood.closed.store(on, Ordering::SeqCst);
    }

    /// Cuts every open connection.
    pub fn cut(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in open.drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.refuse(true);
        self.cut();
    }
}

fn remember(open: &Mutex<Vec<TcpStream>>, streams: &[&TcpStream]) {
    let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
    open.extend(streams.iter().filter_map(|stream| stream.try_clone().ok()));
}

/// Copies bytes one way, in a thread of its own.
fn pass(from: &TcpStream, to: &TcpStream, mood: &Arc<Mood>, answers: bool) {
    let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else {
        return;
    };
    let mood = Arc::clone(mood);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let delay = mood.delay_us.load(Ordering::SeqCst);
            if delay > 0 {
                thread::sleep(Duration::from_micros(delay));
            }
            let swallowed = mood.hole.load(Ordering::SeqCst)
                || (answers && mood.drop_answers.load(Ordering::SeqCst));
            if !swallowed && to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        drop(to.shutdown(Shutdown::Both));
        drop(from.shutdown(Shutdown::Both));
    });
}
