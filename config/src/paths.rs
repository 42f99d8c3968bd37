//! Where the embedded profile keeps its files.

use std::path::{Path, PathBuf};

use crate::Config;

impl Config {
    /// Returns the database file: `graphmill.db` in `data_dir` for `sqlite:` alone, else the path in `sql.url`.
    pub fn sql_path(&self) -> PathBuf {
        self.under_data_dir(self.sql.url.path(), "graphmill.db")
    }

    /// Returns the folder of the blobs: `blobs` in `data_dir` for `file:` alone, else the path in `blob.url`.
    pub fn blob_dir(&self) -> PathBuf {
        self.under_data_dir(self.blob.url.path(), "blobs")
    }

    fn under_data_dir(&self, written: &str, default: &str) -> PathBuf {
        if written.is_empty() {
            self.data_dir.join(default)
        } else {
            absolute(Path::new(written))
        }
    }

    /// Makes relative paths start at the working directory, so that a later change of directory moves nothing.
    pub(crate) fn resolve_paths(&mut self) {
        self.data_dir = absolute(&self.data_dir);
        if let Some(path) = &mut self.embedding.path {
            *path = absolute(path);
        }
        while self.api.url.ends_with('/') {
            self.api.url.pop();
        }
    }
}

/// Falls back to the path itself: `absolute` fails only for an empty path or a vanished working directory, and then
/// opening the path gives the better error.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
