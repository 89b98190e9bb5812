mod refused_periods;

use crate::checks::support::select::NO_MANIFEST;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::expectations::Expectations;
use crate::facts::{DashFacts, ManifestFacts, OutputFacts, RenditionFacts};
use crate::finding::Severity;
use packager_media::dash::{
    AdaptationSet, Mpd, Period, REMOTE, Representation, SegmentScheme, playable_representations,
};
use packager_media::redact::{self, Quoted};
use packager_media::stream::{Media, VariantCounts, is_audio_codec};
use packager_media::units::{Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "playable_renditions_missing",
    severity: Severity::Critical,
    group: CheckGroup::Delivery,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when a manifest leaves a player nothing to start: no variant, none with a URI, no Period, AdaptationSet or \
           Representation, none that names a segment, no video or no audio with @codecs and @mimeType, neither video nor audio, no \
           availabilityStartTime in a live MPD, or no video although the channel promises a picture; also when players refuse the whole \
           MPD because any of its Periods with a start has no AdaptationSet, or any AdaptationSet of video or audio no Representation. \
           Major if @duration of a Period without AdaptationSet is 0, when the Period that plays has no sound and one before it has (minor \
           if it lasts 60 s or less or another one follows, as an ad), and when a manifest of https leads to http, which browsers and by default iOS \
           refuse",
    reference: "draft-pantos-hls-rfc8216bis-22 4.1, 4.4.6.2; ISO/IEC 23009-1 5.3.1.2, 5.3.2.2, 5.3.3.2, 5.3.7.2, 5.5.3, 5.8.4.8",
    needs_history: false,
};

params! {}

const NO_CLOCK: &str = "the dynamic MPD has no readable availabilityStartTime: players can't know which segments there are, \
                        and have nothing to start";
const ELSEWHERE: &str = "parts of the MPD are remote elements, which aren't followed";

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    let violation = match &context.output.content {
        ManifestFacts::Unreadable(_) => return CheckVerdict::NotRun(NO_MANIFEST),
        ManifestFacts::HlsMedia => {
            return CheckVerdict::NotRun("a media playlist given directly is the only rendition");
        }
        ManifestFacts::HlsMultivariant(variants) => in_playlist(context.output, variants).map(Violation::new),
        ManifestFacts::Dash(dash) => match in_mpd(context, dash) {
            Ok(problem) => problem.map(Violation::new).or_else(|| refused_periods::refused_period(&dash.mpd)),
            Err(reason) => return CheckVerdict::NotRun(reason),
        },
    };
    let url = redact::url(&context.output.url);
    let violation = violation.or_else(|| without_picture(context).map(Violation::new));
    let silent = if violation.is_none() { lost_sound(context) } else { None };
    let mixed = mixed_content(context.output).map(|text| Violation::new(text).severity(Severity::Major));
    CheckVerdict::Ran(violation.into_iter().chain(silent).chain(mixed).map(|v| v.with("url", url.clone())).collect())
}

/// Describes the renditions with a playlist or newest segment of the scheme http, if the manifest came by https (W3C Mixed Content 4).
fn mixed_content(output: &OutputFacts) -> Option<String> {
    output.manifest.ok().filter(|exchange| exchange.final_url.scheme() == "https")?;
    let insecure = |facts: &RenditionFacts| {
        let newest = facts.timeline.as_deref().and_then(|timeline| timeline.segments.last());
        let urls = facts.rendition.uri.as_ref().into_iter().chain(newest.map(|segment| &segment.uri));
        urls.into_iter().find(|url| url.scheme() == "http").map(redact::url)
    };
    let found: Vec<_> = output.renditions.iter().filter_map(insecure).collect();
    let first = found.first()?;
    Some(format!(
        "the manifest came by https, and {} of {} renditions have addresses of http, such as {first}: browsers, and by default iOS, refuse \
         them; write relative or https addresses",
        found.len(),
        output.renditions.len()
    ))
}

fn in_playlist(output: &OutputFacts, variants: &VariantCounts) -> Option<String> {
    if variants.requestable > 0 {
        return None;
    }
    if variants.declared > 0 {
        return Some(format!(
            "no variant has a URI that players can request (http or https), of {} declared: players have nothing to \
             start; hls_syntax_error names the lines",
            variants.declared
        ));
    }
    let rest = match besides_variants(output, variants.i_frames) {
        rest if rest.is_empty() => {
            "the playlist lists neither variants (EXT-X-STREAM-INF) nor segments: players have nothing to start"
                .to_owned()
        }
        rest => format!(
            "the multivariant playlist lists no variant (EXT-X-STREAM-INF), only {rest}: players have nothing to start"
        ),
    };
    Some(format!("{rest}; see whether the packager has written the whole playlist and its inputs run"))
}

/// Returns a text with what a multivariant playlist without variants lists, such as `1 audio rendition and 2 I-frame
/// playlists`.
fn besides_variants(output: &OutputFacts, i_frames: usize) -> String {
    let of = |media: Media| output.renditions.iter().filter(|r| r.rendition.media == media).count();
    let counts = [Media::Video, Media::Audio, Media::Text].map(|m| (of(m), format!("{} rendition", m.as_str())));
    let counts = counts.into_iter().chain([(i_frames, "I-frame playlist".to_owned())]).filter(|(n, _)| *n > 0);
    let named = counts.map(|(n, what)| format!("{n} {what}{}", if n == 1 { "" } else { "s" }));
    named.collect::<Vec<_>>().join(" and ")
}

/// Returns a text with what keeps players from starting with an MPD. `None`: nothing does. Errors: the reason why the
/// MPD can't be judged.
fn in_mpd(context: &CheckContext<'_>, dash: &DashFacts) -> Result<Option<String>, &'static str> {
    let mpd = &dash.mpd;
    if mpd.periods.is_empty() {
        return Ok(Some("the MPD has no Period: players have nothing to start".to_owned()));
    }
    if mpd.dynamic && mpd.availability_start.is_none() {
        return Ok(Some(NO_CLOCK.to_owned()));
    }
    let now = dash.mpd_time(context.now);
    let Some(period) = dash.period_at(context.now) else {
        return Ok(not_begun(mpd, now).filter(|_| context.expected.live));
    };
    let Some(problem) = in_period(period).or_else(|| lost_picture(mpd, period)) else { return Ok(None) };
    match context.output.defects.iter().any(|d| d.reference == REMOTE) {
        true => Err(ELSEWHERE),
        false => Ok(Some(problem)),
    }
}

/// Describes an MPD in which no Period has begun, with the time that is left until the first one begins. The caller has
/// found that none has begun. `None` if no Period has a start, or the MPD no availabilityStartTime.
fn not_begun(mpd: &Mpd, now: Timestamp) -> Option<String> {
    let first = mpd.periods.iter().find_map(|p| p.start)?;
    let at = first.after(mpd.availability_start?);
    let left = Seconds::between(now, at).0;
    Some(format!(
        "no Period of the MPD has begun: the first one begins at {at}, in {left:.0} s; compare availabilityStartTime and \
         its time zone with the packager's clock"
    ))
}

fn in_period(period: &Period) -> Option<String> {
    let name = period.id.as_deref().map_or_else(String::new, |id| format!(" {}", Quoted(id)));
    let here = format!("line {}: the Period{name} that plays now", period.line);
    let all = || period.sets.iter().flat_map(|set| set.representations.iter().map(move |r| (set, r)));
    let is_video = |set: &AdaptationSet| set.media == Media::Video && !set.trick_play;
    if period.sets.is_empty() {
        return Some(format!("{here} has no AdaptationSet: players have nothing to start"));
    }
    if all().next().is_none() {
        return Some(format!("{here} has no Representation: players have nothing to start"));
    }
    let playable: Vec<_> = playable_representations(period).collect();
    if playable.is_empty() {
        return Some(format!("{here} has no Representation that players can select for normal playback"));
    }
    let of = |media: Media| playable.iter().filter(move |(set, _)| set.media == media);
    let (has_video, has_audio) = (of(Media::Video).next().is_some(), of(Media::Audio).next().is_some());
    if !has_video && all().any(|(set, r)| is_video(set) && has_unknown_property(set, r)) {
        return Some(format!("{here} has no video that players can select: an EssentialProperty excludes all of it"));
    }
    if !has_video && all().any(|(set, _)| set.media == Media::Video) {
        return Some(format!("{here} has video for trick play only: viewers get no picture"));
    }
    if !has_video && !has_audio {
        return Some(format!("{here} has neither video nor audio: players have nothing to start"));
    }
    let kinds = [Media::Video, Media::Audio];
    let without = |media: Media| if media == Media::Audio && has_video { NO_SOUND } else { NOTHING };
    let nameless = |media: &Media| of(*media).next().is_some() && of(*media).all(|(_, r)| names_no_segment(r));
    if let Some(media) = kinds.into_iter().find(nameless) {
        let (kind, effect) = (media.as_str(), without(media));
        return Some(format!("{here} has no {kind} Representation that names a segment: {effect}"));
    }
    let undeclared = |media: &Media| of(*media).map(|(_, r)| missing_type(r)).collect::<Option<Vec<_>>>()?.pop();
    let (media, attribute) = kinds.into_iter().find_map(|media| Some((media, undeclared(&media)?)))?;
    let (kind, effect) = (media.as_str(), without(media));
    Some(format!(
        "{here} has no {kind} Representation with {attribute}, of its own or of its AdaptationSet: dash.js and Media3 leave all {kind} \
         out; {effect}"
    ))
}

const NOTHING: &str = "players have nothing to start";
const NO_SOUND: &str = "viewers get no sound";

/// Returns the attribute without which players don't know how to decode a Representation: dash.js asks the browser for the type
/// `undefined`, and Media3 finds no decoder. `None` if neither is missing.
fn missing_type(representation: &Representation) -> Option<&'static str> {
    let has_type = representation.mime_type.as_deref().is_some_and(|mime| !mime.is_empty());
    let codecs = representation.codecs.is_empty().then_some("@codecs");
    if has_type { codecs } else { Some("@mimeType") }
}

/// Describes a Period without video after Periods with video. `None`: the Period has video, or no earlier one of the MPD has.
fn lost_picture(mpd: &Mpd, period: &Period) -> Option<String> {
    let has_video = |period: &Period| playable_representations(period).any(|(set, _)| set.media == Media::Video);
    (!has_video(period) && earlier_periods(mpd, period).any(has_video)).then(|| {
        format!(
            "line {}: the Period that plays now has no video, and a Period before it has: viewers get no picture",
            period.line
        )
    })
}

fn earlier_periods<'m>(mpd: &'m Mpd, period: &'m Period) -> impl Iterator<Item = &'m Period> {
    mpd.periods.iter().take_while(move |other| !std::ptr::eq(*other, period))
}

/// Longest duration in seconds of a Period that may be an ad without sound.
const SILENT_AD: Seconds = Seconds(60.0);

/// Returns the violation of a Period without sound after Periods with sound. `None`: the Period has sound, or no earlier one of the MPD has.
fn lost_sound(context: &CheckContext<'_>) -> Option<Violation> {
    let dash = context.output.dash()?;
    let mpd = &dash.mpd;
    let period = dash.period_at(context.now)?;
    let is_sound = |(set, r): (&AdaptationSet, &Representation)| {
        set.media == Media::Audio || r.codecs.iter().any(|codec| is_audio_codec(codec))
    };
    let has_sound = |period: &Period| playable_representations(period).any(is_sound);
    let is_remote = context.output.defects.iter().any(|d| d.reference == REMOTE);
    if is_remote || has_sound(period) || !earlier_periods(mpd, period).any(has_sound) {
        return None;
    }
    let is_newest = mpd.periods.last().is_some_and(|last| std::ptr::eq(last, period));
    // Nobody knows how long an open Period will last, only for how long it has.
    let begun = period.start.zip(mpd.availability_start).map(|(start, origin)| start.after(origin));
    let has_lasted = || begun.is_some_and(|begun| Seconds::between(begun, dash.mpd_time(context.now)) > SILENT_AD);
    let lasts = period.duration.map_or_else(has_lasted, |duration| duration > SILENT_AD);
    let message = format!(
        "line {}: the Period that plays now has no sound, and a Period before it has: viewers get no sound",
        period.line
    );
    Some(Violation::new(message).severity(if is_newest && lasts { Severity::Major } else { Severity::Minor }))
}

fn has_unknown_property(set: &AdaptationSet, representation: &Representation) -> bool {
    set.unsupported_property.is_some() || representation.foreign.is_some()
}

/// Whether the segments of a Representation have no usable addresses. A SegmentTimeline without S is reported by
/// dash_live_edge_unavailable instead.
fn names_no_segment(representation: &Representation) -> bool {
    representation.addressing.segments == SegmentScheme::Unusable
}

/// Returns the problem of a manifest that lists renditions but none with video, although the channel promises video.
fn without_picture(context: &CheckContext<'_>) -> Option<String> {
    let promise = promised_picture(context.expected)?;
    let renditions = &context.output.renditions;
    let video = renditions.iter().any(|r| r.rendition.media == Media::Video);
    (!renditions.is_empty() && !video)
        .then(|| format!("no listed rendition has video, but the channel promises {promise}: viewers get no picture"))
}

/// Returns a text with what the channel or its template promises about the video. `None`: they promise nothing.
fn promised_picture(expected: &Expectations) -> Option<String> {
    let ladder = &expected.ladder;
    let rungs = (ladder.minimum_video.unwrap_or(0) as usize).max(ladder.video.len());
    let resolution = expected.resolution.map(|r| format!("a picture of {r}"));
    let rungs = (rungs > 0).then(|| format!("{rungs} video rendition{}", if rungs == 1 { "" } else { "s" }));
    let codec = expected.codec.as_ref().map(|c| format!("video in {c}"));
    resolution.or(rungs).or(codec).or_else(|| expected.frame_rate.map(|rate| format!("{rate} frames per second")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::expectations::ExpectedLadder;
    use packager_media::defect::{Defect, DefectKind, Position};
    use packager_media::stream::Resolution;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    /// Makes a test input: a multivariant playlist with one audio rendition of EXT-X-MEDIA. Its numbers of variants, of
    /// variants with a usable URI, and of I-frame playlists are `declared`, `requestable` and `i_frames`.
    fn playlist(declared: usize, requestable: usize, i_frames: usize) -> Scene {
        let mut scene = Scene::live();
        scene.output.content = playlist_of(declared, requestable, i_frames);
        scene.rendition().rendition.media = Media::Audio;
        scene
    }

    fn playlist_of(declared: usize, requestable: usize, i_frames: usize) -> ManifestFacts {
        let counts = VariantCounts { declared, requestable, i_frames, ..VariantCounts::default() };
        ManifestFacts::HlsMultivariant(counts)
    }

    const SET: &str = "<AdaptationSet contentType=\"video\" mimeType=\"video/mp4\"";

    fn mpd(period: &str) -> Scene {
        Scene::dash(&dynamic(&format!("<Period id=\"p0\" start=\"PT0S\">{period}</Period>")))
    }

    fn set(inside: &str, template: &str) -> String {
        format!(
            "{SET}>{inside}<Representation id=\"v\" bandwidth=\"1\" codecs=\"avc1.64001f\">{template}</Representation></AdaptationSet>"
        )
    }

    const AUDIO: &str = "<AdaptationSet contentType=\"audio\" mimeType=\"audio/mp4\"><Representation id=\"a\" bandwidth=\"1\" \
        codecs=\"mp4a.40.2\"><SegmentTemplate media=\"$Number$\" duration=\"2\"/></Representation></AdaptationSet>";

    #[test]
    fn manifests_that_a_player_can_start_hold() {
        assert_holds(run(&Scene::live()));
        assert_holds(run(&playlist(1, 1, 0)));
        assert_holds(run(&playlist(3, 1, 0)));
        for mpd in [paced(), timed("<S t=\"980000\" d=\"2000\" r=\"9\"/>")] {
            assert_holds(run(&Scene::dash(&mpd)));
        }
    }

    #[test]
    fn a_manifest_of_https_that_leads_to_http_is_major() {
        let run = |manifest: &str, playlist: &str| {
            let mut scene = Scene::live();
            scene.output.content = playlist_of(1, 1, 0);
            scene.output.manifest.result.as_mut().unwrap().final_url = crate::testing::url(manifest);
            scene.rendition().rendition.uri = Some(crate::testing::url(playlist));
            run(&scene)
        };
        assert_holds(run("https://cdn/master.m3u8", "https://other/720p.m3u8"));
        assert_holds(run("http://cdn/master.m3u8", "http://cdn/720p.m3u8"));
        let found = violations(run("https://cdn/master.m3u8", "http://cdn/720p.m3u8"));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Major)));
        assert!(found[0].message.contains("1 of 1 renditions have addresses of http, such as http://cdn/720p.m3u8"));
    }

    #[test]
    fn a_playlist_without_variants_fails_and_names_what_it_has() {
        assert_eq!(
            messages(run(&playlist(0, 0, 2))),
            "the multivariant playlist lists no variant (EXT-X-STREAM-INF), only 1 audio rendition and 2 I-frame playlists: \
             players have nothing to start; see whether the packager has written the whole playlist and its inputs run"
        );
        let mut empty = playlist(0, 0, 0);
        empty.output.renditions.clear();
        assert!(
            messages(run(&empty)).starts_with("the playlist lists neither variants (EXT-X-STREAM-INF) nor segments: ")
        );
        assert_eq!(violations(run(&empty))[0].evidence["url"], "https://packager.example/tv1/master.m3u8");
    }

    #[test]
    fn variants_without_a_usable_uri_fail() {
        let message = messages(run(&playlist(3, 0, 0)));
        assert!(
            message.starts_with("no variant has a URI that players can request (http or https), of 3 declared"),
            "{message}"
        );
    }

    #[test]
    fn sound_alone_fails_where_a_picture_is_promised() {
        let mut scene = playlist(1, 1, 0);
        assert_holds(run(&scene));
        scene.expected.ladder = ExpectedLadder { minimum_video: Some(1), ..ExpectedLadder::default() };
        assert_eq!(
            messages(run(&scene)),
            "no listed rendition has video, but the channel promises 1 video rendition: viewers get no picture"
        );
        scene.expected.resolution = Some(Resolution { width: 1920, height: 1080 });
        assert!(messages(run(&scene)).contains("promises a picture of 1920x1080"));
        scene.rendition().rendition.media = Media::Video;
        assert_holds(run(&scene));
        let mut scene = mpd(AUDIO);
        assert_holds(run(&scene));
        scene.expected.frame_rate = Some(25.0);
        assert!(messages(run(&scene)).contains("promises 25 frames per second"));
    }

    #[test]
    fn an_mpd_without_period_set_or_representation_fails() {
        assert_eq!(messages(run(&Scene::dash(&dynamic("")))), "the MPD has no Period: players have nothing to start");
        assert_eq!(
            messages(run(&mpd(""))),
            "line 1: the Period `p0` that plays now has no AdaptationSet: players have nothing to start"
        );
        assert!(messages(run(&mpd(&format!("{SET}/>")))).contains("has no Representation: "));
    }

    #[test]
    fn representations_that_players_must_pass_over_do_not_count() {
        let template = "<SegmentTemplate media=\"$Number$\" duration=\"2\"/>";
        let essential = "<EssentialProperty schemeIdUri=\"urn:example:holograms\"/>";
        assert_holds(run(&mpd(&set("", template))));
        let alone = messages(run(&mpd(&set(essential, template))));
        assert!(alone.contains("has no Representation that players can select"), "{alone}");
        let with_audio = messages(run(&mpd(&format!("{}{AUDIO}", set(essential, template)))));
        assert!(with_audio.contains("has no video that players can select"), "{with_audio}");
        assert_holds(run(&mpd(AUDIO)));
    }

    #[test]
    fn video_that_names_no_segment_fails() {
        let message = messages(run(&mpd(&format!("{}{AUDIO}", set("", "<SegmentTemplate duration=\"2\"/>")))));
        assert!(message.contains("has no video Representation that names a segment"), "{message}");
        let mixed = set("", "<SegmentTemplate duration=\"2\"/>")
            + &set("", "<SegmentTemplate media=\"$Number$\" duration=\"2\"/>");
        assert_holds(run(&mpd(&mixed)));
    }

    #[test]
    fn sound_that_names_no_segment_text_alone_and_trick_play_alone_fail() {
        let template = "<SegmentTemplate media=\"$Number$\" duration=\"2\"/>";
        let silent = AUDIO.replace("media=\"$Number$\" ", "");
        let message = messages(run(&mpd(&format!("{}{silent}", set("", template)))));
        assert!(
            message.contains("has no audio Representation that names a segment: viewers get no sound"),
            "{message}"
        );
        let text = AUDIO.replace("\"audio", "\"text").replace("audio/mp4", "text/vtt").replace("mp4a.40.2", "wvtt");
        let message = messages(run(&mpd(&text)));
        assert!(message.contains("has neither video nor audio"), "{message}");
        let trick = "<EssentialProperty schemeIdUri=\"http://dashif.org/guidelines/trickmode\" value=\"1\"/>";
        let message = messages(run(&mpd(&format!("{}{AUDIO}", set(trick, template)))));
        assert!(message.contains("has video for trick play only"), "{message}");
    }

    #[test]
    fn video_or_sound_of_which_nothing_says_how_to_decode_it_fails() {
        let template = "<SegmentTemplate media=\"$Number$\" duration=\"2\"/>";
        let (video, codecs) = (set("", template), " codecs=\"avc1.64001f\"");
        let undeclared = video.replace(codecs, "");
        assert_eq!(
            messages(run(&mpd(&format!("{undeclared}{AUDIO}")))),
            "line 1: the Period `p0` that plays now has no video Representation with @codecs, of its own or of its AdaptationSet: dash.js \
             and Media3 leave all video out; players have nothing to start"
        );
        let typeless = video.replace(" mimeType=\"video/mp4\"", "");
        assert!(messages(run(&mpd(&typeless))).contains("has no video Representation with @mimeType"));
        let silent = AUDIO.replace(" codecs=\"mp4a.40.2\"", "");
        let message = messages(run(&mpd(&format!("{video}{silent}"))));
        assert!(message.contains("leave all audio out; viewers get no sound"), "{message}");
        assert_holds(run(&mpd(&format!("{undeclared}{video}{AUDIO}"))));
        assert_holds(run(&mpd(&undeclared.replace(" mimeType", &format!("{codecs} mimeType")))));
    }

    #[test]
    fn a_period_without_the_picture_of_the_one_before_fails() {
        let video = set("", "<SegmentTemplate media=\"$Number$\" duration=\"2\"/>");
        let two = |first: &str, second: &str| {
            let period =
                |id: &str, start: u32, sets: &str| format!("<Period id=\"{id}\" start=\"PT{start}S\">{sets}</Period>");
            Scene::dash(&dynamic(&(period("a", 0, first) + &period("b", 900, second))))
        };
        let both = format!("{video}{AUDIO}");
        assert_holds(run(&two(&both, &both)));
        assert_holds(run(&two(AUDIO, AUDIO)));
        let message = messages(run(&two(&both, AUDIO)));
        assert!(message.contains("the Period that plays now has no video, and a Period before it has"), "{message}");
    }

    #[test]
    fn a_period_without_the_sound_of_the_one_before_is_major_unless_it_may_be_an_ad() {
        let video = set("", "<SegmentTemplate media=\"$Number$\" duration=\"2\"/>");
        let both = format!("{video}{AUDIO}");
        let muxed = video.replace("avc1.64001f", "avc1.64001f,mp4a.40.2");
        let listed = |periods: &[(u32, &str, &String)]| {
            let period = |(start, duration, sets): &(u32, &str, &String)| {
                format!("<Period id=\"{start}\" start=\"PT{start}S\"{duration}>{sets}</Period>")
            };
            run(&Scene::dash(&dynamic(&periods.iter().map(period).collect::<String>())))
        };
        let severity = |verdict| violations(verdict)[0].severity;
        assert_holds(listed(&[(0, "", &both), (900, "", &both)]));
        assert_holds(listed(&[(0, "", &both), (900, "", &muxed)]));
        assert_holds(listed(&[(0, "", &video), (900, "", &video)]));
        let silent = listed(&[(0, "", &both), (900, "", &video)]);
        assert_eq!(severity(silent), Some(Severity::Major));
        let short = listed(&[(0, "", &both), (980, " duration=\"PT60S\"", &video)]);
        assert_eq!(severity(short), Some(Severity::Minor));
        let followed = listed(&[(0, "", &both), (900, "", &video), (1100, "", &both)]);
        assert!(messages(followed).contains("the Period that plays now has no sound, and a Period before it has"));
        let followed = listed(&[(0, "", &both), (900, "", &video), (1100, "", &both)]);
        assert_eq!(severity(followed), Some(Severity::Minor));
    }

    #[test]
    fn a_live_channel_whose_periods_are_all_ahead_fails() {
        // The MPD began 1000 s ago. A Period that begins within 10 s has its renditions already.
        let begins = |at: u32| Scene::dash(&dynamic(&period("p0", at, "<S t=\"0\" d=\"2000\"/>")));
        assert_holds(run(&begins(1010)));
        let mut scene = begins(4600);
        assert!(messages(run(&scene)).starts_with(&format!(
            "no Period of the MPD has begun: the first one begins at {}, in 3600 s; compare availabilityStartTime",
            time(3600.0)
        )));
        scene.expected.live = false;
        assert_holds(run(&scene));
    }

    #[test]
    fn a_live_mpd_without_availability_start_time_fails() {
        for wrong in ["ignored=\"", "availabilityStartTime=\"x"] {
            let mpd = paced().replace("availabilityStartTime=\"", wrong);
            assert_eq!(messages(run(&Scene::dash(&mpd))), NO_CLOCK, "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_known_is_not_judged() {
        assert_not_run(run(&Scene::unreadable()), NO_MANIFEST);
        let mut scene = mpd("");
        let at = Position::Line { line: 1, column: 1 };
        scene.output.defects.push(Defect { kind: DefectKind::Mpd, at, message: String::new(), reference: REMOTE });
        assert_not_run(run(&scene), ELSEWHERE);
        scene.output.content = ManifestFacts::HlsMedia;
        assert!(matches!(run(&scene), CheckVerdict::NotRun(_)));
    }
}
