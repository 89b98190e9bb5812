//! Tests with deterministic damage: no input makes a segment reader panic or exceed its bounds, and the size of the
//! chunks in which the bytes arrive changes nothing.

use super::*;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// Returns a damaged copy of the bytes: with cuts, bit flips, random bytes, repeated and moved ranges.
fn damage(random: &mut Random, bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=random.below(6) {
        let from = random.below(out.len());
        let to = (from + random.below(600)).min(out.len());
        match random.below(6) {
            0 => out.truncate(from),
            1 => drop(out.drain(from..to)),
            2 => out[from..to].iter_mut().for_each(|b| *b = random.next() as u8),
            3 => {
                let piece = out[from..to].to_vec();
                let at = random.below(out.len());
                out.splice(at..at, piece);
            }
            _ => {
                if let Some(byte) = out.get_mut(from) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
    out
}

fn check(random: &mut Random, init: Option<&InitSegment>, bytes: &[u8]) {
    let whole = inspect_with(init, bytes);
    assert!(whole.defects.len() <= MAX_DEFECTS && whole.defects.len() as u64 <= whole.defects_total);
    assert!(whole.tracks.len() <= MAX_TRACKS && whole.head.len() <= 32);
    assert_eq!(whole.bytes, bytes.len() as u64);
    let mut inspector = SegmentInspector::new(init);
    let size = 1 + random.below(2000);
    bytes.chunks(size).for_each(|piece| inspector.push(piece));
    assert_eq!(inspector.finish().0, whole, "pieces of {size}");
}

/// Number of damaged inputs for each kind of segment.
const ROUNDS: usize = 10_000;

/// Returns the first `length` bytes of a fixture file: enough to hold every structure, and few enough for thousands of
/// rounds.
fn beginning(name: &str, length: usize) -> Vec<u8> {
    fixture(name).into_iter().take(length).collect()
}

/// Inspects [`ROUNDS`] damaged inputs of one kind. Each kind is a test of its own, so that the test harness runs them
/// in parallel.
fn rounds(init: Option<&InitSegment>, pieces: &[Vec<u8>]) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..ROUNDS {
        let broken = damage(&mut random, &pieces[round % pieces.len()]);
        check(&mut random, init, &broken);
    }
}

#[test]
fn damaged_transport_streams_never_panic() {
    rounds(None, &[beginning("h264_bframes_aac.ts", 6_000), beginning("h264_opengop_aac441.ts", 6_000)]);
}

#[test]
fn damaged_hevc_never_panics() {
    rounds(None, &[beginning("hevc_aac_wrap.ts", 6_000)]);
}

#[test]
fn damaged_dolby_sound_never_panics() {
    rounds(None, &[beginning("ac3.ts", 4_000), beginning("eac3.ts", 4_000)]);
}

/// Damages a packed audio segment twice: as 200 bytes, which are mostly the ID3 tag with the time stamp, and as 4,000
/// bytes, which also have audio frames.
#[test]
fn damaged_packed_audio_never_panics() {
    rounds(None, &[beginning("packed.aac", 200), beginning("packed.aac", 4_000)]);
}

#[test]
fn damaged_init_sections_never_panic() {
    rounds(None, &["cmaf_h264_init.mp4", "cmaf_hevc_init.mp4", "cmaf_aac_init.mp4"].map(fixture));
}

/// Damages a fragment twice: as 700 bytes, which are mostly MP4 boxes, and as 5,000 bytes, which also have media data.
#[test]
fn damaged_fragments_never_panic() {
    let init = init_of("cmaf_h264_init.mp4");
    rounds(Some(&init), &[beginning("cmaf_h264_0.m4s", 700), beginning("cmaf_h264_0.m4s", 5_000)]);
}

/// Each of the segments in this test has several movie fragments.
#[test]
fn damaged_chunks_never_panic() {
    let init = init_of("cmaf_aac_init.mp4");
    let chunks = ["cmaf_aac_0.m4s", "cmaf_aac_1.m4s", "cmaf_aac_2.m4s"].map(|n| beginning(n, 1_500)).concat();
    rounds(Some(&init), &[chunks]);
}

#[test]
fn damaged_encrypted_files_never_panic() {
    rounds(None, &[beginning("cenc_whole.mp4", 6_000)]);
}

#[test]
fn noise_is_not_media() {
    let mut random = Random(7);
    for length in [1, 100, 5000, 200_000] {
        let mut noise: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        check(&mut random, None, &noise);
        // Noise behind a good beginning.
        let start = fixture("ac3.ts");
        noise.splice(..0, start.iter().take(188 * 8).copied());
        check(&mut random, None, &noise);
        assert!(inspect(&noise).defects_total > 0);
    }
}
