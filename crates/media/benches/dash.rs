//! Benchmark of large MPDs: parsing them, and computing their segments at an instant. docs/performance.md has the whole
//! probe.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use packager_media::dash;
use packager_media::units::Timestamp;
use packager_testbed::large_mpds;
use std::hint::black_box;
use url::Url;

const CHANNEL: &str = "https://origin.example.com/live/ch1/";
const NOW: i64 = 1_800_000_000;

fn reading(c: &mut Criterion) {
    let (Ok(base), Ok(now)) = (Url::parse(CHANNEL), Timestamp::from_second(NOW)) else { return };
    let mut group = c.benchmark_group("dash");
    for form in large_mpds::LARGE_MPDS {
        let text = form.text(CHANNEL, NOW);
        group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(20);
        group.bench_function(form.description, |b| {
            b.iter(|| dash::parse(black_box(text.as_bytes()), &base).0.map(|mpd| dash::renditions_at(&mpd, now)));
        });
    }
    group.finish();
}

criterion_group!(benches, reading);
criterion_main!(benches);
