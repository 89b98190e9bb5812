//! Check of each playlist line against the rules of RFC 8216bis 4: malformed or misplaced lines become defects,
//! well-formed ones are passed on to build the model.

use super::defects::DefectList;
use super::lines::{LineContent, PlaylistLine};
use super::playlist_kind::{PlaylistKind, TagCounts};
use super::playlist_rules::PlaylistRules;
use super::tag_rules;
use super::tag_values::{self, TagReport, TagValue};
use super::tags::{self, TAGS, TagDefinition, TagScope};
use super::versions::RequiredVersion;
use crate::defect::DefectKind::{Metadata, Syntax, SyntaxFatal};
use crate::redact::Quoted;

/// A well-formed playlist line that is passed on to build the model.
pub(super) struct Statement<'l, 'a> {
    pub line: &'l PlaylistLine<'a>,
    pub content: StatementContent<'a>,
}

pub(super) enum StatementContent<'a> {
    Tag(&'static str, TagValue<'a>),
    Uri(&'a str),
}

pub(super) struct Lint<'a> {
    counts: TagCounts,
    kind: PlaylistKind,
    /// Line number of the first occurrence of each tag, in the order of [`TAGS`]; 0 if the tag hasn't occurred.
    seen: [u32; TAGS.len()],
    /// The last EXTINF or EXT-X-STREAM-INF with its position, if no URI has followed it yet.
    waiting: Option<(&'static TagDefinition, (u32, u32))>,
    /// Whether the last EXTINF has a readable duration.
    has_duration: bool,
    /// Whether any segment has an EXTINF with a readable duration.
    any_duration: bool,
    /// Position of the first segment without such an EXTINF; `None` if all have one.
    without_duration: Option<(u32, u32)>,
    first_segment: bool,
    first_discontinuity: bool,
    versions: RequiredVersion,
    playlist_rules: PlaylistRules<'a>,
}

impl<'a> Lint<'a> {
    pub(super) fn new(counts: TagCounts) -> Self {
        let seen = [0; TAGS.len()];
        let versions = RequiredVersion::default();
        Self {
            counts,
            kind: counts.kind(),
            seen,
            waiting: None,
            has_duration: false,
            any_duration: false,
            without_duration: None,
            first_segment: false,
            first_discontinuity: false,
            versions,
            playlist_rules: PlaylistRules::default(),
        }
    }

    pub(super) fn check<'l>(
        &mut self,
        line: &'l PlaylistLine<'a>,
        defects: &mut DefectList,
    ) -> Option<Statement<'l, 'a>> {
        let content = match line.content {
            LineContent::Blank | LineContent::Comment => None,
            LineContent::TooLong => {
                let limit = super::MAX_LINE / 1024;
                defects.add(
                    Syntax,
                    (line, 0),
                    "RFC 8216bis 4.1",
                    format_args!("the line is longer than {limit} KiB and was skipped"),
                );
                None
            }
            LineContent::Uri(uri) => self.uri(line, uri, defects).then_some(StatementContent::Uri(uri)),
            LineContent::Tag { name, rest } => self.tag(line, name, rest, defects),
        };
        content.map(|content| Statement { line, content })
    }

    /// Checks a tag line. Tags that no clause defines aren't checked, because clients must ignore them (RFC 8216bis
    /// 6.3.1).
    fn tag(
        &mut self,
        line: &PlaylistLine<'a>,
        name: &str,
        rest: &'a str,
        defects: &mut DefectList,
    ) -> Option<StatementContent<'a>> {
        let (index, tag) = tags::find(name)?;
        let mut report = TagReport { defects, line, tag };
        let in_place = self.is_in_scope(&mut report);
        let is_allowed = self.may_stand_here(index, &mut report);
        if in_place {
            self.order(&mut report);
        }
        let reading = tag_values::read(rest, &mut report);
        if tag.name == "EXTINF" {
            self.has_duration = reading.is_some();
        }
        self.versions.take(tag.name, rest.strip_prefix(':').unwrap_or(rest), reading.as_ref(), line);
        if let Some(TagValue::Attributes(list)) = &reading {
            tag_rules::check(list, &mut report);
            self.playlist_rules.take(list, &mut report);
        }
        // Without these the segments have no numbers, or those that follow no byte ranges, which the timeline has to say.
        let needed = ["EXT-X-MEDIA-SEQUENCE", "EXT-X-BYTERANGE"];
        let unreadable = needed.contains(&tag.name).then_some(TagValue::Unreadable);
        let reading = reading.or(unreadable)?;
        (in_place && is_allowed).then_some(StatementContent::Tag(tag.name, reading))
    }

    fn is_in_scope(&self, report: &mut TagReport<'_, '_, '_>) -> bool {
        let (here, name) = (report.line.tag_text(), report.tag.name);
        match (report.tag.place, self.kind) {
            (TagScope::Multivariant, PlaylistKind::Media) => {
                report
                    .tag(here, format_args!("{name} must not be in a media playlist, which this is by its other tags"));
                false
            }
            (TagScope::Media, PlaylistKind::Multivariant) => {
                let what = "must not be in a multivariant playlist, which this is by its other tags";
                report.tag(here, format_args!("{name} {what}"));
                false
            }
            _ => true,
        }
    }

    /// Returns whether the tag is the first with its name or may be repeated; otherwise reports it.
    fn may_stand_here(&mut self, index: usize, report: &mut TagReport<'_, '_, '_>) -> bool {
        let Some(first) = self.seen.get_mut(index) else { return true };
        if *first == 0 {
            *first = report.line.number;
            return true;
        }
        if report.tag.once {
            let (here, name) = (report.line.tag_text(), report.tag.name);
            let text = format!("{name} is here again; line {first} has it, and it must not be repeated");
            // Players look for EXTM3U at the beginning only.
            if name == "EXTM3U" {
                report.tag(here, format_args!("{text}"));
            } else {
                report.report_at(here, format_args!("{text}"));
            }
        }
        !report.tag.once
    }

    fn order(&mut self, report: &mut TagReport<'_, '_, '_>) {
        let (here, name) = (report.line.tag_text(), report.tag.name);
        match name {
            "EXTINF" | "EXT-X-STREAM-INF" => {
                self.report_missing_uri(report.defects);
                self.waiting = Some((report.tag, report.line.start()));
            }
            "EXT-X-DISCONTINUITY" => self.first_discontinuity = true,
            "EXT-X-MEDIA-SEQUENCE" | "EXT-X-DISCONTINUITY-SEQUENCE" if self.first_segment => {
                report.report_at(here, format_args!("{name} is after a segment; it must be before the first"));
            }
            "EXT-X-DISCONTINUITY-SEQUENCE" if self.first_discontinuity => {
                report.tag(here, format_args!("{name} is after EXT-X-DISCONTINUITY; it must be before the first"));
            }
            "EXTM3U" if report.line.number != 1 && self.counts.extm3u == Some(report.line.number) => {
                report.report_at(here, format_args!("EXTM3U is here; it must be the first line"));
            }
            _ => {}
        }
    }

    /// Returns whether the model may use the URI: lines before EXTM3U don't belong to the playlist.
    fn uri(&mut self, line: &PlaylistLine<'_>, uri: &str, defects: &mut DefectList) -> bool {
        let inside = self.counts.extm3u.is_none_or(|start| line.number > start);
        let (needs, reference) = match self.kind {
            PlaylistKind::Media => ("EXTINF", "RFC 8216bis 4.4.4.1"),
            PlaylistKind::Multivariant => ("EXT-X-STREAM-INF", "RFC 8216bis 4.4.6.2"),
        };
        let is_announced = self.waiting.take().is_some();
        if inside && self.kind == PlaylistKind::Media {
            if is_announced && self.has_duration {
                self.any_duration = true;
            } else {
                self.without_duration.get_or_insert(line.start());
            }
        }
        if !is_announced {
            defects.add(
                Syntax,
                (line, line.indent),
                reference,
                format_args!("{} is neither tag nor comment, and no {needs} stands before it", Quoted(uri)),
            );
        }
        self.first_segment |= inside;
        inside
    }

    /// Reports an EXTINF or EXT-X-STREAM-INF that no URI followed.
    fn report_missing_uri(&mut self, defects: &mut DefectList) {
        if let Some((tag, at)) = self.waiting.take() {
            let name = tag.name;
            defects.add_at(Syntax, at, tag.reference, format_args!("no URI follows this {name}; one is required"));
        }
    }

    pub(super) fn finish(mut self, defects: &mut DefectList) {
        self.report_missing_uri(defects);
        self.versions.finish(defects);
        self.required("EXTM3U", "must be the first line", defects);
        if self.kind == PlaylistKind::Media {
            self.required("EXT-X-TARGETDURATION", "is required in a media playlist", defects);
        }
        if let Some(at) = self.without_duration.filter(|_| !self.any_duration) {
            let what = "no segment of the playlist has an EXTINF with a duration: players find no segments";
            defects.add_at(SyntaxFatal, at, "RFC 8216bis 4.4.4.1", format_args!("{what}"));
        }
        if let (Some(_), Some(hint)) = (self.first_line("EXT-X-ENDLIST"), self.first_line("EXT-X-PRELOAD-HINT")) {
            let what = "EXT-X-PRELOAD-HINT in a playlist with EXT-X-ENDLIST, after which nothing comes";
            defects.add_at(Metadata, (hint, 1), "RFC 8216bis 4.4.3.4, 4.4.5.3", format_args!("{what}"));
        }
        let dated = self.first_line("EXT-X-PROGRAM-DATE-TIME").is_some();
        self.playlist_rules.finish(dated, defects);
    }

    /// Returns the line number of the first tag with this name; `None` if there is none.
    fn first_line(&self, name: &str) -> Option<u32> {
        let (index, _) = tags::find(name)?;
        self.seen.get(index).copied().filter(|line| *line > 0)
    }

    fn required(&self, name: &str, why: &str, defects: &mut DefectList) {
        let Some((index, tag)) = tags::find(name) else { return };
        if self.seen.get(index) == Some(&0) {
            let kind = if tag.vital { SyntaxFatal } else { Syntax };
            defects.add_at(kind, (1, 1), tag.reference, format_args!("there is no {name}, which {why}"));
        }
    }
}
