//! Worker processes: started, killed, frozen, and started again.

use std::{
    fs::File,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{journal::PATIENCE, worker::WorkerArgs};

/// A role of this program in a process of its own. It is killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a role with its arguments. What it prints goes to a file.
    pub fn start(
        program: &Path,
        role: &str,
        args: &impl Serialize,
        environment: &[(String, String)],
        output: &Path,
    ) -> Self {
        let output = File::create(output).unwrap();
        let child = Command::new(program)
            .arg(role)
            .arg(serde_json::to_string(args).unwrap())
            .envs(environment.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Self { child }
    }

    /// Sends a signal: `STOP`, `CONT`, `TERM`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let arguments = [format!("-{name}"), pid];
        let status = Command::new("kill").args(arguments).status().unwrap();
        assert!(status.success(), "signal {name} was sent");
    }

    /// Returns how it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    pub async fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "a process ends");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Kills it as kill -9 does.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One place for a worker, and who is in it.
#[derive(Debug)]
pub struct Member {
    /// What it was started with.
    pub args: WorkerArgs,
    /// The process.
    pub process: Process,
}

/// Workers, and whoever replaces those that die.
#[derive(Debug)]
pub struct Crew {
    program: PathBuf,
    folder: PathBuf,
    started: u32,
    /// Those that run.
    pub members: Vec<Member>,
    /// Who died, and when, without having been asked to end.
    pub deaths: Vec<(String, Instant)>,
    /// For workers that are started from now on.
    pub environment: Vec<(String, String)>,
}

impl Crew {
    /// Begins without workers.
    pub fn new(program: PathBuf, folder: PathBuf) -> Self {
        Self {
            program,
            folder,
            started: 0,
            members: Vec::new(),
            deaths: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Starts a worker; its name is new each time.
    pub fn start(&mut self, mut args: WorkerArgs) -> usize {
        self.started += 1;
        args.name = format!("w{}", self.started);
        args.seed = args.seed.wrapping_add(u64::from(self.started));
        args.effects.clone_from(&self.folder);
        let output = self.folder.join(format!("{}.txt", args.name));
        let process = Process::start(&self.program, "worker", &args, &self.environment, &output);
        self.members.push(Member { args, process });
        self.members.len() - 1
    }

    /// Kills a worker and puts nobody in its place. Returns its name.
    pub fn kill(&mut self, at: usize) -> String {
        let mut member = self.members.remove(at);
        member.process.kill();
        self.deaths.push((member.args.name.clone(), Instant::now()));
        member.args.name
    }

    /// Kills a worker and starts another like it.
    pub fn replace(&mut self, at: usize) {
        let args = self.members[at].args.clone();
        self.kill(at);
        self.start(args);
    }

    /// Starts others like those that have died.
    pub fn tend(&mut self) {
        let mut at = 0;
        while at < self.members.len() {
            match self.members[at].process.ended() {
                Some(status) => {
                    assert!(
                        status.signal().is_some(),
                        "{} ended by itself with {status}",
                        self.members[at].args.name
                    );
                    self.replace(at);
                }
                None => at += 1,
            }
        }
    }

    /// Asks a worker to end, waits until it has, and returns how.
    pub async fn dismiss(&mut self, at: usize) -> ExitStatus {
        let mut member = self.members.remove(at);
        member.process.signal("TERM");
        member.process.wait().await
    }

    /// Returns the name of a worker.
    pub fn name(&self, at: usize) -> String {
        self.members[at].args.name.clone()
    }
}
