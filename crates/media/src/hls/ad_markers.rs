//! A reader for ad markers in HLS playlists: date ranges with SCTE 35 attributes, and the cue tags that packagers write
//! without a standard.
//!
//! The formats of cue tags are those of Elemental, Unified, Wowza and others: a bare number, `8.3/30`, or attributes
//! (`DURATION=30`, `ElapsedTime=8.3,Duration=30,SCTE35=/DA…`), in any case of letters.

use super::attribute_types;
use super::attributes::AttributeList;
use super::defects::DefectList;
use super::lines::{LineContent, PlaylistLine};
use crate::defect::DefectKind::AdMarker;
use crate::redact::Quoted;
use crate::splice::{self, SpliceSection};
use crate::stream::ads::{AdRange, AdSource, Marker, MarkerKind};
use crate::stream::date;
use crate::units::Seconds;
use std::collections::VecDeque;
use std::fmt;

/// Largest number of ad markers that are kept of one playlist: the newest ones.
const MAX_MARKERS: usize = 4096;
const MAX_ID: usize = 128;

const CUE: &str = "EXT-X-CUE-OUT and kin as packagers write them; no clause of RFC 8216bis";
const RANGE: &str = "RFC 8216bis 4.4.5.1; ANSI/SCTE 35";
const SECTION: &str = "ANSI/SCTE 35, splice_info_section";

#[derive(Debug, Default)]
pub(super) struct AdMarkers(VecDeque<Marker>);

impl AdMarkers {
    /// Reads a playlist line as an ad marker if it is a cue tag; `count` is the number of segments before it.
    pub(super) fn tag(&mut self, line: &PlaylistLine<'_>, count: u64, defects: &mut DefectList) {
        let LineContent::Tag { name, rest } = line.content else { return };
        let value = rest.strip_prefix(':').unwrap_or(rest).trim_ascii();
        let mut cue = CueTag { name, line, defects };
        let kind = match name {
            "EXT-X-CUE-OUT" => cue.out(value),
            "EXT-X-CUE-OUT-CONT" => cue.continuation(value),
            "EXT-X-CUE-IN" => Some(MarkerKind::In),
            "EXT-OATCLS-SCTE35" | "EXT-X-SPLICEPOINT-SCTE35" => cue.base64(value).map(splice),
            "EXT-X-SCTE35" => cue.scte35(value),
            "EXT-X-ASSET" => return cue.asset(value),
            _ => return,
        };
        self.0.extend(kind.map(|kind| Marker { kind, number: count, line: line.number }));
        self.trim();
    }

    /// Reads an EXT-X-DATERANGE as an ad marker if it has an SCTE 35 attribute; `count` is the number of segments
    /// before it.
    pub(super) fn date_range<'a>(
        &mut self,
        list: &AttributeList<'a>,
        line: &PlaylistLine<'a>,
        count: u64,
        defects: &mut DefectList,
    ) {
        let sections = ["SCTE35-OUT", "SCTE35-IN", "SCTE35-CMD"].map(|name| list.get(name));
        let Some(id) = list.get("ID").filter(|_| sections.iter().any(Option::is_some)) else { return };
        let mut cue = CueTag { name: "EXT-X-DATERANGE", line, defects };
        let [out, _, command] = sections.map(|text| text.and_then(|text| cue.hexadecimal(text)));
        let opening = |section: &Option<SpliceSection>| section.as_ref().and_then(SpliceSection::first_out).copied();
        let date = |name| list.get(name).and_then(date::parse).map(|d| d.at);
        let seconds = |name| list.get(name).and_then(attribute_types::float).map(Seconds);
        let range = AdRange {
            source: AdSource::DateRange,
            id: id.chars().take(MAX_ID).collect(),
            start: date("START-DATE"),
            end: date("END-DATE"),
            duration: seconds("DURATION"),
            planned: seconds("PLANNED-DURATION"),
            out: list.has("SCTE35-OUT") || opening(&command).is_some(),
            returned: list.has("SCTE35-IN") || command.as_ref().is_some_and(returns_only),
            end_on_next: list.has("END-ON-NEXT"),
            coded: opening(&out).or(opening(&command)).and_then(|cue| cue.duration),
            auto_return: None,
            line: line.number,
        };
        self.0.push_back(Marker { kind: MarkerKind::Range(Box::new(range)), number: count, line: line.number });
        self.trim();
    }

    fn trim(&mut self) {
        let excess = self.0.len().saturating_sub(MAX_MARKERS);
        self.0.drain(..excess);
    }

    pub(super) fn finish(self, media_sequence: u64) -> Vec<Marker> {
        let numbered = |marker: Marker| Marker { number: marker.number.saturating_add(media_sequence), ..marker };
        self.0.into_iter().map(numbered).collect()
    }
}

/// Returns whether an SCTE 35 section only returns to the programme. A section that ends an advertisement and begins
/// the next one doesn't.
fn returns_only(section: &SpliceSection) -> bool {
    section.returns_to_programme() && section.first_out().is_none()
}

fn splice(section: SpliceSection) -> MarkerKind {
    MarkerKind::Splice(Box::new(section))
}

/// A cue tag that is being read.
struct CueTag<'c, 'l, 'a> {
    name: &'c str,
    line: &'l PlaylistLine<'a>,
    defects: &'c mut DefectList,
}

/// The values of a cue tag, in whichever format they are written.
#[derive(Debug, Default)]
struct CueValue {
    elapsed: Option<Seconds>,
    announced: Option<Seconds>,
    out: Option<String>,
    back: bool,
    section: Option<SpliceSection>,
}

impl CueTag<'_, '_, '_> {
    fn out(&mut self, value: &str) -> Option<MarkerKind> {
        let cue = self.value(value, false);
        Some(MarkerKind::Out { announced: cue.announced })
    }

    fn continuation(&mut self, value: &str) -> Option<MarkerKind> {
        let CueValue { elapsed, announced, .. } = self.value(value, true);
        Some(MarkerKind::Continues { elapsed, announced })
    }

    /// Reads EXT-X-SCTE35, such as `#EXT-X-SCTE35:CUE="/DA…",CUE-OUT=YES,DURATION=30`. Without CUE-OUT and CUE-IN the
    /// tag is only an SCTE 35 section.
    fn scte35(&mut self, value: &str) -> Option<MarkerKind> {
        let cue = self.value(value, false);
        let (elapsed, announced) = (cue.elapsed, cue.announced);
        match cue.out.as_deref() {
            Some("CONT") => Some(MarkerKind::Continues { elapsed, announced }),
            Some("YES") => Some(MarkerKind::Out { announced }),
            _ if cue.back => Some(MarkerKind::In),
            _ => cue.section.map(splice),
        }
    }

    /// Checks EXT-X-ASSET, such as `#EXT-X-ASSET:CAID=0x0000000020FB6501`, which stands next to EXT-X-CUE-OUT: the
    /// hexadecimal identifier of the asset that follows.
    fn asset(&mut self, value: &str) {
        let ids = value.split(',').filter_map(|part| part.trim_ascii().strip_prefix("CAID="));
        for id in ids.map(|id| id.trim_matches('"')) {
            let digits = id.strip_prefix("0x").or(id.strip_prefix("0X")).unwrap_or(id);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                self.complain(CUE, format_args!("CAID is {}, which is no hexadecimal number", Quoted(id)));
            }
        }
    }

    /// Reads the value of a cue tag. If `continued` is true, a bare number is the elapsed time, otherwise the duration
    /// of the break.
    fn value(&mut self, value: &str, continued: bool) -> CueValue {
        let mut cue = CueValue::default();
        for part in value.split(',').map(str::trim_ascii).filter(|p| !p.is_empty()) {
            match part.split_once('=') {
                Some((key, text)) => self.attribute(&mut cue, key.trim_ascii(), text.trim_ascii().trim_matches('"')),
                None => self.bare(&mut cue, part, continued),
            }
        }
        // Some packagers write 0 for an unknown duration.
        cue.announced = cue.announced.filter(|s| s.0 > 0.0);
        cue
    }

    fn attribute(&mut self, cue: &mut CueValue, key: &str, text: &str) {
        match key.to_ascii_uppercase().as_str() {
            "DURATION" => cue.announced = self.seconds(text),
            "ELAPSEDTIME" | "ELAPSED" => cue.elapsed = self.seconds(text),
            "SCTE35" | "CUE" => cue.section = self.base64(text),
            "CUE-OUT" => cue.out = Some(text.to_ascii_uppercase()),
            "CUE-IN" => cue.back = text.eq_ignore_ascii_case("YES"),
            _ => {}
        }
    }

    fn bare(&mut self, cue: &mut CueValue, text: &str, continued: bool) {
        match text.split_once('/') {
            Some((elapsed, announced)) => {
                (cue.elapsed, cue.announced) = (self.seconds(elapsed), self.seconds(announced));
            }
            None if continued => cue.elapsed = self.seconds(text),
            None => cue.announced = self.seconds(text),
        }
    }

    fn seconds(&mut self, text: &str) -> Option<Seconds> {
        let seconds = attribute_types::float(text).map(Seconds);
        if seconds.is_none() {
            self.complain(CUE, format_args!("{} is no number of seconds such as 30 or 8.308", Quoted(text)));
        }
        seconds
    }

    fn base64(&mut self, text: &str) -> Option<SpliceSection> {
        let text = text.trim_matches('"');
        let Some(bytes) = splice::decode_base64(text) else {
            self.complain(SECTION, format_args!("{} is no base64", Quoted(text)));
            return None;
        };
        self.section(&bytes, SECTION)
    }

    /// Parses an SCTE 35 section from a hexadecimal number, whose digits the lint has checked; `None`, with a defect,
    /// if it can't be read.
    fn hexadecimal(&mut self, text: &str) -> Option<SpliceSection> {
        let digits = text.get(2..).unwrap_or_default().as_bytes();
        let nibble = |b: &u8| char::from(*b).to_digit(16).unwrap_or(0) as u8;
        let pairs = digits.chunks(2).take(splice::MAX_SECTION_LENGTH);
        let bytes: Vec<u8> = pairs.map(|pair| pair.iter().fold(0, |byte, d| byte << 4 | nibble(d))).collect();
        self.section(&bytes, RANGE)
    }

    fn section(&mut self, bytes: &[u8], reference: &'static str) -> Option<SpliceSection> {
        let read = splice::parse(bytes);
        read.map_err(|fault| self.complain(reference, format_args!("no readable splice_info_section: {fault}"))).ok()
    }

    fn complain(&mut self, reference: &'static str, what: fmt::Arguments<'_>) {
        let (name, at) = (self.name, (self.line, self.line.indent));
        self.defects.add(AdMarker, at, reference, format_args!("{name}: {what}"));
    }
}
