//! Faults of transport streams whose packets are whole: tables, time stamps, PES packets and access units that some players
//! can't read.

use super::ad_breaks;
use super::ts::{self, AUDIO_PID, PACKET, VIDEO_PID};

/// Ticks of 90 kHz by which clocks go back in the middle of a segment.
const STEP_BACK: i64 = 54_000;

/// Puts the network (program 0) before the programme of a PAT (ISO/IEC 13818-1 2.4.4.3).
pub(super) fn begin_with_network(packet: &mut [u8]) {
    if ts::pid(packet) != 0 {
        return;
    }
    let section = ts::payload_start(packet) + 1;
    let length = usize::from(packet[section + 1] & 0x0f) << 8 | usize::from(packet[section + 2]);
    let (programs, end) = (section + 8, section + 3 + length - 4);
    packet.copy_within(programs..end, programs + 4);
    packet[programs..programs + 4].copy_from_slice(&[0, 0, 0xe0, 0x10]);
    packet[section + 2] += 4;
    let end = end + 4;
    let crc = ad_breaks::crc32(&packet[section..end]);
    packet[end..end + 4].copy_from_slice(&crc.to_be_bytes());
}

/// Gives all pictures of a segment the time stamps of the first.
pub(super) fn stop_picture_times(out: &mut [u8]) {
    let mut first: Option<Vec<u8>> = None;
    for packet in unit_starts(out, VIDEO_PID) {
        let start = ts::payload_start(packet);
        let pes = &mut packet[start..];
        // A DTS behind the PTS stays away: the first picture's may be earlier than its PTS.
        let stamp = first.get_or_insert_with(|| pes[9..14].to_vec());
        pes[9..14].copy_from_slice(stamp);
        if pes[7] & 0x40 != 0 {
            let decode = [stamp[0] & 0x0f | 0x10, stamp[1], stamp[2], stamp[3], stamp[4]];
            pes[14..19].copy_from_slice(&decode);
        }
    }
}

/// Sets the time stamps of the pictures in the second half of a segment back.
pub(super) fn set_picture_times_back(out: &mut [u8]) {
    let middle = out.len() / PACKET / 2 * PACKET;
    for packet in unit_starts(&mut out[middle..], VIDEO_PID) {
        let start = ts::payload_start(packet);
        let pes = &mut packet[start..];
        ts::shift_timestamp(&mut pes[9..14], -STEP_BACK);
        if pes[7] & 0x40 != 0 {
            ts::shift_timestamp(&mut pes[14..19], -STEP_BACK);
        }
    }
}

/// Sets the PCR in the second half of a segment back.
pub(super) fn set_clock_back(out: &mut [u8]) {
    let middle = out.len() / PACKET / 2 * PACKET;
    for packet in out[middle..].chunks_exact_mut(PACKET) {
        if ts::has_adaptation(packet) && packet[4] > 0 && packet[5] & 0x10 != 0 {
            ts::shift_pcr(&mut packet[6..12], -STEP_BACK);
        }
    }
}

/// Makes PES_packet_length of each PES packet of audio 100 bytes too long.
pub(super) fn lengthen_audio(packet: &mut [u8]) {
    if ts::pid(packet) == AUDIO_PID && packet[1] & 0x40 != 0 {
        let start = ts::payload_start(packet) + 4;
        let length = u16::from_be_bytes([packet[start], packet[start + 1]]) + 100;
        packet[start..start + 2].copy_from_slice(&length.to_be_bytes());
    }
}

fn unit_starts(out: &mut [u8], pid: u16) -> impl Iterator<Item = &mut [u8]> {
    out.chunks_exact_mut(PACKET).filter(move |packet| ts::pid(packet) == pid && packet[1] & 0x40 != 0)
}
