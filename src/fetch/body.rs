//! The body piece by piece: decoded, counted, bounded in bytes and time.

use crate::facts::{Failure, FailureKind};
use crate::fetch::failure;
use crate::fetch::headers::range_text;
use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder};
use bytes::{Buf, Bytes};
use futures_util::Stream;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};
use packager_media::stream::ByteRange;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader, ReadBuf};
use tokio::time::{Instant, timeout_at};

/// Decoded bytes held at a time; what isn't encoded is read where it arrived.
const PIECE: usize = 32 << 10;
/// An unwanted body is read up to this, in bytes and time, to keep its connection usable.
const DRAIN_BYTES: u64 = 64 << 10;
const DRAIN_TIME: Duration = Duration::from_millis(250);

#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Most decoded bytes.
    pub max: u64,
    pub deadline: Instant,
    /// The part of the body that is wanted; `None`: all.
    pub cut: Option<ByteRange>,
}

#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Bytes given to the sink.
    pub bytes: u64,
    pub broken: Option<Failure>,
}

/// Content-Length, RFC 9110 8.6.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Hands the decoded body to `sink`, up to the bounds.
pub(super) async fn read(
    response: reqwest::Response,
    bounds: Bounds,
    sink: &mut (impl FnMut(&[u8]) + Send),
) -> Reading {
    let expected = length(response.headers());
    let decoder = match Decoder::of(response.headers()) {
        Ok(decoder) => decoder,
        Err(broken) => return Reading { bytes: 0, broken: Some(broken) },
    };
    if let Some(broken) = hopeless(&bounds, decoder, expected) {
        return Reading { bytes: 0, broken: Some(broken) };
    }
    let wire = Arc::new(AtomicU64::new(0));
    let mut source = decoder.over(Pieces::new(response, Arc::clone(&wire)));
    let mut tally = Tally { bounds, seen: 0, given: 0 };
    let began = Instant::now();
    let broken = loop {
        let read = match next(&mut source, bounds.deadline).await {
            None => break Some(out_of_time(wire.load(Ordering::Relaxed), expected, began)),
            // No bytes at all are no broken gzip either: an empty answer, which its reader will judge.
            Some(Err(e)) if failure::is_decoding(&e) && wire.load(Ordering::Relaxed) == 0 => break tally.end(),
            Some(Err(e)) => break Some(failure::of_body(&e, wire.load(Ordering::Relaxed), expected)),
            Some(Ok([])) => break tally.end(),
            Some(Ok(data)) => match tally.take(data, sink) {
                Step::More => data.len(),
                Step::Enough => break None,
                Step::TooMuch => break Some(too_large(bounds.max)),
            },
        };
        source.consume(read);
    };
    Reading { bytes: tally.given, broken }
}

/// Reads what little is left of an unwanted body, so that its connection can be used again. Bytes read.
pub(super) async fn drain(mut response: reqwest::Response, deadline: Instant) -> u64 {
    let mut read = 0;
    if length(response.headers()).is_some_and(|n| n > DRAIN_BYTES) {
        return read;
    }
    let until = deadline.min(Instant::now() + DRAIN_TIME);
    while let Ok(Ok(Some(piece))) = timeout_at(until, response.chunk()).await {
        read += piece.len() as u64;
        if read > DRAIN_BYTES || Instant::now() >= until {
            break;
        }
    }
    read
}

/// One piece; empty at the end, `None` out of time. The clock is looked at each time: a source that always has
/// something would never let the timer come first.
async fn next(source: &mut Source, deadline: Instant) -> Option<io::Result<&[u8]>> {
    tokio::task::coop::consume_budget().await;
    if Instant::now() >= deadline {
        return None;
    }
    timeout_at(deadline, source.fill_buf()).await.ok()
}

/// Announced to break the bound: not worth a byte of traffic.
fn hopeless(bounds: &Bounds, decoder: Decoder, expected: Option<u64>) -> Option<Failure> {
    let max = bounds.max;
    if let Some(range) = bounds.cut
        && range.offset.saturating_add(range.length) > max
    {
        let message = format!("the server ignores Range (bytes {}), which lies beyond {max} bytes", range_text(range));
        return Some(Failure::new(FailureKind::TooLarge, message));
    }
    let announced = expected.filter(|n| *n > max && bounds.cut.is_none() && matches!(decoder, Decoder::Identity))?;
    let message = format!("the server announces {announced} bytes, more than the {max} allowed; not read");
    Some(Failure::new(FailureKind::TooLarge, message))
}

fn too_large(max: u64) -> Failure {
    Failure::new(FailureKind::TooLarge, format!("more than {max} bytes; stopped reading"))
}

fn out_of_time(received: u64, expected: Option<u64>, began: Instant) -> Failure {
    let of = expected.map(|n| format!(" of {n}")).unwrap_or_default();
    let time = failure::seconds(began.elapsed());
    Failure::new(FailureKind::Timeout, format!("out of time in the body: {received}{of} bytes came within {time}"))
}

/// What has been decoded, and how much of it was wanted.
struct Tally {
    bounds: Bounds,
    seen: u64,
    given: u64,
}

enum Step {
    More,
    Enough,
    TooMuch,
}

impl Tally {
    fn take(&mut self, data: &[u8], sink: &mut impl FnMut(&[u8])) -> Step {
        let at = self.seen;
        self.seen += data.len() as u64;
        let (from, to) = self.bounds.cut.map_or((0, u64::MAX), |r| (r.offset, r.offset.saturating_add(r.length)));
        let wanted = within(data, at, from, to.min(self.bounds.max));
        if !wanted.is_empty() {
            self.given += wanted.len() as u64;
            sink(wanted);
        }
        match self.seen {
            seen if seen >= to => Step::Enough,
            seen if seen > self.bounds.max => Step::TooMuch,
            _ => Step::More,
        }
    }

    fn end(&self) -> Option<Failure> {
        let range = self.bounds.cut.filter(|r| self.given < r.length)?;
        let message = format!("the whole has {} bytes, bytes {} were asked for", self.seen, range_text(range));
        Some(Failure::new(FailureKind::Cut, message))
    }
}

/// The part of `data`, which starts at byte `at` of the body, that lies in `from..to`.
fn within(data: &[u8], at: u64, from: u64, to: u64) -> &[u8] {
    let clamp = |edge: u64| usize::try_from(edge.saturating_sub(at)).unwrap_or(usize::MAX).min(data.len());
    data.get(clamp(from)..clamp(to)).unwrap_or_default()
}

type Source = Pin<Box<dyn AsyncBufRead + Send>>;

#[derive(Debug, Clone, Copy)]
enum Decoder {
    Identity,
    Gzip,
    Brotli,
}

impl Decoder {
    /// RFC 9110 8.4. Decodes what it can even where it wasn't asked for: players do.
    fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        let value = headers.get(CONTENT_ENCODING).map(|v| String::from_utf8_lossy(v.as_bytes()).to_ascii_lowercase());
        match value.as_deref().map_or("", str::trim) {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "br" => Ok(Self::Brotli),
            other => {
                let name = packager_media::redact::sanitize_line(other, 64);
                let message = format!("Content-Encoding `{name}` is none of gzip, br and identity");
                Err(Failure::new(FailureKind::Encoding, message))
            }
        }
    }

    fn over(self, pieces: Pieces) -> Source {
        match self {
            Self::Identity => Box::pin(pieces),
            Self::Gzip => {
                let mut decoder = GzipDecoder::new(pieces);
                decoder.multiple_members(true);
                Box::pin(BufReader::with_capacity(PIECE, decoder))
            }
            Self::Brotli => Box::pin(BufReader::with_capacity(PIECE, BrotliDecoder::new(pieces))),
        }
    }
}

/// The body as it comes from the wire, counted.
struct Pieces {
    stream: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    piece: Bytes,
    wire: Arc<AtomicU64>,
}

impl Pieces {
    fn new(response: reqwest::Response, wire: Arc<AtomicU64>) -> Self {
        Self { stream: Box::pin(response.bytes_stream()), piece: Bytes::new(), wire }
    }
}

impl AsyncBufRead for Pieces {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.piece.is_empty() {
            match ready!(this.stream.as_mut().poll_next(cx)) {
                None => break,
                Some(Err(e)) => return Poll::Ready(Err(io::Error::other(e))),
                Some(Ok(piece)) => {
                    this.wire.fetch_add(piece.len() as u64, Ordering::Relaxed);
                    this.piece = piece;
                }
            }
        }
        Poll::Ready(Ok(&this.piece))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        this.piece.advance(amount.min(this.piece.len()));
    }
}

impl AsyncRead for Pieces {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let available = ready!(self.as_mut().poll_fill_buf(cx))?;
        let n = available.len().min(buf.remaining());
        buf.put_slice(available.get(..n).unwrap_or_default());
        self.consume(n);
        Poll::Ready(Ok(()))
    }
}
