//! Quantities with their unit in the type: seconds, media ticks, bits per second, wall-clock instants.

use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use std::ops::{Add, Sub};

/// A wall-clock instant (UTC). No reader of this crate reads a clock: an instant is always an argument.
pub use jiff::Timestamp;

/// A length of time in seconds, as playlists and metrics write it.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub f64);

/// More seconds than lie between any two instants, which are between the years -9999 and 9999.
const MAX_SECONDS: f64 = 1e12;

impl Seconds {
    /// A length of time of 0 seconds.
    pub const ZERO: Self = Self(0.0);

    /// Returns the time from `earlier` to `later`; negative when `later` is the earlier one.
    #[must_use]
    pub fn between(earlier: Timestamp, later: Timestamp) -> Self {
        Self(later.duration_since(earlier).as_secs_f64())
    }

    /// Returns the instant that is this length of time after `at`; clamped to the range of a [`Timestamp`].
    #[must_use]
    pub fn after(self, at: Timestamp) -> Timestamp {
        // Nanoseconds alone would end at 292 years, and dates of MPDs begin with the year 1.
        let whole = self.0.floor().clamp(-MAX_SECONDS, MAX_SECONDS);
        let nanos = ((self.0 - whole) * 1e9).clamp(0.0, 999_999_999.0);
        at.saturating_add(jiff::SignedDuration::new(whole as i64, nanos.round() as i32)).unwrap_or(at)
    }

    /// Returns the length of time without its sign.
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }
}

impl Add for Seconds {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Seconds {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl std::iter::Sum for Seconds {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        // `f64::sum` of nothing is -0.0.
        Self(iter.map(|s| s.0).fold(0.0, std::ops::Add::add))
    }
}

impl From<std::time::Duration> for Seconds {
    fn from(d: std::time::Duration) -> Self {
        Self(d.as_secs_f64())
    }
}

/// Timescale of PTS and DTS: 90 000 ticks per second (ISO/IEC 13818-1 2.4.3.7). Fragmented MP4 may have the same
/// timescale without being on the MPEG clock.
pub const MPEG_TIMESCALE: NonZeroU32 = match NonZeroU32::new(90_000) {
    Some(n) => n,
    None => NonZeroU32::MIN,
};
const MPEG_WRAP: i64 = 1 << 33;

/// The clock on which a [`MediaTime`] counts. It decides how a difference is computed, because the MPEG clock wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaClock {
    /// The 33-bit MPEG clock of transport streams and packed audio: it counts [`MPEG_TIMESCALE`] ticks per second and
    /// wraps at 2^33 ticks, every 26.5 hours (ISO/IEC 13818-1 2.4.3.7).
    Mpeg,
    /// A clock with this number of ticks per second that never wraps: `tfdt` of fragmented MP4, and times of an MPD.
    Ticks(NonZeroU32),
}

/// An instant on the media timeline of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaTime {
    /// Count of the clock in ticks. On the MPEG clock it may lie outside of 33 bits, if a reader put the times of one
    /// segment in order across the wrap.
    pub ticks: i64,
    /// Clock on which the ticks are counted.
    pub clock: MediaClock,
}

impl MediaTime {
    /// Makes an instant on a clock with `timescale` ticks per second that never wraps.
    #[must_use]
    pub fn new(ticks: i64, timescale: NonZeroU32) -> Self {
        Self { ticks, clock: MediaClock::Ticks(timescale) }
    }

    /// Makes an instant on the 33-bit MPEG clock; bits of `ticks` beyond 33 are cut off.
    #[must_use]
    pub fn mpeg(ticks: u64) -> Self {
        Self::mpeg_unwrapped((ticks & 0x1_ffff_ffff) as i64)
    }

    /// Makes an instant on the MPEG clock whose count goes on across the wrap: it may be negative or exceed 33 bits.
    #[must_use]
    pub fn mpeg_unwrapped(ticks: i64) -> Self {
        Self { ticks, clock: MediaClock::Mpeg }
    }

    /// Returns the number of ticks per second of the instant's clock.
    #[must_use]
    pub fn timescale(self) -> NonZeroU32 {
        match self.clock {
            MediaClock::Mpeg => MPEG_TIMESCALE,
            MediaClock::Ticks(timescale) => timescale,
        }
    }

    /// Returns the seconds since the clock's zero, as counted, for display. [`MediaTime::since`] computes differences.
    #[must_use]
    pub fn seconds(self) -> Seconds {
        Seconds(self.ticks as f64 / f64::from(self.timescale().get()))
    }

    /// Returns `self - earlier`, negative when `self` is the earlier one. On the MPEG clock it is the shorter way
    /// round, so that a wrap is no jump. Two clocks that never wrap are compared in seconds, whatever their timescales.
    /// `None` if one instant is on the MPEG clock and the other isn't.
    #[must_use]
    pub fn since(self, earlier: Self) -> Option<Seconds> {
        match (self.clock, earlier.clock) {
            (MediaClock::Mpeg, MediaClock::Mpeg) => {
                let ticks = mpeg_difference(self.ticks, earlier.ticks);
                Some(Self::mpeg_unwrapped(ticks).seconds())
            }
            (MediaClock::Ticks(own), MediaClock::Ticks(other)) => {
                Some(Seconds(difference((self.ticks, own), (earlier.ticks, other))))
            }
            _ => None,
        }
    }

    /// Returns the instant moved by `length`, to the nearest tick; clamped to the range of the count.
    #[must_use]
    pub fn moved_by(self, length: Seconds) -> Self {
        let ticks = (length.0 * f64::from(self.timescale().get())).round() as i64;
        Self { ticks: self.ticks.saturating_add(ticks), ..self }
    }
}

/// Returns `later - earlier` in ticks of the MPEG clock, the shorter way round: from -2^32 to 2^32 - 1.
pub(crate) fn mpeg_difference(later: i64, earlier: i64) -> i64 {
    let ahead = later.wrapping_sub(earlier).rem_euclid(MPEG_WRAP);
    if ahead >= MPEG_WRAP / 2 { ahead - MPEG_WRAP } else { ahead }
}

/// Returns the seconds from one count of ticks to another, each with its timescale: exact up to the one division.
fn difference((later, own): (i64, NonZeroU32), (earlier, other): (i64, NonZeroU32)) -> f64 {
    let (later, earlier) = (i128::from(later), i128::from(earlier));
    if own == other {
        return (later - earlier) as f64 / f64::from(own.get());
    }
    let ticks = later * i128::from(other.get()) - earlier * i128::from(own.get());
    ticks as f64 / (f64::from(own.get()) * f64::from(other.get()))
}

/// A bit rate in bits per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BitsPerSecond(pub u64);

/// Formats a number with `decimals` decimals for people. A number that is rounded to zero has no sign.
#[must_use]
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|b| matches!(b, b'0' | b'.')) => digits.to_owned(),
        _ => text,
    }
}

/// Formats two numbers that a message compares, such as a measured value and its limit. They have `decimals` decimals,
/// and up to six more if they would otherwise look equal.
#[must_use]
pub fn distinct(a: f64, b: f64, decimals: usize) -> (String, String) {
    let as_text = |decimals| (fixed(a, decimals), fixed(b, decimals));
    let differing = (decimals..=decimals + 6).map(as_text).find(|(a, b)| a != b);
    differing.unwrap_or_else(|| as_text(decimals))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_nothing_and_what_is_rounded_to_zero_have_no_sign() {
        assert!(std::iter::empty::<Seconds>().sum::<Seconds>().0.is_sign_positive());
        assert_eq!(
            [fixed(-0.0, 3), fixed(-0.0004, 3), fixed(-0.0006, 3), fixed(-0.4, 0)],
            ["0.000", "0.000", "-0.001", "0"]
        );
        assert_eq!([fixed(1.25, 1), fixed(-12.0, 0), fixed(f64::NAN, 1)], ["1.2", "-12", "NaN"]);
    }

    #[test]
    fn numbers_that_differ_never_read_alike() {
        let of = |a, b, decimals| distinct(a, b, decimals);
        assert_eq!(of(1.45, 1.0, 0), ("1.4".to_owned(), "1.0".to_owned()));
        assert_eq!(of(2.0, 1.0, 0), ("2".to_owned(), "1".to_owned()));
        assert_eq!(of(2.000_001, 2.0, 1), ("2.000001".to_owned(), "2.000000".to_owned()));
        assert_eq!(of(3.0, 3.0, 1), ("3.0".to_owned(), "3.0".to_owned()), "equal numbers are equal");
    }

    fn scale(timescale: u32) -> NonZeroU32 {
        NonZeroU32::new(timescale).unwrap()
    }

    #[test]
    fn a_wrap_of_the_mpeg_clock_is_no_jump() {
        let before = MediaTime::mpeg((1 << 33) - 90_000);
        let after = MediaTime::mpeg(90_000);
        assert_eq!(after.since(before), Some(Seconds(2.0)));
        assert_eq!(before.since(after), Some(Seconds(-2.0)));
    }

    #[test]
    fn a_count_that_goes_on_beyond_33_bits_is_the_same_instant() {
        let (wrapped, unwrapped) = (MediaTime::mpeg(90_000), MediaTime::mpeg_unwrapped((1 << 33) + 90_000));
        assert_eq!(unwrapped.since(wrapped), Some(Seconds(0.0)));
        assert_eq!(MediaTime::mpeg((1 << 33) + 90_000), wrapped);
        assert_eq!(MediaTime::mpeg_unwrapped(-90_000).since(wrapped), Some(Seconds(-2.0)));
    }

    #[test]
    fn half_the_range_of_the_mpeg_clock_is_the_furthest_back_that_a_difference_says() {
        assert_eq!(mpeg_difference(1 << 32, 0), -(1 << 32));
        assert_eq!(mpeg_difference((1 << 32) - 1, 0), (1 << 32) - 1);
        assert_eq!(mpeg_difference(i64::MIN, i64::MAX), 1, "no count overflows");
    }

    #[test]
    fn the_decode_time_of_fragmented_mp4_at_90_khz_does_not_wrap() {
        let start = MediaTime::new(0, MPEG_TIMESCALE);
        let late = MediaTime::new((1 << 33) + 90_000, MPEG_TIMESCALE);
        assert_eq!(late.since(start), Some(Seconds(((1i64 << 33) + 90_000) as f64 / 90_000.0)));
        assert_eq!(late.since(MediaTime::mpeg(90_000)), None, "they are two clocks");
        assert_eq!(MediaTime::mpeg(90_000).since(late), None);
    }

    #[test]
    fn clocks_of_two_timescales_are_compared_in_seconds() {
        let (milliseconds, ticks) = (MediaTime::new(10_500, scale(1000)), MediaTime::new(900_000, scale(90_000)));
        assert_eq!(milliseconds.since(ticks), Some(Seconds(0.5)));
        assert_eq!(ticks.since(milliseconds), Some(Seconds(-0.5)));
        let far = MediaTime::new(i64::MAX, scale(u32::MAX));
        assert!(far.since(MediaTime::new(i64::MIN, scale(1))).unwrap().0 > 9e18);
    }

    #[test]
    fn a_difference_of_one_tick_of_a_long_running_clock_is_exact() {
        let now = 1_800_000_000i64 * 10_000_000;
        let at = |ticks| MediaTime::new(ticks, scale(10_000_000));
        assert_eq!(at(now + 1).since(at(now)), Some(Seconds(1e-7)));
    }

    #[test]
    fn an_instant_moves_to_the_nearest_tick_of_its_own_clock() {
        assert_eq!(MediaTime::new(10, scale(1000)).moved_by(Seconds(0.0016)), MediaTime::new(12, scale(1000)));
        assert_eq!(MediaTime::mpeg(0).moved_by(Seconds(-1.0)), MediaTime::mpeg_unwrapped(-90_000));
        assert_eq!(MediaTime::new(i64::MAX, scale(1)).moved_by(Seconds(1.0)).ticks, i64::MAX);
    }

    #[test]
    fn wall_clock_arithmetic_goes_both_ways() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let later = Seconds(2.5).after(at);
        assert_eq!(Seconds::between(at, later), Seconds(2.5));
        assert_eq!(Seconds::between(later, at), Seconds(-2.5));
        assert_eq!(Seconds(f64::INFINITY).after(at), Seconds(f64::MAX).after(at), "clamped, not wrapped");
        assert_eq!(Seconds(-3.0).abs(), Seconds(3.0));
    }

    #[test]
    fn an_instant_may_be_thousands_of_years_after_another() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-01-01T00:00:00Z");
        for start in ["0001-01-01T00:00:00Z", "1601-01-01T00:00:00Z", "9000-01-01T00:00:00Z"] {
            assert_eq!(Seconds::between(at(start), now).after(at(start)), now, "{start}");
        }
        assert_eq!(Seconds(1.1).after(now), at("2026-01-01T00:00:01.1Z"));
        assert_eq!(Seconds(-0.25).after(now), at("2025-12-31T23:59:59.75Z"));
        assert_eq!(Seconds(1e300).after(now), Timestamp::MAX);
        assert_eq!(Seconds(f64::NEG_INFINITY).after(now), Timestamp::MIN);
        assert_eq!(Seconds(f64::NAN).after(now), now);
    }
}
