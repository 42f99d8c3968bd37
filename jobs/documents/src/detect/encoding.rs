//! From bytes of an unknown encoding to text.
//!
//! In this order: byte order mark; the NUL pattern of UTF-16 and UTF-32 without one; UTF-8 if the bytes are valid; the
//! encoding an HTML page names; UTF-8 with replacement characters if nearly all of the rest is UTF-8 (a guesser takes a
//! damaged UTF-8 text for windows-1252); a guess by `chardetng`, which knows the Chinese, Japanese, Korean and
//! windows-125x encodings but not UTF-16 and UTF-32.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE};

/// How much is looked at for patterns.
const SAMPLE_BYTES: usize = 64 << 10;
/// An HTML page names its encoding within its first 1,024 bytes; real pages are late.
const META_WINDOW: usize = 4096;
/// At most this share of control bytes is damage; more is binary data.
const MAX_CONTROL_SHARE: f64 = 0.02;
/// From this share of valid non-ASCII bytes on, a text is damaged UTF-8.
const MIN_UTF8_SHARE: f64 = 0.95;

/// A decoded text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Without a byte order mark.
    pub text: String,
    /// The encoding's name in lower case: `utf-8`, `gb18030`, `utf-32le`.
    pub encoding: &'static str,
    /// Whether bytes were replaced with U+FFFD.
    pub lossy: bool,
}

/// Decodes `bytes`; `None` if they are not text.
pub fn decode(bytes: &[u8]) -> Option<Decoded> {
    if let Some(decoded) = decode_marked(bytes) {
        return Some(decoded);
    }
    let sample = &bytes[..bytes.len().min(SAMPLE_BYTES)];
    if sample.contains(&0) {
        if let Some(big_endian) = utf32_pattern(sample) {
            return Some(decode_utf32(bytes, big_endian));
        }
        if let Some(encoding) = utf16_pattern(sample) {
            return Some(decode_as(encoding, bytes));
        }
    }
    if control_share(sample) > MAX_CONTROL_SHARE {
        return None;
    }
    let declared = meta_charset(sample);
    if let Ok(text) = std::str::from_utf8(bytes) {
        // ISO-2022-JP is written in ASCII bytes, so being valid UTF-8 says nothing against it.
        let escaped = bytes.is_ascii() && memchr::memchr(0x1B, bytes).is_some();
        if !(escaped && (declared == Some(ISO_2022_JP) || guess(sample) == ISO_2022_JP)) {
            return Some(Decoded {
                text: text.to_owned(),
                encoding: "utf-8",
                lossy: false,
            });
        }
        return Some(decode_as(ISO_2022_JP, bytes));
    }
    if utf8_share(bytes) >= MIN_UTF8_SHARE {
        return Some(decode_as(UTF_8, bytes));
    }
    if let Some(encoding) = declared.filter(|encoding| *encoding != UTF_8) {
        return Some(decode_as(encoding, bytes));
    }
    Some(decode_as(guess(bytes), bytes))
}

fn decode_marked(bytes: &[u8]) -> Option<Decoded> {
    // The UTF-32LE mark begins with the one of UTF-16LE, so it comes first.
    if let Some(rest) = bytes.strip_prefix(&[0xFF, 0xFE, 0, 0]) {
        return Some(decode_utf32(rest, false));
    }
    if let Some(rest) = bytes.strip_prefix(&[0, 0, 0xFE, 0xFF]) {
        return Some(decode_utf32(rest, true));
    }
    let (encoding, mark) = Encoding::for_bom(bytes)?;
    Some(decode_as(encoding, &bytes[mark..]))
}

fn decode_as(encoding: &'static Encoding, bytes: &[u8]) -> Decoded {
    let (text, lossy) = encoding.decode_without_bom_handling(bytes);
    Decoded {
        text: text.into_owned(),
        encoding: lower_name(encoding),
        lossy,
    }
}

fn decode_utf32(bytes: &[u8], big_endian: bool) -> Decoded {
    let mut text = String::with_capacity(bytes.len() / 2);
    let (units, tail) = bytes.as_chunks::<4>();
    let mut lossy = !tail.is_empty();
    for unit in units {
        let code = if big_endian {
            u32::from_be_bytes(*unit)
        } else {
            u32::from_le_bytes(*unit)
        };
        let character = char::from_u32(code);
        lossy |= character.is_none();
        text.push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    Decoded {
        text,
        encoding: if big_endian { "utf-32be" } else { "utf-32le" },
        lossy,
    }
}

/// Tells the byte order if every unit of four bytes is a code point, and hardly any is NUL.
fn utf32_pattern(sample: &[u8]) -> Option<bool> {
    let (units, _) = sample.as_chunks::<4>();
    if units.is_empty() {
        return None;
    }
    let plausible = |code: u32| code != 0 && char::from_u32(code).is_some();
    [true, false].into_iter().find(|big_endian| {
        units.iter().all(|unit| {
            plausible(if *big_endian {
                u32::from_be_bytes(*unit)
            } else {
                u32::from_le_bytes(*unit)
            })
        })
    })
}

/// Tells the byte order of UTF-16 by its ASCII characters, which every text has: line breaks, blanks, digits. Read the
/// wrong way round they become Han characters that end in 00.
fn utf16_pattern(sample: &[u8]) -> Option<&'static Encoding> {
    const MIN_USUAL_SHARE: f64 = 0.9;
    const MAX_SWAPPED_SHARE: f64 = 0.1;
    let (units, _) = sample.as_chunks::<2>();
    let ascii = |read: fn([u8; 2]) -> u16| {
        let printable = |unit| matches!(unit, 0x09 | 0x0A | 0x0D | 0x20..=0x7E);
        units.iter().filter(|unit| printable(read(**unit))).count() as f64
    };
    let (big, little) = (ascii(u16::from_be_bytes), ascii(u16::from_le_bytes));
    let (encoding, read): (_, fn([u8; 2]) -> u16) = if big > little {
        (UTF_16BE, u16::from_be_bytes)
    } else {
        (UTF_16LE, u16::from_le_bytes)
    };
    let usual = units
        .iter()
        .filter(|unit| is_usual_unit(read(**unit)))
        .count() as f64;
    let plausible = usual >= MIN_USUAL_SHARE * units.len() as f64;
    (plausible && big.min(little) <= MAX_SWAPPED_SHARE * big.max(little)).then_some(encoding)
}

fn is_usual_unit(unit: u16) -> bool {
    matches!(unit,
        0x09 | 0x0A | 0x0D | 0x20..=0x7E | 0xA0..=0x24F | 0x300..=0x52F | 0x590..=0x6FF
        | 0x900..=0xE7F | 0x1E00..=0x1FFF
        | 0x2010..=0x2027 | 0x3000..=0x30FF | 0x4E00..=0x9FFF | 0xAC00..=0xD7A3 | 0xFF01..=0xFF65)
}

fn control_share(sample: &[u8]) -> f64 {
    let control = sample
        .iter()
        .filter(|&&byte| {
            (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x08 | 0x0C | 0x1B))
                || byte == 0x7F
        })
        .count();
    control as f64 / sample.len().max(1) as f64
}

/// Share of the non-ASCII bytes that belong to valid UTF-8 sequences.
fn utf8_share(bytes: &[u8]) -> f64 {
    let (mut valid, mut invalid) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        valid += chunk
            .valid()
            .bytes()
            .filter(|byte| !byte.is_ascii())
            .count();
        invalid += chunk.invalid().len();
    }
    valid as f64 / (valid + invalid).max(1) as f64
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Allow)
}

/// Finds `charset=` in the head of an HTML page, or `encoding=` in an XML declaration.
fn meta_charset(sample: &[u8]) -> Option<&'static Encoding> {
    let head = sample[..sample.len().min(META_WINDOW)].to_ascii_lowercase();
    if !head.contains(&b'<') {
        return None;
    }
    [&b"charset="[..], b"encoding="]
        .into_iter()
        .find_map(|key| {
            let at = memchr::memmem::find(&head, key)? + key.len();
            let rest = head[at..].trim_ascii_start();
            let rest = rest
                .strip_prefix(b"\"")
                .or_else(|| rest.strip_prefix(b"'"))
                .unwrap_or(rest);
            let end = rest
                .iter()
                .position(|byte| {
                    !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':'))
                })
                .unwrap_or(rest.len());
            // A page that could be read this far is not UTF-16, whatever it says.
            Encoding::for_label(&rest[..end])
                .filter(|encoding| *encoding != UTF_16LE && *encoding != UTF_16BE)
        })
}

fn lower_name(encoding: &'static Encoding) -> &'static str {
    match encoding.name() {
        "UTF-8" => "utf-8",
        "UTF-16LE" => "utf-16le",
        "UTF-16BE" => "utf-16be",
        // One decoder reads both; GB18030 is the larger set.
        "GBK" => "gb18030",
        "Big5" => "big5",
        "Shift_JIS" => "shift_jis",
        "EUC-JP" => "euc-jp",
        "EUC-KR" => "euc-kr",
        "ISO-2022-JP" => "iso-2022-jp",
        "KOI8-R" => "koi8-r",
        "KOI8-U" => "koi8-u",
        // The other names are lower case already: `gb18030`, `windows-1252`.
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str =
        "文档处理系统必须在恶意输入下保持稳定。\nThe quick brown fox.\n每个任务都应当有超时。\n";

    fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn utf16_without_a_mark_is_told_by_its_pattern() {
        for (bytes, name) in [
            (utf16(SAMPLE, u16::to_be_bytes), "utf-16be"),
            (utf16(SAMPLE, u16::to_le_bytes), "utf-16le"),
        ] {
            let decoded = decode(&bytes).unwrap();
            assert_eq!((decoded.text.as_str(), decoded.encoding), (SAMPLE, name));
        }
    }

    #[test]
    fn utf32_is_decoded_with_and_without_a_mark() {
        let little: Vec<u8> = SAMPLE
            .chars()
            .flat_map(|c| (c as u32).to_le_bytes())
            .collect();
        let marked = [&[0xFF, 0xFE, 0, 0][..], &little].concat();
        assert_eq!(decode(&little).unwrap().text, SAMPLE);
        assert_eq!(decode(&marked).unwrap().text, SAMPLE);
        assert_eq!(decode(&marked).unwrap().encoding, "utf-32le");
    }

    #[test]
    fn legacy_chinese_is_guessed() {
        let text = SAMPLE.repeat(4);
        let (gbk, ..) = encoding_rs::GBK.encode(&text);
        assert_eq!(decode(&gbk).unwrap().text, text);
        let traditional = "文件處理系統必須在惡意輸入下保持穩定。每個任務都應當有逾時。".repeat(4);
        let (big5, ..) = encoding_rs::BIG5.encode(&traditional);
        assert_eq!(decode(&big5).unwrap().text, traditional);
    }

    #[test]
    fn damaged_utf8_stays_utf8() {
        let mut bytes = SAMPLE.repeat(20).into_bytes();
        bytes[0] = 0xFF;
        let decoded = decode(&bytes).unwrap();
        assert_eq!((decoded.encoding, decoded.lossy), ("utf-8", true));
        assert!(decoded.text.contains("保持稳定"));
    }

    #[test]
    fn page_may_name_its_encoding() {
        let page = "<html><head><meta charset=\"gb2312\"></head><body>知识图谱由实体和关系组成</body></html>";
        let (bytes, ..) = encoding_rs::GBK.encode(page);
        assert_eq!(decode(&bytes).unwrap().text, page);
    }

    #[test]
    fn noise_with_controls_is_not_text() {
        assert_eq!(decode(&[1, 2, 3, 4, 5, 200, 201, 6, 7]), None);
    }
}
