//! A length of time in a configuration file.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::Duration;

/// A length of time in seconds, written as a number of seconds or as text such as `10s`, `500ms`, `1m 30s`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeLength(pub f64);

impl TimeLength {
    /// Returns the length as a `Duration`, which is zero for a negative or unrepresentable length.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::try_from_secs_f64(self.0).unwrap_or_default()
    }
}

impl Serialize for TimeLength {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&humantime::format_duration(self.duration()).to_string())
    }
}

impl<'de> Deserialize<'de> for TimeLength {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(LengthVisitor)
    }
}

struct LengthVisitor;

impl serde::de::Visitor<'_> for LengthVisitor {
    type Value = TimeLength;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a length of time (seconds, or text such as 10s or 500ms)")
    }

    fn visit_u64<E>(self, v: u64) -> Result<TimeLength, E> {
        Ok(TimeLength(v as f64))
    }

    fn visit_i64<E>(self, v: i64) -> Result<TimeLength, E> {
        Ok(TimeLength(v as f64))
    }

    fn visit_f64<E>(self, v: f64) -> Result<TimeLength, E> {
        Ok(TimeLength(v))
    }

    fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<TimeLength, E> {
        let wrong = |_| E::invalid_value(serde::de::Unexpected::Str(v), &self);
        humantime::parse_duration(v).map(|d| TimeLength(d.as_secs_f64())).map_err(wrong)
    }
}
