//! Whole segments of any container: the first byte says how large the pieces are in which they arrive a second time.
//! The same bytes are read as the index of a file, too.

#![no_main]

use libfuzzer_sys::fuzz_target;
use packager_media::container::{SegmentInspector, segment_index};

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, bytes)) = bytes.split_first() else { return };
    let (mut whole, mut pieces) = (SegmentInspector::new(None), SegmentInspector::new(None));
    whole.push(bytes);
    bytes.chunks(1 + 7 * usize::from(first)).for_each(|piece| pieces.push(piece));
    let (whole, _) = whole.finish();
    assert_eq!(whole.bytes, bytes.len() as u64);
    assert_eq!(pieces.finish().0, whole, "what arrives in pieces is the same segment");
    if let Ok(index) = segment_index(bytes) {
        assert!(index.parts.len() <= bytes.len() / 12, "each part has its bytes");
    }
});
