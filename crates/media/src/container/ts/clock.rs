//! The program clock reference (PCR).

use crate::units::{MediaTime, Seconds};

/// Range of the PCR: it counts 27 MHz and wraps with its 33-bit base (ISO/IEC 13818-1 2.4.3.5).
const PCR_WRAP: u64 = (1 << 33) * 300;

/// Measures the program clock references of one PID.
#[derive(Debug, Default)]
pub struct PcrClock {
    pid: Option<u16>,
    last: Option<u64>,
    longest_interval: Option<u64>,
    count: u64,
    first: Option<u64>,
}

impl PcrClock {
    /// Sets the PID that the PMT names; another PID than before discards what was measured.
    pub fn set_pid(&mut self, pid: u16) {
        if self.pid != Some(pid) {
            *self = Self { pid: Some(pid), ..Self::default() };
        }
    }

    /// Records a reference of 27 MHz ticks. Before a PMT is read, the first PID with a reference is the PCR PID.
    pub fn record(&mut self, pid: u16, pcr: u64, discontinuity: bool) {
        if *self.pid.get_or_insert(pid) != pid {
            return;
        }
        self.count += 1;
        self.first.get_or_insert(pcr);
        if let Some(last) = self.last.filter(|_| !discontinuity) {
            let passed = (pcr + PCR_WRAP).wrapping_sub(last) % PCR_WRAP;
            // More than half the range is a clock that went back: it is no interval.
            if passed < PCR_WRAP / 2 {
                self.longest_interval = Some(self.longest_interval.map_or(passed, |m| m.max(passed)));
            }
        }
        self.last = Some(pcr % PCR_WRAP);
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
        self.longest_interval.map(|ticks| Seconds(ticks as f64 / 27e6))
    }
}
