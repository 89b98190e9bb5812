//! History of an output's ladder over several probes.

use super::{Retention, SAME_START};
use crate::facts::{DashFacts, OutputFacts};
use packager_media::dash::{self, AdaptationSet, Descriptor, Period, Representation, playable_representations};
use packager_media::stream::{Media, Protocol, Rendition, Resolution, is_audio_codec};
use packager_media::units::{Seconds, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Kinds of renditions that a manifest lists, with their numbers, and the ids of an MPD's Representations.
#[derive(Debug, Clone, PartialEq)]
pub struct LadderState {
    /// Time of the first probe with this ladder.
    pub first_seen: Timestamp,
    /// Number of renditions of each kind (`video 1920x1080`, `audio en`). Bit rates don't belong to a kind, because
    /// some packagers measure and rewrite them. In DASH an ad has no part in them while the programme's Period is in the MPD.
    pub rungs: BTreeMap<String, usize>,
    /// Whether a rendition that plays now may contain sound.
    pub has_sound: bool,
    /// Whether a rendition that plays now is video.
    pub has_picture: bool,
    /// Representations of the MPD's Period that plays now. `None` for HLS, and if the Period isn't known.
    pub representations: Option<RepresentationIds>,
}

/// The Representations of a Period, as players recognise them in the next MPD: most by their ids, Media3 by their places.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RepresentationIds {
    /// Id and start of the Period.
    pub period: (Option<String>, Seconds),
    /// The Representations with an id in document order, at most 64.
    pub all: Vec<RepresentationPlace>,
}

/// Id of a Representation, cut at 64 characters, and its place in its Period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepresentationPlace {
    pub id: String,
    /// Position of the AdaptationSet in its Period, from 1.
    pub set: usize,
    /// Position of the Representation in its AdaptationSet, from 1.
    pub position: usize,
    /// Values of the properties by which dash.js recognises the AdaptationSet in the next MPD. Empty if a SegmentTimeline doesn't list the
    /// segments: what the clock counts goes on without the next MPD.
    pub identity: Vec<String>,
}

/// Names of the properties by which dash.js recognises an AdaptationSet (areMediaInfosEqual).
const IDENTITY: [&str; 6] =
    ["AdaptationSet@id", "@lang", "Role", "Accessibility", "@codecs", "AudioChannelConfiguration"];

impl RepresentationPlace {
    /// Whether both stand at the same place of their Period.
    pub(crate) fn is_at(&self, other: &Self) -> bool {
        (self.set, self.position) == (other.set, other.position)
    }

    /// Returns the name of the first property by which players recognise the AdaptationSet and that `later` has another value of, and
    /// both values. `None` if there is none, or if one of them has no SegmentTimeline.
    pub(crate) fn other_identity<'a>(&'a self, later: &'a Self) -> Option<(&'static str, &'a str, &'a str)> {
        let values = self.identity.iter().zip(&later.identity);
        let (name, (was, is)) = IDENTITY.into_iter().zip(values).find(|(_, (was, is))| was != is)?;
        Some((name, was.as_str(), is.as_str()))
    }
}

/// Returns the values of the properties in `IDENTITY` of a Representation, each cut at 64 characters. Codecs and channels are those of the first
/// Representation of its AdaptationSet, by which dash.js recognises the set.
fn identity_of(set: &AdaptationSet, representation: &Representation) -> Vec<String> {
    if representation.addressing.segments.runs().is_none() {
        return Vec::new();
    }
    let text = |descriptor: &Descriptor| match &descriptor.value {
        Some(value) => format!("{} {value}", descriptor.scheme),
        None => descriptor.scheme.clone(),
    };
    let first = set.representations.first().unwrap_or(representation);
    let texts = |all: &[Descriptor]| all.iter().map(text).collect::<Vec<_>>().join(", ");
    let values = [
        set.id.clone().unwrap_or_default(),
        set.language.clone().unwrap_or_default(),
        texts(&set.roles),
        texts(&set.accessibility),
        first.codecs.join(","),
        first.channels.as_ref().map(text).unwrap_or_default(),
    ];
    values.iter().map(|value| value.chars().take(MAX_ID).collect()).collect()
}

impl RepresentationIds {
    /// Whether both are the ids of the same Period.
    #[must_use]
    pub fn same_period(&self, other: &Self) -> bool {
        self.period.0 == other.period.0 && (self.period.1 - other.period.1).0.abs() <= SAME_START
    }

    fn of(dash: &DashFacts, now: Timestamp) -> Option<Self> {
        let period = dash.period_at(now).filter(|_| dash.mpd.dynamic)?;
        let place = |(set, representation): (&AdaptationSet, &Representation)| {
            let id: String = representation.id.chars().take(MAX_ID).collect();
            let set_at = period.sets.iter().position(|one| std::ptr::eq(one, set))?;
            let position = set.representations.iter().position(|one| std::ptr::eq(one, representation))?;
            let identity = identity_of(set, representation);
            (!id.is_empty()).then_some(RepresentationPlace { id, set: set_at + 1, position: position + 1, identity })
        };
        let all = playable_representations(period).filter_map(place).take(MAX_IDS).collect();
        Some(Self { period: (period.id.clone(), period.start?), all })
    }

    /// Returns the Representations with an id that `other` doesn't have.
    pub(crate) fn missing_in<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a RepresentationPlace> {
        self.all.iter().filter(|one| !other.all.iter().any(|theirs| theirs.id == one.id))
    }

    /// Returns the Representation with this id. `None` if none or several have it.
    pub(crate) fn only(&self, id: &str) -> Option<&RepresentationPlace> {
        let mut found = self.all.iter().filter(|one| one.id == id);
        found.next().filter(|_| found.next().is_none())
    }
}

/// Largest number of Representation ids that are compared, and of characters of an id.
const MAX_IDS: usize = 64;
const MAX_ID: usize = 64;

const MAX_LADDERS: usize = 64;
/// Kind that stands for a media playlist in the place of a multivariant playlist.
const MEDIA_PLAYLIST: &str = "media playlist";

/// Adds the ladder of this probe if it differs from the newest one, and forgets ladders older than the template's
/// `hold`.
pub(super) fn record(ladders: &mut Vec<Arc<LadderState>>, facts: &OutputFacts, now: Timestamp, retention: Retention) {
    if facts.is_readable() && ladders.last().is_none_or(|last| last.first_seen <= now) {
        let seen = LadderState {
            first_seen: now,
            rungs: rungs(facts, ladders.last()),
            has_sound: facts.is_media_playlist()
                || facts.renditions.iter().any(|r| may_have_sound(&r.rendition, facts.protocol())),
            has_picture: facts.is_media_playlist()
                || facts.renditions.iter().any(|r| r.rendition.media == Media::Video),
            representations: facts.dash().and_then(|dash| RepresentationIds::of(dash, now)),
        };
        if ladders.last().is_none_or(|last| !last.same_ladder(&seen) || last.representations != seen.representations) {
            ladders.push(Arc::new(seen));
        }
    }
    let horizon = Seconds(-retention.hold.0).after(now);
    let stale = ladders.iter().skip(1).take_while(|l| l.first_seen < horizon).count();
    let stale = before_loss(ladders, now).map_or(stale, |before| before.min(stale));
    ladders.drain(..stale.max(ladders.len().saturating_sub(MAX_LADDERS)));
}

/// Time for which it is remembered that a manifest had sound or picture that it has lost.
const LOSS_REMEMBERED: Seconds = Seconds(86_400.0);

/// Returns the index of the last ladder that has the sound or picture which the newest one lacks. `None`: it lacks none that was there
/// within a day.
fn before_loss(ladders: &[Arc<LadderState>], now: Timestamp) -> Option<usize> {
    let newest = ladders.last()?;
    let before = ladders.iter().rposition(|ladder| newest.has_lost(ladder))?;
    let lost_at = ladders.get(before + 1)?.first_seen;
    (Seconds::between(lost_at, now) < LOSS_REMEMBERED).then_some(before)
}

impl LadderState {
    /// Whether the ladder `before` has sound or picture that this one lacks.
    pub(crate) fn has_lost(&self, before: &Self) -> bool {
        (before.has_sound && !self.has_sound) || (before.has_picture && !self.has_picture)
    }

    /// Whether the answer was a media playlist in the place of a multivariant playlist.
    pub(crate) fn is_media_playlist(&self) -> bool {
        self.rungs.contains_key(MEDIA_PLAYLIST)
    }

    /// Whether both have the same renditions, whatever their ids are.
    pub(crate) fn same_ladder(&self, other: &Self) -> bool {
        let Self { first_seen: _, rungs, representations: _, has_sound, has_picture } = self;
        (rungs, has_sound, has_picture) == (&other.rungs, &other.has_sound, &other.has_picture)
    }
}

/// Returns the kinds of renditions that the manifest lists, with their numbers. They are those of the ladder `last` while the MPD
/// has a Period with them that ended a short time ago: an ad may have other ones.
fn rungs(facts: &OutputFacts, last: Option<&Arc<LadderState>>) -> BTreeMap<String, usize> {
    if facts.is_media_playlist() {
        return BTreeMap::from([(MEDIA_PLAYLIST.to_owned(), 1)]);
    }
    let kinds = facts.renditions.iter().map(|f| &f.rendition);
    let now = count(kinds.map(|r: &Rendition| kind(r.media, r.resolution, r.language.as_deref())));
    let interrupted = |last: &&Arc<LadderState>| recent_periods(facts).any(|p| kinds_of(p) == last.rungs);
    last.filter(|last| last.rungs != now).filter(interrupted).map_or(now, |last| last.rungs.clone())
}

/// Longest time in seconds since the end of a Period for which its programme may be interrupted by an ad.
const INTERRUPTION: Seconds = Seconds(600.0);

/// Returns the Periods of a live MPD that ended at most 10 minutes ago, before the one that plays now.
fn recent_periods(facts: &OutputFacts) -> impl Iterator<Item = &Period> {
    let live = facts.dash().filter(|dash| dash.mpd.dynamic);
    live.into_iter().flat_map(|dash| {
        let current = dash::current_period(&dash.mpd, dash.listed_at);
        let earlier = dash.mpd.periods.iter().take_while(move |p| current.is_some_and(|c| !std::ptr::eq(*p, c)));
        let since = Seconds(-INTERRUPTION.0).after(dash.listed_at);
        let begin = dash.mpd.availability_start;
        let end = move |p: &Period| Some((p.start? + p.duration?).after(begin?));
        earlier.filter(move |p| end(p).is_some_and(|end| end >= since))
    })
}

fn kinds_of(period: &Period) -> BTreeMap<String, usize> {
    let all = playable_representations(period);
    count(all.map(|(set, r)| kind(set.media, r.resolution, set.language.as_deref())))
}

fn count(kinds: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut rungs = BTreeMap::new();
    for kind in kinds {
        *rungs.entry(kind).or_insert(0) += 1;
    }
    rungs
}

fn kind(media: Media, resolution: Option<Resolution>, language: Option<&str>) -> String {
    let mut kind = media.as_str().to_owned();
    if let Some(resolution) = resolution {
        kind.push_str(&format!(" {resolution}"));
    }
    if let Some(language) = language {
        // Tags differ in case only by habit (RFC 5646 2.1.1).
        kind.push_str(&format!(" {}", language.to_ascii_lowercase()));
    }
    kind
}

/// Returns whether a rendition may contain sound: audio, and video whose codecs include audio. A variant of HLS without CODECS may
/// contain both.
fn may_have_sound(rendition: &Rendition, protocol: Protocol) -> bool {
    let unknown = protocol == Protocol::Hls && rendition.codecs.is_empty();
    let in_video = || unknown || rendition.codecs.iter().any(|codec| is_audio_codec(codec));
    rendition.media == Media::Audio || (rendition.media == Media::Video && in_video())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{DashFacts, ManifestFacts, RenditionFacts};
    use crate::testing::{at, output, url};
    use packager_media::stream::RenditionIdentity;

    const HOLD: Retention = Retention { hold: Seconds(60.0), query_identifies: false };

    /// Start of a Period in seconds, and the languages of its audio, beside video.
    type Listed<'a> = (u32, &'a [&'a str]);

    fn periods(all: &[Listed<'_>]) -> String {
        let set = |kind: &str, language: &str| {
            format!(
                "<AdaptationSet mimeType=\"{kind}/mp4\" lang=\"{language}\"><SegmentTemplate media=\"$Number$\" duration=\"2\"/>\
                 <Representation id=\"{kind}{language}\" bandwidth=\"1\" codecs=\"x\"/></AdaptationSet>"
            )
        };
        let one = |(start, languages): &Listed<'_>| {
            let sound: String = languages.iter().map(|language| set("audio", language)).collect();
            format!("<Period id=\"{start}\" start=\"PT{start}S\">{}{sound}</Period>", set("video", "und"))
        };
        all.iter().map(one).collect()
    }

    /// Returns the distinct ladders after an MPD with each of these lists of Periods, in the second of its probe.
    fn ladders(probes: &[(i64, &[Listed<'_>])]) -> Vec<Arc<LadderState>> {
        let address = url("http://packager/live/x.mpd");
        let mut ladders = Vec::new();
        for (second, listed) in probes {
            let head = format!("<MPD type=\"dynamic\" availabilityStartTime=\"{}\">", at(0));
            let text = format!("{head}{}</MPD>", periods(listed));
            let mpd = Arc::new(dash::parse(text.as_bytes(), &address).0.unwrap());
            let snapshots = dash::renditions_at(&mpd, at(*second));
            let renditions = snapshots.into_iter().map(|s| RenditionFacts::unrequested(s.rendition)).collect();
            let mut facts = output("dash", &address, renditions);
            facts.content = ManifestFacts::Dash(Box::new(DashFacts::new(mpd, at(*second))));
            record(&mut ladders, &facts, at(*second), HOLD);
        }
        // Each Period has Representations of its own.
        ladders.dedup_by(|later, earlier| later.same_ladder(earlier));
        ladders
    }

    const PROGRAMME: Listed<'static> = (0, &["en", "vi"]);

    #[test]
    fn an_ad_with_other_renditions_is_no_change_while_the_programme_is_in_the_mpd() {
        let ad: Listed<'_> = (100, &["und"]);
        let back: Listed<'_> = (130, &["en", "vi"]);
        let clean: [(i64, &[_]); 4] =
            [(90, &[PROGRAMME]), (110, &[PROGRAMME, ad]), (140, &[PROGRAMME, ad, back]), (160, &[ad, back])];
        assert_eq!(ladders(&clean).len(), 1);
        assert_eq!(ladders(&[(90, &[PROGRAMME]), (110, &[ad])]).len(), 2, "only the ad is in the MPD");
        let long = |second| ladders(&[(90, &[PROGRAMME]), (second, &[PROGRAMME, ad])]).len();
        assert_eq!((long(700), long(701)), (1, 2), "600 s after the end of the programme's Period");
        let less: Listed<'_> = (0, &["en"]);
        assert_eq!(ladders(&[(90, &[PROGRAMME]), (92, &[less])]).len(), 2, "the same Period");
    }

    #[test]
    fn sound_that_vanishes_with_a_new_period_is_seen_at_once() {
        let silent: Listed<'_> = (100, &[]);
        let seen = ladders(&[(90, &[PROGRAMME]), (110, &[PROGRAMME, silent])]);
        assert_eq!(
            seen.iter().map(|l| (l.has_sound, l.has_picture)).collect::<Vec<_>>(),
            [(true, true), (false, true)]
        );
    }

    #[test]
    fn a_variant_of_hls_may_contain_sound_unless_its_codecs_say_otherwise() {
        let rendition = |media, codecs: &[&str]| Rendition {
            codecs: codecs.iter().map(|codec| (*codec).to_owned()).collect(),
            ..Rendition::new(media, RenditionIdentity::place("x"))
        };
        let video = |codecs: &[&str], protocol| may_have_sound(&rendition(Media::Video, codecs), protocol);
        assert!(video(&["avc1.64001f", "mp4a.40.2"], Protocol::Hls) && video(&[], Protocol::Hls));
        assert!(!video(&["avc1.64001f"], Protocol::Hls) && !video(&[], Protocol::Dash));
        assert!(may_have_sound(&rendition(Media::Audio, &[]), Protocol::Dash));
        assert!(!may_have_sound(&rendition(Media::Text, &[]), Protocol::Hls));
    }

    #[test]
    fn a_set_with_a_timeline_has_an_identity() {
        let of = |set: &str, template: &str| {
            let text = format!(
                "<MPD type=\"dynamic\" availabilityStartTime=\"{}\"><Period id=\"p\" start=\"PT0S\"><AdaptationSet {set} mimeType=\"audio/mp4\">\
                 <Role schemeIdUri=\"urn:r\" value=\"main\"/><SegmentTemplate media=\"$Number$\"{template}</SegmentTemplate>\
                 <Representation id=\"a\" bandwidth=\"1\" codecs=\"mp4a.40.2\"/></AdaptationSet></Period></MPD>",
                at(0)
            );
            let mpd = Arc::new(dash::parse(text.as_bytes(), &url("http://packager/live/x.mpd")).0.unwrap());
            RepresentationIds::of(&DashFacts::new(mpd, at(20)), at(20)).unwrap().all.remove(0)
        };
        let timeline = "><SegmentTimeline><S t=\"0\" d=\"2\" r=\"9\"/></SegmentTimeline>";
        let first = of("id=\"1\" lang=\"vi\"", timeline);
        assert_eq!(first.identity, ["1", "vi", "urn:r main", "", "mp4a.40.2", ""]);
        assert_eq!(first.other_identity(&first), None);
        let (id, language) = (of("id=\"2\" lang=\"vi\"", timeline), of("id=\"1\" lang=\"en\"", timeline));
        assert_eq!(first.other_identity(&id), Some(("AdaptationSet@id", "1", "2")));
        assert_eq!(first.other_identity(&language), Some(("@lang", "vi", "en")));
        assert_eq!(first.other_identity(&of("id=\"2\"", " duration=\"2\">")), None, "the clock counts the segments");
    }

    #[test]
    fn only_the_period_that_plays_now_gives_ids() {
        let base = url::Url::parse("http://packager/tv.mpd").unwrap();
        let period = |id: &str, start: u32, representation: &str| {
            format!(
                "<Period id=\"{id}\" start=\"PT{start}S\"><AdaptationSet mimeType=\"video/mp4\"><SegmentTemplate media=\"$Number$\" \
                 duration=\"2\"/><Representation id=\"{representation}\" bandwidth=\"1\" codecs=\"a\"/></AdaptationSet></Period>"
            )
        };
        let of = |kind: &str| {
            let periods = period("a", 0, "v0") + &period("b", 60, &"v".repeat(MAX_ID + 1)) + &period("c", 900, "v2");
            let text = format!("<MPD type=\"{kind}\" availabilityStartTime=\"2026-01-01T00:00:00Z\">{periods}</MPD>");
            let mpd = Arc::new(dash::parse(text.as_bytes(), &base).0.unwrap());
            let now: Timestamp = "2026-01-01T00:02:00Z".parse().unwrap();
            RepresentationIds::of(&DashFacts::new(mpd, now), now)
        };
        let found = of("dynamic").unwrap();
        assert_eq!(found.period, (Some("b".to_owned()), Seconds(60.0)));
        assert_eq!(found.all, [RepresentationPlace { id: "v".repeat(MAX_ID), set: 1, position: 1, identity: vec![] }]);
        assert_eq!(of("static"), None);
        let at = |id: &str, start: f64| RepresentationIds {
            period: (Some(id.to_owned()), Seconds(start)),
            ..RepresentationIds::default()
        };
        assert!(
            at("b", 61.0).same_period(&found)
                && !at("b", 61.5).same_period(&found)
                && !at("a", 60.0).same_period(&found)
        );
    }
}
