//! Benchmark of segment inspection in bytes per second, for a transport stream and for CMAF.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use packager_media::container::{InitSegment, SegmentInspector};
use std::hint::black_box;

const TOTAL: usize = 64 << 20;
/// Number of bytes that the inspector gets at a time: about as many as one network read returns.
const PIECE: usize = 64 << 10;

fn media(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../testbed/media/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap_or_default()
}

fn repeated(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().cycle().take(TOTAL / bytes.len().max(1) * bytes.len()).collect()
}

fn run(init: Option<&InitSegment>, bytes: &[u8]) -> u64 {
    let mut inspector = SegmentInspector::new(init);
    bytes.chunks(PIECE).for_each(|piece| inspector.push(piece));
    inspector.finish().0.tracks.iter().map(|t| t.samples).sum()
}

fn inspection(c: &mut Criterion) {
    let track = media("1080p.mp4");
    let (header, fragments) = track.split_at(memchr::memmem::find(&track, b"moof").map_or(0, |at| at - 4));
    let mut inspector = SegmentInspector::new(None);
    inspector.push(header);
    let init = inspector.finish().1;
    let mut group = c.benchmark_group("inspection");
    for (name, init, bytes) in [("ts", None, media("1080p_0.ts").as_slice()), ("cmaf", init.as_ref(), fragments)] {
        let bytes = repeated(bytes);
        group.throughput(Throughput::Bytes(bytes.len() as u64)).sample_size(10);
        group.bench_function(name, |b| b.iter(|| black_box(run(init, black_box(&bytes)))));
    }
    group.finish();
}

criterion_group!(benches, inspection);
criterion_main!(benches);
