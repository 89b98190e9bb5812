//! The media that one decode is given: consecutive segments of a rendition, up to the newest one.

use crate::facts::{CodedAmount, DecodedFacts, Decryption, RenditionFacts, SegmentFacts, Undecoded};
use crate::probe::capture::{KeptSegment, MAX_SEGMENT_BYTES};
use bytes::Bytes;
use packager_media::codec::rfc6381::Codec;
use packager_media::container::{Container, Inspection, Track};
use packager_media::stream::{Media, RenditionIdentity};
use packager_media::units::{Seconds, Timestamp};
use packager_signal::{Coded, Decoded, NotDecoded};
use std::sync::Arc;

/// Consecutive segments of one rendition, as the decoder takes them.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) identity: RenditionIdentity,
    pub(super) coded: Coded,
    pub(super) has_picture: bool,
    pub(super) has_sound: bool,
    first: u64,
    last: u64,
    after: Option<u64>,
    longest_segment: Seconds,
    amount: CodedAmount,
}

impl Piece {
    /// Makes the result of a decode that ended with `error`, if that error shows that the media can't be decoded.
    ///
    /// # Errors
    /// Returns the reason if the error says nothing about the media, such as a crash of the decoder or the end of the
    /// probe's time.
    pub(super) fn undecodable(&self, error: NotDecoded) -> Result<Decoded, Undecoded> {
        if !matches!(error, NotDecoded::Nothing(_)) {
            return Err(Undecoded::from(&error));
        }
        Ok(Decoded {
            pictures_failed: self.has_picture.then(|| error.clone()),
            sound_failed: self.has_sound.then_some(error),
            ..Decoded::default()
        })
    }

    /// The facts about a piece that was decoded at `decoded_at`.
    pub(super) fn facts(&self, decoded_at: Timestamp, signal: Decoded) -> DecodedFacts {
        DecodedFacts {
            first: self.first,
            last: self.last,
            after: self.after,
            longest_segment: self.longest_segment,
            coded: self.amount,
            decoded_at,
            signal: Arc::new(signal),
        }
    }
}

/// Returns the newest segments of a rendition that this probe inspected and whose bytes are `kept`, as far as they follow each
/// other. Their media last `most` at most, unless the newest segment alone is longer.
///
/// # Errors
/// The reason why there is nothing that can be decoded.
pub(super) fn newest_piece(facts: &RenditionFacts, kept: &[KeptSegment], most: Seconds) -> Result<Piece, Undecoded> {
    let identity = &facts.rendition.identity;
    let bytes_of = |segment: &SegmentFacts| {
        kept.iter()
            .find(|k| k.rendition == *identity && k.number == segment.segment.number)
            .map(|k| Bytes::clone(&k.bytes))
    };
    let newest = facts.segments.last().ok_or(Undecoded::NoSegment)?;
    let inspection = newest.inspection.as_ref();
    if inspection.is_some_and(|i| i.encrypted) || newest.decryption == Some(Decryption::Locked) {
        return Err(Undecoded::Encrypted);
    }
    let inspection = inspection.ok_or(Undecoded::NoSegment)?;
    let mut run: Vec<(&SegmentFacts, Bytes)> = Vec::new();
    let mut duration = 0.0;
    for segment in facts.segments.iter().rev().map(AsRef::as_ref) {
        let (Some(bytes), longer) = (bytes_of(segment), duration + segment.segment.duration.0.max(0.0)) else { break };
        let joins = run.last().is_none_or(|(next, _)| plays_before(segment, next));
        if !joins || (!run.is_empty() && longer > most.0) {
            break;
        }
        duration = longer;
        run.push((segment, bytes));
    }
    run.reverse();
    let (Some((first, _)), Some((last, _))) = (run.first(), run.last()) else {
        let is_large = newest.fetched.ok().is_some_and(|answer| answer.body_bytes > MAX_SEGMENT_BYTES as u64);
        return Err(if is_large { Undecoded::TooLarge } else { Undecoded::NoSegment });
    };
    let map = last.segment.map.as_deref();
    let initialization = match map {
        Some(map) => {
            let init = facts.inits.iter().find(|init| init.map == *map).and_then(|init| init.kept.clone());
            Some(init.ok_or(Undecoded::NoSegment)?)
        }
        None => None,
    };
    let has = |media| inspection.tracks.iter().any(|track| track.media == Some(media));
    Ok(Piece {
        identity: identity.clone(),
        has_picture: has(Media::Video),
        has_sound: has(Media::Audio),
        first: first.segment.number,
        last: last.segment.number,
        after: first.segment.after,
        amount: coded_amount(&run),
        longest_segment: Seconds(run.iter().map(|(s, _)| s.segment.duration.0).fold(0.0, f64::max)),
        coded: Coded {
            container: container(inspection).ok_or(Undecoded::UnknownContainer)?,
            initialization: initialization.filter(|_| inspection.container == Container::Cmaf),
            audio_streams: audio_streams(&run),
            segments: run.into_iter().map(|(_, bytes)| bytes).collect(),
            duration,
            pixels: pixels(facts, inspection),
        },
    })
}

/// Returns the numbers of the audio tracks that have samples in one of the segments. An announced stream may have no packet for hours, such as
/// a second language.
fn audio_streams(run: &[(&SegmentFacts, Bytes)]) -> Vec<u32> {
    let inspections = run.iter().filter_map(|(segment, _)| segment.inspection.as_ref());
    let is_numbered = |i: &&Inspection| matches!(i.container, Container::MpegTs | Container::Cmaf);
    let tracks = inspections.filter(is_numbered).flat_map(|i| &i.tracks);
    let sounding: Vec<_> = tracks.filter(|track| track.media == Some(Media::Audio) && track.samples > 0).collect();
    // ffmpeg doesn't take every codec for sound. One that it doesn't would stand for another stream.
    let is_known = sounding.iter().any(|track| is_decodable_sound(track));
    let asked = sounding.iter().filter(|track| !is_known || is_decodable_sound(track));
    let mut ids: Vec<u32> = asked.map(|track| track.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Returns how much of consecutive segments a decoder has to get out of them.
fn coded_amount(run: &[(&SegmentFacts, Bytes)]) -> CodedAmount {
    let inspections: Vec<&Inspection> = run.iter().filter_map(|(segment, _)| segment.inspection.as_ref()).collect();
    let first_picture = inspections.first().and_then(|inspection| video(inspection));
    let begins = first_picture.is_some_and(|track| track.starts_with_keyframe == Some(true));
    let pictures = inspections.iter().map(|inspection| video(inspection).map(|track| track.samples)).sum();
    let sound: Option<f64> = inspections.iter().map(|inspection| sound_duration(inspection).map(|d| d.0)).sum();
    CodedAmount { pictures: if begins { pictures } else { None }, sound: sound.map(Seconds) }
}

/// Returns the video track of a segment, if it is in a codec that every ffmpeg decodes, and has its parameter sets.
fn video(inspection: &Inspection) -> Option<&Track> {
    let track = inspection.tracks.iter().find(|track| track.media == Some(Media::Video))?;
    (matches!(track.codec.as_str(), "h264" | "hevc") && track.missing_parameter_sets.is_empty()).then_some(track)
}

/// Returns the duration of the longest audio track of a segment in a codec that every ffmpeg decodes.
fn sound_duration(inspection: &Inspection) -> Option<Seconds> {
    let tracks = inspection.tracks.iter().filter(|track| track.media == Some(Media::Audio));
    tracks.filter(|track| is_decodable_sound(track)).filter_map(Track::duration).max_by(|a, b| a.0.total_cmp(&b.0))
}

/// Whether the sound of a track is in a codec that every ffmpeg decodes.
fn is_decodable_sound(track: &Track) -> bool {
    track.parameters.as_ref().is_some_and(|found| match found.codec {
        Codec::Aac { object_type } => matches!(object_type, 2 | 5 | 29),
        codec => matches!(codec, Codec::Mp2 | Codec::Mp3 | Codec::Ac3 | Codec::Eac3),
    })
}

/// Whether `next` plays directly after `segment`, and a decoder can go on from the one to the other.
fn plays_before(segment: &SegmentFacts, next: &SegmentFacts) -> bool {
    let (from, to) = (&segment.segment, &next.segment);
    let announced = to.discontinuity || from.discontinuity_sequence != to.discontinuity_sequence;
    to.follows(from.number) && from.map == to.map && !announced && !changes_sound(segment, next)
}

/// Whether an audio track has another layout or rate in the next segment, which ffmpeg would convert to that of the first.
fn changes_sound(segment: &SegmentFacts, next: &SegmentFacts) -> bool {
    let sounds = |segment: &SegmentFacts| {
        let tracks = segment.inspection.iter().flat_map(|inspection| &inspection.tracks);
        let of = |track: &Track| Some((track.id, track.parameters.as_ref()?.audio?));
        tracks.filter_map(of).collect::<Vec<_>>()
    };
    let before = sounds(segment);
    sounds(next).iter().any(|(id, sound)| {
        let known = before.iter().find(|(known, _)| known == id);
        known.is_some_and(|(_, known)| (known.channels, known.sample_rate) != (sound.channels, sound.sample_rate))
    })
}

/// Number of pixels of a picture, as its headers or the manifest have it; `None` if neither does.
fn pixels(facts: &RenditionFacts, inspection: &Inspection) -> Option<u32> {
    let coded = inspection.tracks.iter().find_map(|track| track.parameters.as_ref()?.video.as_ref()?.resolution);
    let resolution = coded.or(facts.rendition.resolution)?;
    resolution.width.checked_mul(resolution.height)
}

fn container(inspection: &Inspection) -> Option<packager_signal::Container> {
    use packager_signal::Container as Decodable;
    let codec = || inspection.tracks.iter().find(|t| t.media == Some(Media::Audio)).map(|t| t.codec.as_str());
    match inspection.container {
        Container::MpegTs => Some(Decodable::MpegTs),
        Container::Cmaf => Some(Decodable::Mp4),
        Container::PackedAudio => match codec()? {
            "aac" => Some(Decodable::Adts),
            "ac-3" => Some(Decodable::Ac3),
            "ec-3" => Some(Decodable::Eac3),
            "mp3" | "mp2" => Some(Decodable::MpegAudio),
            _ => None,
        },
        Container::WebVtt | Container::Ttml | Container::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Exchange;
    use crate::testing;
    use packager_media::codec::parameters::{AudioParameters, CodecParameters, ParameterSetKinds};
    use packager_media::stream::Rendition;
    use packager_media::units::MediaTime;

    fn rendition(numbers: &[u64]) -> (RenditionFacts, Vec<KeptSegment>) {
        let identity = RenditionIdentity::place("360p");
        let mut facts = RenditionFacts::unrequested(Rendition::new(Media::Video, identity.clone()));
        facts.segments = numbers.iter().map(|n| Arc::new(segment(*n))).collect();
        let bytes = Arc::new(Bytes::from_static(b"x"));
        let kept =
            numbers.iter().map(|n| KeptSegment { rendition: identity.clone(), number: *n, bytes: bytes.clone() });
        let kept = kept.collect();
        (facts, kept)
    }

    fn segment(number: u64) -> SegmentFacts {
        let listed = testing::segment(number, testing::url(&format!("http://packager/{number}.ts")));
        let mut facts = testing::segment_facts(listed, Timestamp::UNIX_EPOCH);
        let mut inspection = testing::inspection(Container::MpegTs, 1);
        inspection.tracks = vec![testing::track(256, Media::Video), testing::track(257, Media::Audio)];
        facts.inspection = Some(inspection);
        facts
    }

    fn numbers(piece: Result<Piece, Undecoded>) -> (u64, u64, Option<u64>) {
        let piece = piece.unwrap();
        assert_eq!(piece.coded.segments.len() as u64, piece.last - piece.first + 1);
        (piece.first, piece.last, piece.after)
    }

    #[test]
    fn a_piece_is_the_newest_run_of_segments() {
        let (facts, kept) = rendition(&[5, 6, 8, 9]);
        assert_eq!(numbers(newest_piece(&facts, &kept, Seconds(60.0))), (8, 9, Some(7)));
        assert_eq!(numbers(newest_piece(&facts, &kept, Seconds(3.0))), (9, 9, Some(8)), "no longer than asked for");
        assert_eq!(numbers(newest_piece(&facts, &kept, Seconds(1.0))), (9, 9, Some(8)), "but one segment at least");
    }

    #[test]
    fn a_decoder_does_not_go_over_a_discontinuity() {
        let (mut facts, kept) = rendition(&[5, 6, 7]);
        Arc::make_mut(&mut facts.segments[2]).segment.discontinuity = true;
        assert_eq!(numbers(newest_piece(&facts, &kept, Seconds(60.0))), (7, 7, Some(6)));
    }

    #[test]
    fn a_decoder_does_not_go_over_another_layout_of_the_sound() {
        let (mut facts, kept) = rendition(&[5, 6, 7]);
        let mut sound = |n: usize, channels| {
            let track = &mut Arc::make_mut(&mut facts.segments[n]).inspection.as_mut().unwrap().tracks[1];
            let audio = AudioParameters { channels: Some(channels), ..AudioParameters::at_rate(48_000) };
            track.parameters = Some(Arc::new(CodecParameters::with_audio(Codec::Ac3, audio)));
        };
        (0..3).for_each(|n| sound(n, 2));
        sound(2, 6);
        assert_eq!(numbers(newest_piece(&facts, &kept, Seconds(60.0))), (7, 7, Some(6)));
    }

    #[test]
    fn an_announced_stream_without_samples_is_not_asked_for() {
        let (mut facts, kept) = rendition(&[5]);
        let tracks = &mut Arc::make_mut(&mut facts.segments[0]).inspection.as_mut().unwrap().tracks;
        tracks[1].samples = 90;
        tracks.push(testing::track(258, Media::Audio));
        tracks[2].samples = 0;
        let asked = |facts: &RenditionFacts| newest_piece(facts, &kept, Seconds(60.0)).unwrap().coded.audio_streams;
        assert_eq!(asked(&facts), [257]);
        let tracks = &mut Arc::make_mut(&mut facts.segments[0]).inspection.as_mut().unwrap().tracks;
        tracks[2].samples = 40;
        tracks[1].parameters = Some(Arc::new(CodecParameters::new(Codec::Mp2)));
        assert_eq!(asked(&facts), [257], "of 258 nobody knows whether ffmpeg takes it for sound");
    }

    #[test]
    fn what_cannot_be_decoded_has_a_reason() {
        let reason =
            |facts: &RenditionFacts, kept: &[KeptSegment]| newest_piece(facts, kept, Seconds(60.0)).unwrap_err();
        let (mut facts, kept) = rendition(&[5]);
        assert_eq!(reason(&facts, &[]), Undecoded::NoSegment);
        let (mut large, _) = rendition(&[5]);
        let segment = Arc::make_mut(&mut large.segments[0]);
        let exchange = testing::exchange(&segment.segment.uri);
        segment.fetched.result = Ok(Exchange { body_bytes: 33 << 20, ..exchange });
        assert_eq!(reason(&large, &[]), Undecoded::TooLarge);
        let newest = Arc::make_mut(&mut facts.segments[0]);
        newest.inspection.as_mut().unwrap().container = Container::WebVtt;
        assert_eq!(reason(&facts, &kept), Undecoded::UnknownContainer);
        Arc::make_mut(&mut facts.segments[0]).inspection.as_mut().unwrap().encrypted = true;
        assert_eq!(reason(&facts, &kept), Undecoded::Encrypted);
        facts.segments.clear();
        assert_eq!(reason(&facts, &kept), Undecoded::NoSegment);
    }

    #[test]
    fn only_what_every_decoder_decodes_has_an_amount() {
        let aac = |object_type| Some(Arc::new(CodecParameters::new(Codec::Aac { object_type })));
        let amount = |change: &dyn Fn(&mut [Track])| {
            let (mut facts, kept) = rendition(&[5, 6]);
            for segment in &mut facts.segments {
                let tracks = &mut Arc::make_mut(segment).inspection.as_mut().unwrap().tracks;
                (tracks[0].samples, tracks[0].starts_with_keyframe) = (50, Some(true));
                (tracks[1].start, tracks[1].end) = (Some(MediaTime::mpeg(0)), Some(MediaTime::mpeg(180_000)));
                tracks[1].parameters = aac(2);
                change(tracks);
            }
            newest_piece(&facts, &kept, Seconds(60.0)).unwrap().amount
        };
        assert_eq!(amount(&|_| ()), CodedAmount { pictures: Some(100), sound: Some(Seconds(4.0)) });
        assert_eq!(amount(&|tracks| tracks[0].codec = "av1".to_owned()).pictures, None);
        let late = amount(&|tracks| tracks[0].starts_with_keyframe = Some(false));
        assert_eq!(late.pictures, None, "nothing can be decoded before the first key frame");
        let incomplete = amount(&|tracks| tracks[0].missing_parameter_sets = ParameterSetKinds::H264);
        assert_eq!(incomplete.pictures, None, "another check says what is missing");
        assert_eq!(amount(&|tracks| tracks[1].parameters = aac(42)).sound, None, "xHE-AAC");
    }

    #[test]
    fn packed_audio_is_named_by_its_codec() {
        let mut inspection = testing::inspection(Container::PackedAudio, 1);
        inspection.tracks = vec![testing::track(0, Media::Audio)];
        assert_eq!(container(&inspection), Some(packager_signal::Container::Adts));
        inspection.tracks[0].codec = "opus".to_owned();
        assert_eq!(container(&inspection), None);
    }
}
