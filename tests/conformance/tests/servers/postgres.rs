//! A PostgreSQL server of Debian's package, on a free loopback port, in a temporary folder.
//!
//! [`shared`] is one server for all test processes of a run, which find it by the runner that started them; each test
//! gets a database of its own, copied from a template that has the schema. [`Server`] is one of the test's own, to stop
//! and start. A small shell script stands between a server and whoever wants it: it stops the server when its runner has
//! gone or its standard input is closed, however that came about, and knows it by its process id.

use std::{
    fs::{self, File},
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use graphmill_queue::ledger::postgres::{PostgresDatabase, PostgresOptions, migrate};
use graphmill_servers::port::free_port;

const TEMPLATE: &str = "graphmill_template";
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// Runs `$@` until standard input is closed.
const UNTIL_CLOSED: &str = r#""$@" & pid=$!; read -r _; kill -QUIT $pid; wait $pid"#;
/// Runs `$@` until the process `$0` is gone, then removes the folder it works in.
const UNTIL_GONE: &str = r#""$@" & pid=$!; while [ -d "/proc/$0" ]; do sleep 0.2; done; kill -QUIT $pid; wait $pid; rm -rf "$PWD" "$PWD.lock""#;

/// Where the newest installed version keeps its programs.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL is installed: apt-get install postgresql-15");
    let newest = versions
        .filter_map(|entry| Some(entry.ok()?.path()))
        .max_by_key(|path| {
            let version = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or("");
            version.parse::<u32>().unwrap_or(0)
        });
    newest.expect("a version is installed").join("bin")
}

/// The user to run as: the server refuses root.
fn server_user() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    if fs::metadata("/proc/self").expect("/proc is there").uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("users are listed");
    let line = users
        .lines()
        .find(|line| line.starts_with("postgres:"))
        .expect("the package made the user `postgres`");
    let fields: Vec<_> = line.split(':').collect();
    Some((
        fields[2].parse().expect("an id"),
        fields[3].parse().expect("an id"),
    ))
}

fn as_server_user(command: &mut Command) -> &mut Command {
    if let Some((user, group)) = server_user() {
        command.uid(user).gid(group);
    }
    command
}

/// Makes a cluster in `folder`.
fn make_cluster(folder: &Path) {
    if let Some((user, group)) = server_user() {
        chown(folder, Some(user), Some(group)).expect("root may give a folder away");
    }
    let mut initdb = Command::new(programs().join("initdb"));
    initdb
        .current_dir(folder)
        .args(["-D", "data", "-A", "trust", "-U", "postgres", "--no-sync"])
        .args(["--locale=C", "-E", "UTF8"]);
    let made = as_server_user(&mut initdb).output().expect("initdb runs");
    assert!(made.status.success(), "initdb: {made:?}");
}

/// Starts the server of `folder` under one of the scripts above. Crashes of the machine are not tested, so it does not
/// wait for the disk.
fn start(folder: &Path, port: u16, script: &str, zeroth: &str) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .expect("the folder is writable");
    let mut shell = Command::new("sh");
    shell
        .current_dir(folder)
        .args(["-c", script, zeroth])
        .arg(programs().join("postgres"))
        .args(["-D", "data", "-k", "", "-h", "127.0.0.1"])
        .args(["-p", &port.to_string()])
        .args(["-c", "max_connections=300", "-c", "shared_buffers=64MB"])
        .args(["-c", "fsync=off", "-c", "max_wal_size=2GB"])
        .stdin(Stdio::piped())
        .stdout(log.try_clone().expect("a handle"))
        .stderr(log)
        .process_group(0);
    as_server_user(&mut shell).spawn().expect("sh runs")
}

fn url_of(port: u16, database: &str) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/{database}?sslmode=disable")
}

/// Runs SQL by `psql`, so that no runtime is needed.
fn psql(port: u16, database: &str, sql: &str) -> bool {
    let done = Command::new(programs().join("psql"))
        .args([
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-X",
            "-q",
            "-d",
            database,
        ])
        .args(["-p", &port.to_string(), "-c", sql])
        .output()
        .expect("psql runs");
    done.status.success()
}

fn wait_until_up(port: u16, folder: &Path) {
    let begun = Instant::now();
    while !psql(port, "postgres", "SELECT 1") {
        assert!(
            begun.elapsed() < START_TIMEOUT,
            "server does not start: {}",
            fs::read_to_string(folder.join("log")).unwrap_or_default()
        );
        #[expect(clippy::disallowed_methods, reason = "called outside of any runtime")]
        thread::sleep(Duration::from_millis(20));
    }
}

/// The process to whose end a shared server is bound: the runner if there is one, else this process.
fn runner() -> u32 {
    let parent = std::os::unix::process::parent_id();
    let name = fs::read_to_string(format!("/proc/{parent}/comm")).unwrap_or_default();
    if name.trim().starts_with("cargo") {
        parent
    } else {
        std::process::id()
    }
}

/// Returns the port of the run's server, which has the template; starts it if nobody has yet.
fn shared_port() -> u16 {
    let runner = runner();
    let folder = std::env::temp_dir().join(format!("graphmill-test-postgres-{runner}"));
    let lock_path = folder.with_extension("lock");
    let lock = File::create(&lock_path).expect("temporary files are writable");
    lock.lock().expect("others only hold it while they start");
    if let Some((user, group)) = server_user() {
        chown(&lock_path, Some(user), Some(group)).expect("root may give a file away");
    }
    let port_file = folder.join("port");
    if let Some(port) = fs::read_to_string(&port_file)
        .ok()
        .and_then(|port| port.parse().ok())
    {
        return port;
    }
    // A folder without a port is what a killed run of the same number left.
    drop(fs::remove_dir_all(&folder));
    fs::create_dir(&folder).expect("it was removed");
    make_cluster(&folder);
    let port = free_port();
    drop(
        start(&folder, port, UNTIL_GONE, &runner.to_string())
            .stdin
            .take(),
    );
    wait_until_up(port, &folder);
    assert!(psql(
        port,
        "postgres",
        &format!("CREATE DATABASE {TEMPLATE}")
    ));
    // A thread of its own: the caller is inside of a runtime already.
    let migrated = thread::spawn(move || {
        tokio::runtime::Runtime::new()
            .expect("a runtime starts")
            .block_on(migrate(&url_of(port, TEMPLATE), Duration::from_secs(10)))
    });
    migrated
        .join()
        .expect("it does not panic")
        .expect("the schema is made");
    fs::write(port_file, port.to_string()).expect("the folder is writable");
    port
}

/// Returns the URL of a new database with the schema, on the run's server.
pub async fn shared() -> String {
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    let number = DATABASES.fetch_add(1, Ordering::Relaxed);
    let name = format!("test_{}_{number}", std::process::id());
    let made = tokio::task::spawn_blocking(move || {
        let port = shared_port();
        let sql = format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}");
        assert!(psql(port, "postgres", &sql), "database `{name}` is made");
        url_of(port, &name)
    });
    made.await.expect("it does not panic")
}

/// Connects with few connections: many tests share a server.
pub async fn connect(url: &str) -> PostgresDatabase {
    let options = PostgresOptions {
        max_connections: 4,
        ..PostgresOptions::default()
    };
    PostgresDatabase::connect(url, &options)
        .await
        .expect("the server answers")
}

/// A server that a test may stop and start. Gone when dropped.
pub struct Server {
    folder: tempfile::TempDir,
    port: u16,
    running: Option<(Child, Option<ChildStdin>)>,
}

impl Server {
    /// Starts a server whose database `postgres` has the schema.
    pub async fn start() -> Self {
        let made = tokio::task::spawn_blocking(|| {
            let folder = tempfile::tempdir().expect("temporary files are writable");
            make_cluster(folder.path());
            let mut server = Self {
                folder,
                port: free_port(),
                running: None,
            };
            server.resume();
            server
        });
        let server = made.await.expect("it does not panic");
        migrate(&server.url(), Duration::from_secs(10))
            .await
            .expect("the schema is made");
        server
    }

    /// Returns the URL of its database.
    pub fn url(&self) -> String {
        url_of(self.port, "postgres")
    }

    /// Ends it at once, as a crash would.
    pub fn stop(&mut self) {
        if let Some((mut shell, stdin)) = self.running.take() {
            drop(stdin);
            shell.wait().expect("the script ends");
        }
    }

    /// Starts it again, on the same port.
    pub fn resume(&mut self) {
        let mut shell = start(self.folder.path(), self.port, UNTIL_CLOSED, "sh");
        let stdin = shell.stdin.take();
        self.running = Some((shell, stdin));
        wait_until_up(self.port, self.folder.path());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
