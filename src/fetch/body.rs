//! Reader for bodies of HTTP answers: they are decoded chunk by chunk, counted, and bounded in bytes and time.

use crate::facts::{Failure, FailureKind};
use crate::fetch::failure;
use crate::fetch::headers::range_text;
use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder};
use bytes::{Buf, Bytes};
use futures_util::Stream;
use http::Response;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};
use http_body_util::{BodyDataStream, BodyExt as _};
use hyper::body::Incoming;
use packager_media::redact;
use packager_media::stream::ByteRange;
use std::io;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader, ReadBuf};
use tokio::time::{Instant, timeout_at};

/// Number of decoded bytes that are held at a time. A body without content encoding isn't copied.
const PIECE: usize = 32 << 10;
/// Bounds in bytes and time up to which an unwanted body is read, so that its connection can be used again.
const DRAIN_BYTES: u64 = 64 << 10;
const DRAIN_TIME: Duration = Duration::from_millis(250);

/// Bounds in bytes and time for reading an HTTP body.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyBounds {
    /// Largest number of decoded bytes that are read.
    pub(crate) max: u64,
    pub(crate) deadline: Instant,
    /// Byte range of the body that is wanted; `None` for the whole body.
    pub(crate) cut: Option<ByteRange>,
    /// Whether the body may end within `cut`.
    pub(crate) may_end_early: bool,
}

/// Result of reading an HTTP body.
#[derive(Debug, Default)]
pub(super) struct BodyResult {
    /// Number of bytes that were passed to the reader of the body, after gzip or Brotli was decoded.
    pub(crate) bytes: u64,
    /// Reason why the body is incomplete; `None` if it arrived whole.
    pub(crate) broken: Option<Failure>,
}

/// Returns the value of Content-Length in bytes (RFC 9110 8.6); `None` if it is absent or unreadable.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Passes the decoded body to `sink` until it ends, a bound is reached, or the sink has enough.
pub(super) async fn read(
    response: Response<Incoming>,
    bounds: BodyBounds,
    sink: &mut (impl FnMut(&[u8]) -> ControlFlow<()> + Send),
) -> BodyResult {
    let expected = content_length(response.headers());
    let decoder = match ContentDecoder::of(response.headers()) {
        Ok(decoder) => decoder,
        Err(broken) => return BodyResult { bytes: 0, broken: Some(broken) },
    };
    if let Some(broken) = announced_too_large(&bounds, &decoder, expected) {
        return BodyResult { bytes: 0, broken: Some(broken) };
    }
    let wire = Arc::new(AtomicU64::new(0));
    let mut source = decoder.over(WireBody::new(response, Arc::clone(&wire)));
    let mut tally = BodyCounter { bounds, seen: 0, given: 0 };
    let began = Instant::now();
    let broken = loop {
        let read = match next_piece(&mut source, bounds.deadline).await {
            None => break Some(body_timeout(wire.load(Ordering::Relaxed), expected, began)),
            // An empty body is no broken gzip: whoever reads the body judges that it is empty.
            Some(Err(e)) if failure::is_decoding_error(&e) && wire.load(Ordering::Relaxed) == 0 => break tally.end(),
            Some(Err(e)) => break Some(failure::body_failure(&e, wire.load(Ordering::Relaxed), expected)),
            Some(Ok([])) => break tally.end(),
            Some(Ok(data)) => match tally.take(data, sink) {
                AfterPiece::More => data.len(),
                AfterPiece::Enough => break None,
                AfterPiece::TooMuch => break Some(too_large(bounds.max)),
            },
        };
        source.consume(read);
    };
    BodyResult { bytes: tally.given, broken }
}

/// Reads a short unwanted body to its end, so that its connection can be used again, and returns the number of bytes.
pub(super) async fn drain(mut response: Response<Incoming>, deadline: Instant) -> u64 {
    let mut read = 0;
    if content_length(response.headers()).is_some_and(|n| n > DRAIN_BYTES) {
        return read;
    }
    let until = deadline.min(Instant::now() + DRAIN_TIME);
    while let Ok(Some(Ok(frame))) = timeout_at(until, response.body_mut().frame()).await {
        read += frame.data_ref().map_or(0, |piece| piece.len() as u64);
        if read > DRAIN_BYTES || Instant::now() >= until {
            break;
        }
    }
    read
}

/// Returns the next chunk of a body: empty at the end of the body, `None` if the deadline has passed. The clock is read
/// for each chunk, because a body that always has data never lets the timer fire.
async fn next_piece(source: &mut DecodedBody, deadline: Instant) -> Option<io::Result<&[u8]>> {
    tokio::task::coop::consume_budget().await;
    if Instant::now() >= deadline {
        return None;
    }
    timeout_at(deadline, source.fill_buf()).await.ok()
}

/// Returns the failure of a body whose headers announce more than the bound, so that nothing of it has to be read;
/// `None` otherwise.
fn announced_too_large(bounds: &BodyBounds, decoder: &ContentDecoder, expected: Option<u64>) -> Option<Failure> {
    let max = bounds.max;
    if let Some(range) = bounds.cut
        && range.offset.saturating_add(range.length) > max
    {
        let message = format!(
            "bytes {} were asked for, but the server ignores the Range header, and they lie beyond the bound of {max} bytes",
            range_text(range)
        );
        return Some(Failure::new(FailureKind::Range, message));
    }
    let announced = expected.filter(|n| *n > max && bounds.cut.is_none() && decoder.codings.is_empty())?;
    let message =
        format!("the server announces {announced} bytes, more than the {max} that are allowed; the body was not read");
    Some(Failure::new(FailureKind::TooLarge, message))
}

fn too_large(max: u64) -> Failure {
    Failure::new(FailureKind::TooLarge, format!("the body is longer than {max} bytes; the rest was not read"))
}

fn body_timeout(received: u64, expected: Option<u64>, began: Instant) -> Failure {
    let of = expected.map(|n| format!(" of {n}")).unwrap_or_default();
    let time = failure::format_seconds(began.elapsed());
    Failure::new(
        FailureKind::Timeout,
        format!("the time ended within the body: {received}{of} bytes arrived within {time}"),
    )
}

/// Counts the decoded bytes of a body, and passes on those that are wanted.
struct BodyCounter {
    bounds: BodyBounds,
    /// Number of decoded bytes of the body so far.
    seen: u64,
    /// Number of decoded bytes that were passed to the reader of the body.
    given: u64,
}

/// Whether reading goes on after a chunk of the body.
enum AfterPiece {
    More,
    /// Reading ends because all wanted bytes have arrived.
    Enough,
    /// Reading ends because the body is longer than its bound.
    TooMuch,
}

impl BodyCounter {
    fn take(&mut self, data: &[u8], sink: &mut impl FnMut(&[u8]) -> ControlFlow<()>) -> AfterPiece {
        let at = self.seen;
        self.seen += data.len() as u64;
        let (from, to) = self.bounds.cut.map_or((0, u64::MAX), |r| (r.offset, r.offset.saturating_add(r.length)));
        let wanted = slice_between(data, at, from, to.min(self.bounds.max));
        if !wanted.is_empty() {
            self.given += wanted.len() as u64;
            if sink(wanted).is_break() {
                return AfterPiece::Enough;
            }
        }
        match self.seen {
            seen if seen >= to => AfterPiece::Enough,
            seen if seen > self.bounds.max => AfterPiece::TooMuch,
            _ => AfterPiece::More,
        }
    }

    /// Returns the failure of a body that ended before the requested range did; `None` otherwise.
    fn end(&self) -> Option<Failure> {
        let range = self.bounds.cut.filter(|r| self.given < r.length && !self.bounds.may_end_early)?;
        let message =
            format!("bytes {} were asked for, but the whole resource has {} bytes", range_text(range), self.seen);
        Some(Failure::new(FailureKind::Range, message))
    }
}

/// Returns the bytes of `data` that lie in `from..to` of the body. `data` starts at byte `at` of the body.
fn slice_between(data: &[u8], at: u64, from: u64, to: u64) -> &[u8] {
    let clamp = |edge: u64| usize::try_from(edge.saturating_sub(at)).unwrap_or(usize::MAX).min(data.len());
    data.get(clamp(from)..clamp(to)).unwrap_or_default()
}

type DecodedBody = Pin<Box<dyn AsyncBufRead + Send>>;

/// Largest number of codings that one body may have on top of each other.
const MAX_CODINGS: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ContentCoding {
    Gzip,
    Brotli,
}

/// Decoder of the codings that a body has on top of each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ContentDecoder {
    /// The codings in the order in which they were applied; empty for a body as it is.
    codings: Vec<ContentCoding>,
}

/// Content codings that compress, and that the exporter can't decode (IANA registry of HTTP content codings).
const COMPRESSIONS: &[&str] = &["compress", "x-compress", "dcb", "dcz", "deflate", "exi", "pack200-gzip", "zstd"];

impl ContentDecoder {
    /// Returns the decoder for the answer's Content-Encoding: a list of codings in the order in which they were applied,
    /// in one header or several (RFC 9110 5.3, 8.4). A coding that the request didn't accept is decoded too, as players do. What
    /// names no compression is passed over.
    fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        let values = headers.get_all(CONTENT_ENCODING).iter();
        let values: Vec<_> = values.map(|v| String::from_utf8_lossy(v.as_bytes()).to_ascii_lowercase()).collect();
        let mut codings = Vec::new();
        for name in values.iter().flat_map(|value| value.split(',')).map(str::trim) {
            match name {
                "" | "identity" => {}
                "gzip" | "x-gzip" => codings.push(ContentCoding::Gzip),
                "br" => codings.push(ContentCoding::Brotli),
                // Players leave a body as it is whose coding is no compression (`aws-chunked`, `utf-8`, `binary`).
                other if !COMPRESSIONS.contains(&other) => {}
                other => {
                    let name = redact::sanitize_line(other, 64);
                    let message = format!("Content-Encoding `{name}` is not supported; use gzip, br or identity");
                    return Err(Failure::new(FailureKind::Encoding, message));
                }
            }
        }
        if codings.len() > MAX_CODINGS {
            let message = format!("Content-Encoding has {} codings on top of each other; use one", codings.len());
            return Err(Failure::new(FailureKind::Encoding, message));
        }
        Ok(Self { codings })
    }

    fn over(&self, pieces: WireBody) -> DecodedBody {
        let mut body: DecodedBody = Box::pin(pieces);
        for coding in self.codings.iter().rev() {
            body = match coding {
                ContentCoding::Gzip => {
                    let mut decoder = GzipDecoder::new(body);
                    decoder.multiple_members(true);
                    Box::pin(BufReader::with_capacity(PIECE, decoder))
                }
                ContentCoding::Brotli => Box::pin(BufReader::with_capacity(PIECE, BrotliDecoder::new(body))),
            };
        }
        body
    }
}

/// A body as it arrives from the connection. Its bytes are counted before they are decoded.
struct WireBody {
    stream: BodyDataStream<Incoming>,
    piece: Bytes,
    wire: Arc<AtomicU64>,
}

impl WireBody {
    fn new(response: Response<Incoming>, wire: Arc<AtomicU64>) -> Self {
        Self { stream: response.into_body().into_data_stream(), piece: Bytes::new(), wire }
    }
}

impl AsyncBufRead for WireBody {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.piece.is_empty() {
            match ready!(Pin::new(&mut this.stream).poll_next(cx)) {
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

impl AsyncRead for WireBody {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let available = ready!(self.as_mut().poll_fill_buf(cx))?;
        let n = available.len().min(buf.remaining());
        buf.put_slice(available.get(..n).unwrap_or_default());
        self.consume(n);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: ByteRange = ByteRange { offset: 4, length: 3 };

    fn bounds(max: u64, cut: Option<ByteRange>) -> BodyBounds {
        BodyBounds { max, deadline: Instant::now(), cut, may_end_early: false }
    }

    /// Reads the chunks of a body. Returns the bytes that were passed on, the result of the last chunk (`+`: more is
    /// read, `=`: all wanted bytes have arrived, `!`: the body is too large), and the counter.
    fn counted(bounds: BodyBounds, pieces: &[&[u8]]) -> (Vec<u8>, char, BodyCounter) {
        let mut counter = BodyCounter { bounds, seen: 0, given: 0 };
        let (mut got, mut last) = (Vec::new(), ' ');
        for piece in pieces {
            last = match counter.take(piece, &mut |data| {
                got.extend_from_slice(data);
                ControlFlow::Continue(())
            }) {
                AfterPiece::More => '+',
                AfterPiece::Enough => '=',
                AfterPiece::TooMuch => '!',
            };
        }
        assert_eq!(counter.given, got.len() as u64);
        (got, last, counter)
    }

    fn headers(name: http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn a_body_at_its_bound_is_whole_and_one_byte_more_is_too_much() {
        let (got, last, counter) = counted(bounds(6, None), &[b"abc", b"def"]);
        assert_eq!((got.as_slice(), last, counter.seen), (&b"abcdef"[..], '+', 6));
        let (got, last, counter) = counted(bounds(6, None), &[b"abc", b"defg"]);
        assert_eq!((got.as_slice(), last, counter.seen), (&b"abcdef"[..], '!', 7));
    }

    #[test]
    fn a_range_is_cut_out_across_pieces_and_ends_the_reading_with_its_last_byte() {
        let (got, last, counter) = counted(bounds(100, Some(RANGE)), &[b"abcde", b"f"]);
        assert_eq!((got.as_slice(), last), (&b"ef"[..], '+'));
        assert_eq!(
            counter.end().map(|f| (f.kind, f.message)),
            Some((FailureKind::Range, "bytes 4-6 were asked for, but the whole resource has 6 bytes".to_owned()))
        );
        let (got, last, counter) = counted(bounds(100, Some(RANGE)), &[b"abcde", b"fghi"]);
        assert_eq!((got.as_slice(), last, counter.end()), (&b"efg"[..], '=', None));
        let (got, last, _) = counted(bounds(100, Some(RANGE)), &[b"abcdefg"]);
        assert_eq!((got.as_slice(), last), (&b"efg"[..], '='));
    }

    #[test]
    fn a_slice_lies_between_two_positions_of_the_body() {
        assert_eq!(slice_between(b"cdef", 2, 0, 4), b"cd");
        assert_eq!(slice_between(b"cdef", 2, 3, 5), b"de");
        assert_eq!(slice_between(b"cdef", 2, 4, u64::MAX), b"ef");
        assert_eq!(slice_between(b"cdef", 2, 6, 9), b"");
        assert_eq!(slice_between(b"cdef", 2, 0, 2), b"");
    }

    #[test]
    fn a_length_is_too_large_only_above_the_bound_and_only_without_content_encoding() {
        let refused = |decoder, expected| announced_too_large(&bounds(10, None), decoder, expected).is_some();
        let (identity, gzip) = (ContentDecoder::default(), ContentDecoder { codings: vec![ContentCoding::Gzip] });
        assert!(!refused(&identity, None));
        assert!(!refused(&identity, Some(10)));
        assert!(refused(&identity, Some(11)));
        assert!(!refused(&gzip, Some(11)), "the bound is on decoded bytes");
    }

    #[test]
    fn a_range_out_of_a_whole_body_must_end_within_the_bound() {
        let failure = |max| announced_too_large(&bounds(max, Some(RANGE)), &ContentDecoder::default(), Some(1_000));
        assert_eq!(failure(7), None);
        let refused = failure(6).unwrap();
        assert_eq!(refused.kind, FailureKind::Range);
        assert_eq!(
            refused.message,
            "bytes 4-6 were asked for, but the server ignores the Range header, and they lie beyond the bound of 6 bytes"
        );
    }

    #[test]
    fn content_encodings_are_read_in_any_case() {
        use ContentCoding::{Brotli, Gzip};
        let codings = |value: &str| ContentDecoder::of(&headers(CONTENT_ENCODING, value)).map(|d| d.codings);
        assert_eq!(
            [codings("GZip "), codings("x-gzip"), codings("BR")],
            [Ok(vec![Gzip]), Ok(vec![Gzip]), Ok(vec![Brotli])]
        );
        assert_eq!([codings("identity"), codings("")], [Ok(Vec::new()), Ok(Vec::new())]);
        assert_eq!(ContentDecoder::of(&HeaderMap::new()), Ok(ContentDecoder::default()));
        assert_eq!([codings("gzip, br"), codings("identity,gzip")], [Ok(vec![Gzip, Brotli]), Ok(vec![Gzip])]);
        let mut two = headers(CONTENT_ENCODING, "gzip");
        two.append(CONTENT_ENCODING, "gzip".parse().unwrap());
        assert_eq!(ContentDecoder::of(&two).unwrap().codings, [Gzip, Gzip], "two headers are one list");
        assert_eq!(codings("gzip, gzip, gzip, gzip").unwrap_err().kind, FailureKind::Encoding);
        assert!(codings("gzip, zstd").unwrap_err().message.contains("`zstd` is not supported"));
        assert_eq!(codings("aws-chunked").unwrap(), []);
        assert_eq!(codings("utf-8, gzip").unwrap(), codings("gzip").unwrap());
    }

    #[test]
    fn a_content_length_is_a_whole_number_or_absent() {
        let length = |value: &str| content_length(&headers(CONTENT_LENGTH, value));
        assert_eq!((length("12"), length(" 0 "), length("-1"), length("1.5")), (Some(12), Some(0), None, None));
        assert_eq!(content_length(&HeaderMap::new()), None);
    }
}
