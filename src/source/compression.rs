//! How an archive is compressed, found by its first bytes and never by its name.
//!
//! A file may hold several compressed streams in a row (`pigz`, `pbzip2`, `xz -T`); all are read.

use std::io::{self, BufRead, Read};

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use liblzma::read::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use ruzstd::decoding::errors::{FrameDecoderError, FrameHeaderError};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// How much memory an xz stream may ask for; `xz -9` needs 65 MiB.
const XZ_MEMORY: u64 = 256 << 20;

/// How much of what came before a zstd frame may refer to; `zstd -19` needs 8 MiB, `--ultra` 128.
const ZSTD_WINDOW: u64 = 128 << 20;

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
            Box::new(Xz(XzDecoder::new_stream(input, stream)))
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

/// Too much memory is an error of a kind of its own, [`io::ErrorKind::OutOfMemory`].
fn too_much(what: &str, limit: u64) -> io::Error {
    let text = format!("{what} wants more than {} MiB", limit >> 20);
    io::Error::new(io::ErrorKind::OutOfMemory, text)
}

/// An xz decoder that says what it lacks memory for.
struct Xz<R: BufRead>(XzDecoder<R>);

impl<R: BufRead> Read for Xz<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out).map_err(|error| {
            let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
            match cause {
                Some(liblzma::stream::Error::MemLimit) => too_much("its xz dictionary", XZ_MEMORY),
                _ => error,
            }
        })
    }
}

fn zstd_error(error: FrameDecoderError) -> io::Error {
    match error {
        FrameDecoderError::WindowSizeTooBig { .. }
        | FrameDecoderError::FrameHeaderError(FrameHeaderError::WindowTooBig { .. }) => {
            too_much("its zstd window", ZSTD_WINDOW)
        }
        other => io::Error::other(other),
    }
}

/// Zstandard frames in a row, which the decoder itself takes one at a time.
struct ZstdFrames<R: BufRead> {
    frame: Option<StreamingDecoder<R, FrameDecoder>>,
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
            let mut decoder = FrameDecoder::new();
            decoder.set_max_window_size(ZSTD_WINDOW);
            let frame = StreamingDecoder::new_with_decoder(input, decoder);
            self.frame = Some(frame.map_err(zstd_error)?);
        }
    }
}
