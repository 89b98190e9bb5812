//! Segments of the origin's audio-only channels: AAC frames after an ID3 timestamp, with further ID3 tags (RFC 8216 3.4), and
//! transport streams (ISO/IEC 13818-1).

use super::ad_breaks;
use super::faults::Effect;
use super::fixtures::{self, AAC_FRAME, AUDIO_TIMESCALE, LOOP_UNITS};

const PACKET: usize = 188;
const PID: u16 = 0x101;
const PMT_PID: u16 = 0x1000;
/// Presentation time of the first AAC frame in ticks of 90 kHz. `PCR_LEAD` is how much earlier its PCR is. Both are the
/// values of ffmpeg.
const START: i64 = 126_000;
const PCR_LEAD: i64 = 63_000;
/// Number of AAC frames in a PES packet, which last 85 ms; every packet has a PCR.
const FRAMES_PER_PES: usize = 4;
/// AAC frames (0.21 s) that a fault leaves out of each media unit of 2 s.
const MISSING_FRAMES: std::ops::Range<usize> = 40..50;

/// Splits an ADTS file into AAC frames, by the lengths in their headers.
pub(super) fn frames(file: &'static [u8]) -> Vec<&'static [u8]> {
    let (mut rest, mut frames) = (file, Vec::new());
    while rest.len() >= 7 {
        let length = usize::from(rest[3] & 3) << 11 | usize::from(rest[4]) << 3 | usize::from(rest[5] >> 5);
        let (frame, next) = rest.split_at(length);
        frames.push(frame);
        rest = next;
    }
    frames
}

/// Returns the indexes of the AAC frames in one of the four 2 s units into which the origin's looped audio of 8 s is
/// divided.
fn frame_range(unit: i64) -> std::ops::Range<usize> {
    let at = |unit: i64| (fixtures::audio_start(unit) / AAC_FRAME) as usize;
    at(unit)..at(unit + 1)
}

fn ticks(samples: i64) -> i64 {
    samples * 90_000 / AUDIO_TIMESCALE
}

/// Makes a segment of packed AAC from `count` media units of 2 s, with an ID3 timestamp.
pub(super) fn packed_aac(frames: &[&[u8]], first: i64, count: i64, shift_ms: i64, effect: Option<Effect>) -> Vec<u8> {
    let start = START + ticks(fixtures::audio_start(first)) + shift_ms * 90;
    let mut out = if effect == Some(Effect::AudioTimestampMissing) { Vec::new() } else { id3_timestamp(start, effect) };
    for unit in first..first + count {
        out.extend_from_slice(TIMED_METADATA);
        let frames = &frames[frame_range(unit.rem_euclid(LOOP_UNITS))];
        let kept = |n: usize| effect != Some(Effect::AudioGap) || !MISSING_FRAMES.contains(&n);
        frames.iter().enumerate().filter(|(n, _)| kept(*n)).for_each(|(_, frame)| out.extend_from_slice(frame));
    }
    if effect == Some(Effect::ContainerInvalid) {
        let middle = out.len() / 2;
        out[middle..].fill(0);
    }
    out
}

/// An ID3v2.4 tag with a text frame, before the frames of each media unit.
const TIMED_METADATA: &[u8] = b"ID3\x04\0\0\0\0\0\x0fTXXX\0\0\0\x05\0\0\x03\0one";

/// Makes an ID3v2.4 tag with one PRIV frame, which holds the 33-bit timestamp.
fn id3_timestamp(stamp: i64, effect: Option<Effect>) -> Vec<u8> {
    const OWNER: &[u8] = b"com.apple.streaming.transportStreamTimestamp\0";
    let turns = if effect == Some(Effect::StampsUnwrapped) { 1 << 33 } else { 0 };
    let body = [OWNER, &(stamp.rem_euclid(1 << 33) + turns).to_be_bytes()].concat();
    let length = body.len() as u8;
    [b"ID3\x04\0\0\0\0\0", &[length + 10][..], b"PRIV\0\0\0", &[length, 0, 0], &body].concat()
}

/// Makes the audio-only transport streams that the origin plays in a loop, one for each 2 s of media. With `gap`, AAC
/// frames are missing in each.
pub(super) fn transport_units(frames: &[&[u8]], gap: bool) -> Vec<Vec<u8>> {
    (0..LOOP_UNITS).map(|unit| transport_unit(frames, unit, gap)).collect()
}

fn transport_unit(frames: &[&[u8]], unit: i64, gap: bool) -> Vec<u8> {
    let mut out = table_packet(0, &[0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xf0, 0]);
    let pmt = [2, 0xb0, 18, 0, 1, 0xc1, 0, 0, 0xe1, 1, 0xf0, 0, 0x0f, 0xe1, 1, 0xf0, 0];
    out.extend(table_packet(PMT_PID, &pmt));
    let range = frame_range(unit);
    let numbers: Vec<usize> = range.clone().filter(|n| !gap || !MISSING_FRAMES.contains(&(n - range.start))).collect();
    // A PES packet holds consecutive frames only.
    for run in numbers.chunk_by(|a, b| a + 1 == *b) {
        for pes_frames in run.chunks(FRAMES_PER_PES) {
            let stamp = START + ticks(pes_frames[0] as i64 * AAC_FRAME);
            let body: Vec<u8> = pes_frames.iter().flat_map(|n| frames[*n]).copied().collect();
            write_pes_packet(&mut out, stamp, &body);
        }
    }
    out
}

/// Makes a transport packet with one PSI section. Its continuity counter is filled in later.
fn table_packet(pid: u16, section: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x47, 0x40 | (pid >> 8) as u8, pid as u8, 0x10, 0];
    packet.extend_from_slice(section);
    packet.extend(ad_breaks::crc32(section).to_be_bytes());
    packet.resize(PACKET, 0xff);
    packet
}

/// Writes a PES packet with a presentation time (ISO/IEC 13818-1 2.4.3.6), and a PCR in its first transport packet
/// (2.4.3.4).
fn write_pes_packet(out: &mut Vec<u8>, stamp: i64, body: &[u8]) {
    let mut rest = vec![0, 0, 1, 0xc0];
    rest.extend(((body.len() + 8) as u16).to_be_bytes());
    rest.extend([0x80, 0x80, 5]);
    rest.extend([0x21 | ((stamp >> 30 & 7) as u8) << 1, (stamp >> 22) as u8, ((stamp >> 15) as u8) << 1 | 1]);
    rest.extend([(stamp >> 7) as u8, (stamp as u8) << 1 | 1]);
    rest.extend_from_slice(body);
    let base = stamp - PCR_LEAD;
    let mut adaptation = vec![0x50];
    adaptation.extend(((base >> 1) as u32).to_be_bytes());
    adaptation.extend([((base & 1) as u8) << 7 | 0x7e, 0]);
    let mut start = 0x40;
    let mut rest = rest.as_slice();
    while !rest.is_empty() {
        let room = PACKET - 4 - if adaptation.is_empty() { 0 } else { 1 + adaptation.len() };
        let take = room.min(rest.len());
        out.extend([0x47, start | (PID >> 8) as u8, PID as u8]);
        let stuffing = room - take;
        let full = adaptation.is_empty() && stuffing == 0;
        out.push(if full { 0x10 } else { 0x30 });
        if !full {
            pad_adaptation_field(&mut adaptation, stuffing);
            out.extend_from_slice(&adaptation);
        }
        out.extend_from_slice(&rest[..take]);
        rest = &rest[take..];
        adaptation.clear();
        start = 0;
    }
}

/// Completes the adaptation field of a transport packet: adds its length in front and `stuffing` bytes at the end.
fn pad_adaptation_field(field: &mut Vec<u8>, stuffing: usize) {
    match (field.is_empty(), stuffing) {
        (true, 1) => field.push(0),
        (true, _) => {
            field.extend([(stuffing - 1) as u8, 0]);
            field.resize(stuffing, 0xff);
        }
        (false, _) => {
            field.insert(0, (field.len() + stuffing) as u8);
            field.resize(field.len() + stuffing, 0xff);
        }
    }
}
