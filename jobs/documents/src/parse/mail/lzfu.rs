//! Compressed RTF of Outlook (\[MS-OXRTFCP\]): a window of 4 KiB that begins with the commonest words of RTF.

/// What the window holds at first.
const DICTIONARY: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \
\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \
\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
const WINDOW: usize = 4096;
const HEADER_BYTES: usize = 16;

/// Inflates `data`; `None` if it is not compressed RTF. Data that ends early gives what there is.
///
/// The output is at most nine times the input, so it needs no bound of its own.
pub(super) fn inflate(data: &[u8]) -> Option<Vec<u8>> {
    let raw_size = u32::from_le_bytes(*data.get(4..8)?.first_chunk()?) as usize;
    let content = data.get(HEADER_BYTES..)?;
    match data.get(8..12)? {
        b"LZFu" => {}
        b"MELA" => return Some(content[..content.len().min(raw_size)].to_vec()),
        _ => return None,
    }
    let mut window = [0_u8; WINDOW];
    window[..DICTIONARY.len()].copy_from_slice(DICTIONARY);
    let mut at = DICTIONARY.len();
    let mut out = Vec::new();
    let mut input = content.iter().copied();
    'runs: while let Some(control) = input.next() {
        for bit in 0..8 {
            let Some(byte) = input.next() else {
                break 'runs;
            };
            if control & (1 << bit) == 0 {
                emit(byte, &mut window, &mut at, &mut out);
                continue;
            }
            let Some(low) = input.next() else {
                break 'runs;
            };
            let reference = usize::from(byte) << 8 | usize::from(low);
            let (from, length) = (reference >> 4, (reference & 0xF) + 2);
            // A reference to the next byte ends the data.
            if from == at {
                break 'runs;
            }
            for step in 0..length {
                let byte = window[(from + step) % WINDOW];
                emit(byte, &mut window, &mut at, &mut out);
            }
        }
    }
    Some(out)
}

fn emit(byte: u8, window: &mut [u8; WINDOW], at: &mut usize, out: &mut Vec<u8>) {
    window[*at] = byte;
    *at = (*at + 1) % WINDOW;
    out.push(byte);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionary_has_its_length() {
        assert_eq!(DICTIONARY.len(), 207);
    }

    /// The example of \[MS-OXRTFCP\], section 4.1.
    #[test]
    fn example_of_the_specification_is_inflated() {
        let data = [
            0x2d, 0, 0, 0, 0x2b, 0, 0, 0, 0x4c, 0x5a, 0x46, 0x75, 0xf1, 0xc5, 0xc7, 0xa7, 0x03,
            0x00, 0x0a, 0x00, 0x72, 0x63, 0x70, 0x67, 0x31, 0x32, 0x35, 0x42, 0x32, 0x0a, 0xf3,
            0x20, 0x68, 0x65, 0x6c, 0x09, 0x00, 0x20, 0x62, 0x77, 0x05, 0xb0, 0x6c, 0x64, 0x7d,
            0x0a, 0x80, 0x0f, 0xa0,
        ];
        assert_eq!(
            inflate(&data).unwrap(),
            b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_data_is_bounded(content in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            let data = [&[0; 4][..], &[255, 255, 0, 0], b"LZFu", &[0; 4], &content].concat();
            proptest::prop_assert!(inflate(&data).unwrap().len() <= content.len() * 9);
        }
    }
}
