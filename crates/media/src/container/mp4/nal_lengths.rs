//! Length fields of the NAL units in a sample (ISO/IEC 14496-15 4.3.3): whether they lead to the end of the sample.

/// Follows the length fields of one sample as its bytes arrive.
#[derive(Debug)]
pub(super) struct NalLengths {
    /// Size in bytes of the length field before each NAL unit.
    length_size: usize,
    place: Place,
    /// The first bytes of the sample.
    head: [u8; 4],
    /// Number of bytes of the sample that came.
    bytes: usize,
}

/// Place in a sample up to which its length fields were followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Inside a length field: the number of its bytes that came, and their value.
    Length { bytes: usize, value: usize },
    /// Inside a NAL unit of which this number of bytes is to come.
    Unit { left: usize },
    /// Behind the length field of a NAL unit of 0 bytes.
    Empty,
}

const START: Place = Place::Length { bytes: 0, value: 0 };

/// Reason why a sample doesn't consist of NAL units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NalFault {
    /// The sample begins with a start code (ISO/IEC 14496-10 annex B) instead of a length.
    StartCode,
    /// The last NAL unit would end this number of bytes behind the sample.
    Overrun(usize),
    /// A NAL unit has no bytes.
    Empty,
    /// The sample ends inside a length field.
    CutLength,
}

impl NalFault {
    /// Whether all players stop at the sample: the others are refused by browsers, and passed over elsewhere.
    pub(super) fn is_fatal(self) -> bool {
        matches!(self, Self::StartCode | Self::Overrun(_))
    }
}

impl std::fmt::Display for NalFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::StartCode => f.write_str("it begins with a start code of annex B"),
            Self::Overrun(1) => f.write_str("the last NAL unit is a byte longer than the sample"),
            Self::Overrun(bytes) => write!(f, "the last NAL unit is {bytes} bytes longer than the sample"),
            Self::Empty => f.write_str("a NAL unit has a length of 0"),
            Self::CutLength => f.write_str("it ends inside the length of a NAL unit"),
        }
    }
}

impl NalLengths {
    #[must_use]
    pub(super) fn new(length_size: usize) -> Self {
        Self { length_size, place: START, head: [0; 4], bytes: 0 }
    }

    #[must_use]
    pub(super) fn length_size(&self) -> usize {
        self.length_size
    }

    /// Follows the length fields in the next bytes of the sample.
    pub(super) fn append(&mut self, mut bytes: &[u8]) {
        for (slot, byte) in self.head.iter_mut().skip(self.bytes).zip(bytes) {
            *slot = *byte;
        }
        self.bytes = self.bytes.saturating_add(bytes.len());
        while let Some(first) = bytes.first() {
            let used = match self.place {
                Place::Length { bytes: came, value } => {
                    let (came, value) = (came + 1, value << 8 | usize::from(*first));
                    self.place = match (came < self.length_size, value) {
                        (true, _) => Place::Length { bytes: came, value },
                        (false, 0) => Place::Empty,
                        (false, left) => Place::Unit { left },
                    };
                    1
                }
                Place::Unit { left } => {
                    let used = left.min(bytes.len());
                    self.place = if used == left { START } else { Place::Unit { left: left - used } };
                    used
                }
                Place::Empty => return,
            };
            bytes = bytes.get(used..).unwrap_or_default();
        }
    }

    /// Ends a sample that has arrived whole, and returns why it doesn't consist of NAL units: `None` if its length fields lead exactly to
    /// its end. Chromium refuses everything else (`AVC::ConvertFrameToAnnexB`): also NAL units of 0 bytes, and zeros behind the last one.
    pub(super) fn end_sample(&mut self) -> Option<NalFault> {
        let has_start_code = self.bytes > 4 && self.head == [0, 0, 0, 1];
        let fault = match self.place {
            START => None,
            _ if has_start_code => Some(NalFault::StartCode),
            Place::Unit { left } => Some(NalFault::Overrun(left)),
            Place::Empty => Some(NalFault::Empty),
            Place::Length { .. } => Some(NalFault::CutLength),
        };
        self.reset();
        fault
    }

    /// Drops the current sample, of which bytes are missing.
    pub(super) fn reset(&mut self) {
        (self.place, self.head, self.bytes) = (START, [0; 4], 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the fault of a sample with length fields of `length_size` bytes, whose bytes come one by one and at once.
    fn fault(length_size: usize, sample: &[u8]) -> Option<NalFault> {
        let mut lengths = NalLengths::new(length_size);
        sample.chunks(1).for_each(|piece| lengths.append(piece));
        let found = lengths.end_sample();
        lengths.append(sample);
        assert_eq!(lengths.end_sample(), found);
        found
    }

    #[test]
    fn lengths_lead_to_the_end_of_the_sample() {
        let sample = [0, 0, 0, 2, 9, 0xf0, 0, 0, 0, 1, 0x65];
        assert_eq!([fault(4, &sample), fault(4, &[]), fault(2, &[0, 2, 1, 2, 0, 1, 3]), fault(1, &[1, 9])], [None; 4]);
        assert_eq!(fault(4, &sample[..10]), Some(NalFault::Overrun(1)));
        assert_eq!(fault(4, &sample[..9]), Some(NalFault::CutLength));
        assert_eq!(fault(4, &[&sample[..], &[0]].concat()), Some(NalFault::CutLength), "a zero behind the last unit");
        assert_eq!(fault(4, &[&sample[..], &[0; 4]].concat()), Some(NalFault::Empty));
        assert_eq!(fault(4, &[0, 0, 3, 0xe8, 9, 0xf0]), Some(NalFault::Overrun(998)));
    }

    #[test]
    fn start_codes_and_another_size_of_the_length_are_found() {
        assert_eq!(fault(4, &[0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x65, 1, 2]), Some(NalFault::StartCode));
        assert_eq!(fault(4, &[0, 0, 0, 1, 10]), None, "an end of sequence has one byte");
        assert_eq!(fault(2, &[0, 0, 0, 2, 9, 0xf0]), Some(NalFault::Empty));
        assert_eq!(fault(4, &[0, 2, 9, 0xf0]), Some(NalFault::Overrun(0x0002_09f0)));
    }

    #[test]
    fn a_dropped_sample_leaves_nothing() {
        let mut lengths = NalLengths::new(4);
        lengths.append(&[0, 0, 0, 9, 1]);
        lengths.reset();
        assert_eq!(lengths.end_sample(), None);
    }
}
