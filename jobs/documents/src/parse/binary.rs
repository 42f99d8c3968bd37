//! Little-endian numbers of binary formats. Reading past the end gives `None`, never a panic.

/// A position in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn f64(&mut self) -> Option<f64> {
        self.array().map(f64::from_le_bytes)
    }

    /// A number of a cell in four bytes: the upper half of a double or an integer, perhaps times a hundred
    /// ([MS-XLS] 2.5.217).
    pub(super) fn rk(&mut self) -> Option<f64> {
        let raw = self.u32()?;
        let number = if raw & 2 == 0 {
            f64::from_bits(u64::from(raw & !3) << 32)
        } else {
            f64::from((raw as i32) >> 2)
        };
        Some(if raw & 1 == 0 { number } else { number / 100.0 })
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*head)
    }
}

/// Returns the number at `at`.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let mut cursor = Cursor::new(bytes.get(at..)?);
    cursor.u16()
}

/// Returns the number at `at`.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let mut cursor = Cursor::new(bytes.get(at..)?);
    cursor.u32()
}

/// Decodes UTF-16LE; what is no character becomes U+FFFD.
pub(super) fn utf16(bytes: &[u8]) -> String {
    let (units, _) = bytes.as_chunks::<2>();
    char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit)))
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// The words of an error value in a cell ([MS-XLS] 2.5.10).
pub(super) fn cell_error(code: u8) -> &'static str {
    match code {
        0x00 => "#NULL!",
        0x07 => "#DIV/0!",
        0x0F => "#VALUE!",
        0x17 => "#REF!",
        0x1D => "#NAME?",
        0x24 => "#NUM!",
        0x2A => "#N/A",
        _ => "#ERROR!",
    }
}

#[cfg(test)]
mod tests {
    use super::Cursor;

    #[test]
    fn numbers_of_four_bytes_have_four_forms() {
        let rk = |raw: u32| Cursor::new(&raw.to_le_bytes()).rk();
        assert_eq!(rk(0x3FF0_0000), Some(1.0));
        assert_eq!(rk(0x3FF0_0001), Some(0.01));
        assert_eq!(rk((123 << 2) | 2), Some(123.0));
        assert_eq!(rk(((-5_i32 << 2) as u32) | 3), Some(-0.05));
        assert_eq!(Cursor::new(&[1, 2, 3]).rk(), None);
    }
}
