//! Bytes of the segments that a probe decodes: those of one video rendition and one audio rendition of an output, kept until
//! the probe ends.

use bytes::Bytes;
use packager_media::stream::{Media, Rendition, RenditionIdentity};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Largest size of a segment whose bytes are kept.
pub(crate) const MAX_SEGMENT_BYTES: usize = 32 << 20;
/// Largest number of bytes that are kept of one output that has its turn.
const MAX_BYTES: usize = 48 << 20;
/// Lowest height in pixels of a picture that is worth decoding: smaller ones hide what a viewer sees on a screen.
const LEAST_HEIGHT: u32 = 240;

/// Renditions of an output that are decoded, and the bytes of their segments.
#[derive(Debug)]
pub(crate) struct KeptMedia {
    /// Largest number of bytes that are kept.
    most: usize,
    state: Mutex<KeptState>,
}

#[derive(Debug, Default)]
struct KeptState {
    decoded: DecodedRenditions,
    segments: Vec<KeptSegment>,
    bytes: usize,
}

/// Renditions of an output whose picture and sound stand for all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct DecodedRenditions {
    /// The lowest video rendition that shows enough; `None` if the output has no video.
    pub(crate) video: Option<RenditionIdentity>,
    /// The audio rendition; `None` if no rendition is audio alone.
    pub(crate) audio: Option<RenditionIdentity>,
}

/// The clear bytes of one segment.
#[derive(Debug, Clone)]
pub(crate) struct KeptSegment {
    pub(crate) rendition: RenditionIdentity,
    pub(crate) number: u64,
    pub(crate) bytes: Arc<Bytes>,
}

impl KeptMedia {
    /// Makes the store for the segments of an output that has its turn to be decoded.
    pub(crate) fn of_turn() -> Self {
        Self { most: MAX_BYTES, state: Mutex::default() }
    }

    /// Makes the store for at most `most` bytes of an output that is decoded only if its picture is suspected to stand
    /// still. With 0 it keeps nothing.
    pub(crate) fn of_watched(most: usize) -> Self {
        Self { most, state: Mutex::default() }
    }

    /// Sets which renditions are decoded.
    pub(super) fn choose(&self, decoded: DecodedRenditions) {
        self.lock().decoded = decoded;
    }

    /// Largest size of a segment that is kept; 0 if none is.
    pub(crate) fn largest_segment(&self) -> usize {
        self.most.min(MAX_SEGMENT_BYTES)
    }

    pub(super) fn wants(&self, rendition: &RenditionIdentity) -> bool {
        let state = self.lock();
        [&state.decoded.video, &state.decoded.audio].into_iter().flatten().any(|wanted| wanted == rendition)
    }

    /// Keeps the bytes of a segment, in place of older segments of its rendition if there is no room for them.
    pub(super) fn keep(&self, rendition: &RenditionIdentity, number: u64, bytes: Arc<Bytes>) {
        let mut state = self.lock();
        while bytes.len() > self.most.saturating_sub(state.bytes) {
            let older = |kept: &&KeptSegment| kept.rendition == *rendition && kept.number < number;
            let Some(oldest) = state.segments.iter().filter(older).map(|kept| kept.number).min() else { return };
            state.segments.retain(|kept| kept.rendition != *rendition || kept.number != oldest);
            state.bytes = state.segments.iter().map(|kept| kept.bytes.len()).sum();
        }
        state.bytes += bytes.len();
        state.segments.push(KeptSegment { rendition: rendition.clone(), number, bytes });
    }

    /// Returns the renditions to decode and takes the kept segments.
    pub(crate) fn take(&self) -> (DecodedRenditions, Vec<KeptSegment>) {
        let mut state = self.lock();
        state.bytes = 0;
        (state.decoded.clone(), std::mem::take(&mut state.segments))
    }

    fn lock(&self) -> MutexGuard<'_, KeptState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DecodedRenditions {
    /// Chooses the renditions to decode. A lost input shows in every rung, so the cheapest one is decoded.
    pub(super) fn of<'a>(renditions: impl Iterator<Item = &'a Rendition> + Clone) -> Self {
        let inspected = renditions.filter(|r| r.uninspected.is_none());
        let video = inspected.clone().filter(|r| r.media == Media::Video);
        let height = |r: &Rendition| r.resolution.map_or(u32::MAX, |resolution| resolution.height);
        let cost = |r: &&Rendition| (height(r), r.bandwidth.map_or(u64::MAX, |rate| rate.0));
        let lowest = video.clone().filter(|r| height(r) >= LEAST_HEIGHT).min_by_key(cost);
        let video = lowest.or_else(|| video.max_by_key(cost));
        // The media of audio that has neither a playlist nor a place in an MPD of its own are in the video's segments.
        let own_media = |r: &&Rendition| r.media == Media::Audio && (r.uri.is_some() || r.bandwidth.is_some());
        let of_group = |r: &&Rendition| video.is_none_or(|video| video.group == r.group || video.shares_group(r));
        let mut audio = inspected.filter(own_media);
        let audio = audio.clone().find(of_group).or_else(|| audio.next());
        let identity = |r: &Rendition| r.identity.clone();
        Self { video: video.map(identity), audio: audio.map(identity) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packager_media::stream::Resolution;
    use packager_media::units::BitsPerSecond;

    fn video(height: u32) -> Rendition {
        let resolution = Some(Resolution { width: height * 16 / 9, height });
        let name = format!("{height}p");
        Rendition { resolution, name: name.clone(), ..Rendition::new(Media::Video, RenditionIdentity::place(&name)) }
    }

    fn audio(name: &str, group: Option<&str>) -> Rendition {
        let (group, bandwidth) = (group.map(str::to_owned), Some(BitsPerSecond(128_000)));
        Rendition { group, bandwidth, ..Rendition::new(Media::Audio, RenditionIdentity::place(name)) }
    }

    fn chosen(renditions: &[Rendition]) -> (Option<RenditionIdentity>, Option<RenditionIdentity>) {
        let DecodedRenditions { video, audio } = DecodedRenditions::of(renditions.iter());
        (video, audio)
    }

    fn named(name: &str) -> Option<RenditionIdentity> {
        Some(RenditionIdentity::place(name))
    }

    #[test]
    fn the_lowest_rung_that_shows_enough_is_decoded() {
        assert_eq!(chosen(&[video(1080), video(360), video(180)]), (named("360p"), None));
        assert_eq!(chosen(&[video(160), video(200)]), (named("200p"), None));
        assert_eq!(chosen(&[]), (None, None));
    }

    #[test]
    fn sound_of_its_own_is_that_of_the_rungs_group() {
        let mut rung = video(360);
        rung.group = Some("b".to_owned());
        let sounds = [audio("vi", Some("a")), audio("vi-b", Some("b")), audio("en", Some("b"))];
        let all: Vec<Rendition> = [rung].into_iter().chain(sounds).collect();
        assert_eq!(chosen(&all), (named("360p"), named("vi-b")));
        assert_eq!(chosen(&[audio("radio", None)]), (None, named("radio")));
        let embedded = Rendition::new(Media::Audio, RenditionIdentity::place("embedded"));
        assert_eq!(chosen(&[video(360), embedded]), (named("360p"), None));
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let kept = KeptMedia::of_turn();
        let rendition = RenditionIdentity::place("360p");
        kept.choose(DecodedRenditions { video: Some(rendition.clone()), audio: None });
        assert!(kept.wants(&rendition) && !kept.wants(&RenditionIdentity::place("720p")));
        assert_eq!(kept.largest_segment(), MAX_SEGMENT_BYTES);
        let bytes = Bytes::from(vec![0; 16 << 20]);
        (0..5).for_each(|number| kept.keep(&rendition, number, bytes.clone().into()));
        let numbers = |kept: &KeptMedia| kept.take().1.iter().map(|segment| segment.number).collect::<Vec<_>>();
        assert_eq!(numbers(&kept), [2, 3, 4], "the newest ones");
        assert!(kept.take().1.is_empty());
        [6, 7, 8, 5].into_iter().for_each(|number| kept.keep(&rendition, number, bytes.clone().into()));
        assert_eq!(numbers(&kept), [6, 7, 8], "an old one takes no newer one's place");
        let watched = KeptMedia::of_watched(100);
        assert_eq!(watched.largest_segment(), 100);
        (0..3).for_each(|number| watched.keep(&rendition, number, bytes.slice(..60).into()));
        watched.keep(&rendition, 3, bytes.slice(..101).into());
        assert_eq!(
            numbers(&watched),
            Vec::<u64>::new(),
            "a large segment leaves no older ones, which are of no use alone"
        );
    }
}
