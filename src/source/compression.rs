//! How an archive is compressed, found by its first bytes and never by its name.
//!
//! A file may hold several compressed streams in a row (`pigz`, `pbzip2`, `xz -T`); all are read.

use std::io::{self, BufRead, Read};

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use liblzma::read::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use ruzstd::decoding::StreamingDecoder;

/// How much memory an xz stream may ask for; `xz -9` needs 65 MiB.
const XZ_MEMORY: u64 = 256 << 20;

/// Hands out the uncompressed bytes of `input`.
///
/// # Errors
/// When the first bytes cannot be read or belong to something that is no tar archive.
pub(super) fn decompress<'a, R: BufRead + 'a>(mut input: R) -> io::Result<Box<dyn Read + 'a>> {
    let start = input.fill_buf()?;
    Ok(match start {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(input)),
        [b'B', b'Z', b'h', ..] => Box::new(MultiBzDecoder::new(input)),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
            Box::new(XzDecoder::new_stream(input, stream))
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(ZstdFrames {
            frame: None,
            input: Some(input),
        }),
        [] => return Err(refuse("the file is empty")),
        [b'P', b'K', 3, 4, ..] => return Err(refuse("it is a zip archive, not a tar archive")),
        start if looks_like_html(start) => return Err(refuse("it is an HTML page")),
        _ => Box::new(input),
    })
}

/// Whether a file starts as web pages do, which servers like to send instead of what was asked for.
pub(super) fn looks_like_html(start: &[u8]) -> bool {
    let start = start.trim_ascii_start();
    ["<!doctype", "<html", "<head", "<?xml"].iter().any(|tag| {
        start
            .get(..tag.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(tag.as_bytes()))
    })
}

fn refuse(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Zstandard frames in a row, which the decoder itself takes one at a time.
struct ZstdFrames<R: BufRead> {
    frame: Option<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>,
    input: Option<R>,
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(mut frame) = self.frame.take() {
                let count = frame.read(out)?;
                if count > 0 {
                    self.frame = Some(frame);
                    return Ok(count);
                }
                self.input = Some(frame.into_inner());
            }
            let Some(mut input) = self.input.take() else {
                return Ok(0);
            };
            if input.fill_buf()?.is_empty() {
                return Ok(0);
            }
            self.frame = Some(StreamingDecoder::new(input).map_err(io::Error::other)?);
        }
    }
}
