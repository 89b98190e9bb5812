//! The program clock reference.

use crate::units::{MediaTime, Seconds};

/// PCR counts 27 MHz and wraps with its 33-bit base (ISO/IEC 13818-1 2.4.3.5).
const WRAP: u64 = (1 << 33) * 300;

#[derive(Debug, Default)]
pub struct Clock {
    pid: Option<u16>,
    last: Option<u64>,
    longest: Option<u64>,
    count: u64,
    first: Option<u64>,
}

impl Clock {
    /// The PMT names the PID.
    pub fn choose(&mut self, pid: u16) {
        if self.pid != Some(pid) {
            *self = Self { pid: Some(pid), ..Self::default() };
        }
    }

    /// Until a PMT was read, the first PID with a PCR counts.
    pub fn tick(&mut self, pid: u16, pcr: u64, discontinuity: bool) {
        if *self.pid.get_or_insert(pid) != pid {
            return;
        }
        self.count += 1;
        self.first.get_or_insert(pcr);
        if let Some(last) = self.last.filter(|_| !discontinuity) {
            let passed = (pcr + WRAP).wrapping_sub(last) % WRAP;
            // More than half the range is a clock that went back: no interval.
            if passed < WRAP / 2 {
                self.longest = Some(self.longest.map_or(passed, |m| m.max(passed)));
            }
        }
        self.last = Some(pcr % WRAP);
    }

    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    #[must_use]
    pub fn first(&self) -> Option<MediaTime> {
        self.first.map(|pcr| MediaTime::mpeg(pcr / 300))
    }

    #[must_use]
    pub fn interval_max(&self) -> Option<Seconds> {
        self.longest.map(|ticks| Seconds(ticks as f64 / 27e6))
    }
}
