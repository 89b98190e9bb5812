//! Parameter sets and headers of the codecs, and TTML documents. The first byte chooses which.

#![no_main]

use libfuzzer_sys::fuzz_target;
use packager_media::codec::{aac, av1, h264, hevc, opus, rfc6381, sei, ttml};

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, bytes)) = bytes.split_first() else { return };
    match which % 9 {
        0 => drop(h264::parameters(bytes)),
        1 => drop(hevc::parameters(bytes)),
        2 => drop(av1::parameters(bytes)),
        3 => drop(aac::parameters(bytes)),
        4 => drop(aac::parse_esds(bytes)),
        5 => drop((sei::parse_mastering_display(bytes), sei::parse_content_light_level(bytes))),
        6 => drop(std::str::from_utf8(bytes).ok().and_then(rfc6381::Codec::parse)),
        7 => drop(ttml::parse(bytes)),
        _ => drop(opus::OpusFramer::default().push(bytes, |_| ())),
    }
});
