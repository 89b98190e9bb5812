//! Measurement of the program clock reference (PCR).

use crate::units::{MediaTime, Seconds};

/// Range of the PCR in ticks of 27 MHz: it wraps with its 33-bit base (ISO/IEC 13818-1 2.4.3.5).
const PCR_WRAP: u64 = (1 << 33) * 300;

/// Measures the program clock references of one PID.
#[derive(Debug, Default)]
pub(super) struct PcrClock {
    pid: Option<u16>,
    last: Option<u64>,
    longest_interval: Option<u64>,
    longest_step_back: Option<u64>,
    count: u64,
    first: Option<u64>,
}

impl PcrClock {
    /// Sets the PCR PID that the PMT names. If it differs from the PID before, the measurements are discarded.
    pub(super) fn set_pid(&mut self, pid: u16) {
        if self.pid != Some(pid) {
            *self = Self { pid: Some(pid), ..Self::default() };
        }
    }

    /// Records a PCR in ticks of 27 MHz. Before a PMT is read, the first PID with a PCR is taken as the PCR PID.
    pub(super) fn record(&mut self, pid: u16, pcr: u64, discontinuity: bool) {
        if *self.pid.get_or_insert(pid) != pid {
            return;
        }
        self.count += 1;
        self.first.get_or_insert(pcr);
        if let Some(last) = self.last.filter(|_| !discontinuity) {
            let passed = (pcr + PCR_WRAP).wrapping_sub(last) % PCR_WRAP;
            // More than half the range is a clock that went back: it is no interval.
            match passed < PCR_WRAP / 2 {
                true => self.longest_interval = self.longest_interval.max(Some(passed)),
                false => self.longest_step_back = self.longest_step_back.max(Some(PCR_WRAP - passed)),
            }
        }
        self.last = Some(pcr % PCR_WRAP);
    }

    #[must_use]
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    #[must_use]
    pub(super) fn first(&self) -> Option<MediaTime> {
        self.first.map(|pcr| MediaTime::mpeg(pcr / 300))
    }

    #[must_use]
    pub(super) fn interval_max(&self) -> Option<Seconds> {
        self.longest_interval.map(|ticks| Seconds(ticks as f64 / 27e6))
    }

    #[must_use]
    pub(super) fn step_back_max(&self) -> Option<Seconds> {
        self.longest_step_back.map(|ticks| Seconds(ticks as f64 / 27e6))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(references: &[(u16, u64, bool)]) -> PcrClock {
        let mut clock = PcrClock::default();
        references.iter().for_each(|(pid, pcr, discontinuity)| clock.record(*pid, *pcr, *discontinuity));
        clock
    }

    #[test]
    fn the_longest_interval_of_the_first_pid_counts() {
        let clock = clock(&[(7, 300, false), (8, 0, false), (7, 27_000_300, false), (7, 27_000_600, false)]);
        assert_eq!((clock.count(), clock.first()), (3, Some(MediaTime::mpeg(1))));
        assert_eq!(clock.interval_max(), Some(Seconds(1.0)));
    }

    #[test]
    fn a_wrap_is_an_interval_and_a_step_back_is_none() {
        let interval = |from, to, discontinuity| clock(&[(7, from, false), (7, to, discontinuity)]).interval_max();
        assert_eq!(interval(PCR_WRAP - 27, 2_699_973, false), Some(Seconds(0.1)));
        assert_eq!(interval(27, 0, false), None);
        assert_eq!(interval(0, PCR_WRAP / 2, false), None);
        assert!(interval(0, PCR_WRAP / 2 - 1, false).is_some());
        assert_eq!(interval(0, 27, true), None, "a signalled discontinuity");
        let behind = clock(&[(7, 0, false), (7, 900, true), (7, 927, false)]);
        assert_eq!((behind.count(), behind.interval_max()), (3, Some(Seconds(1e-6))));
    }

    #[test]
    fn another_pid_of_the_pmt_starts_again() {
        let mut clock = clock(&[(7, 0, false), (7, 27, false)]);
        clock.set_pid(7);
        assert_eq!(clock.count(), 2);
        clock.set_pid(8);
        assert_eq!((clock.count(), clock.first(), clock.interval_max()), (0, None, None));
        clock.record(7, 0, false);
        clock.record(8, 600, false);
        assert_eq!((clock.count(), clock.first()), (1, Some(MediaTime::mpeg(2))));
    }
}
