//! Check of rules between the tags of one playlist, except their order and rendition groups.

use super::attributes::AttributeList;
use super::date_ranges::DateRanges;
use super::defects::DefectList;
use super::key_rules::KeyRules;
use super::tag_values::TagReport;
use crate::defect::DefectKind::Attribute;
use crate::redact::Quoted;
use crate::steering::DEFAULT_PATHWAY;
use std::collections::{BTreeMap, BTreeSet};

type At = (u32, u32);

#[derive(Default)]
pub(super) struct PlaylistRules<'a> {
    keys: KeyRules<'a>,
    ranges: DateRanges<'a>,
    /// Line number of the first EXT-X-SESSION-DATA for each pair of DATA-ID and LANGUAGE.
    session_data: BTreeMap<(&'a str, Option<&'a str>), u32>,
    /// Line and column of the first EXT-X-STREAM-INF with CLOSED-CAPTIONS=NONE; `None` without one.
    without_captions: Option<At>,
    /// Line and column of the first EXT-X-STREAM-INF that isn't CLOSED-CAPTIONS=NONE; `None` without one.
    with_captions: Option<At>,
    pathways: BTreeSet<&'a str>,
    /// PATHWAY-ID of EXT-X-CONTENT-STEERING, with line and column of the tag; `None` without one.
    steered: Option<(&'a str, At)>,
}

impl<'a> PlaylistRules<'a> {
    pub(super) fn take(&mut self, list: &AttributeList<'a>, report: &mut TagReport<'_, '_, 'a>) {
        self.keys.take(list, report);
        let at = report.line.start();
        match report.tag.name {
            "EXT-X-DATERANGE" => self.ranges.take(list, report),
            "EXT-X-SESSION-DATA" => self.session_data(list, report),
            "EXT-X-STREAM-INF" => {
                self.captions(list, at);
                self.pathways.insert(list.quoted("PATHWAY-ID").unwrap_or(DEFAULT_PATHWAY));
            }
            "EXT-X-CONTENT-STEERING" => self.steered = list.get("PATHWAY-ID").map(|id| (id, at)),
            _ => {}
        }
    }

    /// Notes whether a variant declares CLOSED-CAPTIONS=NONE. A variant without RESOLUTION has no pictures to carry
    /// captions, and packagers leave the attribute out, so it isn't counted then.
    fn captions(&mut self, list: &AttributeList<'a>, at: At) {
        match list.get("CLOSED-CAPTIONS") {
            Some("NONE") if list.quoted("CLOSED-CAPTIONS").is_none() => drop(self.without_captions.get_or_insert(at)),
            None if !list.has("RESOLUTION") => {}
            _ => drop(self.with_captions.get_or_insert(at)),
        }
    }

    fn session_data(&mut self, list: &AttributeList<'a>, report: &mut TagReport<'_, '_, 'a>) {
        let Some(id) = list.get("DATA-ID") else { return };
        let (here, line) = (report.line.tag_text(), report.line.number);
        let first = *self.session_data.entry((id, list.get("LANGUAGE"))).or_insert(line);
        if first != line {
            let what = "has the same DATA-ID and LANGUAGE; they must differ in one";
            report.tag(here, format_args!("the EXT-X-SESSION-DATA in line {first} {what}"));
        }
    }

    /// Reports the rules that the playlist as a whole breaks. `dated` is true if the playlist has
    /// EXT-X-PROGRAM-DATE-TIME.
    pub(super) fn finish(self, dated: bool, defects: &mut DefectList) {
        self.ranges.finish(dated, defects);
        if let (Some(_), Some(at)) = (self.without_captions, self.with_captions) {
            let what = "this EXT-X-STREAM-INF has no CLOSED-CAPTIONS=NONE, which others have; all must have it or none";
            defects.add_at(Attribute, at, "RFC 8216bis 4.4.6.2", format_args!("{what}"));
        }
        if let Some((id, at)) = self.steered.filter(|(id, _)| !self.pathways.contains(id)) {
            defects.add_at(
                crate::defect::DefectKind::Syntax,
                at,
                "RFC 8216bis 4.4.6.6",
                format_args!("PATHWAY-ID is {}, which no EXT-X-STREAM-INF names", Quoted(id)),
            );
        }
    }
}
