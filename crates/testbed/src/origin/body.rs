//! Response bodies of the origin that misbehave: too long, endless, slow, cut off or reset.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_compression::tokio::write::GzipEncoder;
use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::io::AsyncWriteExt;
use tokio::sync::OnceCell;
use tokio::time::Instant;

pub(super) const HUGE: u64 = 2_000_000_000;
const CHUNK: usize = 1 << 16;

/// Makes a playlist of comments that is `limit` bytes long, or endless for `None`.
pub(super) fn comments(limit: Option<u64>) -> Body {
    let mut chunk = b"# and so on, and so on, and so on\n".repeat(CHUNK / 34);
    chunk.splice(..8, *b"#EXTM3U\n");
    repeated(Bytes::from(chunk), limit.unwrap_or(u64::MAX))
}

/// Makes a hostile playlist of `count` short lines.
pub(super) fn lines(count: u64) -> Body {
    let head = stream::iter([Ok::<_, io::Error>(Bytes::from_static(b"#EXTM3U\n"))]);
    let chunk = Bytes::from(b"#\n".repeat(CHUNK));
    let rest = stream::unfold(count - 1, move |left| {
        let lines = left.min(CHUNK as u64);
        let part = chunk.slice(..lines as usize * 2);
        async move { (lines > 0).then_some((Ok(part), left - lines)) }
    });
    Body::from_stream(head.chain(rest))
}

fn repeated(chunk: Bytes, limit: u64) -> Body {
    Body::from_stream(stream::unfold(limit, move |left| {
        let part = chunk.slice(..left.min(chunk.len() as u64) as usize);
        async move {
            let size = part.len() as u64;
            (size > 0).then_some((Ok::<_, io::Error>(part), left - size))
        }
    }))
}

/// Makes a gzip stream that expands to a playlist of 2 GB. Its checksum is missing, because no client should read that
/// far.
pub(super) async fn gzip_bomb() -> Body {
    static PARTS: OnceCell<(Bytes, Bytes)> = OnceCell::const_new();
    let (head, repeat) = PARTS.get_or_init(|| async { bomb_parts().await.expect("memory takes it all") }).await;
    let count = HUGE / BOMB_STEP as u64;
    let rest = stream::repeat(repeat.clone()).take(usize::try_from(count).unwrap_or(usize::MAX));
    Body::from_stream(stream::iter([head.clone()]).chain(rest).map(Ok::<_, io::Error>))
}

/// Number of bytes to which one repeatable part of a decompression bomb (a gzip body that expands without end) expands.
const BOMB_STEP: usize = 4 << 20;

/// Returns the beginning of a gzip stream, and a part that may follow it any number of times. This is possible because
/// a flush ends each at a byte boundary. Also, the part refers back only to bytes that all have the same value.
async fn bomb_parts() -> io::Result<(Bytes, Bytes)> {
    let mut encoder = GzipEncoder::new(Vec::new());
    encoder.write_all(b"#EXTM3U\n").await?;
    encoder.write_all(&vec![b'#'; CHUNK]).await?;
    encoder.flush().await?;
    let head = encoder.get_ref().len();
    encoder.write_all(&vec![b'#'; BOMB_STEP]).await?;
    encoder.flush().await?;
    let all = Bytes::copy_from_slice(encoder.get_ref());
    Ok((all.slice(..head), all.slice(head..)))
}

/// Sends the content slowly: in equal chunks over the time `over`.
pub(super) fn trickle(content: Bytes, over: Duration) -> Body {
    const STEPS: usize = 20;
    let step = content.len().div_ceil(STEPS).max(1);
    Body::from_stream(stream::unfold(content, move |mut left| async move {
        if left.is_empty() {
            return None;
        }
        tokio::time::sleep(over / STEPS as u32).await;
        let part = left.split_to(step.min(left.len()));
        Some((Ok::<_, io::Error>(part), left))
    }))
}

/// The pieces, each of them at so long after now.
pub(super) fn timed(pieces: Vec<(Duration, Vec<u8>)>) -> Body {
    let began = Instant::now();
    Body::from_stream(stream::iter(pieces).then(move |(after, piece)| async move {
        tokio::time::sleep_until(began + after).await;
        Ok::<_, io::Error>(Bytes::from(piece))
    }))
}

/// Sends half of the content, and then closes the connection, or resets it if `reset` is given.
pub(super) fn cut(content: Bytes, reset: Option<Arc<AtomicBool>>) -> Body {
    let half = content.slice(..content.len() / 2);
    Body::from_stream(stream::unfold(Some(half), move |half| {
        let reset = reset.clone();
        async move {
            if let Some(half) = half {
                return Some((Ok(half), None));
            }
            // A reset discards what the client hasn't read yet.
            tokio::time::sleep(Duration::from_millis(100)).await;
            if let Some(reset) = reset {
                reset.store(true, Ordering::SeqCst);
            }
            Some((Err(io::Error::other("cut by the fault")), None))
        }
    }))
}
