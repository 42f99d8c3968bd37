//! Reads NumPy's `.npz`: a zip archive of `.npy` arrays.

use std::io::{Cursor, Read as _};

use zip::ZipArchive;

/// Why an array could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum NpzError {
    #[error("not a readable archive: {0}")]
    Archive(#[from] zip::result::ZipError),
    #[error("array `{name}` cannot be unpacked: {source}")]
    Unpack {
        name: String,
        source: std::io::Error,
    },
    #[error("array `{name}` is not a row-major `{expected}` array")]
    Format {
        name: String,
        expected: &'static str,
    },
}

pub(super) struct Npz<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
}

impl<'a> Npz<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, NpzError> {
        Ok(Self {
            archive: ZipArchive::new(Cursor::new(bytes))?,
        })
    }

    /// The elements of a single-precision array, row-major.
    pub(super) fn f32(&mut self, name: &str) -> Result<Vec<f32>, NpzError> {
        let bytes = self.elements(name, "<f4")?;
        Ok(bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&bytes| f32::from_le_bytes(bytes))
            .collect())
    }

    /// The first element of a double-precision array.
    pub(super) fn f64(&mut self, name: &str) -> Result<f64, NpzError> {
        let bytes = self.elements(name, "<f8")?;
        let first = bytes.first_chunk::<8>().ok_or_else(|| NpzError::Format {
            name: name.to_owned(),
            expected: "<f8",
        })?;
        Ok(f64::from_le_bytes(*first))
    }

    /// The elements of a byte array, row-major.
    pub(super) fn u8(&mut self, name: &str) -> Result<Vec<u8>, NpzError> {
        self.elements(name, "|u1")
    }

    /// Unpacks an array and strips its header, a Python dictionary as text, padded and led by its length.
    fn elements(&mut self, name: &str, dtype: &'static str) -> Result<Vec<u8>, NpzError> {
        let mut file = self.archive.by_name(&format!("{name}.npy"))?;
        let unpack = |source| NpzError::Unpack {
            name: name.to_owned(),
            source,
        };
        let format = || NpzError::Format {
            name: name.to_owned(),
            expected: dtype,
        };

        let mut magic = [0; 8];
        file.read_exact(&mut magic).map_err(unpack)?;
        let header_length = match &magic {
            b"\x93NUMPY\x01\x00" => {
                let mut length = [0; 2];
                file.read_exact(&mut length).map_err(unpack)?;
                usize::from(u16::from_le_bytes(length))
            }
            b"\x93NUMPY\x02\x00" => {
                let mut length = [0; 4];
                file.read_exact(&mut length).map_err(unpack)?;
                u32::from_le_bytes(length) as usize
            }
            _ => return Err(format()),
        };
        let mut header = Vec::new();
        file.by_ref()
            .take(header_length as u64)
            .read_to_end(&mut header)
            .map_err(unpack)?;
        let header = String::from_utf8(header).map_err(|_| format())?;
        if !header.contains(&format!("'descr': '{dtype}'"))
            || !header.contains("'fortran_order': False")
        {
            return Err(format());
        }
        let mut elements = Vec::with_capacity(file.size() as usize);
        file.read_to_end(&mut elements).map_err(unpack)?;
        Ok(elements)
    }
}
