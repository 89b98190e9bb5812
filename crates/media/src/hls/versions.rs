//! Check of EXT-X-VERSION: the version that a playlist's tags and attributes need (RFC 8216bis 8).

use super::attributes::AttributeList;
use super::defects::DefectList;
use super::lines::PlaylistLine;
use super::tag_values::TagValue;
use crate::defect::DefectKind::Version;

#[derive(Default)]
pub(super) struct RequiredVersion {
    declared: Option<u64>,
    /// Highest version that the playlist needs, the feature that needs it, and the position of its first use; `None` if
    /// every version suffices.
    needs: Option<(u64, &'static str, (u32, u32))>,
    map: Option<(u32, u32)>,
    i_frames_only: bool,
}

impl RequiredVersion {
    /// Takes a tag into account for the EXT-X-VERSION that the playlist needs; `rest` is the text after its name and
    /// colon.
    pub(super) fn take(&mut self, name: &str, rest: &str, reading: Option<&TagValue<'_>>, line: &PlaylistLine<'_>) {
        let at = line.start();
        match (name, reading) {
            ("EXT-X-VERSION", Some(TagValue::Integer(version))) => self.declared = self.declared.or(Some(*version)),
            ("EXTINF", _) if rest.split(',').next().is_some_and(|duration| duration.contains('.')) => {
                self.need(3, "EXTINF with decimals", at);
            }
            ("EXT-X-BYTERANGE", _) => self.need(4, "EXT-X-BYTERANGE", at),
            ("EXT-X-I-FRAMES-ONLY", _) => {
                self.i_frames_only = true;
                self.need(4, "EXT-X-I-FRAMES-ONLY", at);
            }
            ("EXT-X-MAP", _) => {
                self.map.get_or_insert(at);
                self.need(5, "EXT-X-MAP", at);
            }
            (_, Some(TagValue::Attributes(list))) => self.attributes(name, list, at),
            _ => {}
        }
    }

    fn attributes(&mut self, name: &str, list: &AttributeList<'_>, at: (u32, u32)) {
        let captions = list.get("TYPE") == Some("CLOSED-CAPTIONS");
        let service = list.quoted("INSTREAM-ID").is_some_and(|id| id.starts_with("SERVICE"));
        let needs = [
            (name == "EXT-X-KEY" && list.has("IV"), 2, "IV of EXT-X-KEY"),
            (name == "EXT-X-KEY" && list.get("METHOD") == Some("SAMPLE-AES"), 5, "METHOD=SAMPLE-AES"),
            (name == "EXT-X-KEY" && list.has("KEYFORMAT"), 5, "KEYFORMAT of EXT-X-KEY"),
            (name == "EXT-X-KEY" && list.has("KEYFORMATVERSIONS"), 5, "KEYFORMATVERSIONS of EXT-X-KEY"),
            (name == "EXT-X-MEDIA" && captions && service, 7, "INSTREAM-ID with SERVICE"),
            (name == "EXT-X-DEFINE", 8, "EXT-X-DEFINE"),
            (name == "EXT-X-SKIP", 9, "EXT-X-SKIP"),
            (name == "EXT-X-SKIP" && list.has("RECENTLY-REMOVED-DATERANGES"), 10, "EXT-X-SKIP of date ranges"),
            (name == "EXT-X-DEFINE" && list.has("QUERYPARAM"), 11, "QUERYPARAM of EXT-X-DEFINE"),
            (list.0.iter().any(|p| p.name.starts_with("REQ-")), 12, "an attribute that begins with REQ-"),
            (name == "EXT-X-MEDIA" && !captions && list.has("INSTREAM-ID"), 13, "INSTREAM-ID beside closed captions"),
        ];
        for (_, version, what) in needs.into_iter().filter(|(is, ..)| *is) {
            self.need(version, what, at);
        }
    }

    fn need(&mut self, version: u64, what: &'static str, at: (u32, u32)) {
        if self.needs.is_none_or(|(highest, ..)| version > highest) {
            self.needs = Some((version, what, at));
        }
    }

    pub(super) fn finish(&mut self, defects: &mut DefectList) {
        if let Some(at) = self.map.filter(|_| !self.i_frames_only) {
            self.need(6, "EXT-X-MAP without EXT-X-I-FRAMES-ONLY", at);
        }
        let Some((needed, what, at)) = self.needs else { return };
        match self.declared {
            Some(declared) if declared >= needed => {}
            Some(declared) => {
                defects.add_at(
                    Version,
                    at,
                    "RFC 8216bis 8",
                    format_args!("{what} needs EXT-X-VERSION {needed} or higher; the playlist says {declared}"),
                );
            }
            None => {
                defects.add_at(
                    Version,
                    at,
                    "RFC 8216bis 8",
                    format_args!("{what} needs EXT-X-VERSION {needed} or higher; the playlist has none"),
                );
            }
        }
    }
}
