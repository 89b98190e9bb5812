//! Parser for ISO 8601 dates as packagers write them.

use crate::units::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

pub(crate) struct Date {
    pub at: Timestamp,
    /// Whether the date names its time zone; a date without one is read as UTC (RFC 8216bis 4.4.4.6).
    pub zoned: bool,
    /// Whether the date has the form of `xs:dateTime` as far as Media3 reads it (`XS_DATE_TIME_PATTERN`); it refuses a playlist with another
    /// date.
    pub is_xs_date_time: bool,
}

/// Parses a date and time with `Z`, `+07:00`, `+0700`, `+07` or no zone, with or without a fraction of a second; `None`
/// for text that isn't a date and time.
pub(crate) fn parse(text: &str) -> Option<Date> {
    let is_xs_date_time = is_xs_date_time(text);
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(Date { at, zoned: true, is_xs_date_time });
    }
    let local: DateTime = text.parse().ok()?;
    let at = Offset::UTC.to_timestamp(local).ok()?;
    // A civil time reads past an offset that it can't make sense of: such a text is no date.
    let bare = text.len() > 10 && !text.get(10..)?.contains(['Z', 'z', '+', '-', '[']);
    bare.then_some(Date { at, zoned: false, is_xs_date_time })
}

/// Returns whether the text as a whole is `2024-03-05T07:08:09` with an optional fraction behind a point or comma, and then nothing, `Z`, or
/// an offset in hours and minutes.
fn is_xs_date_time(text: &str) -> bool {
    let Some((seconds, rest)) = text.split_at_checked("0000-00-00T00:00:00".len()) else { return false };
    let zone = match rest.strip_prefix(['.', ',']) {
        None => rest,
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
    };
    let is_offset = |zone: &str| {
        let offset = zone.strip_prefix(['+', '-']);
        offset.is_some_and(|offset| ["00:00", "0000", "0:00", "000"].iter().any(|shape| has_shape(offset, shape)))
    };
    has_shape(seconds, "0000-00-00T00:00:00") && (zone.is_empty() || zone.eq_ignore_ascii_case("z") || is_offset(zone))
}

/// Returns whether the text has a digit for each 0 of `shape`, and otherwise the same characters in any case.
fn has_shape(text: &str, shape: &str) -> bool {
    let fits = |(is, wanted): (u8, u8)| match wanted {
        b'0' => is.is_ascii_digit(),
        _ => is.eq_ignore_ascii_case(&wanted),
    };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(fits)
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
    fn a_date_of_another_form_than_xs_date_time_is_told_apart() {
        for text in [
            "2024-03-05T07:08:09Z",
            "2024-03-05t07:08:09z",
            "2024-03-05T07:08:09.250Z",
            "2024-03-05T07:08:09,250Z",
            "2024-03-05T07:08:09.250+0700",
            "2024-03-05T07:08:09-05:00",
            "2024-03-05T07:08:09",
        ] {
            assert!(is_xs_date_time(text), "{text}");
        }
        for text in [
            "2024-03-05 07:08:09Z",
            "20240305T070809Z",
            "2024-03-05T07:08:09+00",
            "2024-03-05T07:08:09+07",
            "2024-03-05T07:08:09Z[UTC]",
        ] {
            assert_eq!(parse(text).map(|date| date.is_xs_date_time), Some(false), "{text}");
        }
    }

    #[test]
    fn a_fraction_has_digits_and_an_offset_has_minutes() {
        for (text, is) in [
            ("2024-03-05T07:08:09.5+7:00", true),
            ("2024-03-05T07:08:09.5+700", true),
            ("2024-03-05T07:08:09.", false),
            ("2024-03-05T07:08:09.Z", false),
            ("2024-03-05T07:08:09Z ", false),
            ("2024-03-05T07:08:0", false),
            ("2024-03-05T07:08:0é", false),
        ] {
            assert_eq!(is_xs_date_time(text), is, "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in ["", "now", "1709622489", "2024-13-05T07:08:09Z", "2024-03-05T07:08:09+99:00", "2024-03-05"] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
