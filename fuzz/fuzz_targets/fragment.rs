//! An initialization segment and a media segment that follows it. Two bytes say where the first ends.

#![no_main]

use libfuzzer_sys::fuzz_target;
use packager_media::container::SegmentInspector;

fuzz_target!(|bytes: &[u8]| {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return };
    let at = usize::from(u16::from_be_bytes(*length)).min(rest.len());
    let (first, second) = rest.split_at(at);
    let mut inspector = SegmentInspector::new(None);
    inspector.push(first);
    let (_, init) = inspector.finish();
    let Some(init) = init else { return };
    let (mut whole, mut pieces) = (SegmentInspector::new(Some(&init)), SegmentInspector::new(Some(&init)));
    whole.push(second);
    second.chunks(97).for_each(|piece| pieces.push(piece));
    assert_eq!(pieces.finish().0, whole.finish().0, "what arrives in pieces is the same segment");
});
