//! Matching of renditions in two multivariant playlists of one output, which may belong to two playback sessions.

use packager_media::stream::{Presentation, Rendition};
use std::cmp::Reverse;

/// Returns the manifest `newest` with the URIs, identities and variables that the playback session has. The history
/// recognises the renditions by these identities.
///
/// If all renditions that both have also have the same URI in both, `newest` is returned unchanged. `None` if URIs
/// differ and the session lacks a rendition of `newest`, or if the session has none of its renditions.
pub(super) fn with_addresses_of(session: &Presentation, newest: &Presentation) -> Option<Presentation> {
    let renditions = match_renditions(&session.renditions, &newest.renditions);
    let i_frames = match_renditions(&session.i_frames, &newest.i_frames);
    let pairs = || newest.renditions.iter().zip(&renditions).chain(newest.i_frames.iter().zip(&i_frames));
    let addressed = || pairs().filter(|(rendition, _)| rendition.uri.is_some());
    let moved = addressed().any(|(rendition, known)| known.is_some_and(|k| k.uri != rendition.uri));
    let lacks_some = addressed().any(|(_, known)| known.is_none());
    let knows_some = addressed().any(|(_, known)| known.is_some());
    match (moved, lacks_some) {
        (true, true) => None,
        (true, false) => Some(Presentation {
            renditions: moved_to(&newest.renditions, &renditions),
            i_frames: moved_to(&newest.i_frames, &i_frames),
            variables: session.variables.clone(),
            variants: newest.variants,
            independent_segments: newest.independent_segments,
            start_offset: newest.start_offset,
            steering: newest.steering.clone(),
        }),
        (false, _) => (knows_some || addressed().next().is_none()).then(|| newest.clone()),
    }
}

fn moved_to(newest: &[Rendition], known: &[Option<&Rendition>]) -> Vec<Rendition> {
    let moved = |(rendition, known): (&Rendition, &Option<&Rendition>)| Rendition {
        uri: known.map_or_else(|| rendition.uri.clone(), |k| k.uri.clone()),
        identity: known.map_or_else(|| rendition.identity.clone(), |k| k.identity.clone()),
        ..rendition.clone()
    };
    newest.iter().zip(known).map(moved).collect()
}

/// Returns for each rendition of `newest` the same rendition in the playback session; `None` if there is none. Each
/// rendition of the session is used once. Renditions are compared by these properties, the most reliable first: the
/// address; the declaration without bit rates; kind of media, id, resolution and language; the position among the
/// renditions of its kind of media, if both playlists list equally many.
fn match_renditions<'a>(session: &'a [Rendition], newest: &[Rendition]) -> Vec<Option<&'a Rendition>> {
    let mut found: Vec<Option<&Rendition>> = vec![None; newest.len()];
    let mut free: Vec<&Rendition> = in_order(session).into_iter().filter(|r| r.uri.is_some()).collect();
    let order: Vec<usize> = {
        let mut order: Vec<usize> = (0..newest.len()).collect();
        order.sort_by_key(|at| newest.get(*at).map(|r| Reverse(r.bandwidth)));
        order
    };
    let signs: [fn(&Rendition, &Rendition) -> bool; 3] = [same_address, same_declaration, same_kind];
    for same in signs {
        for at in &order {
            let (Some(rendition), Some(place)) = (newest.get(*at), found.get_mut(*at)) else { continue };
            if place.is_none()
                && rendition.uri.is_some()
                && let Some(index) = free.iter().position(|known| same(known, rendition))
            {
                *place = Some(free.remove(index));
            }
        }
    }
    match_by_place(&mut found, &free, newest, &order);
    found
}

fn match_by_place<'a>(
    found: &mut [Option<&'a Rendition>],
    free: &[&'a Rendition],
    newest: &[Rendition],
    order: &[usize],
) {
    for rendition in free {
        let media = rendition.media;
        let left = |at: &&usize| {
            newest.get(**at).is_some_and(|r| r.media == media && r.uri.is_some())
                && found.get(**at).is_some_and(Option::is_none)
        };
        let open: Vec<usize> = order.iter().filter(left).copied().collect();
        let known: Vec<&&Rendition> = free.iter().filter(|r| r.media == media).collect();
        if open.len() == known.len() {
            for (at, known) in open.iter().zip(known) {
                found.get_mut(*at).map(|place| place.replace(known));
            }
        }
    }
}

/// Returns the renditions from the highest declared bit rate to the lowest; equal ones stay in the order of the list.
fn in_order(renditions: &[Rendition]) -> Vec<&Rendition> {
    let mut all: Vec<&Rendition> = renditions.iter().collect();
    all.sort_by_key(|r| Reverse(r.bandwidth));
    all
}

fn same_address(a: &Rendition, b: &Rendition) -> bool {
    a.uri == b.uri
}

/// Returns whether two renditions have the same declaration. Bit rates aren't compared, because packagers measure
/// BANDWIDTH and write another value each time.
fn same_declaration(a: &Rendition, b: &Rendition) -> bool {
    same_kind(a, b)
        && a.group == b.group
        && a.codecs == b.codecs
        && a.frame_rate == b.frame_rate
        && a.video_range == b.video_range
        && a.channels == b.channels
}

fn same_kind(a: &Rendition, b: &Rendition) -> bool {
    a.media == b.media && a.id == b.id && a.resolution == b.resolution && a.language == b.language
}

#[cfg(test)]
mod tests {
    use super::*;
    use packager_media::hls::{Playlist, parse};
    use url::Url;

    const LADDER: &str = "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"Vi\",LANGUAGE=\"vi\",URI=\"S/vi.m3u8\"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"En\",LANGUAGE=\"en\",URI=\"S/en.m3u8\"
#EXT-X-STREAM-INF:BANDWIDTH=4000000,RESOLUTION=1280x720,CODECS=\"avc1.64001f,mp4a.40.2\",AUDIO=\"a\"
S/720.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=1000000,RESOLUTION=640x360,CODECS=\"avc1.64001e,mp4a.40.2\",AUDIO=\"a\"
S/360.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=90000,RESOLUTION=640x360,CODECS=\"avc1.64001e\",URI=\"S/i.m3u8\"
";

    /// Returns the URLs of all media playlists that the multivariant playlist lists.
    fn addresses(presentation: &Presentation) -> Vec<&Url> {
        presentation.renditions.iter().chain(&presentation.i_frames).filter_map(|r| r.uri.as_ref()).collect()
    }

    fn presentation(lines: &str) -> Presentation {
        let base = Url::parse("http://origin/tv1/").unwrap();
        match parse(format!("#EXTM3U\n{lines}").as_bytes(), &base) {
            (Playlist::Multivariant(presentation), _) => presentation,
            other => panic!("{other:?}"),
        }
    }

    /// Makes a multivariant playlist of a session in the folder `folder`.
    fn session(folder: &str) -> Presentation {
        presentation(&LADDER.replace("S/", &format!("{folder}/")))
    }

    /// Returns the paths that a probe requests when the playback session began with `session` and the manifest is now
    /// `newest`, in the order of `newest`. `None` if the session can't be continued.
    fn followed(session: &Presentation, newest: &Presentation) -> Option<Vec<String>> {
        let followed = with_addresses_of(session, newest)?;
        Some(addresses(&followed).iter().map(|url| url.path().trim_start_matches("/tv1/").to_owned()).collect())
    }

    #[test]
    fn the_addresses_of_the_session_stay() {
        let asked = followed(&session("s1"), &session("s2")).unwrap();
        assert_eq!(asked, ["s1/vi.m3u8", "s1/en.m3u8", "s1/720.m3u8", "s1/360.m3u8", "s1/i.m3u8"]);
        assert_eq!(with_addresses_of(&session("s1"), &session("s1")), Some(session("s1")));
        let tokens = |token: &str| presentation(&LADDER.replace(".m3u8", &format!(".m3u8?t={token}")));
        let asked = with_addresses_of(&tokens("1"), &tokens("2")).unwrap();
        assert!(addresses(&asked).iter().all(|url| url.query() == Some("t=1")));
    }

    #[test]
    fn declarations_are_those_of_the_newest_playlist_and_variables_those_of_the_session() {
        let define = |value: &str| format!("#EXT-X-DEFINE:NAME=\"s\",VALUE=\"{value}\"\n");
        let of = |folder: &str, rate: &str| {
            presentation(&(define(folder) + &LADDER.replace("S/", &format!("{folder}/")).replace("4000000", rate)))
        };
        let asked = with_addresses_of(&of("s1", "4000000"), &of("s2", "4200000")).unwrap();
        assert_eq!(asked.variables["s"], "s1");
        let top = asked.renditions.iter().find(|r| r.uri.as_ref().unwrap().path().ends_with("s1/720.m3u8")).unwrap();
        assert_eq!(top.bandwidth.unwrap().0, 4_200_000);
    }

    #[test]
    fn another_order_and_what_is_gone_change_nothing_and_what_is_new_begins_a_session() {
        let turned = |folder: &str| {
            let lines: Vec<&str> = LADDER.lines().collect();
            let [vi, en, top, top_uri, low, low_uri, i] = lines.as_slice() else { panic!() };
            presentation(
                &[low, low_uri, en, vi, i, top, top_uri].map(|l| l.replace("S/", &format!("{folder}/"))).join("\n"),
            )
        };
        let mut asked = followed(&session("s1"), &turned("s2")).unwrap();
        asked.sort();
        assert_eq!(asked, ["s1/360.m3u8", "s1/720.m3u8", "s1/en.m3u8", "s1/i.m3u8", "s1/vi.m3u8"]);
        let mut fewer = session("s2");
        fewer.renditions.remove(0);
        assert_eq!(followed(&session("s1"), &fewer).unwrap().len(), 4);
        assert_eq!(followed(&fewer, &session("s1")), None);
        let mut added = session("s1");
        added.renditions.remove(0);
        assert_eq!(followed(&added, &session("s1")).unwrap().len(), 5, "the others did not move");
        assert_eq!(followed(&presentation("#EXT-X-STREAM-INF:BANDWIDTH=1\n"), &session("s1")), None);
    }

    #[test]
    fn equal_renditions_are_told_apart_by_address_and_then_by_place() {
        let two = |a: &str, b: &str| {
            let variant = "#EXT-X-STREAM-INF:BANDWIDTH=1000000,RESOLUTION=640x360";
            presentation(&format!("{variant}\n{a}\n{variant}\n{b}\n"))
        };
        assert_eq!(followed(&two("main", "backup"), &two("backup", "main")).unwrap(), ["backup", "main"]);
        assert_eq!(
            followed(&two("s1/main", "s1/backup"), &two("s2/main", "s2/backup")).unwrap(),
            ["s1/main", "s1/backup"]
        );
        let measured = |uri: &str, rate: &str| {
            presentation(&format!("#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=640x360,FRAME-RATE={rate}\n{uri}\n"))
        };
        assert_eq!(followed(&measured("s1/a", "29.97"), &measured("s2/a", "30")).unwrap(), ["s1/a"]);
        let other = presentation("#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=1280x720\ns2/a\n");
        assert_eq!(followed(&measured("s1/a", "25"), &other).unwrap(), ["s1/a"], "the only one there is");
    }
}
