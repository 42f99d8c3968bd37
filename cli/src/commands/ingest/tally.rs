//! What has become of each file, counted while it happens. Uploads and follow-up write, the display reads.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use serde::Serialize;

use super::walk::{Found, Walk};
use crate::views::{LookedUp, UploadResult, Uploaded};

/// A file or document that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Failure {
    /// The source, or the path where there is no source yet.
    pub(crate) path: String,
    /// The document, if it came to be one.
    pub(crate) document_id: Option<String>,
    /// Stable.
    pub(crate) code: String,
    /// For people.
    pub(crate) message: String,
}

/// The result of an ingest: the JSON output.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Summary {
    /// Documents that were new or changed.
    pub(crate) accepted: u64,
    /// Documents that were there already.
    pub(crate) unchanged: u64,
    /// Documents that were followed to a good end.
    pub(crate) completed: u64,
    /// Files and documents that failed.
    pub(crate) failed: u64,
    /// Documents whose end was not seen: nobody waited, or not long enough.
    pub(crate) pending: u64,
    /// Whether waiting ended by its limit.
    pub(crate) timed_out: bool,
    /// Each failure, in order of path.
    pub(crate) failures: Vec<Failure>,
    /// Chunks of the completed documents.
    pub(crate) chunks: u64,
    /// Bytes uploaded.
    pub(crate) bytes: u64,
    /// Time it took.
    pub(crate) seconds: f64,
}

impl Summary {
    /// Whether nothing failed and nothing was waited for in vain.
    pub(crate) fn is_clean(&self) -> bool {
        self.failed == 0 && !self.timed_out
    }
}

/// Figures for the progress display.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Snapshot {
    /// Files found.
    pub(crate) total: u64,
    /// Files with a document.
    pub(crate) uploaded: u64,
    /// Documents that have come as far as they are followed.
    pub(crate) done: u64,
    /// Files and documents that failed.
    pub(crate) failed: u64,
    /// Chunks of the completed documents.
    pub(crate) chunks: u64,
    /// Bytes uploaded.
    pub(crate) bytes: u64,
    /// Since the beginning.
    pub(crate) seconds: f64,
}

/// The counts. A std mutex: sections are short and hold no await.
pub(crate) struct Tally {
    state: Mutex<State>,
    started: Instant,
    total: u64,
    wait: bool,
}

#[derive(Default)]
struct State {
    accepted: u64,
    unchanged: u64,
    completed: u64,
    chunks: u64,
    bytes: u64,
    failures: Vec<Failure>,
    /// Document → source.
    pending: HashMap<String, String>,
    uploads_ended: bool,
    timed_out: bool,
}

impl Tally {
    pub(crate) fn new(walk: &Walk, wait: bool) -> Self {
        let failures = walk
            .problems
            .iter()
            .map(|(path, why)| Failure {
                path: path.display().to_string(),
                document_id: None,
                code: "path.invalid".to_owned(),
                message: format!("`{}` {why}", path.display()),
            })
            .collect();
        Self {
            state: Mutex::new(State {
                failures,
                ..State::default()
            }),
            started: Instant::now(),
            total: walk.files.len() as u64,
            wait,
        }
    }

    /// Counts have no invariant that a panic could break, so a poisoned lock is as good as any.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file became a document. With `--wait` every document is followed, unchanged ones too: an earlier run may have
    /// left them unfinished.
    pub(crate) fn uploaded(&self, file: &Found, uploaded: &Uploaded) {
        let mut state = self.state();
        state.bytes += file.bytes;
        match uploaded.result {
            UploadResult::Unchanged => state.unchanged += 1,
            UploadResult::Created | UploadResult::NewVersion => state.accepted += 1,
        }
        state
            .pending
            .insert(uploaded.document_id.clone(), file.source.clone());
    }

    /// A file became none.
    pub(crate) fn refused(&self, file: &Found, code: &str, message: &str) {
        self.state().failures.push(Failure {
            path: file.source.clone(),
            document_id: None,
            code: code.to_owned(),
            message: message.to_owned(),
        });
    }

    /// Takes the answer to a look-up of `asked`.
    pub(crate) fn looked_up(&self, asked: &[String], items: Vec<LookedUp>) {
        let mut state = self.state();
        let mut missing: Vec<&String> = asked.iter().collect();
        for item in items {
            missing.retain(|id| **id != item.document_id);
            match item.status.as_str() {
                "completed" if state.pending.remove(&item.document_id).is_some() => {
                    state.completed += 1;
                    state.chunks += item.chunks;
                }
                "failed" => {
                    let (code, message) = item.error.map_or_else(
                        || {
                            (
                                "document.failed".to_owned(),
                                "no reason was given".to_owned(),
                            )
                        },
                        |error| (error.code, error.message),
                    );
                    state.fail(&item.document_id, code, message);
                }
                "deleting" => state.fail(
                    &item.document_id,
                    "document.deleted".to_owned(),
                    "was deleted meanwhile".to_owned(),
                ),
                _ => {}
            }
        }
        for id in missing {
            state.fail(
                id,
                "document.deleted".to_owned(),
                "was deleted meanwhile".to_owned(),
            );
        }
    }

    /// Returns the documents whose end has not been seen.
    pub(crate) fn pending(&self) -> Vec<String> {
        self.state().pending.keys().cloned().collect()
    }

    /// Returns how many have settled.
    pub(crate) fn settled(&self) -> u64 {
        let state = self.state();
        state.completed + state.failures.len() as u64
    }

    pub(crate) fn uploads_ended(&self) {
        self.state().uploads_ended = true;
    }

    pub(crate) fn have_uploads_ended(&self) -> bool {
        self.state().uploads_ended
    }

    pub(crate) fn time_is_over(&self) {
        self.state().timed_out = true;
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.state();
        let uploaded = state.accepted + state.unchanged;
        Snapshot {
            total: self.total,
            uploaded,
            done: if self.wait { state.completed } else { uploaded },
            failed: state.failures.len() as u64,
            chunks: state.chunks,
            bytes: state.bytes,
            seconds: self.started.elapsed().as_secs_f64(),
        }
    }

    pub(crate) fn summary(&self) -> Summary {
        let state = self.state();
        let mut failures = state.failures.clone();
        failures.sort_by(|one, other| one.path.cmp(&other.path));
        Summary {
            accepted: state.accepted,
            unchanged: state.unchanged,
            completed: state.completed,
            failed: failures.len() as u64,
            pending: state.pending.len() as u64,
            timed_out: state.timed_out,
            failures,
            chunks: state.chunks,
            bytes: state.bytes,
            seconds: self.started.elapsed().as_secs_f64(),
        }
    }
}

impl State {
    fn fail(&mut self, id: &str, code: String, message: String) {
        if let Some(path) = self.pending.remove(id) {
            self.failures.push(Failure {
                path,
                document_id: Some(id.to_owned()),
                code,
                message,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::DocumentError;

    fn uploaded(id: &str, result: UploadResult) -> Uploaded {
        Uploaded {
            document_id: id.to_owned(),
            result,
        }
    }

    fn looked_up(id: &str, status: &str) -> LookedUp {
        let error = (status == "failed").then(|| DocumentError {
            code: "parse.encrypted".into(),
            message: "needs a password".into(),
        });
        LookedUp {
            document_id: id.to_owned(),
            status: status.to_owned(),
            chunks: 3,
            error,
        }
    }

    #[test]
    fn every_file_is_counted_once_whatever_becomes_of_it() {
        let file = |name: &str| Found {
            path: name.into(),
            source: format!("c/{name}"),
            title: name.to_owned(),
            bytes: 10,
        };
        let mut walk = Walk::default();
        walk.files = ["a", "b", "c", "d", "e"].map(file).to_vec();
        let tally = Tally::new(&walk, true);
        tally.uploaded(&file("a"), &uploaded("1", UploadResult::Created));
        tally.uploaded(&file("b"), &uploaded("2", UploadResult::Unchanged));
        tally.uploaded(&file("c"), &uploaded("3", UploadResult::NewVersion));
        tally.uploaded(&file("d"), &uploaded("4", UploadResult::Created));
        tally.refused(&file("e"), "document.too_large", "is too large");
        let ids: Vec<String> = ["1", "2", "3", "4"].map(str::to_owned).to_vec();
        for _ in 0..2 {
            tally.looked_up(
                &ids,
                vec![
                    looked_up("1", "completed"),
                    looked_up("2", "processing"),
                    looked_up("3", "failed"),
                ],
            );
        }
        let summary = tally.summary();
        assert_eq!(
            (
                summary.accepted,
                summary.unchanged,
                summary.completed,
                summary.failed,
                summary.pending
            ),
            (3, 1, 1, 3, 1)
        );
        assert_eq!((summary.chunks, summary.bytes), (3, 40));
        let codes: Vec<_> = summary
            .failures
            .iter()
            .map(|failure| (failure.path.as_str(), failure.code.as_str()))
            .collect();
        assert_eq!(
            codes,
            [
                ("c/c", "parse.encrypted"),
                ("c/d", "document.deleted"),
                ("c/e", "document.too_large")
            ]
        );
        assert!(!summary.is_clean());
    }
}
