//! One pass over the lines against the rules of RFC 8216bis 4: what is malformed or out of place becomes a
//! defect, what is sound goes on to the model.

use super::census::{Census, Kind};
use super::defects::Defects;
use super::lines::{Content, Line};
use super::rules;
use super::tags::{self, Place, TAGS, Tag};
use super::values::{self, Reading, Report};
use super::versions::Versions;
use super::whole::Whole;
use crate::defect::DefectKind::Syntax;
use crate::redact::Quoted;

/// A line that the model can use.
pub(super) struct Statement<'l, 'a> {
    pub line: &'l Line<'a>,
    pub content: Sound<'a>,
}

pub(super) enum Sound<'a> {
    Tag(&'static str, Reading<'a>),
    Uri(&'a str),
}

pub(super) struct Lint<'a> {
    census: Census,
    kind: Kind,
    /// Line of the first of each tag, in the table's order; 0: not seen.
    seen: [u32; TAGS.len()],
    /// The EXTINF or EXT-X-STREAM-INF whose URI is still to come, with its position.
    waiting: Option<(&'static Tag, (u32, u32))>,
    first_segment: bool,
    first_discontinuity: bool,
    versions: Versions,
    whole: Whole<'a>,
}

impl<'a> Lint<'a> {
    pub fn new(census: Census) -> Self {
        let seen = [0; TAGS.len()];
        let versions = Versions::default();
        Self {
            census,
            kind: census.kind(),
            seen,
            waiting: None,
            first_segment: false,
            first_discontinuity: false,
            versions,
            whole: Whole::default(),
        }
    }

    pub fn check<'l>(&mut self, line: &'l Line<'a>, defects: &mut Defects) -> Option<Statement<'l, 'a>> {
        let content = match line.content {
            Content::Blank | Content::Comment => None,
            Content::TooLong => {
                let limit = super::MAX_LINE / 1024;
                defects.add(
                    Syntax,
                    (line, 0),
                    "RFC 8216bis 4.1",
                    format_args!("the line is longer than {limit} KiB and was skipped"),
                );
                None
            }
            Content::Uri(uri) => self.uri(line, uri, defects).then_some(Sound::Uri(uri)),
            Content::Tag { name, rest } => self.tag(line, name, rest, defects),
        };
        content.map(|content| Statement { line, content })
    }

    /// Tags that no clause defines pass unread: clients must ignore them (RFC 8216bis 6.3.1).
    fn tag(&mut self, line: &Line<'a>, name: &str, rest: &'a str, defects: &mut Defects) -> Option<Sound<'a>> {
        let (index, tag) = tags::find(name)?;
        let mut report = Report { defects, line, tag };
        let in_place = self.place(&mut report);
        let alone = self.alone(index, &mut report);
        if in_place {
            self.order(&mut report);
        }
        let reading = values::read(rest, &mut report);
        self.versions.take(tag.name, rest.strip_prefix(':').unwrap_or(rest), reading.as_ref(), line);
        if let Some(Reading::Attributes(list)) = &reading {
            rules::check(list, &mut report);
            self.whole.take(list, &mut report);
        }
        if in_place && alone { Some(Sound::Tag(tag.name, reading?)) } else { None }
    }

    fn place(&self, report: &mut Report<'_, '_, '_>) -> bool {
        let (here, name) = (report.line.tag_text(), report.tag.name);
        match (report.tag.place, self.kind) {
            (Place::Multivariant, Kind::Media) => {
                report
                    .tag(here, format_args!("{name} must not be in a media playlist, which this is by its other tags"));
                false
            }
            (Place::Media, Kind::Multivariant) => {
                let what = "must not be in a multivariant playlist, which this is by its other tags";
                report.tag(here, format_args!("{name} {what}"));
                false
            }
            _ => true,
        }
    }

    /// It is the first of its name, or may be repeated.
    fn alone(&mut self, index: usize, report: &mut Report<'_, '_, '_>) -> bool {
        let Some(first) = self.seen.get_mut(index) else { return true };
        if *first == 0 {
            *first = report.line.number;
            return true;
        }
        if report.tag.once {
            let (here, name) = (report.line.tag_text(), report.tag.name);
            report.tag(here, format_args!("{name} is here again; line {first} has it, and it must not be repeated"));
        }
        !report.tag.once
    }

    fn order(&mut self, report: &mut Report<'_, '_, '_>) {
        let (here, name) = (report.line.tag_text(), report.tag.name);
        match name {
            "EXTINF" | "EXT-X-STREAM-INF" => {
                self.nothing_follows(report.defects);
                self.waiting = Some((report.tag, report.line.start()));
            }
            "EXT-X-DISCONTINUITY" => self.first_discontinuity = true,
            "EXT-X-MEDIA-SEQUENCE" | "EXT-X-DISCONTINUITY-SEQUENCE" if self.first_segment => {
                report.tag(here, format_args!("{name} is after a segment; it must be before the first"));
            }
            "EXT-X-DISCONTINUITY-SEQUENCE" if self.first_discontinuity => {
                report.tag(here, format_args!("{name} is after EXT-X-DISCONTINUITY; it must be before the first"));
            }
            "EXTM3U" if report.line.number != 1 && self.census.extm3u == Some(report.line.number) => {
                report.tag(here, format_args!("EXTM3U is here; it must be the first line"));
            }
            _ => {}
        }
    }

    /// Whether the model may use the URI. What stands before EXTM3U is no part of the playlist.
    fn uri(&mut self, line: &Line<'_>, uri: &str, defects: &mut Defects) -> bool {
        let inside = self.census.extm3u.is_none_or(|start| line.number > start);
        let (needs, reference) = match self.kind {
            Kind::Media => ("EXTINF", "RFC 8216bis 4.4.4.1"),
            Kind::Multivariant => ("EXT-X-STREAM-INF", "RFC 8216bis 4.4.6.2"),
        };
        if self.waiting.take().is_none() {
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

    /// The tag that waits for its URI gets none.
    fn nothing_follows(&mut self, defects: &mut Defects) {
        if let Some((tag, at)) = self.waiting.take() {
            let name = tag.name;
            defects.add_at(Syntax, at, tag.reference, format_args!("no URI follows this {name}; one is required"));
        }
    }

    pub fn finish(mut self, defects: &mut Defects) {
        self.nothing_follows(defects);
        self.versions.finish(defects);
        self.required("EXTM3U", "must be the first line", defects);
        if self.kind == Kind::Media {
            self.required("EXT-X-TARGETDURATION", "is required in a media playlist", defects);
        }
        let dated = tags::find("EXT-X-PROGRAM-DATE-TIME").is_some_and(|(index, _)| self.seen.get(index) != Some(&0));
        self.whole.finish(dated, defects);
    }

    fn required(&self, name: &str, why: &str, defects: &mut Defects) {
        let Some((index, tag)) = tags::find(name) else { return };
        if self.seen.get(index) == Some(&0) {
            defects.add_at(Syntax, (1, 1), tag.reference, format_args!("there is no {name}, which {why}"));
        }
    }
}
