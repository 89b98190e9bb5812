//! Transport streams of the origin: units of 2 s of media, rewritten for their position in an endless stream (ISO/IEC
//! 13818-1).

use super::ad_breaks;
use super::faults::Effect;
use super::fixtures::LOOP_UNITS;
use super::ts_packing;

pub(super) const PACKET: usize = 188;
pub(super) const VIDEO_PID: u16 = 0x100;
pub(super) const AUDIO_PID: u16 = 0x101;
const PAT_PID: u16 = 0;
pub(super) const PMT_PID: u16 = 0x1000;
const SDT_PID: u16 = 0x11;
const SPLICE_PID: u16 = 0x102;
const METADATA_PID: u16 = 0x103;
/// PID with sections that players ignore: DSM-CC, as broadcast streams have it.
const DATA_PID: u16 = 0x104;
/// By how much the continuity counter of the audio jumps at the beginning of each unit of 2 s of a channel with ad breaks, with a
/// discontinuity_indicator in a packet without payload before it.
const COUNTER_JUMP: i64 = 3;
/// PIDs that the fixtures use.
const PIDS: [u16; 4] = [PAT_PID, PMT_PID, VIDEO_PID, AUDIO_PID];
/// Index of the audio in [`PIDS`].
const AUDIO: usize = 3;
/// Duration of the fixtures' loop of 8 s in ticks of 90 kHz.
const LOOP_TICKS: i64 = 720_000;

/// Two seconds of a transport stream that is played in a loop of 8 s. `before` is the number of packets with payload
/// before it in the loop, and `in_loop` their number in the whole loop, for each PID in [`PIDS`].
pub(super) struct Unit {
    pub bytes: Vec<u8>,
    before: [i64; 4],
    in_loop: [i64; 4],
}

pub(super) fn units(files: &[impl AsRef<[u8]>]) -> Vec<Unit> {
    let mut sum = [0_i64; 4];
    let mut units = Vec::new();
    for file in files {
        // ffmpeg puts an SDT before the PAT, and a segment should begin with the PAT.
        let mut bytes = file.as_ref().to_vec();
        retain_pids(&mut bytes, |pid| pid != SDT_PID);
        let before = sum;
        for packet in bytes.chunks_exact(PACKET).filter(|packet| has_payload(packet)) {
            sum[pid_index(packet)] += 1;
        }
        units.push(Unit { bytes, before, in_loop: [0; 4] });
    }
    for unit in &mut units {
        unit.in_loop = sum;
    }
    units
}

/// Makes a segment of `count` units (2 s each), beginning with unit number `first`. Timestamps and continuity counters
/// continue as if the loop never ended. The second unit of the segment is taken from `second_units`, which are other
/// units only for a fault.
pub(super) fn segment(
    [units, second_units]: [&[Unit]; 2],
    first: i64,
    count: i64,
    shift_ms: i64,
    effect: Option<Effect>,
    ads: bool,
) -> Vec<u8> {
    let mut counters = counters_before(units, first);
    if effect == Some(Effect::ContinuityAcross) {
        counters = [5; 4];
    }
    if ads {
        counters[AUDIO] += first * COUNTER_JUMP;
    }
    let mut out = Vec::new();
    for unit in first..first + count {
        let shift = unit.div_euclid(LOOP_UNITS) * LOOP_TICKS + shift_ms * 90;
        let source = if unit == first + 1 { second_units } else { units };
        let begin = out.len();
        let mut jumps = ads;
        for packet in source[unit.rem_euclid(LOOP_UNITS) as usize].bytes.chunks_exact(PACKET) {
            let mut packet: [u8; PACKET] = packet.try_into().expect("chunks_exact");
            if jumps && pid(&packet) == AUDIO_PID {
                jumps = false;
                counters[AUDIO] += COUNTER_JUMP;
                out.extend_from_slice(&discontinuity_packet(counters[AUDIO] - 1));
            }
            count_packet(&mut packet, &mut counters);
            shift_clocks(&mut packet, shift, audio_shift(effect));
            out.extend_from_slice(&packet);
        }
        if unit > first && effect == Some(Effect::KeyframesMisaligned) {
            delay_key_frame(&mut out[begin..]);
        }
        if ads {
            insert_splice_packets(&mut out, units, unit, effect);
        }
    }
    apply_fault(&mut out, effect);
    out
}

/// Makes a packet without payload on the audio's PID, whose discontinuity_indicator announces that the counter goes on from `counter`
/// (ISO/IEC 13818-1 2.4.3.5).
fn discontinuity_packet(counter: i64) -> [u8; PACKET] {
    let mut packet = [0xff; PACKET];
    let head = [0x47, (AUDIO_PID >> 8) as u8, AUDIO_PID as u8, 0x20 | counter.rem_euclid(16) as u8, 183, 0x80];
    packet[..6].copy_from_slice(&head);
    packet
}

/// Announces the PIDs of SCTE 35, ID3 and DSM-CC in the PMTs of the segment's last unit (2 s), and inserts a packet of each PID
/// after the first of these PMTs.
fn insert_splice_packets(out: &mut Vec<u8>, units: &[Unit], unit: i64, effect: Option<Effect>) {
    // In front of the audio is a packet that the unit does not have.
    let begin = out.len() - units[unit.rem_euclid(LOOP_UNITS) as usize].bytes.len() - PACKET;
    out[begin..].chunks_exact_mut(PACKET).filter(|packet| pid(packet) == PMT_PID).for_each(declare_streams);
    let first = out[begin..].chunks_exact(PACKET).position(|packet| pid(packet) == PMT_PID);
    let behind = begin + (first.expect("each unit has a PMT") + 1) * PACKET;
    let start = first_pts(&units[0].bytes);
    let section = ad_breaks::section_at(unit, effect, |index| start + index * LOOP_TICKS / LOOP_UNITS);
    let packet = section_packet(SPLICE_PID, unit, &section);
    // A download data message without content.
    let data = section_packet(DATA_PID, unit, &[0x3c, 0xb0, 9, 0, 0, 0xc1, 0, 0, 0, 0, 0, 0]);
    let metadata = id3_packet(unit, start + unit * LOOP_TICKS / LOOP_UNITS, effect);
    out.splice(behind..behind, packet.into_iter().chain(data).chain(metadata));
}

/// Makes a packet with one section.
fn section_packet(pid: u16, unit: i64, section: &[u8]) -> [u8; PACKET] {
    let mut packet = [0xff; PACKET];
    let counter = 0x10 | unit.rem_euclid(16) as u8;
    packet[..5].copy_from_slice(&[0x47, 0x40 | (pid >> 8) as u8, pid as u8, counter, 0]);
    packet[5..5 + section.len()].copy_from_slice(section);
    packet
}

/// Makes a PES packet with an ID3 tag, which has a text frame.
fn id3_packet(unit: i64, pts: i64, effect: Option<Effect>) -> [u8; PACKET] {
    let mut tag = *b"ID3\x04\0\0\0\0\0\x0fTXXX\0\0\0\x05\0\0\x03\0one";
    if effect == Some(Effect::Id3TagMissing) {
        tag[..3].copy_from_slice(b"AD3");
    }
    let at = [pts >> 29 & 0x0e | 0x21, pts >> 22, pts >> 14 | 1, pts >> 7, pts << 1 | 1].map(|bits| bits as u8);
    let head = [0, 0, 1, 0xbd, 0, (8 + tag.len()) as u8, 0x84, 0x80, 5];
    let pes = [&head[..], &at, &tag].concat();
    let mut packet = [0xff; PACKET];
    let stuffing = (PACKET - 5 - pes.len()) as u8;
    let counter = 0x30 | unit.rem_euclid(16) as u8;
    packet[..6].copy_from_slice(&[0x47, 0x40 | (METADATA_PID >> 8) as u8, METADATA_PID as u8, counter, stuffing, 0]);
    packet[PACKET - pes.len()..].copy_from_slice(&pes);
    packet
}

/// Adds three streams to a PMT: one of stream_type 0x86 with the registration `CUEI`, one of 0x15 with ID3 tags, and one of 0x0b with
/// sections of DSM-CC.
fn declare_streams(packet: &mut [u8]) {
    let section = payload_start(packet) + 1;
    let length = usize::from(packet[section + 1] & 0x0f) << 8 | usize::from(packet[section + 2]);
    let end = section + 3 + length - 4;
    let splices = [0x86, 0xe0 | (SPLICE_PID >> 8) as u8, SPLICE_PID as u8, 0xf0, 6, 5, 4, b'C', b'U', b'E', b'I'];
    let metadata = [0x15, 0xe0 | (METADATA_PID >> 8) as u8, METADATA_PID as u8, 0xf0, 15];
    let data = [0x0b, 0xe0 | (DATA_PID >> 8) as u8, DATA_PID as u8, 0xf0, 0];
    let stream = [&splices[..], &metadata, b"\x26\x0d\xff\xffID3 \xffID3 \0\x0f", &data].concat();
    packet[end..end + stream.len()].copy_from_slice(&stream);
    packet[section + 2] = (length + stream.len()) as u8;
    let end = end + stream.len();
    let crc = ad_breaks::crc32(&packet[section..end]);
    packet[end..end + 4].copy_from_slice(&crc.to_be_bytes());
}

/// Returns the presentation time in ticks of 90 kHz of the first picture in unit number `unit` (2 s of media), as if
/// the loop never ended.
pub(super) fn presentation_start(units: &[Unit], unit: i64, shift_ms: i64) -> i64 {
    first_pts(&units[0].bytes) + unit * (LOOP_TICKS / LOOP_UNITS) + shift_ms * 90
}

/// Returns the presentation time in ticks of 90 kHz of the first picture in these packets.
fn first_pts(bytes: &[u8]) -> i64 {
    let first = bytes.chunks_exact(PACKET).find(|packet| pid(packet) == VIDEO_PID && packet[1] & 0x40 != 0);
    let packet = first.expect("each unit has pictures");
    let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|at| i64::from(packet[payload_start(packet) + 9 + at]));
    (a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1
}

fn audio_shift(effect: Option<Effect>) -> i64 {
    if effect == Some(Effect::AvOffset) { 90_000 } else { 0 }
}

fn counters_before(units: &[Unit], first: i64) -> [i64; 4] {
    let unit = &units[first.rem_euclid(LOOP_UNITS) as usize];
    let loops = first.div_euclid(LOOP_UNITS);
    std::array::from_fn(|pid| loops * unit.in_loop[pid] + unit.before[pid])
}

fn count_packet(packet: &mut [u8], counters: &mut [i64; 4]) {
    let counter = &mut counters[pid_index(packet)];
    // 2.4.3.3: the counter doesn't advance on a packet without payload.
    if has_payload(packet) {
        packet[3] = packet[3] & 0xf0 | counter.rem_euclid(16) as u8;
        *counter += 1;
    } else {
        packet[3] = packet[3] & 0xf0 | (*counter - 1).rem_euclid(16) as u8;
    }
}

fn shift_clocks(packet: &mut [u8], shift: i64, audio_shift: i64) {
    if has_adaptation(packet) && packet[4] > 0 && packet[5] & 0x10 != 0 {
        shift_pcr(&mut packet[6..12], shift);
    }
    let pid = pid(packet);
    if pid != VIDEO_PID && pid != AUDIO_PID || packet[1] & 0x40 == 0 {
        return;
    }
    let shift = if pid == AUDIO_PID { shift + audio_shift } else { shift };
    let start = payload_start(packet);
    let pes = &mut packet[start..];
    let flags = pes[7];
    if flags & 0x80 != 0 {
        shift_timestamp(&mut pes[9..14], shift);
    }
    if flags & 0x40 != 0 {
        shift_timestamp(&mut pes[14..19], shift);
    }
}

/// Shifts a PCR (ISO/IEC 13818-1 2.4.3.5): its base of 33 bits at 90 kHz; the 9 bits of extension stay.
pub(super) fn shift_pcr(field: &mut [u8], shift: i64) {
    let base = field[..4].iter().fold(0_i64, |sum, &byte| sum << 8 | i64::from(byte)) << 1 | i64::from(field[4] >> 7);
    let base = (base + shift).rem_euclid(1 << 33);
    field[..4].copy_from_slice(&((base >> 1) as u32).to_be_bytes());
    field[4] = ((base & 1) as u8) << 7 | field[4] & 0x7f;
}

/// Shifts a PTS or DTS (ISO/IEC 13818-1 2.4.3.7): 33 bits in three groups with marker bits between them.
pub(super) fn shift_timestamp(field: &mut [u8], shift: i64) {
    let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|at| i64::from(field[at]));
    let pts = (a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1;
    let pts = (pts + shift).rem_euclid(1 << 33);
    field[0] = field[0] & 0xf1 | ((pts >> 30 & 7) as u8) << 1;
    field[1] = (pts >> 22) as u8;
    field[2] = ((pts >> 15) as u8) << 1 | 1;
    field[3] = (pts >> 7) as u8;
    field[4] = (pts as u8) << 1 | 1;
}

/// Applies a fault of the container to a finished transport stream segment.
fn apply_fault(out: &mut Vec<u8>, effect: Option<Effect>) {
    match effect {
        Some(Effect::ContainerInvalid) => noise(out),
        Some(Effect::ContinuityWithin) => drop_packet(out),
        Some(Effect::KeyframeMissing) => demote_first_picture(out),
        Some(Effect::UnitsMissing(kinds)) => blank_units(out, kinds),
        Some(Effect::PictureSetOther) => rename_picture_sets(out),
        Some(Effect::PatCrcWrong) => each_packet(out, break_pat_crc),
        Some(Effect::PatAndPmtMissing) => retain_pids(out, |pid| pid != PAT_PID && pid != PMT_PID),
        Some(Effect::PcrMissing) => each_packet(out, remove_pcr),
        Some(Effect::NetworkFirst) => each_packet(out, ts_packing::begin_with_network),
        Some(Effect::PictureTimesStill) => ts_packing::stop_picture_times(out),
        Some(Effect::PictureTimesBack) => ts_packing::set_picture_times_back(out),
        Some(Effect::ClockBack) => ts_packing::set_clock_back(out),
        Some(Effect::AudioLengthWrong) => each_packet(out, ts_packing::lengthen_audio),
        Some(Effect::Scrambled) => each_packet(out, scramble),
        Some(Effect::AudioTrackMissing) => retain_pids(out, |pid| pid != AUDIO_PID),
        _ => {}
    }
}

/// Overwrites the second half of a transport stream segment with deterministic noise without sync bytes (0x47).
fn noise(out: &mut [u8]) {
    let middle = out.len() / 2;
    let mut state = 0x2545_f491_u32;
    for byte in &mut out[middle..] {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = match (state >> 24) as u8 {
            0x47 => 0,
            other => other,
        };
    }
}

/// Removes one video packet with payload near the middle of a segment.
fn drop_packet(out: &mut Vec<u8>) {
    let lost = out
        .chunks_exact(PACKET)
        .enumerate()
        .skip(out.len() / PACKET / 2)
        .find(|(_, packet)| pid(packet) == VIDEO_PID && packet[1] & 0x40 == 0 && packet[3] & 0x30 == 0x10)
        .map(|(at, _)| at * PACKET);
    if let Some(at) = lost {
        out.drain(at..at + PACKET);
    }
}

/// Turns the first picture of a segment into one that isn't an IDR picture: NAL units of type 5 become type 1, and the
/// random access indicator is cleared.
fn demote_first_picture(out: &mut [u8]) {
    let mut last = [0xff_u8; 3];
    let mut started = false;
    for packet in out.chunks_exact_mut(PACKET).filter(|packet| pid(packet) == VIDEO_PID) {
        if packet[1] & 0x40 != 0 {
            if started {
                return;
            }
            started = true;
        }
        if has_adaptation(packet) && packet[4] > 0 {
            packet[5] &= !0x40;
        }
        let start = payload_start(packet);
        for byte in &mut packet[start..] {
            if last == [0, 0, 1] && *byte & 0x1f == 5 {
                *byte = *byte & 0xe0 | 1;
            }
            last = [last[1], last[2], *byte];
        }
    }
}

/// Turns the H.264 NAL units of these types into filler data (type 12).
fn blank_units(out: &mut [u8], kinds: &[u8]) {
    let mut last = [0xff_u8; 3];
    for packet in out.chunks_exact_mut(PACKET).filter(|packet| pid(packet) == VIDEO_PID) {
        let start = payload_start(packet);
        for byte in &mut packet[start..] {
            if last == [0, 0, 1] && kinds.contains(&(*byte & 0x1f)) {
                *byte = *byte & 0xe0 | 12;
            }
            last = [last[1], last[2], *byte];
        }
    }
}

/// Gives picture parameter sets another identifier than the one that slices refer to: 2 instead of 0.
fn rename_picture_sets(out: &mut [u8]) {
    let (mut last, mut is_set) = ([0xff_u8; 3], false);
    for packet in out.chunks_exact_mut(PACKET).filter(|packet| pid(packet) == VIDEO_PID) {
        let start = payload_start(packet);
        for byte in &mut packet[start..] {
            if std::mem::take(&mut is_set) {
                *byte &= 0x7f;
            }
            is_set = last == [0, 0, 1] && *byte & 0x1f == 8;
            last = [last[1], last[2], *byte];
        }
    }
}

/// Number of pictures by which a key frame is late under the fault.
const LATE_PICTURES: usize = 10;

/// Moves the key frame of a unit (2 s of media) from its first picture to the picture 0.4 s later.
fn delay_key_frame(unit: &mut [u8]) {
    demote_first_picture(unit);
    let starts = |packet: &[u8]| pid(packet) == VIDEO_PID && packet[1] & 0x40 != 0;
    let at = unit.chunks_exact(PACKET).enumerate().filter(|(_, packet)| starts(packet)).nth(LATE_PICTURES);
    let (at, _) = at.expect("a unit has 50 pictures");
    let mut last = [0xff_u8; 3];
    let pictures = unit[at * PACKET..].chunks_exact_mut(PACKET).filter(|packet| pid(packet) == VIDEO_PID);
    for (n, packet) in pictures.enumerate() {
        if n > 0 && starts(packet) {
            return;
        }
        let start = payload_start(packet);
        for byte in &mut packet[start..] {
            if last == [0, 0, 1] && *byte & 0x1f == 1 {
                *byte = *byte & 0xe0 | 5;
            }
            last = [last[1], last[2], *byte];
        }
    }
}

fn break_pat_crc(packet: &mut [u8]) {
    if pid(packet) == PAT_PID {
        let section = payload_start(packet) + 1;
        let length = usize::from(packet[section + 1] & 0x0f) << 8 | usize::from(packet[section + 2]);
        packet[section + 2 + length] ^= 0xff;
    }
}

fn remove_pcr(packet: &mut [u8]) {
    if has_adaptation(packet) && packet[4] > 0 && packet[5] & 0x10 != 0 {
        packet[5] &= !0x10;
        packet[6..12].fill(0xff);
    }
}

/// Sets transport_scrambling_control of a packet and leaves its payload as it is.
fn scramble(packet: &mut [u8]) {
    if matches!(pid(packet), VIDEO_PID | AUDIO_PID) {
        packet[3] |= 0x80;
    }
}

fn each_packet(out: &mut [u8], change: impl Fn(&mut [u8])) {
    out.chunks_exact_mut(PACKET).for_each(change);
}

fn retain_pids(out: &mut Vec<u8>, wanted: impl Fn(u16) -> bool) {
    *out = out.chunks_exact(PACKET).filter(|packet| wanted(pid(packet))).flatten().copied().collect();
}

pub(super) fn pid(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[1] & 0x1f, packet[2]])
}

fn pid_index(packet: &[u8]) -> usize {
    let pid = pid(packet);
    PIDS.iter().position(|&known| known == pid).expect("four PIDs are sent")
}

fn has_payload(packet: &[u8]) -> bool {
    packet[3] & 0x10 != 0
}

pub(super) fn has_adaptation(packet: &[u8]) -> bool {
    packet[3] & 0x20 != 0
}

pub(super) fn payload_start(packet: &[u8]) -> usize {
    let adaptation = if has_adaptation(packet) { 1 + usize::from(packet[4]) } else { 0 };
    (4 + adaptation).min(PACKET)
}
