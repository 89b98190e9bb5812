//! An MPD at one instant → renditions with their timelines, as the playlists of HLS become them.

use super::model::{
    AdaptationSet, Addressing, Descriptor, Listing, Mpd, Pace, Period, Representation, Segments, Source,
};
use super::spans::{Span, Stretch, spans};
use super::template::Values;
use super::timing;
use super::{keys, range, splices};
use crate::stream::ads::Marker;
use crate::stream::{Key, Map, Media, MediaStart, Rendition, Segment, Timeline, names};
use crate::units::{BitsPerSecond, MediaTime, Seconds, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

/// Segments of all renditions together: each has a URL of its own.
const MAX_SEGMENTS_IN_ALL: usize = 50_000;

/// One rendition as it is at that instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    pub rendition: Rendition,
    /// At most [`super::MAX_SEGMENTS`], the newest. Numbers are milliseconds on the presentation's timeline, so that they
    /// stay the same from one update to the next and from Period to Period, whatever the addressing.
    pub timeline: Timeline,
    /// The oldest that is to be there, also where [`Self::timeline`] begins later.
    pub oldest: Option<Segment>,
}

/// The rungs of the newest Period that has begun and has segments. `now` is the time by the clock that the MPD means.
/// Segments of earlier Periods are those of the same Representation, or of the same place where ids changed.
#[must_use]
pub fn outline(mpd: &Mpd, now: Timestamp) -> Vec<Outline> {
    let Some(main) = playing(mpd, now) else { return Vec::new() };
    let most = (MAX_SEGMENTS_IN_ALL / rungs(main).count().max(1)).clamp(8, super::MAX_SEGMENTS);
    let newest_first = mpd.periods.iter().rev().skip_while(|p| !std::ptr::eq(*p, main));
    let earlier: Vec<&Period> = newest_first.filter(|p| std::ptr::eq(*p, main) || begun(mpd, p, now)).collect();
    let index: Vec<Index<'_>> = earlier.iter().map(|p| Index::of(p)).collect();
    let mut outlines: Vec<Outline> = Vec::new();
    for (set, representation) in rungs(main) {
        let pieces: Vec<_> = index.iter().map_while(|index| index.same(mpd, set, representation)).collect();
        outlines.push(Outline::of(rendition(set, representation), &pieces, now, most));
    }
    unique(&mut outlines);
    mark(&mut outlines, splices::markers(mpd));
    outlines
}

/// The MPD's ad markers are those of every picture; of sound where there is nothing else.
fn mark(outlines: &mut [Outline], markers: Vec<Marker>) {
    let video = outlines.iter().any(|o| o.rendition.media == Media::Video);
    for outline in outlines.iter_mut().filter(|o| !video || o.rendition.media == Media::Video) {
        outline.timeline.markers.clone_from(&markers);
    }
}

/// A presentation that begins within this has its rungs already: clocks differ, and ffmpeg dates what it writes by the end
/// of its first look at the input.
const SOON: Seconds = Seconds(10.0);

/// The newest Period that has begun and has segments, or else the newest that has begun, or else the first, which begins soon.
#[must_use]
pub fn playing(mpd: &Mpd, now: Timestamp) -> Option<&Period> {
    let newest_first = || mpd.periods.iter().rev().filter(|p| begun(mpd, p, now));
    let has_segments = |p: &&Period| rungs(p).any(|(_, r)| newest(mpd, p, r, now).is_some());
    let soon = || mpd.periods.first().filter(|p| begun(mpd, p, SOON.after(now)));
    newest_first().find(has_segments).or_else(|| newest_first().next()).or_else(soon)
}

/// Trick play and pictures for seeking are no rungs, nor is what players have to pass over.
pub fn rungs(period: &Period) -> impl Iterator<Item = (&AdaptationSet, &Representation)> {
    let image = |r: &Representation| r.mime_type.as_deref().is_some_and(|m| m.starts_with("image/"));
    let sets = period.sets.iter().filter(|set| !set.trick && set.foreign.is_none());
    let all = sets.flat_map(|set| set.representations.iter().map(move |r| (set, r)));
    all.filter(move |(_, r)| !image(r) && r.foreign.is_none())
}

fn begun(mpd: &Mpd, period: &Period, now: Timestamp) -> bool {
    let since = |at: Timestamp| period.start.is_some_and(|start| start.after(at) <= now);
    if mpd.dynamic { mpd.availability_start.is_some_and(since) } else { period.start.is_some() }
}

fn newest(mpd: &Mpd, period: &Period, representation: &Representation, now: Timestamp) -> Option<Span> {
    spans(&representation.addressing, stretch(mpd, period, &representation.addressing, now)?, 1).0.pop()
}

/// A Period's Representations by who they are.
struct Index<'m> {
    period: &'m Period,
    by_id: HashMap<(Media, &'m str), (&'m AdaptationSet, &'m Representation)>,
}

impl<'m> Index<'m> {
    fn of(period: &'m Period) -> Self {
        let by_id = rungs(period).map(|(set, r)| ((set.media, r.id.as_str()), (set, r))).collect();
        Self { period, by_id }
    }

    fn same(&self, mpd: &'m Mpd, set: &AdaptationSet, representation: &Representation) -> Option<Piece<'m>> {
        let (own, representation) = *self.by_id.get(&(set.media, representation.id.as_str()))?;
        Some(Piece { mpd, period: self.period, representation, keys: keys::of(own, representation) })
    }
}

struct Piece<'m> {
    mpd: &'m Mpd,
    period: &'m Period,
    representation: &'m Representation,
    keys: Arc<[Key]>,
}

impl Outline {
    /// `pieces`: newest Period first.
    fn of(rendition: Rendition, pieces: &[Piece<'_>], now: Timestamp, most: usize) -> Self {
        let mut newest_first: Vec<Segment> = Vec::new();
        let mut oldest = None;
        for piece in pieces {
            let (mut segments, first) = piece.segments(now, most - newest_first.len().min(most));
            let Some(first) = first else { continue };
            if let Some(begin) = segments.first_mut().filter(|s| s.number == first.number) {
                // Another Period is another timeline.
                begin.discontinuity = true;
            }
            oldest = Some(first);
            newest_first.extend(segments.into_iter().rev());
        }
        newest_first.reverse();
        let mut segments = newest_first;
        let mut before = None;
        for segment in &mut segments {
            segment.after = before.replace(segment.number);
            segment.discontinuity &= segment.after.is_some();
        }
        let ended =
            pieces.first().is_none_or(|p| !p.mpd.dynamic || p.mpd.availability_end.is_some_and(|end| end <= now));
        let media_sequence = segments.first().map_or(0, |s| s.number);
        Self { rendition, timeline: Timeline { media_sequence, ended, segments, ..Timeline::default() }, oldest }
    }
}

impl Piece<'_> {
    fn segments(&self, now: Timestamp, most: usize) -> (Vec<Segment>, Option<Segment>) {
        let addressing = &self.representation.addressing;
        let Some(stretch) = stretch(self.mpd, self.period, addressing, now) else { return (Vec::new(), None) };
        let Segments::Listed(listing) = &addressing.segments else { return (Vec::new(), None) };
        let (spans, first) = spans(addressing, stretch, most);
        let segment = |span| self.segment(listing, span);
        (spans.into_iter().filter_map(segment).collect(), first.and_then(segment))
    }

    fn segment(&self, listing: &Listing, span: Span) -> Option<Segment> {
        let Self { mpd, period, representation, keys } = self;
        let addressing = &representation.addressing;
        let presented = timing::presented(period, addressing, span)?;
        let (uri, byte_range) = match &listing.source {
            Source::Template(template) => {
                let bandwidth = representation.bandwidth.unwrap_or(0);
                let values =
                    Values { representation: &representation.id, bandwidth, number: span.number, time: span.start };
                (representation.base.join(&template.fill(values)).ok()?, None)
            }
            Source::Urls(urls) => {
                let place = span.number.checked_sub(listing.start_number)?;
                let resource = urls.get(usize::try_from(place).ok()?)?;
                (resource.url.clone(), resource.range)
            }
        };
        let map = addressing.initialization.as_ref();
        Some(Segment {
            number: (presented.0 * 1000.0).max(0.0).round() as u64,
            after: None,
            discontinuity_sequence: 0,
            uri,
            byte_range,
            duration: Seconds(span.duration as f64 / f64::from(addressing.timescale.get())),
            discontinuity: false,
            program_date_time: mpd.availability_start.filter(|_| mpd.dynamic).map(|at| presented.after(at)),
            gap: false,
            map: map.map(|m| Map { uri: m.url.clone(), byte_range: m.range, key: None }),
            key: keys.first().map(|key| Key { uri: None, ..key.clone() }),
            keys: keys.clone(),
            bit_rate: None,
            media_start: media_start(addressing, listing, span),
            line: representation.line,
        })
    }
}

/// `None` beyond what a media time can say.
fn media_start(addressing: &Addressing, listing: &Listing, span: Span) -> Option<MediaStart> {
    let at = MediaTime::new(i64::try_from(span.start).ok()?, addressing.timescale);
    Some(MediaStart { at, nominal: matches!(listing.pace, Pace::Fixed(_)) })
}

/// Beyond every time that an MPD can name.
const FAR: i128 = i128::MAX / 4;

/// What is to be there now. `None`: the Period's place in time isn't known.
fn stretch(mpd: &Mpd, period: &Period, addressing: &Addressing, now: Timestamp) -> Option<Stretch> {
    let start = period.start?;
    let ticks = |seconds: Seconds| {
        let offset = i128::from(addressing.presentation_time_offset);
        let scaled = (seconds.0 * f64::from(addressing.timescale.get())).round();
        (scaled as i128).clamp(-FAR, FAR) + offset
    };
    let end = period.duration.map_or(FAR, ticks);
    if !mpd.dynamic {
        let until = if period.duration.is_some() || names_its_end(addressing) { FAR } else { 0 };
        return Some(Stretch { from: -FAR, until, end });
    }
    let elapsed = Seconds::between(mpd.availability_start?, now) - start;
    let from = mpd.time_shift_buffer_depth.map_or(-FAR, |depth| ticks(elapsed - depth));
    let early = if is_indexed(addressing) { Seconds::ZERO } else { timing::early(addressing) };
    Some(Stretch { from, until: ticks(elapsed + early), end })
}

/// However early all of a file is there, a player comes to each of its parts in time.
fn is_indexed(addressing: &Addressing) -> bool {
    matches!(&addressing.segments, Segments::Listed(Listing { pace: Pace::Indexed(_), .. }))
}

fn names_its_end(addressing: &Addressing) -> bool {
    let Segments::Listed(listing) = &addressing.segments else { return false };
    listing.end_number.is_some() || matches!(listing.source, Source::Urls(_))
}

fn rendition(set: &AdaptationSet, representation: &Representation) -> Rendition {
    let mut rendition = Rendition {
        name: String::new(),
        media: set.media,
        uri: None,
        id: Some(names::slug(&representation.id)).filter(|id| !id.is_empty()),
        bandwidth: representation.bandwidth.map(BitsPerSecond),
        average_bandwidth: None,
        codecs: representation.codecs.clone(),
        resolution: representation.resolution,
        frame_rate: representation.frame_rate,
        language: set.language.clone(),
        group: Some(clock_of(&representation.addressing)),
        video_range: range::of(set),
        captions: captions(set),
        supplemental: Vec::new(),
        channels: representation.channels.as_ref().and_then(|c| c.value.clone()),
        line: Some(representation.line),
    };
    let label = set.language.as_deref().or(set.label.as_deref()).unwrap_or_default();
    rendition.name = names::base_name(&rendition, label);
    rendition
}

/// Closed captions announced by Accessibility (SCTE 214-1); silence about them says nothing.
fn captions(set: &AdaptationSet) -> Option<bool> {
    let closed = |d: &Descriptor| {
        d.scheme.starts_with("urn:scte:dash:cc:cea-608") || d.scheme.starts_with("urn:scte:dash:cc:cea-708")
    };
    (set.media == Media::Video && set.accessibility.iter().any(closed)).then_some(true)
}

/// Renditions play together whose media times mean the same: those with one presentationTimeOffset.
fn clock_of(addressing: &Addressing) -> String {
    let scale = u128::from(addressing.timescale.get());
    format!("offset-{}ms", u128::from(addressing.presentation_time_offset) * 1000 / scale)
}

fn unique(outlines: &mut [Outline]) {
    let mut renditions: Vec<Rendition> = outlines.iter().map(|o| o.rendition.clone()).collect();
    names::make_unique(&mut renditions);
    for (outline, rendition) in outlines.iter_mut().zip(renditions) {
        outline.rendition = rendition;
    }
}
