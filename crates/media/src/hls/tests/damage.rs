//! Tests with damaged playlists: the parser returns within its bounds for any input.

use super::*;
use crate::hls::{MAX_DEFECTS, MAX_RENDITIONS, MAX_SEGMENTS};

/// Pseudo-random numbers (xorshift64*) that are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }
}

const PIECES: [&[u8]; 16] = [
    b"\r",
    b"\n",
    b"\"",
    b",",
    b"=",
    b":",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xe1\xba\xbf",
    b"#EXT-X-",
    b"#EXTINF:",
    b"@",
    b"99999999999999999999",
    b" ",
    b"{$a}",
];

fn damage(bytes: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    let at = chance.below(bytes.len());
    let to = (at + chance.below(40)).min(bytes.len());
    match chance.below(6) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..to)),
        2 => bytes.iter_mut().skip(at).take(1).for_each(|b| *b ^= 1 << chance.below(8)),
        3 => drop(bytes.splice(at..to, PIECES[chance.below(PIECES.len())].iter().copied())),
        4 => {
            let from = chance.below(other.len());
            let end = (from + chance.below(200)).min(other.len());
            bytes.splice(at..at, other[from..end].iter().copied());
        }
        _ => {
            let again = bytes[at..to].to_vec();
            bytes.splice(to..to, again);
        }
    }
}

/// Number of damaged inputs for each kind of playlist.
const ROUNDS: usize = 10_000;

fn rounds(of_kind: impl Fn(&std::path::Path) -> bool) {
    let fixtures = fixtures();
    let kind: Vec<_> = fixtures.iter().filter(|(path, _)| of_kind(path)).collect();
    assert!(!kind.is_empty(), "the fixtures are missing");
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    for round in 0..ROUNDS {
        let (path, bytes) = kind[round % kind.len()];
        let mut bytes = bytes.clone();
        let other = &fixtures[chance.below(fixtures.len())].1;
        for _ in 0..=chance.below(4) {
            damage(&mut bytes, other, &mut chance);
        }
        let (playlist, defects) = parse(&bytes, &base());
        within_bounds(&playlist, &defects, bytes.len(), &format!("round {round}, {}", path.display()));
    }
}

fn low_latency(path: &std::path::Path) -> bool {
    path.components().any(|c| c.as_os_str() == "apple_low_latency")
}

#[test]
fn damaged_multivariant_playlists_are_answered_within_the_bounds() {
    rounds(|path| path.ends_with("master.m3u8"));
}

#[test]
fn damaged_media_playlists_are_answered_within_the_bounds() {
    rounds(|path| path.ends_with("media.m3u8") && !low_latency(path));
}

#[test]
fn damaged_low_latency_playlists_are_answered_within_the_bounds() {
    rounds(|path| path.ends_with("media.m3u8") && low_latency(path));
}

fn within_bounds(playlist: &Playlist, defects: &[Defect], length: usize, what: &str) {
    assert!(defects.len() <= MAX_DEFECTS, "{what}");
    for defect in defects {
        assert!(defect.message.len() < 600 && !defect.message.contains(char::is_control), "{what}: {}", defect.message);
        let Position::Line { line, column } = defect.at else { panic!("{what}") };
        assert!(line >= 1 && column >= 1 && (line as usize) <= length + 1 && (column as usize) <= length + 1, "{what}");
    }
    match playlist {
        Playlist::Multivariant(p) => {
            assert!(p.renditions.len() <= MAX_RENDITIONS, "{what}");
            let mut names: Vec<&str> = p.renditions.iter().map(|r| r.name.as_str()).collect();
            assert!(names.iter().all(|n| !n.is_empty() && n.len() <= 100), "{what}: {names:?}");
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), p.renditions.len(), "{what}: names repeat");
        }
        Playlist::Media(t) => {
            assert!(t.segments.len() <= MAX_SEGMENTS, "{what}");
            assert!(t.segments.iter().all(|s| s.duration.0.is_finite() && s.duration.0 >= 0.0), "{what}");
            assert!(t.segments.is_sorted_by(|a, b| a.number < b.number && a.line < b.line), "{what}");
        }
        Playlist::Unreadable => assert_eq!(defects.len(), 1, "{what}"),
    }
}
