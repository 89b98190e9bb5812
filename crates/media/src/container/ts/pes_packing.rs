//! Detection of video streams with one access unit in each PES packet, as nearly all have. In such a stream the bytes
//! behind the first slice of a packet needn't be searched: they are most of the bytes, and parameter sets and SEI
//! messages stand before the slice.

/// Number of PES packets that are searched completely before the rest of later packets may be skipped.
const MIN_SEARCHED: u32 = 8;
/// Number of access units in one PES packet that can't be the two fields of one frame.
const MANY_UNITS: u32 = 3;
/// Smallest difference of 33-bit decode time stamps that counts as a step back (ISO/IEC 13818-1 2.4.3.7).
const STEP_BACK: u64 = 1 << 32;

/// Observes how many access units the PES packets of a stream have.
#[derive(Debug, Default)]
pub(super) struct PesPacking {
    /// Number of PES packets with time stamps so far.
    packets: u32,
    /// Number of access units in the current PES packet, as far as it was searched.
    units: u32,
    /// Whether a PES packet had more than one access unit, or may have had.
    several_units: bool,
    /// Number of PES packets that had [`MANY_UNITS`] access units or more.
    crowded: u32,
    last: Option<u64>,
    /// Longest distance between the decode times of consecutive PES packets, in ticks of 90 kHz. It is measured while
    /// packets are still searched to their ends.
    longest_distance: u64,
}

impl PesPacking {
    /// Begins a PES packet with the decode time stamp `dts`.
    pub(super) fn begin_packet(&mut self, dts: u64) {
        self.several_units |= self.units > 1;
        self.crowded += u32::from(self.units >= MANY_UNITS);
        let distance = self.last.map_or(0, |last| dts.wrapping_sub(last) & 0x1_ffff_ffff);
        if distance < STEP_BACK {
            match self.one_unit_per_packet() {
                // A longer distance than ever before: access units may have been skipped.
                true => self.several_units |= distance > self.longest_distance + self.longest_distance / 2,
                false => self.longest_distance = self.longest_distance.max(distance),
            }
        }
        self.last = Some(dts);
        self.units = 0;
        self.packets = self.packets.saturating_add(1);
    }

    /// Counts an access unit that begins with a delimiter.
    pub(super) fn count_unit(&mut self) {
        self.units += 1;
    }

    /// Returns whether a PES packet had so many access units that they can't be the two fields of one frame.
    #[must_use]
    pub(super) fn is_crowded(&self) -> bool {
        self.crowded > 0 || self.units >= MANY_UNITS
    }

    /// Returns whether everything behind the first slice of a PES packet belongs to the same picture.
    #[must_use]
    pub(super) fn one_unit_per_packet(&self) -> bool {
        self.packets > MIN_SEARCHED && !self.several_units
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the state after PES packets that are 40 ms apart and have these numbers of access units.
    fn after(units: &[u32]) -> PesPacking {
        let mut packing = PesPacking::default();
        for (n, count) in units.iter().enumerate() {
            packing.begin_packet(n as u64 * 3600);
            (0..*count).for_each(|_| packing.count_unit());
        }
        packing
    }

    #[test]
    fn nine_packets_with_at_most_one_unit_each_decide() {
        assert!(!after(&[1; 8]).one_unit_per_packet());
        assert!(after(&[1; 9]).one_unit_per_packet());
        assert!(after(&[0; 9]).one_unit_per_packet(), "without delimiters nothing else tells pictures apart");
        assert!(!after(&[1, 1, 1, 2, 1, 1, 1, 1, 1, 1]).one_unit_per_packet());
    }

    #[test]
    fn a_longer_distance_revokes_it_and_a_step_back_does_not() {
        let mut packing = after(&[1; 12]);
        packing.begin_packet(0);
        assert!(packing.one_unit_per_packet());
        packing.begin_packet(7200);
        assert!(!packing.one_unit_per_packet());
    }

    #[test]
    fn half_as_far_again_is_the_longest_distance_that_counts() {
        for (distance, decided) in [(5400, true), (5401, false)] {
            let mut packing = after(&[1; 12]);
            packing.begin_packet(11 * 3600 + distance);
            assert_eq!(packing.one_unit_per_packet(), decided, "{distance}");
        }
    }

    #[test]
    fn a_wrap_of_the_clock_is_no_step_back() {
        let mut packing = PesPacking::default();
        for n in 0..12u64 {
            packing.begin_packet(((1 << 33) - 7200 + n * 3600) & 0x1_ffff_ffff);
        }
        assert!(packing.one_unit_per_packet());
        packing.begin_packet(9 * 3600 + 5401);
        assert!(!packing.one_unit_per_packet());
    }
}
