//! Tests with playlists of real packagers, which have no defect.

use super::*;

#[test]
fn what_packagers_write_is_clean() {
    let fixtures = fixtures();
    assert!(fixtures.len() >= 16, "the fixtures are missing");
    for (path, bytes) in fixtures {
        let (playlist, defects) = crate::hls::parse(&bytes, &base());
        assert_eq!(defects, [], "{}", path.display());
        match playlist {
            Playlist::Multivariant(p) => {
                assert!(path.ends_with("master.m3u8") && p.renditions.len() >= 2, "{}: {p:?}", path.display());
                assert!(p.renditions.iter().all(|r| r.uri.is_some()), "{}", path.display());
            }
            Playlist::Media(t) => {
                assert!(path.ends_with("media.m3u8") && t.segments.len() >= 2, "{}: {t:?}", path.display());
                assert!(t.segments.iter().all(|s| s.duration.0 > 0.0), "{}", path.display());
            }
            Playlist::Unreadable => panic!("{}", path.display()),
        }
    }
}

fn names(fixture: &str) -> Vec<String> {
    let (_, bytes) = fixtures().into_iter().find(|(path, _)| path.ends_with(fixture)).unwrap();
    let (presentation, _) = presentation(&String::from_utf8(bytes).unwrap());
    presentation.renditions.into_iter().map(|r| r.name).collect()
}

#[test]
fn the_names_of_each_packagers_renditions_are_readable() {
    assert_eq!(names("ffmpeg_ts/master.m3u8"), ["1080p", "720p"]);
    assert_eq!(names("ffmpeg_fmp4/master.m3u8"), ["audio-vie", "720p"]);
    assert_eq!(names("unified_origin/master.m3u8"), ["audio-vi", "audio-en", "text-en", "540p", "1080p"]);
    assert_eq!(names("elemental_scte35/master.m3u8"), ["1080p", "720p", "text-eng"]);
    assert_eq!(names("wowza_aes128/master.m3u8"), ["720p", "360p", "audio"]);
    assert_eq!(names("nginx_rtmp/master.m3u8"), ["video-2", "video"]);
    assert_eq!(names("shaka_drm/master.m3u8"), ["audio-vi", "text-en", "1080p-hevc"]);
}
