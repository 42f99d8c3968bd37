//! Reading records from front to back, and the letters of states.

use crate::{DeadReason, Error, JobId, JobState, Result};

/// Reads a record from front to back.
pub(in crate::redis) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(in crate::redis) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(in crate::redis) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(in crate::redis) fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        if self.bytes.len() < length {
            return Err(Error::Corrupt(format!(
                "a record ends {} bytes too early",
                length - self.bytes.len()
            )));
        }
        let (taken, rest) = self.bytes.split_at(length);
        self.bytes = rest;
        Ok(taken)
    }

    pub(in crate::redis) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.bytes)
    }

    pub(in crate::redis) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(in crate::redis) fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(in crate::redis) fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(in crate::redis) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(in crate::redis) fn ms(&mut self) -> Result<i64> {
        Ok(f64::from_le_bytes(self.array()?) as i64)
    }

    pub(in crate::redis) fn id(&mut self) -> Result<JobId> {
        Ok(uuid::Uuid::from_bytes(self.array()?).into())
    }
}

/// Reads an id of 16 bytes.
pub(in crate::redis) fn read_id(bytes: &[u8]) -> Result<JobId> {
    Reader::new(bytes).id()
}

pub(in crate::redis) fn state_of_letter(letter: u8) -> Result<JobState> {
    Ok(match letter {
        b's' => JobState::Scheduled,
        b'w' => JobState::Waiting,
        b'r' => JobState::Ready,
        b'R' => JobState::Running,
        b't' => JobState::Retrying,
        b'c' => JobState::Completed,
        b'x' => JobState::Cancelled,
        b'd' => JobState::Dead,
        other => {
            return Err(Error::Corrupt(format!(
                "state letter {:?} is unknown",
                char::from(other)
            )));
        }
    })
}

pub(in crate::redis) fn letter_of_state(state: JobState) -> char {
    match state {
        JobState::Scheduled => 's',
        JobState::Waiting => 'w',
        JobState::Ready => 'r',
        JobState::Running => 'R',
        JobState::Retrying => 't',
        JobState::Completed => 'c',
        JobState::Cancelled => 'x',
        JobState::Dead => 'd',
    }
}

pub(in crate::redis) fn reason_of_number(number: u8) -> Option<DeadReason> {
    DeadReason::ALL
        .get(usize::from(number).wrapping_sub(1))
        .copied()
}
