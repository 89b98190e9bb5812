use crate::checks::support::ad_breaks;
use crate::checks::support::bitstream::{self, ParsedTrack};
use crate::checks::support::select;
use crate::checks::support::terms::{Terms, terms};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::codec::parameters::VideoParameters;
use packager_media::stream::{Media, Rendition, Resolution, Timeline};

pub const META: CheckMeta = CheckMeta {
    id: "resolution_mismatch",
    severity: Severity::Minor,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when the announced resolution (RESOLUTION of HLS, @width and @height of DASH) differs from the size of the pictures in \
           the bitstream by more than `tolerance`; where LCEVC enhances the pictures, two or four times their size may be announced. \
           Major if the rendition lists the segments of a rung with another resolution, except those of an ad break or between \
           discontinuities, which all rungs may share",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.6.2; ISO/IEC 23009-1 5.3.7.2; ISO/IEC 23094-2",
    needs_history: false,
};

params! {
    /// Number of pixels by which width and height may each differ. Some packagers announce the size before cropping.
    tolerance: u32 = 8,
}

const MISSING: &str = "no resolution is announced, or no segment with a readable resolution was inspected";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let terms = terms(context.output.protocol());
    select::judge_renditions(context, MISSING, |facts, past| {
        facts.rendition.resolution?;
        let tracks = bitstream::newest_first_with_heads(context, facts, past)?;
        let pictures: Vec<_> = tracks.iter().filter_map(|t| Some((t, t.parameters.video?))).collect();
        pictures.first()?;
        let differing = |(track, picture): &(&ParsedTrack<'_>, VideoParameters)| {
            let violation = mismatch(track, picture, &facts.rendition, terms, params)?;
            Some((track.segment.segment.discontinuity_sequence, violation))
        };
        let Some((sequence, violation)) = pictures.iter().find_map(differing) else { return Some(Vec::new()) };
        let mut elsewhere = pictures.iter().filter(|(t, _)| t.segment.segment.discontinuity_sequence != sequence);
        let fits_elsewhere = elsewhere.any(|pair| differing(pair).is_none());
        let is_inserted = fits_elsewhere || is_in_break(facts, past);
        Some(vec![if is_inserted { violation } else { of_another_rung(context, facts, violation) }])
    })
}

/// Returns whether the rendition is in an ad break, whose segments all rungs may share.
fn is_in_break(facts: &RenditionFacts, past: &RenditionHistory) -> bool {
    facts.timeline.as_deref().is_some_and(|timeline| ad_breaks::is_in_break(timeline, past))
}

fn mismatch(
    track: &ParsedTrack<'_>,
    picture: &VideoParameters,
    rendition: &Rendition,
    terms: &Terms,
    params: &Params,
) -> Option<Violation> {
    let (announced, actual) = (rendition.resolution?, picture.resolution?);
    let near = |a: u32, b: u32| a.abs_diff(b) <= params.tolerance;
    let fits = |size: Resolution| near(size.width, announced.width) && near(size.height, announced.height);
    let mut sizes = display_sizes(actual, picture);
    if picture.lcevc || announces_lcevc(rendition) || has_lcevc_stream(track.segment) {
        sizes.extend(enhanced_sizes(actual));
    }
    if sizes.into_iter().any(fits) {
        return None;
    }
    let violation = track.mismatch(terms.resolution, &announced.to_string(), &actual.to_string());
    Some(violation.with("line", rendition.line))
}

/// Makes the violation major if the rendition lists the segments of a rung with another resolution, as when a CDN leaves out the query that
/// tells them apart: nobody gets the pictures that are announced.
fn of_another_rung(context: &CheckContext<'_>, facts: &RenditionFacts, violation: Violation) -> Violation {
    let mut others = context.output.renditions.iter().filter(|other| other.rendition.media == Media::Video);
    let same = others.find(|other| {
        let is_other = other.rendition.resolution.is_some() && other.rendition.resolution != facts.rendition.resolution;
        let timelines = facts.timeline.as_deref().zip(other.timeline.as_deref());
        is_other && timelines.is_some_and(|(own, other)| list_same_segments(own, other))
    });
    let Some(other) = same else { return violation };
    let mut major = violation.severity(Severity::Major).with("same_segments_as", other.rendition.name.as_str());
    major.message = format!("{}: the segments are those of {}", major.message, other.rendition.name);
    major
}

/// Returns whether two playlists have segments in common, and all of them are the same resources. A slate that all rungs share is the same
/// beside segments that aren't.
fn list_same_segments(a: &Timeline, b: &Timeline) -> bool {
    let same_number = |number: u64| b.segments.get(b.segments.binary_search_by_key(&number, |s| s.number).ok()?);
    let mut common = a.segments.iter().rev().filter_map(|own| Some((own, same_number(own.number)?))).peekable();
    common.peek().is_some() && common.all(|(a, b)| a.uri == b.uri && a.byte_range == b.byte_range)
}

/// Whether the manifest announces LCEVC (`lvc1`) for the rendition, which enhances the pictures of another codec.
fn announces_lcevc(rendition: &Rendition) -> bool {
    rendition.codecs.iter().chain(&rendition.supplemental).any(|codec| codec.starts_with("lvc1"))
}

/// Whether a segment has an LCEVC enhancement as a separate track.
fn has_lcevc_stream(segment: &SegmentFacts) -> bool {
    let tracks = segment.inspection.as_ref().map_or(&[][..], |i| &i.tracks);
    tracks.iter().any(|track| matches!(track.codec.as_str(), "lcevc" | "lvc1"))
}

/// Returns the picture sizes that LCEVC can make of `base`: each of two steps doubles the width, and may double the
/// height (ISO/IEC 23094-2).
fn enhanced_sizes(base: Resolution) -> Vec<Resolution> {
    let factors = [(2, 1), (2, 2), (4, 1), (4, 2), (4, 4)];
    let sized = |(across, down)| Resolution {
        width: base.width.saturating_mul(across),
        height: base.height.saturating_mul(down),
    };
    factors.map(sized).into()
}

/// Returns the picture sizes that a packager may announce: the coded size, and the size after scaling to square samples
/// in width or in height.
fn display_sizes(coded: Resolution, picture: &VideoParameters) -> Vec<Resolution> {
    let mut sizes = vec![coded];
    if let Some(aspect) = picture.sample_aspect {
        let scaled = |length: u32, by: f64| (f64::from(length) * by).round() as u32;
        sizes.push(Resolution { width: scaled(coded.width, aspect.value()), ..coded });
        sizes.push(Resolution { height: scaled(coded.height, 1.0 / aspect.value()), ..coded });
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::support::bitstream::testing::*;
    use crate::checks::testing::*;
    use packager_media::codec::parameters::Ratio;
    use std::sync::Arc;

    /// Runs resolution_mismatch on pictures of this size and sample aspect ratio, for which 1280x720 is announced.
    fn sized(width: u32, height: u32, aspect: Option<Ratio>) -> CheckVerdict {
        let mut actual = video("avc1.64001f");
        let picture = actual.video.as_mut().unwrap();
        (picture.resolution, picture.sample_aspect) = (Some(Resolution { width, height }), aspect);
        check(&scene_with(actual, |_| {}).context(), &Params::default())
    }

    #[test]
    fn a_size_within_the_tolerance_holds_on_either_side() {
        assert_holds(sized(1280, 728, None));
        assert_holds(sized(1280, 712, None));
        assert_holds(sized(1272, 720, None));
        assert_holds(sized(1288, 720, None));
    }

    #[test]
    fn a_size_beyond_the_tolerance_fails_in_width_and_in_height() {
        let message = "RESOLUTION is 1280x720; the bitstream of segment 5 has 1280x729";
        assert_eq!(messages(sized(1280, 729, None)), message);
        for (width, height) in [(1280, 711), (1271, 720), (1289, 720), (960, 720)] {
            assert_eq!(violations(sized(width, height, None)).len(), 1, "{width}x{height}");
        }
        let found = violations(sized(960, 720, None));
        assert_eq!((found[0].rendition.as_deref(), &found[0].evidence["line"]), (Some(NAME), &4.into()));
    }

    #[test]
    fn a_picture_with_other_than_square_samples_may_be_announced_stretched() {
        assert_holds(sized(960, 720, Ratio::new(4, 3)));
        assert_holds(sized(1280, 576, Ratio::new(4, 5)));
        assert_eq!(violations(sized(960, 720, Ratio::new(5, 4))).len(), 1);
    }

    #[test]
    fn a_rung_that_lists_the_segments_of_another_is_major() {
        let run = |address: &str| {
            let mut actual = video("avc1.64001f");
            actual.video.as_mut().unwrap().resolution = Some(Resolution { width: 640, height: 360 });
            let mut scene = scene_with(actual, |_| {});
            let mut lower = scene.output.renditions[0].clone();
            lower.rendition.name = "360p".to_owned();
            lower.rendition.resolution = Some(Resolution { width: 640, height: 360 });
            let newest = Arc::make_mut(lower.timeline.as_mut().unwrap()).segments.last_mut().unwrap();
            newest.uri = newest.uri.join(address).unwrap();
            scene.output.renditions.push(lower);
            violations(check(&scene.context(), &Params::default())).remove(0)
        };
        let same = run("");
        assert_eq!(same.severity, Some(Severity::Major));
        assert!(same.message.ends_with("has 640x360: the segments are those of 360p"), "{}", same.message);
        assert_eq!(run("other.ts").severity, None);
    }

    #[test]
    fn a_slate_that_all_rungs_share_is_not_the_content_of_a_rung() {
        let sized = |number, height, sequence| {
            let mut actual = video("avc1.64001f");
            let width = height * 16 / 9;
            actual.video.as_mut().unwrap().resolution = Some(Resolution { width, height });
            let mut segment = segment_with(number, actual, stereo());
            segment.segment.discontinuity_sequence = sequence;
            segment
        };
        // The rungs share the segments from `shared` on; segment 13, which is the newest that was inspected, is of a slate.
        let run = |shared: u64, before: SegmentFacts| {
            let mut scene = Scene::live();
            scene.remember([before, sized(13, 360, 1)]);
            let mut lower = scene.output.renditions[0].clone();
            lower.rendition.name = "360p".to_owned();
            lower.rendition.resolution = Some(Resolution { width: 640, height: 360 });
            for segment in &mut Arc::make_mut(lower.timeline.as_mut().unwrap()).segments {
                if segment.number < shared {
                    segment.uri = segment.uri.join("low.ts").unwrap();
                }
            }
            scene.output.renditions.push(lower);
            violations(check(&scene.context(), &Params::default())).remove(0)
        };
        assert_eq!(run(0, sized(12, 360, 1)).severity, Some(Severity::Major), "the whole window");
        assert_eq!(run(13, sized(12, 360, 1)).severity, None, "other segments stand beside the slate");
        let inserted = run(0, sized(9, 720, 0));
        assert_eq!(inserted.severity, None, "the slate fills the window");
        assert_eq!(inserted.message, "RESOLUTION is 1280x720; the bitstream of segment 13 has 640x360");
    }

    #[test]
    fn lcevc_may_announce_two_or_four_times_the_size_of_its_base() {
        let run = |width: u32, height: u32, lcevc: bool, codec: &str| {
            let mut actual = video("avc1.64001f");
            let picture = actual.video.as_mut().unwrap();
            (picture.resolution, picture.lcevc) = (Some(Resolution { width, height }), lcevc);
            let scene = scene_with(actual, |r| r.codecs.push(codec.to_owned()));
            check(&scene.context(), &Params::default())
        };
        for (width, height) in [(640, 360), (640, 720), (320, 180), (320, 360), (1280, 720)] {
            assert_holds(run(width, height, true, "mp4a.40.2"));
            assert_holds(run(width, height, false, "lvc1.vprf0.vlev4"));
        }
        assert_eq!(violations(run(640, 360, false, "mp4a.40.2")).len(), 1, "nothing says LCEVC");
        for (width, height) in [(1280, 360), (426, 240), (160, 90), (1920, 1080)] {
            assert_eq!(violations(run(width, height, true, "mp4a.40.2")).len(), 1, "{width}x{height}");
        }
    }

    #[test]
    fn an_lcevc_stream_beside_the_base_enhances_it() {
        let mut actual = video("avc1.64001f");
        actual.video.as_mut().unwrap().resolution = Some(Resolution { width: 640, height: 360 });
        let mut scene = scene_with(actual, |_| {});
        let past = scene.past();
        let mut segment = (*past.segments[0]).clone();
        let tracks = &mut segment.inspection.as_mut().unwrap().tracks;
        let mut layer = tracks[0].clone();
        (layer.codec, layer.media, layer.parameters) = ("lcevc".to_owned(), None, None);
        tracks.push(layer);
        past.segments = vec![std::sync::Arc::new(segment)];
        assert_holds(check(&scene.context(), &Params::default()));
    }

    #[test]
    fn without_an_announced_or_readable_resolution_it_does_not_run() {
        let unannounced = scene_with(video("avc1.64001f"), |r| r.resolution = None);
        assert_not_run(check(&unannounced.context(), &Params::default()), MISSING);
        let mut unread = video("avc1.64001f");
        unread.video = None;
        assert_not_run(check(&scene_with(unread, |_| {}).context(), &Params::default()), MISSING);
    }
}
