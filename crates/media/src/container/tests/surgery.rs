//! Tests with damage whose effect on the timeline is known: each effect has to show in its measure.

use super::*;

const PACKET: usize = 188;
const ROUNDS: u64 = 10_000;
/// PID of the video in the fixture transport stream.
const PID: u16 = 256;

/// Returns a pseudo-random number below `bound` (splitmix64). It depends only on `round` and `salt`, so that the damage
/// is the same in every run.
fn below(round: u64, salt: u64, bound: usize) -> usize {
    let mut z = (round * 8 + salt + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ z >> 31) % bound as u64) as usize
}

fn pid(packet: &[u8]) -> u16 {
    u16::from(packet[1] & 0x1f) << 8 | u16::from(packet[2])
}

struct Stream {
    bytes: Vec<u8>,
    /// Byte offsets of the video packets, which all have payload.
    video: Vec<usize>,
    sound: Inspection,
}

impl Stream {
    fn new() -> Self {
        let bytes = fixture("h264_bframes_aac.ts");
        let at = |(n, _): (usize, &[u8])| n * PACKET;
        let carries = |(_, p): &(usize, &[u8])| pid(p) == PID && p[3] & 0x10 != 0;
        let video = bytes.chunks(PACKET).enumerate().filter(carries).map(at).collect();
        let sound = inspect(&bytes);
        assert_eq!(sound.defects_total, 0);
        Self { bytes, video, sound }
    }

    /// Returns the transport stream without the packets at the byte offsets `gone`.
    fn without(&self, gone: &[usize]) -> Vec<u8> {
        let packets = self.bytes.chunks(PACKET).enumerate();
        packets.filter(|(n, _)| !gone.contains(&(n * PACKET))).flat_map(|(_, p)| p.to_vec()).collect()
    }
}

fn broken(seen: &Inspection) -> u64 {
    seen.ts.as_ref().unwrap().continuity_errors
}

/// The continuity counter has 4 bits, so losing 16 (or 32, …) packets of a PID in a row leaves it unchanged.
#[test]
fn lost_packets_break_their_counter_unless_they_are_sixteen() {
    let stream = Stream::new();
    let mut blind = 0;
    for round in 0..ROUNDS {
        let count = 1 + below(round, 0, 40);
        let from = 1 + below(round, 1, stream.video.len() - count - 1);
        let seen = inspect(&stream.without(&stream.video[from..from + count]));
        let whole = count.is_multiple_of(16);
        blind += u64::from(whole);
        assert_eq!(broken(&seen), u64::from(!whole), "{count} packets from {from}");
        assert_eq!(seen.defects_total > 0, !whole, "{count} packets from {from}");
    }
    assert!(blind > 0);
}

/// A packet loss at either end of a segment breaks no continuity counter inside of it. It shows in the first and last
/// counters, which are compared with those of the neighbouring segments.
#[test]
fn packets_lost_at_the_ends_change_the_counters_across_segments() {
    let stream = Stream::new();
    let counter = |seen: &Inspection| *seen.ts.as_ref().unwrap().counters.iter().find(|c| c.pid == PID).unwrap();
    let sound = counter(&stream.sound);
    for count in (1..40).filter(|n| n % 16 != 0) {
        let last = stream.video.len() - count;
        let [head, tail] = [&stream.video[..count], &stream.video[last..]].map(|g| inspect(&stream.without(g)));
        assert_ne!(counter(&head).first, sound.first, "{count} packets at the start");
        assert_ne!(counter(&tail).last, sound.last, "{count} packets at the end");
    }
}

#[test]
fn packets_that_change_places_break_their_counter() {
    let stream = Stream::new();
    for round in 0..ROUNDS {
        let a = below(round, 0, stream.video.len() - 1);
        let b = a + 1 + below(round, 1, (stream.video.len() - a - 1).min(15));
        let mut bytes = stream.bytes.clone();
        for n in 0..PACKET {
            bytes.swap(stream.video[a] + n, stream.video[b] + n);
        }
        assert!(broken(&inspect(&bytes)) > 0, "packets {a} and {b}");
    }
}

/// A transport stream segment that is cut inside of a packet has a defect.
#[test]
fn a_cut_within_a_packet_is_found() {
    let stream = Stream::new();
    for round in 0..ROUNDS {
        let at = PACKET * 8 + below(round, 0, stream.bytes.len() - PACKET * 8);
        let seen = inspect(&stream.bytes[..at]);
        assert!(seen.defects_total > 0 || at.is_multiple_of(PACKET), "cut at {at}");
    }
}

/// A movie fragment that is cut anywhere has a defect, because its boxes and samples give their sizes.
#[test]
fn a_cut_fragment_is_found() {
    let (init, bytes) = (init_of("cmaf_h264_init.mp4"), fixture("cmaf_h264_0.m4s"));
    let sound = inspect_with(Some(&init), &bytes);
    assert_eq!(sound.defects_total, 0);
    for at in 1..bytes.len() {
        let seen = inspect_with(Some(&init), &bytes[..at]);
        assert!(seen.defects_total > 0, "cut at {at}: {:?}", seen.tracks);
    }
}

/// Checks that a track begins later by exactly the amount that was added to its baseMediaDecodeTime, because checks
/// compare this time with the times of other segments.
#[test]
fn a_moved_fragment_is_measured_where_it_says() {
    let (init, bytes) = (init_of("cmaf_h264_init.mp4"), fixture("cmaf_h264_0.m4s"));
    let at = bytes.windows(4).position(|w| w == b"tfdt").unwrap() + 4;
    assert_eq!((bytes[at], bytes.windows(4).filter(|w| *w == b"tfdt").count()), (1, 1));
    let time = at + 4..at + 12;
    let base = i64::from_be_bytes(bytes[time.clone()].try_into().unwrap());
    let span = |seen: &Inspection| {
        let track = &seen.tracks[0];
        (track.start.unwrap().ticks, track.end.unwrap().ticks)
    };
    let sound = span(&inspect_with(Some(&init), &bytes));
    for round in 0..ROUNDS {
        let shift = 1 + below(round, 0, 1 << (1 + round % 40)) as i64;
        let mut moved = bytes.clone();
        moved[time.clone()].copy_from_slice(&(base + shift).to_be_bytes());
        let seen = span(&inspect_with(Some(&init), &moved));
        assert_eq!(seen, (sound.0 + shift, sound.1 + shift), "moved by {shift}");
    }
}
