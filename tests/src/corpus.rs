//! The corpus of real documents beside the repository, if it is there.

use std::path::{Path, PathBuf};

/// The formats that graphmill reads, as the manifest names them.
pub const SUPPORTED: [&str; 9] = [
    "txt", "md", "html", "pdf", "docx", "csv", "tsv", "json", "jsonl",
];

/// One row of the manifest.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Relative to the corpus.
    pub path: String,
    /// `pdf`, `docx`, ….
    pub format: String,
    /// Exact text, or what a hostile file must give.
    pub expectation: String,
}

impl Entry {
    /// Tells whether the file is made to do harm.
    pub fn is_hostile(&self) -> bool {
        self.path.starts_with("hostile/")
    }

    /// Tells whether graphmill reads files of this format.
    pub fn is_supported(&self) -> bool {
        SUPPORTED.contains(&self.format.as_str())
    }
}

/// Returns the corpus folder; `None` (with a line that says so) where there is none.
#[expect(clippy::print_stdout, reason = "a test that did not run must say so")]
pub fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    if folder.join("MANIFEST.tsv").is_file() {
        return Some(folder);
    }
    println!("skipped: there is no corpus in ../shared/corpus");
    None
}

/// Reads the manifest.
///
/// # Panics
/// When it cannot be read.
pub fn manifest(folder: &Path) -> Vec<Entry> {
    let text =
        std::fs::read_to_string(folder.join("MANIFEST.tsv")).expect("the manifest is readable");
    text.lines()
        .skip(1)
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            Entry {
                path: columns[0].to_owned(),
                format: columns[1].to_owned(),
                expectation: columns.get(7).copied().unwrap_or_default().to_owned(),
            }
        })
        .filter(|entry| !entry.path.starts_with("truth/"))
        .collect()
}

/// Copies every `stride`-th supported, harmless file of at most `max_bytes` into `target`, keeping folders; returns how
/// many. The same arguments give the same files.
///
/// # Panics
/// When a file cannot be copied.
pub fn copy_sample(folder: &Path, target: &Path, stride: usize, max_bytes: u64) -> usize {
    let wanted = manifest(folder)
        .into_iter()
        .filter(|entry| entry.is_supported() && !entry.is_hostile())
        .filter(|entry| {
            std::fs::metadata(folder.join(&entry.path)).is_ok_and(|meta| meta.len() <= max_bytes)
        })
        .step_by(stride);
    let mut copied = 0;
    for entry in wanted {
        let to = target.join(&entry.path);
        std::fs::create_dir_all(to.parent().expect("a file has a folder"))
            .expect("the folder can be made");
        std::fs::copy(folder.join(&entry.path), to).expect("the file can be copied");
        copied += 1;
    }
    copied
}
