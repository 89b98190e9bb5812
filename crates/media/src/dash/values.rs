//! Parser for attribute values of an MPD. A malformed value is a defect, and is read as absent.

use super::defect_log::DefectLog;
use crate::redact::Quoted;
use crate::stream::{ByteRange, date};
use crate::units::{Seconds, Timestamp};
use roxmltree::Node;
use std::num::NonZeroU32;
use std::str::FromStr;

const TYPES: &str = "ISO/IEC 23009-1 5.3";

/// Returns whether the XML node `node` is an element with this local name, whatever its prefix.
pub(super) fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name
}

pub(super) fn children<'a, 'd: 'a>(
    node: Node<'a, 'd>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'd>> + use<'a, 'd> {
    node.children().filter(move |child| is(*child, name))
}

pub(super) fn child<'a, 'd: 'a>(node: Node<'a, 'd>, name: &'static str) -> Option<Node<'a, 'd>> {
    children(node, name).next()
}

/// Returns an attribute's value by its local name, whatever its prefix (`cenc:default_KID`); `None` if it is absent.
pub(super) fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.attributes().find(|a| a.name() == name).map(|a| a.value().trim())
}

/// Returns several attributes of an element in one pass, because an MPD may have tens of thousands of elements.
pub(super) fn attributes<'a, const N: usize>(node: Node<'a, '_>, names: [&str; N]) -> [Option<&'a str>; N] {
    let mut found = [None; N];
    for attribute in node.attributes() {
        let slot = names.iter().zip(&mut found).find(|(name, slot)| attribute.name() == **name && slot.is_none());
        if let Some((_, slot)) = slot {
            *slot = Some(attribute.value().trim());
        }
    }
    found
}

/// Returns the value of an MPD attribute, cut at 256 characters; `None` if it is absent.
pub(super) fn string(node: Node<'_, '_>, name: &str) -> Option<String> {
    attribute(node, name).map(bounded)
}

pub(super) fn bounded(text: &str) -> String {
    text.chars().take(256).collect()
}

pub(super) fn words(node: Node<'_, '_>, name: &str, separator: &[char]) -> Vec<String> {
    let text = attribute(node, name).unwrap_or_default();
    text.split(separator).map(str::trim).filter(|w| !w.is_empty()).take(16).map(bounded).collect()
}

pub(super) fn number<T: FromStr>(node: Node<'_, '_>, name: &'static str, log: &mut DefectLog<'_>) -> Option<T> {
    whole_number(node, name, attribute(node, name)?, log)
}

/// Parses a whole number from the attribute value `text`, which the caller has found already. `None` if it is
/// malformed, which is logged as a defect.
pub(super) fn whole_number<T: FromStr>(
    node: Node<'_, '_>,
    name: &'static str,
    text: &str,
    log: &mut DefectLog<'_>,
) -> Option<T> {
    value(node, name, text, log, "a whole number in its range", |text| text.parse().ok())
}

pub(super) fn timescale(node: Node<'_, '_>, name: &'static str, log: &mut DefectLog<'_>) -> Option<NonZeroU32> {
    read(node, name, log, "a whole number from 1 to 4294967295", |text| text.parse().ok())
}

/// Returns the number of seconds of an attribute such as `availabilityTimeOffset`; infinite for `INF`. `None` without
/// the attribute, and if its value is malformed, which is logged as a defect.
pub(super) fn offset(node: Node<'_, '_>, name: &'static str, log: &mut DefectLog<'_>) -> Option<Seconds> {
    read(node, name, log, "a number of seconds or INF", |text| match text {
        "INF" => Some(Seconds(f64::INFINITY)),
        text => text.parse().ok().filter(|n: &f64| n.is_finite()).map(Seconds),
    })
}

/// Returns the value of an attribute that is a finite number from 0, such as 0.96. `None` as for [`offset`].
pub(super) fn decimal(node: Node<'_, '_>, name: &'static str, log: &mut DefectLog<'_>) -> Option<f64> {
    read(node, name, log, "a number from 0", |text| text.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0))
}

pub(super) fn boolean(node: Node<'_, '_>, name: &'static str, log: &mut DefectLog<'_>) -> Option<bool> {
    read(node, name, log, "true or false", |text| match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    })
}

pub(super) fn duration(node: Node<'_, '_>, name: &'static str, log: &mut DefectLog<'_>) -> Option<Seconds> {
    read(node, name, log, "a duration such as PT6.0S", parse_duration)
}

/// Returns the instant of a date attribute of an MPD. A date without a time zone is read as UTC. `None` as for
/// [`offset`].
pub(super) fn instant(node: Node<'_, '_>, name: &'static str, log: &mut DefectLog<'_>) -> Option<Timestamp> {
    read(node, name, log, "a date such as 2026-01-02T03:04:05Z", |text| date::parse(text).map(|d| d.at))
}

/// Returns the frames per second of a @frameRate such as `25` or `30000/1001`. `None` as for [`offset`].
pub(super) fn frame_rate(node: Node<'_, '_>, log: &mut DefectLog<'_>) -> Option<f64> {
    read(node, "frameRate", log, "a frame rate such as 25 or 30000/1001", |text| {
        let (above, below) = text.split_once('/').unwrap_or((text, "1"));
        let rate = above.trim().parse::<f64>().ok()? / below.trim().parse::<f64>().ok()?;
        (rate.is_finite() && rate > 0.0).then_some(rate)
    })
}

/// Returns the byte range of an attribute such as `0-731`, which gives the first and the last byte. `None` as for
/// [`offset`].
pub(super) fn range(node: Node<'_, '_>, name: &'static str, log: &mut DefectLog<'_>) -> Option<ByteRange> {
    read(node, name, log, "a byte range such as 0-731", |text| {
        let (first, last) = text.split_once('-')?;
        let (offset, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        Some(ByteRange { offset, length: last.checked_sub(offset)?.checked_add(1)? })
    })
}

fn read<T>(
    node: Node<'_, '_>,
    name: &'static str,
    log: &mut DefectLog<'_>,
    what: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    value(node, name, attribute(node, name)?, log, what, parse)
}

fn value<T>(
    node: Node<'_, '_>,
    name: &'static str,
    text: &str,
    log: &mut DefectLog<'_>,
    what: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let value = parse(text);
    if value.is_none() {
        let element = node.tag_name().name();
        log.wrong(node, TYPES, format_args!("{element}@{name} is {}: not {what}", Quoted(text)));
    }
    value
}

/// Parses an xs:duration; `None` if it is malformed. A year counts 365 days and a month 30 days, because packagers use
/// them only for very long durations.
fn parse_duration(text: &str) -> Option<Seconds> {
    let (days, time) = text.strip_prefix('P')?.split_once('T').map_or((text.get(1..)?, None), |(d, t)| (d, Some(t)));
    if (days.is_empty() && time.is_none()) || time == Some("") {
        return None;
    }
    let date = fields(days, &[('Y', 31_536_000.0), ('M', 2_592_000.0), ('D', 86_400.0)])?;
    let time = fields(time.unwrap_or_default(), &[('H', 3600.0), ('M', 60.0), ('S', 1.0)])?;
    Some(Seconds(date + time))
}

/// Parses numbers that are followed by unit letters, such as `1H30M`, and returns the sum of each number times the
/// worth of its unit. Each unit may be there once, in the order of `units`. `None` for other text.
fn fields(text: &str, units: &[(char, f64)]) -> Option<f64> {
    let (mut rest, mut sum) = (text, 0.0);
    for (letter, worth) in units {
        let Some((number, after)) = rest.split_once(*letter) else { continue };
        let plain =
            number.starts_with(|c: char| c.is_ascii_digit()) && number.chars().all(|c| c.is_ascii_digit() || c == '.');
        let number: f64 = number.parse().ok().filter(|_| plain)?;
        sum += number * worth;
        rest = after;
    }
    (rest.is_empty() && f64::is_finite(sum)).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_packagers_write_them() {
        let cases = [
            ("PT6S", 6.0),
            ("PT2.000S", 2.0),
            ("PT0H1M30.5S", 90.5),
            ("P0Y0M0DT3H0M0S", 10_800.0),
            ("P1D", 86_400.0),
            ("PT1M", 60.0),
            ("P1M", 2_592_000.0),
        ];
        for (text, seconds) in cases {
            assert_eq!(parse_duration(text), Some(Seconds(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_none() {
        for text in ["", "P", "PT", "6", "PT6", "-PT6S", "PT-6S", "PTS", "PT1S2M", "P1DT", "PTinfS", "PT1e9S"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
