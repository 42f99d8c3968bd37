//! From the paths that were typed to the files that are meant, in a stable order.
//!
//! A file's source, its identity in the knowledge base, is its path below the folder that was given, with that folder's
//! name in front: `corpus/reports/a.pdf`. It does not depend on the working directory or on where the folder lies, so a
//! second run names the same documents. A file that is given by itself has its folder's name in front for the same
//! reason.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

/// Folders within folders that are entered, at most.
const MAX_DEPTH: usize = 64;

/// A file to submit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// The document's identity.
    pub(crate) source: String,
    /// The file's name.
    pub(crate) title: String,
    /// Its size when it was found.
    pub(crate) bytes: u64,
}

/// Everything below the given paths.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Files, in the order of the paths given and sorted below each.
    pub(crate) files: Vec<Found>,
    /// Paths that are missing, unreadable or not what can be submitted, each with why.
    pub(crate) problems: Vec<(PathBuf, String)>,
    sources: HashMap<String, PathBuf>,
}

/// Walks the given paths. Hidden entries below a folder are left out; a link is followed if it leads to a file inside
/// the folder that was given.
pub(crate) fn walk(paths: &[PathBuf]) -> Walk {
    let mut walk = Walk::default();
    for path in paths {
        if let Err(error) = walk.root(path) {
            walk.problem(path, &error);
        }
    }
    walk
}

impl Walk {
    fn root(&mut self, path: &Path) -> io::Result<()> {
        let real = fs::canonicalize(path)?;
        let metadata = fs::metadata(&real)?;
        if metadata.is_dir() {
            let name = name_of(&real);
            self.folder(&real, path, &name, 0);
        } else if metadata.is_file() {
            let folder = real.parent().map(name_of).unwrap_or_default();
            self.file(&real, path, joined(&folder, &name_of(path)), metadata.len());
        } else {
            self.problems
                .push((path.to_owned(), "is neither a file nor a folder".to_owned()));
        }
        Ok(())
    }

    /// Adds what lies in `folder`; `root` is the real path of the folder that was given.
    fn folder(&mut self, root: &Path, folder: &Path, source: &str, depth: usize) {
        if depth > MAX_DEPTH {
            self.problems.push((
                folder.to_owned(),
                format!("lies more than {MAX_DEPTH} folders deep"),
            ));
            return;
        }
        let entries = match sorted_entries(folder) {
            Ok(entries) => entries,
            Err(error) => return self.problem(folder, &error),
        };
        for entry in entries {
            let path = entry.path();
            let name = name_of(&path);
            let source = joined(source, &name);
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.folder(root, &path, &source, depth + 1),
                Ok(kind) if kind.is_symlink() => self.link(root, &path, source),
                Ok(kind) if kind.is_file() => match entry.metadata() {
                    Ok(metadata) => self.file(&path, &path, source, metadata.len()),
                    Err(error) => self.problem(&path, &error),
                },
                // Sockets, pipes and devices are no documents, and reading one may never end.
                Ok(_) => {}
                Err(error) => self.problem(&path, &error),
            }
        }
    }

    /// A link that leads out of the root is left alone, and so is one to a folder: inside the root that folder is
    /// walked where it lies, and rings of links cannot arise.
    fn link(&mut self, root: &Path, path: &Path, source: String) {
        let target = fs::canonicalize(path)
            .and_then(|real| fs::metadata(&real).map(|metadata| (real, metadata)));
        match target {
            Ok((real, metadata)) if metadata.is_file() && real.starts_with(root) => {
                self.file(&real, path, source, metadata.len());
            }
            Ok(_) => {}
            Err(error) => self.problem(path, &error),
        }
    }

    fn file(&mut self, real: &Path, path: &Path, source: String, bytes: u64) {
        match self.sources.get(&source) {
            // The same file by two of the paths given.
            Some(earlier) if earlier == real => return,
            Some(earlier) => {
                let why = format!(
                    "would be the same document as `{}`: both are `{source}`; give a folder above both",
                    earlier.display()
                );
                self.problems.push((path.to_owned(), why));
                return;
            }
            None => {
                let real = fs::canonicalize(real).unwrap_or_else(|_| real.to_owned());
                self.sources.insert(source.clone(), real);
            }
        }
        self.files.push(Found {
            path: path.to_owned(),
            source,
            title: name_of(path),
            bytes,
        });
    }

    fn problem(&mut self, path: &Path, error: &io::Error) {
        let why = match error.kind() {
            io::ErrorKind::NotFound => "does not exist".to_owned(),
            io::ErrorKind::PermissionDenied => "may not be read".to_owned(),
            _ => error.to_string(),
        };
        self.problems.push((path.to_owned(), why));
    }
}

/// Visible entries by name, bytewise, so that the order is the same on every machine.
fn sorted_entries(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.retain(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    entries.sort_by_key(fs::DirEntry::file_name);
    Ok(entries)
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or(OsStr::new(""))
        .to_string_lossy()
        .into_owned()
}

fn joined(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("corpus");
        fs::create_dir_all(root.join("b/inner")).unwrap();
        fs::create_dir_all(root.join(".git")).unwrap();
        for (name, text) in [
            ("b/2.txt", "22"),
            ("b/inner/3.txt", "3"),
            ("a.txt", "a"),
            ("中文.md", "中"),
            (".hidden", "x"),
            (".git/x", "x"),
        ] {
            fs::write(root.join(name), text).unwrap();
        }
        fs::write(folder.path().join("outside.txt"), "o").unwrap();
        folder
    }

    fn sources(walk: &Walk) -> Vec<&str> {
        walk.files.iter().map(|file| file.source.as_str()).collect()
    }

    #[test]
    fn files_are_sorted_and_named_below_the_folder_given() {
        let folder = tree();
        let found = walk(&[folder.path().join("corpus")]);
        assert_eq!(
            sources(&found),
            [
                "corpus/a.txt",
                "corpus/b/2.txt",
                "corpus/b/inner/3.txt",
                "corpus/中文.md"
            ]
        );
        assert_eq!(found.files[1].title, "2.txt");
        assert_eq!(found.files[1].bytes, 2);
        assert!(found.problems.is_empty());
    }

    #[test]
    fn a_file_has_the_same_source_alone_and_with_its_folder() {
        let folder = tree();
        let root = folder.path().join("corpus");
        let found = walk(&[
            root.join("a.txt"),
            root.clone(),
            root.join("../corpus/a.txt"),
        ]);
        assert_eq!(sources(&found)[0], "corpus/a.txt");
        assert_eq!(found.files.len(), 4, "no file twice");
    }

    #[test]
    fn links_are_followed_inside_the_folder_only() {
        let folder = tree();
        let root = folder.path().join("corpus");
        symlink(root.join("a.txt"), root.join("link-inside.txt")).unwrap();
        symlink(
            folder.path().join("outside.txt"),
            root.join("link-outside.txt"),
        )
        .unwrap();
        symlink(&root, root.join("b/ring")).unwrap();
        symlink(root.join("nowhere"), root.join("dangling")).unwrap();
        let found = walk(std::slice::from_ref(&root));
        assert!(sources(&found).contains(&"corpus/link-inside.txt"));
        assert_eq!(found.files.len(), 5);
        assert_eq!(
            found.problems,
            [(
                root.canonicalize().unwrap().join("dangling"),
                "does not exist".to_owned()
            )]
            .map(|(_, why)| (root.join("dangling"), why))
        );
    }

    #[test]
    fn a_missing_path_is_named_and_the_rest_goes_on() {
        let folder = tree();
        let missing = folder.path().join("missing");
        let found = walk(&[missing.clone(), folder.path().join("corpus/b")]);
        assert_eq!(found.problems, [(missing, "does not exist".to_owned())]);
        assert_eq!(sources(&found), ["b/2.txt", "b/inner/3.txt"]);
    }

    #[test]
    fn two_files_with_one_source_are_a_problem_not_two_versions() {
        let folder = tree();
        let other = folder.path().join("elsewhere/corpus");
        fs::create_dir_all(&other).unwrap();
        fs::write(other.join("a.txt"), "other").unwrap();
        let found = walk(&[folder.path().join("corpus/a.txt"), other.join("a.txt")]);
        assert_eq!(sources(&found), ["corpus/a.txt"]);
        assert!(found.problems[0].1.contains("would be the same document"));
    }
}
