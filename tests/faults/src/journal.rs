//! Reads what handlers did, as it happens. Instants are those at which the harness saw a line, so that no worker's clock
//! counts.

use std::{
    collections::HashMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
    time::{Duration, Instant},
};

use graphmill_queue::JobId;

/// How often files are read while something is awaited.
const POLL: Duration = Duration::from_millis(5);
/// After so long, what is awaited will not come; above every limit, as the machine may be busy.
pub const PATIENCE: Duration = Duration::from_mins(3);

/// One line; see the worker's file of effects.
#[derive(Debug, Clone)]
pub struct Line {
    /// S, E, P, Q, R or X.
    pub what: char,
    /// The job, where it is about one.
    pub id: Option<JobId>,
    /// Its attempt.
    pub attempt: u32,
    /// Its epoch.
    pub epoch: u64,
    /// Who wrote it.
    pub worker: String,
    /// A number.
    pub note: u64,
    /// When the harness saw it.
    pub seen: Instant,
}

/// Everything that was read so far.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    offsets: HashMap<PathBuf, u64>,
    /// In the order in which it was seen.
    pub lines: Vec<Line>,
    by_job: HashMap<(char, JobId), Vec<usize>>,
    counts: HashMap<char, usize>,
}

impl Journal {
    /// Reads the files of a folder.
    pub fn of(folder: PathBuf) -> Self {
        Self {
            folder,
            offsets: HashMap::new(),
            lines: Vec::new(),
            by_job: HashMap::new(),
            counts: HashMap::new(),
        }
    }

    /// Reads what is new.
    pub fn read(&mut self) {
        let seen = Instant::now();
        for entry in std::fs::read_dir(&self.folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "log") {
                continue;
            }
            let offset = self.offsets.entry(path.clone()).or_default();
            let mut file = File::open(&path).unwrap();
            file.seek(SeekFrom::Start(*offset)).unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            // The rest of a line may still be on its way.
            let whole = text.rfind('\n').map_or(0, |at| at + 1);
            *offset += whole as u64;
            for line in text[..whole].lines() {
                self.add(parse(line, seen));
            }
        }
    }

    fn add(&mut self, line: Line) {
        if let Some(id) = line.id {
            let places = self.by_job.entry((line.what, id)).or_default();
            places.push(self.lines.len());
        }
        *self.counts.entry(line.what).or_default() += 1;
        self.lines.push(line);
    }

    /// Returns the lines of a kind about a job.
    pub fn about(&self, what: char, id: JobId) -> Vec<&Line> {
        let places = self.by_job.get(&(what, id)).map_or(&[][..], Vec::as_slice);
        places.iter().map(|place| &self.lines[*place]).collect()
    }

    /// Returns the lines of a kind.
    pub fn all(&self, what: char) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.what == what)
    }

    /// Counts the lines of a kind.
    pub fn count(&self, what: char) -> usize {
        self.counts.get(&what).copied().unwrap_or(0)
    }

    /// Reads until something holds.
    ///
    /// # Panics
    /// When it does not for [`PATIENCE`].
    pub async fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        loop {
            self.read();
            if holds(self) {
                return;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "not within {PATIENCE:?}: {what}"
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// Reads until there are so many lines of a kind.
    pub async fn until_count(&mut self, what: char, count: usize) {
        let text = format!("{count} lines {what}");
        self.until(&text, |journal| journal.count(what) >= count)
            .await;
    }

    /// Reads until a job has so many lines of a kind.
    pub async fn until_about(&mut self, what: char, id: JobId, count: usize) {
        let text = format!("{count} lines {what} about {id}");
        self.until(&text, |journal| journal.about(what, id).len() >= count)
            .await;
    }

    /// For each instant at which a worker was lost, how long until a job that it had begun and not ended began again:
    /// the longest of these.
    pub fn worst_rerun(&self, deaths: &[(String, Instant)]) -> Option<Duration> {
        let mut worst = None;
        for (worker, died) in deaths {
            for begun in self.all('S').filter(|line| line.worker == *worker) {
                let id = begun.id.unwrap();
                let ended = self
                    .about('E', id)
                    .iter()
                    .any(|effect| effect.epoch == begun.epoch);
                let again = self
                    .about('S', id)
                    .into_iter()
                    .find(|again| again.epoch > begun.epoch);
                if let (false, Some(again)) = (ended, again) {
                    worst = worst.max(Some(again.seen.saturating_duration_since(*died)));
                }
            }
        }
        worst
    }

    /// Returns how long after an instant the next effect was seen.
    pub fn next_effect(&self, after: Instant) -> Option<Duration> {
        self.all('E')
            .find(|line| line.seen > after)
            .map(|line| line.seen - after)
    }
}

fn parse(line: &str, seen: Instant) -> Line {
    let parts: Vec<_> = line.split(' ').collect();
    let [what, id, attempt, epoch, worker, note] = parts[..] else {
        panic!("{line:?} is no line of a file of effects");
    };
    Line {
        what: what.chars().next().unwrap(),
        id: id.parse().ok(),
        attempt: attempt.parse().unwrap(),
        epoch: epoch.parse().unwrap(),
        worker: worker.to_owned(),
        note: note.parse().unwrap(),
        seen,
    }
}
