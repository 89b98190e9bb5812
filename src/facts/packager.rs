//! What a packager says of itself in the headers of its answers.

use super::Exchange;
use packager_media::units::Timestamp;

/// AWS Elemental MediaPackage, v2 and v1.
const ACTIVE_INPUT: [&str; 2] = ["x-amzn-mediapackage-active-input", "x-mediapackage-active-input"];
const LAST_UPDATED: [&str; 2] = ["x-mediapackage-manifest-last-updated", "x-amzn-mediapackage-manifest-last-updated"];

impl Exchange {
    /// A header that is kept, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.trim())
    }

    /// The input that the packager takes this output from.
    #[must_use]
    pub fn active_input(&self) -> Option<&str> {
        self.first(&ACTIVE_INPUT)
    }

    /// When the packager wrote this playlist: milliseconds since 1970. `None` also for what is no such number.
    #[must_use]
    pub fn manifest_updated(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.first(&LAST_UPDATED)?.parse().ok()?).ok()
    }

    fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.header(name)).filter(|value| !value.is_empty())
    }
}
