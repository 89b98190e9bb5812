//! Ad breaks of one output: what one rendition tells of, the others tell too, at the same time and as long. A player
//! that changes rungs inside a break, or before one, loses it otherwise.

use super::{Params, announced};
use crate::checks::support::select;
use crate::checks::{CheckContext, Violation};
use crate::facts::RenditionFacts;
use packager_media::redact;
use packager_media::stream::ads::{AdBreak, AdSource, Marker, MarkerKind};
use packager_media::stream::{Media, Timeline};
use packager_media::units::{Seconds, Timestamp};

/// A rendition's playlist with its breaks and the dates of its segments.
struct Side<'a> {
    facts: &'a RenditionFacts,
    timeline: &'a Timeline,
    breaks: Vec<AdBreak>,
    dates: Vec<Option<Timestamp>>,
}

/// What two playlists list both, a target duration from either end: nearer to them a marker may just have left, or be
/// still to come.
#[derive(Clone, Copy)]
struct Common {
    from: Timestamp,
    to: Timestamp,
    target: Seconds,
    /// By which two dates of one splice may differ.
    slack: Seconds,
}

/// One violation a rendition that differs from the first; where that differs from all others, it is the odd one.
pub fn apart(context: &CheckContext<'_>, params: &Params) -> Vec<Violation> {
    let sides: Vec<_> = context.renditions().filter_map(|(facts, _)| Side::of(facts)).collect();
    let Some((first, others)) = sides.split_first() else { return Vec::new() };
    let differing: Vec<_> = others.iter().filter_map(|other| Some((other, other.against(first, params)?))).collect();
    match others {
        [second, _, ..] if differing.len() == others.len() => {
            first.against(second, params).map(|message| about(first, message)).into_iter().collect()
        }
        _ => differing.into_iter().map(|(other, message)| about(other, message)).collect(),
    }
}

fn about(side: &Side<'_>, message: String) -> Violation {
    let url = side.facts.playlist.as_ref().map(|p| redact::url(&p.url));
    Violation::new(message).in_rendition(&side.facts.rendition.name).with("url", url)
}

impl<'a> Side<'a> {
    /// Video, and sound that is marked too: packagers need not mark it. `None` where dates don't tell what is when.
    fn of(facts: &'a RenditionFacts) -> Option<Self> {
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

    /// The first difference from `other`, as what this rendition lacks or says otherwise.
    fn against(&self, other: &Self, params: &Params) -> Option<String> {
        let common = self.common(other, params)?;
        let name = &other.facts.rendition.name;
        let missing = other.breaks.iter().filter(|b| other.shows(b, common)).find_map(|theirs| {
            match self.breaks.iter().find(|ours| meet(ours, theirs, common)) {
                Some(ours) => self.told_otherwise(ours, theirs, other, common, params),
                None => {
                    let (line, tag) = (theirs.line, theirs.source.tag());
                    let at = theirs.start.map_or_else(String::new, |at| format!(" at {at}"));
                    Some(format!("no {tag} tells of the ad break{at} that {name} announces in line {line}"))
                }
            }
        });
        let surplus = || {
            let alone = |ours: &&AdBreak| {
                self.shows(ours, common) && !other.breaks.iter().any(|theirs| meet(ours, theirs, common))
            };
            let ours = self.breaks.iter().find(alone)?;
            let at = ours.start.map_or_else(String::new, |at| format!(" at {at}"));
            Some(format!("line {}: {} begins an ad break{at} that {name} doesn't have", ours.line, ours.source.tag()))
        };
        missing.or_else(surplus)
    }

    fn common(&self, other: &Self, params: &Params) -> Option<Common> {
        let first = |side: &Self| side.dates.first().copied().flatten();
        let target = select::target_duration(self.timeline)?;
        let slack = Seconds(params.date_tolerance.min(target.0 / 2.0));
        let from = target.after(first(self)?.max(first(other)?));
        let to = Seconds(-target.0).after(self.timeline.segments_edge()?.min(other.timeline.segments_edge()?));
        (from < to).then_some(Common { from, to, target, slack })
    }

    /// What `common` holds of a break suffices that the other rendition has to tell of it too: its beginning, or tags
    /// that continue it.
    fn shows(&self, told: &AdBreak, common: Common) -> bool {
        let Some(start) = told.start else { return false };
        match (told.source, told.from) {
            (AdSource::Cue, None) => self.continued(told, common),
            _ => start > common.from && start < common.to,
        }
    }

    /// By a tag in `common`.
    fn continued(&self, told: &AdBreak, common: Common) -> bool {
        let continues = |m: &&Marker| matches!(m.kind, MarkerKind::Continues { .. });
        let before_end = |m: &&Marker| told.until.is_none_or(|until| m.number < until);
        let mut tags = self.timeline.markers.iter().filter(continues).filter(before_end);
        tags.any(|m| self.date(m.number).is_some_and(|at| at > common.from && at < common.to))
    }

    /// When segment `number` begins; for the one to come, where the newest ends.
    fn date(&self, number: u64) -> Option<Timestamp> {
        let place = usize::try_from(number.checked_sub(self.timeline.segments.first()?.number)?).ok()?;
        match self.dates.get(place) {
            Some(date) => *date,
            None => self.timeline.segments_edge(),
        }
    }

    /// One break that both tell of, with another length or another end.
    fn told_otherwise(
        &self,
        ours: &AdBreak,
        theirs: &AdBreak,
        other: &Self,
        common: Common,
        params: &Params,
    ) -> Option<String> {
        let (line, name) = (ours.line, &other.facts.rendition.name);
        let differ =
            ours.announced.zip(theirs.announced).is_some_and(|(a, b)| (a - b).abs().0 > params.duration_tolerance);
        if differ {
            let (a, b) = (announced(ours.announced), announced(theirs.announced));
            return Some(format!(
                "line {line}: the ad break of this {} announces {a}, that of {name} {b}",
                ours.source.tag()
            ));
        }
        let end = |side: &Self, told: &AdBreak| told.until.and_then(|number| side.date(number));
        let inside = |at: Timestamp| at > common.from && at < common.to;
        match (end(self, ours), end(other, theirs)) {
            (Some(a), Some(b)) if (inside(a) || inside(b)) && Seconds::between(a, b).abs() > common.slack => {
                Some(format!("line {line}: the ad break ends at {a}, in {name} at {b}"))
            }
            (None, Some(b)) if inside(b) => {
                Some(format!("line {line}: the ad break isn't closed, in {name} it ends at {b}"))
            }
            (Some(a), None) if inside(a) => {
                Some(format!("line {line}: the ad break ends at {a}, in {name} it isn't closed"))
            }
            _ => None,
        }
    }
}

/// The same break, announced in the same way. What went before a continuation is told to the second only.
fn meet(ours: &AdBreak, theirs: &AdBreak, common: Common) -> bool {
    let listed = ours.source == AdSource::DateRange || (ours.from.is_some() && theirs.from.is_some());
    let slack = if listed { common.slack } else { common.target };
    ours.source == theirs.source
        && ours.start.zip(theirs.start).is_some_and(|(a, b)| Seconds::between(a, b).abs() <= slack)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::stream::ads::AdRange;
    use std::sync::Arc;

    type Markers = Vec<(u64, MarkerKind)>;

    fn out(seconds: f64) -> MarkerKind {
        MarkerKind::Out { announced: Some(Seconds(seconds)) }
    }

    fn goes_on(elapsed: f64) -> MarkerKind {
        MarkerKind::Continues { elapsed: Some(Seconds(elapsed)), announced: Some(Seconds(30.0)) }
    }

    fn range(start: f64) -> MarkerKind {
        let (start, planned) = (Some(time(start)), Some(Seconds(4.0)));
        MarkerKind::Range(Box::new(AdRange { id: "1".to_owned(), start, planned, out: true, ..AdRange::default() }))
    }

    /// Each with segments 10 to 19 of 2 s, the first at second -20; the live edge is now.
    fn run(renditions: &[(&str, Media, Markers)]) -> Vec<Violation> {
        let mut scene = Scene::live();
        scene.output.renditions = renditions.iter().map(|(name, media, markers)| side(name, *media, markers)).collect();
        let past = || crate::history::RenditionHistory::default();
        scene.history.renditions = renditions.iter().map(|(name, ..)| ((*name).to_owned(), past())).collect();
        apart(&scene.context(), &Params::default())
    }

    fn side(name: &str, media: Media, markers: &Markers) -> RenditionFacts {
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
    fn renditions_that_tell_alike_hold() {
        let both = || vec![(13, range(-14.0)), (13, out(4.0)), (15, MarkerKind::In)];
        assert_eq!(pair(both(), both()), "");
        assert_eq!(pair(vec![], vec![]), "");
    }

    #[test]
    fn a_break_that_one_of_two_lacks_fails_from_either_side() {
        let missing =
            format!("no EXT-X-CUE-OUT tells of the ad break at {} that one announces in line 20", time(-14.0));
        assert_eq!(pair(vec![(13, out(30.0))], vec![]), missing);
        assert_eq!(pair(vec![(13, out(30.0))], vec![(13, range(-14.0))]), missing);
        let surplus = format!("line 20: EXT-X-CUE-OUT begins an ad break at {} that one doesn't have", time(-14.0));
        assert_eq!(pair(vec![], vec![(13, out(30.0))]), surplus);
        assert!(pair(vec![(13, range(-14.0))], vec![]).starts_with("no EXT-X-DATERANGE tells"));
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
        assert_eq!(lengths, "line 20: the ad break of this EXT-X-CUE-OUT announces 60 s, that of one 30 s");
        assert_eq!(pair(vec![(13, out(30.0))], vec![(13, out(30.5))]), "");
        let (early, late) = (vec![(13, out(9.0)), (15, MarkerKind::In)], vec![(13, out(9.0)), (16, MarkerKind::In)]);
        let (at, then) = (time(-10.0), time(-8.0));
        assert_eq!(pair(early.clone(), late), format!("line 20: the ad break ends at {then}, in one at {at}"));
        let open = vec![(13, out(9.0))];
        let unclosed = format!("line 20: the ad break isn't closed, in one it ends at {at}");
        assert_eq!(pair(early.clone(), open.clone()), unclosed);
        assert_eq!(pair(open, early), format!("line 20: the ad break ends at {at}, in one it isn't closed"));
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
    fn sound_without_any_marker_need_not_have_them_and_subtitles_neither() {
        let marked = || vec![(13, out(30.0))];
        let beside = |media, markers| run(&[("one", Media::Video, marked()), ("other", media, markers)]).len();
        assert_eq!(beside(Media::Audio, vec![]), 0);
        assert_eq!(beside(Media::Text, vec![(15, out(30.0))]), 0);
        assert_eq!(beside(Media::Audio, vec![(15, out(30.0))]), 1);
    }

    #[test]
    fn the_odd_one_of_three_is_named() {
        let marked = |name| (name, Media::Video, vec![(13, out(30.0))]);
        let found = run(&[("one", Media::Video, vec![]), marked("two"), marked("three")]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].rendition.as_deref(), Some("one"));
        assert!(found[0].message.contains("that two announces in line 20"));
    }
}
