//! Boxes beside the media in the origin's CMAF segments: segment index, producer reference time, and event messages
//! with SCTE 35.

use super::ad_breaks;
use super::faults::Effect;
use super::fixtures::{UNIT_MS, VIDEO_TIMESCALE};
use super::mp4::mp4_box;
use super::timeline::Segment;

const SCTE35: &[u8] = b"urn:scte:scte35:2013:bin\0";
/// Number of seconds from 1900, where NTP begins, to 1970.
const NTP_EPOCH: i64 = 2_208_988_800;

/// Adds segment index, producer reference time and event message in front of a video segment.
pub(super) fn prepend(media: &[u8], segment: &Segment, effect: Option<Effect>) -> Vec<u8> {
    let ticks = |unit: i64| (unit * UNIT_MS + segment.shift_ms) * VIDEO_TIMESCALE / 1000;
    let time = ticks(segment.media_unit);
    let with_events = [
        &event_message(segment.media_unit, effect, ticks)[..],
        &producer_reference_time(segment.date_ms, time, effect),
        media,
    ]
    .concat();
    [segment_index(with_events.len() as u32, segment.units, time, effect), with_events].concat()
}

/// Makes the event message of the next splice, or of a heartbeat (ISO/IEC 23009-1 5.10.3.3, version 1).
fn event_message(unit: i64, effect: Option<Effect>, ticks: impl Fn(i64) -> i64) -> Vec<u8> {
    let timescale = if effect == Some(Effect::EventTimescaleZero) { 0 } else { VIDEO_TIMESCALE as u32 };
    let section = ad_breaks::section_at(unit, effect, &ticks);
    let time = ticks(unit + ad_breaks::PREROLL).to_be_bytes();
    let id = (unit as u32).to_be_bytes();
    mp4_box(b"emsg", &[&[1, 0, 0, 0], &timescale.to_be_bytes(), &time, &[0; 4], &id, SCTE35, b"1001\0", &section])
}

/// Makes the producer reference time of a segment (ISO/IEC 14496-12 8.16.5, version 1).
fn producer_reference_time(date_ms: i64, time: i64, effect: Option<Effect>) -> Vec<u8> {
    let track: u32 = if effect == Some(Effect::ProducerReferenceTrackWrong) { 7 } else { 1 };
    let seconds = ((date_ms.div_euclid(1000) + NTP_EPOCH) as u32).to_be_bytes();
    let fraction = ((date_ms.rem_euclid(1000) << 32) / 1000) as u32;
    let ntp = [seconds, fraction.to_be_bytes()].concat();
    mp4_box(b"prft", &[&[1, 0, 0, 0], &track.to_be_bytes(), &ntp, &time.to_be_bytes()])
}

/// Makes the segment index (ISO/IEC 14496-12 8.16.3, version 1), with one entry that begins with a key frame.
fn segment_index(bytes: u32, units: i64, time: i64, effect: Option<Effect>) -> Vec<u8> {
    let bytes = if effect == Some(Effect::SegmentIndexTooLong) { bytes + 1000 } else { bytes };
    let duration = (units * UNIT_MS * VIDEO_TIMESCALE / 1000) as u32;
    let head = [1, VIDEO_TIMESCALE as u32].map(u32::to_be_bytes).concat();
    let part = [bytes, duration, 0x9000_0000].map(u32::to_be_bytes).concat();
    mp4_box(b"sidx", &[&[1, 0, 0, 0], &head, &time.to_be_bytes(), &[0; 8], &[0, 0, 0, 1], &part])
}
