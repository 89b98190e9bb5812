//! Builder of a multivariant playlist's [`Presentation`] from its well-formed lines.

use super::attributes::AttributeList;
use super::defects::DefectList;
use super::groups::RenditionGroups;
use super::lines::PlaylistLine;
use super::lint::{Statement, StatementContent};
use super::m3u8;
use super::tag_values::{TagValue, start_offset};
use super::uris;
use crate::defect::DefectKind::{Attribute, Syntax};
use crate::steering::{ContentSteering, DEFAULT_PATHWAY};
use crate::stream::labels;
use crate::stream::{Media, Presentation, Rendition, RenditionIdentity, Resolution, VariantCounts, is_audio_codec};
use crate::units::BitsPerSecond;
use m3u8_rs::{AlternativeMediaType, VariantStream};
use std::collections::HashMap;
use url::Url;

/// Largest number of rendition declarations that are read of one playlist. Several may declare the same rendition.
const MAX_DECLARATIONS: usize = 10 * super::MAX_RENDITIONS;

/// Largest number of codec strings of a rendition: a real variant has two to four.
const MAX_CODECS: usize = 16;
/// Largest number of groups of a rendition besides the first: real playlists have an audio group for each codec.
const MAX_GROUPS: usize = 15;

pub(super) struct PresentationBuilder<'a, 'b> {
    base: &'b Url,
    declarations: usize,
    /// The last EXT-X-STREAM-INF and its line, if no URI has followed it yet.
    waiting: Option<(AttributeList<'a>, u32)>,
    renditions: Vec<Rendition>,
    by_uri: HashMap<Url, usize>,
    i_frames: Vec<Rendition>,
    groups: RenditionGroups<'a>,
    /// Languages of each audio group's members without URI, by GROUP-ID.
    muxed_audio: HashMap<String, Vec<String>>,
    variants: VariantCounts,
    independent_segments: bool,
    start_offset: Option<f64>,
    /// Server and PATHWAY-ID of EXT-X-CONTENT-STEERING; `None` without a server that can be asked.
    steering: Option<(Url, Option<&'a str>)>,
    /// Number of renditions beyond the bound, and the line of the first of them; `None` if there are none.
    surplus: Option<(u64, u32)>,
}

impl<'a, 'b> PresentationBuilder<'a, 'b> {
    pub(super) fn new(base: &'b Url) -> Self {
        Self {
            base,
            declarations: 0,
            waiting: None,
            renditions: Vec::new(),
            by_uri: HashMap::new(),
            i_frames: Vec::new(),
            groups: RenditionGroups::default(),
            muxed_audio: HashMap::new(),
            variants: VariantCounts::default(),
            independent_segments: false,
            start_offset: None,
            steering: None,
            surplus: None,
        }
    }

    pub(super) fn take(&mut self, statement: Statement<'_, 'a>, defects: &mut DefectList) {
        let line = statement.line;
        match statement.content {
            StatementContent::Tag("EXT-X-STREAM-INF", TagValue::Attributes(list)) => {
                self.without_uri(defects);
                self.variants.declared += 1;
                self.groups.references(&list, line.start());
                self.waiting = Some((list, line.number));
            }
            StatementContent::Tag("EXT-X-I-FRAME-STREAM-INF", TagValue::Attributes(list)) => {
                self.variants.i_frames += 1;
                self.groups.references(&list, line.start());
                self.i_frames(&list, line, defects);
            }
            StatementContent::Tag("EXT-X-INDEPENDENT-SEGMENTS", TagValue::Nothing) => self.independent_segments = true,
            StatementContent::Tag("EXT-X-START", TagValue::Attributes(list)) => self.start_offset = start_offset(&list),
            StatementContent::Tag("EXT-X-CONTENT-STEERING", TagValue::Attributes(list)) => {
                let server = list.quoted("SERVER-URI").and_then(|uri| self.base.join(uri).ok());
                let server = server.filter(|url| matches!(url.scheme(), "http" | "https"));
                self.steering = server.map(|url| (url, list.quoted("PATHWAY-ID")));
            }
            StatementContent::Tag("EXT-X-MEDIA", TagValue::Attributes(list)) => {
                self.count_media(&list, line.number);
                self.groups.member(&list, line.start());
                self.alternative(&list, line, defects);
            }
            StatementContent::Tag(..) => {}
            StatementContent::Uri(uri) => {
                let Some((list, declared)) = self.waiting.take() else { return };
                let url = uris::resolve(self.base, uri, line, defects);
                self.variants.requestable += usize::from(url.is_some());
                self.variant(&list, uri, url, declared, defects);
            }
        }
    }

    fn count_media(&mut self, list: &AttributeList<'_>, line: u32) {
        let kind = list.get("TYPE").unwrap_or_default();
        if kind == "VIDEO" {
            return;
        }
        self.variants.media += 1;
        self.variants.captions += usize::from(matches!(kind, "SUBTITLES" | "CLOSED-CAPTIONS"));
        if list.quoted("LANGUAGE").is_none_or(str::is_empty) {
            self.variants.media_without_language += 1;
            self.variants.first_without_language.get_or_insert(line);
        }
    }

    /// Keeps a variant that no URI followed, because the playlist announces it to players all the same.
    fn without_uri(&mut self, defects: &mut DefectList) {
        if let Some((list, line)) = self.waiting.take() {
            self.variant(&list, "", None, line, defects);
        }
    }

    fn variant(&mut self, list: &AttributeList<'_>, uri: &str, url: Option<Url>, line: u32, defects: &mut DefectList) {
        if !self.has_room(line) {
            return;
        }
        let variant = of_variant(m3u8::variant(list, uri), list, url, line);
        if let Some(first) = self.known(&variant).and_then(|index| self.renditions.get(index)) {
            contradiction(first, &variant, defects);
        }
        self.add(variant);
    }

    /// Returns the index of the rendition whose playlist an earlier tag declares.
    fn known(&self, rendition: &Rendition) -> Option<usize> {
        rendition.uri.as_ref().and_then(|uri| self.by_uri.get(uri)).copied()
    }

    /// Adds an I-frame variant; each I-frame playlist is added once. Variants beyond the bound are left out without a
    /// defect.
    fn i_frames(&mut self, list: &AttributeList<'_>, line: &PlaylistLine<'a>, defects: &mut DefectList) {
        let Some(uri) = list.quoted("URI").filter(|_| self.i_frames.len() < super::MAX_I_FRAMES) else { return };
        let Some(url) = uris::resolve(self.base, uri, line, defects) else { return };
        if self.i_frames.iter().any(|known| known.uri.as_ref() == Some(&url)) {
            return;
        }
        let variant = of_variant(m3u8::variant(list, uri), list, Some(url), line.number);
        self.i_frames.push(Rendition { media: Media::Video, ..variant });
    }

    /// Adds an EXT-X-MEDIA with a URI. Media without a URI are inside of the variants' segments, as CLOSED-CAPTIONS
    /// always are (RFC 8216bis 4.4.6.2.1).
    fn alternative(&mut self, list: &AttributeList<'a>, line: &PlaylistLine<'a>, defects: &mut DefectList) {
        if !self.has_room(line.number) {
            return;
        }
        let Some(read) = m3u8::alternative(list) else { return };
        let Some(uri) = list.quoted("URI").filter(|uri| !uri.is_empty()) else {
            if let (AlternativeMediaType::Audio, Some(group)) = (&read.media_type, list.quoted("GROUP-ID")) {
                let languages = self.muxed_audio.entry(bounded(group)).or_default();
                languages.extend(read.language.as_deref().map(bounded));
            }
            return;
        };
        let media = match read.media_type {
            AlternativeMediaType::Audio => Media::Audio,
            AlternativeMediaType::Video => Media::Video,
            AlternativeMediaType::Subtitles => Media::Text,
            AlternativeMediaType::ClosedCaptions | AlternativeMediaType::Other(_) => return,
        };
        let name = list.quoted("NAME");
        let uri = uris::resolve(self.base, uri, line, defects);
        let rendition = Rendition {
            id: id_of(list.quoted("STABLE-RENDITION-ID").or(name)),
            title: name.map(bounded),
            language: read.language.as_deref().map(bounded),
            group: list.quoted("GROUP-ID").map(bounded),
            channels: list.quoted("CHANNELS").map(bounded),
            is_alternative: true,
            is_default: list.get("DEFAULT") == Some("YES"),
            line: Some(line.number),
            ..Rendition::new(media, identity_of_alternative(media, list, uri.as_ref()))
        };
        self.add(Rendition { uri, ..rendition });
    }

    /// Adds a rendition. Several declarations of one playlist make one rendition: later ones complete the first.
    fn add(&mut self, rendition: Rendition) {
        if let Some(first) = self.known(&rendition).and_then(|index| self.renditions.get_mut(index)) {
            complete(first, rendition);
            return;
        }
        if self.renditions.len() >= super::MAX_RENDITIONS {
            self.leave_out(rendition.line.unwrap_or(1));
            return;
        }
        if let Some(uri) = rendition.uri.clone() {
            self.by_uri.insert(uri, self.renditions.len());
        }
        self.renditions.push(rendition);
    }

    fn has_room(&mut self, line: u32) -> bool {
        self.declarations += 1;
        let room = self.declarations <= MAX_DECLARATIONS;
        if !room {
            self.leave_out(line);
        }
        room
    }

    fn leave_out(&mut self, line: u32) {
        let (count, _) = self.surplus.get_or_insert((0, line));
        *count += 1;
    }

    pub(super) fn finish(mut self, defects: &mut DefectList) -> Presentation {
        self.without_uri(defects);
        self.groups.finish(defects);
        if let Some((count, line)) = self.surplus {
            let limit = super::MAX_RENDITIONS;
            defects.add_at(
                Syntax,
                (line, 1),
                "RFC 8216bis 4.4.6",
                format_args!("{count} renditions from here on were left out; {limit} are read"),
            );
        }
        for variant in self.renditions.iter_mut().filter(|r| r.media == Media::Video) {
            let muxed_audio = variant.groups().find_map(|group| self.muxed_audio.get(group));
            variant.muxed_audio = muxed_audio.cloned();
        }
        let mut renditions: Vec<&mut Rendition> = self.renditions.iter_mut().collect();
        let mut i_frames: Vec<&mut Rendition> = self.i_frames.iter_mut().collect();
        labels::assign_at_first_sight(&mut renditions, &mut i_frames);
        let pathways = self.renditions.iter().filter_map(|r| r.pathway.as_deref()).collect::<Vec<_>>();
        let steering = self.steering.map(|(server, first)| ContentSteering::new(server, first, pathways));
        Presentation {
            steering,
            renditions: self.renditions,
            i_frames: self.i_frames,
            variants: self.variants,
            independent_segments: self.independent_segments,
            start_offset: self.start_offset,
            ..Presentation::default()
        }
    }
}

/// Adds a defect if two variants promise different pictures of one media playlist: one of them is another rung than it says.
fn contradiction(first: &Rendition, other: &Rendition, defects: &mut DefectList) {
    let (Some(line), Some(earlier)) = (other.line, first.line) else { return };
    let sizes = first.resolution.zip(other.resolution).filter(|(one, two)| one != two);
    let rates = first.frame_rate.zip(other.frame_rate).filter(|(one, two)| (one - two).abs() > 0.01 * one);
    let ranges = first.video_range.as_ref().zip(other.video_range.as_ref()).filter(|(one, two)| one != two);
    let differing = [
        sizes.map(|(one, two)| ("RESOLUTION", one.to_string(), two.to_string())),
        rates.map(|(one, two)| ("FRAME-RATE", one.to_string(), two.to_string())),
        ranges.map(|(one, two)| ("VIDEO-RANGE", one.clone(), two.clone())),
    ];
    for (attribute, one, two) in differing.into_iter().flatten() {
        defects.add_at(
            Attribute,
            (line, 1),
            "RFC 8216bis 4.4.6.2",
            format_args!("{attribute} is {two}, and {one} on line {earlier} for the same media playlist"),
        );
    }
}

/// Keeps the codecs of each declaration apart, where several have some.
fn complete_variant_codecs(first: &mut Rendition, other: &Rendition) {
    if first.codecs.is_empty() || other.codecs.is_empty() {
        return;
    }
    if first.variant_codecs.is_empty() {
        first.variant_codecs.push((first.group.clone(), first.codecs.clone()));
    }
    let declared = (other.group.clone(), other.codecs.clone());
    if !first.variant_codecs.contains(&declared) && first.variant_codecs.len() <= MAX_GROUPS {
        first.variant_codecs.push(declared);
    }
}

/// Fills in values that a rendition's first declaration in a multivariant playlist lacks. An audio playlist is often
/// declared twice: as a rendition with its language, and as a variant with its bit rate. A video playlist is declared once for
/// each audio group, with the codecs of both. The rendition keeps the more reliable identity of the two, independent of their order.
fn complete(first: &mut Rendition, other: Rendition) {
    complete_variant_codecs(first, &other);
    first.bandwidth = first.bandwidth.or(other.bandwidth);
    first.average_bandwidth = first.average_bandwidth.or(other.average_bandwidth);
    match other.group {
        Some(group) if first.group.is_none() => first.group = Some(group),
        Some(group) if !first.groups().any(|known| *known == group) && first.further_groups.len() < MAX_GROUPS => {
            first.further_groups.push(group);
        }
        _ => {}
    }
    for codec in other.codecs {
        if !first.codecs.contains(&codec) && first.codecs.len() < MAX_CODECS {
            first.codecs.push(codec);
        }
    }
    first.resolution = first.resolution.or(other.resolution);
    first.frame_rate = first.frame_rate.or(other.frame_rate);
    first.captions = first.captions.or(other.captions);
    first.is_alternative &= other.is_alternative;
    first.is_default |= other.is_default;
    first.language = first.language.take().or(other.language);
    first.title = first.title.take().or(other.title);
    if other.identity < first.identity {
        first.identity = other.identity;
    }
}

fn of_variant(read: VariantStream, list: &AttributeList<'_>, uri: Option<Url>, line: u32) -> Rendition {
    let supplemental = codecs(list.quoted("SUPPLEMENTAL-CODECS").unwrap_or_default());
    let codecs = codecs(read.codecs.as_deref().unwrap_or_default());
    let resolution = read
        .resolution
        .and_then(|r| Some(Resolution { width: u32::try_from(r.width).ok()?, height: u32::try_from(r.height).ok()? }));
    let media = media_of(&codecs, resolution);
    let identity = identity_of_variant(list, uri.as_ref());
    Rendition {
        uri,
        codecs,
        id: id_of(list.quoted("STABLE-VARIANT-ID")),
        title: list.quoted("NAME").map(bounded),
        bandwidth: list.get("BANDWIDTH").map(|_| BitsPerSecond(read.bandwidth)),
        average_bandwidth: read.average_bandwidth.map(BitsPerSecond),
        resolution,
        frame_rate: read.frame_rate,
        group: read.audio.as_deref().map(bounded),
        pathway: Some(bounded(list.quoted("PATHWAY-ID").unwrap_or(DEFAULT_PATHWAY))),
        video_range: list.get("VIDEO-RANGE").map(str::to_owned),
        captions: captions(list),
        supplemental,
        line: Some(line),
        ..Rendition::new(media, identity)
    }
}

/// Returns the identity of a variant or an I-frame variant: its stable id in its pathway, else its playlist's address.
fn identity_of_variant(list: &AttributeList<'_>, url: Option<&Url>) -> RenditionIdentity {
    match (list.quoted("STABLE-VARIANT-ID").filter(|id| !id.is_empty()), url) {
        (Some(id), _) => RenditionIdentity::stable_id("variant", list.quoted("PATHWAY-ID"), id),
        (None, Some(url)) => RenditionIdentity::playlist(url),
        (None, None) => RenditionIdentity::place("variant"),
    }
}

/// Returns the identity of an EXT-X-MEDIA: its stable id, else its group and name, else its playlist's address.
fn identity_of_alternative(media: Media, list: &AttributeList<'_>, url: Option<&Url>) -> RenditionIdentity {
    let (id, group, name) = (list.quoted("STABLE-RENDITION-ID"), list.quoted("GROUP-ID"), list.quoted("NAME"));
    match (id.filter(|id| !id.is_empty()), group.zip(name), url) {
        (Some(id), ..) => RenditionIdentity::stable_id(media.as_str(), None, id),
        (None, Some((group, name)), _) => RenditionIdentity::group_member(media, group, name),
        (None, None, Some(url)) => RenditionIdentity::playlist(url),
        (None, None, None) => RenditionIdentity::place(media.as_str()),
    }
}

/// Returns whether CLOSED-CAPTIONS of a variant names a group (`true`) or is NONE (`false`; RFC 8216bis 4.4.6.2);
/// `None` without the attribute.
fn captions(list: &AttributeList<'_>) -> Option<bool> {
    match list.quoted("CLOSED-CAPTIONS") {
        Some(_) => Some(true),
        None => list.get("CLOSED-CAPTIONS").filter(|said| *said == "NONE").map(|_| false),
    }
}

/// Returns the kind of media of a variant. It is audio if it has no RESOLUTION, all its codecs are audio or text, and
/// at least one is audio; text if all are text; otherwise video.
fn media_of(codecs: &[String], resolution: Option<Resolution>) -> Media {
    let audio = codecs.iter().filter(|c| is_audio_codec(c)).count();
    let text = codecs.iter().filter(|c| ["stpp", "wvtt"].contains(&sample_entry(c).as_str())).count();
    if resolution.is_some() || codecs.is_empty() || audio + text < codecs.len() {
        return Media::Video;
    }
    if audio > 0 { Media::Audio } else { Media::Text }
}

fn sample_entry(codec: &str) -> String {
    codec.split('.').next().unwrap_or_default().to_ascii_lowercase()
}

/// Returns the codec strings of a CODECS attribute, at most [`MAX_CODECS`].
fn codecs(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|c| !c.is_empty()).take(MAX_CODECS).map(bounded).collect()
}

fn id_of(text: Option<&str>) -> Option<String> {
    text.map(labels::slug).filter(|id| !id.is_empty())
}

fn bounded(text: &str) -> String {
    text.chars().take(128).collect()
}
