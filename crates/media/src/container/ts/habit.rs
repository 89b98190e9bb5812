//! Whether a video stream puts one access unit into each PES packet, as nearly all do. Then nothing is searched for behind its
//! first slice, where most of the bytes are: parameter sets and messages stand before it.

use crate::codec::nal::Unit;

/// PES packets that are searched through before the rest of others may be passed over.
const SEARCHED: u32 = 8;
/// Distances from here on are steps back (33 bits, ISO/IEC 13818-1 2.4.3.7).
const BACK: u64 = 1 << 32;

#[derive(Debug, Default)]
pub struct Habit {
    /// PES packets with time stamps.
    packets: u32,
    /// Access units in the current one, as far as it was searched.
    units: u32,
    /// More than one stood in a packet, or may have.
    several: bool,
    last: Option<u64>,
    /// The longest distance of packets that were searched through, in ticks of 90 kHz.
    longest: u64,
}

impl Habit {
    /// A PES packet begins, at its decode time.
    pub fn stamp(&mut self, dts: u64) {
        self.several |= self.units > 1;
        let distance = self.last.map_or(0, |last| dts.wrapping_sub(last) & 0x1_ffff_ffff);
        if distance < BACK {
            match self.alone() {
                // Farther than ever before: units may have been passed over.
                true => self.several |= distance > self.longest + self.longest / 2,
                false => self.longest = self.longest.max(distance),
            }
        }
        self.last = Some(dts);
        self.units = 0;
        self.packets = self.packets.saturating_add(1);
    }

    pub fn unit(&mut self, unit: Unit) {
        self.units += u32::from(unit == Unit::Delimiter);
    }

    /// What stands behind a packet's first slice belongs to the same picture.
    #[must_use]
    pub fn alone(&self) -> bool {
        self.packets > SEARCHED && !self.several
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets 40 ms apart, with so many access units each.
    fn after(units: &[u32]) -> Habit {
        let mut habit = Habit::default();
        for (n, count) in units.iter().enumerate() {
            habit.stamp(n as u64 * 3600);
            (0..*count).for_each(|_| habit.unit(Unit::Delimiter));
        }
        habit
    }

    #[test]
    fn one_unit_each_is_a_habit_and_several_are_none() {
        assert!(!after(&[1; 8]).alone());
        assert!(after(&[1; 9]).alone());
        assert!(after(&[0; 9]).alone(), "without delimiters nothing else tells pictures apart");
        assert!(!after(&[1, 1, 1, 2, 1, 1, 1, 1, 1, 1]).alone());
    }

    #[test]
    fn a_longer_distance_ends_it_and_a_step_back_does_not() {
        let mut habit = after(&[1; 12]);
        habit.stamp(0);
        assert!(habit.alone());
        habit.stamp(7200);
        assert!(!habit.alone());
    }
}
