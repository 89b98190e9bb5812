use crate::checks::support::select::{NO_MANIFEST, undamaged_inspection};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{ManifestFacts, RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use packager_media::container::{Container, Inspection, Track};
use packager_media::stream::{Media, Rendition, Timeline, VariantCounts};
use packager_media::units::Seconds;
use std::collections::BTreeSet;
use url::Url;

pub const META: CheckMeta = CheckMeta {
    id: "hls_authoring_wrong",
    severity: Severity::Warning,
    group: CheckGroup::Hls,
    scope: CheckScope::Hls,
    alert: None,
    help: "fails when a multivariant playlist or its media break one of these items of Apple's authoring specification; off by \
           default (`enabled: true` switches it on), and each item has a parameter. The finding names the item",
    reference: "HLS Authoring Specification for Apple Devices",
    needs_history: false,
};

params! {
    off_by_default;
    /// Item 8.10: every EXT-X-MEDIA but those of TYPE=VIDEO has LANGUAGE.
    language: bool = true,
    /// Items 9.11 and 9.12: EXT-X-INDEPENDENT-SEGMENTS stands in the multivariant playlist or in all video playlists.
    independent_segments: bool = true,
    /// Item 9.14: every EXT-X-STREAM-INF has AVERAGE-BANDWIDTH.
    average_bandwidth: bool = true,
    /// Item 1.5: HEVC comes in fMP4, not in MPEG transport streams.
    hevc_container: bool = true,
    /// Item 1.10: parameter sets stand in the sample description: `avc1`, `hvc1` or `dvh1`, not `avc3`, `hev1` or `dvhe`.
    sample_entry: bool = true,
    /// Item 1.13: a key frame every two seconds.
    key_frames: bool = true,
    /// Items 6.1 and 6.2: I-frame playlists, with an I-frame every second.
    i_frames: bool = true,
    /// Item 9.21: a variant of at most 192 kbit/s, for cellular networks.
    low_bit_rate: bool = true,
    /// Item 9.9: video in several bit rates.
    bit_rates: bool = true,
    /// Item 4.1: captions or subtitles.
    captions: bool = true,
    /// Items 11.1 to 11.3: playlists and segments are delivered by HTTPS.
    tls: bool = true,
}

const MEDIA_PLAYLIST: &str = "the manifest is a media playlist";
/// Largest bit rate of the variant for cellular networks, in bits per second.
const LOW_BIT_RATE: u64 = 192_000;
/// Longest time between two key frames, and what frame durations may add to it.
const KEY_FRAME_INTERVAL: f64 = 2.0 + 0.1;
/// Longest time between two I-frames of trick play, and what frame durations may add to it.
const I_FRAME_INTERVAL: f64 = 1.0 + 0.1;

type Item = fn(&CheckContext<'_>, &VariantCounts) -> Vec<Violation>;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let counts = match &context.output.content {
        ManifestFacts::HlsMultivariant(counts) => counts,
        ManifestFacts::HlsMedia => return CheckVerdict::NotRun(MEDIA_PLAYLIST),
        ManifestFacts::Unreadable(_) | ManifestFacts::Dash(_) => return CheckVerdict::NotRun(NO_MANIFEST),
    };
    let items: [(bool, Item); 11] = [
        (params.language, language),
        (params.independent_segments, independent_segments),
        (params.average_bandwidth, average_bandwidth),
        (params.hevc_container, hevc_container),
        (params.sample_entry, sample_entry),
        (params.key_frames, key_frames),
        (params.i_frames, i_frames),
        (params.low_bit_rate, low_bit_rate),
        (params.bit_rates, bit_rates),
        (params.captions, captions),
        (params.tls, tls),
    ];
    CheckVerdict::Ran(items.into_iter().filter(|(on, _)| *on).flat_map(|(_, item)| item(context, counts)).collect())
}

/// The violation of an item, if it is broken.
fn broken(is_broken: bool, item: &str, text: impl FnOnce() -> String) -> Vec<Violation> {
    let violation = || Violation::new(format!("{} (item {item})", text())).with("item", item);
    is_broken.then(violation).into_iter().collect()
}

fn video<'a>(context: &CheckContext<'a>) -> impl Iterator<Item = &'a RenditionFacts> {
    context.output.renditions.iter().filter(|r| r.rendition.media == Media::Video)
}

/// Number and names of the video renditions of which an inspected segment has such a track.
fn with_track(context: &CheckContext<'_>, is_such: impl Fn(&Inspection, &Track) -> bool) -> (usize, String) {
    let has_such = |s: &SegmentFacts| undamaged_inspection(s).is_some_and(|i| i.tracks.iter().any(|t| is_such(i, t)));
    names(video(context).filter(|r| r.segments.iter().any(|s| has_such(s))).map(|r| &r.rendition))
}

fn names<'a>(renditions: impl Iterator<Item = &'a Rendition>) -> (usize, String) {
    let names: Vec<&str> = renditions.map(|r| r.name.as_str()).collect();
    (names.len(), names.iter().take(8).copied().collect::<Vec<_>>().join(", "))
}

fn language(_: &CheckContext<'_>, counts: &VariantCounts) -> Vec<Violation> {
    let without = counts.media_without_language;
    let found = broken(without > 0, "8.10", || {
        format!("{without} of {} EXT-X-MEDIA tags of sound, subtitles and captions have no LANGUAGE", counts.media)
    });
    found.into_iter().map(|v| v.with("line", counts.first_without_language)).collect()
}

fn independent_segments(context: &CheckContext<'_>, _: &VariantCounts) -> Vec<Violation> {
    let dependent = |t: &Timeline| !t.independent_segments;
    let (count, names) =
        names(video(context).filter(|r| r.timeline.as_deref().is_some_and(dependent)).map(|r| &r.rendition));
    broken(count > 0, "9.12", || {
        format!("EXT-X-INDEPENDENT-SEGMENTS stands neither in the multivariant playlist nor in those of {names}")
    })
}

fn average_bandwidth(context: &CheckContext<'_>, _: &VariantCounts) -> Vec<Violation> {
    let variants = context.output.renditions.iter().map(|r| &r.rendition);
    let (count, names) = names(variants.filter(|r| r.bandwidth.is_some() && r.average_bandwidth.is_none()));
    broken(count > 0, "9.14", || format!("AVERAGE-BANDWIDTH is missing for {names}"))
}

fn hevc_container(context: &CheckContext<'_>, _: &VariantCounts) -> Vec<Violation> {
    let (count, names) = with_track(context, |i, t| i.container == Container::MpegTs && t.codec == "hevc");
    broken(count > 0, "1.5", || {
        format!("{names} has HEVC in MPEG transport streams, which Apple's devices don't play: package it as fMP4")
    })
}

fn sample_entry(context: &CheckContext<'_>, _: &VariantCounts) -> Vec<Violation> {
    let is_read = |t: &Track| t.media == Some(Media::Video) && matches!(t.codec.as_str(), "h264" | "hevc");
    let (count, names) = with_track(context, |_, t| is_read(t) && t.sets_in_samples);
    broken(count > 0, "1.10", || {
        format!("the sample entries of {names} allow parameter sets in the samples (avc3, hev1, dvhe)")
    })
}

fn key_frames(context: &CheckContext<'_>, _: &VariantCounts) -> Vec<Violation> {
    let sparse = video(context).filter_map(|r| {
        let longest = r.segments.iter().filter_map(|s| key_frame_interval(s)).reduce(f64::max)?;
        let text = || format!("key frames are up to {longest:.1} s apart; one every 2 s is recommended");
        let found = broken(longest > KEY_FRAME_INTERVAL, "1.13", text);
        Some(found.into_iter().map(move |v| v.in_rendition(&r.rendition.name).with("seconds", longest)))
    });
    sparse.flatten().collect()
}

/// Longest time between two key frames in seconds, of which the next segment's first is one. `None` for a segment without readable
/// key frames.
fn key_frame_interval(segment: &SegmentFacts) -> Option<f64> {
    let track = undamaged_inspection(segment)?.tracks.iter().find(|t| t.media == Some(Media::Video))?;
    track.starts_with_keyframe.filter(|starts| *starts)?;
    let rest = match track.keyframes {
        1 => track.duration(),
        _ => track.keyframe_times.last().zip(track.end).and_then(|(last, end)| {
            (track.keyframes == track.keyframe_times.len() as u64).then(|| end.since(*last))?
        }),
    };
    let inside = track.keyframe_interval_max.map_or(0.0, |i| i.0);
    Some(inside.max(rest.map_or(0.0, |r: Seconds| r.0)))
}

fn i_frames(context: &CheckContext<'_>, counts: &VariantCounts) -> Vec<Violation> {
    let missing = broken(counts.i_frames == 0, "6.1", || {
        "there is no I-frame playlist, so players can't show pictures while seeking".to_owned()
    });
    let timelines = context.output.i_frames.iter().filter_map(|i| i.timeline.as_ref());
    let longest = timelines.flat_map(|t| &t.segments).map(|s| s.duration.0).fold(0.0, f64::max);
    let sparse = broken(longest > I_FRAME_INTERVAL, "6.2", || {
        format!("I-frames of trick play are up to {longest:.1} s apart; one a second is recommended")
    });
    missing.into_iter().chain(sparse).collect()
}

fn low_bit_rate(context: &CheckContext<'_>, _: &VariantCounts) -> Vec<Violation> {
    let lowest = context.output.renditions.iter().filter_map(|r| r.rendition.bandwidth).map(|b| b.0).min();
    broken(lowest.is_some_and(|lowest| lowest > LOW_BIT_RATE), "9.21", || {
        format!(
            "the lowest BANDWIDTH is {} kbit/s; cellular networks need a variant of at most 192 kbit/s",
            lowest.unwrap_or(0) / 1000
        )
    })
}

fn bit_rates(context: &CheckContext<'_>, counts: &VariantCounts) -> Vec<Violation> {
    let rates: BTreeSet<_> = video(context).filter_map(|r| r.rendition.bandwidth).map(|b| b.0).collect();
    broken(counts.declared > 0 && rates.len() < 2, "9.9", || "video has only one bit rate".to_owned())
}

fn captions(context: &CheckContext<'_>, counts: &VariantCounts) -> Vec<Violation> {
    let embedded = context.output.renditions.iter().any(|r| r.rendition.captions == Some(true));
    broken(counts.captions == 0 && !embedded, "4.1", || "neither subtitles nor closed captions are offered".to_owned())
}

fn tls(context: &CheckContext<'_>, _: &VariantCounts) -> Vec<Violation> {
    let output = context.output;
    let plain = |url: &Url| url.scheme() == "http";
    let playlists = || output.renditions.iter().filter_map(|r| r.rendition.uri.as_ref());
    let segments = || output.renditions.iter().filter_map(|r| Some(&r.timeline.as_deref()?.segments.last()?.uri));
    let parts = [
        ("11.1", "the multivariant playlist is", plain(&output.url)),
        ("11.2", "media playlists are", playlists().any(plain)),
        ("11.3", "segments are", segments().any(plain)),
    ];
    let text = |what: &str| format!("{what} delivered without TLS");
    parts.into_iter().flat_map(|(item, what, is_plain)| broken(is_plain, item, || text(what))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::units::BitsPerSecond;

    fn on() -> Params {
        Params { enabled: true, ..Params::default() }
    }

    /// A scene that keeps every item.
    fn good() -> Scene {
        let mut scene = Scene::live();
        let counts = VariantCounts {
            declared: 2,
            requestable: 2,
            i_frames: 1,
            media: 1,
            captions: 1,
            ..VariantCounts::default()
        };
        scene.output.content = ManifestFacts::HlsMultivariant(counts);
        scene.rendition().rendition.average_bandwidth = Some(BitsPerSecond(2_000_000));
        let mut low = scene.output.renditions[0].clone();
        low.rendition.bandwidth = Some(BitsPerSecond(192_000));
        scene.output.renditions.push(low);
        scene
    }

    fn run(change: impl FnOnce(&mut Scene)) -> String {
        let mut scene = good();
        change(&mut scene);
        messages(check(&scene.context(), &on()))
    }

    fn counts(scene: &mut Scene) -> &mut VariantCounts {
        match &mut scene.output.content {
            ManifestFacts::HlsMultivariant(counts) => counts,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_is_off_by_default_and_all_of_its_items_are_on() {
        assert!(!Params::default().enabled);
        assert_eq!(run(|_| {}), "");
    }

    #[test]
    fn each_item_is_found_by_itself() {
        let text = "1 of 1 EXT-X-MEDIA tags of sound, subtitles and captions have no LANGUAGE (item 8.10)";
        assert_eq!(run(|s| counts(s).media_without_language = 1), text);
        assert!(run(|s| s.timeline().independent_segments = false).ends_with("in those of 720p (item 9.12)"));
        assert_eq!(
            run(|s| s.rendition().rendition.average_bandwidth = None),
            "AVERAGE-BANDWIDTH is missing for 720p (item 9.14)"
        );
        assert!(run(|s| counts(s).i_frames = 0).ends_with("(item 6.1)"));
        assert!(run(|s| counts(s).captions = 0).ends_with("(item 4.1)"));
        let text =
            "the lowest BANDWIDTH is 193 kbit/s; cellular networks need a variant of at most 192 kbit/s (item 9.21)";
        assert_eq!(run(|s| s.output.renditions[1].rendition.bandwidth = Some(BitsPerSecond(193_000))), text);
        assert_eq!(
            run(|s| s.rendition().rendition.bandwidth = Some(BitsPerSecond(192_000))),
            "video has only one bit rate (item 9.9)"
        );
        assert_eq!(
            run(|s| s.output.url.set_scheme("http").unwrap()),
            "the multivariant playlist is delivered without TLS (item 11.1)"
        );
    }

    #[test]
    fn the_last_key_frame_lasts_to_the_end_of_its_segment() {
        let lasting = |seconds: f64| {
            run(move |s| s.rendition().segments = vec![std::sync::Arc::new(ts_segment(1, 0.0, seconds))])
        };
        assert_eq!(lasting(2.0), "");
        assert_eq!(lasting(6.0), "key frames are up to 6.0 s apart; one every 2 s is recommended (item 1.13)");
    }

    #[test]
    fn hevc_belongs_into_fmp4() {
        let with = |container: Container, codec: &str| {
            run(move |s| {
                let mut segment = ts_segment(1, 0.0, 2.0);
                let inspection = segment.inspection.as_mut().unwrap();
                inspection.container = container;
                inspection.tracks[0].codec = codec.into();
                s.rendition().segments = vec![std::sync::Arc::new(segment)];
            })
        };
        assert_eq!(with(Container::MpegTs, "h264"), "");
        assert_eq!(with(Container::Cmaf, "hevc"), "");
        assert!(with(Container::MpegTs, "hevc").ends_with("package it as fMP4 (item 1.5)"));
    }

    #[test]
    fn parameter_sets_belong_into_the_sample_description() {
        let with = |in_samples: bool| {
            run(move |s| {
                let mut segment = ts_segment(1, 0.0, 2.0);
                segment.inspection.as_mut().unwrap().tracks[0].sets_in_samples = in_samples;
                s.rendition().segments = vec![std::sync::Arc::new(segment)];
            })
        };
        assert_eq!(with(false), "");
        let text = "the sample entries of 720p allow parameter sets in the samples (avc3, hev1, dvhe) (item 1.10)";
        assert_eq!(with(true), text);
    }

    #[test]
    fn an_item_that_is_switched_off_is_not_judged() {
        let mut scene = good();
        counts(&mut scene).captions = 0;
        assert_holds(check(&scene.context(), &Params { captions: false, ..on() }));
        scene.output.content = ManifestFacts::HlsMedia;
        assert_not_run(check(&scene.context(), &on()), MEDIA_PLAYLIST);
    }
}
