//! I-frame playlists of the origin (RFC 8216bis 4.4.3.6), which list the beginning of each segment with its key frame.

use std::fmt::Write;

use super::channels::Channel;
use super::faults::Effect;
use super::fixtures::{self, LOOP_UNITS, Rung, UNIT_MS};
use super::playlist::date;
use super::timeline::{Listing, Rendition, Timeline};

/// Name of the channel that has I-frame playlists.
pub(super) const CHANNEL: &str = "IF1";

/// Number of bytes of a segment that are listed as its I-frame: the tables and the first packets of the picture.
const BYTES: usize = 20 * 188;
/// Milliseconds by which I-frame playlists are behind under the fault: more than three segments.
const LATE_MS: i64 = 10_000;

pub(super) fn is_offered_by(channel: &Channel) -> bool {
    CHANNEL.starts_with(channel.prefix)
}

pub(super) fn write_stream_tag(text: &mut String, rung: &Rung, suffix: &str) {
    let rate = BYTES * 8 / 2;
    let _ = write!(text, "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={rate},CODECS=\"{}\",", rung.codec);
    let _ = writeln!(text, "RESOLUTION={}x{},URI=\"{}/iframes.m3u8{suffix}\"", rung.width, rung.height, rung.name);
}

/// Returns EXT-X-BITRATE in kbit/s of the segment that consists of unit number `unit` (2 s of media).
pub(super) fn kilobits(timeline: &Timeline, rendition: Rendition, unit: i64) -> usize {
    let Rendition::Rung(at) = rendition else { return 0 };
    let [units, _] = fixtures::fixtures().transport(timeline.ladder, at, None);
    let bytes = units[unit.rem_euclid(LOOP_UNITS) as usize].bytes.len();
    let kilobits = bytes * 8 / UNIT_MS as usize;
    if timeline.effect == Some(Effect::BitRateWrong) { kilobits * 115 / 100 } else { kilobits }
}

/// Returns the instant of the segments that the I-frame playlist lists when it is requested at `now_ms`. It is earlier
/// for the fault `IFramesBehind`. Both are in milliseconds of Unix time.
pub(super) fn listing_time_ms(effect: Option<Effect>, now_ms: i64) -> i64 {
    if effect == Some(Effect::IFramesBehind) { now_ms - LATE_MS } else { now_ms }
}

pub(super) fn media_playlist(timeline: &Timeline, listing: &Listing, suffix: &str) -> String {
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:4\n");
    let _ = writeln!(text, "#EXT-X-TARGETDURATION:{}", listing.target_duration);
    let _ = writeln!(text, "#EXT-X-MEDIA-SEQUENCE:{}", listing.sequence);
    if timeline.effect != Some(Effect::IFramesUnmarked) {
        text.push_str("#EXT-X-I-FRAMES-ONLY\n");
    }
    for (at, segment) in listing.segments.iter().enumerate() {
        let newest = at + 1 == listing.segments.len();
        let gone = newest && timeline.effect == Some(Effect::IFrameMissing);
        let name = if gone { "seg_gone" } else { &segment.name };
        let _ = writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{}", date(segment.date_ms));
        let _ = writeln!(text, "#EXTINF:{:.6},\n#EXT-X-BYTERANGE:{BYTES}@0\n{name}.ts{suffix}", segment.duration_s);
    }
    text
}
