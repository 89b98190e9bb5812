//! MPD patches: a patch and the MPD it is for, divided by a zero byte.

#![no_main]

use libfuzzer_sys::fuzz_target;
use packager_media::dash;

fuzz_target!(|bytes: &[u8]| {
    let divide = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (patch, mpd) = bytes.split_at(divide);
    let (_, defects) = dash::patch(patch, mpd.get(1..).unwrap_or_default());
    assert!(defects.len() <= dash::MAX_DEFECTS);
});
