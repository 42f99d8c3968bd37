//! A child process that ends with its owner.

use std::process::{Child, Command, Stdio};

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    child: Child,
}

impl Server {
    /// Starts a program that writes nowhere. `package`: what to install where it is missing.
    pub fn start(command: &mut Command, package: &str) -> Self {
        let program = command.get_program().to_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "{} cannot start ({error}): install {package}",
                    program.display()
                )
            });
        Self { child }
    }

    /// Returns the process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal: `STOP`, `CONT`, `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.pid().to_string())
            .status()
            .expect("kill can be run");
        assert!(status.success(), "signal {name} was sent");
    }

    /// Waits for its end.
    pub fn wait(mut self) {
        drop(self.child.wait());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
