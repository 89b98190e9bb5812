//! Timestamps as RFC 3339 text, for the attribute `#[serde(with = "rfc3339")]`.

use packager_media::units::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de};

/// Writes a timestamp as RFC 3339 text in UTC.
pub(crate) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// Reads a timestamp from RFC 3339 text with any offset.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

/// Timestamps that may be absent: `None` is null.
pub(crate) mod optional {
    use super::Timestamp;
    use serde::Serializer;

    /// Writes a timestamp as RFC 3339 text in UTC, and `None` as null.
    pub(crate) fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.collect_str(at),
            None => serializer.serialize_none(),
        }
    }
}
