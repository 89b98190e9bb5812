//! MPDs: read, and laid out as segments at a moment.

#![no_main]

use libfuzzer_sys::fuzz_target;
use packager_media::dash;
use packager_media::units::Timestamp;
use url::Url;

fuzz_target!(|bytes: &[u8]| {
    let Ok(base) = Url::parse("https://origin.example.com/live/ch1/manifest.mpd") else { return };
    let (mpd, _) = dash::parse(bytes, &base);
    let _ = dash::timing::read_time(bytes);
    let Ok(now) = Timestamp::from_second(1_800_000_000) else { return };
    if let Some(mpd) = mpd {
        for outline in dash::outline(&mpd, now) {
            assert!(outline.timeline.segments.len() <= dash::MAX_SEGMENTS);
        }
    }
});
