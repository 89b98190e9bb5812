//! Rules of EXT-X-DATERANGE (RFC 8216bis 4.4.5.1; interstitials: Appendix D; preload: Appendix F).

use super::attribute_types::{float, is_hexadecimal};
use super::attributes::{AttributeList, AttributePair};
use super::defects::DefectList;
use super::tag_values::TagReport;
use super::tags::{AttributeDefinition, INTERSTITIAL, PRELOAD};
use crate::defect::DefectKind::Metadata;
use crate::redact::Quoted;
use crate::stream::date;
use crate::units::{Seconds, Timestamp};
use std::collections::BTreeMap;
use std::fmt;
use url::Url;

const REFERENCE: &str = "RFC 8216bis 4.4.5.1";
const INTERSTITIALS: &str = "RFC 8216bis Appendix D.2";
const PRELOADS: &str = "RFC 8216bis Appendix F";
/// Tolerance in seconds for comparisons of dates and durations: packagers write them in milliseconds and round each of
/// them.
const ROUNDING: f64 = 0.002;

/// A date range of the playlist: the attributes of all EXT-X-DATERANGE tags with one ID.
struct DateRange<'a> {
    attributes: BTreeMap<&'a str, &'a str>,
    /// Line and column of the date range's last tag.
    at: (u32, u32),
    /// Line of the date range's first tag.
    first: u32,
}

#[derive(Default)]
pub(super) struct DateRanges<'a> {
    by_id: BTreeMap<&'a str, DateRange<'a>>,
    first: Option<(u32, u32)>,
}

impl<'a> DateRanges<'a> {
    pub(super) fn take(&mut self, list: &AttributeList<'a>, report: &mut TagReport<'_, '_, 'a>) {
        let at = report.line.start();
        self.first.get_or_insert(at);
        list.0.iter().for_each(|pair| extension(pair, report));
        let Some(id) = list.get("ID") else { return };
        let new = || DateRange { attributes: BTreeMap::new(), at, first: at.0 };
        let range = self.by_id.entry(id).or_insert_with(new);
        range.at = at;
        for pair in list.0.iter().filter(|p| p.sound && p.name != "ID") {
            let before = *range.attributes.entry(pair.name).or_insert(pair.value);
            if !same(before, pair.value) {
                let first = range.first;
                let what = "the same attribute must have the same value";
                let (id, value, before) = (Quoted(id), Quoted(pair.value), Quoted(before));
                report.attribute(
                    pair.name,
                    format_args!(
                        "{} of date range {id} is {value} and {before} from line {first} on; {what}",
                        pair.name
                    ),
                );
            }
        }
        if !range.attributes.contains_key("START-DATE") && !list.has("START-DATE") {
            let line = report.line.tag_text();
            let what = "which the first tag with its ID must have";
            report.attribute(line, format_args!("EXT-X-DATERANGE has no START-DATE, {what}"));
        }
        if let Some(known) = of_class(range.attributes.get("CLASS").copied()) {
            list.0.iter().for_each(|pair| of_kind(pair, known, report));
        }
    }

    /// Reports the rules that the date ranges break. `dated` is true if the playlist has EXT-X-PROGRAM-DATE-TIME.
    pub(super) fn finish(self, dated: bool, defects: &mut DefectList) {
        if let Some(at) = self.first.filter(|_| !dated) {
            let what = "a playlist with EXT-X-DATERANGE must have EXT-X-PROGRAM-DATE-TIME, and this has none";
            defects.add_at(Metadata, at, REFERENCE, format_args!("{what}"));
        }
        for (id, range) in &self.by_id {
            range.judge(id, defects);
        }
        self.overlaps(defects);
    }

    /// Reports overlapping date ranges of a CLASS in which one has END-ON-NEXT.
    fn overlaps(&self, defects: &mut DefectList) {
        let mut classes: BTreeMap<&str, Vec<(Timestamp, &str, &DateRange<'a>)>> = BTreeMap::new();
        for (id, range) in &self.by_id {
            if let (Some(class), Some(start)) = (range.text("CLASS"), range.date("START-DATE")) {
                classes.entry(class).or_default().push((start, id, range));
            }
        }
        for (class, mut ranges) in classes {
            if !ranges.iter().any(|(.., range)| range.has("END-ON-NEXT")) {
                continue;
            }
            ranges.sort_by_key(|(start, ..)| *start);
            for two in ranges.windows(2) {
                let [(_, id, range), (next, other, after)] = two else { continue };
                if range.end().is_some_and(|end| Seconds::between(*next, end).0 > ROUNDING) {
                    let (id, other, class) = (Quoted(id), Quoted(other), Quoted(class));
                    let why = "overlap, which they must not where one has END-ON-NEXT";
                    defects.add_at(
                        Metadata,
                        after.at,
                        REFERENCE,
                        format_args!("date ranges {id} and {other} of CLASS {class} {why}"),
                    );
                }
            }
        }
    }
}

impl<'a> DateRange<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.attributes.get(name).copied()
    }

    fn has(&self, name: &str) -> bool {
        self.attributes.contains_key(name)
    }

    fn date(&self, name: &str) -> Option<Timestamp> {
        date::parse(self.text(name)?).map(|date| date.at)
    }

    fn seconds(&self, name: &str) -> Option<Seconds> {
        float(self.text(name)?).map(Seconds)
    }

    fn end(&self) -> Option<Timestamp> {
        self.date("END-DATE").or_else(|| Some(self.seconds("DURATION")?.after(self.date("START-DATE")?)))
    }

    fn judge(&self, id: &str, defects: &mut DefectList) {
        let mut say = |reference, what: fmt::Arguments<'_>| {
            defects.add_at(Metadata, self.at, reference, format_args!("date range {} {what}", Quoted(id)));
        };
        let cue = |word: &str| self.text("CUE").is_some_and(|cue| cue.split(',').any(|w| w == word));
        if cue("PRE") && cue("POST") {
            say(REFERENCE, format_args!("has PRE and POST in its CUE; it must not have both"));
        }
        if self.has("END-ON-NEXT") {
            if !self.has("CLASS") {
                say(REFERENCE, format_args!("has END-ON-NEXT without CLASS, which is required then"));
            }
            if self.has("DURATION") || self.has("END-DATE") {
                say(REFERENCE, format_args!("has DURATION or END-DATE beside END-ON-NEXT, which forbids them"));
            }
        }
        if let (Some(start), Some(end)) = (self.date("START-DATE"), self.date("END-DATE")) {
            let lasts = Seconds::between(start, end).0;
            let said = self.seconds("DURATION").map(|d| d.0).filter(|said| (said - lasts).abs() > ROUNDING);
            if lasts < 0.0 {
                say(REFERENCE, format_args!("ends before it begins"));
            } else if let Some(said) = said {
                say(REFERENCE, format_args!("lasts {lasts} s by its dates and {said} s by its DURATION"));
            }
        }
        match self.text("CLASS") {
            Some("com.apple.hls.interstitial") => self.interstitial(&mut say),
            Some("com.apple.hls.preload") => self.preload(&mut say),
            _ => {}
        }
    }

    fn interstitial(&self, say: &mut impl FnMut(&'static str, fmt::Arguments<'_>)) {
        let assets = ["X-ASSET-URI", "X-ASSET-LIST"].into_iter().filter(|name| self.has(name)).count();
        if assets != 1 {
            let count = if assets == 2 { "both" } else { "neither" };
            say(INTERSTITIALS, format_args!("must have either X-ASSET-URI or X-ASSET-LIST; it has {count}"));
        }
        if self.text("X-ASSET-URI").is_some_and(|uri| Url::parse(uri).is_err()) {
            say(INTERSTITIALS, format_args!("has a relative X-ASSET-URI; it must be absolute"));
        }
    }

    fn preload(&self, say: &mut impl FnMut(&'static str, fmt::Arguments<'_>)) {
        for name in ["X-URI", "X-TARGET-ID", "X-TARGET-CLASS"].into_iter().filter(|name| !self.has(name)) {
            say(PRELOADS, format_args!("is a preload without {name}, which is required"));
        }
        if !self.has("DURATION") && !self.has("END-DATE") {
            say(PRELOADS, format_args!("is a preload with neither DURATION nor END-DATE; it must have one"));
        }
        for name in ["CUE", "END-ON-NEXT"].into_iter().filter(|name| self.has(name)) {
            say(PRELOADS, format_args!("is a preload with {name}, which it must not have"));
        }
    }
}

fn of_class(class: Option<&str>) -> Option<&'static [AttributeDefinition]> {
    match class? {
        "com.apple.hls.interstitial" => Some(INTERSTITIAL),
        "com.apple.hls.preload" => Some(PRELOAD),
        _ => None,
    }
}

fn of_kind<'a>(pair: &AttributePair<'a>, known: &[AttributeDefinition], report: &mut TagReport<'_, '_, 'a>) {
    let Some(attribute) = known.iter().find(|a| a.name == pair.name) else { return };
    if !attribute.kind.fits(pair) && fits_an_extension(pair) {
        let kind = attribute.kind;
        report.attribute(pair.name, format_args!("{} is {}; it must be {kind}", pair.name, Quoted(pair.value)));
    }
}

fn extension<'a>(pair: &AttributePair<'a>, report: &mut TagReport<'_, '_, 'a>) {
    if pair.sound && pair.name.starts_with("X-") && !fits_an_extension(pair) {
        let what = "a string in quotes, a hexadecimal number or a decimal number";
        report.attribute(pair.name, format_args!("{} is {}; it must be {what}", pair.name, Quoted(pair.value)));
    }
}

fn fits_an_extension(pair: &AttributePair<'_>) -> bool {
    let number = float(pair.value.strip_prefix('-').unwrap_or(pair.value)).is_some();
    pair.quoted || is_hexadecimal(pair.value) || number
}

/// Returns whether two attribute values are the same text, instant or number.
fn same(a: &str, b: &str) -> bool {
    let dates = || Some(date::parse(a)?.at == date::parse(b)?.at);
    let numbers = || Some(float(a)? == float(b)?);
    a == b || dates().or_else(numbers).unwrap_or(false)
}
