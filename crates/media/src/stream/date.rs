//! Parser for ISO 8601 dates as packagers write them.

use crate::units::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

pub(crate) struct Date {
    pub at: Timestamp,
    /// Whether the date names its time zone; a date without one is read as UTC (RFC 8216bis 4.4.4.6).
    pub zoned: bool,
}

/// Parses a date and time with `Z`, `+07:00`, `+0700`, `+07` or no zone, with or without a fraction of a second; `None`
/// for text that isn't a date and time.
pub(crate) fn parse(text: &str) -> Option<Date> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(Date { at, zoned: true });
    }
    let local: DateTime = text.parse().ok()?;
    let at = Offset::UTC.to_timestamp(local).ok()?;
    // A civil time reads past an offset that it can't make sense of: such a text is no date.
    let bare = text.len() > 10 && !text.get(10..)?.contains(['Z', 'z', '+', '-', '[']);
    bare.then_some(Date { at, zoned: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<(String, bool)> {
        parse(text).map(|d| (d.at.to_string(), d.zoned))
    }

    #[test]
    fn every_form_that_packagers_write_is_the_same_instant() {
        for text in [
            "2024-03-05T07:08:09.250Z",
            "2024-03-05T07:08:09.250+0000",
            "2024-03-05T07:08:09.250+00:00",
            "2024-03-05T07:08:09.250000Z",
            "2024-03-05T07:08:09.250000000Z",
            "2024-03-05T14:08:09.250+07:00",
            "2024-03-05T14:08:09.250+0700",
            "2024-03-05T14:08:09.250+07",
            "2024-03-05T02:08:09.250-05:00",
        ] {
            assert_eq!(at(text), Some(("2024-03-05T07:08:09.25Z".to_owned(), true)), "{text}");
        }
        assert_eq!(at("2024-03-05T07:08:09Z"), Some(("2024-03-05T07:08:09Z".to_owned(), true)));
    }

    #[test]
    fn without_a_zone_it_is_utc() {
        assert_eq!(at("2024-03-05T07:08:09.250"), Some(("2024-03-05T07:08:09.25Z".to_owned(), false)));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in ["", "now", "1709622489", "2024-13-05T07:08:09Z", "2024-03-05T07:08:09+99:00", "2024-03-05"] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
