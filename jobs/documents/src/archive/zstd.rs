//! A reader over all frames of a Zstandard file; the decoder itself reads one.

use std::io::{self, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// What a frame may ask for to look back: the most that `zstd` needs a flag for to write, and little enough to allocate.
const MAX_WINDOW_BYTES: u64 = 128 << 20;

pub(super) struct ZstdReader<'b> {
    rest: &'b [u8],
    frame: FrameDecoder,
    within_frame: bool,
}

impl<'b> ZstdReader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(MAX_WINDOW_BYTES);
        Self {
            rest: bytes,
            frame,
            within_frame: false,
        }
    }

    /// Begins the next frame; frames that hold no data are passed over.
    fn next_frame(&mut self) -> io::Result<()> {
        match self.frame.reset(&mut self.rest) {
            Ok(()) => self.within_frame = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let rest = self.rest.get(length as usize..);
                self.rest = rest.ok_or(io::ErrorKind::UnexpectedEof)?;
            }
            Err(error) => return Err(self.failure(&error)),
        }
        Ok(())
    }

    /// The decoder's errors do not tell an early end from damage; that nothing is left does.
    fn failure(&self, error: &FrameDecoderError) -> io::Error {
        if self.rest.is_empty() {
            io::ErrorKind::UnexpectedEof.into()
        } else {
            io::Error::other(error.to_string())
        }
    }
}

impl Read for ZstdReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.within_frame {
                if self.rest.is_empty() {
                    return Ok(0);
                }
                self.next_frame()?;
                continue;
            }
            if self.frame.can_collect() > 0 {
                return self.frame.read(buffer);
            }
            if self.frame.is_finished() {
                self.within_frame = false;
            } else if let Err(error) = self
                .frame
                .decode_blocks(&mut self.rest, BlockDecodingStrategy::UptoBlocks(1))
            {
                return Err(self.failure(&error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn inflate(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        ZstdReader::new(bytes).read_to_end(&mut content)?;
        Ok(content)
    }

    #[test]
    fn all_frames_are_read() {
        let frame = |text: &[u8]| compress_to_vec(text, CompressionLevel::Fastest);
        let skippable = [0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3];
        let bytes = [&frame(b"one ")[..], &skippable, &frame(b""), &frame(b"two")].concat();
        assert_eq!(inflate(&bytes).unwrap(), b"one two");
    }

    #[test]
    fn early_end_is_told_from_damage() {
        let bytes = compress_to_vec(&[b'x'; 5000][..], CompressionLevel::Fastest);
        let error = inflate(&bytes[..bytes.len() - 5]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let error = inflate(&[&bytes[..], b"no frame follows"].concat()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Other);
    }
}
