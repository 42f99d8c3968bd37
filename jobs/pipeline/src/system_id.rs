//! The name of a system: a random id in its data folder, by which others tell it from theirs.

use std::{fs, io, path::Path};

use uuid::Uuid;

/// The file in the data folder.
const FILE: &str = "system-id";

/// Returns the id of the system whose data folder this is; the first call makes it.
///
/// # Errors
/// When the file can be neither read nor written, or holds no id.
pub fn system_id(data_dir: &Path) -> io::Result<Uuid> {
    let path = data_dir.join(FILE);
    let read = || {
        let text = fs::read_to_string(&path)?;
        text.trim().parse().map_err(|_| {
            let message = format!("`{}` holds no id of a system", path.display());
            io::Error::new(io::ErrorKind::InvalidData, message)
        })
    };
    match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        known => return known,
    }
    // Whole or not at all, and of several processes that start at once the first one's stays.
    let id = Uuid::now_v7();
    let draft = data_dir.join(format!("{FILE}.{id}.tmp"));
    fs::write(&draft, format!("{id}\n"))?;
    let linked = fs::hard_link(&draft, &path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => read(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_id_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let ids: Vec<Uuid> = std::thread::scope(|scope| {
            let calls: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| system_id(folder.path()).unwrap()))
                .collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]));
        let other = tempfile::tempdir().unwrap();
        assert_ne!(system_id(other.path()).unwrap(), ids[0]);
        fs::write(folder.path().join(FILE), "x").unwrap();
        assert_eq!(
            system_id(folder.path()).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }
}
