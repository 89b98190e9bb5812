//! What other standards put inside: SCTE-35 splice information and DRM system data. The first byte chooses which.

#![no_main]

use libfuzzer_sys::fuzz_target;
use packager_media::{drm, splice};

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, bytes)) = bytes.split_first() else { return };
    match which % 3 {
        0 => drop(splice::parse(bytes)),
        1 => drop(drm::Pssh::parse(bytes)),
        _ => drop(std::str::from_utf8(bytes).map(drm::pssh_boxes_in_data_uri)),
    }
});
