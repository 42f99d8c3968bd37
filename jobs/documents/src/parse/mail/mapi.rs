//! Properties of Outlook messages (\[MS-OXMSG\]): each object is a folder of a compound file, with a stream for each long
//! property and one for all short ones.

use std::collections::HashMap;
use std::io::{Cursor, Read as _};

use cfb::CompoundFile;

use crate::detect::encoding;

/// Kinds of properties, as they end the name of a stream.
const UNICODE: u16 = 0x001F;
const LEGACY_TEXT: u16 = 0x001E;
const BINARY: u16 = 0x0102;
/// Bytes of one short property: type, number, flags, value.
const ENTRY_BYTES: usize = 16;

/// A compound file that holds a message.
pub(super) struct Store<'b> {
    file: CompoundFile<Cursor<&'b [u8]>>,
    max_stream_bytes: u64,
}

impl<'b> Store<'b> {
    pub(super) fn open(bytes: &'b [u8], max_stream_bytes: u64) -> std::io::Result<Self> {
        Ok(Self {
            file: CompoundFile::open(Cursor::new(bytes))?,
            max_stream_bytes,
        })
    }

    /// Returns the folders directly below `folder` whose name begins with `prefix`, in order.
    pub(super) fn folders(&self, folder: &str, prefix: &str) -> Vec<String> {
        let Ok(entries) = self.file.read_storage(folder) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .filter(|entry| entry.is_storage() && entry.name().starts_with(prefix))
            .map(|entry| format!("{}/{}", folder.trim_end_matches('/'), entry.name()))
            .collect();
        names.sort_unstable();
        names
    }

    /// Returns a text, whether it is stored as UTF-16 or in a code page.
    pub(super) fn text(&mut self, folder: &str, property: u16) -> Option<String> {
        if let Some(bytes) = self.stream(folder, property, UNICODE) {
            let (units, _) = bytes.as_chunks::<2>();
            let units: Vec<u16> = units.iter().copied().map(u16::from_le_bytes).collect();
            return Some(without_end(&String::from_utf16_lossy(&units)));
        }
        let bytes = self.stream(folder, property, LEGACY_TEXT)?;
        let text = encoding::decode(&bytes).map(|decoded| decoded.text);
        Some(without_end(&text.unwrap_or_else(|| {
            String::from_utf8_lossy(&bytes).into_owned()
        })))
    }

    pub(super) fn binary(&mut self, folder: &str, property: u16) -> Option<Vec<u8>> {
        self.stream(folder, property, BINARY)
    }

    /// Reads the short properties of an object, which come after a header of `header_bytes`.
    pub(super) fn short(&mut self, folder: &str, header_bytes: usize) -> HashMap<u16, [u8; 8]> {
        let path = format!("{}/__properties_version1.0", folder.trim_end_matches('/'));
        let bytes = self.read(&path).unwrap_or_default();
        let entries = bytes.get(header_bytes..).unwrap_or_default();
        let (entries, _) = entries.as_chunks::<ENTRY_BYTES>();
        entries
            .iter()
            .filter_map(|entry| {
                let number = u16::from_le_bytes([entry[2], entry[3]]);
                Some((number, *entry.last_chunk()?))
            })
            .collect()
    }

    /// Tells whether an object has a message for a property, and in which folder.
    pub(super) fn message(&self, folder: &str, property: u16) -> Option<String> {
        let path = format!("{folder}/__substg1.0_{property:04X}000D");
        self.file.is_storage(&path).then_some(path)
    }

    fn stream(&mut self, folder: &str, property: u16, kind: u16) -> Option<Vec<u8>> {
        let folder = folder.trim_end_matches('/');
        self.read(&format!("{folder}/__substg1.0_{property:04X}{kind:04X}"))
    }

    fn read(&mut self, path: &str) -> Option<Vec<u8>> {
        let stream = self.file.open_stream(path).ok()?;
        let mut bytes = Vec::new();
        // A damaged stream gives what comes before the damage.
        let _ = stream.take(self.max_stream_bytes).read_to_end(&mut bytes);
        Some(bytes)
    }
}

/// Some writers end texts with a NUL.
fn without_end(text: &str) -> String {
    text.trim_end_matches('\0').to_owned()
}
