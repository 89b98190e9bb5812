//! Deterministic damage: whatever arrives, nothing panics, bounds hold, and pieces change nothing.

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

/// Cuts, bit flips, runs of noise, repeated and moved pieces.
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

fn check(random: &mut Random, init: Option<&Init>, bytes: &[u8]) {
    let whole = inspect_with(init, bytes);
    assert!(whole.defects.len() <= MAX_DEFECTS && whole.defects.len() as u64 <= whole.defects_total);
    assert!(whole.tracks.len() <= MAX_TRACKS && whole.head.len() <= 32);
    assert_eq!(whole.bytes, bytes.len() as u64);
    let mut inspector = Inspector::new(init);
    let size = 1 + random.below(2000);
    bytes.chunks(size).for_each(|piece| inspector.push(piece));
    assert_eq!(inspector.finish().0, whole, "pieces of {size}");
}

#[test]
fn damaged_media_never_panics() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let init = init_of("cmaf_h264_init.mp4");
    let names =
        ["h264_bframes_aac.ts", "hevc_aac_wrap.ts", "eac3.ts", "packed.aac", "cenc_whole.mp4", "cmaf_h264_init.mp4"];
    for name in names {
        // Enough to hold every structure, little enough for thousands of rounds.
        let bytes: Vec<u8> = fixture(name).into_iter().take(12_000).collect();
        for _ in 0..400 {
            let broken = damage(&mut random, &bytes);
            check(&mut random, None, &broken);
        }
    }
    let bytes = fixture("cmaf_h264_0.m4s");
    // The boxes stand in front: most of the damage goes there.
    let boxes: Vec<u8> = bytes.iter().take(700).copied().collect();
    for round in 0..800 {
        let broken = damage(&mut random, if round % 4 == 0 { &bytes } else { &boxes });
        check(&mut random, Some(&init), &broken);
    }
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
