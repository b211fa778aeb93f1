//! The archive as `tar` reads it: in records of up to twenty blocks.
//!
//! A record that arrives short leaves the end of the one before it in the buffer, and the reader
//! goes on into it: that is how a stream cut in the middle can end quietly (inferred).

use std::io::{self, Read};

const BLOCK: usize = 512;
const RECORD: usize = 20 * BLOCK;

/// A block of an archive.
pub type Block = [u8; BLOCK];

/// Why no more can be read.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    #[error("the archive is empty")]
    Empty,
    #[error("the archive ends before its end marker")]
    End,
    #[error("the first record is no whole number of blocks")]
    Odd,
    #[error("a header's checksum is wrong")]
    Checksum,
    #[error("`{0}` is not emulated")]
    NotEmulated(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads blocks from a stream.
pub struct Tape<'a> {
    input: &'a mut dyn Read,
    buffer: Vec<u8>,
    /// The length of a record, which the first read decides.
    length: usize,
    position: usize,
}

impl<'a> Tape<'a> {
    pub fn new(input: &'a mut dyn Read) -> Self {
        Self {
            input,
            buffer: vec![0; RECORD],
            length: 0,
            position: 0,
        }
    }

    /// The next block.
    pub fn block(&mut self) -> Result<Block, TapeError> {
        if self.position >= self.length {
            self.record()?;
        }
        let bytes = self
            .buffer
            .get(self.position..)
            .and_then(|rest| rest.first_chunk());
        self.position += BLOCK;
        bytes.copied().ok_or(TapeError::End)
    }

    /// Passes over the blocks of a member's content.
    pub fn skip(&mut self, size: u64) -> Result<(), TapeError> {
        for _ in 0..size.div_ceil(BLOCK as u64) {
            self.block()?;
        }
        Ok(())
    }

    /// Hands out a member's content piece by piece.
    pub fn content(
        &mut self,
        size: u64,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), TapeError> {
        let mut left = size;
        while left > 0 {
            let block = self.block()?;
            let length = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
            take(block.get(..length).unwrap_or_default())?;
            left -= length as u64;
        }
        Ok(())
    }

    fn record(&mut self) -> Result<(), TapeError> {
        let is_first = self.length == 0;
        let wanted = if is_first { RECORD } else { self.length };
        let mut filled = 0;
        while filled < wanted {
            let rest = self.buffer.get_mut(filled..wanted).unwrap_or_default();
            match self.input.read(rest) {
                Ok(0) => break,
                Ok(length) => filled += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        match (filled, is_first) {
            (0, true) => return Err(TapeError::Empty),
            (0, false) => return Err(TapeError::End),
            (odd, true) if odd % BLOCK != 0 => return Err(TapeError::Odd),
            (length, true) => self.length = length,
            (_, false) => {}
        }
        self.position = 0;
        Ok(())
    }
}
