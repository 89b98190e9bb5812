//! Renditions of an MPD at an instant, in the form that HLS media playlists also have.

use super::base_urls::BaseUrls;
use super::model::{
    AdaptationSet, Descriptor, Mpd, Period, Representation, SegmentAddressing, SegmentListing, SegmentScheme,
    SegmentTiming, SegmentUrls,
};
use super::spans::{SegmentSpan, TickWindow, renumbered_list, segment_spans};
use super::template::TemplateValues;
use super::timing;
use super::{channels, keys, splices, video_range};
use crate::stream::ads::Marker;
use crate::stream::{Key, Map, Media, MediaStart, Rendition, RenditionIdentity, Segment, Timeline, labels};
use crate::units::{BitsPerSecond, MediaTime, Seconds, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;
use url::Url;

/// Largest number of segments of all renditions together, because each takes memory for its URL.
const MAX_SEGMENTS_IN_ALL: usize = 50_000;

/// A rendition of an MPD and its segments at an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct RenditionSnapshot {
    pub rendition: Rendition,
    /// Available segments of the rendition, at most the newest [`super::MAX_SEGMENTS`]. The number of a segment is its
    /// start in milliseconds on the presentation's timeline, which stays the same across updates, Periods and forms of
    /// addressing.
    pub timeline: Timeline,
    /// The oldest segment that has to be available, even if [`Self::timeline`] begins later. `None` if no segment ends
    /// within the time-shift buffer.
    pub oldest: Option<Segment>,
    /// Base URLs of the rendition's Representations where players have a choice: the MPD names alternative BaseURLs, or
    /// players that ignore its Location resolve URLs against another address. Empty otherwise.
    pub base_urls: Vec<BaseUrls>,
    /// Whether the clock counts the rendition's segments, so that the MPD doesn't say where its live edge is.
    pub is_counted: bool,
}

/// Returns the renditions of the current Period at `now`, which is the time by the clock of the MPD. Their segments
/// include those of the Representation with the same id in earlier Periods.
#[must_use]
pub fn renditions_at(mpd: &Mpd, now: Timestamp) -> Vec<RenditionSnapshot> {
    let Some(main) = current_period(mpd, now) else { return Vec::new() };
    let most = (MAX_SEGMENTS_IN_ALL / playable_representations(main).count().max(1)).clamp(8, super::MAX_SEGMENTS);
    let newest_first = mpd.periods.iter().rev().skip_while(|p| !std::ptr::eq(*p, main));
    let earlier: Vec<&Period> = newest_first.filter(|p| std::ptr::eq(*p, main) || begun(mpd, p, now)).collect();
    let index: Vec<Index<'_>> = earlier.iter().map(|p| Index::of(p)).collect();
    let mut snapshots: Vec<RenditionSnapshot> = Vec::new();
    for (set, representation) in playable_representations(main) {
        let pieces: Vec<_> = index.iter().map_while(|index| index.same(mpd, set, representation)).collect();
        snapshots.push(RenditionSnapshot::of(rendition(set, representation), &pieces, now, most));
    }
    let mut renditions: Vec<&mut Rendition> = snapshots.iter_mut().map(|o| &mut o.rendition).collect();
    labels::assign_at_first_sight(&mut renditions, &mut []);
    mark(&mut snapshots, splices::markers(mpd));
    snapshots
}

/// Adds the MPD's ad markers to the video renditions, or to all renditions if there is no video.
fn mark(snapshots: &mut [RenditionSnapshot], markers: Vec<Marker>) {
    let video = snapshots.iter().any(|o| o.rendition.media == Media::Video);
    for snapshot in snapshots.iter_mut().filter(|o| !video || o.rendition.media == Media::Video) {
        snapshot.timeline.markers.clone_from(&markers);
    }
}

/// Longest time before its start for which a presentation already has renditions. Clocks differ, and ffmpeg first
/// analyses its input, then declares the end of this analysis as the start of the presentation.
const SOON: Seconds = Seconds(10.0);

/// Returns the newest Period that has begun and has available segments; else the newest that has begun and lists segments
/// for later; else the newest that has begun; else the first, if it begins within 10 s. `None` otherwise. A segment whose end has
/// left the time-shift buffer counts as available for its own duration only if no Period has a newer one.
#[must_use]
pub fn current_period(mpd: &Mpd, now: Timestamp) -> Option<&Period> {
    let newest_first = || mpd.periods.iter().rev().filter(|p| begun(mpd, p, now));
    let has = |p: &Period, listed| playable_representations(p).any(|(_, r)| newest(mpd, p, r, now, listed).is_some());
    let has_available = |p: &&Period| has(p, Listed::Available);
    let has_leaving = |p: &&Period| has(p, Listed::Leaving);
    let has_listed = |p: &&Period| has(p, Listed::All);
    let soon = || mpd.periods.first().filter(|p| begun(mpd, p, SOON.after(now)));
    let listed = || newest_first().find(has_listed).or_else(|| newest_first().next());
    newest_first().find(has_available).or_else(|| newest_first().find(has_leaving)).or_else(listed).or_else(soon)
}

/// Which segments of a live SegmentTimeline are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listed {
    /// Those that are available by the clock and end within the time-shift buffer.
    Available,
    /// Those that are available by the clock. A segment is available for its own duration after its end has left the time-shift
    /// buffer (ISO/IEC 23009-1 5.3.9.5.3), but packagers may remove it earlier. With a buffer that is shorter than a segment, or than
    /// the delay of the list, there is no other segment at times.
    Leaving,
    /// All that are listed, although their time may not have come.
    All,
}

/// Iterates over the Representations that players can select for normal playback, with their AdaptationSets. Trick
/// play, thumbnails for seeking, timed metadata, and Representations with an unsupported EssentialProperty are left out.
pub fn playable_representations(period: &Period) -> impl Iterator<Item = (&AdaptationSet, &Representation)> {
    let image = |r: &Representation| r.mime_type.as_deref().is_some_and(|m| m.starts_with("image/"));
    let sets = period.sets.iter().filter(|set| !set.trick_play && set.unsupported_property.is_none());
    let all = sets.flat_map(|set| set.representations.iter().map(move |r| (set, r)));
    all.filter(move |(_, r)| !image(r) && !is_metadata(r) && r.foreign.is_none())
}

/// Sample entries of timed metadata: event messages, data named by a URI, text and XML (ISO/IEC 23001-18 7, ISO/IEC 14496-12 12.3.3).
const METADATA: &[&str] = &["evte", "urim", "mett", "metx"];

fn is_metadata(representation: &Representation) -> bool {
    let entry = |codec: &String| METADATA.contains(&codec.split('.').next().unwrap_or_default());
    representation.codecs.first().is_some_and(entry)
}

fn begun(mpd: &Mpd, period: &Period, now: Timestamp) -> bool {
    let since = |at: Timestamp| period.start.is_some_and(|start| start.after(at) <= now);
    if mpd.dynamic { mpd.availability_start.is_some_and(since) } else { period.start.is_some() }
}

fn newest(
    mpd: &Mpd,
    period: &Period,
    representation: &Representation,
    now: Timestamp,
    listed: Listed,
) -> Option<SegmentSpan> {
    let addressing = &representation.addressing;
    segment_spans(addressing, stretch(mpd, period, addressing, now)?.with(listed), 1).0.pop()
}

impl TickWindow {
    fn with(self, listed: Listed) -> Self {
        match listed {
            Listed::Available => self,
            Listed::Leaving => Self { holds_ended: true, ..self },
            Listed::All => Self { listed_until: FAR, ..self },
        }
    }
}

/// Representations of a Period by kind of media and id. An id should be unique in its Period, but packagers repeat it
/// in the AdaptationSets of several languages.
struct Index<'m> {
    period: &'m Period,
    by_id: HashMap<(Media, &'m str), Vec<(&'m AdaptationSet, &'m Representation)>>,
}

impl<'m> Index<'m> {
    fn of(period: &'m Period) -> Self {
        let mut by_id: HashMap<_, Vec<_>> = HashMap::new();
        for (set, representation) in playable_representations(period) {
            by_id.entry((set.media, representation.id.as_str())).or_default().push((set, representation));
        }
        Self { period, by_id }
    }

    /// Returns the continuation of a Representation in this Period: itself, or the most similar one with the same id.
    /// `None` without one.
    fn same(&self, mpd: &'m Mpd, set: &AdaptationSet, representation: &Representation) -> Option<Piece<'m>> {
        let equal = self.by_id.get(&(set.media, representation.id.as_str()))?;
        let likeness = |(own, r): &&(&AdaptationSet, &Representation)| {
            let same_kind = (own.language == set.language, r.resolution == representation.resolution);
            (std::ptr::eq(*r, representation), same_kind)
        };
        let (own, representation) = *equal.iter().rev().max_by_key(likeness)?;
        Some(Piece::new(mpd, self.period, own, representation))
    }
}

/// The part of a Representation in one Period.
pub(super) struct Piece<'m> {
    mpd: &'m Mpd,
    period: &'m Period,
    representation: &'m Representation,
    /// Initialization segment and key of all segments of this part.
    map: Option<Arc<Map>>,
    key: Option<Arc<Key>>,
    keys: Arc<[Key]>,
}

/// Returns which segments of a rendition are looked at. `pieces` are its Representation in each Period.
fn listed_in(pieces: &[Piece<'_>], now: Timestamp) -> Listed {
    let has = |listed| pieces.iter().any(|p| p.newest(now, listed).is_some());
    let is_early = || pieces.first().is_some_and(|p| p.is_early(now));
    match () {
        () if has(Listed::Available) => Listed::Available,
        () if has(Listed::Leaving) => Listed::Leaving,
        () if is_early() => Listed::All,
        () => Listed::Available,
    }
}

impl RenditionSnapshot {
    /// Makes the snapshot of one rendition over several Periods. `pieces` are its Representation in each Period, the
    /// newest Period first. At most the newest `most` segments are listed.
    fn of(rendition: Rendition, pieces: &[Piece<'_>], now: Timestamp, most: usize) -> Self {
        let listed = listed_in(pieces, now);
        let mut newest_first: Vec<Segment> = Vec::new();
        let mut base_urls: Vec<BaseUrls> = Vec::new();
        let mut oldest = None;
        for piece in pieces {
            let (mut segments, first) = piece.segments(now, listed, most - newest_first.len().min(most));
            let Some(first) = first else { continue };
            let base = &piece.representation.base;
            let has_others = !base.others.is_empty() || base.without_location.is_some();
            if has_others && !base_urls.contains(base) {
                base_urls.push(base.clone());
            }
            if let Some(begin) = segments.first_mut().filter(|s| s.number == first.number) {
                // Media times of another Period are another timeline.
                begin.discontinuity = true;
            }
            oldest = Some(first).filter(|_| listed != Listed::Leaving);
            newest_first.extend(segments.into_iter().rev());
        }
        newest_first.reverse();
        let mut segments = newest_first;
        let mut before = None;
        for segment in &mut segments {
            segment.after = before.replace(segment.number);
            segment.discontinuity &= segment.after.is_some();
        }
        let ended = pieces.first().is_none_or(|p| p.mpd.has_ended(now));
        let media_sequence = segments.first().map_or(0, |s| s.number);
        Self {
            rendition,
            timeline: Timeline { media_sequence, ended, segments, ..Timeline::default() },
            oldest,
            base_urls,
            is_counted: pieces.first().is_some_and(|p| p.representation.addressing.listed_end().is_none()),
        }
    }
}

impl<'m> Piece<'m> {
    pub(super) fn new(
        mpd: &'m Mpd,
        period: &'m Period,
        set: &AdaptationSet,
        representation: &'m Representation,
    ) -> Self {
        let keys = keys::content_keys(set, representation);
        let key = keys.first().map(|key| Arc::new(Key { uri: None, ..key.clone() }));
        let initialization = representation.addressing.initialization.as_ref();
        let uri = |url: &Url| representation.query.apply(url.clone());
        let map = initialization.map(|m| Arc::new(Map { uri: uri(&m.url), byte_range: m.range, key: None }));
        Self { mpd, period, representation, map, key, keys }
    }

    /// The newest `most` segments that end after `now` and at the latest `ahead` after it, oldest first.
    pub(super) fn segments_after(&self, now: Timestamp, ahead: Seconds, most: usize) -> Vec<Segment> {
        let addressing = &self.representation.addressing;
        let at = |now| stretch(self.mpd, self.period, addressing, now);
        let Some((from, until)) = at(now).zip(at(ahead.after(now))) else { return Vec::new() };
        // The window's end is its beginning here: what has ended by `now` is whole.
        self.segments_in(TickWindow { from: from.until, ..until }, most).0
    }

    fn newest(&self, now: Timestamp, listed: Listed) -> Option<SegmentSpan> {
        newest(self.mpd, self.period, self.representation, now, listed)
    }

    /// Returns whether the SegmentTimeline begins in the future although the Period had begun long before its first segment: the
    /// packager works, and its clock or availabilityStartTime is off. Players that go by the list play it.
    fn is_early(&self, now: Timestamp) -> bool {
        let addressing = &self.representation.addressing;
        let Some((first, last)) = addressing.segments.runs().and_then(|runs| runs.first().zip(runs.last())) else {
            return false;
        };
        let Some(window) = stretch(self.mpd, self.period, addressing, now) else { return false };
        let (begin, long) = (i128::from(first.start), i128::from(last.duration));
        let at_the_period_s_start = begin < i128::from(addressing.presentation_time_offset) + long;
        !at_the_period_s_start && begin > window.listed_until.saturating_add(2 * long)
    }

    fn segments(&self, now: Timestamp, listed: Listed, most: usize) -> (Vec<Segment>, Option<Segment>) {
        let addressing = &self.representation.addressing;
        let Some(stretch) = stretch(self.mpd, self.period, addressing, now) else { return (Vec::new(), None) };
        let (mut segments, first) = self.segments_in(stretch.with(listed), most);
        if self.mpd.dynamic && !addressing.availability_time_complete && listed != Listed::All {
            // A SegmentTimeline lists the segment that is being made, too.
            segments.retain(|s| s.program_date_time.is_none_or(|start| s.duration.after(start) <= now));
        }
        (segments, first)
    }

    /// The newest `most` segments in a window of media time, oldest first, and the oldest segment in it.
    fn segments_in(&self, window: TickWindow, most: usize) -> (Vec<Segment>, Option<Segment>) {
        let addressing = &self.representation.addressing;
        let SegmentScheme::Listed(listing) = &addressing.segments else { return (Vec::new(), None) };
        let (spans, first) = segment_spans(addressing, window, most);
        let segment = |span| self.segment(listing, span);
        let segments: Vec<Segment> = spans.into_iter().filter_map(segment).collect();
        // The first one may lie before the beginning of the presentation.
        let first = first.and_then(segment).or_else(|| segments.first().cloned());
        (segments, first)
    }

    fn segment(&self, listing: &SegmentListing, span: SegmentSpan) -> Option<Segment> {
        let Self { mpd, period, representation, map, key, keys } = self;
        let addressing = &representation.addressing;
        let presented = timing::presentation_time(period, addressing, span)?;
        let duration = Seconds(span.duration as f64 / f64::from(addressing.timescale.get()));
        if presented.0 + duration.0 <= 0.0 {
            // Before the presentation begins nothing plays, and numbers are times after its beginning.
            return None;
        }
        let (url, byte_range) = match &listing.urls {
            SegmentUrls::Template(template) => {
                let bandwidth = representation.bandwidth.unwrap_or(0);
                let values = TemplateValues {
                    representation: &representation.id,
                    bandwidth,
                    number: span.number,
                    time: span.start,
                };
                (representation.base.first.join(&template.fill(values)).ok()?, None)
            }
            SegmentUrls::List(urls) => {
                let place = span.number.checked_sub(listing.start_number)?;
                let resource = urls.get(usize::try_from(place).ok()?)?;
                (resource.url.clone(), resource.range)
            }
        };
        Some(Segment {
            number: whole_milliseconds(presented),
            after: None,
            discontinuity_sequence: period.discontinuity_sequence(),
            uri: representation.query.apply(url),
            byte_range,
            duration,
            discontinuity: false,
            program_date_time: mpd.availability_start.filter(|_| mpd.dynamic).map(|at| presented.after(at)),
            gap: false,
            map: map.clone(),
            key: key.clone(),
            keys: keys.clone(),
            bit_rate: None,
            media_start: media_start(addressing, listing, span),
            line: representation.line,
        })
    }
}

fn whole_milliseconds(time: Seconds) -> u64 {
    (time.0 * 1000.0).max(0.0).round() as u64
}

impl Period {
    /// Returns the discontinuity sequence number of the Period's segments: its start in whole seconds, because the numbers of Periods
    /// change when old ones leave the MPD, and packagers calculate starts anew.
    #[must_use]
    pub fn discontinuity_sequence(&self) -> u64 {
        self.start.map_or(0, |start| whole_milliseconds(start).saturating_add(500) / 1000)
    }
}

/// Returns the start of a segment in media time. `None` if it is beyond 63 bits.
fn media_start(addressing: &SegmentAddressing, listing: &SegmentListing, span: SegmentSpan) -> Option<MediaStart> {
    let at = MediaTime::new(i64::try_from(span.start).ok()?, addressing.timescale);
    Some(MediaStart { at, nominal: matches!(listing.timing, SegmentTiming::Fixed(_)) })
}

/// A time in ticks that is later than every time that an MPD can contain.
const FAR: i128 = i128::MAX / 4;

/// Time before its availability for which the end of a SegmentTimeline counts as available: packagers that list a segment when they
/// have made it round availabilityStartTime. Of a list that goes on further, the clock says what is available.
const LIST_GRACE: Seconds = Seconds(1.0);

/// Returns the window of media time that is available at `now`. `None` if the start of the Period is unknown.
fn stretch(mpd: &Mpd, period: &Period, addressing: &SegmentAddressing, now: Timestamp) -> Option<TickWindow> {
    let start = period.start?;
    let ticks = |seconds: Seconds| {
        let offset = i128::from(addressing.presentation_time_offset);
        let scaled = (seconds.0 * f64::from(addressing.timescale.get())).round();
        (scaled as i128).clamp(-FAR, FAR) + offset
    };
    let end = period.duration.map_or(FAR, ticks);
    if !mpd.dynamic {
        let until = if period.duration.is_some() || names_its_end(addressing) { FAR } else { 0 };
        return Some(TickWindow { from: -FAR, holds_ended: false, until, listed_until: FAR, end });
    }
    let elapsed = Seconds::between(mpd.availability_start?, now) - start;
    let from = mpd.time_shift_buffer_depth.map_or(-FAR, |depth| ticks(elapsed - depth));
    let until = ticks(elapsed + timing::live_edge_offset(period, addressing));
    let grace = (LIST_GRACE.0 * f64::from(addressing.timescale.get())) as i128;
    let listed_end = addressing.segments.runs().and_then(|runs| runs.last()?.end()).map(i128::from);
    let listed_until = listed_end.filter(|end| *end <= until + grace).map_or(until, |end| end.max(until));
    Some(TickWindow { from, holds_ended: false, until, listed_until, end })
}

/// Returns by how much later than the standard says the segments of a SegmentList begin at `now`, because its startNumber moves within
/// the Period. `None` if the list stands where the standard places it, or isn't a SegmentList with `@duration`.
#[must_use]
pub fn renumbered_by(mpd: &Mpd, period: &Period, addressing: &SegmentAddressing, now: Timestamp) -> Option<Seconds> {
    let SegmentScheme::Listed(listing) = &addressing.segments else { return None };
    let (window, offset) = (stretch(mpd, period, addressing, now)?, addressing.presentation_time_offset);
    let run = renumbered_list(listing, offset, window.with(Listed::Leaving))?;
    Some(Seconds((run.start - offset) as f64 / f64::from(addressing.timescale.get())))
}

/// Returns where the list of segments ends after the start of the Period at `now`, and the duration of the last segment in it.
/// `None` if the MPD has no explicit list ([`SegmentAddressing::listed_end`]).
#[must_use]
pub fn listed_end_at(
    mpd: &Mpd,
    period: &Period,
    addressing: &SegmentAddressing,
    now: Timestamp,
) -> Option<(Seconds, Seconds)> {
    let (end, last) = addressing.listed_end()?;
    Some((end + renumbered_by(mpd, period, addressing, now).unwrap_or(Seconds::ZERO), last))
}

fn names_its_end(addressing: &SegmentAddressing) -> bool {
    let SegmentScheme::Listed(listing) = &addressing.segments else { return false };
    listing.end_number.is_some() || matches!(listing.urls, SegmentUrls::List(_))
}

fn rendition(set: &AdaptationSet, representation: &Representation) -> Rendition {
    Rendition {
        id: Some(labels::slug(&representation.id)).filter(|id| !id.is_empty()),
        title: set.label.clone(),
        bandwidth: representation.bandwidth.map(BitsPerSecond),
        codecs: representation.codecs.clone(),
        resolution: representation.resolution,
        frame_rate: representation.frame_rate,
        language: set.language.clone(),
        group: Some(clock_of(&representation.addressing)),
        video_range: video_range::video_range(set),
        captions: captions(set),
        uninspected: representation.uninspected,
        channels: representation.channels.as_ref().and_then(channels::announced),
        channels_by_index: representation.channels.as_ref().and_then(channels::by_index),
        is_main: is_main(set),
        line: Some(representation.line),
        ..Rendition::new(set.media, identity(set.media, representation))
    }
}

fn identity(media: Media, representation: &Representation) -> RenditionIdentity {
    match representation.id.as_str() {
        "" => RenditionIdentity::place(media.as_str()),
        id => RenditionIdentity::representation(media, id),
    }
}

/// Returns `Some(true)` if Accessibility announces closed captions (SCTE 214-1). `None` if the MPD doesn't say.
fn captions(set: &AdaptationSet) -> Option<bool> {
    let closed = |d: &Descriptor| {
        d.scheme.starts_with("urn:scte:dash:cc:cea-608") || d.scheme.starts_with("urn:scte:dash:cc:cea-708")
    };
    (set.media == Media::Video && set.accessibility.iter().any(closed)).then_some(true)
}

/// Scheme of the roles that players know (ISO/IEC 23009-1 5.8.5.5).
const ROLE: &str = "urn:mpeg:dash:role:2011";
/// Scheme of audio for viewers with impairments, such as an audio description (ETSI TS 103 285 6.1.2).
const AUDIO_PURPOSE: &str = "urn:tva:metadata:cs:AudioPurposeCS:2007";

/// Returns whether one of the AdaptationSet's roles is `main`. `None` if it has neither a role nor Accessibility for some viewers.
fn is_main(set: &AdaptationSet) -> Option<bool> {
    let is_main = |d: &Descriptor| d.scheme == ROLE && d.value.as_deref() == Some("main");
    let has_role = set.roles.iter().any(|d| d.scheme == ROLE);
    let is_for_some = set.accessibility.iter().any(|d| d.scheme == ROLE || d.scheme == AUDIO_PURPOSE);
    (has_role || is_for_some).then(|| set.roles.iter().any(is_main))
}

/// Returns the group of renditions whose media times can be compared: those with the same presentationTimeOffset.
fn clock_of(addressing: &SegmentAddressing) -> String {
    let scale = u128::from(addressing.timescale.get());
    format!("offset-{}ms", u128::from(addressing.presentation_time_offset) * 1000 / scale)
}
