use crate::checks::support::ad_breaks::{NO_MARKER, duration_text};
use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::RenditionFacts;
use crate::finding::Severity;
use packager_media::redact;
use packager_media::stream::ads::{AdBreak, AdSource, Marker, MarkerKind};
use packager_media::stream::{Media, Timeline};
use packager_media::units::{Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "hls_ad_markers_differ",
    severity: Severity::Minor,
    group: CheckGroup::Segments,
    scope: CheckScope::Hls,
    alert: Some("AdMarkersWrong"),
    help: "fails when a rendition announces other ad breaks than the first rendition, or announces a break with another start, duration or \
           end: a player that changes renditions loses the break",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.5.1; ANSI/SCTE 35; EXT-X-CUE-OUT as packagers write it",
    needs_history: false,
};

params! {
    /// Largest allowed difference in seconds between the durations that two renditions announce for one ad break.
    duration_tolerance: f64 = 0.5,
    /// Largest allowed difference in seconds between the starts or ends of one ad break. At most half a target duration
    /// is allowed.
    date_tolerance: f64 = 1.0,
}

const NO_PAIR: &str = "fewer than two renditions have dates and may have ad markers";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    if !context.output.is_readable() {
        return CheckVerdict::NotRun(select::NO_MANIFEST);
    }
    let playlists: Vec<_> = context.renditions().filter_map(|(facts, _)| MarkedPlaylist::new(facts)).collect();
    match playlists.split_first() {
        Some((first, others)) if !others.is_empty() => match playlists.iter().any(|p| !p.timeline.markers.is_empty()) {
            true => CheckVerdict::Ran(compare(first, others, params)),
            false => CheckVerdict::NotRun(NO_MARKER),
        },
        _ => CheckVerdict::NotRun(NO_PAIR),
    }
}

/// Returns a violation for each rendition whose ad breaks differ from those of the first. If at least two others differ
/// from the first and none agrees with it, the first is reported instead.
fn compare(first: &MarkedPlaylist<'_>, others: &[MarkedPlaylist<'_>], params: &Params) -> Vec<Violation> {
    let differing: Vec<_> = others.iter().filter_map(|other| Some((other, other.difference(first, params)?))).collect();
    match others {
        [second, _, ..] if differing.len() == others.len() => {
            first.difference(second, params).map(|message| violation(first, message)).into_iter().collect()
        }
        _ => differing.into_iter().map(|(other, message)| violation(other, message)).collect(),
    }
}

/// A rendition's playlist with its ad breaks and the dates of its segments.
struct MarkedPlaylist<'a> {
    facts: &'a RenditionFacts,
    timeline: &'a Timeline,
    breaks: Vec<AdBreak>,
    dates: Vec<Option<Timestamp>>,
}

/// Span of time that two playlists have in common, without a target duration at either end, where a marker may have
/// left already or may still be missing.
#[derive(Clone, Copy)]
struct CommonWindow {
    from: Timestamp,
    to: Timestamp,
    target: Seconds,
    /// Largest allowed difference in seconds between the dates that two playlists give to the same splice.
    slack: Seconds,
}

fn violation(playlist: &MarkedPlaylist<'_>, message: String) -> Violation {
    let url = playlist.facts.playlist.as_ref().map(|p| redact::url(&p.url));
    Violation::new(message).in_rendition(&playlist.facts.rendition.name).with("url", url)
}

impl<'a> MarkedPlaylist<'a> {
    /// Makes a playlist for comparison. `None` for a playlist with a segment whose date isn't known, for subtitles, and
    /// for audio without markers: packagers need not mark audio.
    fn new(facts: &'a RenditionFacts) -> Option<Self> {
        let timeline = facts.timeline.as_deref()?;
        let judged = match facts.rendition.media {
            Media::Video => true,
            Media::Audio => !timeline.markers.is_empty(),
            Media::Text => false,
        };
        let dates = timeline.start_dates();
        let dated = judged && dates.iter().all(Option::is_some) && !dates.is_empty();
        dated.then(|| Self { facts, timeline, breaks: timeline.ad_breaks(), dates })
    }

    /// Returns a message about this rendition with the first difference from `other`. `None`: there is no difference,
    /// or the playlists have no time in common.
    fn difference(&self, other: &Self, params: &Params) -> Option<String> {
        let common = self.common_window(other, params)?;
        let name = &other.facts.rendition.name;
        let missing = other.breaks.iter().filter(|b| other.must_be_matched(b, common)).find_map(|theirs| {
            match self.breaks.iter().find(|ours| same_break(ours, theirs, common)) {
                Some(ours) => self.announced_differently(ours, theirs, other, common, params),
                None => {
                    let (line, tag) = (theirs.line, theirs.source.tag());
                    let at = theirs.start.map_or_else(String::new, |at| format!(" at {at}"));
                    Some(format!("no {tag} announces the ad break{at} that {name} announces in line {line}"))
                }
            }
        });
        let surplus = || {
            let unmatched = |ours: &&AdBreak| {
                self.must_be_matched(ours, common)
                    && !other.breaks.iter().any(|theirs| same_break(ours, theirs, common))
            };
            let ours = self.breaks.iter().find(unmatched)?;
            let at = ours.start.map_or_else(String::new, |at| format!(" at {at}"));
            Some(format!("line {}: {} begins an ad break{at} that {name} doesn't have", ours.line, ours.source.tag()))
        };
        missing.or_else(surplus)
    }

    fn common_window(&self, other: &Self, params: &Params) -> Option<CommonWindow> {
        let first = |playlist: &Self| playlist.dates.first().copied().flatten();
        let target = select::target_duration(self.timeline)?;
        let slack = Seconds(params.date_tolerance.min(target.0 / 2.0));
        let from = target.after(first(self)?.max(first(other)?));
        let to = Seconds(-target.0).after(self.timeline.segments_edge()?.min(other.timeline.segments_edge()?));
        (from < to).then_some(CommonWindow { from, to, target, slack })
    }

    /// Whether the compared rendition must have this ad break too. It must if the break's start is inside the window
    /// that both playlists have in common. If the start isn't listed, it must if a tag that continues the break is
    /// inside it.
    fn must_be_matched(&self, ad_break: &AdBreak, common: CommonWindow) -> bool {
        let Some(start) = ad_break.start else { return false };
        match (ad_break.source, ad_break.from) {
            (AdSource::Cue, None) => self.continued_inside(ad_break, common),
            _ => start > common.from && start < common.to,
        }
    }

    fn continued_inside(&self, ad_break: &AdBreak, common: CommonWindow) -> bool {
        let continues = |m: &&Marker| matches!(m.kind, MarkerKind::Continues { .. });
        let before_end = |m: &&Marker| ad_break.until.is_none_or(|until| m.number < until);
        let mut tags = self.timeline.markers.iter().filter(continues).filter(before_end);
        tags.any(|m| self.start_of(m.number).is_some_and(|at| at > common.from && at < common.to))
    }

    /// Returns the start of segment `number`, or the end of the newest segment if the number is beyond the window.
    fn start_of(&self, number: u64) -> Option<Timestamp> {
        let place = usize::try_from(number.checked_sub(self.timeline.segments.first()?.number)?).ok()?;
        match self.dates.get(place) {
            Some(date) => *date,
            None => self.timeline.segments_edge(),
        }
    }

    /// Returns a message if both renditions announce the ad break but with different durations or ends.
    fn announced_differently(
        &self,
        ours: &AdBreak,
        theirs: &AdBreak,
        other: &Self,
        common: CommonWindow,
        params: &Params,
    ) -> Option<String> {
        let (line, name) = (ours.line, &other.facts.rendition.name);
        let durations_differ =
            ours.announced.zip(theirs.announced).is_some_and(|(a, b)| (a - b).abs().0 > params.duration_tolerance);
        if durations_differ {
            let (a, b) = (duration_text(ours.announced), duration_text(theirs.announced));
            return Some(format!(
                "line {line}: the ad break of this {} announces {a}; {name} announces {b}",
                ours.source.tag()
            ));
        }
        let end = |playlist: &Self, ad_break: &AdBreak| ad_break.until.and_then(|number| playlist.start_of(number));
        let inside = |at: Timestamp| at > common.from && at < common.to;
        match (end(self, ours), end(other, theirs)) {
            (Some(a), Some(b)) if (inside(a) || inside(b)) && Seconds::between(a, b).abs() > common.slack => {
                Some(format!("line {line}: the ad break ends at {a}; in {name} it ends at {b}"))
            }
            (None, Some(b)) if inside(b) => {
                Some(format!("line {line}: the ad break isn't closed; in {name} it ends at {b}"))
            }
            (Some(a), None) if inside(a) => {
                Some(format!("line {line}: the ad break ends at {a}; in {name} it isn't closed"))
            }
            _ => None,
        }
    }
}

/// Whether both markers announce the same ad break, with the same kind of tag. The start of a break that began before
/// the window is known only within a target duration, from the elapsed seconds of a tag that continues the break.
fn same_break(ours: &AdBreak, theirs: &AdBreak, common: CommonWindow) -> bool {
    let begins_in_both = ours.source == AdSource::DateRange || (ours.from.is_some() && theirs.from.is_some());
    let slack = if begins_in_both { common.slack } else { common.target };
    ours.source == theirs.source
        && ours.start.zip(theirs.start).is_some_and(|(a, b)| Seconds::between(a, b).abs() <= slack)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::support::ad_breaks::testing::out;
    use crate::checks::testing::*;
    use packager_media::stream::ads::AdRange;
    use std::sync::Arc;

    type Markers = Vec<(u64, MarkerKind)>;

    fn goes_on(elapsed: f64) -> MarkerKind {
        MarkerKind::Continues { elapsed: Some(Seconds(elapsed)), announced: Some(Seconds(30.0)) }
    }

    fn range(start: f64) -> MarkerKind {
        let (start, planned) = (Some(time(start)), Some(Seconds(4.0)));
        MarkerKind::Range(Box::new(AdRange { id: "1".to_owned(), start, planned, out: true, ..AdRange::default() }))
    }

    /// Makes a test input: renditions, each with its ad markers and the segments 10 to 19 of 2 s. The first segment
    /// starts 20 s before the time of the probe, and the last ends at that time.
    fn scene(renditions: &[(&str, Media, Markers)]) -> Scene {
        let mut scene = Scene::live();
        scene.output.renditions =
            renditions.iter().map(|(name, media, markers)| marked_rendition(name, *media, markers)).collect();
        let past = || crate::history::RenditionHistory::default();
        scene.history.renditions = renditions.iter().map(|(name, ..)| ((*name).to_owned(), past())).collect();
        scene
    }

    fn run(renditions: &[(&str, Media, Markers)]) -> Vec<Violation> {
        violations(check(&scene(renditions).context(), &Params::default()))
    }

    fn marked_rendition(name: &str, media: Media, markers: &Markers) -> RenditionFacts {
        let mut facts = rendition(name);
        facts.rendition.media = media;
        let mut timeline = timeline(10, 19);
        timeline.segments[0].program_date_time = Some(time(-20.0));
        let marker =
            |(n, (number, kind)): (u32, &(u64, MarkerKind))| Marker { kind: kind.clone(), number: *number, line: n };
        timeline.markers = (20..).zip(markers).map(marker).collect();
        facts.timeline = Some(Arc::new(timeline));
        facts
    }

    fn pair(one: Markers, other: Markers) -> String {
        let found = run(&[("one", Media::Video, one), ("other", Media::Video, other)]);
        assert!(found.iter().all(|v| v.rendition.as_deref() == Some("other")), "{found:?}");
        found.iter().map(|v| v.message.as_str()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn renditions_with_the_same_breaks_hold() {
        let both = || vec![(13, range(-14.0)), (13, out(4.0)), (15, MarkerKind::In)];
        assert_eq!(pair(both(), both()), "");
    }

    #[test]
    fn without_two_dated_renditions_or_without_markers_it_does_not_run() {
        let run = |renditions: &[(&str, Media, Markers)]| check(&scene(renditions).context(), &Params::default());
        assert_not_run(run(&[("one", Media::Video, vec![]), ("other", Media::Video, vec![])]), NO_MARKER);
        assert_not_run(run(&[("one", Media::Video, vec![(13, out(4.0))])]), NO_PAIR);
    }

    #[test]
    fn a_break_that_only_one_rendition_has_fails_from_either_side() {
        let missing =
            format!("no EXT-X-CUE-OUT announces the ad break at {} that one announces in line 20", time(-14.0));
        assert_eq!(pair(vec![(13, out(30.0))], vec![]), missing);
        assert_eq!(pair(vec![(13, out(30.0))], vec![(13, range(-14.0))]), missing);
        let surplus = format!("line 20: EXT-X-CUE-OUT begins an ad break at {} that one doesn't have", time(-14.0));
        assert_eq!(pair(vec![], vec![(13, out(30.0))]), surplus);
        assert!(pair(vec![(13, range(-14.0))], vec![]).starts_with("no EXT-X-DATERANGE announces"));
    }

    #[test]
    fn a_break_that_begins_a_segment_later_fails() {
        assert!(pair(vec![(13, out(30.0))], vec![(14, out(30.0))]).starts_with("no EXT-X-CUE-OUT"));
        assert_eq!(pair(vec![(13, range(-14.0))], vec![(13, range(-13.0))]), "");
        assert!(pair(vec![(13, range(-14.0))], vec![(13, range(-12.9))]).starts_with("no EXT-X-DATERANGE"));
    }

    #[test]
    fn another_length_or_end_fails() {
        let lengths = pair(vec![(13, out(30.0))], vec![(13, out(60.0))]);
        assert_eq!(lengths, "line 20: the ad break of this EXT-X-CUE-OUT announces 60 s; one announces 30 s");
        assert_eq!(pair(vec![(13, out(30.0))], vec![(13, out(30.5))]), "");
        let (early, late) = (vec![(13, out(9.0)), (15, MarkerKind::In)], vec![(13, out(9.0)), (16, MarkerKind::In)]);
        let (at, then) = (time(-10.0), time(-8.0));
        assert_eq!(pair(early.clone(), late), format!("line 20: the ad break ends at {then}; in one it ends at {at}"));
        let open = vec![(13, out(9.0))];
        let unclosed = format!("line 20: the ad break isn't closed; in one it ends at {at}");
        assert_eq!(pair(early.clone(), open.clone()), unclosed);
        assert_eq!(pair(open, early), format!("line 20: the ad break ends at {at}; in one it isn't closed"));
    }

    #[test]
    fn near_the_ends_of_the_window_nothing_is_judged() {
        for number in [10, 11, 19] {
            assert_eq!(pair(vec![(number, out(30.0))], vec![]), "", "{number}");
        }
        assert_ne!(pair(vec![(12, out(30.0))], vec![]), "");
        assert_ne!(pair(vec![(18, out(30.0))], vec![]), "");
        let closed = |number| vec![(13, out(30.0)), (number, MarkerKind::In)];
        assert_eq!(pair(closed(19), vec![(13, out(30.0))]), "");
    }

    #[test]
    fn a_break_that_began_before_the_window_is_compared_by_its_continuation() {
        let cont = || (10..20).map(|n| (n, goes_on(8.0 + 2.0 * (n - 10) as f64))).collect::<Markers>();
        assert_eq!(pair(cont(), cont()), "");
        assert!(pair(cont(), vec![]).contains(&format!("the ad break at {}", time(-28.0))));
        // It ended with the window's second segment: the other may list that already.
        assert_eq!(pair(vec![(10, goes_on(8.0)), (11, MarkerKind::In)], vec![]), "");
    }

    #[test]
    fn sound_without_any_marker_and_subtitles_are_not_compared() {
        let pair = |media, markers| scene(&[("one", Media::Video, vec![(13, out(30.0))]), ("other", media, markers)]);
        let run = |media, markers| check(&pair(media, markers).context(), &Params::default());
        assert_not_run(run(Media::Audio, vec![]), NO_PAIR);
        assert_not_run(run(Media::Text, vec![(15, out(30.0))]), NO_PAIR);
        assert_eq!(violations(run(Media::Audio, vec![(15, out(30.0))])).len(), 1);
    }

    #[test]
    fn the_one_rendition_that_differs_from_all_others_is_named() {
        let marked = |name| (name, Media::Video, vec![(13, out(30.0))]);
        let found = run(&[("one", Media::Video, vec![]), marked("two"), marked("three")]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].rendition.as_deref(), Some("one"));
        assert!(found[0].message.contains("that two announces in line 20"));
    }
}
