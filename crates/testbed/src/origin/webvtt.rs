//! WebVTT subtitles of the origin's channels with transport streams (RFC 8216 3.5): one cue in each segment.

use super::channels::Channel;
use super::faults::Effect;
use super::fixtures::UNIT_MS;
use super::timeline::Segment;

/// Name of the channel that has WebVTT subtitles.
pub(super) const CHANNEL: &str = "SU1";
/// Folder of the subtitle playlist and its segments.
pub(super) const FOLDER: &str = "text";
pub(super) const EXTENSION: &str = "vtt";

pub(super) fn is_offered_by(channel: &Channel) -> bool {
    CHANNEL.starts_with(channel.prefix)
}

/// Returns the EXT-X-MEDIA tag of the subtitles; `suffix` is appended to its URI.
pub(super) fn media_tag(suffix: &str) -> String {
    let group =
        "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"sub\",LANGUAGE=\"en\",NAME=\"English\",DEFAULT=YES,AUTOSELECT=YES";
    format!("{group},URI=\"{FOLDER}/index.m3u8{suffix}\"\n")
}

/// Makes a subtitle segment with one cue. `start` is the 90 kHz timestamp at which the segment's video begins.
pub(super) fn segment(segment: &Segment, start: i64, effect: Option<Effect>) -> Vec<u8> {
    let local = segment.media_unit * UNIT_MS;
    let shift = if effect == Some(Effect::CueTimesWrong) { 900_000 } else { 0 };
    // MPEG-2 time stamps have 33 bits.
    let wrapped = (start + shift).rem_euclid(1 << 33);
    let stamp = if effect == Some(Effect::StampsUnwrapped) { wrapped + (1 << 33) } else { wrapped };
    let point = if effect == Some(Effect::CuesUnreadable) { ',' } else { '.' };
    let [zero, from, to] = [(0, '.'), (200, point), (1800, point)].map(|(later, point)| clock(local + later, point));
    let number = segment.index;
    format!(
        "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:{zero},MPEGTS:{stamp}\n\n{from} --> {to} line:85%\nThis is segment {number}\n"
    )
    .into()
}

fn clock(ms: i64, point: char) -> String {
    let seconds = ms / 1000;
    format!("{:02}:{:02}:{:02}{point}{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, ms % 1000)
}
