//! Response headers in which a packager describes its own state.

use super::Exchange;
use packager_media::units::Timestamp;

/// Header names of AWS Elemental MediaPackage v2 and v1 for the active input.
const ACTIVE_INPUT: [&str; 2] = ["x-amzn-mediapackage-active-input", "x-mediapackage-active-input"];
const LAST_UPDATED: [&str; 2] = ["x-mediapackage-manifest-last-updated", "x-amzn-mediapackage-manifest-last-updated"];

impl Exchange {
    /// Returns the value of a kept response header, by its lower-case name. `None` if the header is absent or isn't
    /// kept.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.trim())
    }

    /// Returns the name of the input from which the packager produces the output (AWS Elemental MediaPackage). `None`
    /// without this header.
    #[must_use]
    pub fn active_input(&self) -> Option<&str> {
        self.first(&ACTIVE_INPUT)
    }

    /// Returns the time at which the packager wrote the playlist, from a header with milliseconds since 1970. `None` if
    /// the header is absent or no such number.
    #[must_use]
    pub fn manifest_updated(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.first(&LAST_UPDATED)?.parse().ok()?).ok()
    }

    fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.header(name)).filter(|value| !value.is_empty())
    }
}
