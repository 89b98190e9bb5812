//! Quantities with their unit in the type: seconds, media ticks, bits per second, wall-clock instants.

use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use std::ops::{Add, Sub};

/// A wall-clock instant (UTC). Never read below `probe`: it arrives as an argument.
pub use jiff::Timestamp;

/// A length of time in seconds, as playlists and metrics write it.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub f64);

impl Seconds {
    pub const ZERO: Self = Self(0.0);

    /// From `earlier` to `later`; negative when they are the other way round.
    #[must_use]
    pub fn between(earlier: Timestamp, later: Timestamp) -> Self {
        Self(later.duration_since(earlier).as_secs_f64())
    }

    /// `at` moved by this length; clamped at the ends of representable time.
    #[must_use]
    pub fn after(self, at: Timestamp) -> Timestamp {
        let nanos = (self.0 * 1e9) as i64;
        at.saturating_add(jiff::SignedDuration::from_nanos(nanos)).unwrap_or(at)
    }

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
        Self(iter.map(|s| s.0).sum())
    }
}

impl From<std::time::Duration> for Seconds {
    fn from(d: std::time::Duration) -> Self {
        Self(d.as_secs_f64())
    }
}

/// An instant or length on a media timeline, in ticks of `timescale` per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MediaTime {
    pub ticks: i64,
    pub timescale: NonZeroU32,
}

/// MPEG-2 systems clock, ISO/IEC 13818-1 2.4.3.7: PTS and DTS count 90 000 a second and wrap at 2^33.
pub const MPEG_TIMESCALE: NonZeroU32 = match NonZeroU32::new(90_000) {
    Some(n) => n,
    None => NonZeroU32::MIN,
};
const MPEG_WRAP: i64 = 1 << 33;

impl MediaTime {
    #[must_use]
    pub fn new(ticks: i64, timescale: NonZeroU32) -> Self {
        Self { ticks, timescale }
    }

    /// A 33-bit MPEG time stamp.
    #[must_use]
    pub fn mpeg(ticks: u64) -> Self {
        Self { ticks: (ticks & 0x1_ffff_ffff) as i64, timescale: MPEG_TIMESCALE }
    }

    #[must_use]
    pub fn seconds(self) -> Seconds {
        Seconds(self.ticks as f64 / f64::from(self.timescale.get()))
    }

    /// `self - earlier` on the 33-bit MPEG clock: the shorter way round, so that a wrap is no jump.
    #[must_use]
    pub fn mpeg_since(self, earlier: Self) -> Seconds {
        let d = (self.ticks - earlier.ticks).rem_euclid(MPEG_WRAP);
        let d = if d >= MPEG_WRAP / 2 { d - MPEG_WRAP } else { d };
        Self { ticks: d, timescale: self.timescale }.seconds()
    }

    /// `self - earlier` on an unbounded timeline (ISO BMFF tfdt).
    #[must_use]
    pub fn since(self, earlier: Self) -> Seconds {
        self.seconds() - earlier.seconds()
    }
}

/// A bit rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BitsPerSecond(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrap_of_the_mpeg_clock_is_no_jump() {
        let before = MediaTime::mpeg((1 << 33) - 90_000);
        let after = MediaTime::mpeg(90_000);
        assert_eq!(after.mpeg_since(before), Seconds(2.0));
        assert_eq!(before.mpeg_since(after), Seconds(-2.0));
    }
}
