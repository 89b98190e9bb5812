//! Playlists: read alone, as a rendition's with variables to import, and rebuilt as a delta of themselves.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use packager_media::hls::{self, Playlist};
use url::Url;

fuzz_target!(|bytes: &[u8]| {
    let Ok(base) = Url::parse("https://origin.example.com/live/ch1/index.m3u8?a=1") else { return };
    let (playlist, _) = hls::parse(bytes, &base);
    let variables = BTreeMap::from([("a".to_owned(), "b/{$a}".to_owned())]);
    let _ = hls::parse_rendition(bytes, &base, &variables);
    if let Playlist::Media(timeline) = playlist {
        let _ = hls::apply_delta_update(&timeline, &timeline);
    }
});
