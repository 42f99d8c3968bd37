//! Shows how far an ingest is: a bar on a terminal, a line every few seconds elsewhere.

// Writing to a `String` cannot fail, so the results of `write!` are dropped below.
use std::{fmt::Write as _, io::IsTerminal, sync::Arc, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::tally::{Snapshot, Tally};
use crate::output::Output;

/// The bar is drawn this often.
const BAR_PERIOD: Duration = Duration::from_millis(100);
/// Lines come this often.
const LINE_PERIOD: Duration = Duration::from_secs(5);

/// Where progress goes.
pub(crate) struct Progress {
    output: Output,
    bar: Option<ProgressBar>,
}

/// A display that runs until it is finished.
pub(crate) struct Shown {
    done: CancellationToken,
    task: JoinHandle<()>,
}

impl Progress {
    pub(crate) fn start(output: Output) -> Self {
        let on_terminal = output.shows_progress() && std::io::stderr().is_terminal();
        let bar = on_terminal.then(|| {
            let style = ProgressStyle::with_template("{bar:24} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(0).with_style(style)
        });
        Self { output, bar }
    }

    /// Shows the tally until [`Shown::finish`].
    pub(crate) fn follow(self, tally: Arc<Tally>) -> Shown {
        let done = CancellationToken::new();
        let ended = done.clone();
        let task = tokio::spawn(async move {
            let period = if self.bar.is_some() {
                BAR_PERIOD
            } else {
                LINE_PERIOD
            };
            while tokio::time::timeout(period, ended.cancelled())
                .await
                .is_err()
            {
                self.show(&tally.snapshot());
            }
            if let Some(bar) = &self.bar {
                bar.finish_and_clear();
            }
        });
        Shown { done, task }
    }

    fn show(&self, snapshot: &Snapshot) {
        let line = line(snapshot);
        match &self.bar {
            Some(bar) => {
                bar.set_length(snapshot.total);
                bar.set_position(snapshot.done + snapshot.failed);
                bar.set_message(line);
            }
            None => self.output.note(&line),
        }
    }
}

impl Shown {
    /// Takes the display away.
    pub(crate) async fn finish(self) {
        self.done.cancel();
        // The display can only fail by a panic, which is no reason to lose the result.
        let _ = self.task.await;
    }
}

/// Returns the figures as one line.
fn line(snapshot: &Snapshot) -> String {
    let Snapshot {
        total,
        uploaded,
        done,
        failed,
        chunks,
        bytes,
        seconds,
    } = *snapshot;
    let mut line = format!("{done}/{total} documents");
    if uploaded > done + failed {
        let _ = write!(line, ", {uploaded} uploaded");
    }
    if failed > 0 {
        let _ = write!(line, ", {failed} failed");
    }
    if chunks > 0 {
        let _ = write!(line, ", {chunks} chunks");
    }
    if seconds > 0.0 {
        let _ = write!(line, ", {:.1} MB/s", bytes as f64 / 1e6 / seconds);
    }
    if let Some(eta) = eta(snapshot) {
        let _ = write!(line, ", ETA {}", humantime::format_duration(eta));
    }
    line
}

/// The time that is left at the rate so far, in whole seconds; nothing before anything is done.
fn eta(snapshot: &Snapshot) -> Option<Duration> {
    let settled = (snapshot.done + snapshot.failed).min(snapshot.total);
    if settled == 0 || settled == snapshot.total {
        return None;
    }
    let left = (snapshot.total - settled) as f64 * snapshot.seconds / settled as f64;
    Some(Duration::from_secs(left.ceil() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_figures_that_are_known() {
        let start = Snapshot {
            total: 40,
            ..Snapshot::default()
        };
        let middle = Snapshot {
            uploaded: 30,
            done: 10,
            failed: 2,
            chunks: 210,
            bytes: 24_000_000,
            seconds: 6.0,
            ..start
        };
        let end = Snapshot {
            uploaded: 38,
            done: 38,
            ..middle
        };
        insta::assert_snapshot!(
            [start, middle, end]
                .map(|snapshot| line(&snapshot))
                .join("\n")
        );
    }
}
