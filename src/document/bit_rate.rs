//! A bit rate in a configuration file.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A bit rate in bits per second, written as a number or as text such as `4 Mbit/s` or `500kbit/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BitRate(pub u64);

/// Units of bit rates with their bits per second.
const UNITS: [(&str, f64); 4] = [("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3), ("bit/s", 1.0)];

impl BitRate {
    /// Reads a number with a unit. `None`: the text is something else.
    fn parse(text: &str) -> Option<Self> {
        let (number, unit) = UNITS.iter().find_map(|(name, unit)| Some((text.trim().strip_suffix(name)?, unit)))?;
        let bits = number.trim().parse::<f64>().ok()? * unit;
        // Casting to an integer saturates.
        (bits.is_finite() && bits >= 0.0).then_some(Self(bits as u64))
    }
}

impl Serialize for BitRate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for BitRate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(RateVisitor)
    }
}

struct RateVisitor;

impl serde::de::Visitor<'_> for RateVisitor {
    type Value = BitRate;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a bit rate (bits per second, or text such as 4 Mbit/s)")
    }

    fn visit_u64<E>(self, v: u64) -> Result<BitRate, E> {
        Ok(BitRate(v))
    }

    fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<BitRate, E> {
        BitRate::parse(v).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(v), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_rate_has_a_unit_or_is_in_bits_per_second() {
        let read = |text: &str| serde_json::from_str::<BitRate>(text).ok().map(|rate| rate.0);
        assert_eq!(read("4000000"), Some(4_000_000));
        assert_eq!(read("\"4 Mbit/s\""), Some(4_000_000));
        assert_eq!((read("\"1.5Gbit/s\""), read("\" 500 kbit/s \"")), (Some(1_500_000_000), Some(500_000)));
        assert_eq!(read("\"96 bit/s\""), Some(96));
        for bad in ["\"4\"", "\"4 MB/s\"", "\"-1 Mbit/s\"", "\"NaN bit/s\"", "-1", "\"\""] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
